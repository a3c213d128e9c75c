//! What was typed: the command line as clap understands it, nothing resolved.
//!
//! Must not read files, the clock or the environment.

#![expect(clippy::doc_markdown, reason = "these comments are the text of --help, which shows no backticks")]

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "chime-sweep",
    version,
    about = "Removes phone numbers from Amazon Chime SDK Voice Connectors in bulk",
    long_about = "Removes phone numbers from Amazon Chime SDK Voice Connectors in bulk, as fast as the service \
                  allows, and reports the truth about every row.",
    after_help = "Exit codes: 0 every row succeeded · 1 the job could not run · 2 usage · 3 some rows did not \
                  succeed · 4 stopped early · 130/143 interrupted",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say more on standard error (twice: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on standard error but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Remove each number in a CSV file from its connector, and write a report
    Run(RunArgs),
    /// Try the rows of a report again that did not succeed; the report is updated
    Rerun(RerunArgs),
    /// Show what would be sent; nothing is sent
    Plan(PlanArgs),
    /// Serve the simulator of the service on this machine, until stopped
    Simulate(SimulateArgs),
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A CSV file with a header, or `-` for standard input; a report is one too
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// Where the report goes [default: INPUT.report.csv, or INPUT.simulated.csv with --simulate]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace a report that is there already
    #[arg(long)]
    pub overwrite: bool,
    /// See [`JobArgs`].
    #[command(flatten)]
    pub job: JobArgs,
}

/// `rerun`.
#[derive(Debug, Args)]
pub struct RerunArgs {
    /// The report of an earlier run
    #[arg(value_name = "REPORT")]
    pub report: PathBuf,
    /// Where the new report goes [default: REPORT itself]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// See [`JobArgs`].
    #[command(flatten)]
    pub job: JobArgs,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// A CSV file with a header, or `-` for standard input; a report is one too
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// Numbers in a request at most
    #[arg(long, value_name = "N", default_value = "50")]
    pub batch_size: NonZeroU32,
    /// Requests per second, for an estimate of the time
    #[arg(long, value_name = "N", default_value = "auto")]
    pub rate: RateArg,
    /// See [`InputArgs`].
    #[command(flatten)]
    pub columns: InputArgs,
}

/// `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// A loopback address and port; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// How the service behaves: a TOML file [default: well, without limits]
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
}

/// What `run` and `rerun` share.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
pub struct JobArgs {
    /// Do not ask before numbers are removed
    #[arg(short, long)]
    pub yes: bool,
    /// Go on with a run that was cut short, from its journal
    #[arg(long, conflicts_with = "discard")]
    pub resume: bool,
    /// Forget a run that was cut short: its journal is deleted
    #[arg(long)]
    pub discard: bool,
    /// Rehearse against an embedded simulator of the service; AWS is not called
    #[arg(long, conflicts_with = "AwsOptions")]
    pub simulate: bool,
    /// How the simulated service behaves: a TOML file
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub scenario: Option<PathBuf>,
    /// Write the summary as JSON, too
    #[arg(long, value_name = "FILE")]
    pub summary_json: Option<PathBuf>,

    /// See [`InputArgs`].
    #[command(flatten)]
    pub columns: InputArgs,
    /// See [`AwsOptions`].
    #[command(flatten)]
    pub aws: AwsOptions,
    /// See [`PaceArgs`].
    #[command(flatten)]
    pub pace: PaceArgs,
    /// See [`StopArgs`].
    #[command(flatten)]
    pub stop: StopArgs,
}

/// How the input is read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// The column with the connector's id [default: voice_connector_id or the like]
    #[arg(long, value_name = "NAME")]
    pub connector_column: Option<String>,
    /// The column with the phone number [default: phone_number or the like]
    #[arg(long, value_name = "NAME")]
    pub number_column: Option<String>,
    /// The connector of all numbers, for a file without a connector column
    #[arg(long, value_name = "ID", conflicts_with = "connector_column")]
    pub connector: Option<String>,
    /// The character between fields, or `tab` [default: found in the header]
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<Delimiter>,
}

/// Which account and endpoint; the rest comes from the standard AWS environment and files.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS")]
pub struct AwsOptions {
    /// The region [default: AWS_REGION, AWS_DEFAULT_REGION, the profile's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The profile in the AWS files [default: AWS_PROFILE, default]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Another endpoint [default: AWS_ENDPOINT_URL_CHIME_SDK_VOICE, AWS_ENDPOINT_URL, the region's]
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Use the region's FIPS endpoint
    #[arg(long)]
    pub fips: bool,
    /// Use the region's dual-stack endpoint (IPv4 and IPv6)
    #[arg(long)]
    pub dualstack: bool,
    /// Trust the certificates in this PEM file instead of the system's [default: AWS_CA_BUNDLE]
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
    /// Allow plain http to other machines than this one
    #[arg(long)]
    pub allow_http: bool,
}

