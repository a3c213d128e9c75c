//! Keys that expire in the night, and clocks that are wrong.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

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

/// Instance metadata and a container's endpoint: both say what keys there are at present.
fn metadata(keys: &Arc<Mutex<&'static str>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let keys = Arc::clone(keys);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096]; // small, and whole
            let read = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let id = *keys.lock().expect("no panic");
            let (status, body) = if request.starts_with("PUT /latest/api/token ") {
                (200, "session".to_owned())
            } else if request.starts_with("GET /latest/meta-data/iam/security-credentials/ ") {
                (200, "role".to_owned())
            } else if request.contains("/role ") || request.starts_with("GET /container ") {
                let secret = format!("{}-secret-of-the-night", id.to_lowercase());
                let json = format!(
                    r#"{{"Code":"Success","LastUpdated":"2020-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"AKID{id}",
                        "SecretAccessKey":"{secret}","Token":"","Expiration":"2099-01-01T00:00:00Z"}}"#
                );
                (200, json.replace(r#""Token":"","#, r#""Token":"t","#))
            } else {
                (404, String::new())
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

/// The command with keys from an endpoint alone.
fn keyless(job: &Job, variable: &str, value: &str) -> Command {
    let mut command = command(job);
    command.env_remove("AWS_EC2_METADATA_DISABLED").env(variable, value);
    command
}

#[test]
fn keys_of_the_instance_and_of_a_container_that_change_in_mid_run_cost_no_row() {
    for (variable, path) in
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT", ""), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/container")]
    {
        let job = Job::new(300, EXPIRING);
        let keys = Arc::new(Mutex::new("FIRST"));
        let url = metadata(&keys);
        let running = job.spawn(keyless(&job, variable, &format!("{url}{path}")));
        until("requests", || job.simulator().tally().requests >= 4);
        *keys.lock().expect("no panic") = "SECOND";
        running.wait().exits(0);
        let rows = job.true_report();
        assert_eq!(count(&rows, "succeeded"), 300, "{variable}");
        assert!(rows.iter().all(|row| row.attempts == 1), "{variable}: a refusal is no attempt");
        let refused = job.simulator().tally().statuses.get(&403).copied();
        assert!(refused.is_some_and(|refused| refused >= 1), "{variable}: the first keys did expire");
    }
}

/// What a stop leaves is true, and `rerun` goes on with the new keys.
#[test]
fn keys_that_expire_with_none_to_be_had_pause_the_run_and_it_says_so() {
    let job = Job::new(300, EXPIRING);
    profile(&job, "first");
    let running = job.spawn(command(&job));
    let says = "credentials refused, waiting for new ones";
    until("the pause", || fs::read_to_string(&running.log).is_ok_and(|log| log.contains(says)));
    running.signal("INT");
    running.wait().exits(130);
    let rows = job.true_report();
    let (done, left) = (count(&rows, "succeeded"), count(&rows, "not_attempted"));
    assert!(done >= 50 && done + left == 300, "{done} and {left}");
    profile(&job, "second");
    let mut rerun = command(&job);
    let args = ["rerun", "numbers.report.csv", "--yes"].map(str::to_owned);
    rerun = with_args(&rerun, &args);
    job.spawn(rerun).wait().exits(0);
    assert_eq!(count(&job.true_report(), "succeeded"), 300);
}

fn with_args(command: &Command, args: &[String]) -> Command {
    let mut other = Command::new(command.get_program());
    other.args(args).current_dir(command.get_current_dir().expect("a folder")).env_clear();
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other.stdin(Stdio::null()).stdout(Stdio::null());
    other
}
