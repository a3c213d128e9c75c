//! Runs that were cut short: what they leave, which is not discarded or resumed unless the user says so.

use super::harness::{Ended, Job, Running, Service, csv, number, wait_until};

const ROWS: usize = 12;
const JOURNAL: &str = "numbers.report.csv.journal";
/// The run's own copy of its input.
const COPY: &str = "numbers.report.csv.journal.input";
/// One number after the other, so that some are settled and some are not whenever the run is killed.
const ONE_BY_ONE: &str = "--batch-size 1 --concurrency 1";

/// Starts a run, and waits until it has settled some of its rows.
fn start(job: &Job) -> Running {
    let under_way = job.start_sweep(ONE_BY_ONE);
    wait_until("three rows are settled", || settled(job).len() >= 3);
    under_way
}

/// A job that was killed while it ran. The service stays, and is so slow that rows are left.
fn cut_short() -> (Service, Job, Vec<usize>) {
    let service = Service::playing("latency = { mean = '60ms' }");
    let job = Job::on(&service, csv(ROWS));
    start(&job).kill();
    let settled = settled(&job);
    assert!((3..ROWS).contains(&settled.len()), "{settled:?}");
    assert_eq!(job.files(), ["numbers.csv", JOURNAL, COPY]);
    (service, job, settled)
}

/// The rows that the journal says are settled, each in an entry of its own.
fn settled(job: &Job) -> Vec<usize> {
    let journal = std::fs::read_to_string(job.path(JOURNAL)).unwrap_or_default();
    let rows = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        entry["settled"]["rows"][0].as_u64()?.try_into().ok()
    };
    journal.lines().filter_map(rows).collect()
}

/// Refused: exit code 1, nothing sent, and the journal as it was.
fn refused(ended: &Ended, job: &Job, before: &str, message: &str) {
    ended.exits(1).says(message).same("journal", job.read(JOURNAL).as_str(), before);
    ended.same("report", job.path("numbers.report.csv").exists(), false);
}

#[test]
fn a_run_that_finds_a_journal_asks_what_to_do_and_does_nothing() {
    let (service, job, settled) = cut_short();
    let (requests, journal) = (service.requests(), job.read(JOURNAL));
    let counts = format!("{} of {ROWS} rows are settled and kept in `{JOURNAL}`", settled.len());
    for more in ["", "--overwrite"] {
        let ended = job.sweep(more);
        refused(&ended, &job, &journal, &counts);
        ended.says("was cut short").says("--resume").says("--discard").same(
            "requests",
            service.requests(),
            requests,
        );
    }
}

#[test]
fn a_resumed_run_does_not_resend_settled_rows() {
    let (service, job, settled) = cut_short();
    let ended = job.sweep(&format!("--resume {ONE_BY_ONE}"));
    ended.exits(0).statuses(&["succeeded"; ROWS]).agrees_with(&service);
    for row in &settled {
        ended.same(&format!("row {row} was asked for"), service.asked(&number(*row)), 1);
    }
    ended.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
    let applied = service.applied();
    ended.same("applied", applied, (0..ROWS).map(number).collect::<Vec<_>>());
}

#[test]
fn a_discarded_run_is_begun_anew() {
    let (service, job, settled) = cut_short();
    let ended = job.sweep("--discard");
    // The first run was discarded, so its numbers are tried again and not found.
    ended.exits(3).same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
    let codes = ended.column("error_code");
    for row in settled {
        ended.same("code", codes[row].as_str(), "NotFound").same("asked", service.asked(&number(row)), 2);
    }
    ended.same("the last row", ended.rows()[ROWS - 1]["status"].as_str(), "succeeded");
}

#[test]
fn a_journal_of_another_input_or_another_endpoint_is_refused() {
    let (service, job, settled) = cut_short();
    let (requests, journal) = (service.requests(), job.read(JOURNAL));

    let other = Service::playing("");
    let ended = job.command(&format!("run numbers.csv --yes --resume --endpoint-url {}", other.url()));
    refused(&ended, &job, &journal, "use the same account, endpoint");
    ended.says(&service.url()).says(&other.url()).same("requests", other.requests(), 0);

    job.write("numbers.csv", csv(ROWS).replace(&number(ROWS - 1), "+12065559999"));
    let ended = job.sweep("--resume");
    refused(&ended, &job, &journal, "the input has changed");
    ended.says(&format!("drop {} settled rows", settled.len())).same(
        "requests",
        service.requests(),
        requests,
    );

    job.write("numbers.csv", csv(ROWS));
    job.sweep("--resume").exits(0).agrees_with(&service);
}

#[test]
fn a_run_locks_out_other_runs_of_the_same_job() {
    let service = Service::playing("latency = { mean = '100ms' }");
    let job = Job::on(&service, csv(40));
    let under_way = start(&job);
    for more in ["", "--resume", "--discard"] {
        job.sweep(more).exits(1).says("another chime-sweep process is working").says(JOURNAL);
    }
    under_way.kill().same("report", job.path("numbers.report.csv").exists(), false);
    let asked_twice = (0..40).filter(|n| service.asked(&number(*n)) > 1).count();
    assert_eq!(asked_twice, 0, "another run has sent something");
}

#[test]
fn a_rerun_that_was_cut_short_is_resumed_with_its_report() {
    let service = Service::playing("latency = { mean = '60ms' }");
    let job = Job::on(&service, csv(ROWS));
    let not_yet = "status,error_code,error_message,attempts,request_id,completed_at\n";
    let report = csv(ROWS).replace("phone_number\n", &format!("phone_number,{not_yet}"));
    let row = |line: &str| {
        if line.starts_with("vc,") { format!("{line},failed,X,,3,,\n") } else { format!("{line}\n") }
    };
    let report: String = report.lines().map(row).collect();
    job.write("numbers.report.csv", &report);
    let under_way = job.start_rerun(ONE_BY_ONE);
    wait_until("three rows are settled", || settled(&job).len() >= 3);
    let killed = under_way.kill();
    // It is replaced at the end, and not before.
    killed.same("report", job.read("numbers.report.csv"), report);
    let requests = service.requests();
    job.rerun("").exits(1).says("was cut short").same("requests", service.requests(), requests);
    let ended = job.rerun("--resume");
    ended.exits(0).statuses(&["succeeded"; ROWS]).agrees_with(&service);
    ended.same("attempts", ended.rows()[0]["attempts"].as_str(), "4");
}
