//! `verify` and `run --verify`: whether it is so.

use std::fmt::Write as _;

use super::harness::{Ended, Job, Service, csv, number};

/// Five numbers on `vc`.
const WORLD: &str =
    "[[connector]]\nid = 'vc'\nfirst = '+12065550000'\ncount = 5\n[[connector]]\nid = 'two'\n";

/// The same account later: row 0 is unassigned, 1 still there, 2 on another connector, 3 in the queue, 4 gone.
const LATER: &str = "[[connector]]\nid = 'vc'\nnumbers = ['+12065550001']\n\
                     [[connector]]\nid = 'two'\nnumbers = ['+12065550002']\n\
                     [[unassigned]]\nnumbers = ['+12065550000']\n[[deleted]]\nnumbers = ['+12065550003']\n";

const AT_ONCE: &str = "--recheck-after 1ms";

/// A run on five rows, after which the service has another scenario.
fn ran(scenario: &str, later: &str) -> (Service, Job) {
    let service = Service::playing(scenario);
    let job = Job::on(&service, csv(5));
    job.sweep("--max-attempts 1");
    let again = service.stop();
    (again(later), job)
}

const WORDS: [&str; 5] = ["off", "still_on", "moved", "queued", "gone"];

#[test]
fn each_row_is_compared_with_the_service() {
    let (service, job) = ran(WORLD, LATER);
    let before = job.read("numbers.report.csv");
    let ended = job.take("verify", AT_ONCE);
    ended.exits(3).column_is("verified", &WORDS).statuses(&["succeeded"; 5]);
    ended.says_all(&[
        "verified: 1 gone, 1 moved, 1 off, 1 queued, 1 still_on; 2 requests",
        "line 3: …0001 of vc: the report says that it was removed, but it is on the connector",
        "to send such a row again: clear its status in the report, then `chime-sweep rerun`",
    ]);
    let summary = job.command("summary numbers.report.csv --exit-code --html page.html");
    summary.exits(3).check(job.read("page.html").contains("<h1>Every row succeeded, but some"), "the page");
    std::fs::remove_file(job.path("page.html")).expect("removed");
    ended.says_not("line 2").same("changes", service.changes(), []);
    ended.check(ended.column("verified_at").iter().all(|at| at.ends_with('Z')), "verified_at");
    ended.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
    // The other cells are as they were.
    let after = job.read("numbers.report.csv");
    for (old, new) in before.lines().zip(after.lines()).skip(1) {
        let kept = old.split(",,").next().unwrap_or(old);
        assert!(new.starts_with(kept), "{new} is not {old}");
    }
    // What it says to do is right.
    let edited: String = after.lines().fold(String::new(), |mut text, line| {
        let line =
            if line.contains("still_on") { line.replacen("succeeded", "", 1) } else { line.to_owned() };
        let _ = writeln!(text, "{line}");
        text
    });
    job.write("numbers.report.csv", edited);
    job.rerun("").exits(0).statuses(&["succeeded"; 5]);
    assert_eq!(service.applied(), [number(1)]);
    let ended = job.take("verify", AT_ONCE);
    ended.exits(0).says("report and service agree").says_not("to send such a row again");
    job.command("summary numbers.report.csv --exit-code").exits(0);
    ended.column_is("verified", &["off", "off", "moved", "queued", "gone"]);
}

#[test]
fn what_is_unknown_is_settled_by_looking() {
    let lost = "[[fault]]\noperation = 'disassociate'\ndoes = 'drop'\n";
    let (service, job) = ran(&format!("{WORLD}{lost}"), LATER);
    let ended = job.take("verify", AT_ONCE);
    ended.exits(0).column_is("verified", &WORDS).says_all(&[
        "4 rows settled: unknown before, succeeded now",
        "1 row settled: unknown before, failed now",
    ]);
    ended.statuses(&["succeeded", "failed", "succeeded", "succeeded", "succeeded"]);
    ended.column_is("error_code", &["", "NotDone", "", "", ""]);
    ended.check(ended.rows()[1]["error_message"].contains("a rerun sends it again"), "the message");
    job.command("summary numbers.report.csv").exits(0).prints("rerun sends it again").prints("1  failed");
    job.command("status numbers.report.csv").prints("4 succeeded");
    job.rerun("").exits(0);
    assert_eq!(service.applied(), [number(1)]);
}

#[test]
fn what_is_listed_late_is_asked_again() {
    let service = Service::playing(&format!("stale_listing = '1h'\n{WORLD}"));
    let job = Job::on(&service, csv(5));
    let ended = job.sweep("--verify --recheck-after 1ms --summary-json s.json");
    ended.exits(3).column_is("verified", &["still_on"; 5]).says("verified: 5 still_on; 2 requests");
    ended.says("line 2: …0000 of vc: the report says that it was removed, but it is on the connector");
    let summary: serde_json::Value = serde_json::from_str(&job.read("s.json")).expect("JSON");
    assert_eq!(summary["all_succeeded"], false, "{summary:#}");
    job.take("verify", AT_ONCE).exits(3).says("2 requests");
}

#[test]
fn a_run_can_verify_itself() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, csv(5));
    let ended = job.sweep("--verify --log-format json");
    ended.exits(0).column_is("verified", &["off"; 5]);
    let mut lines =
        ended.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let verified = lines.find_map(|line| line.get("verified").cloned());
    let expected =
        serde_json::json!({ "numbers": { "off": 5 }, "settled": {}, "differences": [], "requests": 1 });
    ended.same("verified", verified, Some(expected));
    let quiet = job.take("verify", "--quiet");
    quiet.exits(0).same("stderr", &*quiet.stderr, "").same("stdout", &*quiet.stdout, "");
}

