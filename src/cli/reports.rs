//! The options of the commands that only read reports, as `--help` shows them.
//!
//! Must not resolve anything.

use std::path::PathBuf;

use clap::Args;

use super::job::InputArgs;
use super::values::parse_status;
use crate::input::Status;

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
