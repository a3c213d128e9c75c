//! Finds out what there is of a job: a run that is going on, one that was cut short, or a report.
//!
//! Must not create, change or remove a file: the run may be writing them.

use std::path::Path;

use anyhow::ensure;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::clock::wall_clock;
use super::existing;
use super::names;
use super::next_steps;
use super::outputs::{print, print_text};
use super::settings::{self, JobSettings};
use super::shell::quoted_path;
use crate::cli::StatusArgs;
use crate::cli::exit::ExitStatus;
use crate::files;
use crate::hint::Hinted;
use crate::input::{InputOptions, Source, Status as RowStatus};
use crate::journal::entry::Session;
use crate::journal::history::History;
use crate::journal::look::{Look, Owner, look};
use crate::plan::Choice;
use crate::report;
use crate::report::summary::{Counted, Record};
use crate::terminal::status::{Finished, Found, Status, Unfinished};

/// `status`: prints what there is, and says the same with the exit code.
pub(super) fn execute(args: StatusArgs) -> anyhow::Result<ExitStatus> {
    let columns = settings::columns(args.columns);
    ensure!(args.report != Path::new("-"), "`status` does not read standard input: name the report");
    let (now, report) = (local_time(), &args.report);
    let status = match find_run(report)? {
        Some(status) => status,
        None => find_report(report, &columns)?,
    };
    match args.json {
        true => print(&serde_json::to_string_pretty(&status.json(now.timestamp()))?)?,
        false => print_text(&status.text(&now))?,
    }
    Ok(match &status.found {
        Found::Unfinished(run) => match run.owner {
            Owner::AtWork => ExitStatus::Success,
            Owner::Gone => ExitStatus::StoppedEarly,
            Owner::Unclear(_) => ExitStatus::Error,
        },
        Found::Finished(report) if report.all_succeeded => ExitStatus::Success,
        Found::Finished(report) if report.stopped_early => ExitStatus::StoppedEarly,
        Found::Finished(_) => ExitStatus::SomeRowsFailed,
    })
}

/// Refuses a report that is not there yet, and says what there is instead of it.
///
/// # Errors
/// If there is no report, but a run that is to write it.
pub(super) fn check_written(report: &Path) -> anyhow::Result<()> {
    if report == Path::new("-") || report.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let status = find_run(report)?;
    let Some((status, instead)) = status.and_then(|it| it.instead(&local_time()).map(|text| (it, text)))
    else {
        return Ok(());
    };
    let hint = match status.next_command {
        Some(command) => format!("to go on: {command}"),
        None => format!("`chime-sweep status {}` shows how far it is", quoted_path(report)),
    };
    Err(Hinted::new(instead, hint).into())
}

/// Refuses a report that a run is about to change, or has left unfinished: it does not have the last word.
///
/// # Errors
/// If there is such a run.
pub(super) fn check_finished(report: &Path) -> anyhow::Result<()> {
    let hint = format!("`chime-sweep status {}` shows how far it is, and how to go on", quoted_path(report));
    let unfinished = || Hinted::new(format!("a run of `{}` is not finished", report.display()), hint);
    anyhow::ensure!(find_run(report)?.is_none(), unfinished());
    Ok(())
}

/// The run whose journal is beside `report`, unless the report is complete.
fn find_run(report: &Path) -> anyhow::Result<Option<Status>> {
    let path = existing::journal_of(report);
    files::check_regular("the journal", &path, "name the report of a run")?;
    let Some(Look { owner, history, progress }) = look(&path)? else { return Ok(None) };
    let is_running = matches!(owner, Owner::AtWork);
    if let Some(history) = &history
        && !is_running
        && existing::is_complete(history, report)?
    {
        return Ok(None);
    }
    let session = progress.session.as_ref();
    let host = session.and_then(|session| session.host.as_deref());
    let elsewhere = host.filter(|host| Some(*host) != host_name().as_deref()).map(str::to_owned);
    let next_command = (!is_running).then(|| match session.and_then(to_go_on) {
        Some(command) => command,
        None => "the command that started it, with --resume".to_owned(),
    });
    let in_doubt = history.as_ref().filter(|_| !is_running).map_or(0, History::in_doubt);
    let target = history.map(|history| history.header.target);
    let run = Unfinished { owner, target, progress, in_doubt, elsewhere };
    let found = Found::Unfinished(Box::new(run));
    Ok(Some(Status { report: report.to_owned(), found, next_command }))
}

