//! Stops from outside, and those that the run decides on itself.

use super::*;

const SLOW: &str = "[latency]\nmean = \"40ms\"\n";

fn started(job: &Job, args: &[&str]) -> Running {
    let running = job.start(&[&["--batch-size", "5", "--concurrency", "2"], args].concat());
    until("requests", || job.simulator().tally().requests >= 6);
    running
}

#[test]
fn one_signal_lets_what_is_in_flight_finish_and_the_report_says_what_was_not_sent() {
    for (signal, exit, code) in
        [("INT", 130, "Interrupted"), ("TERM", 143, "Terminated"), ("HUP", 143, "Terminated")]
    {
        let job = Job::new(2000, SLOW);
        let running = started(&job, &[]);
        running.signal(signal);
        running.wait().exits(exit).says(&["chime-sweep rerun numbers.report.csv"]);
        let rows = job.true_report();
        let (done, left) = (count(&rows, "succeeded"), count(&rows, "not_attempted"));
        assert!(done >= 30 && done + left == 2000, "{signal}: {done} and {left}");
        assert_eq!(
            u64::try_from(done).expect("few"),
            job.simulator().tally().applied,
            "nothing is lost: {signal}"
        );
        assert!(rows.iter().all(|row| row.status == "succeeded" || row.code == code), "{signal}");
        assert!(!job.journal().exists());
        job.spawn(job.command(&["rerun", "numbers.report.csv", "--yes"])).wait().exits(0);
        assert_eq!(count(&job.true_report(), "succeeded"), 2000);
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once_and_keeps_the_journal() {
    for (first, second, exit) in
        [("INT", "INT", 130), ("TERM", "TERM", 143), ("INT", "TERM", 143), ("TERM", "INT", 130)]
    {
        let job = Job::new(2000, "[latency]\nmean = \"30s\"\n");
        let running = job.start(&["--batch-size", "5"]);
        until("a request", || job.simulator().tally().requests >= 1);
        running.signal(first);
        std::thread::sleep(Duration::from_millis(50));
        running.signal(second);
        let outcome = running.wait().exits(exit);
        assert!(outcome.took < Duration::from_secs(5), "{:?}", outcome.took);
        let outcome = outcome.says(&[
            "no report was written",
            "numbers.report.csv.journal",
            "to go on: chime-sweep run",
        ]);
        assert!(outcome.stderr.contains("--resume"));
        assert!(job.journal().exists() && !job.path("numbers.report.csv").exists());
        job.run(&[]).exits(1).says(&["was cut short", "--resume", "--discard"]);
    }
}

/// A run that was started with `nohup` must not end with its terminal.
#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let job = Job::new(300, SLOW);
    let mut command = Command::new("nohup");
    let inner = job.command(&["run", "numbers.csv", "--yes", "--batch-size", "5", "--concurrency", "2"]);
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(job.folder.path()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdout(Stdio::null());
    let running = job.spawn(command);
    until("requests", || job.simulator().tally().requests >= 6);
    running.signal("HUP");
    running.wait().exits(0);
    assert_eq!(count(&job.true_report(), "succeeded"), 300);
}

#[test]
fn the_end_of_its_time_stops_a_run() {
    let job = Job::new(2000, SLOW);
    let outcome = started(&job, &["--max-duration", "600ms"]).wait().exits(4);
    outcome.says(&["--max-duration", "chime-sweep rerun numbers.report.csv"]);
    let rows = job.true_report();
    assert!(rows.iter().all(|row| row.status == "succeeded" || row.code == "Deadline"));
    assert!(count(&rows, "not_attempted") > 0 && count(&rows, "succeeded") > 0);
}

#[test]
fn too_many_failures_stop_a_run() {
    for max in ["20", "2%"] {
        let job = Job::new(1000, "[[number_error]]\ncode = \"Forbidden\"\np = 0.3\n");
        let args = ["--batch-size", "5", "--concurrency", "2", "--max-failures", max];
        job.run(&args).exits(4).says(&["--max-failures"]);
        let rows = job.true_report();
        assert!((21..=35).contains(&count(&rows, "failed")), "{max}: {}", count(&rows, "failed"));
        assert!(
            rows.iter().any(|row| row.status == "not_attempted" && row.code == "TooManyFailures"),
            "{max}"
        );
    }
}

#[test]
fn a_service_without_a_success_is_given_up() {
    let job = Job::new(100, "[[outage]]\nfrom = \"0s\"\nto = \"1h\"\ndoes.error = { status = 503 }\n");
    let outcome = job.run(&["--give-up-after", "1s"]).exits(4).says(&["--give-up-after"]);
    assert!(outcome.took < Duration::from_secs(4), "{:?}", outcome.took);
    let rows = job.true_report();
    assert_eq!(count(&rows, "unknown") + count(&rows, "not_attempted"), 100);
}
