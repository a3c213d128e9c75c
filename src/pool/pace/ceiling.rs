//! The hard ceiling of `--rate N`: never more than `N · T + 2` requests in any stretch of `T` seconds, and over time no
//! more than `N`.
//!
//! Where the two come from: timers wake the caller up late, which would add up to a few per cent. So a second request
//! may follow at once, which catches up what was lost.
//!
//! Must not adapt. A new limiter would start with a full burst and forget what was sent, so the one that stands here
//! is never replaced; what adapts is the pace, below it.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// One request in 11 days and one per nanosecond: beyond these governor cannot count, and nobody means it.
const SLOWEST: f64 = 1e-6;
const FASTEST: f64 = 1e9;
/// The request that is due, and one that comes late.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

#[derive(Debug)]
pub(super) struct Ceiling {
    limiter: RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>,
    /// What the limiter's clock shows.
    now: Duration,
}

impl Ceiling {
    /// `rate` in requests/s; what cannot be kept is moved to the nearest that can, and NaN to the slowest.
    pub(super) fn new(rate: f64) -> Self {
        let rate = if rate > SLOWEST { rate.min(FASTEST) } else { SLOWEST };
        let period = Duration::from_secs_f64(1.0 / rate) + Duration::from_nanos(1); // never a hair above N
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let limiter = RateLimiter::direct_with_clock(quota.allow_burst(BURST), FakeRelativeClock::default());
        let _ = limiter.check(); // nobody is late at the start
        Self { limiter, now: Duration::ZERO }
    }

    /// Takes the one token, or says when (time since the pace began) it is there. `now` likewise.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.limiter.clock().advance(now.saturating_sub(self.now));
        self.now = self.now.max(now);
        self.limiter.check().map_err(|not_until| not_until.earliest_possible().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_per_period_and_no_crowd_after_idling() {
        for (rate, period) in [(0.2, 5.0), (1.0, 1.0), (2.5, 0.4), (1000.0, 0.001)] {
            let mut ceiling = Ceiling::new(rate);
            let at = |periods: f64| Duration::from_secs_f64(periods * period);
            assert_eq!(ceiling.take(at(0.0)), Ok(()));
            let due = ceiling.take(at(0.1)).unwrap_err();
            assert!(due.abs_diff(at(1.0)) <= Duration::from_nanos(2), "{rate}: {due:?}");
            assert_eq!(ceiling.take(due.saturating_sub(Duration::from_nanos(1))), Err(due));
            assert_eq!(ceiling.take(due), Ok(()));
            assert_eq!(ceiling.take(at(50.0)), Ok(()));
            assert_eq!(ceiling.take(at(50.0)), Ok(()), "this one may have been late");
            assert!(ceiling.take(at(50.9)).is_err(), "{rate}: idle time was saved up");
        }
    }

    #[test]
    fn a_late_timer_costs_nothing_and_a_long_sleep_its_length() {
        for (rate, late, expected) in [(50.0, 3.0, 0.0), (50.0, 5.0, 0.0), (50.0, 29.0, 4.5)] {
            let mut ceiling = Ceiling::new(rate);
            let (mut now, mut next) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..100 {
                while let Err(due) = ceiling.take(now) {
                    next = due;
                    now = due + Duration::from_secs_f64(late / 1e3);
                }
            }
            let lost = (next.as_secs_f64() - 99.0 / rate) * 1e3;
            assert!((lost - 98.0 * expected).abs() < 10.0, "{rate}/s, {late} ms late: {lost} ms");
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