#[test]
fn a_run_that_cannot_verify_has_a_report_all_the_same() {
    let service = Service::playing(&format!("{WORLD}{DENIED}"));
    let job = Job::on(&service, csv(5));
    let ended = job.sweep("--verify");
    ended
        .statuses(&["succeeded"; 5])
        .says_all(&["`chime:ListPhoneNumbers`", "chime-sweep verify numbers.report.csv"]);
    ended.exits(1);
}

const DENIED: &str = "[[fault]]\noperation = 'list'\n\
                      does.error = { status = 403, code = 'AccessDeniedException', message = 'not authorized' }\n";

#[test]
fn a_report_that_cannot_be_verified_stays_as_it_is() {
    let down = "[[fault]]\noperation = 'list'\ndoes = 'drop'\n";
    let again = format!("repeat_token = true\n{LATER}");
    for (later, code, says) in [
        (&*format!("{LATER}{DENIED}"), 1, "`chime:ListPhoneNumbers` is needed"),
        (&*format!("{LATER}{down}"), 4, "--give-up-after"),
        (&*again, 1, "the same page token twice"),
    ] {
        let (_service, job) = ran(WORLD, later);
        let before = job.read("numbers.report.csv");
        let ended = job.take("verify", "--recheck-after 1ms --give-up-after 100ms");
        ended.exits(code).says(says).same("report", job.read("numbers.report.csv"), before);
    }
}

#[test]
fn only_the_report_of_a_finished_run_on_this_account_is_verified() {
    let refused = |ended: &Ended, says: &str| {
        ended.exits(1).says(says);
    };
    let (service, job) = ran(WORLD, LATER);
    refused(&job.take_of("verify", "numbers.csv", ""), "`numbers.csv` is not a chime-sweep report");
    refused(&job.take_of("verify", "nowhere.csv", ""), "nowhere.csv");
    refused(&job.take_of("verify", "-", ""), "needs a file");
    let elsewhere = job.take("verify", "--region us-west-2");
    refused(&elsewhere, "is the report of a run on");
    elsewhere.says("use the same account, endpoint and region").says_not("--other-target");
    job.command(&format!("export -o all.csv --endpoint-url {}", service.url())).exits(0);
    let asked = service.requests();
    refused(&job.take_of("verify", "all.csv", ""), "`all.csv` is not a chime-sweep report");
    assert_eq!(service.requests(), asked);
    // The rows of a rehearsal are on no service but the simulator in the command.
    job.command("run numbers.csv --simulate").exits(0);
    refused(&job.command("verify numbers.simulated.csv --endpoint-url https://example.invalid"), "rehearsal");
    job.command("verify numbers.simulated.csv --simulate --recheck-after 1ms")
        .exits(0)
        .says("verified: 5 off");
}

#[test]
fn a_spreadsheets_report_is_verified_row_by_row() {
    let (_service, job) = ran(WORLD, LATER);
    let report = job.read("numbers.report.csv").replace(',', ";");
    let mut lines: Vec<&str> = report.lines().collect();
    lines[1..].reverse();
    job.write("numbers.report.csv", lines.join("\r\n") + "\r\n");
    let ended = job.take("verify", AT_ONCE);
    let reversed: Vec<&str> = WORDS.into_iter().rev().collect();
    ended.exits(3).column_is("verified", &reversed).says("line 5: …0001 of vc");
    ended
        .check(ended.report.as_deref().is_some_and(|report| report.contains(";succeeded;")), "the delimiter");
}

#[test]
fn an_edited_row_is_not_compared() {
    let (_service, job) = ran(WORLD, LATER);
    let report = job.read("numbers.report.csv").replacen("vc,+12065550001", "two,+12065550001", 1);
    job.write("numbers.report.csv", report);
    let ended = job.take("verify", AT_ONCE);
    ended.same("verified", ended.column("verified")[0].clone(), "off");
}

#[test]
fn ten_thousand_numbers_take_at_most_150_requests() {
    let mut scenario = String::new();
    let mut file = "voice_connector_id,phone_number\n".to_owned();
    for connector in 0..20 {
        let first = 12_065_550_000_u64 + connector * 500;
        let _ = writeln!(scenario, "[[connector]]\nid = 'vc{connector}'\nfirst = '+{first}'\ncount = 500");
        for number in first..first + 500 {
            let _ = writeln!(file, "vc{connector},+{number}");
        }
    }
    let service = Service::playing(&scenario);
    let job = Job::on(&service, file);
    job.sweep("").exits(0);
    let before = service.requests();
    job.take("verify", AT_ONCE).exits(0).says("verified: 10,000 off");
    let took = service.requests() - before;
    assert!(took <= 150, "{took}");
}

/// A rerun that was killed: its report is that of the run before it.
#[test]
fn a_report_that_a_rerun_is_about_to_change_is_not_taken_for_true() {
    let once = "[[number_error]]\nnumbers = ['+12065550000']\ntimes = 1\ncode = 'Forbidden'\n";
    let stalls =
        "[[fault]]\noperation = 'disassociate'\ndoes = 'stall'\nnumber = '+12065550000'\nattempts = [2]\n";
    let service = Service::playing(&format!("{WORLD}{once}{stalls}"));
    let job = Job::on(&service, csv(5));
    job.sweep("--batch-size 1").exits(3);
    let before = service.requests();
    let running = job.start_rerun("");
    service.wait_for_requests(before + 1);
    running.kill();
    assert!(job.journal().exists());
    for (verb, more) in [("verify", ""), ("undo", "--yes"), ("release", "--yes --confirm-count 4")] {
        let ended = job.take(verb, more);
        ended.exits(1).says_all(&[
            "a run of `numbers.report.csv` is not finished",
            "chime-sweep status numbers.report.csv",
        ]);
    }
    assert_eq!(service.requests(), before + 1);
}
