//! The README is true: its usage block is that of `--help`, its commands exist, and what it runs runs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clap::{CommandFactory, Parser};

use chime_sweep::cli::Cli;

const README: &str = include_str!("../../README.md");

/// The lines of the fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    let parts = README.split(&open).skip(1);
    parts.map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

/// Every command of the `console` blocks, without its comment.
fn commands() -> Vec<String> {
    let lines: Vec<String> = blocks("console")
        .iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let commands = lines.iter().filter_map(|line| line.strip_prefix("$ "));
    commands.map(|line| line.split(" #").next().unwrap_or_default().trim_end().to_owned()).collect()
}

fn chime_sweep(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_chime-sweep")).args(args).output().expect("the binary runs")
}

#[test]
fn the_usage_block_is_what_help_says() {
    let help = String::from_utf8(chime_sweep(&["-h"]).stdout).expect("text");
    let from = help.find("Usage:").expect("a usage line");
    let to = help.find("\n\nExit codes").expect("the exit codes");
    assert_eq!(blocks("text")[0].trim(), help[from..to].trim());
}

#[test]
fn every_command_and_option_that_is_named_exists() {
    for command in commands() {
        let Some(words) = command.strip_prefix("chime-sweep ") else { continue };
        let parsed = Cli::try_parse_from(["chime-sweep"].into_iter().chain(words.split_whitespace()));
        assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
    }
    let cli = Cli::command();
    let subcommands = cli.get_subcommands().flat_map(clap::Command::get_arguments);
    let known: BTreeSet<String> = cli
        .get_arguments()
        .chain(subcommands)
        .filter_map(|arg| arg.get_long().map(|long| format!("--{long}")))
        .collect();
    let foreign = ["--release", "--path", "--format", "--help", "--version", "--pacing"];
    let named = README.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|word| {
        word.strip_prefix("--").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    });
    for option in named.filter(|word| !foreign.contains(word)) {
        assert!(known.contains(option), "{option}");
    }
}

#[test]
fn the_main_command_runs_on_the_simulator() {
    let main = &commands()[0];
    let words = main.strip_prefix("cargo run --release -- ").expect("the README begins with it");
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.csv");
    let mut args: Vec<&str> = words.split_whitespace().collect();
    args.extend(["--output", report.to_str().expect("text")]);
    let output = Command::new(env!("CARGO_BIN_EXE_chime-sweep"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(&args)
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = |path: &Path| std::fs::read_to_string(path).expect("readable").lines().count();
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/input/numbers.csv");
    assert_eq!(rows(&report), rows(&input));
    assert!(
        README.contains("a job of 200\nrows") && rows(&input) == 201,
        "the README says how many rows it has"
    );
}

#[test]
fn the_files_that_the_readme_names_are_there() {
    for name in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "fixtures/scenarios/rough-night.toml",
        "fixtures/sigv4",
        "fixtures/wire",
        "tests/peers",
        ".ci/run",
    ] {
        assert!(README.contains(name) && Path::new(env!("CARGO_MANIFEST_DIR")).join(name).exists(), "{name}");
    }
}

#[test]
fn the_versions_checked_against_are_those_that_are_pinned() {
    let pinned = include_str!("../peers/requirements.txt");
    for (what, package) in [("boto3 ", "boto3=="), ("botocore ", "botocore=="), ("AWS CLI ", "awscli==")] {
        let version = pinned.lines().find_map(|line| line.strip_prefix(package)).expect("pinned");
        assert!(README.contains(&format!("{what}{version}")), "{what}{version}");
    }
}
