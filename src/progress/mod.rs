//! What a person sees while the run works, and the log beside it: a bar on a terminal, a plain line now and then
//! elsewhere, JSON for machines.
//!
//! It only watches the tally. Must not decide anything, and must not be needed for anything: a run without it is the
//! same run.

mod states;
mod view;
mod record;
mod log_file;
mod screen;
#[cfg(test)]
mod tests;

pub use screen::{Format, Progress, Screen, ScreenOptions};
