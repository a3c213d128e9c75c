//! Live counts, from the events as they become durable. The report does not depend on them: it is folded from the
//! journal, so they must not be needed for it.
#![expect(clippy::cast_precision_loss, reason = "rates and times for people")]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::ZonedDateTime;

use crate::event::{AttemptOutcome, Awaited, Event, Outcome, Phase, StopReason};
use crate::input::LaneId;
use crate::inventory::Progress;

/// What has happened so far in this run.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// Rows to be settled in this run.
    pub(crate) rows: u64,
    /// Requests that were sent and have not ended.
    pub(crate) in_flight: u64,
    /// Requests that retry numbers of an earlier request.
    pub(crate) retries: u64,
    /// Rows that failed or are unknown, by the error's name.
    pub(crate) failed_by_code: BTreeMap<Box<str>, u64>,
    /// The service's limit that was found, in requests per second.
    pub(crate) limit: Option<f64>,
    /// Rows settled, by outcome.
    pub(crate) succeeded: u64,
    /// See [`Outcome::Failed`].
    pub(crate) failed: u64,
    /// See [`Outcome::Unknown`].
    pub(crate) unknown: u64,
    /// Requests that ended, throttled ones included.
    pub(crate) requests: u64,
    /// Requests that the service throttled.
    pub(crate) throttled: u64,
    /// The current phase of the pacing.
    pub(crate) phase: Option<Phase>,
    /// If the credentials were refused: when to check for new ones, and why.
    pub(crate) credentials_awaited: Option<Awaited>,
    /// If the run is stopping early: why.
    pub(crate) stopping: Option<StopReason>,
    /// Of a command that lists numbers: how many pages, and how many numbers on them.
    pub(crate) listed: Option<(u64, u64)>,
    /// What messages call its lane.
    pub(crate) name: String,
    /// Each lane by itself, by its index, if the input names them.
    pub(crate) lanes: Vec<Self>,
    /// When the run began.
    pub(crate) started: Instant,
    /// When the last request ended.
    last: Instant,
    /// When it stops, finished or not.
    pub(crate) stops_at: Option<ZonedDateTime>,
    /// Requests that ended.
    recent_requests: Recent,
    /// Rows that these requests settled.
    recent_rows: Recent,
}

