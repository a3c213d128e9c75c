//! When a run stops by itself: after too many failures, or without a success for too long.
//!
//! Pure: the time is an argument. Must not know signals or clocks: those reach the pool as a [`StopReason`].

use std::time::{Duration, Instant};

use crate::event::{Outcome, Settlement, StopReason};

/// Watches for reasons to stop.
pub(crate) struct StopRules {
    max_failures: Option<u64>,
    give_up_after: Duration,
    failures: u64,
    /// Since when the service has only caused trouble.
    trouble_since: Option<Instant>,
}

impl StopRules {
    /// `max_failures` counts rows.
    pub(crate) fn new(max_failures: Option<u64>, give_up_after: Duration) -> Self {
        Self { max_failures, give_up_after, failures: 0, trouble_since: None }
    }

    /// The service processed a request.
    pub(crate) fn answered(&mut self) {
        self.trouble_since = None;
    }

    /// The service throttled, was unavailable, or refused the credentials.
    pub(crate) fn trouble(&mut self, now: Instant) {
        self.trouble_since.get_or_insert(now);
    }

    /// Rows were settled.
    pub(crate) fn settled(&mut self, settlement: &Settlement) {
        if settlement.outcome != Outcome::Succeeded {
            self.failures += settlement.rows.len() as u64;
        }
    }

    /// The reason to stop at `now`, if there is one.
    pub(crate) fn reason(&self, now: Instant) -> Option<StopReason> {
        if self.max_failures.is_some_and(|max| self.failures > max) {
            return Some(StopReason::TooManyFailures);
        }
        self.gives_up_at().is_some_and(|at| at <= now).then_some(StopReason::GaveUp)
    }

    /// When the run gives up, unless the service processes a request before then.
    pub(crate) fn gives_up_at(&self) -> Option<Instant> {
        self.trouble_since.map(|since| since + self.give_up_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn failures_beyond_the_maximum_stop_the_run() {
        let now = origin();
        let mut rules = StopRules::new(Some(10), Duration::from_secs(60));
        rules.settled(&settlement(Outcome::Succeeded, 100));
        rules.settled(&settlement(Outcome::Failed, 6));
        rules.settled(&settlement(Outcome::Unknown, 4));
        assert_eq!(rules.reason(now), None, "exactly the maximum is allowed");
        rules.settled(&settlement(Outcome::Failed, 1));
        assert_eq!(rules.reason(now), Some(StopReason::TooManyFailures));
    }

    #[test]
    fn trouble_without_a_success_stops_the_run_after_give_up_after() {
        let now = origin();
        let minute = Duration::from_secs(60);
        let mut rules = StopRules::new(None, 2 * minute);
        assert_eq!(rules.gives_up_at(), None, "no trouble, no end");
        rules.trouble(now);
        rules.trouble(now + minute);
        assert_eq!(rules.reason(now + minute), None);
        assert_eq!(rules.reason(now + 2 * minute), Some(StopReason::GaveUp));
        rules.answered();
        assert_eq!(rules.reason(now + 9 * minute), None);
    }
}
