//! Why a list could not be read.
//!
//! Must not show a whole phone number.

use crate::aws::protocol::listing::{Holder, Listed, NumberFilter};
use crate::aws::protocol::{ApiError, ErrorKind};
use crate::event::Stop;
use crate::hint::Hint;

/// Why a list could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// IAM denies the caller the action.
    #[error("the service does not allow these credentials to list {what}: {said}")]
    Denied {
        /// What was asked for.
        what: String,
        /// The service's words.
        said: String,
        /// Names the action.
        hint: String,
    },
    /// The service refuses the request.
    #[error("the service refuses to list {what}: {}", error.masked())]
    Refused {
        /// What was asked for.
        what: String,
        /// Its answer.
        error: ApiError,
    },
    /// Following it would never end.
    #[error("the service gave the same page token twice while it listed {what}")]
    Repeated {
        /// What was asked for.
        what: String,
    },
    /// It was stopped, or gave up.
    #[error("the list was not read to its end because {}", .0.because())]
    Stopped(Stop),
}

impl ListError {
    pub(super) fn denied(what: &Listed, error: &ApiError) -> Self {
        Self::Denied {
            what: shown(what),
            said: format!("{}: {}", error.code, error.message), // about the caller, and about no number
            hint: format!("the IAM action `{}` is needed", what.action()),
        }
    }

    pub(super) fn refused(what: &Listed, error: ApiError) -> Self {
        Self::Refused { what: shown(what), error }
    }

    pub(super) fn repeated(what: &Listed) -> Self {
        Self::Repeated { what: shown(what) }
    }

    /// Whether the service says that it has not got what was asked for. Of what is gone, or is another account's, it says
    /// `Forbidden`, too; and of an id that cannot be one, `BadRequest`.
    pub(super) fn is_about_nothing(&self) -> bool {
        let Self::Refused { error, .. } = self else { return false };
        matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::BadRequest)
    }
}

impl Hint for ListError {
    fn hint(&self) -> Option<&str> {
        if let Self::Denied { hint, .. } = self { Some(hint) } else { None }
    }
}

fn shown(what: &Listed) -> String {
    match what {
        Listed::Numbers(NumberFilter { on: Some((holder, id)), .. }) => {
            let holder = match holder {
                Holder::Connector => "connector",
                Holder::Group => "connector group",
                Holder::SipRule => "SIP rule",
            };
            format!("the numbers of {holder} `{}`", id.escape_debug())
        }
        Listed::Numbers(_) => "the account's numbers".to_owned(),
        Listed::Number(number) => format!("the number {}", number.masked()),
        Listed::Connectors => "the account's connectors".to_owned(),
    }
}
