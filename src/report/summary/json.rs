//! A summary as JSON, as `--summary-json` writes it and `--run` reads it.
//!
//! Must not count anything.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::counts::Counted;
use super::statuses::Counts;
use crate::action::Action;
use crate::aws::credentials::Caller;
use crate::event::StopReason;
use crate::files;
use crate::hint::Hinted;
use crate::report::timeline::Timeline;

/// The version of the JSON that [`Summary`] serializes to, described by `schema.json`. Within a version, fields are
/// only ever added.
pub const VERSION: u32 = 1;

/// The result of a job. Serializes to the `--summary-json` file.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// [`VERSION`].
    pub version: u32,
    /// The report.
    #[serde(serialize_with = "lossily")]
    pub report: PathBuf,
    /// The run was simulated: nothing happened at AWS.
    pub simulated: bool,
    /// What was done with the numbers.
    pub action: Action,
    /// The report's rows.
    #[serde(flatten)]
    pub counted: Counted,
    /// Whether every row succeeded or is a duplicate of one that did.
    pub all_succeeded: bool,
    /// The command that tries the rest again.
    pub next_command: Option<String>,
    /// What the report alone does not tell.
    #[serde(flatten)]
    pub run: Option<Run>,
}

/// What only the run knows about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Where the numbers were removed.
    pub target: String,
    /// In which region.
    #[serde(default)]
    pub region: Option<String>,
    /// Whose credentials were used, if that is known.
    #[serde(flatten)]
    pub(crate) caller: Option<Caller>,
    /// When this process started.
    pub started_at: Timestamp,
    /// How long it took.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds", deserialize_with = "from_seconds")]
    pub elapsed: Duration,
    /// Why it ended early, if it did.
    pub stopped: Option<StopReason>,
    /// What held it back by then, if anything did: the last error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Box<str>>,
    /// Requests of this process, throttled ones included.
    pub requests: u64,
    /// Requests that the service throttled.
    pub throttled: u64,
    /// The limit that the service was found to have, in requests per second.
    pub rate_found: Option<f64>,
    /// Each account and region, if the input names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
    /// Its requests over time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
}

/// What a run did in one account and region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// As the input names it.
    pub name: String,
    /// The account, if it is known.
    pub account_id: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Endpoint and region.
    pub target: String,
    /// Rows that were to be sent by this process.
    pub rows: u64,
    /// Those of them that succeeded.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those without a definite answer.
    pub unknown: u64,
    /// Requests, throttled ones included.
    pub requests: u64,
    /// Requests that the service throttled.
    pub throttled: u64,
    /// The limit that the service was found to have, in requests per second.
    pub rate_found: Option<f64>,
    /// From the start of the run to the last of its requests.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds", deserialize_with = "from_seconds")]
    pub elapsed: Duration,
    /// Why it ended early, if it did.
    pub stopped: Option<StopReason>,
    /// What held it back by then, if anything did: the last error.
    pub last_error: Option<Box<str>>,
}

impl Run {
    /// Why it ended early, in words.
    pub(super) fn stopped_because(&self) -> Option<String> {
        let last_error = self.last_error.as_ref().map(|error| format!("; last error: {error}"));
        Some(self.stopped?.because().to_owned() + &last_error.unwrap_or_default())
    }

    /// Requests per second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64().max(1e-3)
    }

    /// The share of the requests that were throttled, in percent.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn throttled_percent(&self) -> f64 {
        100.0 * self.throttled as f64 / self.requests.max(1) as f64
    }
}

/// Checks that nothing is at `path`, or an earlier summary.
///
/// # Errors
/// If something else is there, or it cannot be read.
pub fn check_json(path: &Path) -> anyhow::Result<()> {
    let instead = "`chime-sweep summary REPORT --json` prints it after the run";
    if !files::check_output("`--summary-json`", path, instead)? {
        return Ok(());
    }
    let text = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let is_ours = serde_json::from_slice::<serde_json::Value>(&text)
        .is_ok_and(|json| json["version"].is_u64() && json["report"].is_string());
    anyhow::ensure!(
        is_ours,
        Hinted::new(
            format!("`{}` is not a chime-sweep summary; it is not overwritten", path.display()),
            "`--summary-json` names another file"
        )
    );
    Ok(())
}

/// Writes the summary as JSON.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(summary: &Summary, path: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(summary)?;
    files::replace(path, |file| writeln!(file, "{json}"))?;
    Ok(())
}

/// What the `--summary-json` file at `path` says about the run, and whether the run was simulated. The file must be
/// about a report with these counts.
///
/// # Errors
/// If it is not such a file, or is about other rows.
pub fn read_run(path: &Path, rows: &Counts) -> anyhow::Result<(Run, bool)> {
    #[derive(Deserialize)]
    struct Written {
        version: u32,
        simulated: bool,
        rows: Counts,
        #[serde(flatten)]
        run: Run,
    }
    let text = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let written: Written = serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is not a run's summary: --summary-json writes one", path.display()))?;
    anyhow::ensure!(
        written.version == VERSION,
        "`{}` has version {}, and this chime-sweep reads version {VERSION}",
        path.display(),
        written.version
    );
    anyhow::ensure!(
        written.rows == *rows,
        "`{}` is about another run: its rows are not those of the report",
        path.display()
    );
    Ok((written.run, written.simulated))
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn from_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// The summary is written even if a path is not Unicode.
fn lossily<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
