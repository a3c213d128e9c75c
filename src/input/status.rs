//! The status of a row.
//!
//! `input` reads it when its file is a report, `report` writes it. Must not know how either does it.

use std::fmt;

use serde::{Deserialize, Serialize};

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

    /// The status of this word, if it is one, in whatever letters.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word.trim()))
    }

    pub(super) fn of_cell(cell: &[u8]) -> Option<Self> {
        std::str::from_utf8(cell).ok().and_then(Self::of)
    }
}

/// What a cell for the status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'r> {
    /// Nothing: the row is to be sent as it stands.
    Nothing,
    Status(Status),
    /// A word that is not a status, or bytes that are not text.
    Other(&'r [u8]),
}

impl<'r> Said<'r> {
    pub(super) fn of(cell: &'r [u8]) -> Self {
        match (Status::of_cell(cell), std::str::from_utf8(cell)) {
            (Some(status), _) => Self::Status(status),
            (None, Ok(text)) if text.trim().is_empty() => Self::Nothing,
            _ => Self::Other(cell),
        }
    }
}

/// A cell as text; empty if it is not UTF-8.
pub(crate) fn text(cell: &[u8]) -> &str {
    std::str::from_utf8(cell).unwrap_or_default()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
