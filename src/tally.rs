//! Live counts, from the events as they become durable. Must not be needed for the truth: the report is folded from the
//! journal.

mod estimate;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use estimate::Estimate;

use crate::event::{AttemptOutcome, Event, Fate, Phase, StopReason};

/// What has happened so far in this run.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Rows to be settled in this run.
    pub rows: u64,
    /// Requests that went out and have not ended.
    pub in_flight: u64,
    /// Requests for numbers of which an earlier one failed.
    pub retries: u64,
    /// Rows that failed or are unknown, by the error's name.
    pub failed_by_code: BTreeMap<Box<str>, u64>,
    /// The service's limit as it was found, in requests per second.
    pub limit: Option<f64>,
    /// Rows settled, by fate.
    pub succeeded: u64,
    /// See [`Fate::Failed`].
    pub failed: u64,
    /// See [`Fate::Unknown`].
    pub unknown: u64,
    /// Requests that ended, throttled ones included.
    pub requests: u64,
    /// Requests that the service throttled.
    pub throttled: u64,
    /// Requests that ended otherwise than with an answer or a throttle, by the error's name.
    pub errors: BTreeMap<Box<str>, u64>,
    /// What the pace is doing.
    pub phase: Option<Phase>,
    /// The credentials were refused, and new ones are looked for then.
    pub credentials_awaited: Option<Instant>,
    /// The run is on its way to an early end.
    pub stopping: Option<StopReason>,
    /// When the run began.
    pub started: Instant,
    /// Requests that ended in each of the last seconds.
    recent: Recent,
    estimate: Estimate,
}

impl Tally {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(rows: u64, started: Instant) -> Self {
        Self {
            rows,
            in_flight: 0,
            retries: 0,
            failed_by_code: BTreeMap::new(),
            limit: None,
            succeeded: 0,
            failed: 0,
            unknown: 0,
            requests: 0,
            throttled: 0,
            errors: BTreeMap::new(),
            phase: None,
            credentials_awaited: None,
            stopping: None,
            started,
            recent: Recent::default(),
            estimate: Estimate::default(),
        }
    }

    /// Takes an event into account.
    pub fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Sent { again } => {
                self.in_flight += 1;
                self.retries += u64::from(*again);
            }
            Event::Settled(settlement) => {
                let rows = settlement.rows.len() as u64;
                self.estimate.settled(rows, settlement.attempts);
                match settlement.fate {
                    Fate::Succeeded => self.succeeded += rows,
                    Fate::Failed => self.failed += rows,
                    Fate::Unknown => self.unknown += rows,
                }
                if settlement.fate != Fate::Succeeded {
                    *self.failed_by_code.entry(settlement.code.clone()).or_default() += rows;
                }
            }
            Event::Attempt(outcome) => {
                self.requests += 1;
                self.estimate.attempted(outcome, now);
                self.in_flight = self.in_flight.saturating_sub(1);
                self.recent.count(now.saturating_duration_since(self.started));
                match outcome {
                    AttemptOutcome::Answered => {}
                    AttemptOutcome::Throttled => self.throttled += 1,
                    AttemptOutcome::Failed(code) => *self.errors.entry(code.clone()).or_default() += 1,
                }
            }
            Event::Phase(phase) => {
                self.phase = Some(*phase);
                self.estimate.paced(*phase, now);
            }
            Event::LimitFound(limit) => {
                self.limit = Some(*limit);
                self.estimate.found(*limit, now);
            }
            Event::CredentialsAwaited(awaited) => self.credentials_awaited = *awaited,
            Event::Stopped { reason, .. } => self.stopping = Some(*reason),
            Event::Intent { .. } | Event::Released { .. } => {}
        }
    }

    /// Rows settled.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.succeeded + self.failed + self.unknown
    }

    /// Requests per second, over the last few seconds.
    #[must_use]
    pub fn request_rate(&self, now: Instant) -> f64 {
        self.recent.rate(now.saturating_duration_since(self.started))
    }

    /// How long the rest will take, to the last answer, if it goes on as it does now. `None` while that cannot be known:
    /// before the pace has settled, in an outage, and while a limit that has risen is being looked for.
    ///
    /// From a fifth of a paced job on the end is shown to within a tenth of what is left, or a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        let left = self.rows.saturating_sub(self.settled()) as f64;
        Duration::try_from_secs_f64(self.estimate.remaining(left, now)?).ok()
    }
}

