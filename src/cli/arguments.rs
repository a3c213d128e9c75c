//! The commands and their options, as `--help` shows them.
//!
//! Must not resolve anything.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use jiff::Timestamp;

use super::job::{ChoiceArgs, InputArgs, JobArgs, LaneArgs, ReadArgs};
use super::topics;
use super::values::{
    ColorWhen, LogFormat, ShardArg, one_or_more, parse_address, parse_duration, parse_moment, parse_status,
};
use crate::input::Status;

/// The command line. The display orders put the shared options after each command's own.
#[derive(Debug, Parser)]
#[command(
    name = "chime-sweep",
    version,
    about = "Removes phone numbers from Amazon Chime SDK Voice Connectors in bulk",
    long_about = "Removes phone numbers from Amazon Chime SDK Voice Connectors in bulk, as fast as the service \
                  allows, and reports the truth about every row.",
    after_help = "Exit codes: 0 every row succeeded · 1 the job could not run · 2 usage · 3 some rows did not \
                  succeed · 4 stopped early · 130/143 interrupted",
    after_long_help = topics::POINTERS,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print more on standard error (twice: everything)
    #[arg(short, long, global = true, display_order = 101, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only warnings and errors on standard error
    #[arg(short, long, global = true, display_order = 102, conflicts_with = "verbose")]
    pub quiet: bool,
    /// How messages, progress and log are written
    #[arg(long, global = true, display_order = 103, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Also append messages, progress and log to this file
    #[arg(long, global = true, display_order = 104, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Whether standard error has colors
    #[arg(long, global = true, display_order = 105, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the phone numbers of the account as CSV, for `run`; nothing is changed
    #[command(after_long_help = topics::EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Show what would be sent, without sending anything
    #[command(after_long_help = topics::PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Remove each number in a CSV file from its connector, and write a report
    #[command(after_long_help = topics::RUN_EXAMPLES)]
    Run(RunArgs),
    /// Retry the rows of a report that did not succeed, and update the report
    #[command(after_long_help = topics::RERUN_EXAMPLES)]
    Rerun(RerunArgs),
    /// Show how far a run is, what a crash has left of it, or how it ended
    #[command(after_long_help = topics::STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Print the summary of a job again, from its report
    #[command(after_long_help = topics::SUMMARY_EXAMPLES)]
    Summary(SummaryArgs),
    /// Compare a report with the service, and settle what is unknown by looking
    #[command(after_long_help = topics::VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Put back on their connectors exactly the numbers that a report removed
    #[command(after_long_help = topics::UNDO_EXAMPLES)]
    Undo(UndoArgs),
    /// Put numbers into the deletion queue, which ends their bill
    #[command(after_long_help = topics::RELEASE_EXAMPLES)]
    Release(ReleaseArgs),
    /// Put the reports on parts of an input together, as one report in its order
    #[command(after_long_help = topics::MERGE_EXAMPLES)]
    Merge(MergeArgs),
    /// Serve a simulator of the service on this machine until stopped
    #[command(after_long_help = topics::SIMULATE_EXAMPLES)]
    Simulate(SimulateArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of chime-sweep, or of one of its commands
    Man(ManArgs),
    /// The exit codes
    #[command(hide = true, help_template = topics::TEMPLATE, long_about = topics::exit_codes())]
    ExitCodes,
    /// The input and the report
    #[command(hide = true, help_template = topics::TEMPLATE, long_about = topics::CSV)]
    Csv,
    /// The IAM permissions
    #[command(hide = true, help_template = topics::TEMPLATE, long_about = crate::aws::permissions::text())]
    Permissions,
    /// The environment variables
    #[command(hide = true, help_template = topics::TEMPLATE, long_about = topics::ENVIRONMENT)]
    Environment,
}

/// `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where the CSV goes [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// List only the numbers of this connector; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) connector: Vec<String>,
    /// List only numbers that are on nothing: no connector, connector group or SIP rule
    #[arg(long, conflicts_with_all = ["connector", "associated_before"])]
    pub(crate) unassigned: bool,
    /// List only numbers whose name contains this text, in upper or lower case
    #[arg(long, value_name = "TEXT")]
    pub(crate) name_like: Option<String>,
    /// List only numbers that have been on their connector since before this date (UTC) or RFC 3339 time
    #[arg(long, value_name = "DATE", value_parser = parse_moment)]
    pub(crate) associated_before: Option<Timestamp>,
    /// See [`ReadArgs`].
    #[command(flatten)]
    pub(crate) reading: ReadArgs,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A CSV file with a header, or `-` for standard input; a report is one too
    #[arg(value_name = "INPUT")]
    pub(crate) input: PathBuf,
    /// Where the report goes; `-` also copies the default one to standard output [default: INPUT.report.csv, or
    /// INPUT.simulated.csv with --simulate, or INPUT.shard-K-of-N.report.csv with --shard]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing report
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Go on with whatever is there: begin, resume a run that was cut short, or send the rows of the report that did not
    /// succeed; may be repeated
    #[arg(long = "continue", conflicts_with_all = ["resume", "discard", "overwrite"])]
    pub(crate) continues: bool,
    /// Do what `plan` does; nothing is sent
    #[arg(short = 'n', long, hide = true, conflicts_with_all = ["resume", "discard", "continues"])]
    pub(crate) dry_run: bool,
    /// Take only the accounts and regions of shard K of N, or of this task of a Slurm array, an array job of AWS Batch (`auto`),
    /// or an Indexed Job of Kubernetes (`auto/N`); `merge` puts the reports together
    #[arg(long, value_name = "K/N|auto", help_heading = "Some of the rows")]
    pub(crate) shard: Option<ShardArg>,
    /// See [`JobArgs`].
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

