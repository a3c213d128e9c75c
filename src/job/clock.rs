//! Reads the clocks; no other part of a job does.
//!
//! Must not be called by anything that can take the time as an argument.

use std::time::{Duration, Instant};

use jiff::{Timestamp, ZonedDateTime};

/// In whole seconds, as in the report.
#[expect(
    clippy::disallowed_methods,
    reason = "the outermost shell: everything below takes the time as an argument"
)]
#[must_use]
pub fn wall_clock() -> Timestamp {
    let now = Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outermost shell: everything below takes the time as an argument"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// How long it is from now, by the wall clock.
pub(super) fn left_until(at: &ZonedDateTime) -> Duration {
    at.timestamp().duration_since(wall_clock()).try_into().unwrap_or_default()
}
