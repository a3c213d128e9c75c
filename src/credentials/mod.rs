//! The keys that requests are signed with: found where every AWS tool finds them, kept, and renewed in time.
//!
//! Must not sign, and must not decide what a refusal means for the run: it says whether new keys are to be had.

mod chain;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as AwsError;

use crate::aws::{AwsSettings, Environment, ProfileError};
use crate::hint::Hint;
use crate::transport::CredentialsTransport;
use chain::Chain;

/// Keys are renewed this long before they expire (as botocore's mandatory window, with room for a slow source).
const REFRESH_WINDOW: Duration = Duration::from_mins(5);
/// The pause after a refresh that failed, and between refreshes of keys that never live longer than the window.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);
/// For all sources together. A `credential_process` may ask somebody for a code, but nobody answers at night.
const LOAD_TIMEOUT: Duration = Duration::from_mins(1);

/// Where keys come from. Shared by reference: many callers at once cause one load.
#[derive(Debug)]
pub struct CredentialSource(Kind);

#[derive(Debug)]
enum Kind {
    Fixed(Credentials),
    Cached(Box<Cache>),
}

/// What asking for other keys led to.
#[derive(Debug, Clone)]
pub enum Renewal {
    /// There are other keys than those that were refused.
    Changed(Credentials),
    /// The sources still give the keys that were refused.
    Unchanged,
}

impl CredentialSource {
    /// Keys that never change, such as the simulator's.
    #[must_use]
    pub fn fixed(credentials: Credentials) -> Self {
        Self(Kind::Fixed(credentials))
    }

    /// The standard AWS chain: environment, profile (keys, SSO, `credential_process`, roles), web identity, container,
    /// instance metadata. Nothing is read before the first [`get`](Self::get), and then no further than needed.
    ///
    /// `env` must be the process's environment: AWS's crates read their share of it themselves.
    #[must_use]
    pub fn standard(settings: &AwsSettings, env: Environment) -> Self {
        let transport = CredentialsTransport::new(settings.ca_bundle.clone());
        Self::cached(Loader::Chain(Chain::new(settings, env, transport)))
    }

    fn cached(loader: Loader) -> Self {
        Self(Kind::Cached(Box::new(Cache {
            loader,
            flight: tokio::sync::Mutex::new(()),
            state: Mutex::default(),
        })))
    }

    /// The keys to sign with at `now`. Cheap, except when they must be loaded.
    ///
    /// Five minutes before they expire one caller loads new ones, while the others go on with the old. A refresh that
    /// fails is logged, and tried again half a minute later, as long as the old ones are valid.
    ///
    /// # Errors
    /// If there are no valid keys and the sources give none.
    pub async fn get(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        match &self.0 {
            Kind::Fixed(credentials) => Ok(credentials.clone()),
            Kind::Cached(cache) => cache.get(now).await,
        }
    }

    /// Looks for other keys than `refused`, which the service did not accept: everything is read again, profile files
    /// included. Callers with the same refused keys share one load.
    ///
    /// # Errors
    /// If the sources give no keys. The refused ones are forgotten all the same.
    pub async fn renew(&self, refused: &Credentials, now: SystemTime) -> Result<Renewal, CredentialsError> {
        match &self.0 {
            Kind::Fixed(_) => Ok(Renewal::Unchanged),
            Kind::Cached(cache) => cache.renew(refused, now).await,
        }
    }
}

#[derive(Debug)]
enum Loader {
    Chain(Chain),
    #[cfg(test)]
    Scripted(tests::Script),
}

impl Loader {
    async fn load(&self) -> Result<Credentials, CredentialsError> {
        let loading = async {
            match self {
                Self::Chain(chain) => chain.load().await,
                #[cfg(test)]
                Self::Scripted(script) => script.load().await,
            }
        };
        match tokio::time::timeout(LOAD_TIMEOUT, loading).await {
            Ok(loaded) => loaded.map(|credentials| without_properties(&credentials)),
            Err(_elapsed) => Err(CredentialsError::TimedOut),
        }
    }
}

#[derive(Debug)]
struct Cache {
    loader: Loader,
    /// Held by the one caller that loads.
    flight: tokio::sync::Mutex<()>,
    /// Never held across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    /// Why the latest load failed.
    failure: Option<CredentialsError>,
    /// Loads that ended: whoever waited for the flight sees whether it was made for them.
    loads: u64,
}

