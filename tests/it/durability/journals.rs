//! Journals that were written by this version, by others, or damaged.

use std::fs;
use std::path::{Path, PathBuf};

use chime_sweep::event::StopReason;
use chime_sweep::input::{Input, InputOptions, Source};
use chime_sweep::job::finish;
use chime_sweep::journal::writer::Journal;
use chime_sweep::report::Places;
use chime_sweep::report::reconcile::Unsent;

use super::*;

const JOURNAL: &str = "numbers.simulated.csv.journal";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journal/v3").join(name)
}

/// A rehearsal whose journal is this fixture.
fn rehearsal(name: &str) -> Job {
    let job = Job::new("");
    fs::copy(fixture("numbers.csv"), job.path("numbers.csv")).expect("copies");
    fs::copy(fixture(name), job.path(JOURNAL)).expect("copies");
    job
}

fn simulate(job: &Job, more: &str) -> Ended {
    job.command(&format!("run numbers.csv --simulate {more}"))
}

#[test]
fn a_finished_journal_of_version_3_always_becomes_the_same_report() {
    let job = rehearsal("finished.journal");
    simulate(&job, "").exits(1).says_all(&["24 of 26 rows are settled", "--resume"]);
    simulate(&job, "--resume").exits(3).says("0 requests");
    let report = fs::read_to_string(fixture("finished.report.csv")).expect("reads");
    assert_eq!(job.read("numbers.simulated.csv"), report);
}

#[test]
fn a_torn_journal_of_version_3_always_becomes_the_same_report() {
    let job = rehearsal("torn.journal");
    let source = Source::open(&job.path("numbers.csv")).expect("opens");
    let options = InputOptions::default();
    let input = Input::read(&source, &options).expect("reads");
    let (journal, replayed) =
        Journal::open(&job.path(JOURNAL), input.rows.len()).expect("opens").expect("is there");
    assert_eq!(replayed.history.map(|history| history.settled()), Some(8));
    let path = job.path("numbers.simulated.csv");
    let stop = StopReason::Interrupted.into();
    let unsent = Unsent { stop: Some(&stop), selection: None };
    finish::finish(journal, &path, &source, &input, Places::default(), |_| unsent).expect("finishes");
    let report = fs::read_to_string(fixture("torn.report.csv")).expect("reads");
    assert_eq!(job.read("numbers.simulated.csv"), report);

    let job = rehearsal("torn.journal");
    let ended = simulate(&job, "--resume");
    ended.exits(3).says("the journal's last line is incomplete and is cut off");
    let rows = ended.rows();
    assert_eq!((rows.len(), count(&rows, "succeeded")), (26, 21));
}

#[test]
fn a_journal_of_another_version_is_not_changed() {
    let foreign = fs::read_to_string(fixture("foreign.journal")).expect("reads");
    for version in ["2", "4"] {
        let job = rehearsal("foreign.journal");
        let journal = foreign.replace("version\":4", &format!("version\":{version}"));
        job.write(JOURNAL, &journal);
        for more in ["", "--resume", "--discard"] {
            simulate(&job, more).exits(1).says_all(&[&*format!("version {version}"), "reads version 3"]);
        }
        assert_eq!(job.read(JOURNAL), journal);
    }
}

#[test]
fn a_journal_that_is_damaged_in_the_middle_is_refused_with_the_line() {
    let job = rehearsal("finished.journal");
    let text = job.read(JOURNAL).replacen("\"rows\":[6]", "\"rows\":[6", 1);
    job.write(JOURNAL, &text);
    for more in ["", "--resume"] {
        simulate(&job, more).exits(1).says("line 5 is damaged");
    }
    assert_eq!(job.read(JOURNAL), text);
}
