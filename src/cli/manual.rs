//! Generates manual pages, completions and the topics of `help` from the command line's definition.
//!
//! Must not repeat what the definition says.

use std::io;

use anyhow::Context;
use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use roff::{Roff, bold, italic, roman};

use super::arguments::Cli;
use super::topics;

/// The finished definition, without `help`, which needs no manual page.
fn built() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// The manual page of chime-sweep, or of one command, for `man -l -`.
///
/// # Errors
/// If the command does not exist.
pub(crate) fn page(name: Option<&str>) -> anyhow::Result<String> {
    let whole = built();
    let find = |name| whole.find_subcommand(name).filter(|command| !command.is_hide_set());
    let command = name.map_or(Some(&whole), find).with_context(|| {
        let name = name.unwrap_or_default();
        format!(
            "`{name}` is not a chime-sweep command, so it has no manual page; `chime-sweep --help` lists the commands"
        )
    })?;
    let man = Man::new(command.clone()).source(concat!("chime-sweep ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if name.is_none() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(examples) = command.get_after_long_help() {
        let examples = examples.to_string();
        section("EXAMPLES", examples.trim_start_matches("Examples:\n"), &mut page)?;
    }
    if name.is_none() {
        section("FILES", topics::CSV, &mut page)?;
        section("EXIT STATUS", &topics::exit_codes(), &mut page)?;
        section("ENVIRONMENT", topics::ENVIRONMENT, &mut page)?;
    }
    Ok(String::from_utf8(page)?)
}

/// The synopsis with the names of values, which `clap_mangen` leaves out.
fn synopsis(command: &Command) -> Roff {
    let mut line = vec![bold(command.get_bin_name().unwrap_or_else(|| command.get_name()))];
    let value = |arg: &Arg| Some(italic(arg.get_value_names()?.join(" ")));
    for option in command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()) {
        let short = option.get_short().map(|short| format!("-{short}|")).unwrap_or_default();
        line.extend([roman(" ["), bold(format!("{short}--{}", option.get_long().unwrap_or_default()))]);
        let value = value(option).filter(|_| option.get_action().takes_values());
        line.extend(value.into_iter().flat_map(|value| [roman(" "), value]));
        line.push(roman("]"));
    }
    for positional in command.get_positionals() {
        line.extend(value(positional).into_iter().flat_map(|value| [roman(" "), value]));
        line.extend(matches!(positional.get_action(), ArgAction::Append).then(|| roman("...")));
    }
    if command.has_subcommands() {
        line.extend([roman(" "), italic("COMMAND")]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text(line);
    roff
}

/// A section of paragraphs, which are filled, and indented lines, which are kept as they are.
fn section(title: &str, text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for line in text.lines() {
        match line.strip_prefix("  ") {
            None if line.is_empty() => roff.control("PP", []),
            None => roff.text([roman(line)]),
            Some(line) => roff.control("nf", []).text([roman(["    ", line].concat())]).control("fi", []),
        };
    }
    roff.to_writer(page)
}

/// The completions for a shell, to be sourced.
#[must_use]
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "chime-sweep", &mut script);
    let script = String::from_utf8_lossy(&script);
    // Bash's use two names for a program with a hyphen, and so offer nothing after a command (clap-rs/clap#6421).
    script.replace("chime__subcmd__sweep", "chime__sweep")
}

/// The text of `help TOPIC`.
#[must_use]
pub(crate) fn topic(name: &str) -> String {
    let mut command = topics::fit(built());
    command
        .find_subcommand_mut(name)
        .map(|topic| topic.render_long_help().to_string().trim_end().to_owned())
        .unwrap_or_default()
}
