//! What `chime-sweep help TOPIC` says beyond the options.
//!
//! Must not be the only place of anything that an option's help can say.

use std::fmt::Write;

use super::exit::ExitStatus;

/// A topic has a text, and neither usage nor options.
pub(super) const TEMPLATE: &str = "{about-with-newline}";

/// Below every long help of the whole.
pub(super) const POINTERS: &str = "\
Examples:
  chime-sweep run numbers.csv --simulate        rehearse; AWS is not called
  chime-sweep plan numbers.csv                  see what would be sent
  chime-sweep run numbers.csv                   do it; the report is numbers.report.csv
  chime-sweep rerun numbers.report.csv          try again what did not succeed

More help: `chime-sweep help run`, and `chime-sweep help csv`, `environment` or `exit-codes`";

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  chime-sweep run numbers.csv
      shows what is about to happen, asks, and writes numbers.report.csv
  chime-sweep run numbers.csv --yes --stop-at 06:00 --max-failures 5%
      unattended, until six in the morning, or until something is clearly wrong
  chime-sweep run numbers.csv --simulate --scenario fixtures/scenarios/rough-night.toml
      a rehearsal on a service that misbehaves
  chime-sweep run numbers.csv --resume
      goes on after a crash, from the journal beside the report
  cut -d';' -f2 export.csv | chime-sweep run - --connector abcdef1ghij2klmno3pqr4 --yes -o out.csv
      numbers from elsewhere, all on one connector";

pub(super) const RERUN_EXAMPLES: &str = "\
Examples:
  chime-sweep rerun numbers.report.csv
      rows that succeeded are carried over, the others are tried again; the report is updated
  chime-sweep rerun numbers.report.csv -o second.csv
      the same, and the first report stays as it is";

pub(super) const PLAN_EXAMPLES: &str = "\
Examples:
  chime-sweep plan numbers.csv --rate 10
      how many numbers, on which connectors, and how long it takes at 10 requests a second
  chime-sweep plan numbers.report.csv
      what `rerun` would send";

pub(super) const SIMULATE_EXAMPLES: &str = "\
Examples:
  chime-sweep simulate
      prints the environment that other clients need, and serves until Ctrl-C
  chime-sweep simulate --listen 127.0.0.1:8080 --scenario fixtures/scenarios/throttled.toml
      on a known port, with a limit";

pub(super) const CSV: &str = "\
The input is a CSV file with a header, in UTF-8; the report that a run writes is one, too.

Two columns are found by their names (case, `_`, `-` and spaces do not matter); others travel untouched:
  voice_connector_id  or connector, connector_id, vc_id       --connector-column
  phone_number        or phone, number, e164, PhoneNumberId   --number-column
A file that has numbers only is served by --connector ID.

Fields are separated by `,` `;` or tabs, whichever the header has (--delimiter). Quoted fields, either kind of line \
end, and a byte order mark are understood.

A number is in E.164: a country code and the subscriber's number, 15 digits at most, such as +12065550100. Spaces, \
dashes, dots and parentheses are removed where a leading `+` makes the rest unambiguous. What a spreadsheet has damaged \
(1.20656E+10) is marked `invalid`, and not guessed at: export the column as text.

The report has the input's columns and rows, in order, and six more columns:
  status          succeeded, failed, unknown (it may have happened),
                  not_attempted, invalid, or duplicate
  error_code      the service's code, or this tool's
  error_message   in words
  attempts        requests that counted for the row, over all runs
  request_id      of the last one, for AWS support
  completed_at    UTC";

pub(super) const ENVIRONMENT: &str = "\
Every option can be set by a variable as well: CHIME_SWEEP_ and its name in capitals, with _ for -.
  CHIME_SWEEP_MAX_ATTEMPTS=8    is --max-attempts 8
  CHIME_SWEEP_SIMULATE=true     is --simulate; switches are true or false
What is typed wins over the variable of the same option. Options that contradict each other are refused, wherever they \
come from; but --simulate leaves out the variables of the AWS options. An empty variable is none. CHIME_SWEEP_YES counts \
only where there is no terminal to ask at. CHIME_SWEEP_RESULT_* are set for the command of --on-finish; they are no options.

Credentials, region, profile and endpoint come from the variables and files that every AWS tool reads: \
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION, AWS_DEFAULT_REGION, \
AWS_ENDPOINT_URL_CHIME_SDK_VOICE, AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT \
and so on.

NO_COLOR switches colours off, RUST_LOG says what is logged, HTTPS_PROXY and NO_PROXY name proxies.";

/// `help exit-codes`.
pub(super) fn exit_codes() -> String {
    let mut text = "What a shell, cron or systemd sees:\n".to_owned();
    for status in ExitStatus::ALL {
        let _ = write!(text, "\n{:>5}  {}", status.code(), status.meaning()); // writing to a string cannot fail
    }
    text.push_str(
        "\n\nAfter 3, 4, 130 and 143 `chime-sweep rerun` goes on from the report, and `--resume` from the journal where \
         there is no report. After any of them the message says what is safe, and the command to go on.",
    );
    text
}
