//! The texts of `chime-sweep help TOPIC`, and the examples of the commands.
//!
//! Must not be the only place for anything that belongs into an option's help.

use std::fmt::Write;

use clap::Command;
use clap::builder::StyledStr;

use super::exit::ExitStatus;
use crate::terminal::fitted_help;

/// A topic has only a text, without usage or options.
pub(super) const TEMPLATE: &str = "{about-with-newline}";

/// Below the long help of chime-sweep.
pub(super) const POINTERS: &str = "\
Examples:
  chime-sweep export -o numbers.csv             list what the account has
  chime-sweep run numbers.csv --simulate        rehearse; AWS is not called
  chime-sweep plan numbers.csv --check          see what would be sent, and where the numbers are
  chime-sweep run numbers.csv                   remove them; the report is numbers.report.csv
  chime-sweep status numbers.report.csv         how far it is, or what a crash has left
  chime-sweep rerun numbers.report.csv          retry what did not succeed
  chime-sweep verify numbers.report.csv         is it so?
  chime-sweep undo numbers.report.csv           put back what was removed

More help: `chime-sweep help run`, and `chime-sweep help csv`, `environment`, `permissions` or `exit-codes`";

/// The definition with topics and examples wrapped for the terminal: clap would wrap them without their indents.
pub(super) fn fit(mut command: Command) -> Command {
    let fit = |text: &StyledStr| fitted_help(&text.to_string());
    if let Some(text) = command.get_long_about().map(fit) {
        command = command.long_about(text);
    }
    if let Some(text) = command.get_after_long_help().map(fit) {
        command = command.after_long_help(text);
    }
    command.mut_subcommands(self::fit)
}

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  chime-sweep export -o numbers.csv
      every number of the account in this region; `chime-sweep run numbers.csv` takes the file as it is
  chime-sweep export --connector abcdef1ghij2klmno3pqr4 --associated-before 2024-01-01
      the numbers that have been on one connector since before 2024, on standard output
  chime-sweep export --unassigned -o unused.csv
      what is on the bill and on no connector

