//! The command line: help, variables, completions, manual pages, and typing errors.

use std::process::{Command, Stdio};

use clap::CommandFactory as _;

use chime_sweep::cli::Cli;
use chime_sweep::cli::exit::ExitStatus;

use super::harness::{BINARY, Job, Service, csv};

const REFERENCE: &str = include_str!("../../docs/reference.md");
const AWS: &str = include_str!("../../docs/aws.md");

/// Runs a program that other tools install; returns its standard output and error.
#[track_caller]
fn piped(program: &str, arguments: &[&str], stdin: &str) -> (String, String) {
    let job = Job::new("");
    let mut running = job.spawn(job.prepare(program, arguments).stdin(Stdio::piped()));
    running.type_in(stdin.as_bytes());
    drop(running.child.stdin.take());
    let ended = running.end();
    (ended.stdout, ended.stderr)
}

fn exists(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        super::harness::skipped(&format!("there is no `{program}` here"));
    }
    found.is_ok()
}

#[test]
fn help_lists_every_exit_code_and_so_does_the_reference() {
    let job = Job::new("");
    for arguments in ["help exit-codes", "exit-codes", "exit-codes --help"] {
        let help = job.command(arguments);
        help.exits(0);
        for status in ExitStatus::ALL {
            let line = format!("{:>5}  {}", status.code(), status.meaning());
            help.check(help.stdout.lines().any(|own| own == line), &line);
        }
    }
    let section = REFERENCE.split("## Exit codes").nth(1).and_then(|rest| rest.split("\n## ").next());
    for status in ExitStatus::ALL {
        assert!(section.is_some_and(|section| section.contains(&status.code().to_string())), "{status:?}");
    }
}

/// The policies of `help permissions`, by commands: each a line `commands:`, and JSON.
fn policies() -> Vec<(String, serde_json::Value)> {
    let help = Job::new("").command("help permissions");
    help.exits(0);
    let sections = help.stdout.split("\n\n").collect::<Vec<_>>();
    let policy = |pair: &[&str]| {
        let json = serde_json::from_str(pair[1]).expect("JSON");
        let commands = pair[0].split(":\n").next().unwrap_or_default().to_owned();
        (commands, json)
    };
    sections[1..].chunks(2).map(policy).collect()
}

#[test]
fn permissions_are_those_of_operations_that_exist() {
    let operations: Vec<_> = include_str!("../../fixtures/aws/operations.txt").lines().collect();
    let policies = policies();
    assert!(policies.len() >= 7, "{policies:?}");
    for (commands, policy) in &policies {
        assert_eq!(policy["Version"], "2012-10-17");
        let statement = &policy["Statement"][0];
        assert_eq!((&statement["Effect"], &statement["Resource"]), (&"Allow".into(), &"*".into()));
        let actions = statement["Action"].as_array().expect("a list");
        let names: Vec<_> = actions.iter().map(|action| action.as_str().expect("a name")).collect();
        let exists = |name: &&str| match name.strip_prefix("chime:") {
            Some(operation) => operations.contains(&operation),
            None => *name == "sts:AssumeRole" && commands.contains("--accounts"),
        };
        assert!(!names.is_empty() && names.iter().all(exists), "{commands}: {names:?}");
        let spans: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let row = format!("\n| {commands} | {} |\n", spans.join(", "));
        assert!(AWS.contains(&row), "docs/aws.md has no {row}");
    }
    let shown = include_str!("../../README.md")
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("\n```").next())
        .expect("a policy");
    assert_eq!(serde_json::from_str::<serde_json::Value>(shown).expect("JSON"), policies[0].1);
}

#[test]
fn help_has_examples_and_fits_the_terminal() {
    let job = Job::new("");
    for (arguments, text) in [
        ("--help", "chime-sweep run numbers.csv --simulate"),
        ("help run", "continues after a crash, from the journal next to the report"),
        ("help run", "as many as the pace needs, at most 256"),
        ("run --help", "Stopping:"),
        ("help rerun", "the report is updated"),
        ("help plan", "--rate 10"),
        ("help run", "--only-connector <ID>"),
        ("help permissions", "chime:BatchDeletePhoneNumber"),
        ("help csv", "completed_at    UTC"),
        ("help environment", "CHIME_SWEEP_MAX_ATTEMPTS=8    is --max-attempts 8"),
    ] {
        let help = job.command(arguments);
        help.exits(0).check(help.stdout.contains(text), text);
        let widest = help.stdout.lines().map(|line| line.chars().count()).max();
        help.check(widest <= Some(100), "a line is too long");
    }
}

