//! Keys that expire during a run, and clocks that are wrong.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use super::super::harness::wait_until;
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

/// A job whose keys come from a profile, if there is one, instead of the environment.
fn keyless(scenario: &str) -> (Service, Job) {
    let service = Service::playing(scenario);
    let job = Job::new(csv_of_three(300)).at(&service.url()).env("AWS_REGION", "us-east-1");
    (service, job)
}

fn profile(job: &Job, keys: &str) {
    let (id, secret) = (format!("AKID{}", keys.to_uppercase()), format!("{keys}-secret-of-the-night"));
    let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    job.write(".aws/credentials.new", text);
    fs::rename(job.path(".aws/credentials.new"), job.path(".aws/credentials")).expect("renames");
}

#[test]
fn a_profile_renewed_during_a_run_costs_no_row() {
    let (service, job) = keyless(EXPIRING);
    profile(&job, "first");
    let running = under_way(&service, &job, 4);
    profile(&job, "second");
    running.end().exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 300);
}

#[test]
fn a_credential_process_with_new_keys_continues_the_run() {
    let (service, job) = keyless(EXPIRING);
    let script = "#!/bin/sh\nif [ -e called ]; then k=SECOND s=second; else k=FIRST s=first; fi\ntouch called\n\
                  echo \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"AKID$k\\\",\\\"SecretAccessKey\\\":\\\"$s-secret-of-the-night\\\"}\"\n";
    job.write("keys.sh", script);
    let process = format!("[default]\ncredential_process = /bin/sh {}\n", job.path("keys.sh").display());
    job.write(".aws/config", process);
    job.sweep(SMALL).exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 300);
}

#[test]
fn keys_that_are_wrong_from_the_start_stop_the_run_at_once() {
    let (service, job) = keyless(EXPIRING);
    profile(&job, "stolen");
    let ended = job.sweep(SMALL);
    ended.exits(4).says("credentials").says_not("stolen-secret").agrees_with(&service);
    ended.statuses(&["not_attempted"; 300]).column_is("error_code", &["CredentialsRefused"; 300]);
    ended.check(service.requests() <= 4, "it went on");
}

#[test]
fn a_clock_that_is_wrong_is_corrected_once() {
    for offset in ["20m", "-20m"] {
        let (service, job) = job(300, &format!("clock_offset = \"{offset}\"\n[latency]\nmean = \"10ms\"\n"));
        let ended = job.sweep(SMALL);
        ended.exits(0).same("warnings", ended.stderr.matches("clock is wrong").count(), 1);
        assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 300);
        ended.check((1..=4).contains(&service.replies(403)), "more than those in flight were refused");
    }
}

/// Instance metadata and a container's endpoint: both return the current keys.
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

#[test]
fn instance_and_container_keys_that_change_during_a_run_cost_no_row() {
    for (variable, path) in
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT", ""), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/container")]
    {
        let (service, job) = keyless(EXPIRING);
        let keys = Arc::new(Mutex::new("FIRST"));
        let url = metadata(&keys);
        let job = job.env("AWS_EC2_METADATA_DISABLED", "false").env(variable, &format!("{url}{path}"));
        let running = under_way(&service, &job, 4);
        *keys.lock().expect("no panic") = "SECOND";
        let ended = running.end();
        ended.exits(0).statuses(&["succeeded"; 300]).agrees_with(&service);
        ended.column_is("attempts", &["1"; 300]); // a refusal is not an attempt
        ended.check(service.replies(403) >= 1, "the first keys did not expire");
    }
}

/// The report of a stopped run is true, and `rerun` continues with the new keys.
#[test]
fn keys_that_expire_without_new_ones_pause_the_run_and_it_says_so() {
    let (service, job) = keyless(EXPIRING);
    profile(&job, "first");
    let hook = job.path("hook.sh");
    job.write(
        "hook.sh",
        "#!/bin/sh\nenv > environment; touch told; echo \"$CHIME_SWEEP_RESULT_EVENT $CHIME_SWEEP_RESULT_REASON: $(cat)\" > told.new\nmv told.new told\n",
    );
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("a mode");
    let running = job.start_sweep(&format!("{SMALL} --on-pause ./hook.sh"));
    running.wait_for("credentials refused, waiting for new ones");
    wait_until("it is told", || job.path("told").exists() && !job.read("told").is_empty());
    let told = job.read("told");
    assert!(told.starts_with("pause credentials: paused: the service refuses the credentials; "), "{told}");
    let environment = job.read("environment");
    let set = environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.to_owned());
    let set: BTreeSet<_> = set.filter(|name| name.starts_with("CHIME_SWEEP_RESULT_")).collect();
    assert_eq!(set, job.documented("--on-pause"));
    running.signal("INT");
    let ended = running.end();
    ended.exits(130).says_all(&["the service refuses the credentials: waiting for others", "aws sso login"]);
    ended.says("stopped early: it was interrupted; last error: ");
    let rows = job.true_rows(REPORT, &service);
    let left_rows: Vec<_> = rows.iter().filter(|row| row["status"] == "not_attempted").collect();
    assert!(left_rows.iter().all(|row| row["error_code"] == "CredentialsRefused"), "{left_rows:?}");
    assert!(left_rows.iter().all(|row| row["error_message"].contains("Exception: ")), "{left_rows:?}");
    let (done, left) = (count(&rows, "succeeded"), count(&rows, "not_attempted"));
    assert!(done >= 50 && done + left == 300, "{done} and {left}");
    profile(&job, "second");
    job.rerun(SMALL).exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 300);
}

#[test]
fn keys_of_the_environment_that_expire_are_said_to_be_fixed() {
    let service = Service::playing(EXPIRING);
    let job = Job::new(csv_of_three(300)).at(&service.url()).env("AWS_REGION", "us-east-1");
    let job =
        job.env("AWS_ACCESS_KEY_ID", "AKIDFIRST").env("AWS_SECRET_ACCESS_KEY", "first-secret-of-the-night");
    let running = job.start_sweep(&format!("{SMALL} --quiet"));
    running.wait_for("in this process's environment, where nothing can renew them");
    running.signal("TERM");
    let ended = running.end();
    ended
        .exits(143)
        .says_all(&["stopped early: it received a signal", "to continue with the rest: chime-sweep rerun"]);
}
