//! Several accounts and regions in one run: each is paced, held up and stopped by itself, and one report tells of all.

use std::fmt::Write as _;

use super::harness::{Job, Row, Service, number, wait_until};

const REPORT: &str = "numbers.report.csv";
const SMALL: &str = "--batch-size 5 --concurrency 2";

/// Twelve regions.
fn region(lane: usize) -> String {
    format!("xx-north-{lane}")
}

/// `count` rows in turn in as many lanes, on two connectors, which have the same ids in all lanes.
fn in_lanes(lanes: usize, count: usize) -> String {
    (0..count).fold("voice_connector_id,phone_number,region\n".to_owned(), |mut csv, n| {
        let _ = writeln!(csv, "vc{},{},{}", n / lanes % 2, number(n), region(n % lanes));
        csv
    })
}

fn of_region<'a>(rows: &'a [Row], lane: usize) -> impl Iterator<Item = &'a Row> {
    let region = region(lane);
    rows.iter().filter(move |row| row["region"] == region)
}

/// The first region's keys expire, the second is out; the third goes on to its end.
#[test]
#[cfg(unix)]
fn what_holds_one_lane_up_does_not_hold_up_another() {
    let service = Service::playing(&format!(
        "[latency]\nmean = '10ms'\n\
         [[lane]]\nregion = '{}'\nfault = [{{ does.error = {{ status = 403, code = 'ExpiredTokenException' }}, nth = [1, 9] }}]\n\
         [[lane]]\nregion = '{}'\noutage = [{{ from = '0s', to = '1h', does.error = {{ status = 503 }} }}]\n",
        region(0),
        region(1)
    ));
    let job = Job::on(&service, in_lanes(3, 300));
    let running = job.start_sweep(SMALL);
    let done = || service.applied().len();
    wait_until("the third region is done", || done() >= 100);
    running.signal("INT");
    let ended = running.end();
    let rows = job.true_rows(REPORT, &service);
    let status = |lane| of_region(&rows, lane).map(|row| &*row["status"]).collect::<Vec<_>>();
    ended.exits(130).same("the third", status(2), vec!["succeeded"; 100]);
    ended.check(status(1).iter().all(|status| *status == "not_attempted"), "the second is out");
    let cause = of_region(&rows, 1).next().expect("a row");
    ended.check(cause["error_message"].contains("503"), &format!("what held it up: {cause:?}"));
    ended.says(&format!("{}: 100 succeeded", region(2)));
}
