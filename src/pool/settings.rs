//! How the pool works, and how a run of it ended. Must not decide anything.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::event::StopReason;
use crate::pool::pace::PaceSettings;
use crate::pool::retry::RetryPolicy;

/// How the pool works.
#[derive(Debug, Clone)]
pub(crate) struct PoolSettings {
    /// Requests in flight at most.
    pub(crate) concurrency: NonZeroUsize,
    /// How fast.
    pub(crate) pace: PaceSettings,
    /// How often a batch is sent, and after which backoff.
    pub(crate) retry: RetryPolicy,
    /// Rows that may fail before the run stops.
    pub(crate) max_failures: Option<u64>,
    /// How long the service may go without one success before the run stops.
    pub(crate) give_up_after: Duration,
}

/// How a run of the pool ended.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PoolEnd {
    /// Why it ended before its work was done, if it did.
    pub(crate) stop: Option<StopReason>,
    /// The limit that the service was found to have, in requests per second.
    pub(crate) rate_found: Option<f64>,
}
