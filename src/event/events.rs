//! The kinds of events, and the data of each.
//!
//! Must not know who sends or takes them.

use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::protocol::ApiError;
use crate::input::RowId;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// These rows may be sent from now on. Durable before the first of them is sent.
    Intent {
        /// In the order of sending.
        rows: Vec<RowId>,
    },
    /// The outcome of these rows is final, even if it is [`Outcome::Unknown`].
    Settled(Settlement),
    /// These rows were intended but not sent.
    Released {
        /// In no particular order.
        rows: Vec<RowId>,
    },
    /// The run ends before its work is done.
    Stopped {
        /// Why.
        reason: StopReason,
        /// When.
        at: Timestamp,
    },
    /// A request was sent. Only displayed, never recorded.
    Sent {
        /// An earlier request for the same numbers failed; being throttled is not a failure.
        again: bool,
    },
    /// A request was answered, or ended without an answer. Only displayed, never recorded.
    Attempt(AttemptOutcome),
    /// The pace changed its state. Only displayed, never recorded.
    Phase(Phase),
    /// The service's limit was found or refined, in requests per second. Only displayed, never recorded.
    LimitFound(f64),
    /// The credentials were refused: the run waits for new ones. `None`: the run continues. Only displayed, never
    /// recorded.
    CredentialsAwaited(Option<Awaited>),
    /// Everything fails, and why; `None`: the service answers again. Only displayed, never recorded.
    Unavailable(Option<Cause>),
}

impl Event {
    /// Whether the pool waits until it is durable.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Intent { .. })
    }
}

/// Rows that share one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Which rows.
    pub rows: Vec<RowId>,
    /// Their outcome.
    pub outcome: Outcome,
    /// The error's name; empty for a plain success.
    pub code: Box<str>,
    /// For the report; empty for a plain success.
    pub message: Box<str>,
    /// Requests sent for these rows in this run that count against `--max-attempts`; 0 if none was sent.
    pub attempts: u32,
    /// The service's id of the last request.
    pub request_id: Option<Box<str>>,
    /// When it was settled.
    pub at: Timestamp,
}

/// The outcome of a row that was attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The number was removed from its connector.
    Succeeded,
    /// The service refused, or was never reached: nothing changed.
    Failed,
    /// No definite answer: the change may have been made.
    Unknown,
}

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The service answered for the batch (per-number errors included).
    Answered,
    /// 429.
    Throttled,
    /// Anything else.
    Failed,
}

/// What the pace is doing, for display.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// The service has not refused anything yet.
    Starting,
    /// Searching for the limit after a refusal.
    Probing,
    /// Sending at `rate` requests/s.
    Paced {
        /// The current pace: the limit found, a little less, or a little more to test whether it has risen.
        rate: f64,
    },
    /// The service asked for a pause, or currently grants nothing at all.
    Throttled {
        /// When the next request is sent.
        until: Instant,
    },
    /// Everything fails; one probe at a time is sent.
    Outage {
        /// When it was noticed.
        since: Instant,
        /// `None`: a probe is in flight.
        next_probe: Option<Instant>,
    },
}

/// What a run is doing, in one word: for programs, and for the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// See [`Phase::Starting`].
    Starting,
    /// See [`Phase::Probing`].
    Probing,
    /// See [`Phase::Paced`].
    Paced,
    /// See [`Phase::Throttled`].
    Throttled,
    /// See [`Phase::Outage`].
    Outage,
    /// See [`Event::CredentialsAwaited`].
    CredentialsRefused,
    /// See [`Event::Stopped`].
    Stopping,
}

impl State {
    /// Whether nothing is sent, except probes.
    #[must_use]
    pub fn is_held(self) -> bool {
        matches!(self, Self::Throttled | Self::Outage | Self::CredentialsRefused | Self::Stopping)
    }
}

/// A wait for new credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// When the run looks for new ones; now if it is past.
    pub until: Instant,
    /// Why it waits.
    pub cause: Cause,
}

/// What held a run back, or ended it: the last refusal, or the last failure of an outage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// For a report's `error_code`.
    pub code: Box<str>,
    /// In words, with the service's own.
    pub text: Box<str>,
}

impl From<&ApiError> for Cause {
    fn from(error: &ApiError) -> Self {
        Self { code: error.code.clone(), text: format!("{}: {}", error.code, error.message).into() }
    }
}

/// How a run ends before its work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// What held the run back by then, if anything did.
    pub cause: Option<Cause>,
}

impl Stop {
    /// The report's `error_code` for rows that were not sent because of it.
    #[must_use]
    pub fn code(&self) -> &str {
        match &self.cause {
            // The cause is what the rows failed with that were sent.
            Some(cause) if self.reason != StopReason::WrongList => &cause.code,
            _ => self.reason.code(),
        }
    }

    /// In words, after "the run stopped because".
    #[must_use]
    pub fn because(&self) -> String {
        let cause = self.cause.as_ref().map(|cause| format!("; last error: {}", cause.text));
        self.reason.because().to_owned() + &cause.unwrap_or_default()
    }
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        Self { reason, cause: None }
    }
}

/// Why a run ends before its work is done. Ordered: a stop only escalates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// `--stop-at` or `--max-duration` was reached.
    Deadline,
    /// `--max-failures` was exceeded.
    TooManyFailures,
    /// The first rows that were sent all failed alike.
    WrongList,
    /// `--give-up-after` passed without one success.
    GaveUp,
    /// Several connectors were forbidden, and none worked.
    Forbidden,
    /// The service could not be reached from the start, and a person must mend why.
    #[serde(alias = "untrusted")]
    NeverReached,
    /// The credentials were refused from the start, or no new ones came.
    Credentials,
    /// SIGTERM or SIGHUP.
    Terminated,
    /// Ctrl-C.
    Interrupted,
    /// The journal cannot be written: nothing more may be sent, and nothing can be recorded.
    JournalFailed,
    /// A second SIGTERM or SIGHUP: end at once, keep the journal.
    Killed,
    /// The same, by Ctrl-C.
    Aborted,
}

impl StopReason {
    /// Whether to end at once, without waiting for what is in flight.
    #[must_use]
    pub fn is_abort(self) -> bool {
        self >= Self::JournalFailed
    }

    /// The name in the report's `error_code` for rows that were not sent because of the stop.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Deadline => "Deadline",
            Self::TooManyFailures => "TooManyFailures",
            Self::WrongList => "WrongList",
            Self::GaveUp => "GaveUp",
            Self::Forbidden => "AllForbidden",
            Self::NeverReached => "NeverReached",
            Self::Credentials => "CredentialsRefused",
            Self::Terminated => "Terminated",
            Self::Interrupted => "Interrupted",
            Self::JournalFailed => "JournalFailed",
            Self::Killed | Self::Aborted => "Aborted",
        }
    }

    /// In words, after "the run stopped because".
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::Deadline => "it reached its time limit (--stop-at or --max-duration)",
            Self::TooManyFailures => "more rows failed than --max-failures allows",
            Self::WrongList => {
                "the first 200 rows that were sent all failed alike, as with the wrong list, account or region"
            }
            Self::GaveUp => "no request succeeded for as long as --give-up-after allows",
            Self::Forbidden => "every connector tried was forbidden",
            Self::NeverReached => "the service was never reached, and waiting does not help",
            Self::Credentials => "the service refused the credentials",
            Self::Terminated => "it received a signal to terminate",
            Self::Interrupted => "it was interrupted",
            Self::JournalFailed => "its journal could not be written",
            Self::Killed | Self::Aborted => "it was aborted",
        }
    }
}