/// How many whole seconds the shown rate looks back: enough to be steady, few enough to be current.
const SECONDS: usize = 8;

#[derive(Debug, Clone, Default)]
struct Recent {
    /// For each slot the second it is about, and the count.
    slots: [(u64, u64); SECONDS],
}

impl Recent {
    fn count(&mut self, since_start: Duration) {
        let second = since_start.as_secs();
        let place = usize::try_from(second % SECONDS as u64).unwrap_or_default();
        let slot = &mut self.slots[place];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += 1;
    }

    /// Over the whole seconds before this one; in the first second, over what there is of it.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn rate(&self, since_start: Duration) -> f64 {
        let second = since_start.as_secs();
        let window = second.min(SECONDS as u64 - 1);
        if window == 0 {
            return self.slots[0].1 as f64 / since_start.as_secs_f64().max(0.1);
        }
        let counted = self.slots.iter().filter(|(at, _)| (second - window..second).contains(at));
        counted.map(|(_, count)| *count).sum::<u64>() as f64 / window as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn the_rate_is_that_of_the_last_whole_seconds() {
        let start = origin();
        let mut tally = Tally::new(100, start);
        for second in 0..20 {
            for _ in 0..if second < 10 { 50 } else { 10 } {
                let now = start + Duration::from_secs(second) + Duration::from_millis(100);
                tally.apply(&Event::Attempt(AttemptOutcome::Throttled), now);
            }
        }
        let rate = |second| tally.request_rate(start + Duration::from_secs(second));
        assert!((rate(20) - 10.0).abs() < 1e-9 && rate(40).abs() < 1e-9, "{} {}", rate(20), rate(40));
        assert_eq!((tally.requests, tally.throttled), (600, 600));
    }

    #[test]
    fn what_is_sent_is_in_flight_until_it_ends() {
        let start = origin();
        let mut tally = Tally::new(100, start);
        let later = start + Duration::from_secs(3);
        let failed = |code: &str, fate, rows: u32| {
            Event::Settled(crate::event::Settlement {
                rows: (0..rows).map(crate::input::RowId::new).collect(),
                fate,
                code: code.into(),
                message: "".into(),
                attempts: 1,
                request_id: None,
                at: jiff::Timestamp::UNIX_EPOCH,
            })
        };
        for event in [
            Event::Sent { again: false },
            Event::Sent { again: true },
            Event::Attempt(AttemptOutcome::Answered),
            Event::LimitFound(9.5),
            failed("", Fate::Succeeded, 7),
            failed("Timeout", Fate::Unknown, 2),
            failed("Forbidden", Fate::Failed, 3),
            failed("Forbidden", Fate::Failed, 1),
        ] {
            tally.apply(&event, later);
        }
        assert_eq!((tally.in_flight, tally.retries, tally.limit), (1, 1, Some(9.5)));
        let codes: Vec<_> = tally.failed_by_code.iter().map(|(code, rows)| (&**code, *rows)).collect();
        assert_eq!(codes, [("Forbidden", 4), ("Timeout", 2)]);
    }

    /// Requests of two rows each are answered, at a rate for each second.
    fn answer(tally: &mut Tally, start: Instant, rates: &[u32]) {
        for (second, &rate) in (0..).zip(rates) {
            for request in 1..=rate {
                let now = start + Duration::from_secs(second) + Duration::from_secs(1) * request / rate;
                tally.apply(&Event::Attempt(AttemptOutcome::Answered), now);
                tally.apply(&Event::Settled(two_rows()), now);
            }
        }
    }

