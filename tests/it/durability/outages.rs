//! The service becomes unavailable during a run and recovers.

use super::*;

const CALM: &str = "[latency]\nmean = \"20ms\"\n";

#[test]
fn a_service_that_restarts_during_a_run_costs_only_time() {
    let (service, job) = job(600, CALM);
    let running = under_way(&service, &job, 10);
    let before = service.ledger();
    let restart = service.stop();
    running.wait_for("everything fails");
    assert!(!job.path(REPORT).exists(), "it waits");
    let service = restart(CALM);
    let ended = running.end();
    ended.exits(0).statuses(&["succeeded"; 600]);
    let gone = before.numbers.iter().chain(&service.ledger().numbers).filter(|n| n.applied > 0).count();
    ended.check(gone >= 600, &format!("only {gone} are gone"));
    let attempts = ended.column("attempts").into_iter().map(|cell| cell.parse::<u32>().expect("a number"));
    let most = attempts.max();
    ended.check(most <= Some(3), &format!("an outage uses no attempts up: {most:?}"));
}

#[test]
fn a_service_that_does_not_answer_for_a_while_loses_no_row() {
    let stalls =
        "[latency]\nmean = \"5ms\"\n[[outage]]\nfrom = \"100ms\"\nto = \"1500ms\"\ndoes = \"stall\"\n";
    let (service, job) = job(200, stalls);
    let ended = job.sweep(&format!("{SMALL} --rate 50 --request-timeout 150ms --max-attempts 3"));
    ended.exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 200);
}

#[test]
fn a_service_that_never_answers_leaves_every_sent_row_unknown() {
    let (service, job) = job(40, "[[fault]]\ndoes = \"stall\"\napplied = true\n");
    let ended = job.sweep("--batch-size 5 --request-timeout 100ms --max-attempts 2 --give-up-after 2s");
    ended.check(matches!(ended.code, Some(3 | 4)), "neither unfinished nor given up");
    let rows = job.true_rows(REPORT, &service);
    assert_eq!(count(&rows, "unknown") + count(&rows, "not_attempted"), 40);
    let mut unknown = rows.iter().filter(|row| row["status"] == "unknown");
    assert!(unknown.all(|row| row["error_code"] == "Timeout"), "{rows:?}");
}
