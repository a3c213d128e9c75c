//! The scenarios that are shipped, each with what it should end with beside it.

use std::fs;
use std::path::{Path, PathBuf};

use chime_sweep::simulator::{Expect, Scenario};

use super::harness::{Ended, Job, Service, all_at_once};

/// The scenarios with an expectation, and what it is.
fn shipped() -> Vec<(PathBuf, Expect)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let scenarios = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut expected: Vec<_> =
        scenarios.filter_map(|path| Some((path.clone(), scenario(&path).expect?))).collect();
    expected.sort_by(|(a, _), (b, _)| a.cmp(b));
    expected
}

fn scenario(path: &Path) -> Scenario {
    let text = fs::read_to_string(path).expect("a scenario");
    Scenario::from_toml(&text, path).expect("a scenario")
}

fn input_of(path: &Path, expected: &Expect) -> Vec<u8> {
    fs::read(path.with_file_name(&expected.input)).expect("an input")
}

/// What can have happened cannot be reported as failed, so `unknown` counts with `failed`.
fn check(ended: &Ended, path: &Path, expected: &Expect) {
    ended.check(ended.report.is_some(), &path.display().to_string());
    let counts = ended.counts();
    let count = |status: &str| counts.get(status).copied().unwrap_or(0);
    ended.exits(expected.exit).same("succeeded", count("succeeded"), expected.succeeded);
    let refused = expected.failed + expected.unknown;
    ended.same("failed and unknown", count("failed") + count("unknown"), refused);
    ended.same("not attempted", count("not_attempted"), expected.not_attempted);
    ended.same("invalid", count("invalid"), expected.invalid);
    ended.same("duplicate", count("duplicate"), expected.duplicate);
}

#[test]
fn each_ends_as_expected_in_a_rehearsal() {
    let shipped = shipped();
    assert!(shipped.len() >= 6, "{shipped:?}");
    all_at_once(&shipped, |(path, expected)| {
        let job = Job::new(input_of(path, expected));
        let arguments = expected.args.join(" ");
        let command = format!("run numbers.csv --simulate --scenario {} {arguments}", path.display());
        check(&job.command(&command), path, expected);
    });
}

#[test]
fn each_ends_with_a_report_that_the_ledger_confirms() {
    all_at_once(&shipped(), |(path, expected)| {
        let service = Service::of(scenario(path));
        let job = Job::on(&service, input_of(path, expected));
        let ended = job.sweep(&expected.args.join(" "));
        check(&ended, path, expected);
        ended.agrees_with(&service);
        let twice = service.ledger().numbers.into_iter().filter(|number| number.applied > 1).count();
        ended.same("disassociated twice", twice, 0);
    });
}
