//! What a job does with its numbers: everything in which one action differs from another, in one place.
//!
//! Must not send anything: `aws::protocol` writes an action's request.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is done with a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is removed from its connector.
    #[default]
    Disassociate,
    /// It is put back on its connector, unless it is anywhere else.
    Associate,
    /// It goes into the deletion queue, and back to AWS after a week.
    Delete,
    /// It is taken out of the deletion queue, and is unassigned then.
    Restore,
}

use Action::{Associate, Delete, Disassociate, Restore};

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Disassociate, Associate, Delete, Restore];

    /// The word in a report's column `action`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Disassociate => "disassociate",
            Associate => "associate",
            Delete => "delete",
            Restore => "restore",
        }
    }

    /// The action of a report's cell, in whatever letters.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(word.trim()))
    }

    /// What it does to numbers, for people: `remove`.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Disassociate => "remove",
            Associate => "put back",
            Delete => "release",
            Restore => "restore",
        }
    }

    /// What it has done to numbers: `removed`.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Disassociate => "removed",
            Associate => "put back",
            Delete => "released",
            Restore => "restored",
        }
    }

    /// What a run changes for the callers and the owner of the numbers.
    #[must_use]
    pub fn consequence(self) -> &'static str {
        match self {
            Disassociate => "Calls to these numbers will no longer be connected.",
            Associate => "Calls to these numbers will be connected again.",
            Delete => "These numbers will go back to AWS, and may be lost for good.",
            Restore => "These numbers will be kept, unassigned and billed.",
        }
    }

    /// Whether it is done on the number's connector, so that a row needs one.
    #[must_use]
    pub fn needs_connector(self) -> bool {
        matches!(self, Disassociate | Associate)
    }

    /// Whether each number is looked up first: these are done only with numbers that are where they should be.
    #[must_use]
    pub fn looks_first(self) -> bool {
        matches!(self, Associate | Delete)
    }

    /// The most numbers that a request of the service's can name; `None` if it is not limited.
    #[must_use]
    pub fn batch_limit(self) -> Option<NonZeroU32> {
        (self == Restore).then_some(NonZeroU32::MIN)
    }

    /// The service's code for a number for which there is nothing left to do: after an attempt without an answer, it
    /// proves that the attempt worked. An associate call has none, and what cannot be restored may be lost for good.
    #[must_use]
    pub fn is_proof(self, code: &str) -> bool {
        let code = code.strip_suffix("Exception").unwrap_or(code);
        match self {
            Disassociate => code == "NotFound",
            Delete => matches!(code, "NotFound" | "Gone"),
            Associate | Restore => false,
        }
    }

    /// How long to wait before a number that was refused with this code is tried again; zero if it is final, or says
    /// nothing of the action. Right after a number was removed, the service may still have it on its connector; AWS's own
    /// clean-up code waits this long between the two calls.
    #[must_use]
    pub fn rest(self, code: &str) -> Duration {
        let is_stale = self == Delete && code == "PhoneNumberAssociationsExist";
        if is_stale { Duration::from_secs(10) } else { Duration::ZERO }
    }

    /// The permission that the credentials need.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Disassociate => "chime:DisassociatePhoneNumbersFromVoiceConnector",
            Associate => "chime:AssociatePhoneNumbersWithVoiceConnector",
            Delete => "chime:BatchDeletePhoneNumber",
            Restore => "chime:RestorePhoneNumber",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_as_it_is_written() {
        for action in Action::ALL {
            assert_eq!(Action::of(&format!(" {} ", action.as_str().to_uppercase())), Some(action));
            assert_eq!(serde_json::to_string(&action).unwrap(), format!("\"{action}\""));
        }
        assert_eq!(Action::of("remove"), None);
    }
}
