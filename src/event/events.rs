//! The kinds of events, and what they tell.
//!
//! Must not know who sends or takes them.

use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::input::RowId;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// These rows may be sent from now on. Durable before the first of them is.
    Intent {
        /// In the order of sending.
        rows: Vec<RowId>,
    },
    /// The outcome of these rows is known, or as much of it as will be.
    Settled(Settlement),
    /// These rows were intended, and were not sent after all.
    Released {
        /// In no particular order.
        rows: Vec<RowId>,
    },
    /// The run ends before its work does.
    Stopped {
        /// Why.
        reason: StopReason,
        /// When.
        at: Timestamp,
    },
    /// A request went out. Only watched, never recorded.
    Sent {
        /// An earlier one for the same numbers failed; to be throttled is not to fail.
        again: bool,
    },
    /// One request got its answer, or ended without one. Only watched, never recorded.
    Attempt(AttemptOutcome),
    /// The pace changed its state. Only watched, never recorded.
    Phase(Phase),
    /// The service's limit is known, or known better, in requests per second. Only watched.
    LimitFound(f64),
    /// The credentials were refused: the run looks for new ones then, or at this moment. `None`: it goes on. Only
    /// watched.
    CredentialsAwaited(Option<Instant>),
}

impl Event {
    /// Whether somebody waits until it is durable.
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

/// What became of a row that the run took up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The number is off its connector.
    Succeeded,
    /// The service refused, or was never reached: nothing was changed.
    Failed,
    /// No definite answer: the change may have been made.
    Unknown,
}

/// How one request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The service answered for the batch (per-number errors included).
    Answered,
    /// 429.
    Throttled,
    /// Anything else, by the error's name.
    Failed(Box<str>),
}

/// What the pace is doing, for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// The service has not refused anything yet.
    Starting,
    /// Feeling for the limit after a refusal.
    Probing,
    /// Sending at `rate` requests/s.
    Paced {
        /// The present pace: the found limit, a little less, or a little more to see whether it has risen.
        rate: f64,
    },
    /// The service asked for silence, or grants nothing at all at present.
    Throttled {
        /// The next request goes out then.
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

/// Why a run ends before its work does. Ordered: a stop only escalates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// `--stop-at` or `--max-duration` was reached.
    Deadline,
    /// `--max-failures` was exceeded.
    TooManyFailures,
    /// `--give-up-after` passed without one success.
    GaveUp,
    /// Several connectors in a row were forbidden, and none worked.
    Forbidden,
    /// The service's certificate was not accepted from the start.
    Untrusted,
    /// The credentials were refused from the start, or no new ones came.
    Credentials,
    /// SIGTERM or SIGHUP.
    Terminated,
    /// Ctrl-C.
    Interrupted,
    /// The journal cannot be written: nothing more may be sent, and nothing be recorded.
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
            Self::GaveUp => "GaveUp",
            Self::Forbidden => "AllForbidden",
            Self::Untrusted => "CertificateNotTrusted",
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
            Self::Deadline => "its time was over (--stop-at or --max-duration)",
            Self::TooManyFailures => "more rows failed than --max-failures allows",
            Self::GaveUp => "the service gave no success for as long as --give-up-after",
            Self::Forbidden => "every connector tried was forbidden",
            Self::Untrusted => "the service's certificate is not trusted",
            Self::Credentials => "the service refused the credentials",
            Self::Terminated => "it was told to terminate",
            Self::Interrupted => "it was interrupted",
            Self::JournalFailed => "its journal could not be written",
            Self::Killed | Self::Aborted => "it was aborted",
        }
    }
}