impl Tally {
    /// Nothing has happened yet.
    #[must_use]
    pub(crate) fn new(rows: u64, started: Instant) -> Self {
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
            phase: None,
            credentials_awaited: None,
            stopping: None,
            listed: None,
            name: String::new(),
            lanes: Vec::new(),
            started,
            last: started,
            stops_at: None,
            recent_requests: Recent::default(),
            recent_rows: Recent::default(),
        }
    }

    /// The same for a lane.
    pub(crate) fn of_lane(name: &str, rows: u64, started: Instant) -> Self {
        Self { name: name.to_owned(), ..Self::new(rows, started) }
    }

    /// Takes the progress of a command that lists numbers into account.
    pub(crate) fn follow(&mut self, progress: &Progress, now: Instant) {
        let ended = progress.requests - progress.in_flight;
        self.recent_requests.count(self.second(now), ended.saturating_sub(self.requests));
        self.requests = ended;
        self.throttled = progress.throttled;
        self.in_flight = progress.in_flight;
        self.phase = progress.phase;
        self.limit = progress.limit;
        self.credentials_awaited.clone_from(&progress.awaited);
        self.listed = Some((progress.pages, progress.numbers));
    }

    /// Takes an event of a lane into account.
    pub(crate) fn apply(&mut self, lane: LaneId, event: &Event, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(lane.index()) {
            lane.apply(LaneId::default(), event, now);
        }
        let is_of_lane = matches!(
            event,
            Event::Phase(_) | Event::LimitFound(_) | Event::CredentialsAwaited(_) | Event::Stopped { .. }
        );
        if is_of_lane && !self.lanes.is_empty() {
            return self.show_lanes();
        }
        let second = self.second(now);
        match event {
            Event::Sent { again } => {
                self.in_flight += 1;
                self.retries += u64::from(*again);
            }
            Event::Settled(settlement) => {
                let rows = settlement.rows.len() as u64;
                match settlement.outcome {
                    Outcome::Succeeded => self.succeeded += rows,
                    Outcome::Failed => self.failed += rows,
                    Outcome::Unknown => self.unknown += rows,
                }
                if settlement.outcome != Outcome::Succeeded {
                    *self.failed_by_code.entry(settlement.code.clone()).or_default() += rows;
                }
                // Rows for which nothing was sent say nothing about how long the others will take.
                if settlement.attempts > 0 {
                    self.recent_rows.count(second, rows);
                }
            }
            Event::Attempt(outcome) => {
                self.requests += 1;
                self.last = now;
                self.in_flight = self.in_flight.saturating_sub(1);
                self.throttled += u64::from(*outcome == AttemptOutcome::Throttled);
                self.recent_requests.count(second, 1);
            }
            Event::Phase(phase) => {
                if matches!(self.phase, Some(Phase::Outage { .. })) {
                    self.recent_rows = Recent::default();
                }
                self.phase = Some(*phase);
            }
            Event::LimitFound(limit) => self.limit = Some(*limit),
            Event::CredentialsAwaited(awaited) => self.credentials_awaited.clone_from(awaited),
            Event::Stopped { reason, .. } => self.stopping = Some(*reason),
            Event::Intent { .. } | Event::Released { .. } | Event::Unavailable(_) => {}
        }
    }

    /// The state of the run is that of the first lane that has something to do and is not held up, if there is one.
    fn show_lanes(&mut self) {
        let is_at_work = |lane: &&Self| lane.settled() < lane.rows && lane.stopping.is_none();
        let is_held = |lane: &&Self| {
            lane.credentials_awaited.is_some()
                || matches!(lane.phase, Some(Phase::Outage { .. } | Phase::Throttled { .. }))
        };
        let at_work = || self.lanes.iter().filter(is_at_work);
        let all_stop = self.lanes.iter().all(|lane| lane.stopping.is_some() || lane.rows == 0);
        let first = at_work().find(|lane| !is_held(lane)).or_else(|| at_work().next());
        let state = first.map(|lane| (lane.phase, lane.credentials_awaited.clone()));
        let stopping = self.lanes.iter().filter_map(|lane| lane.stopping).max().filter(|_| all_stop);
        (self.phase, self.credentials_awaited) = state.unwrap_or_default();
        self.stopping = stopping;
    }

    /// Rows settled.
    #[must_use]
    pub(crate) fn settled(&self) -> u64 {
        self.succeeded + self.failed + self.unknown
    }

    /// Requests per second, over the last few seconds; in the first second, since the start.
    #[must_use]
    pub(crate) fn request_rate(&self, now: Instant) -> f64 {
        let second = self.second(now);
        match second.min(SHOWN_SECONDS) {
            0 => {
                let lasted = now.saturating_duration_since(self.started).as_secs_f64();
                self.requests as f64 / lasted.max(0.1)
            }
            window => self.recent_requests.between(second - window, second) as f64 / window as f64,
        }
    }

    /// From the start to the end of the last request.
    #[must_use]
    pub(crate) fn lasted(&self) -> Duration {
        self.last.saturating_duration_since(self.started)
    }

    /// How long the rest will take at the rate of the last minute. `None` in the first seconds, and while the run is
    /// held back: it cannot be estimated then.
    #[must_use]
    pub(crate) fn remaining(&self, now: Instant) -> Option<Duration> {
        if !self.lanes.is_empty() {
            return self.lanes.iter().filter_map(|lane| lane.remaining(now)).max();
        }
        let is_held = self.stopping.is_some()
            || self.credentials_awaited.is_some()
            || matches!(self.phase, Some(Phase::Outage { .. } | Phase::Throttled { .. }));
        let rate = self.recent_rows.rate(self.second(now)).filter(|_| !is_held)?;
        let left = self.rows.saturating_sub(self.settled()) as f64;
        Duration::try_from_secs_f64(left / rate).ok()
    }

    /// Whole seconds since the run began.
    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs()
    }
}

/// How many whole seconds the shown rate looks back: enough to be steady, few enough to be current.
const SHOWN_SECONDS: u64 = 7;

/// The time left is estimated from at most and at least this many seconds. A shorter job does not need an estimate.
const MINUTE: u64 = 60;
const STEADY: u64 = 5;

/// After this many seconds without a count, earlier counts say nothing about the current rate.
const PAUSE: u64 = 30;

/// Counts of the last seconds: pairs of a second and its count, without seconds that have none.
#[derive(Debug, Clone, Default)]
struct Recent(VecDeque<(u64, u64)>);

impl Recent {
    fn count(&mut self, second: u64, count: u64) {
        match self.0.back_mut() {
            Some((last, sum)) if *last == second => *sum += count,
            Some((last, _)) if *last + PAUSE < second => self.0 = [(second, count)].into(),
            _ => self.0.push_back((second, count)),
        }
        self.0.retain(|(at, _)| at + MINUTE >= second);
    }

