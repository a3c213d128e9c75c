//! What the dispatcher tells the shell to do. Must not do any of it.

use std::time::Instant;

use crate::number::PhoneNumber;
use crate::pool::PoolEnd;
use crate::pool::batch::Job;
use crate::pool::pace::Permit;

/// What the shell has to do.
#[derive(Debug)]
pub enum Next {
    /// Send this, and report its end.
    Send(Flight, Submission),
    /// Re-read the credentials, and report what came of it.
    Renew,
    /// Wait for an answer, an acknowledgement or a stop, and until this moment at most.
    Wait(Option<Instant>),
    /// Nothing is left to do, or to wait for.
    Done(PoolEnd),
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The connector's id.
    pub connector: Box<str>,
    /// Its numbers, each once.
    pub numbers: Vec<PhoneNumber>,
}

/// A batch that is in flight.
#[derive(Debug)]
pub struct Flight {
    pub(super) job: Job,
    pub(super) permit: Permit,
    /// Its number, for [`Blame`](super::outage::Outage).
    pub(super) request: u64,
}
