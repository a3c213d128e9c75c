//! What the documentation names exists: commands, options, files, versions; and its main command works.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{CommandFactory, Parser};

use chime_sweep::cli::Cli;
use chime_sweep::input::Column;
use chime_sweep::simulator::Scenario;

use super::page::{Page, root};
use crate::harness::Job;

/// The screens are run; what is only shown is at least understood.
#[test]
fn every_command_that_is_shown_is_understood() {
    let mut commands = 0;
    for block in Page::all().iter().flat_map(|page| page.blocks("sh")) {
        for line in block.lines().filter_map(|line| line.split(['#', '>']).next()) {
            if line.starts_with("chime-sweep ") {
                commands += 1;
                let parsed = Cli::try_parse_from(line.split_whitespace());
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }
    assert!(commands >= 7, "{commands}");
}

/// Everything that is written as code: between backticks, or typed.
fn code() -> Vec<String> {
    let of = |page: &Page| {
        let spans = page.code_spans().map(str::to_owned);
        spans.chain(page.lines_to_type()).collect::<Vec<_>>()
    };
    Page::all().iter().flat_map(of).collect()
}

#[test]
fn every_option_that_is_named_exists() {
    let mut cli = Cli::command();
    cli.build();
    let subcommands = cli.get_subcommands().flat_map(clap::Command::get_arguments);
    let options = cli.get_arguments().chain(subcommands).filter_map(|arg| arg.get_long());
    let known: BTreeSet<String> = options.map(|long| format!("--{long}")).collect();
    let mut named = BTreeSet::new();
    for span in code() {
        let first = span.split(' ').next().unwrap_or_default();
        let is_ours =
            first.starts_with('-') || first == "chime-sweep" || cli.find_subcommand(first).is_some();
        for option in span.split(' ').filter(|word| is_ours && word.starts_with("--")) {
            let option = option.split(['=', ';']).next().unwrap_or_default();
            assert!(known.contains(option), "`{span}`");
            named.insert(option.to_owned());
        }
    }
    assert!(named.len() >= 30, "{named:?}");
}

/// The programs of this repository, such as `python3 benches/scale.py`, know the options with which they are named.
#[test]
fn every_program_that_is_named_knows_its_options() {
    let mut programs = 0;
    for code in code() {
        let mut words = code.split_whitespace();
        let Some(script) = words.next().filter(|word| *word == "python3").and_then(|_| words.next()) else {
            continue;
        };
        programs += 1;
        let text =
            std::fs::read_to_string(root().join(script)).unwrap_or_else(|error| panic!("{code}: {error}"));
        for option in words.take_while(|word| *word != "#").filter(|word| word.starts_with("--")) {
            assert!(text.contains(&format!("\"{option}\"")), "{code}: {script} has no {option}");
        }
    }
    assert!(programs >= 4, "{programs}");
}

#[test]
fn the_two_commands_that_need_nothing_work() {
    let readme = Page::read("README.md");
    let typed = readme.blocks("sh")[0].clone();
    let [main, tests] = typed.lines().collect::<Vec<_>>()[..] else { panic!("not two: {typed}") };
    assert_eq!(tests, "cargo test");
    let words = main.strip_prefix("cargo run --release -- ").expect("a run");
    let checked = std::fs::read_to_string(root().join(".ci/run")).expect("a script");
    for command in [main, tests] {
        assert!(checked.lines().any(|line| line == format!("step {command}")), "{command}");
    }
    let job = Job::new("");
    let report = job.path("report.csv");
    let arguments = format!("{words} --output {}", report.display());
    job.spawn(job.chime_sweep(&arguments).current_dir(root())).end().exits(0);
    let rows = |path: &Path| std::fs::read_to_string(path).expect("readable").lines().count();
    let input = root().join("fixtures/input/numbers.csv");
    assert_eq!(rows(&report), rows(&input));
    let says_so = readme.text.contains("a job of 200 rows") && rows(&input) == 201;
    assert!(says_so, "the README says how many rows it has");
}

/// Whatever in code looks like a path from here: it has a `/`, but does not begin at a root, a home, a variable or an
/// address.
#[test]
fn the_files_that_are_named_exist() {
    let code = code();
    let words = code.iter().flat_map(|code| code.split_whitespace()).filter(|word| word.contains('/'));
    let is_ours = |word: &&str| {
        let is_path = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        is_path && !word.starts_with(['/', '-']) && word.contains(|c: char| c.is_ascii_lowercase())
    };
    let paths: BTreeSet<_> = words.filter(is_ours).collect();
    assert!(paths.len() >= 20, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "{path}");
    }
}

#[test]
fn the_versions_checked_against_are_those_that_are_pinned() {
    let pinned = include_str!("../../peers/requirements.txt");
    let measured = Page::read("docs/measurements.md").text;
    for (what, package) in [
        ("boto3 ", "boto3=="),
        ("botocore ", "botocore=="),
        ("AWS CLI ", "awscli=="),
        ("kubernetes-validate ", "kubernetes-validate=="),
        ("cfn-lint ", "cfn-lint=="),
    ] {
        let version = pinned.lines().find_map(|line| line.strip_prefix(package)).expect("pinned");
        assert!(measured.contains(&format!("{what}{version}")), "{what}{version}");
    }
}

#[test]
fn the_reference_has_every_column_of_a_report() {
    let text = Page::read("docs/reference.md").text;
    let section =
        text.split("\n## Report\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let cells: Vec<_> =
        section.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
    for column in Column::ALL {
        let name = format!("`{}`", column.name());
        assert!(cells.iter().any(|cell| cell.contains(&name)), "{name}");
    }
}

/// The names of all settings are in the errors for unknown ones.
#[test]
fn the_simulators_page_has_every_setting() {
    let text = Page::read("docs/simulator.md").text;
    for (unknown, least) in
        [("nonsense = 1", 25), ("[[fault]]\ndoes = 'nonsense'", 12), ("[[fault]]\nnonsense = 1", 7)]
    {
        let error =
            Scenario::from_toml(unknown, Path::new("scenario.toml")).expect_err("unknown").to_string();
        let names = error
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| !name.contains(['.', ' ']) && *name != "nonsense");
        let names: BTreeSet<_> = names.filter(|name| *name != "expect").collect();
        assert!(names.len() >= least, "{error}");
        for name in names {
            let forms = [format!("`{name}`"), format!("`[{name}]`"), format!("`[[{name}]]`")];
            assert!(forms.iter().any(|form| text.contains(form)), "{name}");
        }
    }
}

/// In a row of a table that begins with a file, what is written as code is in that file, or is a file itself.
#[test]
fn how_it_works_names_what_is_there() {
    let page = Page::read("docs/how-it-works.md");
    let mut names = 0;
    for row in page.prose().flat_map(str::lines).filter(|line| line.starts_with("| `")) {
        let mut spans = row.split('`').skip(1).step_by(2);
        let Some(file) = spans.next().filter(|file| root().join(file).is_file()) else { continue };
        let text =
            std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        for name in spans.filter(|name| !name.contains(['/', '.', ' '])) {
            names += 1;
            assert!(text.contains(name), "{row}");
        }
    }
    assert!(names >= 20, "{names}");
}
