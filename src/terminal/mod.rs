//! What a person sees while the run works, and the log beside it: a bar on a terminal, a plain line now and then
//! elsewhere, JSON for machines.
//!
//! And what it would do, with the question whether it may. The screen only watches the tally: it must not decide
//! anything, and must not be needed for anything. A run without it is the same run.

pub mod tally;
mod states;
mod view;
mod record;
mod log_file;
mod screen;
pub mod overview;
pub mod consent;
#[cfg(test)]
mod tests;

pub use screen::{Format, Progress, Screen, ScreenOptions};
