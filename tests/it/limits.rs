//! What `ulimit` does not allow is a clear error, and nothing is lost.

use super::harness::{BINARY, Ended, Job, Service, csv};

/// Runs the job under a limit.
fn limited(job: &Job, limit: &str, more: &str) -> Ended {
    let script = format!("ulimit {limit} && exec {BINARY} {} --yes", job.run_arguments(more));
    job.spawn(&mut job.prepare("sh", &["-c", &script])).end()
}

#[test]
fn too_few_files_are_noticed_before_anything_is_sent() {
    let service = Service::playing("");
    for files in [8, 9, 10, 12, 14, 16, 20, 63] {
        let job = Job::on(&service, csv(10));
        let ended = limited(&job, &format!("-n {files}"), "--concurrency 8");
        ended.refused(&job, &format!("may open only {files} files at once; 8 requests in flight need 64"));
        ended.says_all(&["hint: `ulimit -n 64`, or a lower --concurrency", "nothing was sent"]);
    }
    assert_eq!(service.requests(), 0);
    let job = Job::on(&service, csv(1000));
    limited(&job, "-n 64", "--batch-size 1 --concurrency 8").exits(0);
    assert_eq!(job.true_rows("numbers.report.csv", &service).len(), 1000);
    // A low limit that can be raised is raised.
    let service = Service::playing("");
    limited(&Job::on(&service, csv(10)), "-S -n 20", "").exits(0);
}

#[test]
fn a_limit_on_the_size_of_files_is_like_a_full_disk() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(4000));
    let ended = limited(&job, "-f 2", "");
    ended.exits(1).says_all(&["cannot keep a copy of the input", "File too large", "nothing was sent"]);
    assert_eq!((service.requests(), job.files()), (0, vec!["numbers.csv".to_owned()]));

    // Enough for the copy of the input, too little for the report or the journal. A block has 512 or 1,024 bytes.
    for blocks in [180, 230] {
        let service = Service::playing("");
        let job = Job::on(&service, csv(4000));
        let ended = limited(&job, &format!("-f {blocks}"), "--batch-size 10");
        ended.exits(1).says_all(&["File too large", "to go on: chime-sweep run"]);
        let ended = job.sweep("--batch-size 10 --resume");
        ended.exits(0).agrees_with(&service).same("rows", ended.counts()["succeeded"], 4000);
    }
}

/// A limit of the user, so not for root: tried as `nobody`, whose processes are none.
#[test]
fn too_few_threads_are_noticed_before_anything_is_sent() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65534;
    let service = Service::playing("");
    let job = Job::on(&service, csv(10));
    if std::fs::metadata(job.folder()).expect("is there").uid() != 0 {
        super::harness::skipped("only root can become another user");
        return;
    }
    std::fs::set_permissions(job.folder(), std::fs::Permissions::from_mode(0o777)).expect("mode");
    for threads in [1, 2, 3, 4] {
        let script = format!("ulimit -u {threads}; exec {BINARY} {} --yes", job.run_arguments(""));
        let mut command = job.prepare("bash", &["-c", &script]);
        let ended = job.spawn(command.uid(NOBODY).gid(NOBODY)).end();
        ended.refused(&job, "cannot start the 4 threads that a run needs");
        ended.says_all(&["hint: `ulimit -u`", "nothing was sent"]);
    }
    assert_eq!(service.requests(), 0);
}

/// It is ended with what it has started when chime-sweep has waited long enough, which is a minute: see the unit tests.
#[test]
fn a_process_that_fails_is_named_and_its_arguments_are_not() {
    let job = Job::new(csv(1)).env("AWS_REGION", "us-east-1").at("http://127.0.0.1:1");
    for (command, message) in [
        (
            "sh -c 'echo no luck; echo \u{1b}[2Jcancelled >&2; exit 3' HUSH",
            "exit status: 3: \\u{1b}[2Jcancelled",
        ),
        ("nowhere/program HUSH", "not found"),
        ("echo HUSH", "it did not write a JSON object"),
        ("echo '{\"Version\":\"HUSH\"}'", "`Version` in its output is not 1"),
        ("echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'", "its output has no `SecretAccessKey`"),
        (
            "echo '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HUSH x\"}'",
            "`SecretAccessKey` in its output contains a space",
        ),
    ] {
        job.write(".aws/config", format!("[default]\ncredential_process = {command}\n"));
        let ended = job.sweep("");
        ended.exits(1).says("`credential_process` gave no credentials").says(message);
        ended.says_not("HUSH").says_not("\u{1b}");
    }
}