    fn between(&self, from: u64, to: u64) -> u64 {
        self.0.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, count)| count).sum()
    }

    /// Per second, from the first of the seconds to the last that is over. The count of the first is left out: it may
    /// come from a full bucket, and the measurement may have started at any point in that second.
    fn rate(&self, second: u64) -> Option<f64> {
        let (first, _) = *self.0.front()?;
        let (last, _) = *self.0.iter().rfind(|(at, _)| *at < second)?;
        let span = last.saturating_sub(first);
        (span >= STEADY).then(|| self.between(first + 1, last + 1) as f64 / span as f64)
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
                tally.apply(LaneId::default(), &Event::Attempt(AttemptOutcome::Throttled), now);
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
        let failed = |code: &str, outcome, rows: u32| {
            Event::Settled(crate::event::Settlement {
                rows: (0..rows).map(crate::input::RowId::new).collect(),
                outcome,
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
            failed("", Outcome::Succeeded, 7),
            failed("Timeout", Outcome::Unknown, 2),
            failed("Forbidden", Outcome::Failed, 3),
            failed("Forbidden", Outcome::Failed, 1),
        ] {
            tally.apply(LaneId::default(), &event, later);
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
                tally.apply(LaneId::default(), &Event::Attempt(AttemptOutcome::Answered), now);
                tally.apply(LaneId::default(), &Event::Settled(two_rows()), now);
            }
        }
    }

    fn awaited(until: Instant) -> Awaited {
        Awaited { until, cause: crate::event::Cause { code: "".into(), text: "".into() } }
    }

    fn two_rows() -> crate::event::Settlement {
        crate::event::Settlement {
            rows: vec![crate::input::RowId::new(0), crate::input::RowId::new(1)],
            outcome: Outcome::Succeeded,
            code: "".into(),
            message: "".into(),
            attempts: 1,
            request_id: None,
            at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn left(tally: &Tally, at: Instant) -> Option<f64> {
        tally.remaining(at).map(|left| left.as_secs_f64())
    }

    #[test]
    fn the_time_left_comes_from_the_last_minute_and_is_none_while_held_back() {
        let start = origin();
        let phase = |phase| vec![Event::Phase(phase)];
        let outage = phase(Phase::Outage { since: start, next_probe: None });
        let throttled = phase(Phase::Throttled { until: start + Duration::from_secs(90) });
        let stopped = Event::Stopped { reason: StopReason::Interrupted, at: jiff::Timestamp::UNIX_EPOCH };
        for (name, rates, after, expected) in [
            ("nothing was answered", vec![], vec![], None),
            ("too early to say", vec![20; 5], vec![], None),
            ("steady", vec![20; 15], vec![], Some(40.0)),
            ("in the meantime faster", [[5; 60], [20; 60]].concat(), vec![], Some(40.0)),
            ("after a silent minute", [vec![20; 20], vec![0; 60], vec![10; 15]].concat(), vec![], Some(80.0)),
            ("an outage", vec![20; 15], outage.clone(), None),
            ("just after it", vec![20; 15], [outage, phase(Phase::Starting)].concat(), None),
            ("throttled", vec![20; 15], throttled, None),
            ("paced", vec![20; 15], phase(Phase::Paced { rate: 20.0 }), Some(40.0)),
            (
                "without credentials",
                vec![20; 15],
                vec![Event::CredentialsAwaited(Some(awaited(start)))],
                None,
            ),
            ("stopping", vec![20; 15], vec![stopped], None),
        ] {
            let answers: u32 = rates.iter().sum();
            let mut tally = Tally::new(2 * u64::from(answers) + 1_600, start);
            let end = start + Duration::from_secs(rates.len() as u64);
            answer(&mut tally, start, &rates);
            after.iter().for_each(|event| tally.apply(LaneId::default(), event, end));
            let right = match (left(&tally, end), expected) {
                (Some(left), Some(expected)) => (left / expected - 1.0_f64).abs() < 0.02,
                (left, expected) => left == expected,
            };
            assert!(right, "{name}: {:?}, not {expected:?}", left(&tally, end));
        }
    }

    #[test]
    fn rows_settled_without_a_request_do_not_make_the_others_faster() {
        let start = origin();
        let mut tally = Tally::new(1_100, start);
        answer(&mut tally, start, &[10; 15]);
        let closed = crate::event::Settlement { attempts: 0, ..two_rows() };
        let end = start + Duration::from_secs(15);
        (0..100).for_each(|_| tally.apply(LaneId::default(), &Event::Settled(closed.clone()), end));
        let left = left(&tally, end).unwrap();
        assert!((left - 30.0).abs() < 0.5, "600 rows are left, at 20 rows/s: {left}");
    }
}
