//! Numbers are removed only with the user's consent.

use std::fmt::Write as _;

use super::harness::{Job, Service, Terminal, Typed, csv, skipped};

/// Runs a job of three rows on a terminal. Returns the service's requests, the exit code and what was shown.
fn answered(answer: &str, more: &str) -> Option<(u64, Option<i32>, String)> {
    let terminal = Terminal::find()?;
    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    let dialogue = [(QUESTION, Typed::Keys(answer))];
    let dialogue = if answer.is_empty() { &[][..] } else { &dialogue };
    let (code, mut shown) = terminal.run(&job, &job.run_arguments(more), dialogue);
    let _ = write!(shown, "\nfiles: {:?}", job.files());
    Some((service.requests(), code, shown))
}

const QUESTION: &str = "Remove 3 numbers? [y/N]";
const NO_TRACE: &str = "files: [\"numbers.csv\"]";

#[test]
fn without_a_terminal_and_without_a_yes_nothing_happens() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    for arguments in [job.run_arguments(""), job.run_arguments("--quiet")] {
        let ended = job.command_with_stdin(&arguments, b"y\n");
        ended.exits(2).says("no terminal to ask on").says("--yes").same(
            "files",
            job.files(),
            ["numbers.csv"],
        );
        ended.same("requests", service.requests(), 0);
    }
    job.sweep("").exits(0);
    let report = job.read("numbers.report.csv").replace("succeeded", "failed");
    job.write("numbers.report.csv", &report);
    let ended = job.command(&format!("rerun numbers.report.csv --endpoint-url {}", service.url()));
    ended.exits(2).same("report", job.read("numbers.report.csv"), report).same(
        "requests",
        service.requests(),
        1,
    );
}

#[test]
fn on_a_terminal_only_a_yes_starts_the_run() {
    for answer in ["n\n", "\n", "nonsense\n", "\u{4}"] {
        let Some((requests, code, shown)) = answered(answer, "") else { return };
        assert!(shown.contains(QUESTION) && shown.contains("vc: 3"), "{answer:?}: {shown}");
        assert!(shown.contains("nothing was sent") && shown.contains(NO_TRACE), "{answer:?}: {shown}");
        assert_eq!((requests, code), (0, Some(2)), "{answer:?}: {shown}");
    }
    for answer in ["y\n", "YES\n"] {
        let Some((requests, code, shown)) = answered(answer, "") else { return };
        assert!(shown.contains(QUESTION) && shown.contains("numbers.report.csv\"]"), "{answer:?}: {shown}");
        assert_eq!((requests, code), (1, Some(0)), "{answer:?}: {shown}");
    }
}

#[test]
fn on_a_terminal_the_option_yes_skips_the_question() {
    let Some((requests, code, shown)) = answered("", "--yes") else { return };
    assert!(!shown.contains("[y/N]") && shown.contains("3  succeeded"), "{shown}");
    assert_eq!((requests, code), (1, Some(0)), "{shown}");
}

#[test]
fn the_log_file_says_what_was_answered() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    job.sweep("--log-file night.log").exits(0);
    assert!(job.read("night.log").contains("confirmed by --yes"), "{}", job.read("night.log"));
    let Some(terminal) = Terminal::find() else { return };
    let arguments = job.run_arguments("--log-file night.log --overwrite");
    terminal.run(&job, &arguments, &[("[y/N]", Typed::Keys("no way\n"))]);
    assert!(job.read("night.log").contains("answered: no way"), "{}", job.read("night.log"));
}

#[test]
fn quiet_is_asked_all_the_same() {
    let Some((requests, code, shown)) = answered("n\n", "--quiet") else { return };
    assert!(shown.contains(QUESTION), "{shown}");
    assert_eq!((requests, code), (0, Some(2)), "{shown}");
}

#[test]
fn standard_input_cannot_be_both_input_and_answer() {
    let Some(terminal) = Terminal::find() else { return };
    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    let arguments = format!("run - -o x.csv --endpoint-url {}", service.url());
    let (code, shown) = terminal.run(&job, &arguments, &[("", Typed::Keys(&format!("{}\u{4}", csv(1))))]);
    assert!(shown.contains("no terminal to ask on"), "{shown}");
    assert_eq!((service.requests(), code), (0, Some(2)), "{shown}");
}

