//! The steps of `run` and `rerun`, in order.
//!
//! Must not know how any step works.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::beside::beside;
use super::clock::{left_until, now, wall_clock};
use super::derive::derive;
use super::existing::{self, Earlier, Existing};
use super::failure::{UsageError, exit_status, explained, nothing_sent, with_note};
use super::finish;
use super::hook::{self, Ending, Pause};
use super::limits;
use super::next_steps;
use super::record;
use super::service::Service;
use super::settings::{JobSettings, Mode};
use super::signals;
use super::status;
use crate::action::Action;
use crate::aws::Environment;
use crate::cli::exit::ExitStatus;
use crate::event::{self, StopReason};
use crate::files;
use crate::hint::Hinted;
use crate::input::{Input, InputOptions, Source, Standing};
use crate::journal::entry::Entry;
use crate::journal::writer::Journal;
use crate::plan::{Plan, Selection};
use crate::pool::pace::PaceSettings;
use crate::pool::{self, Dispatcher, PoolEnd, PoolSettings, Renewal, Submission};
use crate::report::reconcile::Unsent;
use crate::report::summary::{self, Counts, Record, Summary};
use crate::report::timeline::{Recorder, Timeline};
use crate::terminal::Screen;
use crate::terminal::consent;
use crate::terminal::overview::{Expected, Overview};
use crate::terminal::states::Changes;
use crate::terminal::tally::Tally;

/// How long a number stays in the deletion queue (Amazon Chime SDK administrator guide).
const IN_QUEUE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Runs the job.
///
/// # Errors
/// If the job fails; the error says what is safe.
pub(super) fn execute(
    settings: &JobSettings,
    env: &Environment,
    screen: &Screen,
) -> anyhow::Result<ExitStatus> {
    let could_not_begin = |error| {
        let error = nothing_sent(error);
        if exit_status(&error) == ExitStatus::Error {
            tell_hook(settings, ExitStatus::Error, &explained(&error), Counts::default(), None);
        }
        error
    };
    let run = Run::open(settings, env, screen).map_err(could_not_begin)?;
    let existing = run.look().map_err(could_not_begin)?;
    let (rows, choice) = (&run.input.rows, existing.choice(&settings.choice));
    let selection = Selection::new(&choice, rows);
    let selection = selection.map_err(|error| could_not_begin(UsageError::from(error).into()))?;
    let is_to_be_sent = |row| existing.is_outstanding(row) && selection.left_out(row).is_none();
    let most = run.input.layout.action.batch_limit().unwrap_or(NonZeroU32::MAX);
    let plan = Plan::new(rows, is_to_be_sent, settings.batch_size.min(most));
    run.ask(&plan, &existing, &selection).map_err(could_not_begin)?;
    let earlier = existing.earlier(rows, settings.other_target);
    let started_at = wall_clock();
    let session = status::session(settings, plan.number_count(), choice, started_at);
    let (mut journal, input) = existing.begin(session, &run.source).map_err(could_not_begin)?;
    let (end, worked) = run.work(&plan, earlier, &mut journal, started_at);
    drop(plan); // frees memory for the report
    let finished = run.finish(end, &worked, journal, &input, &selection);
    run.tell_end(&worked, &finished);
    finished.map(|finished| finished.status)
}

/// A job whose files are open and whose service is ready.
struct Run<'a> {
    settings: &'a JobSettings,
    screen: &'a Screen,
    runtime: Runtime,
    /// The file as given, if the input was taken from it.
    origin: Option<Source>,
    source: Source,
    columns: InputOptions,
    input: Input,
    service: Service,
    /// Of the earlier runs of this report.
    record: Record,
    /// `user@host`.
    by: String,
}

/// What a job did.
struct Worked {
    started_at: Timestamp,
    elapsed: Duration,
    tally: Tally,
    timeline: Timeline,
}

/// How a job ended.
struct Finished {
    status: ExitStatus,
    /// `None` if there is no report.
    summary: Option<Summary>,
    /// The user asked for it to end at once.
    is_aborted: bool,
}