#[test]
fn typing_errors_are_named_and_the_right_word_is_suggested() {
    let job = Job::new(csv(1));
    for (arguments, texts) in [
        ("simulte", ["unrecognized subcommand 'simulte'", "`chime-sweep simulate`"]),
        ("run numbers.csv --simulte", ["unexpected argument '--simulte'", "'--simulate'"]),
        ("run numbers.csv --rate fast", ["'fast' for '--rate <N>'", "expected `auto` or a positive number"]),
        ("completions bsh", ["'bsh' for '<SHELL>'", "'bash'"]),
        ("help rernu", ["unrecognized subcommand 'rernu'", "--help"]),
    ] {
        let ended = job.command(arguments);
        ended.exits(2);
        for text in texts {
            ended.says(text);
        }
    }
    job.command("man rnu").exits(1).says("`rnu` is not a chime-sweep command");
}

/// Each option has its variable: a value that no option takes is refused, and the variable is named.
#[test]
fn every_option_can_be_set_by_a_variable() {
    let mut options = 0;
    for subcommand in Cli::command().get_subcommands_mut() {
        subcommand.build();
        for argument in subcommand.get_arguments() {
            let Some(long) = argument.get_long().filter(|long| *long != "help") else { continue };
            options += 1;
            let variable = format!("CHIME_SWEEP_{}", long.to_uppercase().replace('-', "_"));
            let input = if subcommand.get_positionals().next().is_some() { "numbers.csv" } else { "" };
            let job = Job::new("").env(&variable, "\u{1}");
            let ended = job.command(&format!("{} {input}", subcommand.get_name()));
            // A name, a path or a text can be anything: then only the job can fail, if at all.
            let is_text = ended.code != Some(2) || ended.stderr.contains("required");
            ended.says_not("is not an option");
            ended.check(is_text || ended.stderr.contains(&variable), &format!("{variable} has no effect"));
        }
    }
    assert!(options > 40, "{options}");
}

#[test]
fn variables_do_what_options_do_and_options_override_them() {
    let run = |variables: &[(&str, &str)], more: &str| {
        let service = Service::playing("");
        let job = Job::on(&service, csv(4)).env("CHIME_SWEEP_YES", "1");
        let job = variables.iter().fold(job, |job, (name, value)| job.env(name, value));
        (job.command(&job.run_arguments(more)), service.requests())
    };
    for (variables, more, code, requests, says) in [
        (&[("CHIME_SWEEP_BATCH_SIZE", "2")][..], "", 0, 2, "to remove"),
        (&[("CHIME_SWEEP_BATCH_SIZE", "2")], "--batch-size 4", 0, 1, "to remove"),
        (&[("CHIME_SWEEP_QUIET", "yes")], "", 0, 1, ""),
        // An empty variable counts as not set.
        (&[("CHIME_SWEEP_RATE", "")], "", 0, 1, "to remove"),
        (&[("CHIME_SWEEP_SIMULATE", "false")], "", 0, 1, "to remove"),
        // Two that contradict each other are an error, wherever they come from.
        (&[("CHIME_SWEEP_QUIET", "1")], "-v", 2, 0, "variable 'CHIME_SWEEP_QUIET'"),
        (&[("CHIME_SWEEP_SIMULATE", "1")], "", 2, 0, "variable 'CHIME_SWEEP_SIMULATE'"),
        (&[("CHIME_SWEEP_REGION", "eu-west-1")], "", 0, 1, "(eu-west-1)"),
        (&[("CHIME_SWEEP_RESUME", "1"), ("CHIME_SWEEP_DISCARD", "1")], "", 2, 0, "cannot be used with"),
    ] {
        let (ended, asked) = run(variables, more);
        ended.exits(code).same("requests", asked, requests).says(says);
        ended.check(!says.is_empty() || ended.stderr.is_empty(), "it is not quiet");
    }
    let refusing =
        Service::playing("[[fault]]\ndoes.error = { status = 403, code = \"ForbiddenException\" }\n");
    let verbose = Job::on(&refusing, csv(1)).env("CHIME_SWEEP_VERBOSE", "2");
    verbose.sweep("").says("attempt failed");
    let filtered = |filter| Job::on(&refusing, csv(1)).env("RUST_LOG", filter).sweep("");
    filtered("warn,chime_sweep::pool=debug").says("attempt failed");
    filtered("warn,chime_sweep::input=debug").says_not("attempt failed");
    let rehearsal = Job::new(csv(1)).env("CHIME_SWEEP_REGION", "eu-west-1");
    rehearsal.command("run numbers.csv --simulate").exits(0).says("SIMULATED");
}

