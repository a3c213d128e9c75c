//! The settings of a run: the command line resolved against the environment and the clock, validated.
//!
//! Code after this does not read argv, and only the AWS credential chain reads the environment. Must not do any of the
//! work: it only fills the structs that the stages define.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::{ToSpan, ZonedDateTime};

use super::existing::{ExistingReport, ReportSettings, UnfinishedRun};
use super::hook::HookSettings;
use super::names::{is_stream, report_of_action, report_of_rerun, report_of_shard, same_file, same_place};
use super::outputs::Outputs;
use super::service::{ServiceChoice, ServiceSettings};
use crate::action::Action;
use crate::aws::AwsArgs;
use crate::cli::{
    AwsOptions, ChoiceArgs, InputArgs, JobArgs, LaneArgs, MaxFailures, ReleaseArgs, RerunArgs, RunArgs,
    StopArgs, UndoArgs,
};
use crate::hint::Hinted;
use crate::input::{InputOptions, NO_COLUMN, Shard};
use crate::plan::Choice;
use crate::pool::PoolSettings;
use crate::pool::pace::PaceSettings;

/// How long a run without a user waits for a service that was never reached, if a person must mend why: a machine that
/// has just started may not have its network yet.
pub(super) const UNATTENDED_PATIENCE: Duration = Duration::from_secs(120);

/// The settings of `run` and `rerun`.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
pub(crate) struct JobSettings {
    /// Which of the two commands it is.
    pub(crate) mode: Mode,
    /// The CSV file, or `-`.
    pub(crate) input: PathBuf,
    /// How the input is read.
    pub(crate) columns: InputOptions,
    /// What is to be done with the numbers of the file, if they are not its rows as they stand; how it is read is the
    /// file's own then.
    pub(crate) derive: Option<Action>,
    /// What of it this process takes, if others take the rest.
    pub(crate) shard: Option<Shard>,
    /// Which of its rows are sent.
    pub(crate) choice: Choice,
    /// Where the report goes.
    pub(crate) report: ReportSettings,
    /// What else is written.
    pub(crate) outputs: Outputs,
    /// For the record.
    pub(crate) note: Option<String>,
    /// The rows of a report may be sent elsewhere than before.
    pub(crate) other_target: bool,
    /// The numbers are looked up before anything is sent.
    pub(crate) check: bool,
    /// And when the run has ended.
    pub(crate) verify: bool,
    /// How long a list of the service may be behind.
    pub(crate) recheck_after: Duration,
    /// The user consented with `--yes`.
    pub(crate) consent: bool,
    /// To this many numbers.
    pub(crate) confirmed: Option<u64>,
    /// Which service is called.
    pub(crate) service: ServiceSettings,
    /// The maximum number of phone numbers in a request.
    pub(crate) batch_size: NonZeroU32,
    /// How the pool works; what depends on the rows, the screen and the credentials is set when they are known.
    pub(crate) pool: PoolSettings,
    /// See `--max-failures`.
    pub(crate) max_failures: Option<MaxFailures>,
    /// When the run stops by itself.
    pub(crate) stops_at: Option<ZonedDateTime>,
    /// The command to run when the run has ended.
    pub(crate) on_finish: Option<HookSettings>,
    /// The command to run when the run is held back, and when it continues.
    pub(crate) on_pause: Option<HookSettings>,
}

/// What a job does with its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Send the rows of a file.
    Run,
    /// Send the rows of a report that did not succeed.
    Rerun,
    /// Take back what a report did.
    Undo,
    /// Release the numbers that a report removed.
    Release,
}

impl Mode {
    /// The command.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Rerun => "rerun",
            Self::Undo => "undo",
            Self::Release => "release",
        }
    }
}

impl JobSettings {
    /// For `run`, at `now`.
    ///
    /// # Errors
    /// If the arguments contradict each other.
    pub(crate) fn of_run(args: RunArgs, shard: Option<Shard>, now: &ZonedDateTime) -> anyhow::Result<Self> {
        let report_copy = args.output.as_deref().is_some_and(is_stream);
        let report = match args.output {
            Some(output) if !report_copy => output,
            None if is_stream(&args.input) => bail!(
                "standard input has no name to derive the report's from: name the report with --output, or show it \
                 with `--output -`"
            ),
            _ => report_of_shard(&args.input, shard, args.job.simulate),
        };
        if !args.input.is_dir() && same_file(&report, &args.input) {
            bail!(Hinted::new(
                format!("the report `{}` would replace the input", report.display()),
                "--output names another file"
            ));
        }
        // Replacing a simulated report loses no result.
        let replace = args.overwrite || args.job.simulate;
        let existing = if replace { ExistingReport::Replace } else { ExistingReport::Keep };
        let mut settings =
            Self::of_job(Mode::Run, args.job, args.input, (report, existing), report_copy, now)?;
        settings.shard = shard;
        if args.continues {
            settings.report.unfinished = UnfinishedRun::Continue;
        }
        Ok(settings)
    }

