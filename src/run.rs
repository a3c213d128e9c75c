//! The composition root: what each command does, in the order in which it does it.
//!
//! Must not know how any step works.

mod after;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io::{self, StdoutLock, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::aws::{AwsSettingsError, Environment};
use crate::claim::{self, Claim};
use crate::cli::{Command, PlanArgs, SimulateArgs, StopArgs, manual};
use crate::consent;
use crate::credentials::{CredentialsError, Identity};
use crate::event;
use crate::exit::ExitStatus;
use crate::hint::{Hint, Hinted};
use crate::input::{Input, RowFlags, Source};
use crate::journal::writer::{Journal, JournalError};
use crate::overview::Overview;
use crate::page;
use crate::plan::Plan;
use crate::pool::pace::{PaceSettings, Rate};
use crate::pool::{self, Dispatcher, PoolEnd, PoolSettings, Renewal, Submission};
use crate::progress::Screen;
use crate::report;
use crate::service::{Service, read_scenario};
use crate::settings::{self, JobSettings};
use crate::signals;
use crate::simulator::{self, Scenario, Simulator};
use crate::summary;
use crate::tally::Tally;
use crate::timeline::Recorder;
use after::After;

/// Does what was asked.
///
/// # Errors
/// If it cannot be done; the error says what is safe.
pub fn execute(command: Command, env: &Environment, screen: &Screen) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Run(args) => {
            let now = local_time(&args.job.stop);
            job(&JobSettings::of_run(args, &now).map_err(unsent)?, env, screen)
        }
        Command::Rerun(args) => {
            let now = local_time(&args.job.stop);
            job(&JobSettings::of_rerun(args, &now).map_err(unsent)?, env, screen)
        }
        Command::Plan(args) => plan(args, env),
        Command::Summary(args) => after::summary(args),
        Command::Simulate(args) => simulate(&args),
        Command::Completions(args) => show(&manual::completions(args.shell)),
        Command::Man(args) => show(&manual::page(args.command.as_deref())?),
        Command::ExitCodes => show(&manual::topic("exit-codes")),
        Command::Csv => show(&manual::topic("csv")),
        Command::Environment => show(&manual::topic("environment")),
    }
}

/// An error with a note to be read after its causes: what is safe, and how to go on.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
struct Noted {
    error: anyhow::Error,
    note: String,
}

