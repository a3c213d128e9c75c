//! Journals that were written by this version, by others, or damaged.

use chime_sweep::event::StopReason;
use chime_sweep::finish;
use chime_sweep::input::{Input, InputOptions, Source};
use chime_sweep::journal::writer::Journal;

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journal/v3").join(name)
}

/// A rehearsal whose journal is this fixture.
fn rehearsal(name: &str) -> Job {
    let job = Job::at(0, "http://127.0.0.1:9");
    fs::copy(fixture("numbers.csv"), job.path("numbers.csv")).expect("copies");
    fs::copy(fixture(name), job.path("numbers.simulated.csv.journal")).expect("copies");
    job
}

fn simulate(job: &Job, args: &[&str]) -> Outcome {
    job.spawn(job.command(&[&["run", "numbers.csv", "--simulate"], args].concat())).wait()
}

#[test]
fn a_finished_journal_of_version_3_becomes_the_same_report_for_ever() {
    let job = rehearsal("finished.journal");
    simulate(&job, &[]).exits(1).says(&["24 of 26 rows are settled", "--resume"]);
    simulate(&job, &["--resume"]).exits(3).says(&["0 requests"]);
    let report = fs::read_to_string(job.path("numbers.simulated.csv")).expect("reads");
    assert_eq!(report, fs::read_to_string(fixture("finished.report.csv")).expect("reads"));
}

#[test]
fn a_torn_journal_of_version_3_becomes_the_same_report_for_ever() {
    let job = rehearsal("torn.journal");
    let source = Source::open(&job.path("numbers.csv")).expect("opens");
    let options = InputOptions::default();
    let input = Input::read(&source, &options).expect("reads");
    let (journal, replayed) =
        Journal::open(&job.path("numbers.simulated.csv.journal")).expect("opens").expect("is there");
    assert_eq!(replayed.history.map(|history| history.settled()), Some(8));
    let path = job.path("numbers.simulated.csv");
    finish::finish(journal, &path, &source, &input, Some(StopReason::Interrupted)).expect("finishes");
    let report = fs::read_to_string(&path).expect("reads");
    assert_eq!(report, fs::read_to_string(fixture("torn.report.csv")).expect("reads"));

    let job = rehearsal("torn.journal");
    simulate(&job, &["--resume"]).exits(3).says(&["the journal's last line is incomplete and is cut off"]);
    let rows = job.report_of_fixture();
    assert_eq!((rows.len(), rows.iter().filter(|status| *status == "succeeded").count()), (26, 21));
}

impl Job {
    /// The statuses in the rehearsal's report.
    fn report_of_fixture(&self) -> Vec<String> {
        let mut reader = csv::Reader::from_path(self.path("numbers.simulated.csv")).expect("a report");
        reader.records().map(|record| record.expect("a record")[3].to_owned()).collect()
    }
}

#[test]
fn a_journal_of_another_version_is_left_alone() {
    let foreign = fs::read_to_string(fixture("foreign.journal")).expect("reads");
    for version in ["2", "4"] {
        let (job, journal) =
            (rehearsal("foreign.journal"), foreign.replace("version\":4", &format!("version\":{version}")));
        fs::write(job.path("numbers.simulated.csv.journal"), &journal).expect("writes");
        for args in [&[][..], &["--resume"], &["--discard"]] {
            simulate(&job, args).exits(1).says(&[&*format!("version {version}"), "reads version 3"]);
        }
        let kept = fs::read_to_string(job.path("numbers.simulated.csv.journal")).expect("is there");
        assert_eq!(kept, journal);
    }
}

#[test]
fn a_journal_that_is_damaged_in_the_middle_is_refused_with_the_line() {
    let job = rehearsal("finished.journal");
    let path = job.path("numbers.simulated.csv.journal");
    let text = fs::read_to_string(&path).expect("reads").replacen("\"rows\":[6]", "\"rows\":[6", 1);
    fs::write(&path, &text).expect("writes");
    for args in [&[][..], &["--resume"]] {
        simulate(&job, args).exits(1).says(&["line 5 is damaged"]);
    }
    assert_eq!(fs::read_to_string(&path).expect("reads"), text);
}
