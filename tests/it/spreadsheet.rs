//! A report that LibreOffice has saved is still a report. How the files were made: `fixtures/input/libreoffice`.

use std::fs;
use std::path::Path;

use super::harness::{Job, Service, all_at_once, rows};

const SAVED: [&str; 4] = ["saved.csv", "xlsx.csv", "ods.csv", "german.csv"];

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/input/libreoffice");
    fs::read_to_string(folder.join(name)).expect("a fixture")
}

/// The expected result of a rerun, row by row: three failed rows are sent, but no row that succeeded, and no number or
/// connector whose digits the spreadsheet has lost.
const STATUSES: [&str; 12] = [
    "succeeded",
    "succeeded",
    "succeeded",
    "succeeded",
    "succeeded",
    "succeeded",
    "unknown",
    "succeeded",
    "succeeded",
    "invalid",
    "duplicate",
    "invalid",
];

#[test]
fn a_report_that_libreoffice_saved_is_rerun_as_if_it_had_not() {
    all_at_once(&SAVED, |name| {
        let saved = fixture(name);
        for (times, text) in [("as saved", saved.clone()), ("reformatted", in_another_format(&saved))] {
            let service = Service::playing("");
            let job = Job::on(&service, "");
            job.write("numbers.report.csv", &text);
            let ended = job.rerun("");
            ended.exits(3).statuses(&STATUSES);
            let mut applied = service.applied();
            applied.sort();
            ended.same("sent", applied, ["+12065550101", "+12065550110", "+12065550111"]);
            let (before, after) = (rows(&text), ended.rows());
            ended.same("rows", after.len(), before.len());
            for (before, after) in before.iter().zip(&after) {
                for own in ["voice_connector_id", "phone_number", "note", "since"] {
                    ended.same(own, &after[own], &before[own]);
                }
                let kept = before["status"] == "succeeded";
                let same = before.iter().all(|(column, cell)| after[column] == *cell);
                ended.check(!kept || same, &format!("{times}: a settled row changed: {after:?}"));
            }
            let code: Vec<_> = [6, 9, 11].map(|row: usize| after[row]["error_code"].clone()).into();
            ended.same("codes", code, ["SpreadsheetDamage", "SpreadsheetDamage", "RaggedRow"]);
            // Later reruns do not send them either.
            let again = job.rerun("");
            again.exits(3).statuses(&STATUSES).same("sent", service.applied().len(), 3);
        }
    });
}

/// What other locales and versions make of the times.
fn in_another_format(report: &str) -> String {
    report.replace("2026-11-24T03:11:58Z", "24/11/2026 03:11").replace("2026-11-24T03:12:00Z", "46350.1333")
}

#[test]
fn an_input_that_libreoffice_saved_is_the_same_job() {
    let service = Service::playing("");
    let job = Job::on(
        &service,
        fixture("saved.csv")
            .replace("status,error_code,error_message,attempts,request_id,completed_at", "a,b,c,d,e,f"),
    );
    let ended = job.sweep("");
    ended.exits(3).same("rows", ended.rows().len(), 12);
    ended.check(service.is_gone("calm", "+12065550100"), "a lost plus does not change the number");
}

#[test]
fn a_damaged_number_that_was_corrected_is_sent() {
    let service = Service::playing("");
    let job = Job::on(&service, "");
    job.write("numbers.report.csv", fixture("saved.csv").replace("calm,20655000000", "calm,20655012345"));
    let ended = job.rerun("");
    ended.same("status", ended.column("status")[9].as_str(), "succeeded");
    ended.check(service.is_gone("calm", "+20655012345"), "the corrected number");
}
