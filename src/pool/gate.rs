//! Refused credentials: when to re-read them, when to wait, when to try again.
//!
//! Credentials that never worked in this run end it at once. Credentials that worked and are refused now have most
//! likely expired: the run pauses and looks again every 30 s, because somebody will renew them in the morning. A
//! request that was signed before the last renewal says nothing about the new credentials.
//!
//! Pure: the time is an argument. Must not read credentials itself.

use std::time::{Duration, Instant};

/// How often to look for new credentials. A person renews them, or a script once an hour: sooner would only be noise.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What a renewal brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Credentials other than the refused ones.
    Fresh,
    /// The refused ones again, or none.
    Nothing,
}

/// What may be done now, as far as credentials are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Send.
    Go,
    /// Send one request, and wait for its answer.
    One,
    /// Re-read the credentials now, and tell [`Gate::renewed`].
    Renew,
    /// Not before then.
    Until(Instant),
    /// Not before an answer or a renewal comes.
    Wait,
    /// The credentials never worked: end the run.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Refused { waited: bool },
    Renewing { waited: bool },
    Waiting { until: Instant },
    Probation,
    Never,
}

/// The state of the credentials.
#[derive(Debug)]
pub struct Gate {
    state: State,
    worked: bool,
    epoch: u32,
}

impl Default for Gate {
    fn default() -> Self {
        Self { state: State::Open, worked: false, epoch: 0 }
    }
}

impl Gate {
    /// Which credentials a request sent now is signed with.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// When the run, which waits for new credentials, looks for them; `now` if it does so already. `None`: it does not
    /// wait.
    #[must_use]
    pub fn looks_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Refused { waited: true } | State::Renewing { waited: true } => Some(now),
            _ => None,
        }
    }

    /// What may be done at `now` with `in_flight` requests unanswered.
    pub fn pass(&mut self, now: Instant, in_flight: usize) -> Pass {
        match self.state {
            State::Open => Pass::Go,
            State::Never => Pass::Never,
            State::Probation if in_flight == 0 => Pass::One,
            State::Probation | State::Renewing { .. } => Pass::Wait,
            // The answers that are still to come may show that only one connector was denied.
            State::Refused { .. } if in_flight > 0 => Pass::Wait,
            State::Refused { waited } => {
                self.state = State::Renewing { waited };
                Pass::Renew
            }
            State::Waiting { until } if now < until => Pass::Until(until),
            State::Waiting { .. } => {
                self.state = State::Renewing { waited: true };
                Pass::Renew
            }
        }
    }

    /// The service refused credentials of `epoch`.
    pub fn refused(&mut self, epoch: u32) {
        if epoch == self.epoch && matches!(self.state, State::Open | State::Probation) {
            self.state = State::Refused { waited: false };
        }
    }

    /// A renewal ended.
    pub fn renewed(&mut self, renewal: Renewal, now: Instant) {
        let State::Renewing { waited } = self.state else { return };
        self.state = match renewal {
            Renewal::Nothing if !self.worked => State::Never,
            Renewal::Nothing if !waited => State::Waiting { until: now + LOOK_AGAIN },
            // After a wait even the old ones deserve a try: the refusal may have been the service's mistake.
            Renewal::Nothing | Renewal::Fresh => {
                self.epoch += 1;
                State::Probation
            }
        };
    }

    /// The service accepted credentials of `epoch`.
    pub fn accepted(&mut self, epoch: u32) {
        self.worked = true;
        if epoch == self.epoch {
            self.state = match self.state {
                State::Probation => State::Open,
                State::Refused { .. } => State::Probation,
                other => other,
            };
        }
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
    fn credentials_that_never_worked_end_the_run() {
        let now = origin();
        let mut gate = Gate::default();
        assert_eq!(gate.pass(now, 0), Pass::Go);
        gate.refused(0);
        assert_eq!(gate.pass(now, 3), Pass::Wait, "the others may know better");
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        assert_eq!(gate.pass(now, 0), Pass::Wait, "one renewal at a time");
        gate.renewed(Renewal::Fresh, now);
        assert_eq!(gate.pass(now, 1), Pass::Wait, "one probe at a time");
        assert_eq!(gate.pass(now, 0), Pass::One);
        gate.refused(1);
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, now);
        assert_eq!(gate.pass(now, 0), Pass::Never);
    }

    #[test]
    fn expired_credentials_are_looked_for_every_30_seconds() {
        let now = origin();
        let mut gate = Gate::default();
        gate.accepted(0);
        gate.refused(0);
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, now);
        let later = now + LOOK_AGAIN;
        assert_eq!(gate.pass(now, 0), Pass::Until(later));
        assert!(gate.looks_at(now).is_some());
        assert_eq!(gate.pass(later, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, later);
        assert_eq!(gate.pass(later, 0), Pass::One, "the old ones get one try");
        gate.refused(1);
        assert_eq!(gate.pass(later, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, later);
        assert_eq!(gate.pass(later, 0), Pass::Until(later + LOOK_AGAIN));
        assert_eq!(gate.pass(later + LOOK_AGAIN, 0), Pass::Renew);
        gate.renewed(Renewal::Fresh, later + LOOK_AGAIN);
        assert_eq!(gate.pass(later + LOOK_AGAIN, 0), Pass::One);
        gate.accepted(gate.epoch());
        assert_eq!(gate.pass(later + LOOK_AGAIN, 9), Pass::Go);
        assert!(gate.looks_at(now).is_none());
    }

    #[test]
    fn credentials_that_work_elsewhere_are_tried_again_at_once() {
        let now = origin();
        let mut gate = Gate::default();
        gate.refused(0);
        gate.accepted(0);
        assert_eq!(gate.pass(now, 1), Pass::Wait);
        assert_eq!(gate.pass(now, 0), Pass::One);
    }

    #[test]
    fn old_news_is_ignored() {
        let now = origin();
        let mut gate = Gate::default();
        gate.accepted(0);
        gate.refused(0);
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        gate.refused(0);
        gate.renewed(Renewal::Fresh, now);
        gate.refused(0);
        assert_eq!(
            gate.pass(now, 0),
            Pass::One,
            "refusals of requests signed before the renewal say nothing"
        );
        gate.accepted(0);
        assert_eq!(gate.pass(now, 0), Pass::One, "nor do their successes");
    }
}
