//! `status`: what there is of a job, from another process, which changes nothing.

use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use super::harness::{Ended, Job, Running, Service, csv, wait_until};

const REPORT: &str = "numbers.report.csv";
/// One number after the other, so that some are settled and some are not for a while.
const ONE_BY_ONE: &str = "--batch-size 1 --concurrency 1";
const SLOW: &str = "latency = { mean = '60ms' }";

fn status(job: &Job) -> Ended {
    job.command("status numbers.report.csv")
}

fn json(job: &Job) -> Value {
    let ended = job.command("status numbers.report.csv --json");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stderr))
}

#[track_caller]
fn shows(ended: &Ended, code: i32, texts: &[&str]) {
    ended.exits(code);
    for text in texts {
        ended.check(ended.stdout.contains(text), &format!("it does not show {text:?}"));
    }
}

/// Every file of the job: its bytes, and when it was modified.
fn files(job: &Job) -> Vec<(String, Vec<u8>, SystemTime)> {
    let file = |name: String| {
        let modified = std::fs::metadata(job.path(&name)).and_then(|file| file.modified());
        (name.clone(), std::fs::read(job.path(&name)).expect("reads"), modified.expect("a time"))
    };
    job.files().into_iter().map(file).collect()
}

/// A run that has settled some of its rows, and has others left.
fn under_way(job: &Job, more: &str) -> Running {
    let running = job.start_sweep(&format!("{ONE_BY_ONE} {more}"));
    wait_for_settled_rows(job);
    running
}

fn wait_for_settled_rows(job: &Job) {
    wait_until("three rows are settled", || {
        let journal = std::fs::read_to_string(job.journal()).unwrap_or_default();
        journal.matches("\n{\"settled\"").count() >= 3
    });
}

#[test]
fn a_run_that_is_going_on_and_is_then_cut_short() {
    let service = Service::playing(SLOW);
    let job = Job::on(&service, csv(200));
    let running = under_way(&job, "");
    let pid = running.child.id();
    shows(
        &status(&job),
        0,
        &["status      running\n", &format!("process {pid}\n"), " of 200 rows: ", &service.url()],
    );
    let seen = json(&job);
    assert_eq!((&seen["status"], &seen["pid"], &seen["rows"]), (&"running".into(), &pid.into(), &200.into()));
    assert!(seen["settled"].as_u64() >= Some(3) && seen["state"].is_string(), "{seen}");
    for command in ["summary", "run", "rerun", "plan"] {
        let ended = job.command(&format!("{command} {REPORT}"));
        ended
            .exits(1)
            .says(&format!("its run is still going on (process {pid}, since"))
            .says("chime-sweep status");
    }
    let names = job.files();
    running.kill().same("files", job.files(), names);

    let before = files(&job);
    let ended = status(&job);
    shows(
        &ended,
        4,
        &["status      cut short after ", "in doubt    ", "to go on    chime-sweep run numbers.csv "],
    );
    let seen = json(&job);
    assert_eq!(seen["status"], "cut_short");
    for command in ["summary", "run", "rerun", "plan"] {
        let ended = job.command(&format!("{command} {REPORT}"));
        ended.exits(1).says("its run was cut short; ").says("hint: to go on: chime-sweep run numbers.csv");
    }
    let mut elsewhere = job.chime_sweep(&format!("status {}", job.path(REPORT).display()));
    let elsewhere = job.spawn(elsewhere.current_dir("/")).end();
    shows(&elsewhere, 4, &[&format!("to go on    cd {} && chime-sweep run", job.folder().display())]);
    ended.same("files", files(&job), before);

    let command = seen["next_command"].as_str().expect("a command").replace("chime-sweep ", "");
    job.command(&format!("{command} --yes --concurrency 16")).exits(0);
    shows(&status(&job), 0, &["status      finished: every row succeeded\n", "200 rows: 200 succeeded"]);
    assert_eq!(
        (json(&job)["all_succeeded"].clone(), json(&job)["next_command"].clone()),
        (true.into(), Value::Null)
    );
}

#[test]
fn a_run_that_is_held_back_says_why() {
    let service = Service::playing("[[outage]]\nfrom = '0ms'\nto = '1h'\ndoes.html = { status = 503 }\n");
    let job = Job::on(&service, csv(200));
    let running = job.start_sweep("--batch-size 1");
    wait_until("it is noted", || {
        std::fs::read_to_string(job.journal()).is_ok_and(|journal| journal.contains("\"outage\""))
    });
    shows(
        &status(&job),
        0,
        &["status      running\n", "state       paused since ", ": service unavailable, probing"],
    );
    let seen = json(&job);
    assert_eq!((&seen["state"], &seen["seconds_left"]), (&"outage".into(), &Value::Null), "{seen}");
    running.signal("INT");
    running.end().exits(130);
    shows(&status(&job), 4, &["status      stopped early: it was interrupted\n"]);
}

