//! A run before anything is sent: its files, its service, what is there from earlier, and the consent.
//!
//! Must not change anything at the service.

use jiff::SignedDuration;
use tokio::runtime::Runtime;

use super::checking;
use super::clock::{left_until, wall_clock};
use super::derive;
use super::existing::{Existing, UnfinishedRun};
use super::lanes::{self, Lanes};
use super::limits;
use super::reading::Reader;
use super::record;
use super::same_target;
use super::service::Service;
use super::settings::{JobSettings, Mode};
use super::status;
use crate::action::Action;
use crate::aws::Environment;
use crate::files;
use crate::hint::Hinted;
use crate::input::{EXAMPLES, Input, InputOptions, RowFlags, RowId, Source, Standing};
use crate::inventory::{Check, Rules};
use crate::plan::{Plan, Selection};
use crate::report::summary::Record;
use crate::terminal::Screen;
use crate::terminal::consent;
use crate::terminal::expected::Expected;
use crate::terminal::overview::Overview;

/// How long a number stays in the deletion queue (Amazon Chime SDK administrator guide).
const IN_QUEUE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A job whose files are open and whose service is ready.
pub(super) struct Run<'a> {
    pub(super) settings: &'a JobSettings,
    pub(super) screen: &'a Screen,
    pub(super) runtime: Runtime,
    /// The file as given, if the input was taken from it.
    pub(super) origin: Option<Source>,
    pub(super) source: Source,
    pub(super) columns: InputOptions,
    pub(super) input: Input,
    pub(super) lanes: Lanes,
    /// Of the earlier runs of this report.
    pub(super) record: Record,
    /// `user@host`.
    pub(super) by: String,
}

impl<'a> Run<'a> {
    /// Reads the input and opens the service; nothing is sent.
    pub(super) fn open(
        settings: &'a JobSettings,
        env: &Environment,
        screen: &'a Screen,
    ) -> anyhow::Result<Self> {
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
            status::check_finished(&settings.input)?;
            let copy = settings.report.input_copy();
            let is_resumed = settings.report.unfinished == UnfinishedRun::Resume;
            let kept = is_resumed.then(|| derive::kept(&copy, &source)).flatten();
            let derived = kept.map_or_else(|| derive::derive(&source, &columns, action), Ok)?;
            derived.left_out.iter().for_each(|why| tracing::warn!("left out: {why}"));
            origin = Some(std::mem::replace(&mut source, derived.source));
            let InputOptions { has_accounts, region, profile, .. } = columns;
            columns = InputOptions {
                action: Some(action),
                has_accounts,
                region,
                profile,
                ..InputOptions::default()
            };
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let has_lanes = Input::has_lanes(&source, &columns)?;
        let read = || Input::read_part(&source, &columns, EXAMPLES, settings.shard);
        let is_called = |standing| matches!(standing, Standing::Pending { .. });
        let (input, lanes) = lanes::open(has_lanes, read, &settings.service, is_called, env, &runtime)?;
        limits::check(lanes.iter().map(|(_, service)| service.concurrency.get()).sum())?;
        anyhow::ensure!(
            settings.mode != Mode::Rerun || input.layout.is_report(),
            "`{}` is not a chime-sweep report; use `chime-sweep run` for it",
            source.name()
        );
        anyhow::ensure!(
            settings.mode != Mode::Run || input.layout.action == Action::Disassociate,
            Hinted::new(
                format!("`{}` is a report of the action `{}`", source.name(), input.layout.action),
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
            lanes,
            record,
            by: record::caller_of(env),
        })
    }

    /// Checks for an existing report and journal.
    pub(super) fn look(&self) -> anyhow::Result<Existing> {
        let settings = self.settings;
        let is_report = self.input.layout.is_report();
        if let Some(report) = self.origin.as_ref().or(is_report.then_some(&self.source))
            && Input::is_report(report)?
        {
            let (path, columns, other) = (&settings.input, &settings.columns, Some(settings.other_target));
            same_target::check(report, path, columns, &self.lanes, &self.input.rows, other)?;
        }
        let account_id = self.lanes.only().and_then(Service::account_id).map(str::to_owned);
        let (target, targets) = (self.lanes.target(), self.lanes.targets());
        Existing::look(&settings.report, &self.input, target, account_id, targets)
    }

    /// Looks up where the numbers of the rows that are to be sent are, if that is wanted.
    pub(super) fn check(
        &self,
        is_chosen: &dyn Fn(RowId) -> bool,
        in_doubt: &RowFlags,
    ) -> anyhow::Result<Option<Check>> {
        let (settings, action) = (self.settings, self.input.layout.action);
        if !settings.check && !action.looks_first() {
            return Ok(None);
        }
        let rules = Rules { action, not_found_is_success: settings.pool.not_found_is_success };
        let recheck_after = Some(settings.recheck_after);
        checking::check(&self.reader(), rules, &self.input, is_chosen, in_doubt, recheck_after).map(Some)
    }

    /// Shows what is about to happen, and asks for consent.
    pub(super) fn ask(
        &self,
        plan: &Plan,
        existing: &Existing,
        selection: &Selection<'_>,
        check: Option<&Check>,
    ) -> anyhow::Result<()> {
        let settings = self.settings;
        let overview = Overview {
            target: self.lanes.only().map(|service| &*service.target),
            identity: self.lanes.only().and_then(|service| service.identity.as_ref()),
            lanes: self.lanes.overview(plan, &self.input.rows),
            stops_at: settings.stops_at.clone().map(|at| (at.clone(), left_until(&at))),
            settled: existing.settled(),
            last_day: (plan.number_count() > 0 && self.input.layout.action == Action::Delete)
                .then(|| wall_clock().saturating_add(IN_QUEUE).map(|day| day.strftime("%a %F").to_string()))
                .and_then(Result::ok),
            left_out: selection.counts(|row| existing.is_outstanding(row)),
            check,
            lines_of: self.origin.as_ref().map(|_| &*settings.report.path),
            forgets: existing.forgets(self.is_simulated()),
            ..Overview::of(&settings.input, &self.source, &self.input, plan)
        };
        let changes = overview.numbers() > 0 && !self.is_simulated();
        if (changes || overview.forgets.is_some()) && !settings.consent {
            consent::ask(&overview, self.screen, settings.reads_stdin())?;
        } else {
            self.screen.say_with(&overview, || Some(("plan", overview.json(Expected::Assumed))));
            if changes {
                consent::check_count(&overview, existing.numbers(), settings.confirmed)?;
                self.screen.log("confirmed by --yes");
            }
        }
        Ok(())
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        let Self { lanes, runtime, screen, settings, .. } = self;
        Reader { lanes, pool: &settings.pool, runtime, screen }
    }

    /// Whether nothing leaves this machine.
    pub(super) fn is_simulated(&self) -> bool {
        self.settings.service.choice.is_simulated()
    }
}
