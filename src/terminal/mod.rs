//! What the user sees: progress as a bar on a terminal, as plain lines elsewhere, or as JSON for programs; the log;
//! the overview of what a run would do; and the question before it.
//!
//! The screen only watches the tally: it must not decide anything, and must not be needed for anything. A run without
//! it is the same run.

pub(crate) mod tally;
pub(crate) mod states;
mod view;
mod record;
mod log_file;
mod wrap;
mod region;
mod screen;
pub(crate) mod expected;
mod largest;
pub(crate) mod lane_overview;
pub(crate) mod overview;
pub(crate) mod status;
pub mod consent;
#[cfg(test)]
mod tests;

pub use screen::{Format, Screen, ScreenOptions};
pub use wrap::fitted;
pub(crate) use wrap::fitted_help;
