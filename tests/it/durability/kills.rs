//! `kill -9`, again and again.

use std::time::Duration;

use super::super::harness::{number, wait_until};
use super::*;

const SCENARIO: &str = r#"
    poison = ["+12065550777"]
    [latency]
    mean = "20ms"
    jitter = "10ms"
    [throttle]
    rate = 100
    burst = 20
    [[fault]]
    does = "drop"
    applied = true
    p = 0.05
    [[fault]]
    does.error = { status = 503 }
    p = 0.05
    [[number_error]]
    code = "Forbidden"
    p = 0.01
    [[number_error]]
    code = "Throttled"
    p = 0.01
    times = 1
"#;

/// Waits for a random few milliseconds, because there is no event to wait for.
fn any_moment(random: &mut fastrand::Rng, milliseconds: u64) {
    std::thread::sleep(Duration::from_micros(random.u64(0..1000 * milliseconds)));
}

#[test]
fn a_job_that_is_killed_sixty_times_ends_with_a_true_report() {
    let (service, job) = job(3000, SCENARIO);
    let arguments = "--batch-size 10 --concurrency 3 --max-attempts 8 --resume";
    let mut random = fastrand::Rng::with_seed(60);
    for kill in 0..60 {
        let before = service.requests();
        let mut running = job.start_sweep(arguments);
        // Half of the kills wait until requests are in flight, however slow this machine is.
        if kill % 2 == 0 {
            service.wait_for_requests(before + random.u64(1..5));
        }
        any_moment(&mut random, 40);
        assert!(!running.has_ended(), "done after {kill} kills: the job is too small\n{}", running.stderr());
        running.kill();
    }
    let ended = job.sweep(arguments);
    ended.exits(3).same("journal", job.journal().exists(), false);
    let rows = job.true_rows(REPORT, &service);
    ended.check(count(&rows, "succeeded") >= 2900, "too few");
    ended.same("not attempted", count(&rows, "not_attempted"), 0);
    let poisoned = rows.iter().find(|row| row["phone_number"] == number(777)).expect("a row");
    assert!(["failed", "unknown"].contains(&&*poisoned["status"]), "{poisoned:?}");

    job.rerun("").exits(3).says(REPORT);
    assert_eq!(job.true_rows(REPORT, &service).len(), 3000);
}

/// How far a small job is when it is killed: at its end, the report replaces the journal.
type Stage = fn(&Service, &Job) -> bool;

#[test]
fn a_job_that_is_killed_at_its_beginning_or_end_is_not_lost() {
    let stages: [Stage; 6] = [
        |_, _| true,
        |_, job| job.journal().exists(),
        |service, _| service.requests() > 0,
        |service, _| service.tally().applied == 30,
        |_, job| job.path(REPORT).exists(),
        |service, job| service.requests() > 0 && !job.journal().exists(),
    ];
    let mut random = fastrand::Rng::with_seed(20);
    let mut killed = 0;
    for round in 0..24 {
        let (service, job) = job(30, "[latency]\nmean = \"30ms\"\n");
        let mut running = job.start_sweep("");
        let stage = stages[round % stages.len()];
        wait_until("it has come so far", || stage(&service, &job) || running.has_ended());
        any_moment(&mut random, 4);
        killed += u32::from(running.kill().code.is_none());
        let done = job.path(REPORT).exists() && !job.journal().exists();
        if !done {
            job.sweep("--resume").exits(0);
        }
        assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 30);
        assert!(!job.journal().exists());
    }
    assert!(killed >= 4, "{killed}"); // before there was an answer, at least
}
