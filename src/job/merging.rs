//! `merge`: puts the reports on parts of an input together.
//!
//! Must not ask the service, nor change one of those reports.

use anyhow::ensure;

use super::existing::{ExistingReport, ReportSettings, UnfinishedRun, check_report};
use super::names::{is_rehearsals, is_stream, report_of, same_file};
use super::outputs::print_text;
use super::{limits, settings, status, summary};
use crate::action::Action;
use crate::cli::MergeArgs;
use crate::cli::exit::ExitStatus;
use crate::files;
use crate::hint::Hinted;
use crate::input::{Input, InputOptions, Source};
use crate::report::{self, summary::Record};

/// Runs the command.
///
/// # Errors
/// If the reports are not the parts of one on the input, or a file cannot be read or written.
pub(super) fn execute(args: MergeArgs) -> anyhow::Result<ExitStatus> {
    let MergeArgs { input, reports, output, overwrite, columns } = args;
    let columns = settings::columns(columns);
    let mut inputs = reports.iter().chain([&input]);
    ensure!(
        inputs.clone().all(|path| !is_stream(path)),
        "`merge` does not read standard input: name the file"
    );
    let output =
        output.unwrap_or_else(|| report_of(&input, reports.iter().all(|report| is_rehearsals(report))));
    ensure!(
        !inputs.any(|path| same_file(path, &output)),
        Hinted::new(
            format!("the report `{}` would replace one of the files that it is made of", output.display()),
            "--output names another file"
        )
    );
    limits::survive_size_limit();
    limits::check_reports(reports.len())?;
    files::check_output("the report", &output, "--output names another file")?;
    let existing = if overwrite { ExistingReport::Replace } else { ExistingReport::Keep };
    check_report(&ReportSettings { path: output.clone(), existing, unfinished: UnfinishedRun::Ask })?;
    let mut record = Record::of(&output, &[])?;
    record.runs.clear();
    for report in reports.iter().chain([&output]) {
        status::check_finished(report)?;
    }
    for report in &reports {
        record.add_all(Record::of(report, &[])?);
    }

    let source = Source::open(&input)?;
    let sources = reports.iter().map(|report| Source::open(report)).collect::<Result<Vec<_>, _>>()?;
    let action = one_action(&source, &sources, &columns)?;
    let of_input = InputOptions { action, ..columns.clone() };
    let input = Input::read(&source, &of_input)?;
    files::replace(&output, |file| report::merge(file, &source, &input, &sources, &columns))?;
    record.write()?;
    let summary = summary::of_report(&output, &Source::open(&output)?, &columns, None)?;
    print_text(&summary)?;
    Ok(ExitStatus::of_run(None, summary.all_succeeded))
}

/// What the reports, and the input if it is one, say was done with the numbers.
fn one_action(input: &Source, reports: &[Source], columns: &InputOptions) -> anyhow::Result<Option<Action>> {
    let mut one: Option<(Action, &str)> = None;
    for source in reports.iter().chain([input]) {
        ensure!(
            std::ptr::eq(source, input) || Input::is_report(source)?,
            "`{}` is not a chime-sweep report",
            source.name()
        );
        let Some(action) = Input::reported_action(source, columns)? else { continue };
        let (first, name) = *one.get_or_insert((action, source.name()));
        ensure!(
            action == first,
            Hinted::new(
                format!(
                    "`{name}` is a report of the action `{first}`, but `{}` of `{action}`",
                    source.name()
                ),
                "merge the reports of each action by themselves"
            )
        );
    }
    Ok(one.map(|(action, _)| action))
}