    /// For `rerun`, at `now`.
    ///
    /// # Errors
    /// If the arguments contradict each other.
    pub(crate) fn of_rerun(args: RerunArgs, now: &ZonedDateTime) -> anyhow::Result<Self> {
        ensure!(!is_stream(&args.report), "a report on standard input cannot be updated: name its file");
        let report_copy = args.output.as_deref().is_some_and(is_stream);
        let report = match args.output {
            Some(output) if !report_copy && !same_file(&output, &args.report) => output,
            _ => report_of_rerun(&args.report, args.job.simulate),
        };
        let existing = match (report == args.report, args.job.simulate) {
            (true, _) => ExistingReport::Update,
            (false, true) => ExistingReport::Replace,
            (false, false) => ExistingReport::Keep,
        };
        let settings =
            Self::of_job(Mode::Rerun, args.job, args.report, (report, existing), report_copy, now)?;
        Ok(Self { confirmed: args.confirm_count, ..settings })
    }

    /// For `release`, at `now`.
    ///
    /// # Errors
    /// If the arguments contradict each other.
    pub(crate) fn of_release(args: ReleaseArgs, now: &ZonedDateTime) -> anyhow::Result<Self> {
        let ReleaseArgs { report, output, overwrite, confirm_count, job } = args;
        let args = UndoArgs { report, output, overwrite, job };
        let settings = Self::of_undo(Mode::Release, args, Action::Delete, now)?;
        Ok(Self { confirmed: confirm_count, ..settings })
    }

    /// For `undo` or `release`, at `now`: does `action` with numbers of a report.
    ///
    /// # Errors
    /// If the arguments contradict each other.
    pub(crate) fn of_undo(
        mode: Mode,
        args: UndoArgs,
        action: Action,
        now: &ZonedDateTime,
    ) -> anyhow::Result<Self> {
        ensure!(
            !is_stream(&args.report),
            "a report on standard input has no name to derive another's from: name its file"
        );
        let report_copy = args.output.as_deref().is_some_and(is_stream);
        let report = match args.output {
            Some(output) if !report_copy => output,
            _ => report_of_action(&args.report, action, args.job.simulate),
        };
        if !args.report.is_dir() && same_file(&report, &args.report) {
            bail!(Hinted::new(
                format!("the report `{}` would replace the one that it is taken from", report.display()),
                "--output names another file"
            ));
        }
        let replace = args.overwrite || args.job.simulate;
        let existing = if replace { ExistingReport::Replace } else { ExistingReport::Keep };
        let settings = Self::of_job(mode, args.job, args.report, (report, existing), report_copy, now)?;
        Ok(Self { derive: Some(action), ..settings })
    }

    fn of_job(
        mode: Mode,
        job: JobArgs,
        input: PathBuf,
        (report, existing): (PathBuf, ExistingReport),
        report_copy: bool,
        now: &ZonedDateTime,
    ) -> anyhow::Result<Self> {
        let unfinished = match (job.resume, job.discard) {
            (true, _) => UnfinishedRun::Resume,
            (_, true) => UnfinishedRun::Discard,
            _ => UnfinishedRun::Ask,
        };
        let stops_at = stops_at(&job.stop, now).context("cannot work out when the run stops")?;
        let hook = |command| HookSettings { command, time_limit: job.on_finish_timeout };
        let settings = Self {
            mode,
            input,
            columns: columns_and_lanes(job.columns, job.lanes.clone(), &job.aws),
            derive: None,
            shard: None,
            choice: choice(job.choice),
            report: ReportSettings { path: report, existing, unfinished },
            outputs: Outputs {
                report_copy,
                summary_json: job.summary_json,
                html: job.html,
                html_full_numbers: job.html_full_numbers,
            },
            note: job.note,
            other_target: job.other_target,
            check: job.check,
            verify: job.verify,
            recheck_after: job.recheck_after,
            consent: job.yes,
            confirmed: None,
            service: ServiceSettings {
                choice: match job.simulate {
                    true => ServiceChoice::Simulator { scenario: job.scenario },
                    false => ServiceChoice::Aws(aws_args(job.aws)),
                },
                accounts: job.lanes.accounts,
                concurrency: job.pace.concurrency,
                connect_timeout: job.pace.calls.connect_timeout,
                request_timeout: job.pace.calls.request_timeout,
                remember: !job.pace.calls.no_remember,
            },
            batch_size: job.pace.batch_size,
            pool: PoolSettings {
                action: Action::Disassociate,
                concurrency: job.pace.concurrency,
                pace: PaceSettings {
                    rate: job.pace.calls.rate,
                    headroom: job.pace.calls.headroom,
                    seed: now.timestamp().subsec_nanosecond().unsigned_abs().into(),
                    ..PaceSettings::default()
                },
                max_attempts: job.pace.max_attempts,
                max_failures: None,
                failed: Arc::default(),
                doubts_list: false,
                give_up_after: job.stop.give_up_after,
                patience: UNATTENDED_PATIENCE,
                stop_at: stops_at.as_ref().map(ZonedDateTime::timestamp),
                keys_are_fixed: false,
                not_found_is_success: job.not_found_is_success,
            },
            max_failures: job.stop.max_failures,
            stops_at,
            on_finish: job.on_finish.map(hook),
            on_pause: job.on_pause.map(hook),
        };
        settings.check_files()?;
        Ok(settings)
    }

