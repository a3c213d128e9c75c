//! How far a run is, from its journal: what is settled, at what pace, and what the run is doing.
//!
//! Pure: the time is an argument. Must not be needed for a report.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::{Outcome, State, StopReason};
use crate::journal::entry::{Entry, Session};

/// The pace is that of the last minute.
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// A shorter time says nothing about the pace.
const STEADY: SignedDuration = SignedDuration::from_secs(5);

/// How far a run is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// The process that works on it, or was the last to do so.
    pub(crate) session: Option<Session>,
    /// Rows that earlier processes settled.
    settled_before: u64,
    /// Rows settled, by outcome.
    pub(crate) succeeded: u64,
    /// See [`Outcome::Failed`].
    pub(crate) failed: u64,
    /// See [`Outcome::Unknown`].
    pub(crate) unknown: u64,
    /// Rows that failed or are unknown, by the error's name.
    pub(crate) failed_by_code: BTreeMap<Box<str>, u64>,
    /// What the process is doing, and since when.
    pub(crate) state: Option<(State, Timestamp)>,
    /// Why the process stopped early, or is stopping.
    pub(crate) stopped: Option<StopReason>,
    /// When the last rows were settled.
    pub(crate) last: Option<Timestamp>,
    /// Since when the process has been sending: its start, or the end of the last pause.
    sending_since: Option<Timestamp>,
    /// Rows settled with an answer in the last minute before `last`: when, and how many.
    recent: VecDeque<(Timestamp, u64)>,
}

