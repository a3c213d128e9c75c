//! `summary`: what it says of connectors and numbers that are not found, the rows that it selects, and its exit code.

use super::harness::{Job, Service, csv, number};

/// A job whose first run against `scenario` has left a report.
fn reported(scenario: &str, file: &str, more: &str) -> (Service, Job) {
    let service = Service::playing(scenario);
    let job = Job::on(&service, file);
    let ended = job.sweep(more);
    ended.check(ended.report.is_some(), "there is no report");
    (service, job)
}

#[test]
fn it_tells_a_connector_that_is_not_found_from_a_number() {
    let file = format!("{}gone,{}\ngone,{}\n", csv(3), number(3), number(4));
    let not_found = format!("numbers = ['{}']\ncode = 'NotFoundException'\nmessage = 'nope'\n", number(1));
    let short =
        "[[fault]]\nconnector = 'gone'\ndoes.error = { status = 404, code = 'NotFound', message = 'no' }\n";
    // Whichever form the service uses for either.
    for missing in ["missing = ['gone']\n", short] {
        let (_, job) = reported(
            &format!("{missing}[[number_error]]\n{not_found}"),
            &file,
            "--batch-size 1 --concurrency 1",
        );
        let rows = super::harness::rows(&job.read("numbers.report.csv"));
        let of = |at: usize| (rows[at]["error_code"].as_str(), rows[at]["error_message"].as_str());
        assert_eq!(of(1), ("NotFound", "number not found: nope"));
        let (code, message) = of(3);
        assert!(
            code == "NotFoundException" && message.starts_with("connector not found: "),
            "{code}: {message}"
        );
        let (code, message) = of(4);
        assert!(
            code == "NotFoundException" && message.starts_with("not sent: connector not found: "),
            "{message}"
        );
        job.command("summary numbers.report.csv")
            .exits(0)
            .prints("  vc: 2 succeeded, 1 failed; errors: NotFound 1\n")
            .prints("  gone: 2 failed; errors: NotFoundException 2\n")
            .prints("hint: the connector is there, but the number is not on it")
            .prints("hint: no such connector in this account and region: rerun with the right --region");
        let json: serde_json::Value =
            serde_json::from_str(&job.command("summary numbers.report.csv --json").stdout).expect("JSON");
        assert_eq!(json["connectors"]["gone"]["errors"], serde_json::json!({ "NotFoundException": 2 }));
        job.command("summary numbers.report.csv --html page.html").exits(0);
        let page = job.read("page.html");
        assert!(page.contains("NotFoundException 2") && page.contains("no such connector in this"), "{page}");
    }
}

const TROUBLE: &str = "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = 'no, \"never\"'\ntimes = 1\n\
                       [[fault]]\nnumber = '+12065550003'\ndoes = 'drop'\nattempts = [1]\n";

#[test]
fn rows_are_written_as_they_are_and_can_be_retried() {
    let file = csv(5).replace(',', ";").replace('\n', "\r\n") + "vc;oops\r\n";
    let file = format!("\u{feff}{file}");
    let (service, job) = reported(TROUBLE, &file, "--batch-size 1 --max-attempts 1");
    let report = job.read("numbers.report.csv");
    let lines: Vec<_> = report.split_inclusive('\n').collect();
    let ended = job.command("summary numbers.report.csv --rows failed,Unknown -o rest.csv");
    ended.exits(0).says("written: 2 rows of 6 to rest.csv\n").says("chime-sweep rerun rest.csv");
    ended.same("rows", job.read("rest.csv"), [lines[0], lines[2], lines[4]].concat()).same(
        "stdout",
        &*ended.stdout,
        "",
    );
    // On standard output, and nothing else there.
    for output in ["", "-o -"] {
        let ended = job.command(&format!("summary numbers.report.csv --rows invalid {output}"));
        ended.exits(0).same("rows", &*ended.stdout, &*[lines[0], lines[6]].concat()).same(
            "stderr",
            &*ended.stderr,
            "",
        );
    }
    let ended = job.command("summary numbers.report.csv --rows duplicate");
    ended.exits(0).same("rows", &*ended.stdout, lines[0]);
    // It is a report.
    job.command("summary rest.csv")
        .exits(0)
        .prints("2 rows in rest.csv")
        .prints("1  failed")
        .prints("1  unknown");
    let before = service.requests();
    let rerun = job.take_of("rerun", "rest.csv", "--yes");
    rerun.exits(0).same("sent", service.requests() - before, 2);
    assert_eq!(job.read("numbers.report.csv"), report);
}

#[test]
fn rows_replace_nothing_that_was_not_named_for_it() {
    let (_, job) = reported(TROUBLE, &csv(2), "");
    let report = job.read("numbers.report.csv");
    let rows = |more: &str| job.command(&format!("summary numbers.report.csv --rows failed {more}"));
    for more in ["-o numbers.report.csv", "-o ./numbers.report.csv --overwrite"] {
        rows(more)
            .exits(1)
            .says("the rows would replace the report `numbers.report.csv`")
            .says("hint: -o names another");
    }
    rows("-o numbers.csv").exits(1).says("`numbers.csv` exists already").says("--overwrite replaces it");
    rows("-o no/where.csv").exits(1).says("the directory of `no/where.csv` does not exist");
    assert_eq!((job.read("numbers.report.csv"), job.read("numbers.csv")), (report, csv(2)));
    for _ in 0..2 {
        rows("-o rest.csv --overwrite").exits(0);
    }
    job.command("summary numbers.report.csv --rows done")
        .exits(2)
        .says("'done'")
        .says("succeeded, failed, unknown");
    job.command("summary numbers.report.csv -o rest.csv").exits(2).says("--rows");
    rows("--json").exits(2).says("cannot be used with");
}

#[test]
fn the_exit_code_is_that_of_the_run() {
    let slow = "latency = { mean = '200ms' }";
    for (scenario, file, more, code) in [
        ("", csv(2), "", 0),
        (TROUBLE, csv(2), "", 3),
        ("[[fault]]\ndoes.error = { status = 401 }\n", csv(2), "", 4),
        (slow, csv(20), "--batch-size 1 --concurrency 1 --max-duration 300ms", 4),
    ] {
        let service = Service::playing(scenario);
        let job = Job::on(&service, file);
        job.sweep(more).exits(code);
        job.command("summary numbers.report.csv --exit-code").exits(code).prints(" in numbers.report.csv");
        job.command("summary numbers.report.csv").exits(0);
        job.command("summary numbers.report.csv --exit-code --rows failed -o rest.csv").exits(code);
        // Without the record, the rows have to tell.
        std::fs::remove_file(job.path("numbers.report.json")).expect("removed");
        job.command("summary numbers.report.csv --exit-code --json").exits(code.min(3));
    }
    let job = Job::new("");
    job.command("summary nowhere.csv --exit-code").exits(1).says("cannot open `nowhere.csv`");
}
