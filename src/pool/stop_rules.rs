//! When a run stops by itself: after too many failures, if nothing works from the start, without a success for too long,
//! or at a time of day.
//!
//! Pure: the time is an argument. The time of day is the wall clock's, looked at every second and before each request:
//! a clock that only counts seconds stands still while the machine sleeps, and does not know that the wall clock was
//! set. Must not know signals or clocks: those reach the pool as a [`StopReason`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::event::{Cause, Outcome, Settlement, StopReason};
use crate::pool::settings::PoolSettings;

/// How often the wall clock is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How many rows must fail alike, with none that ended differently, before the list is taken for the wrong one. Four
/// requests of the usual size, so that one odd batch does not end a night; and few enough to find out at once.
const WRONG_AFTER: u64 = 200;

/// Watches for reasons to stop.
pub(crate) struct StopRules {
    max_failures: Option<u64>,
    give_up_after: Duration,
    patience: Duration,
    stop_at: Option<Timestamp>,
    failed: Arc<AtomicU64>,
    /// How many rows have failed, all with this code; `None` once one has ended differently, or if the rule is off.
    alike: Option<(u64, Box<str>)>,
    has_answered: bool,
    /// Whether the latest trouble is for a person to mend.
    needs_person: bool,
    /// Since when the service has only caused trouble.
    trouble_since: Option<Instant>,
}

impl StopRules {
    /// The rules that the settings name.
    pub(crate) fn new(settings: &PoolSettings) -> Self {
        Self {
            max_failures: settings.max_failures,
            give_up_after: settings.give_up_after,
            patience: settings.patience.min(settings.give_up_after),
            stop_at: settings.stop_at,
            failed: Arc::clone(&settings.failed),
            alike: settings.doubts_list.then(Default::default),
            has_answered: false,
            needs_person: false,
            trouble_since: None,
        }
    }

    /// The service processed a request.
    pub(crate) fn answered(&mut self) {
        self.has_answered = true;
        self.trouble_since = None;
    }

    /// The service throttled, was unavailable, or refused the credentials. `needs_person`: no request can work before a
    /// person has changed something.
    pub(crate) fn trouble(&mut self, now: Instant, needs_person: bool) {
        self.needs_person = needs_person;
        self.trouble_since.get_or_insert(now);
    }

    /// Rows were settled.
    pub(crate) fn settled(&mut self, settlement: &Settlement) {
        if settlement.outcome != Outcome::Succeeded {
            self.failed.fetch_add(settlement.rows.len() as u64, Ordering::Relaxed);
        }
    }

    /// Rows were settled by what the service said to them, each for itself or all of their request.
    pub(crate) fn judged(&mut self, Settlement { rows, outcome, code, .. }: &Settlement) {
        self.alike = self.alike.take().and_then(|(failed, first)| {
            let is_alike = *outcome == Outcome::Failed && (failed == 0 || first == *code);
            is_alike.then(|| (failed + rows.len() as u64, code.clone()))
        });
    }

    /// The error with which all rows have failed, if they are many enough to stop for that.
    pub(crate) fn wrong_list(&self) -> Option<Cause> {
        let (_, code) = self.alike.as_ref().filter(|(failed, _)| *failed >= WRONG_AFTER)?;
        Some(Cause { code: code.clone(), text: code.clone() }) // a message may have a number in it
    }

    /// The reason to stop at `now`, which is `wall` by the wall clock, if there is one.
    pub(crate) fn reason(&self, now: Instant, wall: Timestamp) -> Option<StopReason> {
        if self.max_failures.is_some_and(|max| self.failed.load(Ordering::Relaxed) > max) {
            return Some(StopReason::TooManyFailures);
        }
        if self.wrong_list().is_some() {
            return Some(StopReason::WrongList);
        }
        if self.stop_at.is_some_and(|at| at <= wall) {
            return Some(StopReason::Deadline);
        }
        let gives_up = self.gives_up_at().is_some_and(|at| at <= now);
        gives_up.then_some(if self.is_hopeless() { StopReason::NeverReached } else { StopReason::GaveUp })
    }

    /// When to look for a reason to stop again.
    pub(crate) fn look_at(&self, now: Instant) -> Option<Instant> {
        let looks = self.stop_at.map(|_| now + LOOK);
        [looks, self.gives_up_at()].into_iter().flatten().min()
    }

    /// When the run gives up, unless the service processes a request before then.
    fn gives_up_at(&self) -> Option<Instant> {
        let patience = if self.is_hopeless() { self.patience } else { self.give_up_after };
        self.trouble_since.map(|since| since + patience)
    }

