//! Runs the commands' jobs: connects settings, input, service, pool, journal, report and screen.
//!
//! Must not know how any of them works.

mod beside;
mod clock;
mod signals;
mod limits;
mod failure;
mod service;
mod lanes;
mod shell;
mod same_target;
mod same_job;
pub mod existing;
mod outputs;
mod derive;
mod hook;
mod names;
mod settings;
mod next_steps;
pub mod finish;
mod shard;
mod status;
mod record;
mod summary;
mod merging;
mod reading;
mod export;
mod checking;
mod planning;
mod verify;
mod prepare;
mod work;
mod end;
mod continuing;
mod run;
mod commands;
#[cfg(test)]
mod tests;

pub use clock::wall_clock;
pub use commands::execute;
pub use failure::{exit_status, explained};
