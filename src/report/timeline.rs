//! Requests and pauses over the course of a run, in bounded memory: for the page, and for `--summary-json`.
//!
//! It watches the same events as the tally. It must not affect results, nor know how it is drawn.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{AttemptOutcome, Event, Phase};

/// The most intervals kept. When there are more, every two become one: a night has no more of them than a minute.
const INTERVALS: i64 = 120;

/// The initial length of an interval, in milliseconds: a short run should have a shape, too.
const FIRST_MILLIS: u16 = 250;

/// The most pauses kept: of a service that flaps all night, the first hundred say enough.
const PAUSES: usize = 100;

/// Anything shorter is pacing, not what a person would call a pause.
const SHORTEST_PAUSE: f64 = 1.0;

/// Counts by time, in intervals that grow so that there are never many. Times may come in any order.
#[derive(Debug, Clone)]
pub struct Series<T> {
    millis: i64,
    slots: BTreeMap<i64, T>,
}

impl<T> Series<T> {
    /// Starts without counts, in intervals of this length.
    #[must_use]
    pub fn in_intervals_of(millis: u16) -> Self {
        Self { millis: millis.max(1).into(), slots: BTreeMap::new() }
    }
}

impl<T: Default + AddAssign> Series<T> {
    /// The counts of the interval that `at` is in.
    pub fn at(&mut self, at: Timestamp) -> &mut T {
        let millis = at.as_millisecond();
        loop {
            let slot = millis.div_euclid(self.millis);
            let first = self.slots.first_key_value().map_or(slot, |(first, _)| slot.min(*first));
            let last = self.slots.last_key_value().map_or(slot, |(last, _)| slot.max(*last));
            if last - first < INTERVALS {
                return self.slots.entry(slot).or_default();
            }
            self.millis *= 2;
            for (slot, counts) in std::mem::take(&mut self.slots) {
                *self.slots.entry(slot.div_euclid(2)).or_default() += counts;
            }
        }
    }

    /// The length of an interval in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    pub fn interval_seconds(&self) -> f64 {
        self.millis as f64 / 1e3
    }

    /// The intervals that are not empty, in order, each with its start.
    pub fn intervals(&self) -> impl Iterator<Item = (Timestamp, &T)> {
        let start = |slot: i64| Timestamp::from_millisecond(slot * self.millis).unwrap_or(Timestamp::MIN);
        self.slots.iter().map(move |(slot, counts)| (start(*slot), counts))
    }
}

/// A run over time, as `--summary-json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The length of each interval.
    pub interval_seconds: f64,
    /// The intervals in which a request ended, in order.
    pub intervals: Vec<Interval>,
    /// Times without requests, in order.
    pub pauses: Vec<Pause>,
    /// The number of pauses left out, because there were too many.
    pub pauses_left_out: u64,
}

/// What happened in an interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its beginning.
    pub at: Timestamp,
    /// Its requests.
    #[serde(flatten)]
    pub requests: Requests,
}

/// Requests that ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Requests {
    /// With an answer for the batch.
    pub answered: u64,
    /// With a 429.
    pub throttled: u64,
    /// With another error, or with no answer.
    pub failed: u64,
    /// The pace kept at the end, in requests per second, if there was one.
    pub pace: Option<f64>,
}

impl AddAssign for Requests {
    fn add_assign(&mut self, later: Self) {
        self.answered += later.answered;
        self.throttled += later.throttled;
        self.failed += later.failed;
        self.pace = later.pace.or(self.pace);
    }
}

/// A time in which nothing was sent, except probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub kind: PauseKind,
    /// From when.
    pub at: Timestamp,
    /// For how long.
    pub seconds: f64,
}

/// Why a run paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseKind {
    /// Everything failed.
    Outage,
    /// The service throttled everything, or asked for a pause.
    Throttled,
    /// The run waited for new credentials.
    Credentials,
}

impl PauseKind {
    /// In words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Outage => "an outage, everything failed",
            Self::Throttled => "the service granted nothing",
            Self::Credentials => "it waited for new credentials",
        }
    }
}

/// Builds a [`Timeline`] from events.
#[derive(Debug)]
pub struct Recorder {
    began: (Timestamp, Instant),
    series: Series<Requests>,
    pace: Option<f64>,
    /// Pauses that are still open, at most one of each kind.
    open: Vec<(PauseKind, Instant)>,
    pauses: Vec<Pause>,
    left_out: u64,
}

impl Recorder {
    /// Starts empty.
    #[must_use]
    pub fn new(at: Timestamp, now: Instant) -> Self {
        let (series, open, pauses) = (Series::in_intervals_of(FIRST_MILLIS), Vec::new(), Vec::new());
        Self { began: (at, now), series, pace: None, open, pauses, left_out: 0 }
    }

