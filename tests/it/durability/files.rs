//! Disks that are full, folders that are closed, files that are somebody else's.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A file system of so many kilobytes, mounted on `folder`; `None` where that is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, kilobytes: u32) -> Option<Self> {
        fs::create_dir(folder).expect("a folder");
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder.to_owned()));
        }
        let _ = writeln!(std::io::stderr(), "skipped: no file system can be mounted here");
        None
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=16m"]).arg(&self.0).status();
        assert!(grown.is_ok_and(|status| status.success()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_fills_up_ends_the_run_and_loses_nothing() {
    // 4,000 rows: too little for the journal; enough for the journal and not for the report; or neither.
    for kilobytes in [16, 64, 128, 160, 200] {
        let job = Job::new(4000, "");
        let Some(disk) = SmallDisk::mount(&job.path("disk"), kilobytes) else { return };
        let args = ["--output", "disk/report.csv", "--batch-size", "10"];
        let outcome = job.run(&args).exits(1);
        let outcome =
            outcome.says(&["disk/report.csv", "No space left on device", "to go on: chime-sweep run"]);
        assert!(!job.path("disk/report.csv").exists(), "{kilobytes}: {}", outcome.stderr);
        assert!(!job.path("disk/report.csv.partial").exists(), "{kilobytes}");
        disk.grow();
        job.run(&[&args[..], &["--resume"]].concat()).exits(0);
        let rows = job.report_at(&job.path("disk/report.csv"));
        assert_eq!((count(&rows, "succeeded"), job.simulator().tally().applied), (4000, 4000), "{kilobytes}");
    }
}

#[test]
fn a_run_that_cannot_write_sends_nothing() {
    let job = Job::new(10, "");
    job.run(&["--output", "nowhere/report.csv"])
        .exits(1)
        .says(&["the folder of `nowhere/report.csv` is not there"]);
    fs::create_dir(job.path("folder.csv")).expect("a folder");
    job.run(&["--output", "folder.csv"]).exits(1).says(&["folder.csv"]);
    if Path::new("/proc/version").exists() {
        job.run(&["--output", "/proc/report.csv"]).exits(1).says(&["/proc/report.csv.journal"]);
    }
    assert_eq!(job.simulator().tally().requests, 0);
}

/// A folder in which files can be made, and which cannot be opened to be synced. Not for root, who may open anything.
#[test]
fn a_name_that_cannot_be_made_durable_is_no_secret() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    let job = Job::new(200, "[latency]\nmean = \"40ms\"\n");
    let (folder, out) = (job.path("."), job.path("out"));
    fs::create_dir(&out).expect("a folder");
    let is_root = fs::metadata(&out).expect("is there").uid() == 0;
    let allow =
        |folder: &Path, mode| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("mode");
    allow(&folder, 0o755);
    allow(&job.path("numbers.csv"), 0o644);
    if is_root {
        std::os::unix::fs::chown(&out, Some(NOBODY), Some(NOBODY)).expect("changes hands");
    }
    let start = || {
        let args = [
            "run",
            "numbers.csv",
            "--yes",
            "--output",
            "out/r.csv",
            "--batch-size",
            "5",
            "--concurrency",
            "2",
        ];
        let mut command = job.command(&args);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        job.spawn(command)
    };
    allow(&out, 0o300);
    start().wait().exits(1).says(&["cannot sync the folder of the journal `out/r.csv.journal`"]);
    assert_eq!(job.simulator().tally().requests, 0);
    allow(&out, 0o700);
    fs::remove_file(out.join("r.csv.journal")).expect("it was made");
    let running = start();
    until("requests", || job.simulator().tally().requests >= 4);
    allow(&out, 0o300);
    running.wait().exits(1).says(&["it has its new content, which may not survive a loss of power"]);
    assert!(out.join("r.csv.journal").exists());
}

#[test]
fn nothing_is_overwritten_that_is_not_ours() {
    let job = Job::new(10, "");
    let before = fs::read(job.path("numbers.csv")).expect("reads");
    job.run(&["--output", "numbers.csv"]).exits(1).says(&["would replace the input"]);
    job.run(&["--output", "./numbers.csv"]).exits(1).says(&["would replace the input"]);
    std::os::unix::fs::symlink("numbers.csv", job.path("link.csv")).expect("links");
    job.run(&["--output", "link.csv", "--overwrite"]).exits(1).says(&["would replace the input"]);
    for (name, text) in [("letter.csv", "dear all"), ("other.csv", "voice_connector_id,phone_number\n")] {
        fs::write(job.path(name), text).expect("writes");
        for args in [&["--output", name][..], &["--output", name, "--overwrite"]] {
            job.run(args).exits(1).says(&["is no report of chime-sweep"]);
        }
        assert_eq!(fs::read_to_string(job.path(name)).expect("reads"), text);
    }
    // A file with the journal's name that is none, with and without the end of a line.
    for text in ["dear all", "dear all\n", "{\"header\":{\"format\":\"x\"}}\n"] {
        fs::write(job.journal(), text).expect("writes");
        for args in [&[][..], &["--resume"], &["--discard"]] {
            job.run(args).exits(1).says(&["not a journal's header"]);
        }
        assert_eq!(fs::read_to_string(job.journal()).expect("reads"), text);
    }
    assert_eq!(job.simulator().tally().requests, 0);
    assert_eq!(fs::read(job.path("numbers.csv")).expect("reads"), before);
    fs::remove_file(job.journal()).expect("removes");
    job.run(&[]).exits(0);
    job.run(&[]).exits(1).says(&["is there already", "chime-sweep rerun numbers.report.csv", "--overwrite"]);
    job.run(&["--overwrite"]).exits(3); // the numbers are gone: `NotFound`
}

#[test]
fn a_report_has_one_run_at_a_time_and_both_files_are_private() {
    let job = Job::new(400, "[latency]\nmean = \"30ms\"\n");
    let running = job.start(&["--batch-size", "5", "--concurrency", "2"]);
    until("a request", || job.simulator().tally().requests >= 2);
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&job.journal()), 0o600);
    for args in [&[][..], &["--resume"], &["--discard"]] {
        let second = job.command(&[&["run", "numbers.csv", "--yes"], args].concat()).output().expect("runs");
        let stderr = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("another chime-sweep is at work on this report"), "{stderr}");
    }
    running.wait().exits(0);
    assert_eq!(mode(&job.path("numbers.report.csv")), 0o600);
    let applied = job.simulator().ledger().numbers.iter().all(|record| record.asked == 1);
    assert!(applied && count(&job.true_report(), "succeeded") == 400);
}

