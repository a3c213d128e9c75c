//! Unattended runs: no terminal, no home, no open files, a service manager's signals, any directory, any umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

use super::harness::{BINARY, Ended, Job, Service, csv, rows, skipped};

/// A shell script in `folder`, with only the environment that AWS needs; the binary is on its path.
fn script(job: &Job, folder: &Path, script: &str) -> Command {
    let binaries = Path::new(BINARY).parent().expect("a folder");
    let mut command = job.prepare("/bin/sh", &["-c", script]);
    command.current_dir(folder).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", binaries.display()));
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    command.env("AWS_REGION", "us-east-1");
    command
}

/// Runs a script in the job's directory until it ends.
#[track_caller]
fn run(job: &Job, text: &str) -> Ended {
    job.spawn(&mut script(job, job.folder(), text)).end()
}

#[track_caller]
fn statuses(job: &Job, report: &str) -> Vec<String> {
    rows(&job.read(report)).iter().map(|row| row["status"].clone()).collect()
}

#[test]
fn it_needs_no_home_no_terminal_and_no_open_files() {
    for (closed, umask) in
        [("", "077"), ("<&- >&- 2>&-", "022"), ("2>&-", "000"), (">/dev/full 2>/dev/full", "022")]
    {
        if closed.contains("/dev/full") && !Path::new("/dev/full").exists() {
            skipped("there is no `/dev/full`");
            continue;
        }
        let service = Service::playing("");
        let job = Job::new(csv(3));
        let script = format!(
            "umask {umask}; chime-sweep run numbers.csv --yes --endpoint-url {} {closed}",
            service.url()
        );
        let ended = run(&job, &script);
        ended.exits(0).same("requests", service.requests(), 1);
        ended.same("statuses", statuses(&job, "numbers.report.csv"), ["succeeded"; 3]);
        let report = fs::metadata(job.path("numbers.report.csv")).expect("a report");
        ended.same("mode", report.permissions().mode() & 0o777, 0o600);
        ended.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
    }
}

#[test]
fn closed_files_are_not_mistaken_for_the_journal_or_the_report() {
    let service = Service::playing("");
    let job = Job::new("connector,phone\nvc,+12065550100\nvc,x\n");
    let script =
        format!("chime-sweep run numbers.csv --yes -vv --endpoint-url {} <&- >&- 2>&-", service.url());
    run(&job, &script).exits(3);
    let report = job.read("numbers.report.csv");
    assert_eq!(report.lines().count(), 3, "{report}");
    assert_eq!(statuses(&job, "numbers.report.csv"), ["succeeded", "invalid"]);
}

#[test]
fn a_run_works_from_any_directory() {
    let service = Service::playing("");
    let job = Job::new(csv(2));
    let absolute = job.path("numbers.csv");
    let relative = absolute.strip_prefix("/").expect("absolute");
    fs::create_dir(job.path("reports")).expect("a folder");
    let output_argument = format!("{}/reports/tonight.csv", relative.parent().expect("a folder").display());
    let text = format!(
        "chime-sweep run {} --output {output_argument} --yes --quiet --endpoint-url {}",
        relative.display(),
        service.url()
    );
    let ended = job.spawn(&mut script(&job, Path::new("/"), &text)).end();
    ended.exits(0).same("shown", (ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    ended.same("statuses", statuses(&job, "reports/tonight.csv"), ["succeeded"; 2]);
}

#[test]
fn after_a_stop_by_a_service_manager_the_printed_command_continues() {
    let service = Service::playing("[latency]\nmean = \"30ms\"\n");
    let job = Job::new("");
    let name = "it's tonight's \"list\" $HOME.csv";
    job.write(name, csv(60));
    let quoted = format!("'{}'", name.replace('\'', r"'\''"));
    let text = format!(
        "exec chime-sweep run {quoted} --yes --batch-size 2 --concurrency 1 --endpoint-url {}",
        service.url()
    );
    let running = job.spawn(&mut script(&job, job.folder(), &text));
    service.wait_for_requests(3);
    running.signal("TERM");
    let stopped = running.end();
    stopped.exits(143);
    let next = stopped.stderr.lines().find_map(|line| line.split_once(": chime-sweep "));
    let next = next.expect(&stopped.stderr).1;
    let report = "it's tonight's \"list\" $HOME.report.csv";
    stopped.check(statuses(&job, report).contains(&"not_attempted".to_owned()), "nothing is left");
    // Pasted as it is, with `--yes` for the question.
    let ended = run(&job, &format!("chime-sweep {next} --yes"));
    ended.exits(0).same("statuses", statuses(&job, report), vec!["succeeded"; 60]);
    assert_eq!(service.applied().len(), 60);
}

#[test]
fn the_printed_command_continues_after_a_crash() {
    let service = Service::playing("");
    let job = Job::new("");
    job.write("a b'c.csv", csv(2));
    fs::create_dir(job.path("out put")).expect("a folder");
    let url = service.url();
    // A directory takes the report's name during the run, so the report cannot be written.
    let script = format!(
        "mkdir 'out put/r.csv.partial'; \
         chime-sweep run 'a b'\\''c.csv' -o 'out put/r.csv' --delimiter , --yes --endpoint-url {url}"
    );
    let cut_short = run(&job, &script);
    let next = cut_short.exits(1).stderr.lines().find_map(|line| line.strip_prefix("to go on: "));
    let next = next.expect(&cut_short.stderr);
    let ended = run(&job, &format!("rmdir 'out put/r.csv.partial'; {next} --yes"));
    ended.exits(0).same("statuses", statuses(&job, "out put/r.csv"), ["succeeded"; 2]);
    assert_eq!(service.requests(), 1, "nothing was sent twice");
}

#[test]
fn a_windows_file_keeps_its_line_endings_and_can_be_rerun() {
    let service =
        Service::playing("[[number_error]]\nnumbers = [\"+12065550001\"]\ncode = \"Forbidden\"\ntimes = 1\n");
    let job = Job::on(&service, format!("\u{feff}{}", csv(3).replace('\n', "\r\n")));
    job.sweep("").exits(3).statuses(&["succeeded", "failed", "succeeded"]);
    let ended = job.rerun("");
    ended.exits(0).statuses(&["succeeded"; 3]);
    let report = job.read("numbers.report.csv");
    assert!(report.starts_with("\u{feff}voice_connector_id,"), "{report}");
    assert_eq!((report.matches("\r\n").count(), report.matches('\n').count()), (4, 4), "{report}");
    assert_eq!(service.applied().len(), 3);
}

#[test]
fn a_reader_that_stops_early_is_not_a_failure() {
    let job = Job::new(csv(5));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = script(&job, job.folder(), "exec chime-sweep plan numbers.csv");
    let plan = command.stdout(writer).output().expect("runs");
    let stderr = String::from_utf8_lossy(&plan.stderr);
    assert_eq!((plan.status.code(), stderr.as_ref()), (Some(0), ""));

    let script = "mkfifo said; chime-sweep simulate > said & head -1 < said; kill -TERM $!; wait $!";
    let ended = run(&job, script);
    ended.check(
        ended.stdout.starts_with("# a simulator") && ended.stderr.is_empty(),
        "not what was asked for",
    );
}
