//! The result of one row.
//!
//! Must not know how a report shows it.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::input::Status;

/// `error_code` of a row that the user left out of the run.
pub(crate) const LEFT_OUT: &str = "LeftOut";

/// The result of a row in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowResult<'a> {
    /// `status`.
    pub status: Status,
    /// `error_code`: the service's, or one of this tool's. Empty if there is none.
    pub code: Cow<'a, str>,
    /// `error_message`.
    pub message: Cow<'a, str>,
    /// How often it was sent in this run; the report adds what an earlier report counted.
    pub attempts: u32,
    /// `x-amzn-RequestId` of the answer that settled it; may be empty.
    pub request_id: &'a str,
    /// When it was settled.
    pub completed_at: Option<Timestamp>,
    /// Where the number was before it was sent, if this run has looked; else empty.
    pub before: &'a str,
}

impl RowResult<'_> {
    /// Whether the user left the row out, so that this run says nothing new about it.
    pub(super) fn is_left_out(&self) -> bool {
        self.status == Status::NotAttempted && self.code == LEFT_OUT
    }

    /// The result of a row whose turn did not come.
    pub const NOT_ATTEMPTED: Self = RowResult {
        status: Status::NotAttempted,
        code: Cow::Borrowed(""),
        message: Cow::Borrowed(""),
        attempts: 0,
        request_id: "",
        completed_at: None,
        before: "",
    };
}
