//! The options that commands share.
//!
//! Must not decide anything: `settings` does.

#![expect(clippy::doc_markdown, reason = "these comments are the text of --help, which shows no backticks")]

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use jiff::civil::Time;

use super::results;
use super::values::{
    MaxFailures, one_or_more, parse_account, parse_concurrency, parse_delimiter, parse_duration,
    parse_percent, parse_rate, parse_time,
};
use crate::pool::pace::Rate;

/// The options that contradict `--simulate`. Not their group: an error would then name all of them.
pub(super) const AWS_OPTIONS: [&str; 9] = [
    "region",
    "profile",
    "endpoint_url",
    "fips",
    "dualstack",
    "ca_bundle",
    "allow_http",
    "expect_account",
    "no_sts",
];

const ON_FINISH: &str =
    "Run this command in a shell when the run has ended or could not begin, whatever the result";
const ON_PAUSE: &str = "Run this command in a shell when the run is held back (no credentials, no service) and when it \
                        continues";

/// The options that `run` and `rerun` share.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
pub(crate) struct JobArgs {
    /// Do it without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Continue a run that was cut short, from its journal
    #[arg(long, conflicts_with = "discard")]
    pub(crate) resume: bool,
    /// Delete the journal of a run that was cut short, and start over
    #[arg(long)]
    pub(crate) discard: bool,
    /// First ask the service where each number is, and send only what is on its connector
    #[arg(long)]
    pub(crate) check: bool,
    /// Afterwards ask the service where each number is, as `verify` does
    #[arg(long)]
    pub(crate) verify: bool,
    /// How long to wait before the service is asked again about what contradicts --verify, or a release
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub(crate) recheck_after: Duration,
    /// Count a number that the service does not find as done
    #[arg(long)]
    pub(crate) not_found_is_success: bool,
    /// Rehearse against an embedded simulator of the service; AWS is not called
    #[arg(long, conflicts_with_all = AWS_OPTIONS)]
    pub(crate) simulate: bool,
    /// TOML file that describes how the simulated service behaves
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub(crate) scenario: Option<PathBuf>,
    /// Also write the summary as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_json: Option<PathBuf>,
    /// Also write the summary as an HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Show whole phone numbers on that page instead of only their last four digits
    #[arg(long, requires = "html")]
    pub(crate) html_full_numbers: bool,
    /// See [`results`].
    #[arg(long, value_name = "COMMAND", help = ON_FINISH, long_help = results::help(ON_FINISH, &results::ON_FINISH))]
    pub(crate) on_finish: Option<String>,
    /// See [`results`].
    #[arg(long, value_name = "COMMAND", help = ON_PAUSE, long_help = results::help(ON_PAUSE, &results::ON_PAUSE))]
    pub(crate) on_pause: Option<String>,
    /// Time limit of these commands
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) on_finish_timeout: Duration,

    /// A text for the record beside the report, such as a ticket's number
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Send the rows of a report to another account, region or endpoint than its earlier runs did
    #[arg(long)]
    pub(crate) other_target: bool,

    /// See [`InputArgs`].
    #[command(flatten)]
    pub(crate) columns: InputArgs,
    /// See [`LaneArgs`].
    #[command(flatten)]
    pub(crate) lanes: LaneArgs,
    /// See [`ChoiceArgs`].
    #[command(flatten)]
    pub(crate) choice: ChoiceArgs,
    /// See [`AwsOptions`].
    #[command(flatten)]
    pub(crate) aws: AwsOptions,
    /// See [`PaceArgs`].
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// See [`StopArgs`].
    #[command(flatten)]
    pub(crate) stop: StopArgs,
}

/// How the input is read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// The column with the connector's id, by header or position [default: voice_connector_id or similar]
    #[arg(long, value_name = "NAME")]
    pub(crate) connector_column: Option<String>,
    /// The column with the phone number, by header or position [default: phone_number or similar]
    #[arg(long, value_name = "NAME")]
    pub(crate) number_column: Option<String>,
    /// The connector of all numbers, for a file without a connector column
    #[arg(long, value_name = "ID", conflicts_with = "connector_column")]
    pub(crate) connector: Option<String>,
    /// Field delimiter: a character, or `tab` [default: detected from the header]
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    pub(crate) delimiter: Option<u8>,
}

/// Which columns put a row into its account and region.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Accounts and regions")]
pub(crate) struct LaneArgs {
    /// The column with each row's region, by header or position, or `none` [default: region or similar, if there is one]
    #[arg(long, value_name = "NAME")]
    pub(crate) region_column: Option<String>,
    /// The column with each row's AWS profile, in the same way [default: profile or similar, if there is one]
    #[arg(long, value_name = "NAME", conflicts_with = "accounts")]
    pub(crate) profile_column: Option<String>,
    /// A file of accounts and the roles to assume there, as c7n-org has it; each row names its account
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts: Option<PathBuf>,
    /// The column with each row's account, by name or id [default: account or similar]
    #[arg(long, value_name = "NAME", requires = "accounts")]
    pub(crate) account_column: Option<String>,
}

