//! A batch being sent: what was planned, and what its attempts have shown so far.
//!
//! Must not decide what to do about it.

use crate::aws::protocol::{ApiError, ErrorKind};
use crate::input::{ConnectorId, RowId};

/// Rows that are sent together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The connector that has the numbers.
    pub(crate) connector: ConnectorId,
    /// Which rows; never empty.
    pub(crate) rows: Vec<RowId>,
    /// Its place in the plan.
    pub(crate) turn: u64,
    /// The requests so far that count, for the report.
    pub(crate) attempts: u32,
    /// Those of them that count against `--max-attempts`: a batch that was split starts again.
    pub(crate) failures: u32,
    /// The number of its last request; for [`Outage`](super::outage::Outage), as is the next.
    pub(crate) request: u64,
    /// The mark of a failure that may or may not count.
    pub(crate) failed_at: Option<u64>,
    /// Whether an attempt of this run ended without a definite answer.
    pub(crate) unanswered: bool,
    /// The split that this batch is a half of.
    pub(crate) half_of: Option<u64>,
    /// The error of the last attempt, if it failed.
    pub(crate) last_error: Option<Box<ApiError>>,
}

impl Batch {
    /// A batch as planned.
    pub(crate) fn new(connector: ConnectorId, rows: Vec<RowId>) -> Self {
        Self {
            connector,
            rows,
            turn: 0,
            attempts: 0,
            failures: 0,
            request: 0,
            failed_at: None,
            unanswered: false,
            half_of: None,
            last_error: None,
        }
    }

    /// Cuts off the rows from `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        Self { rows: self.rows.split_off(at), ..self.clone() }
    }

    /// Counts the failure of its last attempt.
    pub(crate) fn count(&mut self) {
        self.attempts += 1;
        self.failures += 1;
        self.failed_at = None;
    }

    /// Whether its last attempt ended without any reply from the service.
    pub(crate) fn has_failed(&self) -> bool {
        let silent = |error: &ApiError| error.kind == ErrorKind::Unreachable || error.kind.is_silent();
        self.last_error.as_deref().is_some_and(silent)
    }
}
