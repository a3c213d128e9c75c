//! The rate that one run found, in the next one.

use super::harness::{Ended, Job, Service, csv};

const STATE: &str = ".local/state/chime-sweep/rates.json";
/// A full second's worth of tokens, and answers that come so late that a start in ignorance is far too fast.
const LIMITED: &str = "latency = { mean = '100ms' }\n[throttle]\nrate = 30";
const ONE_BY_ONE: &str = "--batch-size 1 -v";
const KNOWN: &str = "an earlier run has found this rate";

/// Runs the job; says how many of its requests were throttled.
fn run(job: &Job, service: &Service, more: &str) -> (Ended, u64) {
    let before = service.replies(429);
    let ended = job.sweep(&format!("{ONE_BY_ONE} --overwrite {more}"));
    (ended, service.replies(429) - before)
}

#[test]
fn the_second_run_begins_with_what_the_first_one_found() {
    let service = Service::playing(LIMITED);
    let job = Job::on(&service, csv(80));
    let (first, throttled) = run(&job, &service, "");
    first.says_not(KNOWN).check(throttled > 0, "nothing was throttled");
    let state = job.read(STATE);
    first.check(state.contains(&service.url()) && !state.contains("AKIA"), &state);
    let (second, again) = run(&job, &service, "");
    second.says(KNOWN).check(again < throttled, &format!("{again} throttled, and {throttled} before"));
}

#[test]
fn nothing_is_kept_or_used_if_nobody_wants_it_and_what_is_broken_stops_nothing() {
    let service = Service::playing(LIMITED);
    let job = Job::on(&service, csv(80));
    run(&job, &service, "--no-remember");
    job.command("run numbers.csv --simulate").exits(0);
    assert!(!job.path(".local").exists());
    job.write(STATE, "{ nonsense");
    let (ended, _) = run(&job, &service, "--no-remember");
    ended.says_not("rates.json");
    let (ended, _) = run(&job, &service, "");
    ended.says("cannot use the rates of earlier runs").same("state", job.read(STATE).as_str(), "{ nonsense");
}
