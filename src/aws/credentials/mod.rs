//! The keys that sign requests: found where every AWS tool finds them, cached, and renewed in time.
//!
//! Must not sign, and must not decide what a refusal means for the run: it only says whether there are new keys.

mod error;
mod sections;
mod process;
mod source;
mod chain;
mod sts;
mod caller;
mod roles;
mod identity;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::aws::endpoint::Variant;
use crate::aws::transport::Transports;
use crate::aws::{AwsArgs, AwsSettings, ChosenProfile, Environment, SharedProfiles, Sts};
use crate::hint::Hint as _;
pub(crate) use caller::Caller;
use caller::TIME_LIMIT;
use chain::Chain;
pub(crate) use error::CredentialsError;
pub(crate) use identity::Identity;
use roles::assume;
use source::{Kind, Origin, Source};

/// How long a plan waits for instance metadata, which nothing answers where there is none.
const METADATA_TIME_LIMIT: Duration = Duration::from_secs(1);
/// Keys are renewed this long before they expire (as botocore's mandatory window, with room for a slow source).
const REFRESH_WINDOW: Duration = Duration::from_mins(5);
/// The pause after a refresh that failed, and between refreshes of keys that never live longer than the window.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// Where keys come from. Shared by reference: many callers at once cause one load.
#[derive(Debug)]
pub(crate) struct CredentialSource {
    loader: Loader,
    /// Held by the one caller that loads; the others wait for its result.
    cache: Mutex<Cache>,
}

impl CredentialSource {
    /// Keys that never change, such as the simulator's.
    #[must_use]
    pub(crate) fn fixed(credentials: Credentials) -> Self {
        Self::new(Loader::Fixed(credentials))
    }

    fn new(loader: Loader) -> Self {
        Self { loader, cache: Mutex::default() }
    }

    /// The keys to sign with at `now`. Cheap, except when they must be loaded.
    ///
    /// New ones are loaded five minutes before they expire. A refresh that fails is logged, and tried again half a
    /// minute later, as long as the old ones are valid.
    ///
    /// # Errors
    /// If there are no valid keys and the sources give none.
    pub(crate) async fn get(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let asked_at = Instant::now();
        let mut cache = self.cache.lock().await;
        let old = match &cache.kept {
            Some(kept) if kept.refresh_at.is_none_or(|at| now < at) => return Ok(kept.credentials.clone()),
            Some(kept) if kept.expires_at.is_none_or(|end| now < end) => Some(kept.credentials.clone()),
            _ => None,
        };
        let loaded = match cache.failure_since(asked_at) {
            Some(failure) => Err(failure),
            None => Box::pin(cache.load(&self.loader, now)).await,
        };
        match (loaded, old) {
            (Err(error), Some(old)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "credentials not refreshed yet");
                Ok(old)
            }
            (loaded, _) => loaded,
        }
    }

    /// Looks for keys other than `refused`, which the service did not accept; `None` if there are none. Everything is
    /// read again, including profile files. Callers with the same refused keys share one load.
    ///
    /// # Errors
    /// If the sources give no keys. The refused keys are dropped even then.
    pub(crate) async fn renew(
        &self,
        refused: &Credentials,
        now: SystemTime,
    ) -> Result<Option<Credentials>, CredentialsError> {
        let asked_at = Instant::now();
        let mut cache = self.cache.lock().await;
        let is_answer =
            |kept: &&Kept| !same_keys(&kept.credentials, refused) || cache.loaded_at > Some(asked_at);
        let kept = cache.kept.as_ref().filter(is_answer).map(|kept| kept.credentials.clone());
        let credentials = match (kept, cache.failure_since(asked_at)) {
            (Some(kept), _) => kept,
            (None, Some(failure)) => return Err(failure),
            (None, None) => {
                cache.kept = None;
                Box::pin(cache.load(&self.loader, now)).await?
            }
        };
        Ok(Some(credentials).filter(|credentials| !same_keys(credentials, refused)))
    }
}

/// What lanes share. Sources are kept by what they depend on. The region is not among it: keys are valid in every region.
#[derive(Debug, Default)]
pub(crate) struct CredentialSources {
    transports: Transports,
    profiles: SharedProfiles,
    known: std::sync::Mutex<HashMap<Key, Arc<CredentialSource>>>,
}

type Key = (ChosenProfile, Option<PathBuf>, Variant);

fn key(settings: &AwsSettings) -> Key {
    (settings.profile.clone(), settings.ca_bundle.clone(), settings.variant)
}

impl CredentialSources {
    /// The HTTP clients.
    pub(crate) fn transports(&self) -> &Transports {
        &self.transports
    }

    /// The profile files as they are when the first lane is opened.
    pub(crate) fn profiles(&self) -> &SharedProfiles {
        &self.profiles
    }

