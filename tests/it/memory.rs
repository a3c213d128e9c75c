//! The rate that one run found is used by the next one.

use std::time::Duration;

use super::harness::{Ended, Job, Service, csv, number};

const STATE: &str = ".local/state/chime-sweep/rates.json";
/// A small bucket, and answers so late that a start without a known rate is far too fast.
const LIMITED: &str = "latency = { mean = '100ms' }\n[throttle]\nrate = 10\nburst = 3";
/// So many requests that most of them are left when the first is throttled.
const REQUESTS: usize = 60;
const ONE_BY_ONE: &str = "--batch-size 1 -v";
const KNOWN: &str = "an earlier run has found this rate";

/// Removes [`REQUESTS`] numbers; says how many of the requests were throttled.
fn run(job: &Job, service: &Service, more: &str) -> (Ended, u64) {
    job.write("numbers.csv", (0..REQUESTS).fold(csv(0), |csv, n| csv + "vc," + &number(n) + "\n"));
    let ended = job.sweep(&format!("{ONE_BY_ONE} {more}"));
    ended.exits(0).same("succeeded", ended.counts().get("succeeded").copied(), Some(REQUESTS as u64));
    (ended, service.replies(429))
}

#[test]
fn the_second_run_starts_at_the_rate_that_the_first_one_found() {
    let service = Service::playing(LIMITED);
    let job = Job::on(&service, csv(0));
    let (first, throttled) = run(&job, &service, "");
    first.says_not(KNOWN).check(throttled > 0, "nothing was throttled");
    let state = job.read(STATE);
    first.check(state.contains(&service.url()) && !state.contains("AKIA"), &state);
    // A rate this slow is visible; how many requests are throttled depends on the machine.
    let mut kept: serde_json::Value = serde_json::from_str(&state).expect("JSON");
    kept["rates"][0]["rate"] = 1.0.into();
    job.write(STATE, kept.to_string());
    job.write("numbers.csv", csv(0) + "vc," + &number(REQUESTS) + "\nvc," + &number(REQUESTS + 1) + "\n");
    let second = job.sweep(&format!("{ONE_BY_ONE} --overwrite"));
    second.exits(0).says(KNOWN).statuses(&["succeeded"; 2]);
    second.check(second.took > Duration::from_millis(500), "the second request did not wait");
}

#[test]
fn with_no_remember_no_rate_is_used_and_a_broken_file_stops_no_run() {
    let service = Service::playing(LIMITED);
    let job = Job::on(&service, csv(0));
    run(&job, &service, "--no-remember");
    job.command("run numbers.csv --simulate").exits(0);
    assert!(!job.path(".local").exists());
    job.write(STATE, "{ nonsense");
    let one_more = |n, more| {
        job.write("numbers.csv", csv(0) + "vc," + &number(REQUESTS + n) + "\n");
        job.sweep(&format!("{ONE_BY_ONE} --overwrite {more}"))
    };
    one_more(0, "--no-remember").exits(0).says_not("rates.json");
    let ended = one_more(1, "");
    ended.exits(0).says("cannot use the rates of earlier runs");
    ended.same("state", job.read(STATE).as_str(), "{ nonsense");
}