    /// Compares paths: files that do not exist yet cannot be told apart by their contents.
    fn check_files(&self) -> anyhow::Result<()> {
        let mut taken = self.report.files().to_vec();
        for (option, path) in self.outputs.files() {
            let is_taken = taken.iter().any(|other| same_file(other, path) || same_place(other, path));
            ensure!(
                !is_taken,
                "{option} `{}` is the report or its journal, or is named twice",
                path.display()
            );
            taken.push(path.to_owned());
        }
        Ok(())
    }

    /// Checks that the log is none of the job's own files.
    ///
    /// # Errors
    /// If it is.
    pub(super) fn check_log(&self, log: Option<&Path>) -> anyhow::Result<()> {
        let Some(log) = log else { return Ok(()) };
        let is_own = self.report.files().iter().chain([&self.input]).any(|path| same_file(log, path));
        ensure!(!is_own, "the log file `{}` is one of the job's own files", log.display());
        Ok(())
    }

    /// Where the report goes without `--output`.
    #[must_use]
    pub(crate) fn default_report(&self) -> PathBuf {
        match (self.mode, self.derive, self.service.choice.is_simulated()) {
            (_, Some(action), simulated) => report_of_action(&self.input, action, simulated),
            (Mode::Rerun, _, simulated) => report_of_rerun(&self.input, simulated),
            (.., simulated) => report_of_shard(&self.input, self.shard, simulated),
        }
    }

    /// Whether standard input is the input, so that it cannot answer a question.
    #[must_use]
    pub(crate) fn reads_stdin(&self) -> bool {
        is_stream(&self.input)
    }
}

/// How a file is read whose rows' accounts and regions do not matter.
#[must_use]
pub(crate) fn columns(args: InputArgs) -> InputOptions {
    InputOptions {
        connector_column: args.connector_column,
        number_column: args.number_column,
        connector: args.connector,
        region_column: Some(NO_COLUMN.to_owned()),
        who_column: Some(NO_COLUMN.to_owned()),
        delimiter: args.delimiter,
        ..InputOptions::default()
    }
}

/// How an input is read.
#[must_use]
pub(crate) fn columns_and_lanes(args: InputArgs, lanes: LaneArgs, aws: &AwsOptions) -> InputOptions {
    InputOptions {
        region_column: lanes.region_column,
        has_accounts: lanes.accounts.is_some(),
        who_column: lanes.profile_column.or(lanes.account_column),
        region: aws.region.clone(),
        profile: aws.profile.clone(),
        ..columns(args)
    }
}

/// Which of the rows are sent.
#[must_use]
pub(crate) fn choice(args: ChoiceArgs) -> Choice {
    Choice { limit: args.limit, only: args.only_connector, skip: args.skip_connector }
}

/// The AWS options of the command line.
#[must_use]
pub(crate) fn aws_args(options: AwsOptions) -> AwsArgs {
    AwsArgs {
        region: options.region,
        profile: options.profile,
        endpoint_url: options.endpoint_url,
        use_fips: options.fips.then_some(true),
        use_dualstack: options.dualstack.then_some(true),
        ca_bundle: options.ca_bundle,
        allow_http: options.allow_http,
        no_sts: options.no_sts,
        expected_account: options.expect_account,
        ..AwsArgs::default()
    }
}

/// The next `--stop-at` after `now`, or the end of `--max-duration`, whichever is first.
fn stops_at(stop: &StopArgs, now: &ZonedDateTime) -> Result<Option<ZonedDateTime>, jiff::Error> {
    let at = match stop.stop_at {
        None => None,
        Some(time) => {
            let today = now.with().time(time).build()?;
            Some(if today > *now { today } else { today.checked_add(1.day())? })
        }
    };
    let end = stop.max_duration.map(|limit| now.checked_add(limit)).transpose()?;
    Ok([at, end].into_iter().flatten().min())
}
