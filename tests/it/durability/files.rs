//! Full disks, directories without permission, and files of other programs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::harness::skipped;
use super::*;

/// A file system of this many kilobytes, mounted on `folder`; `None` where that is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, kilobytes: u32) -> Option<Self> {
        fs::create_dir(folder).expect("a folder");
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder.to_owned()));
        }
        skipped("no file system can be mounted here");
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
    // 4,000 rows: too little for the copy of the input.
    {
        let (service, job) = job(4000, "");
        let Some(_disk) = SmallDisk::mount(&job.path("disk"), 16) else { return };
        let ended = job.sweep("--output disk/report.csv");
        ended.exits(1).says_all(&[
            "cannot keep a copy of the input",
            "No space left on device",
            "nothing was sent",
        ]);
        assert_eq!(fs::read_dir(job.path("disk")).expect("is there").count(), 0);
        assert_eq!(service.requests(), 0);
    }
    // Too little for the journal; enough for the journal and not for the report; or neither.
    for kilobytes in [112, 160, 224, 256, 300] {
        let (service, job) = job(4000, "");
        let Some(disk) = SmallDisk::mount(&job.path("disk"), kilobytes) else { return };
        let arguments = "--output disk/report.csv --batch-size 10";
        let ended = job.sweep(arguments);
        let texts = ["disk/report.csv", "No space left on device", "to go on: chime-sweep run"];
        ended.exits(1).says_all(&texts);
        ended.check(!job.path("disk/report.csv").exists(), "there is a report");
        ended.check(!job.path("disk/report.csv.partial").exists(), "there is a part of a report");
        disk.grow();
        job.sweep(&format!("{arguments} --resume")).exits(0);
        let rows = job.true_rows("disk/report.csv", &service);
        assert_eq!((count(&rows, "succeeded"), service.applied().len()), (4000, 4000), "{kilobytes}");
    }
}

#[test]
fn a_run_that_cannot_write_sends_nothing() {
    let (service, job) = job(10, "");
    job.sweep("--output nowhere/report.csv")
        .exits(1)
        .says("the directory of `nowhere/report.csv` does not exist");
    fs::create_dir(job.path("folder.csv")).expect("a folder");
    job.sweep("--output folder.csv").exits(1).says("folder.csv");
    if Path::new("/proc/version").exists() {
        job.sweep("--output /proc/report.csv").exits(1).says("/proc/report.csv.journal");
    }
    assert_eq!(service.requests(), 0);
}

/// A directory in which files can be created, but which cannot be opened to be synced. Not for root, who may open it.
#[test]
fn a_directory_that_cannot_be_synced_is_reported() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    let (service, job) = job(200, "[latency]\nmean = \"40ms\"\n");
    let out = job.path("out");
    fs::create_dir(&out).expect("a folder");
    let is_root = fs::metadata(&out).expect("is there").uid() == 0;
    let allow =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    allow(job.folder(), 0o755);
    allow(&job.path("numbers.csv"), 0o644);
    if is_root {
        std::os::unix::fs::chown(&out, Some(NOBODY), Some(NOBODY)).expect("changes hands");
    }
    let start = || {
        let arguments = job.run_arguments(&format!("--yes --output out/r.csv {SMALL}"));
        let mut command = job.chime_sweep(&arguments);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        job.spawn(&mut command)
    };
    allow(&out, 0o300);
    start().end().exits(1).says("cannot sync the directory of the journal `out/r.csv.journal`");
    assert_eq!(service.requests(), 0);
    allow(&out, 0o700);
    fs::remove_file(out.join("r.csv.journal")).expect("it was made");
    let running = start();
    service.wait_for_requests(4);
    allow(&out, 0o300);
    running.end().exits(1).says("it has its new content, which may not survive a power failure");
    assert!(out.join("r.csv.journal").exists());
}

