//! What the account has: reads the service's lists, and looks up where numbers are.
//!
//! Requests go out one after another, through the same pace, retries and credential pauses as a run's. A list is read to
//! its end, or there is none. Must not change anything at the service, and must not know a terminal or the network:
//! requests are sent by a function that the caller passes in.

mod error;
mod lister;
#[cfg_attr(not(test), expect(dead_code, reason = "for the commands that look numbers up"))]
mod found;
#[cfg_attr(not(test), expect(dead_code, reason = "for the commands that look numbers up"))]
mod look_up;
#[cfg(test)]
mod tests;

pub(crate) use error::ListError;
#[expect(unused_imports, reason = "for the commands that look numbers up")]
pub(crate) use found::{Answers, Found};
pub(crate) use lister::{Lister, Progress};
#[cfg_attr(not(test), expect(unused_imports, reason = "for the commands that look numbers up"))]
pub(crate) use look_up::look_up;
