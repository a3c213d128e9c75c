//! Stops from outside, and stops that the run itself decides on.

use super::super::harness::BINARY;
use super::*;

const SLOW: &str = "[latency]\nmean = \"40ms\"\n";

#[test]
fn after_one_signal_requests_in_flight_finish_and_the_report_is_written() {
    for (signal, exit, code) in
        [("INT", 130, "Interrupted"), ("TERM", 143, "Terminated"), ("HUP", 143, "Terminated")]
    {
        let (service, job) = job(2000, SLOW);
        let running = under_way(&service, &job, 6);
        running.signal(signal);
        let ended = running.end();
        ended.exits(exit).says("chime-sweep rerun numbers.report.csv");
        let rows = job.true_rows(REPORT, &service);
        let (done, left) = (count(&rows, "succeeded"), count(&rows, "not_attempted"));
        ended.check(done >= 30 && done + left == 2000, &format!("{done} and {left}"));
        ended.same("nothing is lost", done, service.applied().len());
        let is_told = |row: &Row| row["status"] == "succeeded" || row["error_code"] == code;
        ended.check(rows.iter().all(is_told), "a row has another code");
        ended.same("journal", job.journal().exists(), false);
        job.rerun("").exits(0);
        assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 2000);
    }
}

/// The service does not answer within an hour, so a run that waited for it would not end.
#[test]
fn a_second_signal_ends_the_run_at_once_and_keeps_the_journal() {
    for (first, second, exit) in
        [("INT", "INT", 130), ("TERM", "TERM", 143), ("INT", "TERM", 143), ("TERM", "INT", 130)]
    {
        let (service, job) = job(2000, "[latency]\nmean = \"1h\"\n");
        let running = job.start_sweep("--batch-size 5 --request-timeout 1h");
        service.wait_for_requests(1);
        running.signal(first);
        running.wait_for("stopping");
        if first == "INT" {
            running.wait_for("another Ctrl-C ends the run at once");
        }
        running.signal(second);
        let ended = running.end();
        ended.exits(exit);
        let texts = [
            "are in doubt",
            "no report was written",
            "numbers.report.csv.journal",
            "to go on: chime-sweep run",
            "--resume",
        ];
        ended.says_all(&texts);
        ended.same("files", (job.journal().exists(), job.path(REPORT).exists()), (true, false));
        job.sweep("").exits(1).says_all(&["was cut short", "--resume", "--discard"]);
    }
}

/// A run that was started with `nohup` must not end with its terminal.
#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let (service, job) = job(300, SLOW);
    let arguments = format!("{BINARY} {} --yes {SMALL}", job.run_arguments(""));
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    let running = job.spawn(&mut job.prepare("nohup", &arguments));
    service.wait_for_requests(6);
    running.signal("HUP");
    running.end().exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 300);
}

#[test]
fn the_time_limit_stops_a_run() {
    let (service, job) = job(2000, SLOW);
    let ended = job.sweep(&format!("{SMALL} --max-duration 2s"));
    ended.exits(4).says_all(&["--max-duration", "chime-sweep rerun numbers.report.csv"]);
    let rows = job.true_rows(REPORT, &service);
    assert!(rows.iter().all(|row| row["status"] == "succeeded" || row["error_code"] == "Deadline"));
    assert!(count(&rows, "not_attempted") > 0 && count(&rows, "succeeded") > 0);
}

#[test]
fn the_time_of_day_needs_a_time_zone_and_is_shown_with_it() {
    let job = Job::new(csv_of_three(3)).env("TZ", "Mars/Olympus");
    let ended = job.command("run numbers.csv --simulate --stop-at 06:00");
    ended.exits(2).says("`TZ` is `Mars/Olympus`, which is not a known time zone").says("hint: set TZ");
    ended.same("files", job.files(), ["numbers.csv"]);
    job.command("run numbers.csv --simulate --max-duration 6h").exits(0).says(" UTC, in 6 h");
    let job = Job::new(csv_of_three(3)).env("TZ", "IST-5:30");
    job.command("run numbers.csv --simulate --stop-at 06:00").exits(0).says(" 06:00 IST, in ");
    let job = Job::new(csv_of_three(3)); // no TZ at all is UTC, or what the machine has
    job.command("run numbers.csv --simulate --stop-at 06:00").exits(0).says("time limit  stops at ");
}

#[test]
fn quiet_still_says_why_a_run_stopped_and_what_is_left() {
    let (_service, job) = job(2000, SLOW);
    let ended = job.sweep(&format!("{SMALL} --quiet --max-duration 2s"));
    ended.exits(4).says_all(&["stopped early: it reached its time limit", "to continue with the rest: "]);
    ended.same("lines", ended.stderr.lines().count(), 2);
    let (_service, job) = super::job(10, "[[number_error]]\ncode = \"Forbidden\"\np = 1.0\n");
    let ended = job.sweep("--quiet");
    ended.exits(3).says_all(&["10 rows: 10 failed", "to continue with the rest: chime-sweep rerun"]);
    ended.same("lines", ended.stderr.lines().count(), 2);
}

#[test]
fn the_end_is_told_also_if_the_night_could_not_begin() {
    let tell = "printenv>told";
    for (job, says) in [
        (Job::new(csv_of_three(3)).env("AWS_REGION", "us-east-1"), "no AWS credentials were found"),
        (Job::new("a,b\n1,2\n").with_keys(), "column"),
        (Job::new(csv_of_three(3)).with_keys().env("HTTPS_PROXY", "::bad::"), "HTTPS_PROXY"),
    ] {
        job.sweep(&format!("--on-finish {tell}")).exits(1).says(says);
        let told = job.read("told");
        for line in ["CHIME_SWEEP_RESULT_EVENT=finish", "CHIME_SWEEP_RESULT_EXIT_CODE=1"] {
            assert!(told.contains(line), "{told}");
        }
        assert!(told.contains("CHIME_SWEEP_RESULT_SUMMARY=error: ") && told.contains(says), "{told}");
    }
    let job = Job::new(csv_of_three(3)).with_keys().at("https://chime.invalid");
    job.command(&format!("{} --on-finish {tell}", job.run_arguments(""))).exits(2);
    assert!(!job.path("told").exists(), "nobody asked for the night to begin");
}

#[test]
fn too_many_failures_stop_a_run() {
    for max in ["20", "2%"] {
        let (service, job) = job(1000, "[[number_error]]\ncode = \"Forbidden\"\np = 0.3\n");
        let ended = job.sweep(&format!("{SMALL} --max-failures {max}"));
        ended.exits(4).says("--max-failures");
        let rows = job.true_rows(REPORT, &service);
        let failed = count(&rows, "failed");
        ended.check((21..=35).contains(&failed), &format!("{failed}"));
        let is_stopped =
            |row: &Row| row["status"] == "not_attempted" && row["error_code"] == "TooManyFailures";
        ended.check(rows.iter().any(is_stopped), "no row says so");
    }
}

#[test]
fn a_run_without_a_success_gives_up() {
    let away = "[[outage]]\nfrom = \"0s\"\nto = \"1h\"\ndoes.error = { status = 503 }\n";
    let (service, job) = job(100, away);
    job.sweep("--give-up-after 1s").exits(4).says("--give-up-after");
    let rows = job.true_rows(REPORT, &service);
    assert_eq!(count(&rows, "unknown") + count(&rows, "not_attempted"), 100);
}
