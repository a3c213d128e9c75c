//! What a run uses: the command line resolved against the environment and the clock, validated.
//!
//! From here on nobody reads argv, and only the AWS credential chain reads the environment. Must not do any of the work:
//! it only fills the structs that the stages define.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::{Timestamp, ToSpan, ZonedDateTime};

use crate::aws::AwsArgs;
use crate::cli::{InputArgs, JobArgs, MaxFailures, PaceArgs, RerunArgs, RunArgs, StopArgs};
use crate::hint::Hinted;
use crate::input::InputOptions;
use crate::pool::PoolSettings;
use crate::pool::pace::PaceSettings;
use crate::pool::retry::RetryPolicy;

/// What `run` and `rerun` use.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
pub struct JobSettings {
    /// The CSV file, or `-`.
    pub input: PathBuf,
    /// Where the report goes.
    pub report: PathBuf,
    /// Whether the report is copied to standard output as well. A report that was there alone could not be gone on with.
    pub shown: bool,
    /// What may be done about a report that is there already.
    pub existing: ExistingReport,
    /// How the input is read.
    pub columns: InputOptions,
    /// The user agreed beforehand.
    pub consent: bool,
    /// What to do with a journal that is there already.
    pub leftover: Leftover,
    /// Which service is called.
    pub service: ServiceChoice,
    /// Where the summary goes as JSON.
    pub summary_json: Option<PathBuf>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Whether the page shows whole numbers.
    pub html_full_numbers: bool,
    /// What is run when the run has ended.
    pub on_finish: Option<OnFinish>,
    /// Numbers in a request at most.
    pub batch_size: std::num::NonZeroU32,
    /// How the pool works; `max_failures` is set once the rows are counted.
    pub pool: PoolSettings,
    /// See `--max-failures`.
    pub max_failures: Option<MaxFailures>,
    /// How long until the run stops by itself.
    pub time_limit: Option<Duration>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// Whether the rate that is found is kept for the next run, and used in this one.
    pub remember: bool,
    /// `run` or `rerun`.
    pub command: &'static str,
}

/// A command for the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnFinish {
    /// For the shell.
    pub command: String,
    /// How long it may take.
    pub time_limit: Duration,
}

/// What may be done about a report that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingReport {
    /// Nothing: it is somebody's result.
    Keep,
    /// It may be replaced, if it is a report.
    Replace,
    /// It is the input, and is brought up to date.
    Update,
}

/// What to do with the journal of a run that was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// Say what it is, and do nothing.
    Ask,
    /// Go on from it.
    Resume,
    /// Delete it.
    Discard,
}

/// Which service is called.
#[derive(Debug, Clone)]
pub enum ServiceChoice {
    /// AWS, or what the user calls so.
    Aws(AwsArgs),
    /// The embedded simulator, with this scenario.
    Simulator {
        /// A TOML file; without one the service behaves well and has no limits.
        scenario: Option<PathBuf>,
    },
}

impl ServiceChoice {
    /// Whether nothing will leave this machine.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulator { .. })
    }
}

impl JobSettings {
    /// For `run`, at `now`.
    ///
    /// # Errors
    /// If the arguments make no sense together.
    pub fn of_run(args: RunArgs, now: &ZonedDateTime) -> anyhow::Result<Self> {
        let shown = args.output.as_deref().is_some_and(is_stream);
        let report = match args.output {
            Some(output) if !shown => output,
            None if is_stream(&args.input) => bail!(
                "standard input has no name to derive the report's from: name the report with --output, or show it \
                 with `--output -`"
            ),
            _ => report_of(&args.input, args.job.simulate),
        };
        if !args.input.is_dir() && same_file(&report, &args.input) {
            bail!(Hinted::new(
                format!("the report `{}` would replace the input", report.display()),
                "--output names another file"
            ));
        }
        // A simulated report is no result that could be lost.
        let replace = args.overwrite || args.job.simulate;
        let existing = if replace { ExistingReport::Replace } else { ExistingReport::Keep };
        Ok(Self { shown, ..Self::of_job("run", args.job, args.input, report, existing, now)? })
    }

    /// For `rerun`, at `now`.
    ///
    /// # Errors
    /// If the arguments make no sense together.
    pub fn of_rerun(args: RerunArgs, now: &ZonedDateTime) -> anyhow::Result<Self> {
        ensure!(!is_stream(&args.report), "a report on standard input cannot be updated: name its file");
        let shown = args.output.as_deref().is_some_and(is_stream);
        let report = match args.output {
            Some(output) if !shown && !same_file(&output, &args.report) => output,
            _ if args.job.simulate => report_of(&args.report, true),
            _ => args.report.clone(),
        };
        let existing = match (report == args.report, args.job.simulate) {
            (true, _) => ExistingReport::Update,
            (false, true) => ExistingReport::Replace,
            (false, false) => ExistingReport::Keep,
        };
        Ok(Self { shown, ..Self::of_job("rerun", args.job, args.report, report, existing, now)? })
    }

