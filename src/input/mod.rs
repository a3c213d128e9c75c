//! CSV → rows. Bad rows are kept and marked, never dropped.
//!
//! The source is read twice. The first pass ([`Input::read`]) builds a compact table and keeps no text; the second, at
//! the end, is the report's, which copies each row's own bytes. Must not decide what is sent when, and writes nothing.
//!
//! What counts as a row: every record after the header except blank lines; those of empty cells and comments are kept,
//! but ask for nothing. A file with a header and no rows is an input of no rows; an empty file is an error. A report is
//! an input too: its columns are recognized, rows that `succeeded` are finished, and all others are judged again by their
//! current cells (see `row`).

mod status;
mod column;
mod row_key;
mod foreign;
mod error;
mod source;
mod dialect;
mod reader;
mod connector;
mod lane;
mod wanted;
mod header;
mod ignored;
mod row;
mod swallowed;
mod rows;
mod flags;
mod notes;
mod shard;
mod load;
#[cfg(test)]
pub(crate) mod tests;

pub use column::Column;
pub use dialect::can_delimit;
pub(crate) use dialect::field_starts;
pub use error::InputError;
pub use flags::RowFlags;
pub use foreign::ForeignFormat;
pub use header::{InputOptions, Layout};
pub use lane::{LaneId, LaneName};
pub use load::{Input, InvalidRow};
pub use notes::Notes;
pub use rows::{ConnectorId, RowId, Rows, Standing};
pub use source::Source;
pub use status::Status;

pub(crate) use column::Prior;
pub(crate) use connector::is_like_those_of_aws;
pub(crate) use header::{Connector, Header, NO_COLUMN, Who};
pub(crate) use ignored::is_ignored;
pub(crate) use reader::{Record, Records};
#[cfg(test)]
pub(crate) use row::RowError;
pub(crate) use row::{Verdict, judge, lane_of};
pub(crate) use row_key::RowKey;
pub(crate) use rows::EXAMPLES;
pub(crate) use shard::Shard;
pub(crate) use status::{Said, text};
pub(crate) use swallowed::{check_header, check_record};
