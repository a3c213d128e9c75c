//! The report, and what is derived with it: each row's result, counts, the summary and the page.
//!
//! A pure function of input and journal. Must not send anything, nor decide the outcome of a row that was sent.

mod result;
mod cell;
mod seen;
mod read;
mod write;
mod annotate;
mod merge;
mod select;
pub mod reconcile;
pub mod timeline;
pub mod summary;
pub mod page;
pub(crate) mod export;
#[cfg(test)]
mod tests;

pub use annotate::annotate;
pub(crate) use merge::merge;
pub use read::{ReadError, Reported, read};
pub(crate) use result::LEFT_OUT;
pub use result::RowResult;
pub use seen::Seen;
pub(crate) use select::select;
pub use write::{Place, Places, ReportError, Written, is_report, write};
