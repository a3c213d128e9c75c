//! `run --continue`: one command, given again and again, whatever is there.

use std::time::Duration;

use super::harness::{Job, Service, Terminal, Typed, csv, csv_of_three, number, wait_until};

const REPORT: &str = "numbers.report.csv";
const SLOW: &str = "latency = { mean = '60ms' }";
const ONE_BY_ONE: &str = "--batch-size 1 --concurrency 1";
const ONCE_REFUSED: &str = "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\ntimes = 1\n";

#[test]
fn where_there_is_nothing_it_runs_and_where_all_is_done_it_sends_nothing() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    job.sweep("--continue").exits(0).statuses(&["succeeded"; 3]);
    let (requests, report, record) = (service.requests(), job.read(REPORT), job.read("numbers.report.json"));
    let ended = job.sweep("--continue --on-finish env>result.txt --summary-json summary.json");
    ended.exits(0).says("3 rows in numbers.report.csv").same("requests", service.requests(), requests);
    ended.same("report", job.read(REPORT), report).same("record", job.read("numbers.report.json"), record);
    ended.check(job.read("result.txt").contains("CHIME_SWEEP_RESULT_STATUS=succeeded"), "the hook");
    ended.check(job.read("summary.json").contains("\"all_succeeded\": true"), "the summary");
    job.sweep("--continue --verify").exits(0).says("report and service agree");
    // It needs neither a service nor keys.
    let away = Job::new(csv(3));
    away.write(REPORT, job.read(REPORT));
    away.command("run numbers.csv --yes --continue").exits(0).says("3 rows");
}

#[test]
fn a_report_with_rows_left_is_updated_in_place() {
    let service = Service::playing(ONCE_REFUSED);
    let job = Job::on(&service, csv(5));
    job.sweep("--continue --limit 3").exits(3).statuses(&[
        "succeeded",
        "failed",
        "succeeded",
        "not_attempted",
        "not_attempted",
    ]);
    job.sweep("--continue --limit 2 --note second").exits(3);
    let ended = job.sweep("--continue");
    ended.exits(0).statuses(&["succeeded"; 5]).agrees_with(&service);
    ended.same("files", job.files(), ["numbers.csv", REPORT]);
    let record: serde_json::Value = serde_json::from_str(&job.read("numbers.report.json")).expect("JSON");
    let commands: Vec<_> =
        record["runs"].as_array().expect("runs").iter().map(|run| &run["command"]).collect();
    ended.same("record", commands, ["run", "rerun", "rerun"]);
    ended.same("note", record["runs"][1]["note"].as_str(), Some("second"));
}

#[test]
fn a_row_that_cannot_be_sent_leaves_the_exit_code_at_3() {
    let service = Service::playing("");
    let job = Job::on(&service, "vc_id,phone\nvc,+12065550100\nvc,oops\n");
    job.sweep("--continue").exits(3);
    let requests = service.requests();
    job.sweep("--continue --quiet").exits(3).says("1 invalid").same("requests", service.requests(), requests);
}

#[test]
fn a_job_that_is_killed_again_and_again_is_done_by_one_command() {
    let scenario = "[latency]\nmean = '20ms'\njitter = '10ms'\n[[fault]]\ndoes = 'drop'\napplied = true\np = 0.1\n\
                    [[number_error]]\ncode = 'Forbidden'\np = 0.05\ntimes = 1\n";
    let service = Service::playing(scenario);
    let job = Job::on(&service, csv_of_three(600));
    let mut random = fastrand::Rng::with_seed(9);
    let (mut killed, mut runs) = (0, 0);
    let last = loop {
        runs += 1;
        assert!(runs < 200, "it does not end");
        let before = service.requests();
        // Some rows at a time, so that kills also meet the report of an earlier run.
        let mut running = job.start_sweep("--continue --limit 60 --batch-size 5 --concurrency 3");
        let (is_killed, requests) = (random.u8(0..4) > 0, random.u64(0..11));
        if is_killed {
            wait_until("it has come so far", || {
                service.requests() >= before + requests || running.has_ended()
            });
            std::thread::sleep(Duration::from_micros(random.u64(0..9000)));
        }
        let ended = if is_killed { running.kill() } else { running.end() };
        match ended.code {
            None => killed += 1,
            Some(0) => break ended,
            Some(3) => drop(job.true_rows(REPORT, &service)),
            _ => drop(ended.check(false, "another exit code")),
        }
    };
    assert!(killed >= 5, "{killed}");
    last.same("files", job.files(), ["numbers.csv", REPORT]);
    let rows = job.true_rows(REPORT, &service);
    last.check(rows.iter().all(|row| row["status"] == "succeeded"), "all succeeded");
}

/// What a crash leaves between the report and the removal of its journal.
#[test]
fn a_complete_report_is_a_report_though_its_journal_is_still_there() {
    let service = Service::playing(SLOW);
    let job = Job::on(&service, csv(6));
    let running = job.start_sweep(&format!("{ONE_BY_ONE} --limit 3"));
    service.wait_for_requests(2);
    running.kill();
    let journal = job.read("numbers.report.csv.journal");
    job.sweep("--continue").exits(3);
    // The journal says which report it has become.
    let digest = |bytes: &[u8]| format!("{:032x}", twox_hash::XxHash3_128::oneshot(bytes));
    let reported = format!("{{\"reported\":{{\"xxh3\":\"{}\"}}}}\n", digest(job.read(REPORT).as_bytes()));
    job.write("numbers.report.csv.journal", journal + &reported);
    let ended = job.sweep("--continue");
    ended.exits(0).statuses(&["succeeded"; 6]).agrees_with(&service);
    ended.same("files", job.files(), ["numbers.csv", REPORT]);
}

