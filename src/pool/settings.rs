//! How the pool works, and how a run of it ended. Must not decide anything.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;

use crate::action::Action;
use crate::event::Stop;
use crate::pool::pace::PaceSettings;

/// How the pool works.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// What is done with the numbers.
    pub action: Action,
    /// The most requests in flight.
    pub concurrency: NonZeroUsize,
    /// How fast.
    pub pace: PaceSettings,
    /// How often a batch is sent, the first time included.
    pub max_attempts: NonZeroU32,
    /// How many rows may fail before the run stops.
    pub max_failures: Option<u64>,
    /// How many have failed, in all lanes of the run.
    pub failed: Arc<AtomicU64>,
    /// Whether nothing has shown yet that the list is right: then the run stops if nothing works.
    pub doubts_list: bool,
    /// How long the run continues without a successful request before it stops.
    pub give_up_after: Duration,
    /// The same for a service that has never answered, if a person must mend why.
    pub patience: Duration,
    /// When the run stops, finished or not, by the wall clock.
    pub stop_at: Option<Timestamp>,
    /// Whether the keys are in this process's environment, so that no one can renew them.
    pub keys_are_fixed: bool,
    /// Whether a number that the service does not find needs nothing done.
    pub not_found_is_success: bool,
}

/// How a run of the pool ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolEnd {
    /// Why it ended before its work was done, if it did.
    pub stop: Option<Stop>,
    /// The service's limit as found by the run, in requests per second.
    pub rate_found: Option<f64>,
}
