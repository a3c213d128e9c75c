//! CSV → rows. Bad rows are kept and marked, never dropped.
//!
//! The source is read twice. The first pass ([`Input::read`]) builds a compact table and keeps no text; the second, at
//! the end, is the report's, which copies each row's own bytes. Must not decide what is sent when, and writes nothing.
//!
//! What counts as a row: every record after the header except blank lines; those of empty cells and comments are kept,
//! but ask for nothing. A file with a header and no rows is an input
//! of no rows; an empty file is an error. A report is an input too: its six columns are recognized, rows that
//! `succeeded` are finished, and all others are judged again by their current cells.

mod status;
mod foreign;
mod error;
mod source;
mod dialect;
mod reader;
mod connector;
mod header;
mod ignored;
mod row;
mod swallowed;
mod rows;
mod flags;
mod notes;
mod load;
#[cfg(test)]
pub(crate) mod tests;

pub use dialect::can_delimit;
pub use error::InputError;
pub use flags::RowFlags;
pub use foreign::ForeignFormat;
pub use header::{InputOptions, Layout};
pub use load::{Input, InvalidRow};
pub use notes::Notes;
pub use rows::{ConnectorId, RowId, Rows, Standing};
pub use source::Source;
pub use status::{COLUMNS, Status};

pub(crate) use connector::is_like_those_of_aws;
pub(crate) use header::{Connector, Header, Prior, text};
pub(crate) use ignored::is_ignored;
pub(crate) use reader::{Record, Records};
pub(crate) use row::{RowError, Verdict, judge};
pub(crate) use rows::EXAMPLES;
pub(crate) use swallowed::{check_header, check_record};
