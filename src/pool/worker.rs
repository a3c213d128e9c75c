//! The life of a batch: from a reply to what is settled by it and what goes again.
//!
//! Pure: a reply and a job in, settlements and perhaps a job out. Must not know the pace, the queue or the journal.
//!
//! One rule runs through it: a row of which any earlier attempt ended without a definite answer can no longer be
//! `failed`, because that attempt may have worked. `NotFound` for its number proves that it did.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::api::{ApiError, BatchReply, ErrorKind, NumberError, reply};
use crate::event::{Fate, Settlement};
use crate::input::{ConnectorId, RowFlags, RowId, Rows};
use crate::number::PhoneNumber;
use crate::pool::split::SplitId;

/// A batch on its way: what was planned, and what has been learned since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Whose numbers.
    pub connector: ConnectorId,
    /// Which rows; never empty.
    pub rows: Vec<RowId>,
    /// Requests so far that count, for the report.
    pub attempts: u32,
    /// Those of them that count against `--max-attempts`: a batch that was split starts again.
    pub failures: u32,
    /// The mark of a failure of which it is open whether it counts; for [`Outage`](super::outage::Outage).
    pub failed_at: Option<u64>,
    /// Whether an attempt of this run ended without a definite answer.
    pub unanswered: bool,
    /// The split that this batch is a half of.
    pub split: Option<SplitId>,
    /// What the last attempt ended with.
    pub last_error: Option<Box<ApiError>>,
}

/// What follows from a reply that the service gave for the batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// The rows that are done.
    pub settled: Vec<Settlement>,
    /// The rest.
    pub rest: Rest,
}

/// What an answer leaves to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// These numbers were refused for a passing reason: after a backoff, again.
    Again(Job),
    /// An error names no number of the batch: only smaller batches can tell which one it is.
    Halve(Job),
}

impl Job {
    /// A batch as planned.
    #[must_use]
    pub fn new(connector: ConnectorId, rows: Vec<RowId>) -> Self {
        Self {
            connector,
            rows,
            attempts: 0,
            failures: 0,
            failed_at: None,
            unanswered: false,
            split: None,
            last_error: None,
        }
    }

    /// Its last attempt failed, and that counts.
    pub fn count(&mut self) {
        self.attempts += 1;
        self.failures += 1;
        self.failed_at = None;
    }