impl Progress {
    /// Takes an entry of the journal into account.
    pub(crate) fn apply(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Session(session) => {
                self.settled_before = self.settled();
                (self.state, self.stopped) = (None, None);
                self.resume(session.at);
                self.session = Some(session.clone());
            }
            Entry::Settled(settlement) => {
                let rows = settlement.rows.len() as u64;
                *match settlement.outcome {
                    Outcome::Succeeded => &mut self.succeeded,
                    Outcome::Failed => &mut self.failed,
                    Outcome::Unknown => &mut self.unknown,
                } += rows;
                if settlement.outcome != Outcome::Succeeded {
                    *self.failed_by_code.entry(settlement.code.clone()).or_default() += rows;
                }
                self.last = self.last.max(Some(settlement.at));
                // Rows for which nothing was sent say nothing about how long the others will take.
                if settlement.attempts > 0 {
                    self.count(settlement.at, rows);
                }
            }
            Entry::State { is, at } => {
                if self.is_held() && !is.is_held() {
                    self.resume(*at);
                }
                self.state = Some((*is, *at));
            }
            Entry::Stopped { reason, at } => {
                self.stopped = self.stopped.max(Some(*reason));
                self.state = Some((State::Stopping, *at));
            }
            Entry::Header(_)
            | Entry::Found { .. }
            | Entry::Intent { .. }
            | Entry::Released { .. }
            | Entry::Reported { .. } => {}
        }
    }

    fn resume(&mut self, at: Timestamp) {
        self.recent.clear();
        self.sending_since = Some(at);
    }

    fn count(&mut self, at: Timestamp, rows: u64) {
        match self.recent.back_mut() {
            Some((last, sum)) if *last == at => *sum += rows,
            _ => self.recent.push_back((at, rows)),
        }
        while self.recent.front().is_some_and(|(first, _)| at.duration_since(*first) > MINUTE) {
            self.recent.pop_front();
        }
    }

    /// Whether nothing is sent at the moment, except probes.
    #[must_use]
    pub(crate) fn is_held(&self) -> bool {
        self.state.is_some_and(|(state, _)| state.is_held())
    }

    /// Rows settled.
    #[must_use]
    pub(crate) fn settled(&self) -> u64 {
        self.succeeded + self.failed + self.unknown
    }

    /// Rows settled, and to be settled; `None` if the process did not say how many it has to send.
    #[must_use]
    pub(crate) fn rows(&self) -> Option<u64> {
        Some(self.session.as_ref()?.numbers? + self.settled_before)
    }

    /// Rows settled per second, in the last minute before `now`. `None` in the first seconds, and while nothing is sent.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(crate) fn pace(&self, now: Timestamp) -> Option<f64> {
        let since = self.sending_since?;
        let since = now.checked_sub(MINUTE).map_or(since, |earlier| since.max(earlier));
        let lasted = now.duration_since(since);
        let rows: u64 = self.recent.iter().filter(|(at, _)| *at >= since).map(|(_, rows)| rows).sum();
        (lasted >= STEADY && !self.is_held()).then(|| rows as f64 / lasted.as_secs_f64())
    }

    /// How long the rest takes at this pace.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.rows()?.saturating_sub(self.settled()) as f64;
        Duration::try_from_secs_f64(left / self.pace(now)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::event::Settlement;
    use crate::input::RowId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("in range")
    }

    fn settled(second: i64, rows: u32, outcome: Outcome, attempts: u32) -> Entry<'static> {
        let code = if outcome == Outcome::Succeeded { "" } else { "Gone" };
        Entry::Settled(Cow::Owned(Settlement {
            rows: (0..rows).map(RowId::new).collect(),
            outcome,
            code: code.into(),
            message: "".into(),
            attempts,
            request_id: None,
            at: at(second),
        }))
    }

    fn session(second: i64, numbers: u64) -> Entry<'static> {
        Entry::Session(Session { numbers: Some(numbers), ..Session::at(at(second)) })
    }

    fn progress(entries: impl IntoIterator<Item = Entry<'static>>) -> Progress {
        let mut progress = Progress::default();
        entries.into_iter().for_each(|entry| progress.apply(&entry));
        progress
    }

    /// Ten rows in each of these seconds.
    fn tens(seconds: std::ops::Range<i64>) -> impl Iterator<Item = Entry<'static>> {
        seconds.map(|second| settled(second, 10, Outcome::Succeeded, 1))
    }

    fn state(second: i64, is: State) -> [Entry<'static>; 1] {
        [Entry::State { is, at: at(second) }]
    }

    #[test]
    fn what_earlier_processes_settled_counts_but_not_for_the_pace() {
        let progress = progress(
            [session(0, 100), settled(1, 30, Outcome::Succeeded, 1), settled(1, 2, Outcome::Failed, 1)]
                .into_iter()
                .chain([Entry::Stopped { reason: StopReason::Interrupted, at: at(2) }])
                .chain([session(50, 68), settled(51, 8, Outcome::Unknown, 5)]),
        );
        assert_eq!((progress.rows(), progress.settled()), (Some(100), 40));
        assert_eq!((progress.succeeded, progress.failed, progress.unknown), (30, 2, 8));
        assert_eq!(progress.failed_by_code["Gone"], 10);
        assert_eq!((progress.stopped, progress.state), (None, None), "the second process did not stop");
        assert_eq!(progress.pace(at(58)), Some(1.0));
        assert_eq!(progress.left(at(58)), Some(Duration::from_secs(60)));
    }

    #[test]
    fn the_pace_is_that_of_the_last_minute_and_none_while_held() {
        let sending = || [session(0, 10_000)].into_iter().chain(tens(0..200));
        let none_sent = (200..260).map(|second| settled(second, 10, Outcome::Failed, 0));
        let table: Vec<(&str, Progress, i64, Option<f64>)> = vec![
            ("the first seconds", progress([session(0, 10_000)].into_iter().chain(tens(0..4))), 4, None),
            ("steady", progress(sending()), 200, Some(10.0)),
            ("nothing settled for half a minute", progress(sending()), 230, Some(5.0)),
            ("nothing settled for long", progress(sending()), 1000, Some(0.0)),
            ("rows for which nothing was sent", progress(sending().chain(none_sent)), 260, Some(0.0)),
            ("probing", progress(sending().chain(state(190, State::Probing))), 200, Some(10.0)),
            ("throttled", progress(sending().chain(state(200, State::Throttled))), 200, None),
            ("an outage", progress(sending().chain(state(200, State::Outage))), 200, None),
            ("no keys", progress(sending().chain(state(200, State::CredentialsRefused))), 200, None),
            (
                "just after a pause",
                progress(
                    sending()
                        .chain(state(200, State::Outage))
                        .chain(state(500, State::Paced))
                        .chain(tens(500..510)),
                ),
                510,
                Some(10.0),
            ),
            (
                "stopping",
                progress(sending().chain([Entry::Stopped { reason: StopReason::Deadline, at: at(200) }])),
                200,
                None,
            ),
            ("a clock that is behind", progress(sending()), -100, None),
        ];
        for (what, progress, now, pace) in table {
            assert_eq!(progress.pace(at(now)), pace, "{what}");
            assert_eq!(progress.left(at(now)).is_some(), pace.is_some_and(|pace| pace > 0.0), "{what}");
        }
    }

    #[test]
    fn an_old_journal_does_not_say_how_many_rows_there_are() {
        let progress = progress([Entry::Session(Session::at(at(0)))].into_iter().chain(tens(0..60)));
        assert_eq!((progress.rows(), progress.left(at(60))), (None, None));
        assert_eq!(progress.pace(at(60)), Some(10.0));
    }
}
