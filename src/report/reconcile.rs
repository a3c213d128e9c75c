//! The journal → each row's result.
//!
//! The report is a pure function of input and journal: this is that function, row by row. Must not read or write files.

use std::borrow::Cow;

use crate::event::{Outcome, Stop};
use crate::input::RowId;
use crate::input::Status;
use crate::journal::history::History;
use crate::plan::Selection;
use crate::report::{LEFT_OUT, RowResult};

/// What precedes the reason of an early stop.
const BECAUSE: &str = "the run stopped because ";

/// Why the run stopped, from the message of a row that was not sent.
#[must_use]
pub(crate) fn because(message: &str) -> Option<&str> {
    Some(message.split_once(BECAUSE)?.1)
}

/// Why rows were not sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsent<'a> {
    /// What the run took; `None` for everything.
    pub selection: Option<&'a Selection<'a>>,
    /// Why it ended early, if it did.
    pub stop: Option<&'a Stop>,
}

/// What the report says about a row that could be sent.
///
/// A row that was `unknown` before and was not sent again is
/// `NotAttempted` here; the report keeps what it said about it.
#[must_use]
pub fn result_of<'a>(history: &'a History, row: RowId, unsent: Unsent<'a>) -> RowResult<'a> {
    if let Some(settlement) = history.outcome(row) {
        return RowResult {
            status: match settlement.outcome {
                Outcome::Succeeded => Status::Succeeded,
                Outcome::Failed => Status::Failed,
                Outcome::Unknown => Status::Unknown,
            },
            code: Cow::Borrowed(&settlement.code),
            message: Cow::Borrowed(&settlement.message),
            attempts: settlement.attempts,
            request_id: settlement.request_id.as_deref().unwrap_or_default(),
            completed_at: Some(settlement.at),
            before: history.before(row),
        };
    }
    let (code, why) = match (unsent.selection.and_then(|selection| selection.left_out(row)), unsent.stop) {
        (Some(option), _) => (LEFT_OUT, format!("left out by {option}; `chime-sweep rerun` sends it")),
        (None, Some(stop)) => (stop.code(), format!("{BECAUSE}{}", stop.because())),
        (None, None) => ("NotSent", format!("{BECAUSE}it ended early")),
    };
    let (status, message) = if history.is_in_doubt(row) {
        (Status::Unknown, format!("sent earlier without an answer, and not sent again: {why}"))
    } else {
        (Status::NotAttempted, format!("not sent: {why}"))
    };
    RowResult {
        status,
        code: Cow::Borrowed(code),
        message: Cow::Owned(message),
        attempts: 0,
        request_id: "",
        completed_at: None,
        before: history.before(row),
    }
}