/// An error in full: its causes, what to do about it, what is safe.
#[must_use]
pub fn explained(error: &anyhow::Error) -> String {
    let noted = error.downcast_ref::<Noted>();
    let error = noted.map_or(error, |noted| &noted.error);
    let causes = error.chain().skip(1).map(|cause| format!("  because: {cause}"));
    let lines = [format!("error: {error}")]
        .into_iter()
        .chain(causes)
        .chain(hint(error).map(|hint| format!("hint: {hint}")))
        .chain(noted.map(|noted| noted.note.clone()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The hint of an error, or of one of its causes.
fn hint(error: &anyhow::Error) -> Option<&str> {
    fn of<'a, E: Hint + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a str> {
        error.downcast_ref::<E>()?.hint()
    }
    let known = [
        of::<Hinted>,
        of::<consent::Refused>,
        of::<AwsSettingsError>,
        of::<CredentialsError>,
        of::<JournalError>,
    ];
    error.chain().find_map(|cause| known.iter().find_map(|of| of(cause)))
}

const NOTHING_SENT: &str = "nothing was sent";

fn noted(error: anyhow::Error, note: impl Into<String>) -> anyhow::Error {
    Noted { error, note: note.into() }.into()
}

/// What went wrong before the first request.
fn unsent(error: impl Into<anyhow::Error>) -> anyhow::Error {
    noted(error.into(), NOTHING_SENT)
}

fn job(settings: &JobSettings, env: &Environment, screen: &Screen) -> anyhow::Result<ExitStatus> {
    let started_at = wall_clock();
    check_outputs(settings, screen).map_err(unsent)?;
    let source = Source::open(&settings.input).map_err(unsent)?;
    let input = Input::read(&source, &settings.columns).map_err(unsent)?;
    if settings.command == "rerun" && !input.layout.is_report() {
        return Err(unsent(anyhow::anyhow!(
            "`{}` is not a report: `chime-sweep run` takes it",
            source.name()
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let service = runtime.block_on(Service::open(settings, env)).map_err(unsent)?;
    if input.layout.is_report() && !service.is_local() {
        claim::check_not_rehearsed(&source, &settings.columns).map_err(unsent)?;
    }
    let claim = Claim::of(settings, &input, &service.target).map_err(unsent)?;

    let plan = Plan::new(&input.rows, |row| claim.is_outstanding(row), settings.batch_size);
    let overview = Overview::new(&source, &input, &plan, Some(&service.target), claim.settled());
    let overview = Overview {
        time_limit: settings.time_limit,
        ..overview.placed(&settings.input, source.age(), service.identity.clone())
    };
    if overview.numbers > 0 && !settings.consent && !service.is_simulated() {
        consent::ask(&overview, screen, settings.reads_stdin())?;
    } else {
        screen.say(&overview);
    }
    let earlier = claim.in_doubt(&input.rows);
    let tally = Arc::new(Mutex::new(Tally::new(overview.numbers, now())));
    let mut journal = claim.begin(started_at).map_err(unsent)?;

    let wants_timeline = settings.html.is_some() || settings.summary_json.is_some();
    let timeline = wants_timeline.then(|| Mutex::new(Recorder::new(started_at, now())));
    let watchers = Watchers { tally: &tally, timeline: timeline.as_ref(), screen };
    let worked = work(settings, &runtime, &service, &input, &plan, earlier, &mut journal, &watchers);
    drop(plan); // makes room for the report
    let timeline = timeline.map(|timeline| timeline.into_inner().unwrap_or_else(PoisonError::into_inner));
    let after = After { settings, service: &service, source: &source, input: &input, tally: &tally, screen };
    let concluded = after.conclude(worked, journal, timeline, started_at);
    after.say_farewell(&runtime, &concluded);
    concluded.map(|concluded| concluded.status)
}

/// What a run will write: better asked before the night than after it.
fn check_outputs(settings: &JobSettings, screen: &Screen) -> anyhow::Result<()> {
    if let Some(log) = screen.log_path() {
        let precious = [&settings.input, &settings.report, &settings.journal()];
        let is_own = precious.into_iter().any(|path| settings::same_file(log, path));
        anyhow::ensure!(!is_own, "the log file `{}` is one of the job's own files", log.display());
    }
    report::check_folder(&settings.report)?;
    settings.summary_json.as_deref().map_or(Ok(()), summary::check_json)?;
    settings.html.as_deref().map_or(Ok(()), page::check)
}

/// Those who see what happens in a run, and change nothing.
struct Watchers<'a> {
    tally: &'a Arc<Mutex<Tally>>,
    timeline: Option<&'a Mutex<Recorder>>,
    screen: &'a Screen,
}

/// Runs the pool, with the journal behind it and the progress beside it.
#[expect(clippy::too_many_arguments, reason = "this is where everything meets")]
fn work(
    settings: &JobSettings,
    runtime: &Runtime,
    service: &Service,
    input: &Input,
    plan: &Plan,
    earlier: RowFlags,
    journal: &mut Journal,
    watchers: &Watchers<'_>,
) -> anyhow::Result<PoolEnd> {
    let &Watchers { tally, timeline, screen } = watchers;
    let numbers = plan.number_count() as u64;
    let pool_settings = PoolSettings {
        max_failures: settings.max_failures.map(|max| max.of(numbers)),
        pace: PaceSettings {
            remembered: service.remembered_rate(wall_clock()),
            ..settings.pool.pace.clone()
        },
        ..settings.pool.clone()
    };
    let (outbox, inbox) = event::channel();
    let (stop, stopped) = watch::channel(None);
    let submit = |submission: Submission| {
        let client = Arc::clone(&service.client);
        async move { client.submit(&submission.connector, &submission.numbers).await }
    };
    let renew = || {
        let client = Arc::clone(&service.client);
        async move { if client.renew().await { Renewal::Fresh } else { Renewal::Nothing } }
    };
    let progress = screen.watch(Arc::clone(tally))?;
    let (end, recorded) = std::thread::scope(|scope| {
        let watch = |events: &[event::Event]| {
            let (mut tally, now) = (tally.lock().unwrap_or_else(PoisonError::into_inner), now());
            events.iter().for_each(|event| tally.apply(event, now));
            if let Some(timeline) = timeline {
                let mut timeline = timeline.lock().unwrap_or_else(PoisonError::into_inner);
                events.iter().for_each(|event| timeline.apply(event, now));
            }
        };
        let recorder = scope.spawn(move || journal.record(inbox, watch));
        let rows = &input.rows;
        let dispatcher = Dispatcher::new(rows, plan.batches(), earlier, &pool_settings, outbox, now());
        let end = runtime.block_on(async {
            tokio::select! {
                end = pool::run(dispatcher, submit, renew, stopped, wall_clock) => end,
                never = signals::watch_for_stops(&stop, settings.time_limit) => match never {},
            }
        });
        (end, recorder.join())
    });
    progress.finish();
    match recorded {
        Ok(recorded) => recorded?,
        Err(_panic) => anyhow::bail!("the journal's thread broke down"),
    }
    Ok(end)
}

fn plan(args: PlanArgs, env: &Environment) -> anyhow::Result<ExitStatus> {
    let source = Source::open(&args.input)?;
    let input = Input::read(&source, &settings::columns(args.columns))?;
    let plan = Plan::new(&input.rows, |_| true, args.batch_size);
    let aws = settings::aws_args(args.aws);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let identity = runtime.block_on(Identity::planned(&aws, env));
    let overview = Overview::new(&source, &input, &plan, None, 0);
    let overview = overview.placed(&args.input, source.age(), Some(identity));
    let rate = if let Rate::Fixed(rate) = args.rate { Some(rate) } else { None };
    show(&overview.with_details(&input, rate))
}

/// Serves the simulator until a signal comes.
fn simulate(args: &SimulateArgs) -> anyhow::Result<ExitStatus> {
    let scenario = args.scenario.as_deref().map_or_else(|| Ok(Scenario::default()), read_scenario)?;
    let simulator = Simulator::start(scenario, args.listen)?;
    let exports = format!(
        "# a simulator of the Amazon Chime SDK Voice service; Ctrl-C stops it\n\
         export AWS_ENDPOINT_URL={}\n\
         export AWS_ACCESS_KEY_ID={}\n\
         export AWS_SECRET_ACCESS_KEY={}\n\
         export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",
        simulator.url(),
        simulator::ACCESS_KEY_ID,
        simulator::SECRET_ACCESS_KEY
    );
    let (stop, mut stopped) = watch::channel(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            biased; // it listens for signals before anybody can know that there is something to stop
            never = signals::watch_for_stops(&stop, None) => match never {},
            printed = async {
                print(&exports)?;
                drop(stopped.changed().await);
                anyhow::Ok(())
            } => printed,
        }
    })?;
    simulator.stop();
    Ok(ExitStatus::Success)
}

/// Shows a result, and that is all there was to do.
fn show(text: &impl std::fmt::Display) -> anyhow::Result<ExitStatus> {
    print(text)?;
    Ok(ExitStatus::Success)
}

fn print(text: &impl std::fmt::Display) -> anyhow::Result<()> {
    printed(|stdout| writeln!(stdout, "{text}"))
}

/// Standard output is for results alone. Whoever closes it early, as `head` does, has read enough.
fn printed(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Local only if a time of day was typed: to find the time zone takes longer than to send a row.
fn local_time(stop: &StopArgs) -> ZonedDateTime {
    let zone = if stop.stop_at.is_some() { TimeZone::system() } else { TimeZone::UTC };
    wall_clock().to_zoned_datetime(zone)
}

/// Whole seconds: what a report has, and what a night needs.
#[expect(
    clippy::disallowed_methods,
    reason = "the outermost shell: everything below takes the time as an argument"
)]
#[must_use]
pub fn wall_clock() -> Timestamp {
    let now = Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outermost shell: everything below takes the time as an argument"
)]
fn now() -> Instant {
    Instant::now()
}
