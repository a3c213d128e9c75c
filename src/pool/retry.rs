//! Whether a batch is attempted again after a failure, and when: exponential backoff with full jitter.
//!
//! Must not sleep, draw a random number or let a clock decide: the jitter is an argument, the delay is the answer. Being
//! throttled is not a failure; that is [`pace`](super::pace)'s to answer. This is the only file that knows the crate
//! `backoff`.

use std::num::NonZeroU32;
use std::time::Duration;

use backoff::SystemClock;
use backoff::backoff::Backoff as _;
use backoff::exponential::{ExponentialBackoff, ExponentialBackoffBuilder};

/// What the AWS SDKs use: `random × min(base · 2^(n−1), 20 s)`. Half their base, because the pace already spreads the
/// requests, and because most failures are of one request and not of the service.
const FIRST_INTERVAL: Duration = Duration::from_millis(500);
const LONGEST_INTERVAL: Duration = Duration::from_secs(20);
const GROWTH: f64 = 2.0;

/// How often a batch is attempted, and how long it rests in between.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    max_attempts: NonZeroU32,
    /// Never advanced itself, only its clones are. It holds the clock's reading at its creation, but compares it with
    /// nothing but `max_elapsed_time`, and that is `None`.
    intervals: ExponentialBackoff<SystemClock>,
}

/// The answer of [`RetryPolicy::next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShouldAttempt {
    /// After this delay; zero for the first attempt.
    YesAfter(Duration),
    /// The attempts are used up.
    No,
}

impl RetryPolicy {
    /// At most `max_attempts` attempts, the first included.
    #[must_use]
    pub fn new(max_attempts: NonZeroU32) -> Self {
        let intervals = ExponentialBackoffBuilder::new()
            .with_initial_interval(FIRST_INTERVAL)
            .with_multiplier(GROWTH)
            .with_max_interval(LONGEST_INTERVAL)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        Self { max_attempts, intervals }
    }

    /// Whether another attempt follows `attempts_so_far` (those that count). `jitter` is uniform in 0..1; anything else
    /// counts as 1, the full interval.
    #[must_use]
    pub fn next(&self, attempts_so_far: u32, jitter: f64) -> ShouldAttempt {
        if attempts_so_far >= self.max_attempts.get() {
            return ShouldAttempt::No;
        }
        let share = if (0.0..=1.0).contains(&jitter) { jitter } else { 1.0 };
        ShouldAttempt::YesAfter(self.interval(attempts_so_far).mul_f64(share))
    }

    /// The longest delay after so many attempts. Read from `current_interval`: what `next_backoff` returns is up to a
    /// nanosecond longer, at random, even without randomization.
    pub(super) fn interval(&self, attempts_so_far: u32) -> Duration {
        if attempts_so_far == 0 {
            return Duration::ZERO;
        }
        let mut intervals = self.intervals.clone();
        for _ in 1..attempts_so_far {
            if intervals.current_interval >= LONGEST_INTERVAL {
                break;
            }
            intervals.next_backoff();
        }
        intervals.current_interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(millis: u64) -> ShouldAttempt {
        ShouldAttempt::YesAfter(Duration::from_millis(millis))
    }

    #[test]
    fn delays_double_up_to_a_cap_and_scale_with_the_jitter() {
        let policy = RetryPolicy::new(NonZeroU32::MAX);
        for (attempts_so_far, jitter, expected) in [
            (0, 1.0, 0),
            (1, 1.0, 500),
            (1, 0.5, 250),
            (1, 0.0, 0),
            (2, 1.0, 1_000),
            (3, 0.25, 500),
            (5, 1.0, 8_000),
            (6, 1.0, 16_000),
            (7, 1.0, 20_000),
            (8, 0.5, 10_000),
            (u32::MAX - 1, 1.0, 20_000),
            (2, f64::NAN, 1_000),
            (2, -3.0, 1_000),
            (2, f64::INFINITY, 1_000),
        ] {
            assert_eq!(policy.next(attempts_so_far, jitter), after(expected), "{attempts_so_far}, {jitter}");
        }
    }

    #[test]
    fn max_attempts_counts_the_first() {
        for (max_attempts, attempts_so_far, again) in
            [(1, 0, true), (1, 1, false), (1, 2, false), (3, 2, true), (3, 3, false), (3, u32::MAX, false)]
        {
            let policy = RetryPolicy::new(NonZeroU32::new(max_attempts).unwrap());
            let answer = policy.next(attempts_so_far, 1.0);
            assert_eq!(answer != ShouldAttempt::No, again, "{attempts_so_far} of {max_attempts}");
        }
    }

    #[test]
    fn the_same_question_has_the_same_answer() {
        let policy = RetryPolicy::new(NonZeroU32::MAX);
        for attempts_so_far in (0..2_000).map(|n| n % 9) {
            assert_eq!(policy.next(attempts_so_far, 0.7), policy.next(attempts_so_far, 0.7));
        }
    }
}
