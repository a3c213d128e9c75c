//! What each command does.
//!
//! Must not know how any step works.

use std::path::Path;

use anyhow::bail;
use jiff::ZonedDateTime;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::clock::wall_clock;
use super::failure::UsageError;
use super::outputs::print;
use super::service::read_scenario;
use super::settings::{self, JobSettings, Mode};
use super::signals;
use super::{
    derive, existing, export, failure, merging, names, planning, run, shard, status, summary, verify,
};
use crate::action::Action;
use crate::aws::Environment;
use crate::cli::exit::ExitStatus;
use crate::cli::{Command, InputArgs, PlanArgs, SimulateArgs, StopArgs, UndoArgs, manual};
use crate::hint::Hinted;
use crate::input::{Input, InputOptions, Source};
use crate::report::summary::Counted;
use crate::report::{self, Reported};
use crate::simulator::{self, Scenario, Simulator};
use crate::terminal::Screen;

/// Runs a command.
///
/// # Errors
/// If the command fails; the error says what is safe.
pub fn execute(command: Command, env: &Environment, screen: &Screen) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Run(args) if args.dry_run => {
            return planning::execute(PlanArgs::of(args.input, args.shard, args.job), env, screen);
        }
        Command::Rerun(args) if args.dry_run => {
            return planning::execute(PlanArgs::of(args.report, None, args.job), env, screen);
        }
        Command::Run(args) => {
            status::check_written(&args.input).map_err(failure::nothing_sent)?;
            let now = local_time(&args.job.stop, env)?;
            let shard = args.shard.map(|shard| shard::resolve(shard, |name| env.get(name)));
            let shard = shard.transpose().map_err(|error| failure::nothing_sent(error.into()))?;
            let settings = JobSettings::of_run(args, shard, &now).map_err(failure::nothing_sent)?;
            return run::execute(&settings, env, screen);
        }
        Command::Rerun(args) => {
            status::check_written(&args.report).map_err(failure::nothing_sent)?;
            let now = local_time(&args.job.stop, env)?;
            let settings = JobSettings::of_rerun(args, &now).map_err(failure::nothing_sent)?;
            return run::execute(&settings, env, screen);
        }
        Command::Verify(args) => return verify::execute(args, env, screen),
        Command::Undo(args) => return undo(args, env, screen),
        Command::Release(args) => {
            status::check_written(&args.report).map_err(failure::nothing_sent)?;
            let now = local_time(&args.job.stop, env)?;
            let settings = JobSettings::of_release(args, &now).map_err(failure::nothing_sent)?;
            return run::execute(&settings, env, screen);
        }
        Command::Export(args) => export::execute(args, env, screen)?,
        Command::Plan(args) => return planning::execute(args, env, screen),
        Command::Status(args) => return status::execute(args),
        Command::Summary(args) => return summary::execute(args, screen),
        Command::Merge(args) => return merging::execute(args),
        Command::Simulate(args) => simulate(&args)?,
        Command::Completions(args) => print(&manual::completions(args.shell))?,
        Command::Man(args) => print(&manual::page(args.command.as_deref())?)?,
        Command::ExitCodes => print(&manual::topic("exit-codes"))?,
        Command::Csv => print(&manual::topic("csv"))?,
        Command::Permissions => print(&manual::topic("permissions"))?,
        Command::Environment => print(&manual::topic("environment"))?,
    }
    Ok(ExitStatus::Success)
}

/// Puts back what a report removed. What it released is restored first, in a job and with a report of its own.
fn undo(mut args: UndoArgs, env: &Environment, screen: &Screen) -> anyhow::Result<ExitStatus> {
    let now = local_time(&args.job.stop, env)?;
    let run = |args: &UndoArgs, action| {
        let settings = JobSettings::of_undo(Mode::Undo, args.clone(), action, &now);
        run::execute(&settings.map_err(failure::nothing_sent)?, env, screen)
    };
    let action = || {
        status::check_written(&args.report)?;
        let columns = settings::columns(args.job.columns.clone());
        anyhow::Ok(Input::reported_action(&Source::open(&args.report)?, &columns)?)
    };
    match action().map_err(failure::nothing_sent)? {
        Some(Action::Associate) => bail!(UsageError(Hinted::new(
            format!("`{}` is the report of an undo", args.report.display()),
            "`chime-sweep run` on a list of the numbers removes them again"
        ))),
        Some(Action::Delete) if args.output.as_ref().is_some_and(|output| output != Path::new("-")) => {
            bail!(UsageError(Hinted::new(
                "--output names one file, but the undo of a release writes two reports".to_owned(),
                "without it, they are named after the release's"
            )))
        }
        Some(Action::Delete) => {}
        _ => return run(&args, Action::Associate),
    }
    let restored = names::report_of_action(&args.report, Action::Restore, args.job.simulate);
    let is_restored = is_restored(&restored, &args).map_err(failure::nothing_sent)?;
    let first = match is_restored {
        true => of_report(&restored)?,
        false => run(&UndoArgs { output: None, ..args.clone() }, Action::Restore)?,
    };
    if !matches!(first, ExitStatus::Success | ExitStatus::SomeRowsFailed) {
        return Ok(first);
    }
    if derive::collect(&Source::open(&restored)?, &InputOptions::default(), Action::Associate)?.is_empty {
        return Ok(first); // they were on no connector before they were released
    }
    (args.report, args.job.columns) = (restored, InputArgs::default());
    let second = run(&args, Action::Associate)?;
    Ok(if second == ExitStatus::Success { first } else { second })
}