/// How much at once, how fast, how often.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pace")]
pub struct PaceArgs {
    /// Numbers in a request at most
    #[arg(long, value_name = "N", default_value = "50")]
    pub batch_size: NonZeroU32,
    /// Requests in flight at most
    #[arg(long, value_name = "N", default_value = "16")]
    pub concurrency: NonZeroUsize,
    /// Requests per second at most, or `auto`: find the service's limit and stay below it
    #[arg(long, value_name = "N", default_value = "auto")]
    pub rate: RateArg,
    /// The share of the found limit that is left to others
    #[arg(long, value_name = "PERCENT", default_value = "3%")]
    pub headroom: Percent,
    /// Attempts for a batch, the first included; throttled ones do not count
    #[arg(long, value_name = "N", default_value = "5")]
    pub max_attempts: NonZeroU32,
    /// How long a connection may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub connect_timeout: Duration,
    /// How long an answer may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub request_timeout: Duration,
}

/// When to stop early.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Stopping")]
pub struct StopArgs {
    /// Stop when the service gave no success for this long
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = parse_duration)]
    pub give_up_after: Duration,
    /// Stop when more rows than this failed: a number, or a share such as `5%`
    #[arg(long, value_name = "N|P%")]
    pub max_failures: Option<MaxFailures>,
    /// Stop at this time of day, such as `06:00`
    #[arg(long, value_name = "HH:MM")]
    pub stop_at: Option<TimeOfDay>,
    /// Stop after this long, such as `6h`
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_duration: Option<Duration>,
}

/// `--rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateArg {
    /// Find it out.
    Auto,
    /// Requests per second, positive.
    Fixed(f64),
}

impl FromStr for RateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        // The bounds are what a pacer can keep: one request in 11 days, and no more than a socket can take.
        match text.parse::<f64>() {
            Ok(rate) if (1e-6..=1e6).contains(&rate) => Ok(Self::Fixed(rate)),
            _ => Err("neither `auto` nor a positive number of requests per second".to_owned()),
        }
    }
}

/// A share, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_suffix('%').unwrap_or(text).trim();
        match digits.parse::<f64>() {
            Ok(percent) if (0.0..=90.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err("not a percentage from 0 to 90".to_owned()),
        }
    }
}

/// `--max-failures`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFailures {
    /// So many rows.
    Rows(u64),
    /// This share of the rows to be sent, 0 to 1.
    Share(f64),
}

impl MaxFailures {
    /// The number of rows, of `planned`.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of at most 2³² rows"
    )]
    pub fn of(self, planned: u64) -> u64 {
        match self {
            Self::Rows(rows) => rows,
            Self::Share(share) => (planned as f64 * share) as u64,
        }
    }
}

impl FromStr for MaxFailures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || "neither a number of rows nor a percentage such as `5%`".to_owned();
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Rows).map_err(|_| error()),
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Share(percent / 100.0)),
                _ => Err(error()),
            },
        }
    }
}

/// `--delimiter`: one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(pub u8);

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            b"tab" | b"\\t" => Ok(Self(b'\t')),
            [byte] if !matches!(byte, b'"' | b'\r' | b'\n') && byte.is_ascii() => Ok(Self(*byte)),
            _ => Err("not one character such as `,` or `;`, nor `tab`".to_owned()),
        }
    }
}

/// `--stop-at`: hours and minutes of the local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(pub jiff::civil::Time);

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        jiff::civil::Time::strptime("%H:%M", text)
            .map(Self)
            .map_err(|_| "not a time of day such as `06:00`".to_owned())
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let error = || "not a time such as `90s`, `30m` or `1h 30m`".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| error())?;
    match Duration::try_from(duration) {
        // A century is "never"; beyond it clocks overflow.
        Ok(duration) if !duration.is_zero() && duration < Duration::from_secs(3_155_760_000) => Ok(duration),
        _ => Err(error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_understood_or_refused() {
        assert_eq!("auto".parse(), Ok(RateArg::Auto));
        assert_eq!("0.5".parse(), Ok(RateArg::Fixed(0.5)));
        for bad in ["0", "-1", "NaN", "inf", "", "1e9", "fast"] {
            assert!(bad.parse::<RateArg>().is_err(), "{bad}");
        }
        assert_eq!("20%".parse(), Ok(Percent(0.2)));
        assert_eq!("0".parse(), Ok(Percent(0.0)));
        for bad in ["91%", "-1", "%", "NaN"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad}");
        }
        assert_eq!("10".parse(), Ok(MaxFailures::Rows(10)));
        assert_eq!("5%".parse::<MaxFailures>().map(|max| max.of(199)), Ok(9));
        for bad in ["-1", "101%", "x", "1.5"] {
            assert!(bad.parse::<MaxFailures>().is_err(), "{bad}");
        }
        assert_eq!("tab".parse(), Ok(Delimiter(b'\t')));
        for bad in ["", "\"", "ab", "é"] {
            assert!(bad.parse::<Delimiter>().is_err(), "{bad}");
        }
        assert_eq!("06:00".parse(), Ok(TimeOfDay(jiff::civil::time(6, 0, 0, 0))));
        assert!("25:00".parse::<TimeOfDay>().is_err());
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for bad in ["0s", "-1s", "5", "", "soon"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
