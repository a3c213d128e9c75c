//! What the account has: reads the service's lists, and looks up where numbers are.
//!
//! Requests go out one after another, through the same pace, retries and credential pauses as a run's. A list is read to
//! its end, or there is none. Must not change anything at the service, and must not know a terminal or the network:
//! requests are sent by a function that the caller passes in.

mod error;
mod lister;
mod found;
mod look_up;
mod check;
#[cfg(test)]
mod tests;

pub(crate) use check::{Check, IN_DELETION_QUEUE, ON_CONNECTOR, Rules, WORKED};
pub(crate) use error::ListError;
pub(crate) use found::{Answers, Found};
pub(crate) use lister::{Lister, Progress};
pub(crate) use look_up::{Purpose, look_up};