#[test]
fn files_of_other_programs_are_not_overwritten() {
    let (service, job) = job(10, "");
    let before = job.read("numbers.csv");
    job.sweep("--output numbers.csv").exits(1).says("would replace the input");
    job.sweep("--output ./numbers.csv").exits(1).says("would replace the input");
    std::os::unix::fs::symlink("numbers.csv", job.path("link.csv")).expect("links");
    job.sweep("--output link.csv --overwrite").exits(1).says("would replace the input");
    for (name, text) in [("letter.csv", "dear all"), ("other.csv", "voice_connector_id,phone_number\n")] {
        job.write(name, text);
        for more in ["", "--overwrite"] {
            job.sweep(&format!("--output {name} {more}")).exits(1).says("is not a chime-sweep report");
        }
        assert_eq!(job.read(name), text);
    }
    // A file with the journal's name that is not a journal, with and without a line ending.
    for text in ["dear all", "dear all\n", "{\"header\":{\"format\":\"x\"}}\n"] {
        fs::write(job.journal(), text).expect("writes");
        for more in ["", "--resume", "--discard"] {
            job.sweep(more).exits(1).says("not a journal's header");
        }
        assert_eq!(fs::read_to_string(job.journal()).expect("reads"), text);
    }
    assert_eq!((service.requests(), job.read("numbers.csv")), (0, before));
    fs::remove_file(job.journal()).expect("removes");
    job.sweep("").exits(0);
    let texts = ["already exists", "chime-sweep rerun numbers.report.csv", "--overwrite"];
    job.sweep("").exits(1).says_all(&texts);
    job.sweep("--overwrite").exits(3); // the numbers are gone: `NotFound`
}

#[test]
fn a_report_has_one_run_at_a_time_and_both_files_are_private() {
    let (service, job) = job(400, "[latency]\nmean = \"30ms\"\n");
    let running = under_way(&service, &job, 2);
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&job.journal()), 0o600);
    for more in ["", "--resume", "--discard"] {
        job.sweep(more).exits(1).says("another chime-sweep process is working on this report");
    }
    running.end().exits(0);
    assert_eq!(mode(&job.path(REPORT)), 0o600);
    assert!(service.asked_once() && count(&job.true_rows(REPORT, &service), "succeeded") == 400);
}

/// A job that was killed in the middle.
fn killed() -> (Service, Job) {
    let (service, job) = job(400, "[latency]\nmean = \"20ms\"\n");
    under_way(&service, &job, 10).kill();
    (service, job)
}

#[test]
fn an_input_that_changed_since_the_crash_is_refused_and_can_be_restored() {
    let (service, job) = killed();
    let input = job.read("numbers.csv");
    let (header, rows) = input.split_once('\n').expect("a header");
    let sorted = [header].into_iter().chain(rows.lines().rev()).collect::<Vec<_>>().join("\n");
    let requests = service.requests();
    for changed in [sorted, format!("{input}vc1,+12065550100\n"), input.replacen("vc2", "vc1", 1)] {
        job.write("numbers.csv", changed);
        job.sweep("--resume").exits(1).says_all(&[
            "the input has changed",
            "restore the input from `numbers.report.csv.journal.input`",
            "--discard",
        ]);
    }
    assert_eq!(service.requests(), requests, "nothing was sent");
    fs::copy(job.path("numbers.report.csv.journal.input"), job.path("numbers.csv")).expect("copies");
    assert_eq!(job.read("numbers.csv"), input);
    job.sweep("--resume --region eu-central-1").exits(1).says_all(&["eu-central-1", "nothing was sent"]);
    job.sweep("--resume").exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 400);
}

/// What is written after the rows were sent does not matter: the run has its own copy.
#[test]
fn an_input_that_is_overwritten_during_the_run_does_not_change_its_report() {
    for resumed in [false, true] {
        let (service, job) = job(300, "[latency]\nmean = \"20ms\"\n");
        let input = job.read("numbers.csv");
        let running = under_way(&service, &job, 4);
        let mut file = fs::OpenOptions::new().append(true).open(job.path("numbers.csv")).expect("opens");
        file.write_all(b"vc9,+12065550199\n").expect("writes");
        if resumed {
            running.kill();
            // The copy is an input, too.
            let name = "numbers.report.csv.journal.input";
            let arguments = job.run_arguments("--output numbers.report.csv --resume --yes");
            job.command(&arguments.replacen("numbers.csv", name, 1)).exits(0);
        } else {
            running.end().exits(0);
        }
        job.write("numbers.csv", input);
        assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 300);
        assert_eq!(job.files(), ["numbers.csv", REPORT]);
    }
}

/// The process dies after the report was put in place and before the journal was removed.
#[test]
fn a_report_whose_journal_was_left_behind_is_complete() {
    let (service, job) = job(400, "[latency]\nmean = \"20ms\"\n");
    let running = under_way(&service, &job, 10);
    let kept = job.path("kept");
    fs::hard_link(job.journal(), &kept).expect("links");
    running.signal("INT");
    running.end().exits(130);
    let report = job.read(REPORT);

    fs::copy(&kept, job.journal()).expect("copies");
    job.sweep("").exits(1).says("already exists");
    assert!(!job.journal().exists(), "the report tells everything");
    assert_eq!(job.read(REPORT), report);

    fs::copy(&kept, job.journal()).expect("copies");
    job.sweep("--resume").exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 400, "what the stop left out is sent");
    assert!(service.asked_once());
}
