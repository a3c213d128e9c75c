//! The rate that a service was found to grant, kept for the next run: `chime-sweep/rates.json` in the user's state
//! directory.
//!
//! It only saves a few 429s, so nothing that is wrong with it may stop a run. Keeps no account or access key, only a hash of its id.
//! Must not be used for simulated runs, or read a clock.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::aws::Environment;
use crate::aws::endpoint::Endpoint;
use crate::files;

const FORMAT: &str = "chime-sweep-rates";
const VERSION: u32 = 1;
/// Older rates are dropped: the quota may have been raised since.
const OLDEST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most rates kept: the oldest are dropped first. A file longer than `MOST_BYTES` is not one of ours.
const MOST_RATES: usize = 200;
const MOST_BYTES: u64 = 1 << 18;

/// Who has a rate, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RateKey {
    endpoint: String,
    region: String,
    /// A hash of the account's id, or of the access key's where the account is not known.
    key: String,
}

impl RateKey {
    /// The account or access key with this id, at this endpoint. Keys of roles and of SSO change; their account does not.
    #[must_use]
    pub(crate) fn new(endpoint: &Endpoint, owner: &str) -> Self {
        let hash = Sha256::digest(format!("{FORMAT}:{owner}"));
        Self {
            endpoint: endpoint.to_string(),
            region: endpoint.region().as_str().to_owned(),
            key: hash
                .first_chunk()
                .map_or_else(String::new, |&half| format!("{:032x}", u128::from_be_bytes(half))),
        }
    }
}

/// Where rates are kept.
#[derive(Debug, Clone)]
pub(crate) struct RateCache {
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    format: String,
    version: u32,
    rates: Vec<Record>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    key: RateKey,
    /// Requests/s.
    rate: f64,
    found_at: Timestamp,
}