    /// The service has never answered, and will not until a person has mended something.
    fn is_hopeless(&self) -> bool {
        self.needs_person && !self.has_answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::input::RowId;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn settlement(outcome: Outcome, rows: u32) -> Settlement {
        Settlement {
            rows: (0..rows).map(RowId::new).collect(),
            outcome,
            code: "".into(),
            message: "".into(),
            attempts: 1,
            request_id: None,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    const WALL: Timestamp = Timestamp::UNIX_EPOCH;
    const MINUTE: Duration = Duration::from_secs(60);

    fn rules(change: impl FnOnce(&mut PoolSettings)) -> StopRules {
        let mut settings = PoolSettings {
            action: Action::Disassociate,
            concurrency: std::num::NonZeroUsize::MIN,
            pace: crate::pool::pace::PaceSettings::default(),
            max_attempts: std::num::NonZeroU32::MIN,
            failed: Arc::default(),
            max_failures: None,
            doubts_list: true,
            give_up_after: 10 * MINUTE,
            patience: 2 * MINUTE,
            stop_at: None,
            keys_are_fixed: false,
            not_found_is_success: false,
        };
        change(&mut settings);
        StopRules::new(&settings)
    }

    #[test]
    fn failures_beyond_the_maximum_stop_the_run() {
        let now = origin();
        let mut rules = rules(|settings| settings.max_failures = Some(10));
        rules.settled(&settlement(Outcome::Succeeded, 100));
        rules.settled(&settlement(Outcome::Failed, 6));
        rules.settled(&settlement(Outcome::Unknown, 4));
        assert_eq!(rules.reason(now, WALL), None, "exactly the maximum is allowed");
        rules.settled(&settlement(Outcome::Failed, 1));
        assert_eq!(rules.reason(now, WALL), Some(StopReason::TooManyFailures));
    }

    #[test]
    fn a_list_of_which_nothing_works_is_taken_for_the_wrong_one() {
        let failed = |code: &str, rows| Settlement { code: code.into(), ..settlement(Outcome::Failed, rows) };
        let ended = |outcome, rows| Settlement { code: "NotFound".into(), ..settlement(outcome, rows) };
        for (settled, doubts_list, is_wrong) in [
            (vec![failed("NotFound", 150), failed("NotFound", 50)], true, true),
            (vec![failed("NotFound", 150), failed("NotFound", 50)], false, false),
            (vec![failed("NotFound", 199)], true, false),
            (vec![failed("NotFound", 150), failed("Forbidden", 50)], true, false),
            (vec![failed("NotFound", 1), failed("Forbidden", 1), failed("Forbidden", 500)], true, false),
            (vec![ended(Outcome::Succeeded, 1), failed("NotFound", 500)], true, false),
            (
                vec![failed("NotFound", 199), ended(Outcome::Succeeded, 1), failed("NotFound", 200)],
                true,
                false,
            ),
            (vec![ended(Outcome::Unknown, 500)], true, false),
            (vec![failed("NotFound", 100), ended(Outcome::Unknown, 1), failed("NotFound", 200)], true, false),
        ] {
            let mut rules = rules(|settings| settings.doubts_list = doubts_list);
            settled.iter().for_each(|settlement| rules.judged(settlement));
            let reason = rules.reason(origin(), WALL);
            assert_eq!(reason, is_wrong.then_some(StopReason::WrongList), "{settled:?}");
            assert_eq!(rules.wrong_list().is_some_and(|cause| &*cause.text == "NotFound"), is_wrong);
        }
        assert!(StopReason::WrongList.because().contains(&format!(" {WRONG_AFTER} rows ")));
    }

    #[test]
    fn trouble_without_a_success_stops_the_run_after_give_up_after() {
        let now = origin();
        let mut rules = rules(|_| {});
        assert_eq!(rules.look_at(now), None, "no trouble, no end");
        rules.trouble(now, false);
        rules.trouble(now + MINUTE, false);
        assert_eq!(rules.look_at(now), Some(now + 10 * MINUTE));
        assert_eq!(rules.reason(now + 9 * MINUTE, WALL), None);
        assert_eq!(rules.reason(now + 10 * MINUTE, WALL), Some(StopReason::GaveUp));
        rules.answered();
        assert_eq!(rules.reason(now + 20 * MINUTE, WALL), None);
    }

    #[test]
    fn what_a_person_must_mend_ends_a_run_early_unless_the_service_has_answered() {
        let now = origin();
        for (answered, needs_person, patience, minutes, reason) in [
            (false, true, 2, 2, StopReason::NeverReached),
            (false, true, 0, 0, StopReason::NeverReached),
            (false, true, 99, 10, StopReason::NeverReached), // not longer than --give-up-after
            (false, false, 2, 10, StopReason::GaveUp),
            (true, true, 2, 10, StopReason::GaveUp),
        ] {
            let mut rules = rules(|settings| settings.patience = patience * MINUTE);
            if answered {
                rules.answered();
            }
            rules.trouble(now, needs_person);
            let end = now + minutes * MINUTE;
            assert_eq!(rules.look_at(now), Some(end));
            assert_eq!(rules.reason(end, WALL), Some(reason));
            assert!(
                minutes == 0 || rules.reason(now + (minutes * MINUTE).saturating_sub(LOOK), WALL).is_none()
            );
        }
    }

    #[test]
    fn the_time_of_day_is_looked_at_every_second() {
        let now = origin();
        let at = |second| Timestamp::from_second(second).unwrap();
        let rules = rules(|settings| settings.stop_at = Some(at(100)));
        assert_eq!(rules.look_at(now), Some(now + LOOK));
        assert_eq!(rules.reason(now, at(99)), None);
        assert_eq!(rules.reason(now, at(100)), Some(StopReason::Deadline));
        assert_eq!(rules.reason(now, at(100 + 5 * 3600)), Some(StopReason::Deadline), "after a suspend");
    }
}
