//! What happens in a run: the one interface between the pool and the code that records or displays it.
//!
//! Events leave the pool in order through an [`Outbox`]. One consumer takes them from the [`Inbox`], makes durable
//! those that are recorded, and acknowledges them: the pool sends nothing whose intent is not acknowledged. Must not
//! know a file, a terminal or a socket.

mod events;
mod channel;

pub use channel::{ConsumerGone, Inbox, OfLane, Outbox, channel};
pub use events::{
    AttemptOutcome, Awaited, Cause, Event, Outcome, Phase, Settlement, State, Stop, StopReason,
};
