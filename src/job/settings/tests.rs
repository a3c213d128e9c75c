use super::*;
use crate::cli::Cli;
use clap::Parser;

fn now() -> ZonedDateTime {
    "2026-11-23T22:00:00[UTC]".parse().expect("a time")
}

fn job(args: &[&str]) -> anyhow::Result<JobSettings> {
    let cli = Cli::try_parse_from([&["chime-sweep"], args].concat()).expect("parses");
    match cli.command {
        crate::cli::Command::Run(args) => JobSettings::of_run(args, None, &now()),
        crate::cli::Command::Rerun(args) => JobSettings::of_rerun(args, &now()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_report_is_named_after_the_input() {
    let table: [(&[&str], &str); 12] = [
        (&["run", "a/numbers.csv"], "a/numbers.report.csv"),
        (&["run", "a/numbers.csv", "--simulate"], "a/numbers.simulated.csv"),
        (&["run", "numbers"], "numbers.report.csv"),
        (&["run", "-", "-o", "x.csv"], "x.csv"),
        (&["run", "a/numbers.csv", "-o", "-"], "a/numbers.report.csv"),
        (&["run", "-", "-o", "-"], "chime-sweep.report.csv"),
        (&["run", "-", "-o", "-", "--simulate"], "chime-sweep.simulated.csv"),
        (&["rerun", "n.report.csv", "-o", "-"], "n.report.csv"),
        (&["rerun", "n.report.csv", "-o", "-", "--simulate"], "n.report.simulated.csv"),
        (&["rerun", "n.report.csv"], "n.report.csv"),
        (&["rerun", "n.report.csv", "--simulate"], "n.report.simulated.csv"),
        (&["rerun", "n.report.csv", "-o", "x.csv"], "x.csv"),
    ];
    for (args, report) in table {
        let settings = job(args).expect("resolves");
        assert_eq!(settings.report.path, Path::new(report), "{args:?}");
        // What the printed command leaves out, because it is the default.
        assert_eq!(settings.default_report() == Path::new(report), report != "x.csv", "{args:?}");
        assert_eq!(settings.outputs.report_copy, args.windows(2).any(|pair| pair == ["-o", "-"]), "{args:?}");
    }
    for (args, reason) in [
        (&["run", "-"][..], "standard input has no name"),
        (&["rerun", "-"], "a report on standard input cannot be updated"),
        (&["run", "n.csv", "-o", "n.csv"], "the report `n.csv` would replace the input"),
    ] {
        let error = job(args).expect_err("makes no sense").to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn only_a_rehearsal_replaces_a_report_unasked() {
    let existing = |args: &[&str]| job(args).expect("resolves").report.existing;
    assert_eq!(existing(&["run", "n.csv"]), ExistingReport::Keep);
    assert_eq!(existing(&["run", "n.csv", "--overwrite"]), ExistingReport::Replace);
    assert_eq!(existing(&["run", "n.csv", "--simulate"]), ExistingReport::Replace);
    assert_eq!(existing(&["rerun", "n.csv"]), ExistingReport::Update);
    assert_eq!(existing(&["rerun", "n.csv", "--simulate"]), ExistingReport::Replace);
}

#[test]
fn no_two_files_are_one() {
    for more in [
        ["--html", "n.report.csv"],
        ["--summary-json", "./n.report.csv"],
        ["--html", "../chime-sweep-not-there/../n.report.csv.journal"],
        ["--html", "n.report.csv.journal"],
    ] {
        let found = job(&[&["run", "n.csv"], &more[..]].concat());
        let is_elsewhere = more[1].starts_with("..");
        let is_refused = found.is_err_and(|error| error.to_string().contains("is the report or its journal"));
        assert_eq!(is_refused, !is_elsewhere, "{more:?}");
    }
    assert!(job(&["run", "n.csv", "--html", "a", "--summary-json", "./a"]).is_err());
    assert!(job(&["run", "n.csv", "--html", "a", "--summary-json", "b"]).is_ok());
}

#[test]
fn the_first_of_both_limits_ends_the_night() {
    let end = |args: &[&str]| {
        let settings = job(&[&["run", "n.csv"], args].concat()).expect("resolves");
        assert_eq!(settings.pool.stop_at, settings.stops_at.as_ref().map(ZonedDateTime::timestamp));
        settings.stops_at.map(|at| at.strftime("%d %H:%M %Z").to_string())
    };
    assert_eq!(end(&[]), None);
    for (args, expected) in [
        (&["--stop-at", "06:00"][..], "24 06:00 UTC"),
        (&["--stop-at", "23:00"], "23 23:00 UTC"),
        (&["--stop-at", "22:00"], "24 22:00 UTC"), // now is not later today
        (&["--max-duration", "90m"], "23 23:30 UTC"),
        (&["--stop-at", "06:00", "--max-duration", "6h"], "24 04:00 UTC"),
    ] {
        assert_eq!(end(args).as_deref(), Some(expected));
    }
}
