//! Rows by status.
//!
//! Must not know anything else of a row.

use serde::{Deserialize, Serialize};

use crate::input::Status;

/// Rows by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// All.
    pub total: u64,
    /// See [`Status::Succeeded`].
    pub succeeded: u64,
    /// See [`Status::Failed`].
    pub failed: u64,
    /// See [`Status::Unknown`].
    pub unknown: u64,
    /// See [`Status::NotAttempted`].
    pub not_attempted: u64,
    /// See [`Status::Invalid`].
    pub invalid: u64,
    /// See [`Status::Duplicate`].
    pub duplicate: u64,
    /// The status was emptied or changed after the report was written.
    pub no_status: u64,
}

impl Counts {
    /// Counts a row; `status` is `None` if the cell is empty or is not a status.
    pub fn add(&mut self, status: Option<Status>) {
        self.total += 1;
        *match status {
            Some(Status::Succeeded) => &mut self.succeeded,
            Some(Status::Failed) => &mut self.failed,
            Some(Status::Unknown) => &mut self.unknown,
            Some(Status::NotAttempted) => &mut self.not_attempted,
            Some(Status::Invalid) => &mut self.invalid,
            Some(Status::Duplicate) => &mut self.duplicate,
            None => &mut self.no_status,
        } += 1;
    }

    /// The rows that did not succeed.
    #[must_use]
    pub fn trouble(&self) -> u64 {
        self.total - self.succeeded - self.duplicate
    }

    /// The counts with their names, the most interesting first.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("succeeded", self.succeeded),
            ("failed", self.failed),
            ("unknown", self.unknown),
            ("not attempted", self.not_attempted),
            ("invalid", self.invalid),
            ("duplicate", self.duplicate),
            ("without a status", self.no_status),
        ]
    }
}
