//! Reports that people and spreadsheets have edited: what is sent, and what becomes of the rest. The whole table is
//! beside `input::row`.

use super::harness::{Ended, Job, Service, rows};

/// One connector that holds +12065550100 to …0199, and nothing else.
const WORLD: &str = "[[connector]]\nid = 'abcdef1ghij2klmno3pqr4'\nfirst = '+12065550100'\ncount = 100\n";

const SIX: &str = "status,error_code,error_message,attempts,request_id,completed_at";

/// A rerun of these rows of an older report.
fn rerun(header: &str, lines: &[&str]) -> (Service, Job, Ended) {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "");
    let lines = lines.iter().map(|line| format!("\nabcdef1ghij2klmno3pqr4,{line}"));
    job.write("numbers.report.csv", format!("vc_id,phone,{header}{}\n", lines.collect::<String>()));
    let ended = job.rerun("");
    (service, job, ended)
}

#[test]
fn numbers_that_a_spreadsheet_rounded_hide_no_open_row() {
    let lines = [
        "447912000000,succeeded,,,1,r1,2026-11-25T09:53:57Z",
        "447912000000,failed,Forbidden,protected,1,r1,",
        "447912000000,unknown,Timeout,no answer,5,,",
        "447912000000,not_attempted,,,0,,",
    ];
    let (service, job, ended) = rerun(SIX, &lines);
    for ended in [ended, job.rerun("")] {
        ended.exits(3).statuses(&["succeeded", "failed", "unknown", "not_attempted"]);
        ended.column_is("error_code", &["", "SuspectNumber", "SuspectNumber", "SuspectNumber"]);
        let plan = job.command("plan numbers.report.csv");
        plan.exits(3).same("rows", plan.stdout.matches("but was not a duplicate").count(), 3);
        plan.check(!plan.stdout.contains("more"), "all are shown");
        ended.same("requests", service.requests(), 0).says("not sent    3 altered, which keep their status");
    }
}

#[test]
fn a_word_of_ones_own_as_status_is_not_sent() {
    let lines = ["+12065550100,hold,,,0,,", "+12065550101,KEEP,,,0,,", "+12065550102,,,,0,,"];
    let (service, job, ended) = rerun(SIX, &lines);
    for ended in [ended, job.rerun("")] {
        ended.exits(3).statuses(&["invalid", "invalid", "succeeded"]);
        ended.column_is("error_code", &["UnknownStatus", "UnknownStatus", ""]);
        ended.same("sent", service.applied(), ["+12065550102"]);
    }
}

#[test]
fn succeeded_in_other_letters_is_succeeded() {
    let lines = ["+12065550900,Succeeded,,,1,r1,2026-11-25T09:53:57Z", "+12065550901, SUCCEEDED ,,,1,r1,x"];
    let (service, job, ended) = rerun(SIX, &lines);
    ended.exits(0).statuses(&["succeeded"; 2]).same("requests", service.requests(), 0);
    let ended = job.command(&job.run_arguments("").replace("numbers.csv", "numbers.report.csv"));
    ended.exits(0).same("requests", service.requests(), 0);
}

#[test]
fn a_report_is_known_without_its_last_column_and_refused_without_its_first() {
    let (service, job, ended) =
        rerun("status,error_code,error_message,attempts,request_id", &["+12065550900,succeeded,,,1,r1"]);
    ended.exits(0).statuses(&["succeeded"]).same("requests", service.requests(), 0);
    job.write("numbers.csv", "vc_id,phone,error_code,error_message\nvc,+12065550100,,\n");
    job.write("lone.csv", "vc_id,phone,Status\nvc,+12065550100,succeeded\n");
    for (file, message) in [
        ("numbers.csv", "but not `status`"),
        ("lone.csv", "lone.csv:2: `status` is `succeeded`, as in a report"),
    ] {
        for command in ["run", "rerun", "plan"] {
            let more = if command == "plan" {
                String::new()
            } else {
                format!(" --yes --endpoint-url {}", service.url())
            };
            job.command(&format!("{command} {file}{more}")).exits(1).says(message);
        }
    }
    assert_eq!(service.requests(), 0);
}