    fn of_job(
        command: &'static str,
        job: JobArgs,
        input: PathBuf,
        report: PathBuf,
        existing: ExistingReport,
        now: &ZonedDateTime,
    ) -> anyhow::Result<Self> {
        let PaceArgs { batch_size, connect_timeout, request_timeout, no_remember, .. } = job.pace;
        let settings = Self {
            command,
            input,
            report,
            shown: false,
            existing,
            columns: columns(job.columns),
            consent: job.yes,
            leftover: match (job.resume, job.discard) {
                (true, _) => Leftover::Resume,
                (_, true) => Leftover::Discard,
                _ => Leftover::Ask,
            },
            service: match job.simulate {
                true => ServiceChoice::Simulator { scenario: job.scenario },
                false => ServiceChoice::Aws(aws_args(job.aws)),
            },
            summary_json: job.summary_json,
            html: job.html,
            html_full_numbers: job.html_full_numbers,
            on_finish: job.on_finish.map(|command| OnFinish { command, time_limit: job.on_finish_timeout }),
            batch_size,
            pool: pool(&job.pace, &job.stop, now.timestamp()),
            max_failures: job.stop.max_failures,
            time_limit: time_limit(&job.stop, now).context("cannot work out when `--stop-at` is")?,
            connect_timeout,
            request_timeout,
            remember: !no_remember,
        };
        settings.check_files()?;
        Ok(settings)
    }

    /// A file that does not exist yet can be told from no other by what is in it.
    fn check_files(&self) -> anyhow::Result<()> {
        let mut taken = vec![self.report.clone(), self.journal()];
        for (option, path) in [("--summary-json", &self.summary_json), ("--html", &self.html)] {
            let Some(path) = path else { continue };
            let is_taken = taken.iter().any(|other| same_file(other, path) || same_place(other, path));
            ensure!(
                !is_taken,
                "{option} `{}` is the report or its journal, or is named twice",
                path.display()
            );
            taken.push(path.clone());
        }
        Ok(())
    }

    /// The journal of this report.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        let mut path = self.report.clone().into_os_string();
        path.push(".journal");
        path.into()
    }

    /// Where the report goes if nobody says otherwise.
    #[must_use]
    pub fn default_report(&self) -> PathBuf {
        match &self.service {
            ServiceChoice::Aws(_) if self.existing == ExistingReport::Update => self.input.clone(),
            service => report_of(&self.input, service.is_simulated()),
        }
    }

    /// Whether standard input is the input, and cannot be asked at.
    #[must_use]
    pub fn reads_stdin(&self) -> bool {
        is_stream(&self.input)
    }
}

/// How the input is read.
#[must_use]
pub fn columns(args: InputArgs) -> InputOptions {
    InputOptions {
        connector_column: args.connector_column,
        number_column: args.number_column,
        connector: args.connector,
        delimiter: args.delimiter,
    }
}

/// What was typed about AWS.
#[must_use]
pub fn aws_args(options: crate::cli::AwsOptions) -> AwsArgs {
    AwsArgs {
        region: options.region,
        profile: options.profile,
        endpoint_url: options.endpoint_url,
        use_fips: options.fips.then_some(true),
        use_dualstack: options.dualstack.then_some(true),
        ca_bundle: options.ca_bundle,
        allow_http: options.allow_http,
    }
}

fn pool(pace: &PaceArgs, stop: &StopArgs, now: Timestamp) -> PoolSettings {
    PoolSettings {
        concurrency: pace.concurrency,
        pace: PaceSettings {
            rate: pace.rate,
            headroom: pace.headroom,
            seed: now.subsec_nanosecond().unsigned_abs().into(),
            ..PaceSettings::default()
        },
        retry: RetryPolicy::new(pace.max_attempts),
        max_failures: None,
        give_up_after: stop.give_up_after,
    }
}

/// How long from `now` until `--stop-at` or the end of `--max-duration`, whichever is first.
fn time_limit(stop: &StopArgs, now: &ZonedDateTime) -> Result<Option<Duration>, jiff::Error> {
    let at = match stop.stop_at {
        None => None,
        Some(time) => {
            let today = now.with().time(time).build()?;
            let next = if today > *now { today } else { today.checked_add(1.day())? };
            Some(Duration::try_from(now.duration_until(&next)).unwrap_or_default())
        }
    };
    Ok([at, stop.max_duration].into_iter().flatten().min())
}

/// Whether a path stands for standard input or output.
fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// `numbers.csv` → `numbers.report.csv`, or `numbers.simulated.csv`; standard input's are called `chime-sweep`.
fn report_of(input: &Path, simulated: bool) -> PathBuf {
    let input = if is_stream(input) { Path::new("chime-sweep") } else { input };
    input.with_extension(if simulated { "simulated.csv" } else { "report.csv" })
}

/// Whether two files that need not exist have one name in one folder.
fn same_place(a: &Path, b: &Path) -> bool {
    let folder =
        |path: &Path| std::path::absolute(path).ok().and_then(|path| path.parent()?.canonicalize().ok());
    a.file_name() == b.file_name() && folder(a).is_some() && folder(a) == folder(b)
}

/// Whether both paths lead to one file.
#[must_use]
pub fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
