//! Why there are no credentials, in words for the person who has to fix it.
//!
//! Must not quote a key.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError as AwsError;

use crate::aws::ProfileError;
use crate::hint::Hint;

/// For all sources together. A `credential_process` may prompt for a code, but an unattended run has no one to answer.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_mins(1);

/// Why there are no keys.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// No source is configured. Names each, and why it gave nothing.
    #[error(
        "no AWS credentials were found; looked at\n{}",
        looked_at.iter().map(|place| format!("  {place}")).collect::<Vec<_>>().join("\n")
    )]
    NotFound {
        /// One sentence for each source, in the order in which they were asked.
        looked_at: Vec<String>,
    },
    /// A source is configured but gives no keys. The next ones are not asked: their keys might be another account's.
    #[error("{place} gave no credentials")]
    Failed {
        /// The source.
        place: String,
        /// What to do; may be empty.
        hint: String,
        /// Why.
        source: Arc<AwsError>,
    },
    /// Half of a pair of keys is in the environment.
    #[error("`{set}` is set and `{unset}` is not")]
    HalfSet {
        /// The one that is.
        set: &'static str,
        /// The one that is not.
        unset: &'static str,
    },
    /// A variable holds no key.
    #[error("`{name}` {problem}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// What is wrong with its value; reads on from the name.
        problem: String,
    },
    /// No source of the user's is configured, but one seems to have been meant.
    #[error("no AWS credentials are configured, and this machine's own role is not used, because {doubt}")]
    Doubtful {
        /// What gives rise to it.
        doubt: String,
    },
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(Arc<ProfileError>),
    /// A role cannot be assumed.
    #[error("role `{role}` cannot be assumed with {with}: {why}")]
    Role {
        /// Its ARN.
        role: String,
        /// The credentials that were to assume it.
        with: String,
        /// What STS says.
        why: String,
        /// Whether STS does not accept the keys, so that others may help.
        is_about_keys: bool,
        /// What to do; may be empty.
        hint: String,
    },
    /// The source did not answer in time.
    #[error("{place} gave no credentials within {} s", LOAD_TIMEOUT.as_secs())]
    TimedOut {
        /// The source.
        place: String,
    },
}

impl Hint for CredentialsError {
    fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound { .. } => Some("`aws configure`, `aws sso login` or --profile NAME"),
            Self::Failed { hint, .. } | Self::Role { hint, .. } => {
                Some(&**hint).filter(|hint| !hint.is_empty())
            }
            Self::Profile(error) => error.hint(),
            Self::Doubtful { .. } => Some("put that right, or unset the variable"),
            Self::HalfSet { .. } | Self::Malformed { .. } | Self::TimedOut { .. } => None,
        }
    }
}

impl From<ProfileError> for CredentialsError {
    fn from(error: ProfileError) -> Self {
        Self::Profile(Arc::new(error))
    }
}
