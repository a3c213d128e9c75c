//! The end of a run in numbers: by status, by connector, by error, for people and for machines.
//!
//! Counted while the report is written, or from the report alone, so that the two cannot differ. Must not print.

pub mod masked;
mod hints;
mod statuses;
mod connector;
mod counts;
mod json;
mod record;
pub mod text;
#[cfg(test)]
mod tests;

pub use connector::OfConnector;
pub use counts::{Counted, ErrorCount};
pub use json::{Lane, Run, Summary, VERSION, check_json, read_run, write_json};
pub use record::{Record, Recorded};
pub use statuses::Counts;
