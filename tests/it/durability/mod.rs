//! After any crash, fault or stop, every row of the input is in the report once, with a true status, and one command
//! continues the job.

mod credentials;
mod files;
mod journals;
mod kills;
mod outages;
mod peers;
mod races;
mod steps;
mod stops;
mod strangers;

use super::harness::{Ended, Job, Row, Running, Service, csv_of_three};

const REPORT: &str = "numbers.report.csv";

/// Small batches, two at a time: there is always something in flight, and something left to do.
const SMALL: &str = "--batch-size 5 --concurrency 2";

/// A job of this many rows on three connectors, and a service that plays a scenario.
fn job(rows: usize, scenario: &str) -> (Service, Job) {
    let service = Service::playing(scenario);
    let job = Job::on(&service, csv_of_three(rows));
    (service, job)
}

/// Starts a run in small batches, and waits until the service has received this many requests.
fn under_way(service: &Service, job: &Job, requests: u64) -> Running {
    let running = job.start_sweep(SMALL);
    service.wait_for_requests(requests);
    running
}

fn count(rows: &[Row], status: &str) -> usize {
    rows.iter().filter(|row| row["status"] == status).count()
}
