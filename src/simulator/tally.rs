//! The counts of requests, replies and faults, for tests and for users who want to check.
//!
//! Must not decide anything.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::ledger::Action;

/// What the service has seen and done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that arrived, except those about the simulator itself.
    pub requests: u64,
    /// Replies by HTTP status. A request whose connection was broken has none.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that the rate limit refused.
    pub throttled: u64,
    /// Disassociations that were made.
    pub applied: u64,
    /// Changes that were made, by what was done.
    pub changes: BTreeMap<Action, u64>,
    /// Requests that a fault or an outage hit, by its name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The most requests that were waiting for their reply at one time.
    pub max_in_flight: u32,
    /// Requests by second since the first one.
    pub per_second: Vec<u32>,
}

/// What became of a request.
#[derive(Default)]
pub(super) struct Seen {
    /// Whether the rate limit refused it.
    pub(super) throttled: bool,
    /// The fault or outage that hit it.
    pub(super) fault: Option<&'static str>,
    pub(super) status: Option<StatusCode>,
    pub(super) changes: BTreeMap<Action, u64>,
}

impl Tally {
    /// Counts a request that arrived `elapsed` after the first one.
    pub(super) fn count(&mut self, elapsed: Duration, seen: &Seen) {
        self.requests += 1;
        let second = usize::try_from(elapsed.as_secs()).unwrap_or(usize::MAX);
        if self.per_second.len() <= second {
            self.per_second.resize(second + 1, 0);
        }
        self.per_second[second] += 1;
        self.throttled += u64::from(seen.throttled);
        if let Some(status) = seen.status {
            *self.statuses.entry(status.as_u16()).or_default() += 1;
        }
        if let Some(fault) = seen.fault {
            *self.faults.entry(fault).or_default() += 1;
        }
        for (action, changes) in &seen.changes {
            *self.changes.entry(*action).or_default() += changes;
        }
        self.applied = self.changes.get(&Action::Disassociate).copied().unwrap_or(0);
    }
}