impl RateCache {
    /// In `$XDG_STATE_HOME`, or in `~/.local/state`; `None` if there is neither.
    #[must_use]
    pub(crate) fn of(env: &Environment) -> Option<Self> {
        let state = env.get("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || env.get("HOME").or_else(|| env.get("USERPROFILE"));
        let folder = state.or_else(|| Some(Path::new(home()?).join(".local/state")));
        if folder.is_none() {
            tracing::debug!("rates are not remembered: neither `XDG_STATE_HOME` nor `HOME` is set");
        }
        folder.map(|folder| Self { path: folder.join("chime-sweep").join("rates.json") })
    }

    /// The rate (requests/s) that was last found for `key`, if that is not too long ago.
    #[must_use]
    pub(crate) fn get(&self, key: &RateKey, now: Timestamp) -> Option<f64> {
        let content = match self.read() {
            Ok(content) => content?,
            Err(error) => {
                tracing::warn!("cannot use the rates of earlier runs in `{}`: {error}", self.path.display());
                return None;
            }
        };
        content.rates.iter().find(|found| found.key == *key && found.holds(now)).map(|found| found.rate)
    }

    /// Keeps a rate that was found. A file that is not one of ours is left alone.
    pub(crate) fn put(&self, key: &RateKey, rate: f64, now: Timestamp) {
        if let Err(error) = self.write(key, rate, now) {
            tracing::warn!("cannot remember the rate for the next run in `{}`: {error}", self.path.display());
        }
    }

    fn read(&self) -> io::Result<Option<Content>> {
        let metadata = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        if !metadata.is_file() || metadata.len() > MOST_BYTES {
            return Err(io::Error::other("it is not a file that this tool wrote"));
        }
        let content: Content = serde_json::from_slice(&fs::read(&self.path)?)
            .map_err(|error| io::Error::other(format!("{error}; delete it to start over")))?;
        if content.format != FORMAT || content.version != VERSION {
            return Err(io::Error::other(format!("it is not `{FORMAT}` of version {VERSION}")));
        }
        Ok(Some(content))
    }

    /// Two runs at once write to separate files, and the last one wins: readers only ever see complete files.
    fn write(&self, key: &RateKey, rate: f64, now: Timestamp) -> io::Result<()> {
        let mut rates = self.read()?.map_or_else(Vec::new, |content| content.rates);
        rates.retain(|found| found.key != *key && found.holds(now));
        rates.insert(0, Record { key: key.clone(), rate, found_at: now });
        rates.truncate(MOST_RATES);
        let content = Content { format: FORMAT.to_owned(), version: VERSION, rates };
        if let Some(folder) = self.path.parent() {
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.recursive(true).create(folder)?;
        }
        let own = self.path.with_extension(format!("{}.json", std::process::id()));
        files::replace(&own, |file| serde_json::to_writer(file, &content)).map_err(io::Error::other)?;
        fs::rename(&own, &self.path).inspect_err(|_| drop(fs::remove_file(&own)))
    }
}

impl Record {
    fn holds(&self, now: Timestamp) -> bool {
        now.duration_since(self.found_at).abs() <= OLDEST && self.rate.is_finite() && self.rate > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::endpoint::Variant;
    use crate::region::Region;

    fn key(url: &str, region: &str, key: &str) -> RateKey {
        let region = Region::parse(region).unwrap();
        RateKey::new(&Endpoint::of_url(url, region, Variant::default(), false).unwrap(), key)
    }

    fn days(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
    }

    fn rate_cache() -> (tempfile::TempDir, RateCache) {
        let folder = tempfile::tempdir().unwrap();
        let env = [("XDG_STATE_HOME", folder.path().to_str().unwrap())].into_iter().collect();
        (folder, RateCache::of(&env).unwrap())
    }

    #[test]
    fn a_rate_is_for_one_key_at_one_endpoint_in_one_region_and_for_a_month() {
        let (_folder, rate_cache) = rate_cache();
        let own = key("http://127.0.0.1:1", "us-east-1", "AKIAEXAMPLE");
        assert_eq!(rate_cache.get(&own, days(0)), None);
        rate_cache.put(&own, 5.0, days(-1));
        rate_cache.put(&own, 9.7, days(0));
        for other in [
            key("http://127.0.0.1:2", "us-east-1", "AKIAEXAMPLE"),
            key("http://127.0.0.1:1", "us-west-2", "AKIAEXAMPLE"),
            key("http://127.0.0.1:1", "us-east-1", "AKIAOTHER"),
        ] {
            assert_eq!(rate_cache.get(&other, days(0)), None, "{other:?}");
            rate_cache.put(&other, 100.0, days(10));
        }
        for (day, expected) in [(0, Some(9.7)), (30, Some(9.7)), (31, None)] {
            assert_eq!(rate_cache.get(&own, days(day)), expected, "day {day}");
        }
        let text = fs::read_to_string(&rate_cache.path).unwrap();
        assert!(!text.contains("AKIA") && text.matches("us-east-1").count() == 3, "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&rate_cache.path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(
            fs::read_dir(rate_cache.path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn what_it_cannot_read_is_no_rate_and_stays_as_it_is() {
        let own = key("http://127.0.0.1:1", "us-east-1", "AKIAEXAMPLE");
        let kept = r#"{"format":"chime-sweep-rates","version":1,"rates":[]}"#;
        let (newer, long) = (kept.replace(":1,", ":2,"), kept.to_owned() + &" ".repeat(300_000));
        for foreign in ["", "{", "[1]", newer.as_str(), "\u{0}", long.as_str()] {
            let (_folder, rate_cache) = rate_cache();
            fs::create_dir_all(rate_cache.path.parent().unwrap()).unwrap();
            fs::write(&rate_cache.path, foreign).unwrap();
            assert_eq!(rate_cache.get(&own, days(0)), None);
            rate_cache.put(&own, 5.0, days(0));
            assert_eq!(fs::read_to_string(&rate_cache.path).unwrap(), foreign);
        }
        let (_folder, rate_cache) = rate_cache();
        fs::create_dir_all(&rate_cache.path).unwrap();
        rate_cache.put(&own, 5.0, days(0));
        assert_eq!(rate_cache.get(&own, days(0)), None, "a directory");
        let nonsense = rate_cache.path.with_file_name("nonsense");
        let rate_cache = RateCache { path: nonsense };
        rate_cache.put(&own, -1.0, days(0));
        assert_eq!(rate_cache.get(&own, days(0)), None, "a rate below zero");
    }

    #[test]
    fn the_oldest_rates_make_room() {
        let (_folder, rate_cache) = rate_cache();
        let of = |owner: usize| key("http://127.0.0.1:1", "us-east-1", &format!("AKIA{owner}"));
        let record = |key| Record { key: of(key), rate: 5.0, found_at: days(0) };
        let rates = (0..MOST_RATES).map(record).collect();
        let content = Content { format: FORMAT.to_owned(), version: VERSION, rates };
        fs::create_dir_all(rate_cache.path.parent().unwrap()).unwrap();
        fs::write(&rate_cache.path, serde_json::to_vec(&content).unwrap()).unwrap();
        rate_cache.put(&of(MOST_RATES), 7.0, days(1));
        let recalled = |key| rate_cache.get(&of(key), days(1));
        assert_eq!([MOST_RATES, 0, MOST_RATES - 2].map(recalled), [Some(7.0), Some(5.0), Some(5.0)]);
        assert_eq!(recalled(MOST_RATES - 1), None);
    }

    #[test]
    fn it_is_where_state_is_kept_or_nowhere() {
        let at = |env: &[(&str, &str)]| {
            RateCache::of(&env.iter().copied().collect()).map(|rate_cache| rate_cache.path)
        };
        let state = Some(PathBuf::from("/s/chime-sweep/rates.json"));
        let home = Some(PathBuf::from("/h/.local/state/chime-sweep/rates.json"));
        assert_eq!(at(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), state);
        assert_eq!(at(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]), home);
        assert_eq!(at(&[]), None);
    }
}
