//! What a reply means for each row of its batch: which rows it settles, and which are sent again.
//!
//! Pure: a batch and a reply in, settlements and perhaps a batch out. Must not know the pace, the queue or the journal.
//!
//! One rule always applies: if any earlier attempt at a row ended without a definite answer, the row can no longer be
//! `failed`, because that attempt may have worked. `NotFound` for its number proves that it did.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::action::Action;
use crate::aws::protocol::{ApiError, BatchReply, ErrorKind, reply};
use crate::event::{Outcome, Settlement};
use crate::input::{RowFlags, RowId, Rows};
use crate::number::PhoneNumber;
use crate::pool::batch::Batch;

const FOUND_DONE: &str =
    "the service finds nothing left to do for the number: an earlier attempt, whose answer was lost, worked";

const NOTHING_TO_DO: &str = "the service does not find the number: there was nothing left to do";

const MAYBE_DONE: &str = "an earlier attempt got no answer and may have worked; then: ";

/// Reads replies.
pub(crate) struct Replies<'a> {
    /// What is done with the numbers.
    pub(crate) action: Action,
    /// A number that the service does not find needs nothing done.
    pub(crate) not_found_is_success: bool,
    /// The rows of the input.
    pub(crate) rows: &'a Rows,
    /// The rows for which an attempt of an earlier run may have worked.
    pub(crate) earlier: &'a RowFlags,
}

/// Settlements, and the batch to send again.
pub(crate) type Answer = (Vec<Settlement>, Option<Batch>);

impl Replies<'_> {
    /// A batch's numbers.
    pub(crate) fn numbers(&self, batch: &Batch) -> Vec<PhoneNumber> {
        batch.rows.iter().filter_map(|&row| self.rows.number(row)).collect()
    }

    /// Reads the service's answer: which rows it settles, and which it refused with a transient error.
    ///
    /// # Errors
    /// The batch, if an error does not name a number of it: only smaller batches can show which number it is.
    pub(crate) fn answered(
        &self,
        mut batch: Batch,
        reply: BatchReply,
        at: Timestamp,
    ) -> Result<Answer, Batch> {
        batch.attempts += 1;
        let request_id = reply.request_id.clone();
        let Some(mut errors) = self.by_number(&batch, reply) else {
            batch.unanswered = true; // it may have worked for any of them
            batch.last_error = Some(Box::new(ApiError {
                kind: ErrorKind::NoAnswer,
                status: Some(200),
                code: "UnattributedError".into(),
                message: "the reply has an error for a number that it does not name".into(),
                request_id,
            }));
            return Err(batch);
        };
        let (mut succeeded, mut found_done, mut nothing_to_do) = (Vec::new(), Vec::new(), Vec::new());
        let mut settled = Vec::new();
        let (mut again, mut passing) = (Vec::new(), None);
        for &row in &batch.rows {
            match self.rows.number(row).and_then(|number| errors.remove(&number)) {
                None => succeeded.push(row),
                Some(error)
                    if reply::is_transient(&error.code) || !self.action.rest(&error.code).is_zero() =>
                {
                    again.push(row);
                    passing.get_or_insert(Box::new(error));
                }
                Some(error) if self.action.is_proof(&error.code) && self.may_have_worked(&batch, row) => {
                    found_done.push(row);
                }
                Some(error) if self.not_found_is_success && self.action.is_proof(&error.code) => {
                    nothing_to_do.push(row);
                }
                Some(error) => settled.extend(self.refused(&[row], &batch, &error, at)),
            }
        }
        let groups =
            [(succeeded, "", ""), (found_done, "", FOUND_DONE), (nothing_to_do, "NotFound", NOTHING_TO_DO)];
        for (rows, code, message) in groups {
            settled.extend((!rows.is_empty()).then(|| Settlement {
                rows,
                outcome: Outcome::Succeeded,
                code: code.into(),
                message: message.into(),
                attempts: batch.attempts,
                request_id: request_id.clone(),
                at,
            }));
        }
        let failures = batch.failures + 1;
        let rest = Batch { rows: again, failures, half_of: None, last_error: passing, ..batch };
        Ok((settled, (!rest.rows.is_empty()).then_some(rest)))
    }

    /// The errors by number. `None` if an error does not name its number and the batch has more than one.
    ///
    /// A number that is not in the batch is logged and changes nothing.
    fn by_number(&self, batch: &Batch, reply: BatchReply) -> Option<HashMap<PhoneNumber, ApiError>> {
        let asked = self.numbers(batch);
        let only = if let [number] = asked[..] { Some(number) } else { None };
        let mut errors = HashMap::new();
        for error in reply.errors {
            let number = error.number.or(only)?;
            if !asked.contains(&number) {
                tracing::warn!(number = %number.masked(), "the reply names a number that was not in the batch");
            }
            errors.insert(number, error.into_api_error(reply.request_id.clone()));
        }
        Some(errors)
    }

    fn may_have_worked(&self, batch: &Batch, row: RowId) -> bool {
        batch.unanswered || self.earlier.get(row)
    }

    /// Settles some of a batch's rows with an error: `Failed`, or `Unknown` where an earlier attempt had no answer.
    pub(crate) fn refused(
        &self,
        rows: &[RowId],
        batch: &Batch,
        error: &ApiError,
        at: Timestamp,
    ) -> Vec<Settlement> {
        let (maybe, unchanged): (Vec<_>, Vec<_>) =
            rows.iter().partition(|&&row| self.may_have_worked(batch, row));
        // If this attempt got no answer either, its message already says so.
        let then = if error.kind.is_silent() { "" } else { MAYBE_DONE };
        let groups = [(unchanged, Outcome::Failed, ""), (maybe, Outcome::Unknown, then)];
        let groups = groups.into_iter().filter(|(rows, ..)| !rows.is_empty());
        let settlement = |(rows, outcome, then): (_, _, &str)| Settlement {
            rows,
            outcome,
            code: error.code.clone(),
            message: [then, &error.message].concat().into(),
            attempts: batch.attempts,
            request_id: error.request_id.clone(),
            at,
        };
        groups.map(settlement).collect()
    }
}