    /// Whether its last attempt ended without a word from the service.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let silent = |error: &ApiError| error.kind == ErrorKind::Unreachable || error.kind.is_silent();
        self.last_error.as_deref().is_some_and(silent)
    }

    /// Settles all rows with an error: `Failed`, or `Unknown` where an earlier attempt had no answer.
    #[must_use]
    pub fn refused(self, error: &ApiError, earlier: &RowFlags, at: Timestamp) -> Vec<Settlement> {
        let refusal = Refusal {
            silent: error.kind.is_silent(),
            code: &error.code,
            message: &error.message,
            request_id: error.request_id.as_deref(),
        };
        refused_rows(&self.rows, &self, &refusal, earlier, at)
    }

    /// Reads the service's answer: which rows are settled, which go again.
    ///
    /// `earlier` marks the rows of which an attempt of an earlier run may have worked.
    #[must_use]
    pub fn answered(mut self, reply: BatchReply, rows: &Rows, earlier: &RowFlags, at: Timestamp) -> Answered {
        self.attempts += 1;
        let request_id = reply.request_id.as_deref();
        let Ok(errors) = self.attribute(&reply.errors, rows) else {
            self.unanswered = true; // it may have worked for any of them
            self.last_error = Some(Box::new(unattributed(reply.request_id)));
            return Answered { settled: Vec::new(), rest: Rest::Halve(self) };
        };
        let mut settled = Vec::new();
        let mut again = Vec::new();
        let mut succeeded = Vec::with_capacity(self.rows.len());
        let mut found_gone = Vec::new();
        for &row in &self.rows {
            match rows.number(row).and_then(|number| errors.get(&number)) {
                None => succeeded.push(row),
                Some(error) if reply::is_transient(&error.code) => again.push((row, *error)),
                Some(error) if &*error.code == "NotFound" && (self.unanswered || earlier.get(row)) => {
                    found_gone.push(row);
                }
                Some(error) => {
                    let refusal =
                        Refusal { silent: false, code: &error.code, message: &error.message, request_id };
                    settled.extend(refused_rows(&[row], &self, &refusal, earlier, at));
                }
            }
        }
        let done = |rows, message: &str| Settlement {
            rows,
            fate: Fate::Succeeded,
            code: "".into(),
            message: message.into(),
            attempts: self.attempts,
            request_id: request_id.map(Into::into),
            at,
        };
        if !found_gone.is_empty() {
            settled.insert(0, done(found_gone, FOUND_GONE));
        }
        if !succeeded.is_empty() {
            settled.insert(0, done(succeeded, ""));
        }
        Answered { settled, rest: self.rest(&again, reply.request_id.clone()) }
    }

    fn rest(self, again: &[(RowId, &NumberError)], request_id: Option<Box<str>>) -> Rest {
        let Some(&(_, first)) = again.first() else { return Rest::Nothing };
        let error = ApiError {
            kind: ErrorKind::Rejected,
            status: Some(200),
            code: first.code.clone(),
            message: first.message.clone(),
            request_id,
        };
        Rest::Again(Self {
            rows: again.iter().map(|(row, _)| *row).collect(),
            failures: self.failures + 1,
            split: None,
            last_error: Some(Box::new(error)),
            ..self
        })
    }

    /// The errors by number. `Err`: one of them cannot be told to belong to a number of this batch.
    ///
    /// With a batch of one there is no doubt. A number that was not asked for is logged and changes nothing.
    fn attribute<'a>(
        &self,
        errors: &'a [NumberError],
        rows: &Rows,
    ) -> Result<HashMap<PhoneNumber, &'a NumberError>, Unattributed> {
        let only = if let [row] = self.rows[..] { rows.number(row) } else { None };
        let mut by_number = HashMap::with_capacity(errors.len());
        for error in errors {
            let number = error.number.or(only).ok_or(Unattributed)?;
            by_number.insert(number, error);
        }
        if !by_number.is_empty() {
            let asked: std::collections::HashSet<_> =
                self.rows.iter().filter_map(|&row| rows.number(row)).collect();
            for stranger in by_number.keys().filter(|number| !asked.contains(number)) {
                tracing::warn!(number = %stranger.masked(), "the reply names a number that was not in the batch");
            }
        }
        Ok(by_number)
    }
}

struct Unattributed;

fn unattributed(request_id: Option<Box<str>>) -> ApiError {
    ApiError {
        kind: ErrorKind::NoAnswer,
        status: Some(200),
        code: "UnattributedError".into(),
        message: "the reply has an error for a number that it does not name".into(),
        request_id,
    }
}

struct Refusal<'a> {
    /// No answer is all there is: no need to say that there was one before.
    silent: bool,
    code: &'a str,
    message: &'a str,
    request_id: Option<&'a str>,
}

const FOUND_GONE: &str = "the service no longer finds the number on this connector: an earlier attempt, whose answer was lost, worked";

const MAYBE_DONE: &str = "an earlier attempt had no answer and may have worked; then: ";

fn refused_rows(
    rows: &[RowId],
    job: &Job,
    refusal: &Refusal<'_>,
    earlier: &RowFlags,
    at: Timestamp,
) -> Vec<Settlement> {
    let (maybe, clean): (Vec<_>, Vec<_>) = rows.iter().partition(|&&row| job.unanswered || earlier.get(row));
    let settlement = |rows, fate, message| Settlement {
        rows,
        fate,
        code: refusal.code.into(),
        message,
        attempts: job.attempts,
        request_id: refusal.request_id.map(Into::into),
        at,
    };
    let mut settled = Vec::new();
    if !clean.is_empty() {
        settled.push(settlement(clean, Fate::Failed, refusal.message.into()));
    }
    if !maybe.is_empty() {
        let message = if refusal.silent {
            refusal.message.into()
        } else {
            [MAYBE_DONE, refusal.message].concat().into()
        };
        settled.push(settlement(maybe, Fate::Unknown, message));
    }
    settled
}
