//! How long a batch waits after a failure: exponential backoff with full jitter.
//!
//! Must not sleep, draw a random number or read a clock: the jitter is an argument, the delay is the result. Being
//! throttled is not a failure; [`pace`](super::pace) handles it. This is the only file that uses the crate `backoff`.

use std::time::Duration;

use backoff::SystemClock;
use backoff::backoff::Backoff as _;
use backoff::exponential::ExponentialBackoffBuilder;

/// What the AWS SDKs use: `random × min(base · 2^(n−1), 20 s)`. Half their base, because the pace already spreads the
/// requests, and because most failures affect one request and not the service.
const FIRST_INTERVAL: Duration = Duration::from_millis(500);
const LONGEST_INTERVAL: Duration = Duration::from_secs(20);
const GROWTH: f64 = 2.0;
/// More failures than this do not make the delay longer.
const LONGEST_AFTER: u32 = 7;

/// How long a batch waits after its `failures`-th failure. `jitter`, uniform in 0..1, is the share of the longest
/// wait.
pub(crate) fn delay(failures: u32, jitter: f64) -> Duration {
    let mut intervals = ExponentialBackoffBuilder::<SystemClock>::new()
        .with_initial_interval(FIRST_INTERVAL)
        .with_multiplier(GROWTH)
        .with_max_interval(LONGEST_INTERVAL)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build();
    for _ in 1..failures.min(LONGEST_AFTER) {
        intervals.next_backoff();
    }
    // What `next_backoff` returns is up to a nanosecond longer, at random, even without randomization.
    intervals.current_interval.mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_cap_and_scale_with_the_jitter() {
        for (failures, jitter, expected) in [
            (1, 1.0, 500),
            (1, 0.5, 250),
            (1, 0.0, 0),
            (2, 1.0, 1_000),
            (3, 0.25, 500),
            (5, 1.0, 8_000),
            (6, 1.0, 16_000),
            (7, 1.0, 20_000),
            (8, 0.5, 10_000),
            (u32::MAX, 1.0, 20_000),
        ] {
            assert_eq!(delay(failures, jitter), Duration::from_millis(expected), "{failures}, {jitter}");
        }
    }

    #[test]
    fn equal_arguments_give_equal_delays() {
        for failures in (0..2_000).map(|n| 1 + n % 9) {
            assert_eq!(delay(failures, 0.7), delay(failures, 0.7));
        }
    }
}