#[test]
fn a_run_that_was_to_replace_a_report_is_resumed_beside_it() {
    let service = Service::playing(SLOW);
    let job = Job::on(&service, csv(8));
    job.sweep("--not-found-is-success").exits(0);
    let before = service.requests();
    let running = job.start_sweep(&format!("--overwrite --not-found-is-success {ONE_BY_ONE}"));
    service.wait_for_requests(before + 3);
    running.kill();
    let ended = job.sweep("--continue --not-found-is-success");
    ended.exits(0).statuses(&["succeeded"; 8]).same("files", job.files(), ["numbers.csv", REPORT]);
    // What was sent by then is of the second run, not of the report that was there.
    ended.same("the first row", ended.column("error_code")[0].as_str(), "NotFound");
}

#[test]
fn the_second_of_two_fails_and_changes_nothing() {
    let service = Service::playing(SLOW);
    let job = Job::on(&service, csv(20));
    let first = job.start_sweep(&format!("--continue {ONE_BY_ONE}"));
    service.wait_for_requests(2);
    let second = job.sweep("--continue");
    second.exits(1).says("another chime-sweep process is working on this report");
    first.end().exits(0).agrees_with(&service);
    assert!(service.asked_once());
}

#[test]
fn what_another_process_has_done_before_it_began_is_not_lost() {
    let Some(terminal) = Terminal::find() else { return };
    for (limit, question) in [(0, "Remove 3 numbers? [y/N]"), (1, "Remove 2 numbers? [y/N]")] {
        let service = Service::playing("");
        let job = Job::on(&service, csv(3));
        if limit > 0 {
            job.sweep(&format!("--continue --limit {limit}")).exits(3);
        }
        let done = csv(3);
        let done = done.lines().map(|line| match line.starts_with("vc,") {
            true => format!("{line},succeeded,,,1,r,\n"),
            false => format!("{line},status,error_code,error_message,attempts,request_id,completed_at\n"),
        });
        let done: String = done.collect();
        let requests = service.requests();
        let dialogue = [(question, Typed::File(REPORT, &done)), (question, Typed::Keys("y\n"))];
        let (code, shown) = terminal.run(&job, &job.run_arguments("--continue"), &dialogue);
        assert!(shown.contains("another process has written the report"), "{shown}");
        assert_eq!((code, service.requests(), job.read(REPORT)), (Some(1), requests, done), "{shown}");
        assert!(!job.journal().exists(), "{shown}");
    }
}

#[test]
fn a_report_of_anything_else_is_refused_and_the_first_row_is_named() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(3));
    job.sweep("").exits(0);
    let report = job.read(REPORT);
    let of_another_action = report.replace("disassociate", "associate");
    let one_row_less: String = report.lines().take(3).flat_map(|line| [line, "\n"]).collect();
    let one_row_more = format!("{report}vc,+12065559999,,,,,,,,,,\n");
    let cases: [(&str, &str, &str); 6] = [
        (
            &csv(3).replace(&number(1), "+12065559999"),
            &report,
            "line 3 of `numbers.csv` is in no report there: `numbers.report.csv` is at line 3",
        ),
        (
            &csv(3),
            &one_row_less,
            "line 4 of `numbers.csv` is in no report there: `numbers.report.csv` is at its end",
        ),
        (&csv(3), &one_row_more, "`numbers.csv` has no more rows, but `numbers.report.csv` is at line 5"),
        (&csv(3).replace("vc,", "another,"), &report, "line 2 of `numbers.csv`"),
        (&csv(3), &of_another_action, "is a report of the action `associate`"),
        (&csv(3), "a,b\n", "is not a chime-sweep report; it is not overwritten"),
    ];
    for (input, report, message) in cases {
        let requests = service.requests();
        job.write("numbers.csv", input);
        job.write(REPORT, report);
        let ended = job.sweep("--continue");
        ended.exits(1).says(message).says("hint: ").says("nothing was sent");
        ended.same("requests", service.requests(), requests).same("report", &*job.read(REPORT), report);
    }
}

#[test]
fn a_report_of_another_endpoint_is_refused() {
    let service = Service::playing(ONCE_REFUSED);
    let job = Job::on(&service, csv(3));
    job.sweep("--continue").exits(3);
    let other = Service::playing("");
    let ended = job.command(&format!("run numbers.csv --yes --continue --endpoint-url {}", other.url()));
    ended.exits(1).says("is the report of a run on").same("requests", other.requests(), 0);
}

#[test]
fn it_works_in_a_rehearsal_and_with_standard_input() {
    let job = Job::new(csv(4));
    let limited = "run numbers.csv --simulate --continue --limit 2";
    for code in [3, 0, 0] {
        job.command(limited).exits(code);
    }
    assert_eq!(job.files(), ["numbers.csv", "numbers.simulated.csv"]);
    for code in [3, 0, 0] {
        let limited = "run - --simulate --continue --limit 2 -o out.csv --yes";
        job.command_with_stdin(limited, csv(4).as_bytes()).exits(code);
    }
}

#[test]
fn it_contradicts_the_options_that_say_which_way_to_go() {
    let job = Job::new(csv(1));
    for option in ["--resume", "--discard", "--overwrite"] {
        let ended = job.command(&format!("run numbers.csv --continue {option}"));
        ended.exits(2).says("cannot be used with");
    }
}