/// `rerun`.
#[derive(Debug, Args)]
pub struct RerunArgs {
    /// The report of an earlier run
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// Where the new report goes; `-` also copies it to standard output [default: REPORT itself]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Do what `plan` does; nothing is sent
    #[arg(short = 'n', long, hide = true, conflicts_with_all = ["resume", "discard"])]
    pub(crate) dry_run: bool,
    /// The exact number of numbers that --yes consents to, for the report of a release
    #[arg(long, value_name = "N", requires = "yes")]
    pub(crate) confirm_count: Option<u64>,
    /// See [`JobArgs`].
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The report of a run, an undo or a release; what was seen is written into it
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// How long to wait before the service is asked again about what contradicts the report
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub(crate) recheck_after: Duration,
    /// See [`InputArgs`].
    #[command(flatten)]
    pub(crate) columns: InputArgs,
    /// See [`LaneArgs`].
    #[command(flatten)]
    pub(crate) lanes: LaneArgs,
    /// See [`ReadArgs`].
    #[command(flatten)]
    pub(crate) reading: ReadArgs,
}

/// `undo`.
#[derive(Debug, Clone, Args)]
pub struct UndoArgs {
    /// The report of a run, or of a release
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// Where the report of this goes; `-` also copies it to standard output [default: REPORT.undo.csv]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing report
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// See [`JobArgs`].
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

/// `release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The report of a run, or a list of unassigned numbers as `export --unassigned` writes it
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// Where the report of this goes; `-` also copies it to standard output [default: REPORT.release.csv]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing report
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// The exact number of numbers that --yes consents to
    #[arg(long, value_name = "N", requires = "yes")]
    pub(crate) confirm_count: Option<u64>,
    /// See [`JobArgs`].
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// A CSV file with a header, or `-` for standard input; a report is one too
    #[arg(value_name = "INPUT")]
    pub(crate) input: PathBuf,
    /// Take only the accounts and regions of shard K of N, or of this task of a Slurm array, an array job of AWS Batch (`auto`),
    /// or an Indexed Job of Kubernetes (`auto/N`); `merge` puts the reports together
    #[arg(long, value_name = "K/N|auto", help_heading = "Some of the rows")]
    pub(crate) shard: Option<ShardArg>,
    /// Maximum phone numbers per request
    #[arg(long, value_name = "N", default_value = "50", value_parser = one_or_more::<NonZeroU32>)]
    pub(crate) batch_size: NonZeroU32,
    /// Ask the service where each number is, and who asks; nothing is changed
    #[arg(long)]
    pub(crate) check: bool,
    /// Show all invalid rows, duplicates and shared numbers instead of the first few
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON instead of text, with all of them
    #[arg(long)]
    pub(crate) json: bool,
    /// See [`InputArgs`].
    #[command(flatten)]
    pub(crate) columns: InputArgs,
    /// See [`LaneArgs`].
    #[command(flatten)]
    pub(crate) lanes: LaneArgs,
    /// See [`ReadArgs`].
    #[command(flatten)]
    pub(crate) reading: ReadArgs,
    /// See [`ChoiceArgs`].
    #[command(flatten)]
    pub(crate) choice: ChoiceArgs,
}

impl PlanArgs {
    /// The plan of a job with these options.
    pub(crate) fn of(input: PathBuf, shard: Option<ShardArg>, job: JobArgs) -> Self {
        let reading = ReadArgs {
            simulate: job.simulate,
            scenario: job.scenario,
            aws: job.aws,
            calls: job.pace.calls,
            give_up_after: job.stop.give_up_after,
        };
        let (batch_size, check, columns) = (job.pace.batch_size, job.check, job.columns);
        Self {
            input,
            shard,
            batch_size,
            check,
            all: false,
            json: false,
            columns,
            lanes: job.lanes,
            reading,
            choice: job.choice,
        }
    }
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The report of a run, whether it is there yet or not
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// See [`InputArgs`].
    #[command(flatten)]
    pub(crate) columns: InputArgs,
}

/// `summary`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
pub struct SummaryArgs {
    /// The report of a run
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the rows with this status instead, as a report of their own; several statuses have commas between them
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = parse_status, conflicts_with = "json")]
    pub(crate) rows: Vec<Status>,
    /// Where those rows go [default: standard output]
    #[arg(short, long, value_name = "FILE", requires = "rows")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// Exit as the run did: 3 if some rows did not succeed, 4 if it stopped early
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// The --summary-json file of the run, for its pace and pauses, which the report does not have
    #[arg(long, value_name = "FILE")]
    pub(crate) run: Option<PathBuf>,
    /// Also write the summary as an HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Show whole phone numbers on that page instead of only their last four digits
    #[arg(long, requires = "html")]
    pub(crate) html_full_numbers: bool,
    /// See [`InputArgs`].
    #[command(flatten)]
    pub(crate) columns: InputArgs,
}

/// `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The input that the reports are of
    #[arg(value_name = "INPUT")]
    pub(crate) input: PathBuf,
    /// The reports: together they have every row of the input, and each row once
    #[arg(value_name = "REPORT", required = true)]
    pub(crate) reports: Vec<PathBuf>,
    /// Where the merged report goes [default: INPUT.report.csv, or INPUT.simulated.csv for reports of that name]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing report
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// See [`InputArgs`].
    #[command(flatten)]
    pub(crate) columns: InputArgs,
}

/// `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Loopback address and port to listen on; port 0 chooses a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = parse_address)]
    pub(crate) listen: SocketAddr,
    /// TOML file that describes how the service behaves [default: no faults, no limits]
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// One of the commands, such as `run`
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