/// Which of the rows are sent.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Some of the rows")]
pub(crate) struct ChoiceArgs {
    /// Send only the first N rows that can be sent, as a trial; `rerun` sends the rest, and the exit code is 3 until then
    #[arg(long, value_name = "N", value_parser = one_or_more::<NonZeroU32>)]
    pub(crate) limit: Option<NonZeroU32>,
    /// Send only the rows of this connector; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) only_connector: Vec<String>,
    /// Leave out the rows of this connector; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) skip_connector: Vec<String>,
}

/// Which account and endpoint; the rest comes from the standard AWS environment and files.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsOptions {
    /// The region, of rows that do not name theirs [default: AWS_REGION, AWS_DEFAULT_REGION, the profile's]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The profile in the AWS files, of rows that do not name theirs [default: AWS_PROFILE, default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The endpoint [default: AWS_ENDPOINT_URL_CHIME_SDK_VOICE, AWS_ENDPOINT_URL, the region's]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Use the region's FIPS endpoint
    #[arg(long)]
    pub(crate) fips: bool,
    /// Use the region's dual-stack endpoint (IPv4 and IPv6)
    #[arg(long)]
    pub(crate) dualstack: bool,
    /// Trust the certificates in this PEM file instead of the system's [default: AWS_CA_BUNDLE]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Allow plain HTTP to other machines
    #[arg(long)]
    pub(crate) allow_http: bool,
    /// Refuse credentials of any other account than this one
    #[arg(long, value_name = "ID", value_parser = parse_account, conflicts_with = "no_sts")]
    pub(crate) expect_account: Option<String>,
    /// Do not ask AWS STS which account the credentials are of
    #[arg(long)]
    pub(crate) no_sts: bool,
}

/// Which service a command asks that only reads, and how.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Ask an embedded simulator of the service; AWS is not called
    #[arg(long, conflicts_with_all = AWS_OPTIONS)]
    pub(crate) simulate: bool,
    /// TOML file that describes what the simulated service has, and how it behaves
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub(crate) scenario: Option<PathBuf>,
    /// See [`AwsOptions`].
    #[command(flatten)]
    pub(crate) aws: AwsOptions,
    /// See [`CallArgs`].
    #[command(flatten)]
    pub(crate) calls: CallArgs,
    /// Stop when no request has succeeded for this long
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = parse_duration)]
    #[arg(help_heading = "Stopping")]
    pub(crate) give_up_after: Duration,
}

/// Batch size, concurrency and attempts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Maximum phone numbers per request
    #[arg(long, value_name = "N", default_value = "50", value_parser = one_or_more::<NonZeroU32>)]
    pub(crate) batch_size: NonZeroU32,
    /// Maximum requests in flight, or `auto`: as many as the pace needs, at most 256
    #[arg(long, value_name = "N", default_value = "auto", value_parser = parse_concurrency)]
    pub(crate) concurrency: NonZeroUsize,
    /// Maximum attempts per batch, including the first; throttled ones do not count
    #[arg(long, value_name = "N", default_value = "5", value_parser = one_or_more::<NonZeroU32>)]
    pub(crate) max_attempts: NonZeroU32,
    /// See [`CallArgs`].
    #[command(flatten)]
    pub(crate) calls: CallArgs,
}

/// Rate and timeouts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct CallArgs {
    /// Maximum requests per second, or `auto`: find the service's limit and stay below it
    #[arg(long, value_name = "N", default_value = "auto", value_parser = parse_rate)]
    pub(crate) rate: Rate,
    /// Share of the found limit to leave to other clients
    #[arg(long, value_name = "PERCENT", default_value = "3%", value_parser = parse_percent)]
    pub(crate) headroom: f64,
    /// Do not use or store the rate found for this endpoint, region and account
    #[arg(long)]
    pub(crate) no_remember: bool,
    /// Timeout for connecting
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub(crate) connect_timeout: Duration,
    /// Timeout for a response
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(crate) request_timeout: Duration,
}

/// When to stop early.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Stopping")]
pub(crate) struct StopArgs {
    /// Stop when no request has succeeded for this long
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = parse_duration)]
    pub(crate) give_up_after: Duration,
    /// Stop when more rows than this have failed: a number, or a percentage such as `5%`
    #[arg(long, value_name = "N|P%")]
    pub(crate) max_failures: Option<MaxFailures>,
    /// Stop at this time of day, such as `06:00`, in the local time zone
    #[arg(long, value_name = "HH:MM", value_parser = parse_time)]
    pub(crate) stop_at: Option<Time>,
    /// Stop after this long, such as `6h`
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) max_duration: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    #[test]
    fn every_aws_option_contradicts_simulate() {
        let command = AwsOptions::augment_args(Command::new("x"));
        assert_eq!(command.get_arguments().map(|arg| arg.get_id().as_str()).collect::<Vec<_>>(), AWS_OPTIONS);
    }
}