    /// Takes an event into account.
    pub fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Attempt(outcome) => {
                let (at, pace) = (self.time(now), self.pace);
                let requests = self.series.at(at);
                requests.pace = pace.or(requests.pace);
                *match outcome {
                    AttemptOutcome::Answered => &mut requests.answered,
                    AttemptOutcome::Throttled => &mut requests.throttled,
                    AttemptOutcome::Failed => &mut requests.failed,
                } += 1;
            }
            Event::Phase(phase) => {
                self.pace = if let Phase::Paced { rate } = phase { Some(*rate) } else { self.pace };
                let since = if let Phase::Outage { since, .. } = phase { *since } else { now };
                self.pause(PauseKind::Outage, matches!(phase, Phase::Outage { .. }), since, now);
                self.pause(PauseKind::Throttled, matches!(phase, Phase::Throttled { .. }), now, now);
            }
            Event::CredentialsAwaited(until) => {
                self.pause(PauseKind::Credentials, until.is_some(), now, now);
            }
            Event::Settled(_)
            | Event::Intent { .. }
            | Event::Released { .. }
            | Event::Stopped { .. }
            | Event::Sent { .. }
            | Event::LimitFound(_)
            | Event::Unavailable(_) => {}
        }
    }

    /// What was recorded until `now`.
    #[must_use]
    pub fn finish(mut self, now: Instant) -> Timeline {
        for kind in [PauseKind::Outage, PauseKind::Throttled, PauseKind::Credentials] {
            self.pause(kind, false, now, now);
        }
        self.pauses.sort_by_key(|pause| pause.at);
        let intervals = self.series.intervals();
        Timeline {
            interval_seconds: self.series.interval_seconds(),
            intervals: intervals.map(|(at, requests)| Interval { at, requests: *requests }).collect(),
            pauses: self.pauses,
            pauses_left_out: self.left_out,
        }
    }

    fn time(&self, now: Instant) -> Timestamp {
        let (at, began) = self.began;
        at.checked_add(now.saturating_duration_since(began)).unwrap_or(at)
    }

    /// Opens a pause of this kind at `since`, or closes it.
    fn pause(&mut self, kind: PauseKind, is_on: bool, since: Instant, now: Instant) {
        let open = self.open.iter().position(|(other, _)| *other == kind);
        match (open, is_on) {
            (None, true) => self.open.push((kind, since)),
            (Some(at), false) => {
                let (_, since) = self.open.swap_remove(at);
                let seconds = now.saturating_duration_since(since).as_secs_f64();
                let pause = Pause { kind, at: self.time(since), seconds };
                match pause.seconds >= SHORTEST_PAUSE {
                    true if self.pauses.len() < PAUSES => self.pauses.push(pause),
                    true => self.left_out += 1,
                    false => {}
                }
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn awaited(until: Instant) -> crate::event::Awaited {
        crate::event::Awaited { until, cause: crate::event::Cause { code: "".into(), text: "".into() } }
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
    fn recorder() -> (Recorder, Instant) {
        let now = Instant::now();
        (Recorder::new(Timestamp::from_second(1_700_000_000).expect("a time"), now), now)
    }

    #[test]
    fn a_night_has_as_few_intervals_as_a_minute_and_loses_no_request() {
        let (mut recorder, start) = recorder();
        for second in 0..30_000_u64 {
            let outcome = [AttemptOutcome::Answered, AttemptOutcome::Throttled, AttemptOutcome::Failed];
            for outcome in outcome.into_iter().take(1 + usize::try_from(second % 3).unwrap()) {
                recorder.apply(&Event::Attempt(outcome), start + Duration::from_secs(second));
            }
        }
        let timeline = recorder.finish(start + Duration::from_secs(30_000));
        assert_eq!((timeline.interval_seconds, timeline.intervals.len()), (256.0, 118));
        let sum = |count: fn(&Requests) -> u64| {
            timeline.intervals.iter().map(|it| count(&it.requests)).sum::<u64>()
        };
        assert_eq!(
            (sum(|it| it.answered), sum(|it| it.throttled), sum(|it| it.failed)),
            (30_000, 20_000, 10_000)
        );
        let text = serde_json::to_string(&timeline).unwrap();
        assert_eq!(serde_json::from_str::<Timeline>(&text).unwrap(), timeline);
    }

    #[test]
    fn pauses_are_told_from_pacing() {
        let (mut recorder, start) = recorder();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        for (seconds, event) in [
            (0.0, Event::Phase(Phase::Throttled { until: at(0.5) })),
            (0.5, Event::Phase(Phase::Paced { rate: 9.0 })),
            (1.0, Event::Attempt(AttemptOutcome::Answered)),
            (3.0, Event::Phase(Phase::Outage { since: at(2.0), next_probe: None })),
            (9.0, Event::Phase(Phase::Outage { since: at(2.0), next_probe: Some(at(12.0)) })),
            (12.0, Event::Phase(Phase::Paced { rate: 9.0 })),
            (20.0, Event::CredentialsAwaited(Some(awaited(start)))),
        ] {
            recorder.apply(&event, at(seconds));
        }
        let timeline = recorder.finish(at(50.0));
        let pauses =
            timeline.pauses.iter().map(|it| (it.kind, it.at.as_second() - 1_700_000_000, it.seconds));
        assert_eq!(
            pauses.collect::<Vec<_>>(),
            [(PauseKind::Outage, 2, 10.0), (PauseKind::Credentials, 20, 30.0)]
        );
        assert_eq!(timeline.intervals[0].requests.pace, Some(9.0));
    }

    #[test]
    fn times_may_come_in_any_order() {
        let mut series = Series::<Requests>::in_intervals_of(FIRST_MILLIS);
        for second in [500, 0, 99_999, 1, -7] {
            series.at(Timestamp::from_second(second).unwrap()).answered += 1;
        }
        assert!(series.intervals().count() <= 120);
        assert_eq!(series.intervals().map(|(_, counts)| counts.answered).sum::<u64>(), 5);
    }
}
