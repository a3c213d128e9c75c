//! The hard ceiling of `--rate N`: never more than `N · T + 2` requests in any stretch of `T` seconds, and over time no
//! more than `N`.
//!
//! Where the two come from: timers wake the caller up late, which would add up to a few per cent. So whoever was told to
//! wait, and comes a little late, is taken to have come in time.
//!
//! Must not adapt. A new limiter would start with a full burst and forget what was sent, so the one that stands here
//! is never replaced; what adapts is [`adaptive`](super::adaptive), below it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// One request in 11 days and one per nanosecond: beyond these governor cannot count, and nobody means it.
const SLOWEST: f64 = 1e-6;
const FASTEST: f64 = 1e9;

/// Who comes later than this after the time that was named was not held up by a timer. Never more than one period.
const LATE: Duration = Duration::from_millis(5);

pub(super) struct Ceiling {
    limiter: RateLimiter<NotKeyed, InMemoryState, CallersTime, NoOpMiddleware<Duration>>,
    /// How much lateness is made up for.
    lateness: Duration,
    /// When the caller was told to come again.
    promised: Option<Duration>,
}

/// A clock that shows what the caller passed in: nanoseconds since the pace began.
#[derive(Debug, Default)]
struct CallersTime(AtomicU64);

impl Clock for CallersTime {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The rate (requests/s) nearest to `rate` that can be kept; for NaN the slowest.
pub(super) fn countable(rate: f64) -> f64 {
    if rate.is_nan() { SLOWEST } else { rate.clamp(SLOWEST, FASTEST) }
}

impl Ceiling {
    /// `rate` in requests/s. No burst: an idle stretch does not entitle to a crowd afterwards.
    pub(super) fn new(rate: f64) -> Self {
        let period = Duration::from_secs_f64(1.0 / countable(rate)) + Duration::from_nanos(1); // never a hair above N
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(std::num::NonZeroU32::MIN));
        let limiter = RateLimiter::direct_with_clock(quota, CallersTime::default());
        Self { limiter, lateness: LATE.min(period), promised: None }
    }

    /// Takes the one token, or says when (time since the pace began) it is there. `now` likewise.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let in_time = self.promised.filter(|promised| *promised <= now);
        let counted = in_time.map_or(now, |promised| promised.max(now.saturating_sub(self.lateness)));
        let nanos = u64::try_from(counted.as_nanos()).unwrap_or(u64::MAX);
        self.limiter.clock().0.store(nanos, Ordering::Relaxed);
        let taken = self.limiter.check().map_err(|not_until| not_until.earliest_possible());
        self.promised = taken.err();
        taken
    }
}

impl fmt::Debug for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ceiling").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_per_period_and_no_burst_after_idling() {
        for (rate, period) in [(0.2, 5.0), (1.0, 1.0), (2.5, 0.4), (1000.0, 0.001)] {
            let mut ceiling = Ceiling::new(rate);
            let at = |periods: f64| Duration::from_secs_f64(periods * period);
            assert_eq!(ceiling.take(at(0.0)), Ok(()));
            let due = ceiling.take(at(0.1)).unwrap_err();
            assert!(due.abs_diff(at(1.0)) <= Duration::from_nanos(2), "{rate}: {due:?}");
            assert_eq!(ceiling.take(due.saturating_sub(Duration::from_nanos(1))), Err(due));
            assert_eq!(ceiling.take(due), Ok(()));
            assert_eq!(ceiling.take(at(50.0)), Ok(()));
            assert!(ceiling.take(at(50.9)).is_err(), "{rate}: idle time was saved up");
        }
    }

    #[test]
    fn a_late_timer_costs_nothing_and_a_long_sleep_its_length() {
        for (rate, late, expected) in [(50.0, 3.0, 0.0), (50.0, 5.0, 0.0), (50.0, 9.0, 4.0)] {
            let mut ceiling = Ceiling::new(rate);
            let mut now = Duration::ZERO;
            for _ in 0..100 {
                assert_eq!(ceiling.take(now), Ok(()));
                let due = ceiling.take(now).expect_err("one at a time");
                now = due + Duration::from_secs_f64(late / 1e3);
            }
            let lost = (now.as_secs_f64() - 100.0 / rate) * 1e3;
            assert!((lost - late - 99.0 * expected).abs() < 0.1, "{rate}/s, {late} ms late: {lost} ms");
        }
    }

    #[test]
    fn nonsense_is_slow_or_fast_but_never_a_panic() {
        for rate in [f64::NAN, -1.0, 0.0, f64::MIN_POSITIVE, f64::INFINITY, f64::MAX] {
            let mut ceiling = Ceiling::new(rate);
            assert_eq!(ceiling.take(Duration::ZERO), Ok(()));
            assert!(ceiling.take(Duration::ZERO).is_err());
        }
    }
}