/// The command that continues the job, for the current directory.
fn to_go_on(session: &Session) -> Option<String> {
    let command = session.command.as_deref()?;
    let here = std::env::current_dir().ok().map(|here| here.display().to_string());
    Some(match session.directory.as_deref() {
        Some(there) if here.as_deref() != Some(there) => {
            format!("cd {} && {command}", quoted_path(Path::new(there)))
        }
        _ => command.to_owned(),
    })
}

fn find_report(report: &Path, columns: &InputOptions) -> anyhow::Result<Status> {
    let shown = report.display();
    let is_there = files::check_regular("the report", report, "name the report of a run")?;
    ensure!(
        is_there,
        Hinted::new(
            format!(
                "there is nothing: neither a report `{shown}` nor the journal of a run that is to write it"
            ),
            "name the report as the run does: for `numbers.csv` it is `numbers.report.csv`"
        )
    );
    let source = Source::open(report)?;
    let (mut counted, mut simulated, mut unsent, mut stopped_because) =
        (Counted::default(), false, false, None);
    report::read(&source, columns, |row| {
        simulated |= row.is_simulated();
        // A row that the user left out was not the run's to send.
        if row.status == Some(RowStatus::NotAttempted) && row.code != report::LEFT_OUT {
            unsent = true;
            let because = || report::reconcile::because(&row.message).map(str::to_owned);
            stopped_because = stopped_because.take().or_else(because);
        }
        counted.add(&row);
    })
    .map_err(|error| not_a_report(error, report))?;
    let all_succeeded = counted.all_succeeded();
    // A record that is gone, or is about the report before it was edited, takes nothing from what the rows say.
    let recorded = Record::of(report, &[]).ok().and_then(|record| record.latest(&counted.rows));
    let stop = recorded.as_ref().and_then(|recorded| recorded.run.stopped);
    simulated |= recorded.is_some_and(|recorded| recorded.simulated);
    let stopped_early = stop.is_some() || unsent;
    let stopped_because = stop.map(|stop| stop.because().to_owned()).or(stopped_because);
    let next_command = (!all_succeeded).then(|| next_steps::rerun_of(report, columns, simulated));
    let found = Found::Finished(Finished {
        rows: counted.rows,
        all_succeeded,
        stopped_early: stopped_early && !all_succeeded,
        stopped_because: stopped_because.filter(|_| !all_succeeded),
        simulated,
    });
    Ok(Status { report: report.to_owned(), found, next_command })
}

/// The input was named instead of its report.
fn not_a_report(error: report::ReadError, named: &Path) -> anyhow::Error {
    let reports = [false, true].map(|simulated| names::report_of(named, simulated));
    let is_there = |report: &&std::path::PathBuf| report.exists() || existing::journal_of(report).exists();
    match (&error, reports.iter().find(is_there)) {
        (report::ReadError::NotAReport(_), Some(report)) => {
            let hint = format!("its report is another file: `chime-sweep status {}`", quoted_path(report));
            Hinted::new(error.to_string(), hint).into()
        }
        _ => error.into(),
    }
}

/// This process, for the journal: it will work on the job.
#[must_use]
pub(super) fn session(settings: &JobSettings, numbers: usize, choice: Choice, at: Timestamp) -> Session {
    let directory = std::env::current_dir().ok();
    Session {
        at,
        pid: Some(std::process::id()),
        host: host_name().map(Into::into),
        numbers: Some(numbers as u64),
        command: Some(next_steps::resume(settings).into()),
        directory: directory.map(|directory| directory.display().to_string().into()),
        choice,
    }
}

/// The name of this machine.
#[cfg(unix)]
pub(super) fn host_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

#[cfg(not(unix))]
pub(super) fn host_name() -> Option<String> {
    None
}

fn local_time() -> ZonedDateTime {
    wall_clock().to_zoned_datetime(TimeZone::system())
}