Columns: voice_connector_id and phone_number, status (the service's), product_type, type, country, name,
associated_at, region, account_id, calling_name, order_id, created_at, updated_at, deletion_at, group_id, sip_rule_id,
note. A number that no connector's call can remove has no voice_connector_id, and a note that says why; `run` passes
over it. A number on two connectors has two rows. The file is written once the last page has been read, or not at all.";

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  chime-sweep run numbers.csv
      shows what is about to happen, asks, and writes numbers.report.csv
  chime-sweep run numbers.csv --limit 100
      a trial: sends the first 100 rows; `chime-sweep rerun numbers.report.csv` sends the others
  chime-sweep run numbers.csv --yes --stop-at 06:00 --max-failures 5%
      unattended, until six in the morning, or until something is clearly wrong
  chime-sweep run numbers.csv --simulate --scenario fixtures/scenarios/rough-night.toml
      a rehearsal on a service that misbehaves
  chime-sweep run numbers.csv --resume
      continues after a crash, from the journal next to the report
  chime-sweep run numbers.csv --yes --continue
      for cron, systemd and job engines: begins, or goes on with what is there; the exit code is 0 once all is done
  cut -d';' -f2 export.csv | chime-sweep run - --connector abcdef1ghij2klmno3pqr4 --yes -o out.csv
      reads the numbers from standard input; all are on one connector";

pub(super) const RERUN_EXAMPLES: &str = "\
Examples:
  chime-sweep rerun numbers.report.csv
      rows that succeeded are carried over, the others are retried; the report is updated
  chime-sweep rerun numbers.report.csv -o second.csv
      the same, but the first report is not changed";

pub(super) const VERIFY_EXAMPLES: &str = "\
Examples:
  chime-sweep verify numbers.report.csv
      for each row `verified` says off, still_on, moved, queued or gone (in the report of an undo: on), and
      `verified_at` when; the exit code is 3 if that contradicts a row that succeeded";

pub(super) const UNDO_EXAMPLES: &str = "\
Examples:
  chime-sweep undo numbers.report.csv
      puts back what that run removed; the report of this is numbers.report.undo.csv
  chime-sweep rerun numbers.report.undo.csv
      tries those again that could not be put back
  chime-sweep undo numbers.report.release.csv
      restores what was released (numbers.report.release.restore.csv), then puts it back on its connectors";

pub(super) const RELEASE_EXAMPLES: &str = "\
Examples:
  chime-sweep release numbers.report.csv
      releases the numbers that that run removed, if they are still unassigned; the count has to be typed
  chime-sweep release numbers.report.csv --yes --confirm-count 1200
      unattended: nothing is done unless it is exactly this many numbers
  chime-sweep export --unassigned -o unassigned.csv && chime-sweep release unassigned.csv
      releases all that are on no connector
  chime-sweep undo numbers.report.release.csv
      takes it back, within seven days";

pub(super) const PLAN_EXAMPLES: &str = "\
Examples:
  chime-sweep plan numbers.csv --rate 10
      how many numbers, on which connectors, and how long they take at 10 requests per second
  chime-sweep plan numbers.csv --all
      also every row that cannot be sent, and why; the exit code is 3 if there is one
  chime-sweep plan numbers.report.csv
      what `rerun` would send";

pub(super) const STATUS_EXAMPLES: &str = "\
Examples:
  chime-sweep status numbers.report.csv
      while it runs: how far it is, at what pace, until when, or why it is paused; it disturbs nothing
      after a crash: what is settled, what is in doubt, and the command to go on
  chime-sweep status numbers.report.csv --json
      the same for a monitor; the exit code is 0 if the run is going on or has succeeded, 3 if some rows did not
      succeed, 4 if it stopped early or was cut short, and 1 if there is nothing";

pub(super) const SUMMARY_EXAMPLES: &str = "\
Examples:
  chime-sweep summary numbers.report.csv --html page.html
      what happened, as a page too
  chime-sweep summary numbers.report.csv --rows failed,unknown -o rest.csv
      these rows as they are, in a report of their own: `chime-sweep rerun rest.csv` retries them and no others
  chime-sweep summary numbers.report.csv --exit-code > summary.txt || mail -s sweep ops@example.com < summary.txt
      for scripts: 0 once every row succeeded";

pub(super) const MERGE_EXAMPLES: &str = "\
Examples:
  chime-sweep run numbers.csv --shard 1/2; chime-sweep run numbers.csv --shard 2/2
  chime-sweep merge numbers.csv numbers.shard-*.report.csv
      writes numbers.report.csv, as one run would have; nothing is written if a row is in none of the reports or in two,
      or if one of them is not finished
  chime-sweep rerun numbers.report.csv
      then retries what did not succeed";

pub(super) const SIMULATE_EXAMPLES: &str = "\
Examples:
  chime-sweep simulate
      prints the environment that other clients need, and serves until Ctrl-C
  chime-sweep simulate --listen 127.0.0.1:8080 --scenario fixtures/scenarios/throttled.toml
      on a known port, with a limit

Each account has its own numbers and limit in each region. The key of an account is AKIASIMU and its 12 digits, with
the secret that is printed; `aws sts assume-role` lends the keys of a role in any account. In a scenario, a table
[[lane]] with `account`, `region` or both overrides `latency`, `throttle`, `fault` or `outage` there, and [sts] says
how long a role's keys last (`keys_last`) and which roles are `denied`: see fixtures/scenarios/lanes.toml.";

pub(super) const CSV: &str = "\
The input is a CSV file with a header, in UTF-8. So is the report that a run writes.

Two columns are found by name (case, `_`, `-` and spaces do not matter); the others are copied unchanged:
  voice_connector_id  or voice_connector, connector, connector_id, vc_id
                      --connector-column
  phone_number        or telephone, phone, number, e164, PhoneNumberId
                      --number-column
The options take a header or a position, from 1. For a file with numbers only, use --connector ID.

Other columns say in which account and region a number is. A run works on all of them at the same time:
  region              or aws_region; --region-column
  profile             or aws_profile: a profile of the AWS files; --profile-column
  account             with --accounts FILE only, and in place of profile: an
                      account's name or id in that file. Or account_id,
                      account_name, aws_account; --account-column
With `none` as the column there is none, whatever the header says. A column called `region` counts only if one of its cells \
may be an AWS region, such as us-east-1. An empty region is that of --region, else the usual default; an empty profile is \
that of --profile; without it, the row is `invalid`, as it is with an empty account. Two names of the same account and region \
are refused: they have one limit. --rate, --headroom and --concurrency are for each account and region. FILE is c7n-org's \
accounts.yml:
  accounts:
  - account_id: '111122223333'
    name: production
    role: arn:aws:iam::111122223333:role/phones
    regions: [us-east-1, us-west-2]
  - account_id: '444455556666'
    name: development
    profile: dev

Fields are separated by `,` `;` `|` or tabs, whichever yields the columns (--delimiter). Quoted fields, all kinds of \
line ending, a byte order mark, a line `sep=;` and comments (`# text`) are supported. A quote that closes so late that rows \
are in a cell is an error.

A number is in E.164 format: a country code and the subscriber's number, at most 15 digits, such as \
+12065550100. Spaces, dashes, dots and parentheses are removed where a leading `+` makes the rest unambiguous. A \
number that a spreadsheet has damaged (1.20656E+10), a range, an extension, and a +1 number without 11 digits are marked \
`invalid`, not guessed: export the column as text.

What `chime-sweep export` writes is such a file. Its rows that have a note in place of a connector ask for nothing.

The report has the input's columns and rows, in order, and more columns (the last three only after a look-up):
  status          succeeded, failed, unknown (it may have happened),
                  not_attempted, invalid, or duplicate
  error_code      the service's code, or this tool's; NotFound is said of a
                  number, NotFoundException of a connector
  error_message   the error as text
  attempts        requests for the row over all runs, without throttled ones
  request_id      of the last request, for AWS support
  completed_at    UTC
  action          disassociate, associate (undo), delete (release), or restore
  account_id      empty if it is not known
  region          empty if it is not known
  row_key         tells an edited row from an untouched one
  before          where the number was before it was sent
  verified        where verify saw it: off, still_on, moved, queued, gone; or on
  verified_at     UTC

They may be moved, and further columns added. A row that was edited, or that a spreadsheet has damaged, is not sent; \
clear its status to have it sent as it stands.";

pub(super) const ENVIRONMENT: &str = "\
Every option can also be set by a variable: CHIME_SWEEP_ and its name in capitals, with _ for -.
  CHIME_SWEEP_MAX_ATTEMPTS=8    is --max-attempts 8
  CHIME_SWEEP_SIMULATE=true     is --simulate; flags are true or false
An option on the command line overrides its variable. Options that contradict each other are refused, wherever they \
come from, except that --simulate ignores the variables of the AWS options. An empty variable counts as not set. \
CHIME_SWEEP_YES takes effect only without a terminal. CHIME_SWEEP_RESULT_* are set for the commands of \
--on-finish and --on-pause; they are not options.

Credentials, region, profile and endpoint come from the variables and files that every AWS tool reads: \
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_DEFAULT_PROFILE, AWS_PROFILE, AWS_REGION, AWS_DEFAULT_REGION, \
AWS_ENDPOINT_URL_CHIME_SDK_VOICE, AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT \
and so on. White space around their values is ignored. An empty AWS_PROFILE or AWS_ENDPOINT_URL is an error, as is an \
empty key where this machine's own role would be used.

NO_COLOR turns colors off, RUST_LOG selects what is logged (nothing of AWS's libraries, whose logs have secrets), \
HTTPS_PROXY, ALL_PROXY and NO_PROXY configure proxies (HTTP, not SOCKS), TZ is the time zone of --stop-at.";

/// `help exit-codes`.
pub(super) fn exit_codes() -> String {
    let mut text = "The exit codes that a shell, cron or systemd sees:\n".to_owned();
    for status in ExitStatus::ALL {
        let _ = write!(text, "\n{:>5}  {}", status.code(), status.meaning()); // writing to a string cannot fail
    }
    text.push_str(
        "\n\nAfter 3, 4, 130 and 143, `chime-sweep rerun` continues from the report, or `--resume` from the journal if \
         there is no report; `run --continue` chooses between them. The last message says what is safe, and names the \
         command to run next.\n\n\
         `chime-sweep status` also says 0 while the run is going on, and 4 if it was cut short; \
         `summary --exit-code` says again what the run said.",
    );
    text
}