    fn two_rows() -> crate::event::Settlement {
        crate::event::Settlement {
            rows: vec![crate::input::RowId::new(0), crate::input::RowId::new(1)],
            fate: Fate::Succeeded,
            code: "".into(),
            message: "".into(),
            attempts: 1,
            request_id: None,
            at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_rest_is_foreseen_from_a_limit_or_from_a_steady_rate_and_from_nothing_else() {
        let start = origin();
        let limit = Event::LimitFound(10.0);
        let paced = |rate| Event::Phase(Phase::Paced { rate });
        let outage = Event::Phase(Phase::Outage { since: start, next_probe: None });
        for (name, before, rates, after, expected) in [
            ("nothing was answered", vec![limit.clone()], vec![], vec![], None),
            ("too early to say", vec![], vec![20; 1], vec![], None),
            ("steady", vec![], vec![20; 10], vec![], Some(30.0)),
            ("growing", vec![], vec![4, 8, 16, 32, 64, 128], vec![], None),
            ("a limit", vec![limit.clone(), paced(10.0)], vec![10; 20], vec![], Some(80.0)),
            ("kept below", vec![limit.clone(), paced(5.0)], vec![5; 40], vec![], Some(160.0)),
            ("left behind", vec![limit.clone(), paced(10.0)], vec![10; 20], vec![paced(20.0)], None),
            (
                "risen",
                vec![limit.clone(), paced(10.0)],
                vec![10; 20],
                vec![paced(20.0), Event::LimitFound(20.0)],
                None,
            ),
            ("an outage", vec![limit, paced(10.0)], vec![10; 20], vec![outage], None),
        ] {
            let answers: u32 = rates.iter().sum();
            let settled = 2 * u64::from(answers);
            let mut tally = Tally::new(settled + if name == "steady" { 1_200 } else { 1_600 }, start);
            let end = start + Duration::from_secs(rates.len() as u64);
            before.iter().for_each(|event| tally.apply(event, start));
            answer(&mut tally, start, &rates);
            after.iter().for_each(|event| tally.apply(event, end));
            let left = tally.remaining(end).map(|left| left.as_secs_f64());
            let right = match (left, expected) {
                (Some(left), Some(expected)) => (left / expected - 1.0_f64).abs() < 0.01,
                (left, expected) => left == expected,
            };
            assert!(right, "{name}: {left:?}, not {expected:?}");
        }
    }

    #[test]
    fn rows_settled_without_a_request_do_not_make_the_others_faster() {
        let start = origin();
        let mut tally = Tally::new(1_000, start);
        tally.apply(&Event::LimitFound(10.0), start);
        answer(&mut tally, start, &[10; 10]);
        let closed = crate::event::Settlement { attempts: 0, ..two_rows() };
        let end = start + Duration::from_secs(10);
        (0..100).for_each(|_| tally.apply(&Event::Settled(closed.clone()), end));
        let left = tally.remaining(end).unwrap().as_secs_f64();
        assert!((left - 30.0).abs() < 0.5, "600 rows are left, at 20 rows/s: {left}");
    }

    #[test]
    fn a_pause_that_the_service_asks_for_is_part_of_the_rest() {
        let start = origin();
        let mut tally = Tally::new(400, start);
        tally.apply(&Event::LimitFound(10.0), start);
        answer(&mut tally, start, &[10; 10]);
        let end = start + Duration::from_secs(10);
        tally.apply(&Event::Phase(Phase::Throttled { until: end + Duration::from_secs(60) }), end);
        let left = |after| tally.remaining(end + Duration::from_secs(after)).unwrap().as_secs_f64();
        assert!((left(0) - 70.0).abs() < 0.5 && (left(50) - 20.0).abs() < 0.5, "{} {}", left(0), left(50));
    }
}
