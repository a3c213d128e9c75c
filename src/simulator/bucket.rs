//! A rate limit: a token bucket from which refusals take nothing.
//!
//! Counts in whole picotokens and nanoseconds, so that a token is available at exactly the nanosecond when it is due.
//! Must not read a clock.

use std::time::Duration;

use serde::Deserialize;

use super::values::{Rate, duration};

/// Picotokens in a token. A rate in tokens per 1,000 s is a rate in picotokens per nanosecond.
const TOKEN: u128 = 1_000_000_000_000;

/// The rate limit: a token bucket from which a 429 takes nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Throttle {
    /// Requests a second.
    pub(super) rate: Rate,
    /// The bucket's size in requests; one second's worth if absent.
    burst: Option<u64>,
    /// Later rates.
    #[serde(default)]
    pub(super) changes: Vec<RateChange>,
    /// Requests a second that another client of the account sends.
    pub(super) others: Option<Rate>,
    /// Whether all this applies to each connector by itself, and requests that name none share one more bucket.
    #[serde(default)]
    pub(super) per_connector: bool,
    /// Whether and how a 429 says when to retry.
    #[serde(default)]
    pub(super) retry_after: RetryAfter,
}

impl Throttle {
    /// The bucket's size in requests.
    pub(super) fn burst(&self) -> u64 {
        self.burst.unwrap_or_else(|| self.rate.0.div_ceil(1000)).max(1)
    }
}

/// A rate that applies from a given time on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateChange {
    /// From when.
    #[serde(deserialize_with = "duration")]
    pub(super) at: Duration,
    /// Requests a second.
    pub(super) rate: Rate,
}

/// What a 429 says about when to retry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RetryAfter {
    /// Nothing.
    #[default]
    Silent,
    /// `Retry-After`, in whole seconds.
    Seconds,
    /// `x-amz-retry-after`, in milliseconds.
    Milliseconds,
}

/// A token bucket, full at the start. Time is counted from the start of the scenario and never runs backwards here:
/// an earlier time than the last one counts as the last one.
#[derive(Debug)]
pub(super) struct Bucket {
    capacity: u128,
    level: u128,
    rate: Rate,
    at: Duration,
    /// Future changes of the rate, the next one last.
    changes: Vec<RateChange>,
    other_client: Option<OtherClient>,
}

/// Another client on the same account, which takes a token at even intervals.
#[derive(Debug)]
struct OtherClient {
    interval: Duration,
    next: Duration,
}

impl Bucket {
    pub(super) fn new(throttle: &Throttle) -> Self {
        let capacity = u128::from(throttle.burst()) * TOKEN;
        let mut changes = throttle.changes.clone();
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        let interval = |rate: Rate| 1_000_000_000_000_u64.checked_div(rate.0).map(Duration::from_nanos);
        let other_client =
            throttle.others.and_then(interval).map(|interval| OtherClient { interval, next: interval });
        Self { capacity, level: capacity, rate: throttle.rate, at: Duration::ZERO, changes, other_client }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// If there is none: how long until there is one, unless another client takes it (`Duration::MAX` at rate 0).
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.advance(now);
        if self.try_take() {
            return Ok(());
        }
        Err(match u128::from(self.rate.0) {
            0 => Duration::MAX,
            rate => Duration::from_nanos_u128((TOKEN - self.level).div_ceil(rate)),
        })
    }

    fn try_take(&mut self) -> bool {
        let enough = self.level >= TOKEN;
        if enough {
            self.level -= TOKEN;
        }
        enough
    }

    /// Applies everything that happens up to `now`, in order.
    fn advance(&mut self, now: Duration) {
        loop {
            let change = self.changes.last().map_or(Duration::MAX, |change| change.at);
            let other = self.other_client.as_ref().map_or(Duration::MAX, |client| client.next);
            let next = change.min(other);
            if next > now {
                break;
            }
            self.refill(next);
            if change <= other {
                self.rate = self.changes.pop().map_or(self.rate, |change| change.rate);
            } else if let Some(client) = &mut self.other_client {
                client.next += client.interval;
                self.try_take();
            }
        }
        self.refill(now);
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_nanos();
        self.level = (self.level + passed * u128::from(self.rate.0)).min(self.capacity);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn throttle(text: &str) -> Throttle {
        toml::from_str(text).unwrap()
    }

    fn granted(bucket: &mut Bucket, at_millis: impl IntoIterator<Item = u64>) -> usize {
        at_millis.into_iter().filter(|at| bucket.take(Duration::from_millis(*at)).is_ok()).count()
    }

    #[test]
    fn grants_the_burst_at_once_and_then_each_token_when_it_is_due() {
        let mut bucket = Bucket::new(&throttle("rate = 10\nburst = 3"));
        assert_eq!(granted(&mut bucket, [0; 5]), 3);
        assert_eq!(bucket.take(Duration::from_nanos(99_999_999)), Err(Duration::from_nanos(1)));
        assert_eq!(bucket.take(Duration::from_millis(100)), Ok(()));
        assert_eq!(bucket.take(Duration::from_millis(130)), Err(Duration::from_millis(70)));
        assert_eq!(granted(&mut bucket, [10_000; 5]), 3, "it never holds more than the burst");
    }

    #[test]
    fn a_refusal_costs_no_token() {
        let mut bucket = Bucket::new(&throttle("rate = 1\nburst = 1"));
        assert_eq!(granted(&mut bucket, (0..=10_000).step_by(10)), 11);
    }

    #[test]
    fn the_rate_changes_at_its_time_and_the_other_client_takes_its_share() {
        let mut bucket = Bucket::new(&throttle(
            "rate = 10\nburst = 1\nchanges = [{ at = '20s', rate = 0 }, { at = '10s', rate = 2 }]",
        ));
        assert_eq!(granted(&mut bucket, (0..10_000).step_by(10)), 100);
        assert_eq!(granted(&mut bucket, (10_000..20_000).step_by(10)), 20);
        assert_eq!(granted(&mut bucket, (20_000..90_000).step_by(10)), 1, "the token that was due at 20 s");
        assert_eq!(bucket.take(Duration::from_secs(99)), Err(Duration::MAX));

        let mut shared = Bucket::new(&throttle("rate = 10\nburst = 10\nothers = 4"));
        assert_eq!([granted(&mut shared, [0; 20]), granted(&mut shared, [1_000; 20])], [10, 6]);
    }

    proptest! {
        #[test]
        fn never_grants_more_than_rate_times_time_plus_burst(
            rate in 1_u64..500, burst in 1_u64..50, gaps in prop::collection::vec(0_u64..200_000_000, 1..300),
        ) {
            let mut bucket = Bucket::new(&throttle(&format!("rate = {rate}\nburst = {burst}")));
            let (mut now, mut grants) = (Duration::ZERO, 0_u128);
            for gap in gaps {
                now += Duration::from_nanos(gap);
                match bucket.take(now) {
                    Ok(()) => grants += 1,
                    Err(wait) => {
                        let mut probe = Bucket { changes: Vec::new(), other_client: None, ..bucket };
                        prop_assert!(probe.take(now + wait).is_ok(), "a token is due after the wait");
                    }
                }
                prop_assert!(grants * 1_000_000_000 <= u128::from(rate) * now.as_nanos() + u128::from(burst) * 1_000_000_000);
            }
        }
    }
}