impl Cache {
    async fn get(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let (old, seen) = {
            let state = self.state();
            match &state.kept {
                Some(kept) if kept.refresh_at.is_none_or(|at| now < at) => {
                    return Ok(kept.credentials.clone());
                }
                kept => (kept.as_ref().and_then(|kept| kept.valid_at(now)), state.loads),
            }
        };
        if let Some(old) = old {
            let Ok(_flight) = self.flight.try_lock() else { return Ok(old) };
            return match self.load(now).await {
                Ok(new) => Ok(new),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "credentials not refreshed yet");
                    Ok(old)
                }
            };
        }
        let _flight = self.flight.lock().await;
        {
            let state = self.state();
            if let Some(kept) = state.kept.as_ref().and_then(|kept| kept.valid_at(now)) {
                return Ok(kept);
            }
            if let (true, Some(failure)) = (state.loads != seen, &state.failure) {
                return Err(failure.clone());
            }
        }
        self.load(now).await
    }

    async fn renew(&self, refused: &Credentials, now: SystemTime) -> Result<Renewal, CredentialsError> {
        let seen = self.state().loads;
        let _flight = self.flight.lock().await;
        {
            let mut state = self.state();
            match &state.kept {
                Some(kept) if !same_keys(&kept.credentials, refused) => {
                    return Ok(Renewal::Changed(kept.credentials.clone()));
                }
                _ if state.loads != seen => {
                    return state.failure.clone().map_or(Ok(Renewal::Unchanged), Err);
                }
                _ => state.kept = None,
            }
        }
        let credentials = self.load(now).await?;
        let unchanged = same_keys(&credentials, refused);
        Ok(if unchanged { Renewal::Unchanged } else { Renewal::Changed(credentials) })
    }

    /// To be called with the flight held.
    async fn load(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let loaded = self.loader.load().await;
        let mut state = self.state();
        state.loads += 1;
        state.failure = loaded.as_ref().err().cloned();
        match &loaded {
            Ok(credentials) => state.kept = Some(Kept::new(credentials.clone(), now)),
            // The old keys serve until the next refresh, or until they expire.
            Err(_) => {
                if let Some(kept) = &mut state.kept {
                    kept.refresh_at = kept.expires_at.map(|end| end.min(now + REFRESH_PAUSE));
                }
            }
        }
        loaded
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys and their times.
#[derive(Debug, Clone)]
struct Kept {
    credentials: Credentials,
    /// When others are looked for, and when these are no longer used; `None` if they do not expire.
    refresh_at: Option<SystemTime>,
    expires_at: Option<SystemTime>,
}

impl Kept {
    fn new(credentials: Credentials, now: SystemTime) -> Self {
        let Some(expiry) = credentials.expiry() else {
            return Self { credentials, refresh_at: None, expires_at: None };
        };
        let life = expiry.duration_since(now).unwrap_or_default();
        // Keys that live no longer than the window are not loaded anew for every request; nor are those that have
        // expired by this machine's clock, which may be the one that is wrong.
        let rest = life.saturating_sub(REFRESH_WINDOW);
        let rest = rest.max(REFRESH_PAUSE.min(life / 2)).max(Duration::from_secs(1));
        let refresh_at = now + rest;
        Self { credentials, refresh_at: Some(refresh_at), expires_at: Some(expiry.max(refresh_at)) }
    }

    fn valid_at(&self, now: SystemTime) -> Option<Credentials> {
        let valid = self.expires_at.is_none_or(|end| now < end);
        valid.then(|| self.credentials.clone())
    }
}

fn same_keys(left: &Credentials, right: &Credentials) -> bool {
    left.access_key_id() == right.access_key_id()
        && left.secret_access_key() == right.secret_access_key()
        && left.session_token() == right.session_token()
}

/// The chain attaches where it found the keys, for the SDK's `User-Agent`: a map that every clone would copy.
fn without_properties(found: &Credentials) -> Credentials {
    let mut bare = Credentials::builder()
        .access_key_id(found.access_key_id())
        .secret_access_key(found.secret_access_key())
        .provider_name("chime-sweep");
    bare.set_session_token(found.session_token().map(str::to_owned));
    bare.set_expiry(found.expiry());
    bare.build()
}

/// Why there are no keys.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialsError {
    /// No source is configured. Names each, and why it gave nothing.
    #[error(
        "no AWS credentials were found; looked at\n{}",
        looked_at.iter().map(|place| format!("  {place}")).collect::<Vec<_>>().join("\n")
    )]
    NotFound {
        /// One sentence for each source, in the order in which they were asked.
        looked_at: Arc<[String]>,
    },
    /// A source is configured but gives no keys. The next ones are not asked: they might be somebody else's.
    #[error("{place} gave no credentials")]
    Failed {
        /// The source.
        place: Arc<str>,
        /// What to do; may be empty.
        hint: Arc<str>,
        /// Why.
        source: Arc<AwsError>,
    },
    /// Half of a pair of keys is in the environment.
    #[error("`AWS_ACCESS_KEY_ID` is set and `AWS_SECRET_ACCESS_KEY` is not")]
    HalfSet,
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(Arc<ProfileError>),
    /// The sources did not answer in time.
    #[error("no credentials within {} s", LOAD_TIMEOUT.as_secs())]
    TimedOut,
}

impl Hint for CredentialsError {
    fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { .. } => Some("`aws configure`, `aws sso login` or --profile NAME"),
            Self::Failed { hint, .. } => Some(&**hint).filter(|hint| !hint.is_empty()),
            Self::Profile(error) => error.hint(),
            Self::HalfSet | Self::TimedOut => None,
        }
    }
}
