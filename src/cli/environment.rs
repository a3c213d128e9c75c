//! Options from the environment: `--max-attempts` is `CHIME_SWEEP_MAX_ATTEMPTS` too.
//!
//! One rule for all options, so that none is forgotten. The one place below `main` that looks at the process's
//! environment and arguments; must not know what any option means, but for consent.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use clap::builder::{BoolishValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Cli;

const PREFIX: &str = "CHIME_SWEEP_";

/// Given to the command of `--on-finish`, which may be another chime-sweep.
const RESULTS: &str = "CHIME_SWEEP_RESULT_";

/// The variable of an option; `--help` and the like have none.
fn variable(arg: &Arg) -> Option<String> {
    let is_help = matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    let long = arg.get_long().filter(|_| !is_help)?;
    Some(format!("{PREFIX}{}", long.to_ascii_uppercase().replace('-', "_")))
}

/// The command line, with a variable for every option that `wanted` lets have one.
pub(super) fn with_variables(command: Command, wanted: impl Fn(&Arg) -> bool + Copy) -> Command {
    let command = command.mut_args(|arg| match variable(&arg).filter(|_| wanted(&arg)) {
        None => arg,
        Some(variable) => {
            let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
            let arg = arg.env(variable).hide_env(true);
            if is_switch { arg.value_parser(BoolishValueParser::new()) } else { arg }
        }
    });
    command.mut_subcommands(|subcommand| with_variables(subcommand, wanted))
}

/// What was typed, and where nothing was, what the environment says; `interactive` if there is somebody to ask.
///
/// # Errors
/// As clap puts them: also for `--help` and `--version`. Names the variable where one is at fault.
pub fn parse(argv: &[OsString], interactive: bool) -> Result<Cli, clap::Error> {
    let command = Cli::command();
    let set: BTreeMap<String, OsString> = set_variables().collect();
    if set.is_empty() {
        return Cli::from_arg_matches(&command.try_get_matches_from(argv)?);
    }
    let typed = command.clone().ignore_errors(true).try_get_matches_from(argv).ok();
    let overruled = typed.map(|typed| overruled(&command, &typed)).unwrap_or_default();
    let command = with_variables(command, |arg| {
        variable(arg).and_then(|variable| set.get(&variable)).is_some_and(|value| !is_switched_off(arg, value))
            && !overruled.contains(arg.get_id().as_str())
            // An answer given once in a shell's profile must not agree to everything that is ever typed there.
            && (arg.get_id() != "yes" || !interactive)
    });
    let matches = command.clone().try_get_matches_from(argv).map_err(|error| blame(error, &command, argv))?;
    Cli::from_arg_matches(&matches)
}

/// A switch that is off contradicts nothing.
fn is_switched_off(arg: &Arg, value: &OsStr) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
        && BoolishValueParser::new().parse_ref(&Command::new(""), None, value).is_ok_and(|is_on| !is_on)
}

/// The variables that are set and name no option: most likely a slip.
#[must_use]
pub fn unknown_variables() -> Vec<String> {
    let mut set = set_variables().map(|(name, _)| name).peekable();
    if set.peek().is_none() {
        return Vec::new();
    }
    let known = known(&Cli::command());
    set.filter(|name| !known.contains(name)).collect()
}

/// An empty variable is none, as everywhere.
fn set_variables() -> impl Iterator<Item = (String, OsString)> {
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    set.filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX) && !name.starts_with(RESULTS))
}

fn known(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(variable);
    own.chain(command.get_subcommands().flat_map(known)).collect()
}

/// The options that contradict what was typed: their variables do not count.
fn overruled(command: &Command, typed: &ArgMatches) -> BTreeSet<String> {
    let mut built = command.clone();
    built.build();
    let Some((name, typed)) = typed.subcommand() else { return BTreeSet::new() };
    let Some(subcommand) = built.find_subcommand(name) else { return BTreeSet::new() };
    let is_typed = |arg: &Arg| {
        let id = arg.get_id().as_str();
        let known = typed.ids().any(|other| other.as_str() == id);
        known && typed.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
    };
    let mut overruled = BTreeSet::new();
    for arg in subcommand.get_arguments() {
        for other in subcommand.get_arg_conflicts_with(arg) {
            for (typed, contrary) in [(arg, other), (other, arg)] {
                // Somebody who set it to be safe must not send in earnest because of a word that was typed.
                let is_safeguard = contrary.get_id() == "simulate";
                if is_typed(typed) && !is_typed(contrary) && !is_safeguard {
                    overruled.insert(contrary.get_id().as_str().to_owned());
                }
            }
        }
    }
    overruled
}

/// Says which variable an option came from, if it was not typed.
fn blame(mut error: clap::Error, command: &Command, argv: &[OsString]) -> clap::Error {
    for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
        let Some(ContextValue::String(named)) = error.get(kind) else { continue };
        if let Some(variable) = origin(named, command, argv) {
            let from = format!("{named}' from the environment variable '{variable}");
            error.insert(kind, ContextValue::String(from));
        }
    }
    error
}

/// The variable of the option `named`, unless it was typed.
fn origin(named: &str, command: &Command, argv: &[OsString]) -> Option<String> {
    let option = named.split([' ', '=', '[']).next().filter(|word| word.starts_with("--"))?;
    let is_typed =
        argv.iter().any(|word| word.to_str().is_some_and(|word| word.split('=').next() == Some(option)));
    let given = |arg: &&Arg| arg.get_env().is_some() && arg.get_long() == option.strip_prefix("--");
    let mut all = command.get_subcommands().chain([command]).flat_map(Command::get_arguments);
    let variable = all.find(given).and_then(Arg::get_env).filter(|_| !is_typed)?;
    Some(variable.to_string_lossy().into_owned())
}
