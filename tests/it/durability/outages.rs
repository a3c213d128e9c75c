//! The service goes away in mid-run and comes back.

use super::*;

const CALM: &str = "[latency]\nmean = \"20ms\"\n";

#[test]
fn a_service_that_restarts_in_mid_run_costs_time_and_nothing_else() {
    let mut job = Job::new(600, CALM);
    let running = job.start(&["--batch-size", "5", "--concurrency", "2"]);
    until("requests", || job.simulator().tally().requests >= 10);
    let address: SocketAddr = job.url.trim_start_matches("http://").parse().expect("an address");
    let first = job.simulator.take().expect("a simulator");
    let before = first.ledger();
    first.stop();
    std::thread::sleep(Duration::from_millis(700));
    assert!(!job.path("numbers.report.csv").exists(), "it waits");
    until("the port", || {
        job.simulator = simulator(CALM, address).ok();
        job.simulator.is_some()
    });
    running.wait().exits(0);
    let rows = job.report();
    assert_eq!(count(&rows, "succeeded"), 600);
    let gone =
        before.numbers.iter().chain(&job.simulator().ledger().numbers).filter(|n| n.applied > 0).count();
    assert!(gone >= 600, "{gone}");
    let most = rows.iter().map(|row| row.attempts).max();
    assert!(most <= Some(3), "an outage uses no attempts up: {most:?}");
}

#[test]
fn a_service_that_accepts_and_never_answers_for_a_while_loses_no_row() {
    let job = Job::new(
        200,
        "[latency]\nmean = \"5ms\"\n[[outage]]\nfrom = \"100ms\"\nto = \"1500ms\"\ndoes = \"stall\"\n",
    );
    let args = ["--batch-size", "5", "--concurrency", "2", "--rate", "50", "--request-timeout", "150ms"];
    job.run(&[&args[..], &["--max-attempts", "3"]].concat()).exits(0);
    assert_eq!(count(&job.true_report(), "succeeded"), 200);
}

#[test]
fn a_service_that_never_answers_leaves_every_sent_row_unknown() {
    let job = Job::new(40, "[[fault]]\ndoes = \"stall\"\napplied = true\n");
    let args =
        ["--batch-size", "5", "--request-timeout", "100ms", "--max-attempts", "2", "--give-up-after", "2s"];
    let outcome = job.run(&args);
    let rows = job.true_report();
    assert!(matches!(outcome.code, Some(3 | 4)), "{}", outcome.stderr);
    assert_eq!(count(&rows, "unknown") + count(&rows, "not_attempted"), 40);
    assert!(rows.iter().filter(|row| row.status == "unknown").all(|row| row.code == "Timeout"), "{rows:?}");
}
