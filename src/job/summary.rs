//! `summary`: the summary of a job, from its report alone.
//!
//! Must not change the report.

use std::path::Path;

use super::next_steps;
use super::outputs::{Outputs, print, print_text};
use super::{limits, settings, status};
use crate::cli::SummaryArgs;
use crate::input::{InputOptions, Source};
use crate::report;
use crate::report::summary::{self, Counted, Record, Summary};

/// Runs the command.
///
/// # Errors
/// If the file is not a report, or an output cannot be written.
pub(super) fn execute(args: SummaryArgs) -> anyhow::Result<()> {
    let (html, html_full_numbers) = (args.html, args.html_full_numbers);
    let outputs = Outputs { html, html_full_numbers, ..Outputs::default() };
    outputs.check()?;
    limits::survive_size_limit();
    let columns = settings::columns(args.columns);
    anyhow::ensure!(
        args.report != Path::new("-"),
        "`summary` does not read standard input, because the commands that it suggests need a file: name its file"
    );
    status::check_written(&args.report)?;
    let source = Source::open(&args.report)?;
    let summary = of_report(&args.report, &source, &columns, args.run.as_deref())?;
    outputs.write(&summary, &source, &columns)?;
    match args.json {
        true => print(&serde_json::to_string_pretty(&summary)?),
        false => print_text(&summary),
    }
}

/// The summary of the report `source`, which is at `path`; with what the file `run` knows of its run, else the record.
///
/// # Errors
/// If it is not a report, or one of the files cannot be read.
pub(super) fn of_report(
    path: &Path,
    source: &Source,
    columns: &InputOptions,
    run: Option<&Path>,
) -> anyhow::Result<Summary> {
    let (mut counted, mut is_simulated, mut action) = (Counted::default(), false, None);
    report::read(source, columns, |row| {
        is_simulated |= row.is_simulated();
        action = action.or(row.action);
        counted.add(&row);
    })?;
    let run = run.map(|run| summary::read_run(run, &counted.rows)).transpose()?;
    // A record that is gone, or is about the report before it was edited, takes nothing from the counts.
    let recorded = || Record::of(path, &[]).ok()?.latest(&counted.rows);
    let run = run.or_else(|| recorded().map(|recorded| (recorded.run, recorded.simulated || is_simulated)));
    let (run, simulated) = run.map_or((None, is_simulated), |(run, simulated)| (Some(run), simulated));
    let all_succeeded = counted.all_succeeded();
    Ok(Summary {
        version: summary::VERSION,
        simulated,
        action: action.unwrap_or_default(),
        next_command: (!all_succeeded).then(|| next_steps::rerun_of(path, columns, simulated)),
        all_succeeded,
        counted,
        run,
        report: path.to_owned(),
    })
}