    /// Who would call the service from `now` on. Cannot fail: what is missing is said.
    pub(crate) async fn planned(&self, args: &AwsArgs, env: &Environment, now: Timestamp) -> Identity {
        let now = SystemTime::try_from(now).unwrap_or(SystemTime::UNIX_EPOCH);
        let source = Source::find(env, &args.chosen_profile(env), &self.profiles).await;
        let settings = AwsSettings::resolve(args, env, &self.profiles).await;
        let mut not_loaded = "no credentials could be loaded".to_owned();
        if let (Ok(settings), Ok(source)) = (&settings, &source)
            && !matches!(settings.sts, Sts::NotAsked(_))
        {
            let is_instance = matches!(source.kind, Kind::Instance);
            let limit = if is_instance { METADATA_TIME_LIMIT } else { TIME_LIMIT };
            match tokio::time::timeout(limit, self.of(settings, env).get(now)).await {
                Ok(Ok(credentials)) => return Identity::of(&credentials, settings, &self.transports).await,
                Ok(Err(error @ CredentialsError::Role { .. })) => not_loaded = error.with_hint(),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Identity::unknown(args, source, settings, not_loaded)
    }

    /// Puts a source in the place of the one that would be loaded.
    #[cfg(test)]
    fn keep(&self, settings: &AwsSettings, source: &Arc<CredentialSource>) {
        self.known.lock().unwrap().insert(key(settings), Arc::clone(source));
    }

    /// The standard AWS chain: environment, profile (keys, SSO, `credential_process`, roles), web identity, container,
    /// instance metadata; and on top of it the settings' roles. Nothing is read before the first
    /// [`get`](CredentialSource::get), and then no further than needed.
    ///
    /// `env` must be the process's environment: AWS's crates read parts of it themselves.
    pub(crate) fn of(&self, settings: &AwsSettings, env: &Environment) -> Arc<CredentialSource> {
        let chain = || {
            let chain = Chain::new(settings, env.clone(), &self.transports, &self.profiles);
            Loader::Chain(Box::new(chain))
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let base = known.entry(key(settings)).or_insert_with(|| Arc::new(CredentialSource::new(chain())));
        let base = Arc::clone(base);
        if settings.roles.is_empty() {
            return base;
        }
        let (settings, transports) = (settings.clone(), self.transports.clone());
        Arc::new(CredentialSource::new(Loader::Roles(Box::new(Assumed { base, settings, transports }))))
    }
}

/// The keys of roles, and what they are assumed with.
#[derive(Debug)]
struct Assumed {
    base: Arc<CredentialSource>,
    settings: AwsSettings,
    transports: Transports,
}

impl Assumed {
    /// Assumes the roles. If that is refused and there are other keys to assume them with, tries once more.
    async fn load(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let base = self.base.get(now).await?;
        match assume(&self.settings, &self.transports, base.clone()).await {
            Err(error @ CredentialsError::Role { is_about_keys: true, .. }) => {
                match self.base.renew(&base, now).await? {
                    Some(other) => assume(&self.settings, &self.transports, other).await,
                    None => Err(error),
                }
            }
            result => result,
        }
    }
}

#[derive(Debug)]
enum Loader {
    Fixed(Credentials),
    Chain(Box<Chain>),
    Roles(Box<Assumed>),
    #[cfg(test)]
    Scripted(tests::Script),
}

impl Loader {
    async fn load(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::Chain(chain) => chain.load().await,
            Self::Roles(assumed) => assumed.load(now).await,
            #[cfg(test)]
            Self::Scripted(script) => script.load().await,
        }
    }
}

#[derive(Debug, Default)]
struct Cache {
    kept: Option<Kept>,
    /// When the latest load ended, and why it failed.
    loaded_at: Option<Instant>,
    failure: Option<CredentialsError>,
}

impl Cache {
    async fn load(&mut self, loader: &Loader, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let result = loader.load(now).await;
        self.loaded_at = Some(Instant::now());
        self.failure = result.as_ref().err().cloned();
        match (&result, &mut self.kept) {
            (Ok(credentials), kept) => *kept = Some(Kept::new(credentials.clone(), now)),
            // The old keys serve until the next refresh, or until they expire.
            (Err(_), Some(kept)) => {
                kept.refresh_at = kept.expires_at.map(|end| end.min(now + REFRESH_PAUSE));
            }
            (Err(_), None) => {}
        }
        result
    }

    /// The error of a load that ended after `asked_at`: a caller that was waiting by then shares its result.
    fn failure_since(&self, asked_at: Instant) -> Option<CredentialsError> {
        self.failure.clone().filter(|_| self.loaded_at > Some(asked_at))
    }
}

/// Keys and their times.
#[derive(Debug, Clone)]
struct Kept {
    credentials: Credentials,
    /// When to look for new ones, and when to stop using these; `None` if they do not expire.
    refresh_at: Option<SystemTime>,
    expires_at: Option<SystemTime>,
}

impl Kept {
    fn new(credentials: Credentials, now: SystemTime) -> Self {
        let Some(expiry) = credentials.expiry() else {
            return Self { credentials, refresh_at: None, expires_at: None };
        };
        let life = expiry.duration_since(now).unwrap_or_default();
        // Keys that live no longer than the window are not reloaded for every request, and neither are keys that
        // have expired by this machine's clock, which may be wrong.
        let rest = life.saturating_sub(REFRESH_WINDOW);
        let rest = rest.max(REFRESH_PAUSE.min(life / 2)).max(Duration::from_secs(1));
        let refresh_at = now + rest;
        Self { credentials, refresh_at: Some(refresh_at), expires_at: Some(expiry.max(refresh_at)) }
    }
}

/// Whether the keys were read from this process's environment, so that nothing can renew them.
pub(crate) fn are_fixed(credentials: &Credentials) -> bool {
    credentials.get_property::<Origin>().is_some_and(|origin| origin.is_fixed)
}

fn same_keys(left: &Credentials, right: &Credentials) -> bool {
    left.access_key_id() == right.access_key_id()
        && left.secret_access_key() == right.secret_access_key()
        && left.session_token() == right.session_token()
}