#[test]
fn a_wrong_variable_is_named() {
    let job = |name: &str, value: &str| Job::new(csv(1)).env(name, value);
    for (name, value, texts) in [
        ("CHIME_SWEEP_RATE", "fast", ["invalid value 'fast' for '--rate <N>'", "'CHIME_SWEEP_RATE'"]),
        ("CHIME_SWEEP_SIMULATE", "perhaps", ["invalid value 'perhaps'", "'CHIME_SWEEP_SIMULATE'"]),
        ("CHIME_SWEEP_MAX_DURATION", "5", ["expected a time such as", "'CHIME_SWEEP_MAX_DURATION'"]),
    ] {
        let ended = job(name, value).command("run numbers.csv");
        ended.exits(2);
        for text in texts {
            ended.says(text);
        }
    }
    let typed = job("CHIME_SWEEP_RATE", "5").command("run numbers.csv --rate fast");
    typed.exits(2).says("'--rate <N>'").says_not("CHIME_SWEEP_RATE");
    let slip = job("CHIME_SWEEP_RATES", "5").command("run numbers.csv --simulate");
    slip.exits(0).says("`CHIME_SWEEP_RATES` is set but is not an option");
    job("CHIME_SWEEP_RESULT_STATUS", "x")
        .command("run numbers.csv --simulate")
        .exits(0)
        .says_not("is not an option");
}

#[test]
fn completions_load_in_their_shells() {
    let job = Job::new("");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = job.command(&format!("completions {shell}"));
        script.exits(0).check(script.stdout.contains("max-attempts"), "an option is missing");
    }
    let script = job.command("completions bash").stdout;
    // What is offered after `chime-sweep run --max-`.
    let asked = "\nCOMP_WORDS=(chime-sweep run --max-); COMP_CWORD=2\n\
                 _chime__sweep chime-sweep --max- run; printf '%s\\n' \"${COMPREPLY[@]}\"; complete -p chime-sweep\n";
    if exists("bash") {
        let (offered, error) = piped("bash", &["--norc", "-s"], &format!("{script}{asked}"));
        for option in ["--max-attempts", "--max-failures", "--max-duration", "-F _chime__sweep chime-sweep"] {
            assert!(offered.contains(option), "{option}: {offered}{error}");
        }
        assert_eq!(error, "");
    }
}

#[test]
fn every_command_has_a_manual_page_that_renders_without_a_warning() {
    let job = Job::new("");
    let named: Vec<String> = Cli::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect();
    let renders = exists("groff");
    for command in named.iter().map(String::as_str).chain([""]) {
        let page = job.command(&format!("man {command}"));
        page.exits(0).check(page.stdout.starts_with(".ie"), "no page");
        page.check(page.stdout.contains(".TH"), "no title");
        if renders {
            let (text, warnings) = piped("groff", &["-man", "-Tutf8", "-ww"], &page.stdout);
            page.same("warnings", warnings, String::new())
                .check(text.contains("SYNOPSIS") || text.len() > 200, "empty");
        }
    }
    let whole = job.command("man").stdout;
    for text in ["EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "chime\\-sweep\\-run(1)"] {
        assert!(whole.contains(text), "{text}");
    }
}

/// `head` reads a line and exits: that is not an error.
#[cfg(unix)]
#[test]
fn a_reader_that_stops_early_is_not_an_error() {
    let job = Job::new(csv(2_000));
    for arguments in
        ["plan numbers.csv", "man", "completions bash", "--help", "run numbers.csv --simulate -q -o -"]
    {
        // Opened for writing, and its reader gone before the first byte comes.
        let script = format!("{{ {BINARY} {arguments}; echo \"ended with $?\" >&2; }} | true");
        let output = job.prepare("sh", &["-c", &script]).output().expect("sh");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr.trim(), "ended with 0", "{arguments}");
    }
}

/// The file exists all the same: a rerun could not start from standard output.
#[test]
fn a_report_can_be_shown_on_standard_output() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    let ended = job.sweep("--output -");
    ended.exits(0).same("shown", ended.stdout.as_str(), job.read("numbers.report.csv").as_str());
    ended.check(ended.stdout.lines().count() == 4, "no report").says("3  succeeded");

    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    let arguments = format!("run - -o - --yes --quiet --endpoint-url {}", service.url());
    let ended = job.command_with_stdin(&arguments, csv(3).as_bytes());
    ended.exits(0).same("shown", ended.stdout.as_str(), job.read("chime-sweep.report.csv").as_str());
    let again =
        job.command(&format!("rerun chime-sweep.report.csv --quiet -o - --endpoint-url {}", service.url()));
    again.exits(0).same("shown again", again.stdout.as_str(), ended.stdout.as_str());
    assert_eq!(service.requests(), 1);
}
