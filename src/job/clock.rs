//! Reads the clocks; no other part of a job does.
//!
//! Must not be called by anything that can take the time as an argument.

use std::time::Instant;

use jiff::Timestamp;

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
