//! Refused credentials: when to re-read them, when to wait, when to try again.
//!
//! Credentials that never worked in this run end it at once. Credentials that worked and are refused now have most
//! likely expired: the run pauses and looks for new ones every 30 s, because they may be renewed later. They are only
//! re-read while nothing is in flight, so that every answer is about the current ones.
//!
//! Pure: the time is an argument. Must not read credentials itself.

use std::time::{Duration, Instant};

use crate::action::Action;
use crate::aws::protocol::ApiError;
use crate::event::{Awaited, Cause};

/// How often to look for new credentials. A person renews them, or a script once an hour: looking more often would not
/// help.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The result of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Credentials other than the refused ones.
    Fresh,
    /// The refused ones again, or none.
    Nothing,
}

/// What the credentials allow now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Send.
    Go,
    /// Re-read the credentials now, then call [`CredentialGate::renewed`].
    Renew,
    /// Wait for an answer or a renewal, or until this moment.
    Wait(Option<Instant>),
    /// The credentials never worked: end the run.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Open,
    Refused,
    /// Holds whether the run has waited before.
    Renewing(bool),
    /// Holds until when.
    Waiting(Instant),
    /// One request at a time, until one is accepted.
    Probation,
    Never,
}

const RENEW: &str =
    "renew them where they come from (`aws sso login`, or what you use): the run then continues by itself";
const FIXED: &str =
    "they are in this process's environment, where nothing can renew them: Ctrl-C, then rerun with new ones";

/// The state of the credentials.
#[derive(Debug, Default)]
pub(crate) struct CredentialGate {
    state: State,
    worked: bool,
    /// What the credentials must allow.
    action: Action,
    /// Whether the keys are in the environment of this process.
    keys_are_fixed: bool,
    /// The last refusal, until the credentials are accepted again.
    refusal: Option<Cause>,
    /// When the run last planned to look for new credentials, from its first wait until they are accepted.
    looks_at: Option<Instant>,
}

impl CredentialGate {
    /// Nothing was refused yet.
    pub(crate) fn new(action: Action, keys_are_fixed: bool) -> Self {
        Self { action, keys_are_fixed, ..Self::default() }
    }

    /// The last refusal, until the credentials are accepted again.
    pub(crate) fn refusal(&self) -> Option<&Cause> {
        self.refusal.as_ref()
    }

    /// When the run looks for new credentials, in the past if it is already looking, and why. `None` if it is not
    /// waiting for credentials.
    pub(crate) fn awaits(&self) -> Option<Awaited> {
        Some(Awaited { until: self.looks_at?, cause: self.refusal.clone()? })
    }

    /// What may be done at `now` with `in_flight` requests unanswered.
    pub(crate) fn pass(&mut self, now: Instant, in_flight: usize) -> Pass {
        match self.state {
            State::Never => Pass::Never,
            State::Renewing(_) => Pass::Wait(None),
            // The outstanding answers may show that only one connector was denied.
            State::Probation | State::Refused if in_flight > 0 => Pass::Wait(None),
            State::Open | State::Probation => Pass::Go,
            State::Waiting(until) if now < until => Pass::Wait(Some(until)),
            State::Refused | State::Waiting(_) => {
                self.state = State::Renewing(matches!(self.state, State::Waiting(_)));
                Pass::Renew
            }
        }
    }

    /// The service refused the credentials.
    pub(crate) fn refused(&mut self, error: &ApiError) {
        let code = if error.is_denied() { "AccessDenied" } else { "CredentialsRefused" };
        self.refusal = Some(Cause { code: code.into(), ..Cause::from(error) });
        if matches!(self.state, State::Open | State::Probation) {
            self.state = State::Refused;
        }
    }

    /// A renewal ended.
    pub(crate) fn renewed(&mut self, renewal: Renewal, now: Instant) {
        let State::Renewing(waited) = self.state else { return };
        self.state = match renewal {
            Renewal::Nothing if !self.worked => State::Never,
            Renewal::Nothing if !waited => {
                if self.looks_at.is_none() {
                    self.warn();
                }
                self.looks_at = Some(now + LOOK_AGAIN);
                State::Waiting(now + LOOK_AGAIN)
            }
            // After a wait even the old ones get a try: the refusal may have been the service's mistake.
            Renewal::Nothing | Renewal::Fresh => State::Probation,
        };
    }

