//! Reads options from the environment: `CHIME_SWEEP_MAX_ATTEMPTS` sets `--max-attempts`.
//!
//! One rule for all options, so that none is forgotten. The only place below `main` that reads the process's
//! environment. It must not know what any option means, except for consent and simulation.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use clap::builder::{BoolishValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use super::arguments::Cli;
use super::job::AWS_OPTIONS;
use super::{meant, results, topics};

const PREFIX: &str = "CHIME_SWEEP_";

/// Parses the command line, and takes what was not typed from the environment. `interactive`: a user can be asked.
///
/// # Errors
/// Clap's errors, which include `--help` and `--version`. They name the variables that caused them.
pub fn parse(argv: &[OsString], interactive: bool) -> Result<Cli, clap::Error> {
    let words: BTreeSet<&str> = argv
        .iter()
        .take_while(|word| *word != "--")
        .filter_map(|word| word.to_str()?.split('=').next()?.strip_prefix("--"))
        .collect();
    let counts = |arg: &Arg| match arg.get_id().as_str() {
        // A variable set once in a shell's profile must not consent to every later run.
        "yes" => !interactive,
        // `--simulate` may be typed where variables set up AWS; but a user who set CHIME_SWEEP_SIMULATE to be safe must
        // not send real requests because of an option that was typed.
        id => !(words.contains("simulate") && AWS_OPTIONS.contains(&id)),
    };
    let command = with_variables(Cli::command(), &counts);
    let matches = command.clone().try_get_matches_from(argv);
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    cli.map_err(|mut error| {
        if error.kind() == ErrorKind::DisplayHelp {
            let fitted = topics::fit(command.clone()).try_get_matches_from(argv);
            return fitted.err().unwrap_or(error);
        }
        meant::suggest(&mut error, argv);
        name_variables(error, &command, &words)
    })
}

/// Whether messages are to be JSON, also where the command line cannot be parsed.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where options come from")]
pub fn wants_json(argv: &[OsString]) -> bool {
    let is_typed = argv.windows(2).any(|words| words[0] == "--log-format" && words[1] == "json")
        || argv.iter().any(|word| word == "--log-format=json");
    is_typed || std::env::var_os("CHIME_SWEEP_LOG_FORMAT").is_some_and(|format| format == "json")
}

/// The variable of an option.
fn variable(arg: &Arg) -> Option<String> {
    Some(format!("{PREFIX}{}", arg.get_long()?.to_ascii_uppercase().replace('-', "_")))
}

/// The command line definition, with the variables that are set and count.
#[expect(clippy::disallowed_methods, reason = "this is where options come from")]
fn with_variables(command: Command, counts: &impl Fn(&Arg) -> bool) -> Command {
    let command = command.mut_args(|arg| {
        let Some(name) = variable(&arg).filter(|_| counts(&arg)) else { return arg };
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        match std::env::var_os(&name) {
            Some(value) if value.is_empty() || is_switch && is_off(&value) => arg, // so it contradicts no other option
            Some(_) if is_switch => arg.env(name).hide_env(true).value_parser(BoolishValueParser::new()),
            Some(_) => arg.env(name).hide_env(true),
            None => arg,
        }
    });
    command.mut_subcommands(|subcommand| with_variables(subcommand, counts))
}

fn is_off(value: &OsStr) -> bool {
    BoolishValueParser::new().parse_ref(&Command::default(), None, value).is_ok_and(|is_on| !is_on)
}

/// An error shows an option as if it had been typed: this adds the variable that it came from.
fn name_variables(mut error: clap::Error, command: &Command, typed: &BTreeSet<&str>) -> clap::Error {
    let text = error.to_string();
    let from_variable = |arg: &Arg| {
        let long =
            arg.get_long().filter(|long| !typed.contains(long) && text.contains(&format!("--{long}")))?;
        Some(format!("'--{long}' is set by the environment variable '{}'", arg.get_env()?.to_string_lossy()))
    };
    let tips: BTreeSet<String> = all_arguments(command).filter_map(from_variable).collect();
    if !tips.is_empty() {
        let tips = tips.into_iter().map(Into::into).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

/// The variables that are set but are not options, most likely by mistake.
#[must_use]
pub fn unknown_variables() -> Vec<String> {
    let known: BTreeSet<_> = all_arguments(&Cli::command()).filter_map(variable).collect();
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    set.filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| {
            name.starts_with(PREFIX) && !name.starts_with(results::PREFIX) && !known.contains(name)
        })
        .collect()
}

fn all_arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_subcommands().chain([command]).flat_map(Command::get_arguments)
}
