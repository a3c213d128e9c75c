//! The words of a report: its six columns, and the status of a row.
//!
//! `input` reads them when its file is a report, `report` writes them. Must not know how either does it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The columns that a report adds after the input's own, in this order.
pub const COLUMNS: [&str; 6] =
    ["status", "error_code", "error_message", "attempts", "request_id", "completed_at"];

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The number is no longer on the connector.
    Succeeded,
    /// The service refused it, or the request cannot have reached the service.
    Failed,
    /// It was sent and there was no definite answer: the number may have been removed.
    Unknown,
    /// The run ended before its turn.
    NotAttempted,
    /// The row cannot be sent as it stands.
    Invalid,
    /// An earlier row has the same connector and number.
    Duplicate,
}

impl Status {
    /// Every status, in the order of a summary.
    pub const ALL: [Self; 6] =
        [Self::Succeeded, Self::Failed, Self::Unknown, Self::NotAttempted, Self::Invalid, Self::Duplicate];

    /// The word in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NotAttempted => "not_attempted",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
        }
    }

    /// The status of this word, if it is one.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
