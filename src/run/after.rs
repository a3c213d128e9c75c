//! What comes after the work: the report, its summary in all its forms, and the command of `--on-finish`.
//!
//! Must not touch the service.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::{noted, now, print, printed, wall_clock};
use crate::advice;
use crate::cli::SummaryArgs;
use crate::event::StopReason;
use crate::exit::ExitStatus;
use crate::farewell::{self, Ending};
use crate::finish;
use crate::input::{Input, InputOptions, Source};
use crate::journal::writer::Journal;
use crate::page::{self, Gathered};
use crate::pool::PoolEnd;
use crate::progress::Screen;
use crate::report::{self, Reported};
use crate::service::Service;
use crate::settings::{self, JobSettings};
use crate::summary::{self, Counted, Counts, Run, Summary};
use crate::tally::Tally;
use crate::timeline::Recorder;

/// A job whose work is over.
pub(super) struct After<'a> {
    pub settings: &'a JobSettings,
    pub service: &'a Service,
    pub source: &'a Source,
    pub input: &'a Input,
    pub tally: &'a Mutex<Tally>,
    pub screen: &'a Screen,
}

/// How a job ended.
pub(super) struct Concluded {
    pub status: ExitStatus,
    /// If there is a report.
    summary: Option<Summary>,
    /// The user wants it to end at once.
    is_aborted: bool,
}

impl After<'_> {
    /// Writes the report, and says what is in it.
    pub fn conclude(
        &self,
        worked: anyhow::Result<PoolEnd>,
        journal: Journal,
        timeline: Option<Recorder>,
        started_at: Timestamp,
    ) -> anyhow::Result<Concluded> {
        let settings = self.settings;
        let kept = || advice::kept(settings, self.tally);
        let end = worked.map_err(|error| noted(error, kept()))?;
        if end.stop.is_some_and(StopReason::is_abort) {
            self.screen.say(kept());
            let is_aborted = matches!(end.stop, Some(StopReason::Aborted | StopReason::Killed));
            return Ok(Concluded { status: ExitStatus::of_run(end.stop, false), summary: None, is_aborted });
        }
        let counted = finish::finish(journal, &settings.report, self.source, self.input, end.stop)
            .map_err(|error| noted(error, kept()))?;
        if let Some(rate) = end.rate_found {
            self.service.remember_rate(rate, wall_clock());
        }
        let summary = self.summarize(counted, end, timeline, started_at);
        self.screen.say(&summary);
        let written = || format!("the report is written all the same: `{}`", settings.report.display());
        if settings.shown {
            show_report(&settings.report).map_err(|error| noted(error, written()))?;
        }
        if let Some(path) = &settings.summary_json {
            summary::write_json(&summary, path).map_err(|error| noted(error, written()))?;
        }
        if let Some(path) = &settings.html {
            let options = &settings.columns;
            draw(path, &summary, options, settings.html_full_numbers)
                .map_err(|error| noted(error, written()))?;
        }
        let status = ExitStatus::of_run(end.stop, summary.all_succeeded);
        Ok(Concluded { status, summary: Some(summary), is_aborted: false })
    }

    /// Runs the command of `--on-finish`, if there is one. Its failure is a warning.
    pub fn say_farewell(&self, runtime: &Runtime, concluded: &anyhow::Result<Concluded>) {
        let Some(on_finish) = &self.settings.on_finish else { return };
        let (status, summary) = match concluded {
            Ok(concluded) if concluded.is_aborted => return,
            Ok(concluded) => (concluded.status, concluded.summary.as_ref()),
            Err(_) => (ExitStatus::Error, None),
        };
        let text = match (concluded, summary) {
            (_, Some(summary)) => summary.to_string(),
            (Err(error), None) => super::explained(error),
            (Ok(_), None) => advice::kept(self.settings, self.tally),
        };
        let rows = summary.map_or_else(|| self.settled(), |summary| summary.counted.rows);
        let ending = Ending { exit: status, rows, summary, text: &text };
        if let Err(error) = runtime.block_on(farewell::say(on_finish, self.settings, &ending)) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the command of `--on-finish` did not work; the run is not affected");
        }
    }

    /// What is known of the rows without a report.
    fn settled(&self) -> Counts {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        Counts {
            total: self.input.rows.len().into(),
            succeeded: tally.succeeded,
            failed: tally.failed,
            unknown: tally.unknown,
            not_attempted: tally.rows.saturating_sub(tally.settled()),
            ..Counts::default()
        }
    }

    fn summarize(
        &self,
        counted: Counted,
        end: PoolEnd,
        timeline: Option<Recorder>,
        started_at: Timestamp,
    ) -> Summary {
        let (tally, now) = (self.tally.lock().unwrap_or_else(PoisonError::into_inner), now());
        let all_succeeded = counted.all_succeeded();
        Summary {
            version: summary::VERSION,
            report: self.settings.report.clone(),
            simulated: self.service.is_simulated(),
            next_command: (!all_succeeded).then(|| advice::rerun(self.settings)),
            all_succeeded,
            counted,
            run: Some(Run {
                target: self.service.target.clone(),
                started_at,
                elapsed: now.saturating_duration_since(tally.started),
                stopped: end.stop,
                requests: tally.requests,
                throttled: tally.throttled,
                rate_found: end.rate_found,
                timeline: timeline.map(|timeline| timeline.finish(now)),
            }),
        }
    }
}

/// Copies the report to standard output.
fn show_report(report: &Path) -> anyhow::Result<()> {
    let mut file = File::open(report).with_context(|| format!("cannot read `{}`", report.display()))?;
    printed(|stdout| io::copy(&mut file, stdout).map(drop))
}

/// The page shows what the report says, and is made from that.
fn draw(path: &Path, summary: &Summary, options: &InputOptions, full_numbers: bool) -> anyhow::Result<()> {
    let mut gathered = Gathered::new(full_numbers);
    report::read(&Source::open(&summary.report)?, options, |row| gathered.add(&row))?;
    page::write(path, summary, &gathered)
}

/// What became of a job, from its report alone.
pub(super) fn summary(args: SummaryArgs) -> anyhow::Result<ExitStatus> {
    args.html.as_deref().map_or(Ok(()), page::check)?;
    let options = settings::columns(args.columns);
    let source = Source::open(&args.report)?;
    let (mut counted, mut is_simulated) = (Counted::default(), false);
    let mut gathered = args.html.is_some().then(|| Gathered::new(args.html_full_numbers));
    report::read(&source, &options, |row: Reported<'_>| {
        is_simulated |= row.is_simulated();
        counted.add(&row);
        gathered.iter_mut().for_each(|gathered| gathered.add(&row));
    })?;
    let run = args.run.as_deref().map(|path| summary::read_run(path, &counted.rows)).transpose()?;
    let (run, simulated) = run.map_or((None, is_simulated), |(run, simulated)| (Some(run), simulated));
    let all_succeeded = counted.all_succeeded();
    let summary = Summary {
        version: summary::VERSION,
        simulated,
        next_command: (!all_succeeded).then(|| advice::rerun_of(&args.report, &options, simulated)),
        all_succeeded,
        counted,
        run,
        report: args.report,
    };
    if let (Some(path), Some(gathered)) = (&args.html, &gathered) {
        page::write(path, &summary, gathered)?;
    }
    match args.json {
        true => print(&serde_json::to_string_pretty(&summary)?)?,
        false => print(&summary)?,
    }
    Ok(ExitStatus::Success)
}