#[test]
fn doubt_survives_a_cell_that_could_not_be_read() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "");
    let report = |number: &[u8], name: &[u8]| {
        let header = format!("vc_id,phone,name,{SIX}\nabcdef1ghij2klmno3pqr4,");
        [header.as_bytes(), number, b",", name, b",unknown,Timeout,no answer,5,,\n"].concat()
    };
    // What is not needed need not be read.
    job.write("numbers.report.csv", report(b"+12065550900", b"Jos\xe9"));
    job.rerun("").exits(0).statuses(&["succeeded"]).same("requests", service.requests(), 1);
    // What is needed is not sent while it cannot be read, and stays in doubt.
    job.write("numbers.report.csv", report(b"+12065550\xa0901", b"x"));
    for _ in 0..2 {
        let ended = job.rerun("");
        ended.exits(3).statuses(&["unknown"]).column_is("error_code", &["BrokenUtf8"]);
        ended.column_is("attempts", &["5"]).same("requests", service.requests(), 1);
    }
    let bytes = std::fs::read(job.path("numbers.report.csv")).expect("a report");
    let at = bytes.iter().position(|byte| *byte == 0xa0).expect("it is kept");
    job.write("numbers.report.csv", [&bytes[..at], &bytes[at + 1..]].concat());
    let ended = job.rerun("");
    ended.exits(0).statuses(&["succeeded"]).column_is("attempts", &["6"]);
    ended.check(ended.rows()[0]["error_message"].contains("an earlier attempt"), "why");
}

#[test]
fn a_row_that_is_short_at_its_end_has_empty_cells_there() {
    let lines = ["+12065550100,n,not_attempted,,,0", "+12065550101,new"];
    let (service, _, ended) = rerun(&format!("note,{SIX}"), &lines);
    ended.exits(0).statuses(&["succeeded"; 2]).same(
        "sent",
        service.applied(),
        ["+12065550100", "+12065550101"],
    );
}

#[test]
fn a_row_with_white_space_after_its_status_is_reported() {
    for (row, status, code) in [
        (",,,,invalid\t,RaggedRow,,,,", "", ""),
        (",,,,unknown\u{a0},RaggedRow,,,,", "unknown", "RaggedRow"),
        (",,,,\tsucceeded,RaggedRow", "succeeded", "RaggedRow"),
        (",,,,hold\t,,,,,", "invalid", "UnknownStatus"),
    ] {
        let service = Service::playing("");
        let first = "abcdef1ghij2klmno3pqr4,+12065550100,,,,,,,,";
        let job = Job::on(&service, format!("connectorid,phonenumber,,,{SIX}\n{first}\n{row}\n"));
        let ended = job.sweep("");
        ended.exits(if matches!(status, "succeeded" | "") { 0 } else { 3 }).statuses(&["succeeded", status]);
        ended.column_is("error_code", &["", code]).same("requests", service.requests(), 1);
    }
}

/// A spreadsheet that sorts rows, moves columns and adds some of its own takes nothing from a report.
#[test]
fn columns_may_be_moved_and_added() {
    let service = Service::playing(WORLD);
    let job = Job::on(
        &service,
        "connector,phone\nabcdef1ghij2klmno3pqr4,+12065550100\nabcdef1ghij2klmno3pqr4,+12065550900\n",
    );
    job.sweep("").exits(3).statuses(&["succeeded", "failed"]);
    let moved = rows(&job.read("numbers.report.csv")).into_iter().rev().map(|row| {
        let cell = |name: &str| row[name].clone();
        let cells = ["row_key", "connector", "error_code", "status", "phone"].map(cell);
        format!("{},x,{}\n", cells.join(","), cell("error_message").replace(',', ""))
    });
    let moved: String = moved.collect();
    job.write(
        "numbers.report.csv",
        format!("Row_Key,connector,ERROR_CODE, Status ,phone,mine,error_message\n{moved}"),
    );
    let ended = job.rerun("");
    ended.exits(3).statuses(&["failed", "succeeded"]).column_is("mine", &["x"; 2]);
    ended.same("requests", service.requests(), 2).column_is("attempts", &["1", ""]);
    // The key goes with its row: a connector that was swapped is noticed.
    let report = job.read("numbers.report.csv").replace("+12065550900", "+12065550101");
    job.write("numbers.report.csv", report);
    job.rerun("").exits(3).statuses(&["invalid", "succeeded"]).column_is("error_code", &["Edited", ""]);
    assert_eq!(service.applied(), ["+12065550100"]);
}
