//! Nobody is there: no terminal, no home, no open files, a service manager's signals, any folder, any umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

use super::harness::{BINARY, Job, Running, Service, csv, rows, wait_until};

/// A shell without environment but for what AWS needs, in `folder`; the binary is on its path.
fn shell(folder: &Path, script: &str) -> Command {
    let binaries = Path::new(BINARY).parent().expect("a folder");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir(folder).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", binaries.display()));
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    command.env("AWS_REGION", "us-east-1").stdin(Stdio::null());
    command
}

#[track_caller]
fn output(folder: &Path, script: &str) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = shell(folder, script).output().expect("a shell");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

fn folder(job: &Job) -> std::path::PathBuf {
    job.path("numbers.csv").parent().expect("a folder").to_owned()
}

#[track_caller]
fn statuses(report: &Path) -> Vec<String> {
    let text = fs::read_to_string(report).expect("a report");
    rows(&text).iter().map(|row| row["status"].clone()).collect()
}

#[test]
fn it_needs_no_home_no_terminal_and_no_open_files() {
    for (closed, umask) in
        [("", "077"), ("<&- >&- 2>&-", "022"), ("2>&-", "000"), (">/dev/full 2>/dev/full", "022")]
    {
        let service = Service::playing("");
        let job = Job::new(csv(3));
        let script = format!(
            "umask {umask}; chime-sweep run numbers.csv --yes --endpoint-url {} {closed}",
            service.url()
        );
        let (code, _, stderr) = output(&folder(&job), &script);
        assert_eq!((code, service.requests()), (Some(0), 1), "{script}: {stderr}");
        let report = job.path("numbers.report.csv");
        assert_eq!(statuses(&report), ["succeeded"; 3], "{script}");
        let mode = fs::metadata(&report).expect("a report").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{script}");
        assert_eq!(job.files(), ["numbers.csv", "numbers.report.csv"], "{script}");
    }
}

#[test]
fn closed_files_are_not_mistaken_for_the_journal_or_the_report() {
    let service = Service::playing("");
    let job = Job::new("connector,phone\nvc,+12065550100\nvc,x\n");
    let script =
        format!("chime-sweep run numbers.csv --yes -vv --endpoint-url {} <&- >&- 2>&-", service.url());
    let (code, _, _) = output(&folder(&job), &script);
    assert_eq!(code, Some(3));
    let report = job.read("numbers.report.csv");
    assert_eq!(report.lines().count(), 3, "{report}");
    assert_eq!(statuses(&job.path("numbers.report.csv")), ["succeeded", "invalid"]);
}

#[test]
fn any_folder_will_do() {
    let service = Service::playing("");
    let job = Job::new(csv(2));
    let absolute = job.path("numbers.csv");
    let relative = absolute.strip_prefix("/").expect("absolute");
    fs::create_dir(job.path("reports")).expect("a folder");
    let output_argument = format!("{}/reports/tonight.csv", relative.parent().expect("a folder").display());
    let script = format!(
        "chime-sweep run {} --output {output_argument} --yes --quiet --endpoint-url {}",
        relative.display(),
        service.url()
    );
    let (code, stdout, stderr) = output(Path::new("/"), &script);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", ""));
    assert_eq!(statuses(&job.path("reports/tonight.csv")), ["succeeded"; 2]);
}

#[test]
fn a_service_manager_stops_it_and_the_printed_command_goes_on() {
    let service = Service::playing("[latency]\nmean = \"30ms\"\n");
    let job = Job::new("");
    let name = "it's tonight's \"list\" $HOME.csv";
    job.write(name, csv(60));
    let quoted = format!("'{}'", name.replace('\'', r"'\''"));
    let script = format!(
        "exec chime-sweep run {quoted} --yes --batch-size 2 --concurrency 1 --endpoint-url {}",
        service.url()
    );
    let log = fs::File::create(job.path("log")).expect("a log");
    let mut command = shell(&folder(&job), &script);
    let mut running = Running(command.stderr(log).stdout(Stdio::null()).spawn().expect("starts"));
    wait_until("requests", || service.requests() >= 3);
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    assert_eq!(running.end(), Some(143));
    let said = job.read("log");
    let next = said.lines().find_map(|line| line.split_once(": chime-sweep ")).expect(&said).1;
    let report = job.path("it's tonight's \"list\" $HOME.report.csv");
    assert!(statuses(&report).contains(&"not_attempted".to_owned()), "{said}");
    // Pasted as it stands; only the question is answered.
    let (code, _, stderr) = output(&folder(&job), &format!("chime-sweep {next} --yes"));
    assert_eq!(code, Some(0), "{next}: {stderr}");
    assert_eq!(statuses(&report), vec!["succeeded"; 60]);
    assert_eq!(service.applied().len(), 60);
}

#[test]
fn a_crash_is_gone_on_from_with_the_printed_command() {
    let service = Service::playing("");
    let job = Job::new("");
    job.write("a b'c.csv", csv(2));
    fs::create_dir(job.path("out put")).expect("a folder");
    let url = service.url();
    // The report's name is taken by a folder while the run is under way: it cannot be written.
    let script = format!(
        "mkdir 'out put/r.csv.partial'; \
         chime-sweep run 'a b'\\''c.csv' -o 'out put/r.csv' --delimiter , --yes --endpoint-url {url}"
    );
    let (code, _, stderr) = output(&folder(&job), &script);
    assert_eq!(code, Some(1), "{stderr}");
    let next = stderr.lines().find_map(|line| line.strip_prefix("to go on: ")).expect(&stderr);
    let (code, _, stderr) = output(&folder(&job), &format!("rmdir 'out put/r.csv.partial'; {next} --yes"));
    assert_eq!(code, Some(0), "{next}: {stderr}");
    assert_eq!(statuses(&job.path("out put/r.csv")), ["succeeded"; 2]);
    assert_eq!(service.requests(), 1, "nothing was sent twice");
}

#[test]
fn a_file_of_windows_makes_a_report_of_windows_and_reruns() {
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
fn a_reader_that_has_seen_enough_is_no_failure() {
    let job = Job::new(csv(5));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let plan =
        shell(&folder(&job), "exec chime-sweep plan numbers.csv").stdout(writer).output().expect("runs");
    assert_eq!(
        (plan.status.code(), plan.stderr.len()),
        (Some(0), 0),
        "{}",
        String::from_utf8_lossy(&plan.stderr)
    );

    let script = "mkfifo said; chime-sweep simulate > said & head -1 < said; kill -TERM $!; wait $!";
    let (_, stdout, stderr) = output(&folder(&job), script);
    assert!(stdout.starts_with("# a simulator") && stderr.is_empty(), "{stdout}{stderr}");
}