/// A job that was killed in the middle.
fn killed() -> Job {
    let job = Job::new(400, "[latency]\nmean = \"20ms\"\n");
    let mut running = job.start(&["--batch-size", "5", "--concurrency", "2"]);
    until("a request", || job.simulator().tally().requests >= 10);
    running.child.kill().expect("kills");
    running.child.wait().expect("ends");
    job
}

#[test]
fn an_input_that_changed_since_the_crash_is_refused() {
    let job = killed();
    let input = fs::read_to_string(job.path("numbers.csv")).expect("reads");
    let (header, rows) = input.split_once('\n').expect("a header");
    let sorted = [header].into_iter().chain(rows.lines().rev()).collect::<Vec<_>>().join("\n");
    let requests = job.simulator().tally().requests;
    for changed in [sorted, format!("{input}vc1,+12065550100\n"), input.replacen("vc2", "vc1", 1)] {
        fs::write(job.path("numbers.csv"), changed).expect("writes");
        job.run(&["--resume"]).exits(1).says(&["the input has changed", "--discard"]);
    }
    assert_eq!(job.simulator().tally().requests, requests, "nothing was sent");
    fs::write(job.path("numbers.csv"), input).expect("writes");
    job.run(&["--resume", "--region", "eu-central-1"]).exits(1).says(&["eu-central-1", "nothing was sent"]);
    job.run(&["--resume"]).exits(0);
    assert_eq!(count(&job.true_report(), "succeeded"), 400);
}

#[test]
fn an_input_that_changes_during_the_run_keeps_the_journal_until_it_is_back() {
    let job = Job::new(300, "[latency]\nmean = \"20ms\"\n");
    let input = fs::read(job.path("numbers.csv")).expect("reads");
    let running = job.start(&["--batch-size", "5", "--concurrency", "2"]);
    until("a request", || job.simulator().tally().requests >= 4);
    let mut file = fs::OpenOptions::new().append(true).open(job.path("numbers.csv")).expect("opens");
    file.write_all(b"vc9,+12065550199\n").expect("writes");
    let outcome = running.wait().exits(1);
    outcome.says(&["no report was written; 300 of 300 rows", "has changed since the run began", "--resume"]);
    assert!(!job.path("numbers.report.csv").exists());
    job.run(&["--resume"]).exits(1).says(&["the input has changed", "restore the input"]);
    fs::write(job.path("numbers.csv"), input).expect("writes");
    let requests = job.simulator().tally().requests;
    job.run(&["--resume"]).exits(0);
    assert_eq!((count(&job.true_report(), "succeeded"), job.simulator().tally().requests), (300, requests));
}

/// The process dies after the report took its place, and before the journal went.
#[test]
fn a_report_whose_journal_was_left_behind_is_complete() {
    let job = Job::new(400, "[latency]\nmean = \"20ms\"\n");
    let running = job.start(&["--batch-size", "5", "--concurrency", "2"]);
    until("a request", || job.simulator().tally().requests >= 10);
    let kept = job.path("kept");
    fs::hard_link(job.journal(), &kept).expect("links");
    running.signal("INT");
    running.wait().exits(130);
    let report = fs::read(job.path("numbers.report.csv")).expect("reads");

    fs::copy(&kept, job.journal()).expect("copies");
    job.run(&[]).exits(1).says(&["is there already"]);
    assert!(!job.journal().exists(), "the report tells everything");
    assert_eq!(fs::read(job.path("numbers.report.csv")).expect("reads"), report);

    fs::copy(&kept, job.journal()).expect("copies");
    job.run(&["--resume"]).exits(0);
    assert_eq!(count(&job.true_report(), "succeeded"), 400, "what the stop left out is sent");
    assert!(job.simulator().ledger().numbers.iter().all(|record| record.asked == 1));
}
