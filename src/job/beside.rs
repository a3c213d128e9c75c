//! Does two things at once: reads a file while a network answers.
//!
//! Must not know what they are.

use std::panic::resume_unwind;

/// The results of both; the first is computed on a thread of its own.
pub(super) fn beside<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|panic| resume_unwind(panic)), second)
    })
}
