//! Keys that expire in the night, and clocks that are wrong.

use super::*;

const EXPIRING: &str = r#"
    [latency]
    mean = "10ms"
    [[key]]
    access_key_id = "AKIDFIRST"
    secret_access_key = "first-secret-of-the-night"
    requests = 12
    [[key]]
    access_key_id = "AKIDSECOND"
    secret_access_key = "second-secret-of-the-night"
"#;
const ARGS: [&str; 5] = ["run", "numbers.csv", "--yes", "--batch-size=5", "--concurrency=2"];

fn profile(job: &Job, keys: &str) {
    let (id, secret) = (format!("AKID{}", keys.to_uppercase()), format!("{keys}-secret-of-the-night"));
    let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(job.path("credentials.new"), text).expect("writes");
    fs::rename(job.path("credentials.new"), job.path("credentials")).expect("renames");
}

/// The command with keys from a profile instead of the environment.
fn command(job: &Job) -> Command {
    let mut command = job.command(&ARGS);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", job.path("credentials"))
        .env("AWS_CONFIG_FILE", job.path("config"));
    command
}

#[test]
fn a_profile_that_is_renewed_in_mid_run_goes_on_without_a_failed_row() {
    let job = Job::new(300, EXPIRING);
    profile(&job, "first");
    let running = job.spawn(command(&job));
    until("requests", || job.simulator().tally().requests >= 4);
    profile(&job, "second");
    running.wait().exits(0);
    assert_eq!(count(&job.true_report(), "succeeded"), 300);
}

#[test]
fn a_credential_process_that_gives_new_keys_goes_on() {
    let job = Job::new(300, EXPIRING);
    let script = "#!/bin/sh\nif [ -e called ]; then k=SECOND s=second; else k=FIRST s=first; fi\ntouch called\n\
                  echo \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"AKID$k\\\",\\\"SecretAccessKey\\\":\\\"$s-secret-of-the-night\\\"}\"\n";
    fs::write(job.path("keys.sh"), script).expect("writes");
    let process = format!("[default]\ncredential_process = /bin/sh {}\n", job.path("keys.sh").display());
    fs::write(job.path("config"), process).expect("writes");
    job.spawn(command(&job)).wait().exits(0);
    assert_eq!(count(&job.true_report(), "succeeded"), 300);
}

#[test]
fn keys_that_are_wrong_from_the_start_stop_the_run_at_once() {
    let job = Job::new(300, EXPIRING);
    profile(&job, "stolen");
    let outcome = job.spawn(command(&job)).wait().exits(4).says(&["credentials"]);
    assert!(outcome.took < Duration::from_secs(3), "{:?}", outcome.took);
    let rows = job.true_report();
    assert!(
        rows.iter().all(|row| row.status == "not_attempted" && row.code == "CredentialsRefused"),
        "{rows:?}"
    );
    assert!(!outcome.stderr.contains("stolen-secret"));
}

#[test]
fn a_clock_that_is_wrong_is_corrected_once() {
    for offset in ["20m", "-20m"] {
        let job = Job::new(300, &format!("clock_offset = \"{offset}\"\n[latency]\nmean = \"10ms\"\n"));
        let outcome = job.run(&["--batch-size", "5", "--concurrency", "2"]).exits(0);
        assert_eq!(outcome.stderr.matches("clock is wrong").count(), 1, "{}", outcome.stderr);
        assert_eq!(count(&job.true_report(), "succeeded"), 300);
        let tally = job.simulator().tally();
        assert!(tally.statuses.get(&403).is_some_and(|refused| *refused <= 4), "{:?}", tally.statuses);
    }
}