#[test]
fn a_run_that_stopped_early_or_left_rows_says_so() {
    let service = Service::playing(SLOW);
    let job = Job::on(&service, csv(200));
    job.sweep(&format!("{ONE_BY_ONE} --max-duration 1s")).exits(4);
    shows(
        &status(&job),
        4,
        &["status      stopped early: it reached its time limit", "to go on    chime-sweep rerun"],
    );
    assert_eq!(json(&job)["status"], "stopped_early");

    let refused = "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = 'no'\n";
    let service = Service::playing(refused);
    let job = Job::on(&service, csv(3));
    job.sweep("").exits(3);
    let before = files(&job);
    let ended = status(&job);
    shows(&ended, 3, &["finished: some rows did not succeed", "3 rows: 2 succeeded, 1 failed"]);
    ended.same("files", files(&job), before);
}

/// A second signal ends it without a report.
#[test]
fn an_aborted_run_was_cut_short() {
    let service = Service::playing("latency = { mean = '5s' }");
    let job = Job::on(&service, csv(20));
    let running = job.start_sweep(ONE_BY_ONE);
    service.wait_for_requests(1);
    running.signal("INT");
    running.wait_for("stopping");
    shows(
        &status(&job),
        0,
        &["status      running\n", "state       stopping since ", ": it was interrupted\n"],
    );
    running.signal("INT");
    running.end().exits(130);
    shows(
        &status(&job),
        4,
        &["status      cut short after ", ": it was aborted\n", "to go on    chime-sweep run"],
    );
    job.command("summary numbers.report.csv").exits(1).says("its run was cut short");
}

#[test]
fn what_is_not_there_or_is_not_a_report_is_an_error() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(1));
    for command in ["status numbers.report.csv", "status numbers.report.csv --json"] {
        let ended = job.command(command);
        ended.exits(1).says("there is nothing: neither a report `numbers.report.csv` nor the journal");
        ended.same("stdout", ended.stdout.as_str(), "").same("files", job.files(), ["numbers.csv"]);
    }
    job.command("status numbers.csv").exits(1).says("`numbers.csv` is not a report").says_not("hint");
    job.command("status -").exits(1).says("does not read standard input");
    job.command("status .").exits(1).says("is a directory");
    for command in ["summary", "run", "rerun", "plan"] {
        job.command(&format!("{command} numbers.report.csv"))
            .exits(1)
            .says("cannot open `numbers.report.csv`");
    }
    job.sweep("").exits(0);
    job.command("status numbers.csv")
        .exits(1)
        .says("hint: its report is another file: `chime-sweep status numbers.report.csv`");

    let fixture = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journal/v3").join(name);
        std::fs::read_to_string(path).expect("reads")
    };
    let job = Job::new("");
    for (journal, text) in [
        ("dear all\n".to_owned(), "its first line is not a journal's header"),
        (fixture("foreign.journal"), "its format is version 4"),
        (fixture("finished.journal").replacen("\"rows\":[6]", "\"rows\":[6", 1), "line 5 is damaged"),
    ] {
        job.write("numbers.report.csv.journal", &journal);
        status(&job).exits(1).says(text);
        assert_eq!(job.read("numbers.report.csv.journal"), journal);
    }
    // One of an older build: it has no process and no command, and its last line is torn.
    job.write("numbers.report.csv.journal", fixture("torn.journal"));
    let before = files(&job);
    let ended = status(&job);
    shows(
        &ended,
        4,
        &[
            "cut short after 2026-11-23",
            ": it was interrupted",
            "settled     8 rows: 5 succeeded, 1 failed, 2 unknown",
        ],
    );
    shows(&ended, 4, &["to go on    the command that started it, with --resume\n"]);
    ended.same("files", files(&job), before);
}

/// The journal is removed after the report is in place: a crash in between leaves both.
#[test]
fn a_report_that_is_complete_is_finished_whatever_is_left_beside_it() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(2));
    job.sweep("").exits(0);
    let report = job.read(REPORT);
    let digest = format!("{:032x}", twox_hash::xxhash3_128::Hasher::oneshot(report.as_bytes()));
    let header =
        r#"{"header":{"format":"chime-sweep-journal","version":3,"input_xxh3":"0","rows":2,"target":"x"}}"#;
    job.write(
        "numbers.report.csv.journal",
        format!("{header}\n{{\"reported\":{{\"xxh3\":\"{digest}\"}}}}\n"),
    );
    shows(&status(&job), 0, &["status      finished: every row succeeded"]);
    job.write(REPORT, report.replace("succeeded", "failed"));
    shows(&status(&job), 4, &["status      cut short"]);
}

#[test]
fn a_run_on_standard_input_is_continued_from_its_copy() {
    let service = Service::playing(SLOW);
    let job = Job::on(&service, csv(100));
    let mut command = job
        .chime_sweep(&format!("run - --yes --output {REPORT} --endpoint-url {} {ONE_BY_ONE}", service.url()));
    let input = std::fs::File::open(job.path("numbers.csv")).expect("opens");
    let running = job.spawn(command.stdin(input));
    wait_for_settled_rows(&job);
    running.kill();
    std::fs::remove_file(job.path("numbers.csv")).expect("removes");
    let next = json(&job)["next_command"].as_str().expect("a command").replace("chime-sweep ", "");
    job.command(&format!("{next} --yes --concurrency 16")).exits(0);
    shows(&status(&job), 0, &["100 rows: 100 succeeded"]);
    assert_eq!(job.files(), [REPORT]);
}
