//! Two runs at once, and files that somebody moves while a run is at work.

use super::*;

const SLOW: &str = "[latency]\nmean = \"40ms\"\n";

#[test]
fn of_two_runs_that_start_at_once_one_works_and_the_other_says_why_not() {
    for round in 0..20 {
        let job = Job::new(60, "[latency]\nmean = \"150ms\"\n");
        let start = |log: &str| {
            let mut command =
                job.command(&["run", "numbers.csv", "--yes", "--batch-size", "5", "--concurrency", "2"]);
            command.stderr(File::create(job.path(log)).expect("a log"));
            Running { child: command.spawn().expect("starts"), log: job.path(log), started: now() }
        };
        let (first, second) = (start("first.txt"), start("second.txt"));
        let mut ends = [first.wait(), second.wait()];
        ends.sort_by_key(|end| end.code);
        let [works, refused] = ends;
        works.exits(0);
        refused
            .exits(1)
            .says(&["another chime-sweep is at work on this report", "numbers.report.csv.journal"]);
        assert_eq!(count(&job.true_report(), "succeeded"), 60, "round {round}");
        assert!(job.simulator().ledger().numbers.iter().all(|record| record.asked == 1), "round {round}");
        assert!(!job.journal().exists());
    }
}

fn under_way(job: &Job) -> Running {
    let running = job.start(&["--batch-size", "5", "--concurrency", "2"]);
    until("requests", || job.simulator().tally().requests >= 4);
    running
}

#[test]
fn a_report_that_cannot_take_its_place_is_kept_in_the_journal() {
    let job = Job::new(200, SLOW);
    let running = under_way(&job);
    fs::create_dir(job.path("numbers.report.csv")).expect("a folder");
    running.wait().exits(1).says(&[
        "cannot write `numbers.report.csv`",
        "not a regular file",
        "200 of 200 rows",
        "kept in `numbers.report.csv.journal`",
        "to go on: chime-sweep run numbers.csv",
    ]);
    assert!(job.journal().exists() && !job.path("numbers.report.csv.partial").exists());
    fs::remove_dir(job.path("numbers.report.csv")).expect("removes");
    let requests = job.simulator().tally().requests;
    job.run(&["--resume"]).exits(0);
    assert_eq!((count(&job.true_report(), "succeeded"), job.simulator().tally().requests), (200, requests));
}

#[test]
fn a_journal_that_cannot_be_removed_leaves_the_report_complete() {
    let job = Job::new(200, SLOW);
    let running = under_way(&job);
    fs::rename(job.journal(), job.path("kept")).expect("renames");
    fs::create_dir(job.journal()).expect("a folder");
    running.wait().exits(0).says(&["the report is complete, but its journal remains"]);
    assert_eq!(count(&job.true_report(), "succeeded"), 200);
    fs::remove_dir(job.journal()).expect("removes");
    // The journal itself: the next run sees that the report has everything.
    fs::rename(job.path("kept"), job.journal()).expect("renames");
    job.run(&[]).exits(1).says(&["is there already"]);
    assert!(!job.journal().exists());
    assert_eq!(count(&job.true_report(), "succeeded"), 200);
}
