//! The protocol of the service's calls, sans I/O: what to write, and what a reply means.
//!
//! Must not open a socket, read a clock or the environment.

mod answer;
pub mod request;
pub mod sigv4;
pub mod reply;
pub mod listing;

pub use answer::{ApiError, BatchReply, ErrorKind, NumberError, UNTRUSTED};
pub(crate) use answer::{PROXY_REFUSED, UNRESOLVED};
