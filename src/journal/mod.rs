//! The journal: a durable record of what the run did, in order. It is the source of truth; the report is computed from
//! it.
//!
//! Must not decide anything about batches, and must not write the report.

pub mod entry;
pub mod history;
pub mod copy;
pub(crate) mod progress;
pub mod writer;
pub(crate) mod look;

#[cfg(test)]
mod tests;
