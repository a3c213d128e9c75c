//! Tells the user how to go on: what is kept, and the exact command.
//!
//! Must not print.

use std::path::Path;

use indicatif::HumanCount;

use super::service::ServiceChoice;
use super::settings::JobSettings;
use super::shell::{push, quoted_path};
use crate::input::InputOptions;
use crate::terminal::tally::Tally;
use crate::text::quoted;

/// What a run that has no report leaves behind, and how to go on from it.
#[must_use]
pub(crate) fn kept(settings: &JobSettings, tally: &Tally) -> String {
    format!(
        "no report was written; {} of {} rows of this run are settled and kept in `{}`\nto go on: {}",
        HumanCount(tally.settled()),
        HumanCount(tally.rows),
        settings.report.journal().display(),
        resume(settings)
    )
}

/// The same after an abort, which leaves rows in doubt.
#[must_use]
pub(crate) fn aborted(settings: &JobSettings, tally: &Tally, in_doubt: u64) -> String {
    let doubt = match in_doubt {
        0 => "aborted; no number is in doubt".to_owned(),
        1 => "aborted; 1 number is in doubt: it was sent, and its answer is not known".to_owned(),
        many => format!(
            "aborted; {} numbers are in doubt: they were sent, and their answers are not known",
            HumanCount(many)
        ),
    };
    format!("{doubt}\n{}", kept(settings, tally))
}

/// The command that retries what did not succeed.
#[must_use]
pub(crate) fn rerun(settings: &JobSettings) -> String {
    let mut command = format!("chime-sweep rerun {}", quoted_path(&settings.report.path));
    if settings.derive.is_none() {
        push_columns(&mut command, &settings.columns);
    }
    push_service(&mut command, settings);
    command
}

/// The command that retries what did not succeed, from a report alone: a report does not name the service.
#[must_use]
pub(crate) fn rerun_of(report: &Path, columns: &InputOptions, simulated: bool) -> String {
    let mut command = format!("chime-sweep rerun {}", quoted_path(report));
    push_columns(&mut command, &InputOptions { region_column: None, who_column: None, ..columns.clone() });
    command.push_str(if simulated { " --simulate" } else { "" });
    command
}

/// The command that continues the job from its journal.
#[must_use]
pub(crate) fn resume(settings: &JobSettings) -> String {
    // Standard input cannot be read again, but there is a copy of it.
    let copy = settings.reads_stdin().then(|| settings.report.input_copy());
    let input = copy.as_deref().unwrap_or(&settings.input);
    let mut command = format!("chime-sweep {} {}", settings.mode.name(), quoted_path(input));
    if copy.is_some() {
        push(&mut command, "--output", &quoted_path(&settings.report.path));
    } else if settings.outputs.report_copy {
        push(&mut command, "--output", "-");
    } else if settings.report.path != settings.default_report() {
        push(&mut command, "--output", &quoted_path(&settings.report.path));
    }
    settings.shard.iter().for_each(|shard| push(&mut command, "--shard", &shard.to_string()));
    push_columns(&mut command, &settings.columns);
    push_service(&mut command, settings);
    command.push_str(" --resume");
    command
}

/// The options without which the file cannot be read; a report has the columns of its input.
fn push_columns(command: &mut String, columns: &InputOptions) {
    for (option, value) in [
        ("--connector-column", &columns.connector_column),
        ("--number-column", &columns.number_column),
        ("--connector", &columns.connector),
        ("--region-column", &columns.region_column),
        (if columns.has_accounts { "--account-column" } else { "--profile-column" }, &columns.who_column),
    ] {
        value.iter().for_each(|value| push(command, option, &quoted(value)));
    }
    if let Some(delimiter) = columns.delimiter {
        push(command, "--delimiter", &quoted(&char::from(delimiter).to_string()));
    }
}

/// The options that name the service. The other options may differ from run to run.
fn push_service(command: &mut String, settings: &JobSettings) {
    settings.service.accounts.iter().for_each(|path| push(command, "--accounts", &quoted_path(path)));
    match &settings.service.choice {
        ServiceChoice::Simulator { scenario } => {
            command.push_str(" --simulate");
            scenario.iter().for_each(|path| push(command, "--scenario", &quoted_path(path)));
        }
        ServiceChoice::Aws(args) => {
            for (option, value) in [
                ("--region", &args.region),
                ("--profile", &args.profile),
                ("--endpoint-url", &args.endpoint_url),
            ] {
                value.iter().for_each(|value| push(command, option, &quoted(value)));
            }
            args.ca_bundle.iter().for_each(|path| push(command, "--ca-bundle", &quoted_path(path)));
            for (option, given) in [
                (" --fips", args.use_fips == Some(true)),
                (" --dualstack", args.use_dualstack == Some(true)),
                (" --allow-http", args.allow_http),
            ] {
                command.push_str(if given { option } else { "" });
            }
        }
    }
}
