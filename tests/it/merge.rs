//! `merge`: the reports on parts of an input become the one that a single run would have written.

use super::harness::{Job, Service, csv, csv_of_three, rows, wait_until};

const REPORT: &str = "numbers.report.csv";

/// A job whose rows were sent in three runs, one on the numbers of each connector.
fn in_three() -> (Service, Job) {
    let service = Service::playing("[[number_error]]\nnumbers = ['+12065550004']\ncode = 'Forbidden'\n");
    let job = Job::on(&service, csv_of_three(9));
    for part in 0..3 {
        let all = csv_of_three(9);
        let rows = all.lines().enumerate().filter(|(at, _)| *at == 0 || (at - 1) % 3 == part);
        let rows: String = rows.flat_map(|(_, line)| [line, "\n"]).collect::<Vec<_>>().concat();
        job.write(&format!("{part}.csv"), rows);
        let url = service.url();
        job.command(&format!("run {part}.csv --yes --endpoint-url {url} --note n{part}"));
    }
    (service, job)
}

#[test]
fn the_reports_of_the_parts_become_one_in_the_inputs_order() {
    let (service, job) = in_three();
    let ended = job.command("merge numbers.csv 0.report.csv 1.report.csv 2.report.csv");
    ended.exits(3).prints("9 rows in numbers.report.csv").prints("8  succeeded").prints("Forbidden");
    ended.prints("to continue with the rest: chime-sweep rerun numbers.report.csv");
    let merged = job.true_rows(REPORT, &service);
    ended.same("rows", merged.len(), 9).same("row 5", merged[4]["status"].as_str(), "failed");
    let record: serde_json::Value = serde_json::from_str(&job.read("numbers.report.json")).expect("JSON");
    let notes: Vec<_> = record["runs"].as_array().expect("runs").iter().map(|run| &run["note"]).collect();
    ended.same("record", notes, ["n0", "n1", "n2"]);

    // What is done is not sent again, and the record still says where it was done.
    let requests = service.requests();
    job.rerun("").exits(3).same("requests", service.requests(), requests + 1);
    let other = Service::playing("");
    let ended = job.command(&format!("rerun numbers.report.csv --yes --endpoint-url {}", other.url()));
    ended.exits(1).says("is the report of a run on");
}

#[test]
fn a_report_that_is_there_is_kept_unless_it_may_be_replaced() {
    let (service, job) = in_three();
    let merge = "merge numbers.csv 0.report.csv 1.report.csv 2.report.csv";
    job.command(merge).exits(3);
    let merged = job.read(REPORT);
    job.write(REPORT, merged.replace("succeeded", "unknown"));
    job.command(merge).exits(1).says("already exists").says("--overwrite");
    job.command(&format!("{merge} --overwrite")).exits(3);
    assert_eq!(job.read(REPORT), merged);
    job.command(&format!("{merge} -o other.csv")).exits(3);
    assert_eq!(job.read("other.csv"), merged);
    // Of verified and other reports.
    let url = service.url();
    job.command(&format!("verify 1.report.csv --endpoint-url {url}")).exits(0);
    let ended = job.command(&format!("{merge} --overwrite"));
    let verified: Vec<_> = rows(&job.read(REPORT)).iter().map(|row| row["verified"].clone()).collect();
    ended.same("verified", verified, ["", "off", "", "", "still_on", "", "", "off", ""]);
}

#[test]
fn what_is_not_all_of_the_input_once_is_refused_and_the_row_is_named() {
    let (service, job) = in_three();
    let report = |part: u32| job.read(&format!("{part}.report.csv"));
    job.write("a_list.csv", csv(2));
    job.write("undo.report.csv", report(0).replace("disassociate", "associate"));
    job.write("edited.report.csv", report(1).replace("vc1,+12065550004", "vc1,+12065550009"));
    job.write("more.report.csv", format!("{}vc2,+12065559999,,,,,,,,,,\n", report(2)));
    job.write("out.report.csv", csv(1));
    let start =
        job.start(&format!("run numbers.csv --yes --endpoint-url {} -o cut.report.csv", service.url()));
    wait_until("there is a journal", || job.path("cut.report.csv.journal").exists());
    start.kill();
    job.write("cut.report.csv", report(0));
    let files = job.files();
    for (arguments, messages) in [
        (
            "0.report.csv 1.report.csv",
            [
                "line 4 of `numbers.csv` is in no report there",
                "`0.report.csv` is at line 3, `1.report.csv` is at line 3",
            ],
        ),
        (
            "0.report.csv 1.report.csv 2.report.csv 1.report.csv",
            ["two reports have the same row", "`1.report.csv` is at line 2, `1.report.csv` is at line 2"],
        ),
        (
            "0.report.csv edited.report.csv 2.report.csv",
            ["line 6 of `numbers.csv`", "`edited.report.csv` is at line 3"],
        ),
        (
            "0.report.csv 1.report.csv more.report.csv",
            ["`numbers.csv` has no more rows", "`more.report.csv` is at line 5"],
        ),
        (
            "undo.report.csv 1.report.csv 2.report.csv",
            ["report of the action `associate`", "`1.report.csv` of `disassociate`"],
        ),
        ("0.report.csv 1.csv 2.report.csv", ["`1.csv` is not a chime-sweep report", ""]),
        (
            "cut.report.csv 1.report.csv 2.report.csv",
            ["a run of `cut.report.csv` is not finished", "chime-sweep status cut.report.csv"],
        ),
        ("0.report.csv 1.report.csv nowhere.csv", ["nowhere.csv", ""]),
        (
            "0.report.csv 1.report.csv 2.report.csv -o 1.report.csv",
            ["would replace", "--output names another file"],
        ),
        ("0.report.csv 1.report.csv 2.report.csv -o ./numbers.csv", ["would replace", ""]),
        (
            "0.report.csv 1.report.csv 2.report.csv -o a_list.csv --overwrite",
            ["is not a chime-sweep report; it is not overwritten", ""],
        ),
        ("0.report.csv 1.report.csv -", ["does not read standard input", ""]),
    ] {
        let ended = job.command(&format!("merge numbers.csv {arguments}"));
        ended.exits(1);
        ended.says_all(&messages);
        ended.same("files", job.files(), files.clone());
    }
}

#[test]
fn a_report_that_is_the_input_can_be_sent_in_parts_too() {
    let (service, job) = in_three();
    job.command("merge numbers.csv 0.report.csv 1.report.csv 2.report.csv").exits(3);
    let merged = job.read(REPORT);
    // Each of the parts of a report is rerun, and all of them have its record.
    let lines: Vec<_> = merged.lines().collect();
    for (name, lines) in [("a", &lines[1..4]), ("b", &lines[4..])] {
        job.write(
            &format!("{name}.csv"),
            [&lines[..0], &[merged.lines().next().expect("a header")], lines].concat().join("\n"),
        );
        job.write(&format!("{name}.json"), job.read("numbers.report.json"));
        job.command(&format!("rerun {name}.csv --yes --endpoint-url {}", service.url()));
    }
    let ended = job.command("merge numbers.report.csv a.csv b.csv -o all.csv");
    ended.exits(3).prints("9 rows in all.csv");
    ended.same("attempts", rows(&job.read("all.csv"))[4]["attempts"].as_str(), "2");
    let record: serde_json::Value = serde_json::from_str(&job.read("all.json")).expect("JSON");
    ended.same("record", record["runs"].as_array().map(Vec::len), Some(5));
}
