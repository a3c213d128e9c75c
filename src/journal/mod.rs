//! The journal: what the run did, durably, in the order in which it happened. It is the truth; the report is folded
//! from it.
//!
//! Must not decide anything about batches, and must not write the report.

pub mod entry;
pub mod history;
pub mod writer;

#[cfg(test)]
mod tests;