impl<'a> Run<'a> {
    /// Reads the input and opens the service; nothing is sent.
    fn open(settings: &'a JobSettings, env: &Environment, screen: &'a Screen) -> anyhow::Result<Self> {
        limits::check(settings.service.concurrency.get())?;
        limits::survive_size_limit();
        settings.check_log(screen.log_path())?;
        let instead = "--output names a file; `--output -` also shows the report on standard output";
        files::check_output("the report", &settings.report.path, instead)?;
        let taken: Vec<_> = settings.outputs.files().map(|(_, path)| path).collect();
        let mut record = Record::of(&settings.report.path, &taken)?;
        files::check_output("the record", record.path(), "--output names another report")?;
        settings.outputs.check()?;
        let mut source = Source::open(&settings.input)?;
        let (mut origin, mut columns) = (None, settings.columns.clone());
        if let Some(action) = settings.derive {
            let derived = derive(&source, &columns, action)?;
            derived.left_out.iter().for_each(|why| tracing::warn!("left out: {why}"));
            origin = Some(std::mem::replace(&mut source, derived.source));
            columns = InputOptions { action: Some(action), ..InputOptions::default() };
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (input, service) =
            beside(|| Input::read(&source, &columns), || Service::open(&settings.service, env, &runtime));
        let input = input?;
        anyhow::ensure!(
            settings.mode != Mode::Rerun || input.layout.is_report(),
            "`{}` is not a chime-sweep report; use `chime-sweep run` for it",
            source.name()
        );
        anyhow::ensure!(
            settings.mode != Mode::Run || input.layout.action == Action::Disassociate,
            Hinted::new(
                format!("`{}` is the report of an `{}`", source.name(), input.layout.action),
                "use `chime-sweep rerun` for it"
            )
        );
        if input.layout.is_report() {
            record.runs = Record::of(&settings.input, &[])?.runs;
        }
        Ok(Self {
            settings,
            screen,
            runtime,
            origin,
            source,
            columns,
            input,
            service: service?,
            record,
            by: record::caller_of(env),
        })
    }

    /// Checks for an existing report and journal.
    fn look(&self) -> anyhow::Result<Existing> {
        let settings = self.settings;
        let is_report = self.input.layout.is_report();
        if let Some(report) = self.origin.as_ref().or(is_report.then_some(&self.source))
            && Input::is_report(report)?
        {
            let columns = &settings.columns;
            if !self.service.is_local() {
                existing::check_not_rehearsed(report, columns)?;
            }
            if !self.service.is_simulated() && !settings.other_target {
                let (target, place) = (&self.service.target, self.service.place());
                let record = Record::of(&settings.input, &[])?;
                existing::check_same_target(report, columns, &record, target, place)?;
            }
        }
        let Service { target, .. } = &self.service;
        Existing::look(&settings.report, &self.input, target, self.service.account_id())
    }

    /// Shows what is about to happen, and asks for consent.
    fn ask(&self, plan: &Plan, existing: &Existing, selection: &Selection<'_>) -> anyhow::Result<()> {
        let settings = self.settings;
        let overview = Overview {
            target: Some(&self.service.target),
            identity: self.service.identity.as_ref(),
            stops_at: settings.stops_at.clone().map(|at| (at.clone(), left_until(&at))),
            settled: existing.settled(),
            last_day: (plan.number_count() > 0 && self.input.layout.action == Action::Delete)
                .then(|| wall_clock().saturating_add(IN_QUEUE).map(|day| day.strftime("%a %F").to_string()))
                .and_then(Result::ok),
            left_out: selection.counts(|row| existing.is_outstanding(row)),
            forgets: existing.forgets(self.service.is_simulated()),
            ..Overview::of(&settings.input, &self.source, &self.input, plan)
        };
        let changes = overview.numbers() > 0 && !self.service.is_simulated();
        if (changes || overview.forgets.is_some()) && !settings.consent {
            consent::ask(&overview, self.screen, settings.reads_stdin())?;
        } else {
            if changes {
                consent::check_count(&overview, settings.confirmed)?;
            }
            self.screen.say_with(&overview, || Some(("plan", overview.json(Expected::Assumed))));
            if changes {
                self.screen.log("confirmed by --yes");
            }
        }
        Ok(())
    }

    /// Sends what is planned, records it in the journal, and shows progress.
    fn work(
        &self,
        plan: &Plan,
        earlier: Earlier,
        journal: &mut Journal,
        started_at: Timestamp,
    ) -> (anyhow::Result<PoolEnd>, Worked) {
        let started = now();
        let mut tally = Tally::new(plan.number_count() as u64, started);
        tally.stops_at.clone_from(&self.settings.stops_at);
        let tally = Arc::new(Mutex::new(tally));
        let mut timeline = Recorder::new(started_at, started);
        let mut states = Changes::default();
        let watch = |events: &[event::Event]| {
            let (mut tally, now) = (tally.lock().unwrap_or_else(PoisonError::into_inner), now());
            for event in events {
                tally.apply(event, now);
                timeline.apply(event, now);
            }
            states.next(&tally).map(|is| Entry::State { is, at: wall_clock() })
        };
        let end = match self.screen.watch(Arc::clone(&tally)) {
            Ok(progress) => {
                let end = self.send(plan, earlier, journal, watch);
                progress.finish();
                end
            }
            Err(error) => Err(error.into()),
        };
        let (ended, tally) = (now(), tally.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let elapsed = ended.saturating_duration_since(started);
        (end, Worked { started_at, elapsed, tally, timeline: timeline.finish(ended) })
    }

    /// Runs the pool, and the journal's thread, which passes events to `watch` once they are on disk.
    fn send(
        &self,
        plan: &Plan,
        earlier: Earlier,
        journal: &mut Journal,
        mut watch: impl FnMut(&[event::Event]) -> Option<Entry<'static>> + Send,
    ) -> anyhow::Result<PoolEnd> {
        let (settings, rows, action) = (self.settings, &self.input.rows, self.input.layout.action);
        let pool_settings = PoolSettings {
            action,
            max_failures: settings.max_failures.map(|max| max.of(plan.number_count() as u64)),
            doubts_list: settings.max_failures.is_none() && !earlier.has_succeeded,
            patience: if Screen::is_attended() { Duration::ZERO } else { settings.pool.patience },
            keys_are_fixed: self.service.keys_are_fixed,
            pace: PaceSettings {
                remembered: self.service.remembered_rate(wall_clock()),
                ..settings.pool.pace.clone()
            },
            ..settings.pool.clone()
        };
        let (outbox, inbox) = event::channel();
        let (stop, stopped) = watch::channel(None);
        let (pause, pauses) = watch::channel(None);
        let observe = move |events: &[event::Event]| {
            pause.send_if_modified(|pause| {
                let before = pause.clone();
                *pause = Pause::after(pause.take(), events);
                *pause != before
            });
            watch(events)
        };
        let submit = |submission: Submission| {
            let client = Arc::clone(&self.service.client);
            async move { client.submit(action, &submission.connector, &submission.numbers).await }
        };
        let renew = || {
            let client = Arc::clone(&self.service.client);
            async move { if client.renew().await { Renewal::Fresh } else { Renewal::Nothing } }
        };
        std::thread::scope(|scope| {
            let writer = std::thread::Builder::new().name("journal".into());
            let writer = writer
                .spawn_scoped(scope, move || journal.record(inbox, observe))
                .context("cannot start the journal's thread")?;
            let dispatcher =
                Dispatcher::new(rows, plan.batches(), earlier.in_doubt, &pool_settings, outbox, now());
            let end = self.runtime.block_on(async {
                tokio::select! {
                    end = pool::run(dispatcher, submit, renew, stopped, wall_clock) => end,
                    never = signals::watch_for_stops(&stop) => match never {},
                    never = hook::watch_pauses(pauses, |begins, pause| self.tell_pause(begins, pause)) => match never {},
                }
            });
            match writer.join() {
                Ok(recorded) => recorded?,
                Err(_panic) => anyhow::bail!("the journal's thread panicked"),
            }
            Ok(end)
        })
    }

    /// Writes the report and prints its summary.
    fn finish(
        &self,
        end: anyhow::Result<PoolEnd>,
        worked: &Worked,
        mut journal: Journal,
        input: &Source,
        selection: &Selection<'_>,
    ) -> anyhow::Result<Finished> {
        let settings = self.settings;
        let kept = || next_steps::kept(settings, &worked.tally);
        let end = end.map_err(|error| with_note(error, kept()))?;
        let stopped = end.stop.as_ref().map(|stop| stop.reason);
        if stopped.is_some_and(StopReason::is_abort) {
            let is_aborted = matches!(stopped, Some(StopReason::Aborted | StopReason::Killed));
            let text = if is_aborted {
                let in_doubt = journal.history(self.input.rows.len())?.in_doubt();
                next_steps::aborted(settings, &worked.tally, in_doubt)
            } else {
                kept()
            };
            self.screen.say(&text);
            self.screen.say_though_quiet(&text);
            return Ok(Finished { status: ExitStatus::of_run(stopped, false), summary: None, is_aborted });
        }
        let report = &settings.report.path;
        let place = self.service.place();
        let unsent = Unsent { selection: Some(selection), stop: end.stop.as_ref() };
        let counted = finish::finish(journal, report, input, &self.input, place, unsent)
            .map_err(|error| with_note(error, kept()))?;
        if let Some(rate) = end.rate_found {
            self.service.remember_rate(rate, wall_clock());
        }
        let all_succeeded = counted.all_succeeded();
        let summary = Summary {
            version: summary::VERSION,
            report: report.clone(),
            simulated: self.service.is_simulated(),
            action: self.input.layout.action,
            next_command: (!all_succeeded).then(|| next_steps::rerun(settings)),
            all_succeeded,
            counted,
            run: Some(summary::Run {
                target: self.service.target.clone(),
                region: self.service.region.clone(),
                caller: self.service.caller().cloned(),
                started_at: worked.started_at,
                elapsed: worked.elapsed,
                stopped,
                last_error: end.stop.and_then(|stop| stop.cause).map(|cause| cause.text),
                requests: worked.tally.requests,
                throttled: worked.tally.throttled,
                rate_found: end.rate_found,
                timeline: Some(worked.timeline.clone()),
            }),
        };
        record::add(self.record.clone(), settings, &self.by, &summary);
        self.screen.say_with(&summary, || Some(("summary", serde_json::to_value(&summary).ok()?)));
        summary.in_short().iter().for_each(|text| self.screen.say_though_quiet(text));
        Source::open(report)
            .map_err(anyhow::Error::from)
            .and_then(|written| settings.outputs.write(&summary, &written, &self.columns))
            .map_err(|error| with_note(error, format!("the report was written: `{}`", report.display())))?;
        let status = ExitStatus::of_run(stopped, all_succeeded);
        Ok(Finished { status, summary: Some(summary), is_aborted: false })
    }

    /// Runs the command of `--on-pause`, if there is one.
    async fn tell_pause(&self, begins: bool, pause: Pause) {
        let Some(settings) = &self.settings.on_pause else { return };
        hook::run_for_pause(settings, begins, &pause, self.service.is_simulated()).await;
    }

    /// Runs the command of `--on-finish` after a run that had begun.
    fn tell_end(&self, worked: &Worked, finished: &anyhow::Result<Finished>) {
        let (exit, summary, text) = match finished {
            Ok(finished) if finished.is_aborted => return,
            Ok(Finished { status, summary: Some(summary), .. }) => {
                (*status, Some(summary), summary.to_string())
            }
            Ok(finished) => (finished.status, None, next_steps::kept(self.settings, &worked.tally)),
            Err(error) => (ExitStatus::Error, None, explained(error)),
        };
        let tally = &worked.tally;
        let settled = Counts {
            total: u64::from(self.input.rows.len()) - self.input.rows.count(Standing::Ignored) as u64,
            succeeded: tally.succeeded,
            failed: tally.failed,
            unknown: tally.unknown,
            not_attempted: tally.rows.saturating_sub(tally.settled()),
            ..Counts::default()
        };
        let rows = summary.map_or(settled, |summary| summary.counted.rows);
        tell_hook(self.settings, exit, &text, rows, summary);
    }
}

/// Runs the command of `--on-finish`, if there is one.
fn tell_hook(settings: &JobSettings, exit: ExitStatus, text: &str, rows: Counts, summary: Option<&Summary>) {
    let Some(hook) = &settings.on_finish else { return };
    let (outputs, simulated) = (&settings.outputs, settings.service.choice.is_simulated());
    hook::run(hook, &Ending { exit, rows, summary, text, outputs, simulated });
}
