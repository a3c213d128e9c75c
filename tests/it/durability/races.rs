//! Two runs at once, and files that are moved during a run.

use std::fs;

use super::*;

const SLOW: &str = "[latency]\nmean = \"40ms\"\n";

#[test]
fn of_two_runs_started_at_once_one_works_and_the_other_says_why_not() {
    for round in 0..20 {
        let (service, job) = job(60, "[latency]\nmean = \"150ms\"\n");
        let both = [job.start_sweep(SMALL), job.start_sweep(SMALL)];
        let mut ends = both.map(Running::end);
        ends.sort_by_key(|end| end.code);
        let [works, refused] = ends;
        works.exits(0);
        refused.exits(1);
        refused.says_all(&[
            "another chime-sweep process is working on this report",
            "numbers.report.csv.journal",
        ]);
        assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 60, "round {round}");
        assert!(service.asked_once(), "round {round}");
        assert!(!job.journal().exists());
    }
}

#[test]
fn a_report_that_cannot_take_its_place_is_kept_in_the_journal() {
    let (service, job) = job(200, SLOW);
    let running = under_way(&service, &job, 4);
    fs::create_dir(job.path(REPORT)).expect("a folder");
    let ended = running.end();
    let texts = [
        "cannot write `numbers.report.csv`",
        "not a regular file",
        "200 of 200 rows",
        "kept in `numbers.report.csv.journal`",
        "to go on: chime-sweep run numbers.csv",
    ];
    ended.exits(1).says_all(&texts);
    assert!(job.journal().exists() && !job.path("numbers.report.csv.partial").exists());
    fs::remove_dir(job.path(REPORT)).expect("removes");
    let requests = service.requests();
    job.sweep("--resume").exits(0);
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 200);
    assert_eq!(service.requests(), requests);
}

#[test]
fn a_journal_that_cannot_be_removed_leaves_the_report_complete() {
    let (service, job) = job(200, SLOW);
    let running = under_way(&service, &job, 4);
    fs::rename(job.journal(), job.path("kept")).expect("renames");
    fs::create_dir(job.journal()).expect("a folder");
    running.end().exits(0).says("the report is complete, but its journal could not be removed");
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 200);
    fs::remove_dir(job.journal()).expect("removes");
    // The journal itself: the next run sees that the report has everything.
    fs::rename(job.path("kept"), job.journal()).expect("renames");
    job.sweep("").exits(1).says("already exists");
    assert!(!job.journal().exists());
    assert_eq!(count(&job.true_rows(REPORT, &service), "succeeded"), 200);
}