#[test]
fn what_was_typed_before_the_question_does_not_answer_it() {
    let Some(terminal) = Terminal::find() else { return };
    let service = Service::playing("");
    let job = Job::on(&service, "");
    std::fs::remove_file(job.path("numbers.csv")).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(job.path("numbers.csv")).status();
    if !made.is_ok_and(|status| status.success()) {
        return skipped("there is no `mkfifo`");
    }
    // The question cannot come before the file has: the terminal has shown by then what was typed.
    let rows = csv(3);
    let dialogue = [
        ("", Typed::Keys("yes\n")),
        ("yes", Typed::File("numbers.csv", &rows)),
        (QUESTION, Typed::Keys("\n")),
    ];
    let (code, shown) = terminal.run(&job, &job.run_arguments(""), &dialogue);
    assert!(shown.contains("nothing was sent"), "{shown}");
    assert_eq!((service.requests(), code), (0, Some(2)), "{shown}");
}

#[test]
fn the_question_names_file_and_account_and_a_big_job_needs_its_count() {
    let Some(terminal) = Terminal::find() else { return };
    for (answer, expected) in [("y\n", 2), ("1,200\n", 0)] {
        let service = Service::playing("");
        let job = Job::on(&service, csv(1_200));
        let dialogue = [("to cancel:", Typed::Keys(answer))];
        let (code, shown) = terminal.run(&job, &job.run_arguments(""), &dialogue);
        for told in ["numbers.csv, 1,200 rows", "ago", "key …", "us-east-1 (`AWS_REGION`)", &service.url()]
        {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        assert!(!shown.contains(chime_sweep::simulator::ACCESS_KEY_ID), "{shown}");
        assert_eq!(code, Some(expected), "{shown}");
    }
}

#[test]
fn a_rehearsal_and_a_job_without_work_do_not_ask() {
    let job = Job::new(csv(3));
    let ended = job.command("run numbers.csv --simulate");
    ended.exits(0).statuses(&["succeeded"; 3]).says("SIMULATED").says_not("[y/N]");
    ended.check(ended.column("request_id").iter().all(|id| id.starts_with("sim-")), "request ids");
    ended.same("files", job.files(), ["numbers.csv", "numbers.simulated.csv"]);

    let service = Service::playing("");
    let job = Job::on(&service, "connector,phone\nvc,x\n");
    job.command(&job.run_arguments("")).exits(3).statuses(&["invalid"]);
}

/// A journal of a real run, in which two of its rows are settled.
const CUT_SHORT: &str = "\
{\"header\":{\"format\":\"chime-sweep-journal\",\"version\":3,\"input_xxh3\":\"x\",\"rows\":9,\"target\":\"AWS (us-east-1)\"}}\n\
{\"session\":{\"at\":\"2026-11-23T21:00:00Z\"}}\n\
{\"intent\":{\"rows\":[0,1,2]}}\n\
{\"settled\":{\"rows\":[0,1],\"outcome\":\"succeeded\",\"code\":\"\",\"message\":\"\",\"attempts\":1,\"at\":\"2026-11-23T21:00:01Z\"}}\n";

#[test]
fn a_journal_is_deleted_only_with_consent() {
    let service = Service::playing("");
    let told = "the only record of the run started at 2026-11-23T21:00:00Z on AWS (us-east-1): 2 of 9 rows are settled";
    let journal = "numbers.report.csv.journal";
    let start = || {
        let job = Job::on(&service, csv(9));
        job.write(journal, CUT_SHORT);
        job
    };
    // Neither for a run nor for a rehearsal, nor where nothing is to be sent.
    let job = start();
    for (file, arguments) in [
        (csv(9), job.run_arguments("--discard")),
        (csv(9), "run numbers.csv --simulate -o numbers.report.csv --discard".to_owned()),
        (csv(0), job.run_arguments("--discard")),
    ] {
        job.write("numbers.csv", file);
        let ended = job.command(&arguments);
        ended.exits(2).says("no terminal to ask on").same("journal", job.read(journal), CUT_SHORT);
    }
    assert_eq!(service.requests(), 0);
    let Some(terminal) = Terminal::find() else { return };
    for (answer, code) in [("n\n", 2), ("y\n", 0)] {
        let job = start();
        let dialogue = [("[y/N]", Typed::Keys(answer))];
        let (ended, shown) = terminal.run(&job, &job.run_arguments("--discard"), &dialogue);
        assert!(shown.contains(told) && shown.contains("will be lost"), "{shown}");
        assert_eq!((ended, job.path(journal).exists()), (Some(code), code == 2), "{shown}");
    }
}

#[test]
fn a_yes_in_the_environment_counts_only_without_a_terminal() {
    let Some(terminal) = Terminal::find() else { return };
    let service = Service::playing("");
    let job = Job::on(&service, csv(3)).env("CHIME_SWEEP_YES", "true");
    let (code, shown) = terminal.run(&job, &job.run_arguments(""), &[(QUESTION, Typed::Keys("n\n"))]);
    assert!(shown.contains("Remove 3 numbers?"), "{shown}");
    assert_eq!((service.requests(), code), (0, Some(2)), "{shown}");
    job.command(&job.run_arguments("")).exits(0);
}
