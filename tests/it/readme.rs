//! The README is correct: its usage block is that of `--help`, its commands exist, and its main command works.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{CommandFactory, Parser};

use chime_sweep::cli::Cli;

use super::harness::Job;

const README: &str = include_str!("../../README.md");

/// The lines of the fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    let parts = README.split(&open).skip(1);
    parts.map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

/// The lines of all fenced blocks but the usage.
fn lines_of_blocks() -> Vec<&'static str> {
    let blocks = README.split("\n```").skip(1).step_by(2);
    blocks.filter(|block| !block.starts_with("text\n")).flat_map(|block| block.lines().skip(1)).collect()
}

/// Every command of the `console` blocks, without its comment.
fn commands() -> Vec<&'static str> {
    let lines = lines_of_blocks().into_iter().filter_map(|line| line.strip_prefix("$ "));
    lines.map(|line| line.split(" #").next().unwrap_or_default().trim_end()).collect()
}

/// The text between backticks, outside of the blocks.
fn code_spans() -> Vec<&'static str> {
    let prose = README.split("\n```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_usage_block_is_what_help_says() {
    let help = Job::new("").command("-h").stdout;
    let from = help.find("Usage:").expect("a usage line");
    let to = help.find("\n\nExit codes").expect("the exit codes");
    assert_eq!(blocks("text")[0].trim(), help[from..to].trim());
}

/// The arguments of every chime-sweep in a line of a block: typed, or in a crontab, or in a unit.
fn arguments_of(line: &str) -> Option<Vec<&str>> {
    let line = line.split(" #").next().unwrap_or_default();
    let line = line.split("||").next().unwrap_or_default();
    let mut words = line.split_whitespace();
    words.find(|word| *word == "chime-sweep" || word.ends_with("/chime-sweep"))?;
    Some(words.collect())
}

#[test]
fn every_command_that_is_shown_is_understood() {
    let shown: Vec<_> = lines_of_blocks().into_iter().filter_map(arguments_of).collect();
    assert!(shown.len() >= 8, "{shown:?}");
    for arguments in shown {
        let parsed = Cli::try_parse_from(["chime-sweep"].into_iter().chain(arguments.iter().copied()));
        assert!(parsed.is_ok(), "{arguments:?}: {}", parsed.unwrap_err());
    }
}

#[test]
fn every_option_that_is_named_exists() {
    let mut cli = Cli::command();
    cli.build();
    let subcommands = cli.get_subcommands().flat_map(clap::Command::get_arguments);
    let options = cli.get_arguments().chain(subcommands).filter_map(|arg| arg.get_long());
    let known: BTreeSet<String> = options.map(|long| format!("--{long}")).collect();
    let mut named = 0;
    for span in code_spans() {
        let first = span.split(' ').next().unwrap_or_default();
        let is_ours =
            first.starts_with('-') || first == "chime-sweep" || cli.find_subcommand(first).is_some();
        for option in span.split(' ').filter(|word| is_ours && word.starts_with("--")) {
            assert!(known.contains(option.split('=').next().unwrap_or_default()), "`{span}`");
            named += 1;
        }
    }
    assert!(named >= 30, "{named}");
}

#[test]
fn the_main_command_runs_on_the_simulator() {
    let main = commands()[0];
    let words = main.strip_prefix("cargo run --release -- ").expect("the README begins with it");
    let job = Job::new("");
    let report = job.path("report.csv");
    let here = env!("CARGO_MANIFEST_DIR");
    let arguments = format!("{words} --output {}", report.display());
    job.spawn(job.chime_sweep(&arguments).current_dir(here)).end().exits(0);
    let rows = |path: &Path| std::fs::read_to_string(path).expect("readable").lines().count();
    let input = Path::new(here).join("fixtures/input/numbers.csv");
    assert_eq!(rows(&report), rows(&input));
    assert!(
        README.contains("a job of 200 rows") && rows(&input) == 201,
        "the README says how many rows it has"
    );
}

/// Links, and whatever in code looks like a path from here: it has a `/`, but does not begin at a root, a home, a
/// variable or an address.
#[test]
fn the_files_that_the_readme_names_exist() {
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let spans = code_spans().into_iter().chain(commands());
    let words = spans.flat_map(str::split_whitespace).filter(|word| word.contains('/'));
    let is_ours = |word: &&str| !word.starts_with(['/', '~', '$', '-', '#']) && !word.contains("://");
    let paths: BTreeSet<_> = links.chain(words).filter(is_ours).collect();
    assert!(paths.len() >= 12, "{paths:?}");
    for path in paths {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
    }
}

#[test]
fn the_versions_checked_against_are_those_that_are_pinned() {
    let pinned = include_str!("../peers/requirements.txt");
    for (what, package) in [
        ("boto3 ", "boto3=="),
        ("botocore ", "botocore=="),
        ("AWS CLI ", "awscli=="),
        ("kubernetes-validate ", "kubernetes-validate=="),
        ("cfn-lint ", "cfn-lint=="),
    ] {
        let version = pinned.lines().find_map(|line| line.strip_prefix(package)).expect("pinned");
        assert!(README.contains(&format!("{what}{version}")), "{what}{version}");
    }
}