    /// The service accepted the credentials.
    pub(crate) fn accepted(&mut self) {
        self.worked = true;
        self.state = match self.state {
            State::Probation => State::Open,
            State::Refused => State::Probation,
            other => other,
        };
        if self.state == State::Open {
            (self.refusal, self.looks_at) = (None, None);
        }
    }

    fn warn(&self) {
        let Some(Cause { code, text }) = &self.refusal else { return };
        let hint = match &**code {
            "AccessDenied" => {
                let needed = self.action.permission();
                &*format!("they need the action `{needed}`: the run continues by itself once it is allowed")
            }
            _ if self.keys_are_fixed => FIXED,
            _ => RENEW,
        };
        tracing::warn!(because = &**text, hint, "the service refuses the credentials: waiting for others");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn expired() -> ApiError {
        let kind = crate::aws::protocol::ErrorKind::Credentials;
        ApiError::without_reply(kind, "ExpiredTokenException", "the token has expired".to_owned())
    }

    #[test]
    fn credentials_that_never_worked_end_the_run() {
        let now = origin();
        let mut gate = CredentialGate::default();
        assert_eq!(gate.pass(now, 0), Pass::Go);
        gate.refused(&expired());
        assert_eq!(gate.pass(now, 3), Pass::Wait(None), "the other requests may still be accepted");
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        assert_eq!(gate.pass(now, 0), Pass::Wait(None), "one renewal at a time");
        gate.renewed(Renewal::Fresh, now);
        assert_eq!(gate.pass(now, 1), Pass::Wait(None), "one probe at a time");
        assert_eq!(gate.pass(now, 0), Pass::Go);
        gate.refused(&expired());
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, now);
        assert_eq!(gate.pass(now, 0), Pass::Never);
    }

    #[test]
    fn expired_credentials_are_reread_every_30_seconds() {
        let now = origin();
        let mut gate = CredentialGate::default();
        gate.accepted();
        gate.refused(&expired());
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, now);
        let later = now + LOOK_AGAIN;
        assert_eq!(gate.pass(now, 0), Pass::Wait(Some(later)));
        assert!(gate.awaits().is_some());
        assert_eq!(gate.pass(later, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, later);
        assert_eq!(gate.pass(later, 0), Pass::Go, "the old ones get one try");
        let cause = gate.awaits().map(|awaited| awaited.cause);
        let text = "ExpiredTokenException: the token has expired".into();
        assert_eq!(
            cause,
            Some(Cause { code: "CredentialsRefused".into(), text }),
            "it is still the same pause"
        );
        gate.refused(&expired());
        assert_eq!(gate.pass(later, 0), Pass::Renew);
        gate.renewed(Renewal::Nothing, later);
        assert_eq!(gate.pass(later, 0), Pass::Wait(Some(later + LOOK_AGAIN)));
        assert_eq!(gate.pass(later + LOOK_AGAIN, 0), Pass::Renew);
        gate.renewed(Renewal::Fresh, later + LOOK_AGAIN);
        assert_eq!(gate.pass(later + LOOK_AGAIN, 0), Pass::Go);
        gate.accepted();
        assert_eq!(gate.pass(later + LOOK_AGAIN, 9), Pass::Go);
        assert!(gate.awaits().is_none());
    }

    #[test]
    fn credentials_accepted_by_another_request_are_tried_again_at_once() {
        let now = origin();
        let mut gate = CredentialGate::default();
        gate.refused(&expired());
        gate.accepted();
        assert_eq!(gate.pass(now, 1), Pass::Wait(None));
        assert_eq!(gate.pass(now, 0), Pass::Go);
    }

    #[test]
    fn nothing_is_sent_during_a_renewal_and_more_refusals_change_nothing() {
        let now = origin();
        let mut gate = CredentialGate::default();
        gate.accepted();
        gate.refused(&expired());
        gate.refused(&expired());
        assert_eq!(gate.pass(now, 0), Pass::Renew);
        gate.refused(&expired());
        assert_eq!(gate.pass(now, 0), Pass::Wait(None));
        gate.renewed(Renewal::Fresh, now);
        assert_eq!(gate.pass(now, 0), Pass::Go);
    }
}
