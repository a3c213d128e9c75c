//! What happens in a run: the one interface between the machine (the pool) and those who record it or watch it.
//!
//! Events leave the pool in order through an [`Outbox`]. One consumer takes them from the [`Inbox`], makes those that are
//! recorded durable, and acknowledges: the pool sends nothing whose intent is not acknowledged. Must not know a file, a
//! terminal or a socket.

mod events;
mod channel;

pub use channel::{ConsumerGone, Inbox, Outbox, channel};
pub use events::{AttemptOutcome, Event, Outcome, Phase, Settlement, StopReason};
