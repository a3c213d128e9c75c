//! `run --continue`: finds out what there is for an input, and which way to go on from there.
//!
//! Nothing → as `run`. The journal of a run that was cut short → as `--resume`. A report → as `rerun` of it, which is
//! updated in place. Must not send anything, nor go another way than these.

use std::fs::File;
use std::io;

use anyhow::ensure;

use super::end::tell_hook;
use super::existing::{self, ExistingReport, UnfinishedRun};
use super::settings::{JobSettings, Mode};
use super::summary;
use crate::action::Action;
use crate::cli::exit::ExitStatus;
use crate::files::{self, Digest};
use crate::hint::Hinted;
use crate::input::{Input, Source, Standing};
use crate::journal::look::look;
use crate::report::{self, ReportError, summary::Summary};
use crate::terminal::Screen;

/// What is to be done.
pub(super) enum Next {
    /// Run with these settings.
    Run(Box<JobSettings>),
    /// Nothing is left to send.
    Nothing(Source, Box<Summary>),
}

/// Decides from what is there.
///
/// # Errors
/// If what is there is not of this input, or cannot be read.
pub(super) fn decide(settings: &JobSettings) -> anyhow::Result<Next> {
    let mut settings = settings.clone();
    settings.report.unfinished = UnfinishedRun::Resume;
    let (path, instead) = (settings.report.path.clone(), "--output names another file");
    let journal = settings.report.journal();
    files::check_regular("the journal", &journal, instead)?;
    let is_report_there = files::check_regular("the report", &path, instead)?;
    let look = look(&journal)?;
    let history = look.as_ref().and_then(|look| look.history.as_ref());
    let is_of_another_file = match history {
        Some(history) if is_report_there && !existing::is_complete(history, &path)? => {
            *Digest::of(File::open(&path)?)? != *history.header.input_xxh3
        }
        _ => false,
    };
    if !is_report_there || is_of_another_file {
        return Ok(Next::Run(Box::new(settings)));
    }
    let report = Source::open(&path)?;
    let is_left = check(&settings, &report)?;
    if look.is_none() && !is_left && !settings.verify {
        let summary = summary::of_report(&path, &report, &settings.columns, None)?;
        return Ok(Next::Nothing(report, Box::new(summary)));
    }
    settings.mode = Mode::Rerun;
    settings.shard = None; // it is all of the report
    settings.report.existing = ExistingReport::Update;
    settings.input = path;
    Ok(Next::Run(Box::new(settings)))
}

/// Whether rows of the `report` are left to send, if it is this input's.
fn check(settings: &JobSettings, report: &Source) -> anyhow::Result<bool> {
    let (name, columns) = (report.name(), &settings.columns);
    let foreign = |why: String| {
        Hinted::new(
            why,
            "`chime-sweep rerun` goes on with that report; --output names another one for this input",
        )
    };
    ensure!(
        Input::is_report(report)?,
        Hinted::new(
            format!("`{name}` is not a chime-sweep report; it is not overwritten"),
            "--output names another file"
        )
    );
    let reported = Input::read(report, columns)?;
    let action = reported.layout.action;
    ensure!(
        action == Action::Disassociate,
        foreign(format!("`{name}` is a report of the action `{action}`"))
    );
    let source = Source::open(&settings.input)?;
    let input = Input::read_part(&source, columns, 0, settings.shard)?;
    match report::merge(io::sink(), &source, &input, std::slice::from_ref(report), columns) {
        Err(ReportError::Parts { source: row, name: input }) => {
            return Err(foreign(format!("`{name}` is not the report of `{input}`: {row}")).into());
        }
        compared => compared?,
    }
    Ok(reported.rows.ids().any(|row| matches!(reported.rows.standing(row), Standing::Pending { .. })))
}

/// Ends a job that has nothing left to send.
pub(super) fn finish(
    settings: &JobSettings,
    screen: &Screen,
    report: &Source,
    summary: &Summary,
) -> anyhow::Result<ExitStatus> {
    let status = ExitStatus::of_run(None, summary.all_succeeded);
    settings.outputs.check()?;
    screen.say_with(summary, || Some(("summary", serde_json::to_value(summary).ok()?)));
    summary.in_short().iter().for_each(|text| screen.say_though_quiet(text));
    settings.outputs.write(summary, report, &settings.columns)?;
    tell_hook(settings, status, &summary.to_string(), summary.counted.rows, Some(summary));
    Ok(status)
}