/// How the run ended that wrote this report, as far as its rows tell.
fn of_report(report: &Path) -> anyhow::Result<ExitStatus> {
    let counted = Counted::of(&Source::open(report)?, &InputOptions::default())?;
    Ok(ExitStatus::of_run(None, counted.all_succeeded()))
}

/// Whether there is the report of a restoration of this release, and not of an earlier one that had the same name.
fn is_restored(restored: &Path, release: &UndoArgs) -> anyhow::Result<bool> {
    if release.job.simulate || !restored.exists() || existing::journal_of(restored).exists() {
        return Ok(false);
    }
    anyhow::ensure!(
        Input::reported_action(&Source::open(restored)?, &InputOptions::default())? == Some(Action::Restore),
        Hinted::new(
            format!("`{}` is not the report of a restore, which is to be written there", restored.display()),
            "move it away"
        )
    );
    let last = |report: &Path, columns: &InputOptions| {
        let mut last = String::new();
        let of_row = |row: Reported<'_>| last = row.completed_at.into_owned().max(std::mem::take(&mut last));
        report::read(&Source::open(report)?, columns, of_row)?;
        anyhow::Ok(last)
    };
    let columns = settings::columns(release.job.columns.clone());
    Ok(last(restored, &InputOptions::default())? >= last(&release.report, &columns)?)
}

/// Serves the simulator until a signal comes.
fn simulate(args: &SimulateArgs) -> anyhow::Result<()> {
    let scenario = args.scenario.as_deref().map_or_else(|| Ok(Scenario::default()), read_scenario)?;
    let simulator = Simulator::start(scenario, args.listen)?;
    let exports = format!(
        "# a simulator of the Amazon Chime SDK Voice service; Ctrl-C stops it\n\
         # another account: AWS_ACCESS_KEY_ID={}, with its own 12 digits, or `aws sts assume-role`\n\
         export AWS_ENDPOINT_URL={}\n\
         export AWS_ACCESS_KEY_ID={}\n\
         export AWS_SECRET_ACCESS_KEY={}\n\
         export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",
        simulator::keys_of("111111111111").0,
        simulator.url(),
        simulator::ACCESS_KEY_ID,
        simulator::SECRET_ACCESS_KEY
    );
    let (stop, mut stopped) = watch::channel(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            biased; // listen for signals before printing, so that an early signal is not missed
            never = signals::watch_for_stops(&stop) => match never {},
            printed = async {
                print(&exports)?;
                drop(stopped.changed().await);
                anyhow::Ok(())
            } => printed,
        }
    })?;
    simulator.stop();
    Ok(())
}

/// Local only if a time of day is shown: otherwise the system's time zone does not have to be looked up. Where no zone is
/// set at all, it is UTC, as everywhere on the system.
fn local_time(stop: &StopArgs, env: &Environment) -> anyhow::Result<ZonedDateTime> {
    if stop.stop_at.is_none() && stop.max_duration.is_none() {
        return Ok(wall_clock().to_zoned_datetime(TimeZone::UTC));
    }
    let zone = TimeZone::try_system().ok().filter(|zone| !zone.is_unknown());
    match (zone, env.get("TZ")) {
        (None, Some(name)) if stop.stop_at.is_some() => bail!(UsageError(Hinted::new(
            format!(
                "`TZ` is `{}`, which is not a known time zone: when `--stop-at` is cannot be told",
                name.escape_debug()
            ),
            "set TZ to a name such as Europe/Berlin, or use --max-duration"
        ))),
        (zone, _) => Ok(wall_clock().to_zoned_datetime(zone.unwrap_or(TimeZone::UTC))),
    }
}
