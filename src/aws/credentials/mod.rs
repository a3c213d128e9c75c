//! The keys that sign requests: found where every AWS tool finds them, cached, and renewed in time.
//!
//! Must not sign, and must not decide what a refusal means for the run: it only says whether there are new keys.

mod error;
mod sections;
mod process;
mod source;
mod chain;
mod caller;
mod identity;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::aws::{AwsSettings, Environment};
pub(crate) use caller::Caller;
use chain::Chain;
pub(crate) use error::CredentialsError;
pub(crate) use identity::Identity;
use source::{Kind, Source};

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

    /// The standard AWS chain: environment, profile (keys, SSO, `credential_process`, roles), web identity, container,
    /// instance metadata. Nothing is read before the first [`get`](Self::get), and then no further than needed.
    ///
    /// `env` must be the process's environment: AWS's crates read parts of it themselves.
    #[must_use]
    pub(crate) fn standard(settings: &AwsSettings, env: Environment) -> Self {
        Self::new(Loader::Chain(Box::new(Chain::new(settings, env))))
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
            None => cache.load(&self.loader, now).await,
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
                cache.load(&self.loader, now).await?
            }
        };
        Ok(Some(credentials).filter(|credentials| !same_keys(credentials, refused)))
    }
}

#[derive(Debug)]
enum Loader {
    Fixed(Credentials),
    Chain(Box<Chain>),
    #[cfg(test)]
    Scripted(tests::Script),
}

impl Loader {
    async fn load(&self) -> Result<Credentials, CredentialsError> {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::Chain(chain) => chain.load().await,
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
        let result = loader.load().await;
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
    credentials.get_property::<Source>().is_some_and(|source| matches!(source.kind, Kind::Keys(_)))
}

fn same_keys(left: &Credentials, right: &Credentials) -> bool {
    left.access_key_id() == right.access_key_id()
        && left.secret_access_key() == right.secret_access_key()
        && left.session_token() == right.session_token()
}
