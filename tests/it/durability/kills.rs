//! `kill -9`, again and again.

use super::*;

const SCENARIO: &str = r#"
    poison = ["+12062000777"]
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

#[test]
fn a_job_that_is_killed_sixty_times_ends_with_a_true_report() {
    let job = Job::new(3000, SCENARIO);
    let args = ["--batch-size", "10", "--concurrency", "3", "--max-attempts", "8", "--resume"];
    let mut random = fastrand::Rng::with_seed(60);
    for kill in 0..60 {
        let mut running = job.start(&args);
        let before = job.simulator().tally().requests;
        // Half of them when requests are under way for sure, however slow this machine is.
        if kill % 2 == 0 {
            until("a request", || job.simulator().tally().requests > before);
        }
        std::thread::sleep(Duration::from_millis(random.u64(0..80)));
        assert!(
            running.child.try_wait().expect("waits").is_none(),
            "done after {kill} kills: the job is too small"
        );
        running.child.kill().expect("kills");
        running.child.wait().expect("ends");
    }
    let outcome = job.run(&args).exits(3);
    assert!(!job.journal().exists());
    let rows = job.true_report();
    assert!(count(&rows, "succeeded") >= 2900, "{}", outcome.stderr);
    assert_eq!(count(&rows, "not_attempted"), 0);
    let poisoned = rows.iter().find(|row| row.number == "+12062000777").expect("a row");
    assert!(["failed", "unknown"].contains(&&*poisoned.status), "{poisoned:?}");

    let outcome = job.spawn(job.command(&["rerun", "numbers.report.csv", "--yes"])).wait().exits(3);
    outcome.says(&["numbers.report.csv"]);
    assert_eq!(job.true_report().len(), 3000);
}

/// A small job, killed anywhere from its first instruction to its last: the report and the journal change places there.
#[test]
fn a_job_that_is_killed_at_its_beginning_or_end_is_not_lost() {
    let mut random = fastrand::Rng::with_seed(20);
    let whole = Job::new(30, "").run(&[]).exits(0).took;
    let mut killed = 0;
    for _ in 0..24 {
        let job = Job::new(30, "");
        let mut running = job.start(&[]);
        std::thread::sleep(whole.mul_f64(random.f64() * 1.1));
        let _ = running.child.kill();
        let status = running.child.wait().expect("ends");
        killed += u32::from(status.code().is_none());
        let done = job.path("numbers.report.csv").exists() && !job.journal().exists();
        if !done {
            job.run(&["--resume"]).exits(0);
        }
        assert_eq!(count(&job.true_report(), "succeeded"), 30);
        assert!(!job.journal().exists());
    }
    assert!(killed >= 8, "{killed}");
}
