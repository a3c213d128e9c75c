//! `summary`: the summary of a job, from its report alone.
//!
//! Must not change the report.

use std::io::Write;
use std::path::Path;

use indicatif::HumanCount;

use super::names::{is_stream, same_file};
use super::next_steps;
use super::outputs::{Outputs, check_new, print, print_text, to_stdout};
use super::shell::quoted_path;
use super::{limits, settings, status};
use crate::cli::SummaryArgs;
use crate::cli::exit::ExitStatus;
use crate::files;
use crate::hint::Hinted;
use crate::input::{InputOptions, Source};
use crate::report;
use crate::report::summary::{self, Counted, Record, Summary};
use crate::terminal::Screen;
use crate::text::counted;

/// Runs the command.
///
/// # Errors
/// If the file is not a report, or an output cannot be written.
pub(super) fn execute(args: SummaryArgs, screen: &Screen) -> anyhow::Result<ExitStatus> {
    let (html, html_full_numbers) = (args.html, args.html_full_numbers);
    let outputs = Outputs { html, html_full_numbers, ..Outputs::default() };
    outputs.check()?;
    let rows_to = args.output.filter(|path| !is_stream(path));
    if let Some(path) = &rows_to {
        check_rows(path, &args.report, args.overwrite)?;
    }
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
    let select = |out: &mut dyn Write| report::select(out, &source, &columns, &args.rows);
    match &rows_to {
        Some(path) => {
            let rows = files::replace(path, |file| select(file))?;
            let (shown, of) = (quoted_path(path), summary.counted.rows.total);
            let next = next_steps::rerun_of(path, &columns, summary.simulated);
            let rows = counted(rows, "row");
            screen.say(format!("written: {rows} of {} to {shown}\nto retry them: {next}", HumanCount(of)));
        }
        None if !args.rows.is_empty() => to_stdout(|stdout| select(stdout).map(drop))?,
        None if args.json => print(&serde_json::to_string_pretty(&summary)?)?,
        None => print_text(&summary)?,
    }
    let stopped = summary.run.as_ref().and_then(|run| run.stopped);
    Ok(match args.exit_code {
        true => ExitStatus::of_run(stopped, summary.all_succeeded),
        false => ExitStatus::Success,
    })
}

/// Checks that rows of `report` can be written to `path`.
fn check_rows(path: &Path, report: &Path, overwrite: bool) -> anyhow::Result<()> {
    let error = || format!("the rows would replace the report `{}` that they are of", report.display());
    anyhow::ensure!(!same_file(path, report), Hinted::new(error(), "-o names another file"));
    check_new("the rows", path, overwrite)
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
    let mut is_contradicted = false;
    report::read(source, columns, |row| {
        is_simulated |= row.is_simulated();
        action = action.or(row.action);
        is_contradicted |= row.is_contradicted();
        counted.add(&row);
    })?;
    let run = run.map(|run| summary::read_run(run, &counted.rows)).transpose()?;
    // A record that is gone, or is about the report before it was edited, takes nothing from the counts.
    let recorded = || Record::of(path, &[]).ok()?.latest(&counted.rows);
    let run = run.or_else(|| recorded().map(|recorded| (recorded.run, recorded.simulated || is_simulated)));
    let (run, simulated) = run.map_or((None, is_simulated), |(run, simulated)| (Some(run), simulated));
    let next_command = || next_steps::rerun_of(path, columns, simulated);
    Ok(Summary {
        version: summary::VERSION,
        simulated,
        action: action.unwrap_or_default(),
        next_command: (!counted.all_succeeded()).then(next_command),
        all_succeeded: counted.all_succeeded() && !is_contradicted,
        counted,
        run,
        report: path.to_owned(),
    })
}
