//! The command line as clap parses it, with options from the environment where none was typed; nothing is resolved.
//!
//! Must not read files or the clock.

pub mod exit;
mod topics;
mod values;
pub(crate) mod results;
mod job;
mod arguments;
mod meant;
mod environment;
pub(crate) mod manual;

pub use arguments::{Cli, Command};
pub(crate) use arguments::{
    ExportArgs, MergeArgs, PlanArgs, ReleaseArgs, RerunArgs, RunArgs, SimulateArgs, StatusArgs, SummaryArgs,
    UndoArgs, VerifyArgs,
};
pub use environment::{parse, unknown_variables, wants_json};
pub(crate) use job::{AwsOptions, ChoiceArgs, InputArgs, JobArgs, LaneArgs, ReadArgs, StopArgs};
pub use values::{ColorWhen, LogFormat};
pub(crate) use values::{MaxFailures, ShardArg};
