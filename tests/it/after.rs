//! What a run leaves when it has ended: its summary, the page, and the command of `--on-finish`.

use std::collections::BTreeSet;

use super::harness::{Ended, Job, Service, csv, number};

/// Row 1 is always refused.
const ONE_REFUSED: &str =
    "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = '<b>no</b>'\n";

fn reported(scenario: &str, file: &str, more: &str) -> (Service, Job, Ended) {
    let service = Service::playing(scenario);
    let job = Job::on(&service, file);
    let ended = job.sweep(more);
    (service, job, ended)
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_summary_is_printed_again_from_the_report_alone() {
    let file = format!("{}vc,bad\nother,{}\n", csv(3), number(7));
    let (_, job, run) = reported(ONE_REFUSED, &file, "--summary-json s.json");
    run.exits(3)
        .says("such as line 3, number …0001")
        .says("hint: the connector is there, but this number is refused")
        .says("is billed");
    std::fs::remove_file(job.path("numbers.report.json")).expect("removed");
    let again = job.command("summary numbers.report.csv");
    again.exits(0).same("stderr", again.stderr.as_str(), "");
    // All but the pace and how to reach the service, which only the run knew; the request ids show the simulation.
    let is_known = |line: &&str| {
        ![
            "SIMULATED",
            "note:",
            "only the run knows the pace",
            "1 request",
            "2 requests",
            "3 requests",
            "to continue",
        ]
        .iter()
        .any(|it| line.starts_with(it))
    };
    let lines = |text: &str| text.lines().filter(is_known).map(str::to_owned).collect::<Vec<_>>();
    let shown = run.stderr.find("5 rows in").map_or("", |at| &run.stderr[at..]);
    again.same("summary", lines(&again.stdout), lines(shown));
    again.check(
        again.stdout.contains("to continue with the rest: chime-sweep rerun numbers.report.csv --simulate\n"),
        "how",
    );
    again.check(again.stdout.contains("only the run knows the pace"), "it does not say what is absent");

    let (from_report, from_run) =
        (json(&job.command("summary numbers.report.csv --json").stdout), json(&job.read("s.json")));
    for field in ["version", "report", "rows", "connectors", "errors", "all_succeeded"] {
        again.same(field, &from_report[field], &from_run[field]);
    }
    again.check(from_report.get("requests").is_none(), "the report does not have the requests");
    let both = json(&job.command("summary numbers.report.csv --json --run s.json").stdout);
    again.same("requests", &both["requests"], &from_run["requests"]);
    again.same("timeline", &both["timeline"], &from_run["timeline"]);
}

#[test]
fn a_summary_reads_every_kind_of_report_and_refuses_other_files() {
    let file = csv(2).replace(',', "|").replace("phone_number", "digits|note").replace('\n', "|x\n");
    let file = file.replacen("note|x", "note", 1);
    let (_, job, run) = reported(ONE_REFUSED, &file, "--delimiter | --number-column digits");
    run.exits(3).says(
        "to continue with the rest: chime-sweep rerun numbers.report.csv --number-column digits --delimiter '|'",
    );
    let ended = job.command("summary numbers.report.csv --number-column digits");
    ended.exits(0).check(ended.stdout.contains("1  failed"), "counts");
    job.command("summary numbers.report.csv").exits(1).says("name it with `--number-column`");
    job.command("summary numbers.csv --number-column digits")
        .exits(1)
        .says("`numbers.csv` is not a report: it has no columns");
    job.command("summary nowhere.csv").exits(1).says("cannot open `nowhere.csv`");

    let (_, other, _) = reported("", &csv(3), "--summary-json s.json");
    job.write("s.json", other.read("s.json"));
    let ended = job.command("summary numbers.report.csv --number-column digits --run s.json");
    ended.exits(1).says("`s.json` is about another run").same("stdout", ended.stdout.as_str(), "");
}

#[test]
fn a_run_and_its_report_give_one_page() {
    let file = csv(4).replace("+12065550002", "+1 (206) 555-0002");
    let (_, job, run) = reported(ONE_REFUSED, &file, "--html page.html --summary-json s.json");
    run.exits(3);
    let page = job.read("page.html");
    run.check(page.contains("&#60;b&#62;no&#60;/b&#62;") && !page.contains("<b>no"), "escaped");
    run.check(!page.contains("2065550001") && page.contains("…0001"), "masked");
    run.check(
        page.contains("data-status=\"failed\" data-count=\"1\"") && page.contains("data-count=\"3\""),
        "counts",
    );
    job.command("summary numbers.report.csv --run s.json --html again.html").exits(0);
    let without_command = |page: &str| {
        let lines = page.lines().filter(|line| !line.starts_with("<pre"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    run.check(without_command(&job.read("again.html")) == without_command(&page), "the pages differ");

    job.command("summary numbers.report.csv --html full.html --html-full-numbers").exits(0);
    run.check(job.read("full.html").contains("12065550001"), "whole numbers");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(job.path("page.html")).expect("a file").permissions().mode();
        run.same("mode", mode & 0o777, 0o600);
    }
}

#[test]
fn a_page_does_not_replace_another_file() {
    let (service, job, _) = reported("", &csv(1), "");
    for other in ["numbers.csv", "numbers.report.csv"] {
        let before = job.read(other);
        let ended = job.command(&format!("summary numbers.report.csv --html {other}"));
        ended.exits(1).says("is not a chime-sweep page; it is not overwritten");
        ended.same(other, job.read(other), before);
    }
    let requests = service.requests();
    job.sweep("--overwrite --html numbers.csv").exits(1).says("is not a chime-sweep page");
    job.sweep("--output new.csv --html ./new.csv")
        .exits(1)
        .says("--html `./new.csv` is the report or its journal");
    job.sweep("--output new.csv --html a --summary-json a").exits(1).says("or is named twice");
    assert_eq!(
        (service.requests(), job.files()),
        (requests, vec!["numbers.csv".into(), "numbers.report.csv".into()])
    );
    for _ in 0..2 {
        job.command("summary numbers.report.csv --html page.html").exits(0);
    }
}

/// A shell script.
#[cfg(unix)]
fn script(body: &str) -> String {
    format!("#!/bin/sh\n{body}\n")
}

#[test]
#[cfg(unix)]
fn the_command_gets_the_result_of_the_run() {
    let service = Service::playing(ONE_REFUSED);
    let keys = "[default]\naws_access_key_id = AKIDSIMULATED\naws_secret_access_key = simulated-secret-that-opens-nothing\n";
    let job = Job::new(csv(3)).at(&service.url()).env("AWS_REGION", "us-east-1");
    job.write(".aws/credentials", keys);
    job.write("done.sh", script("env > environment; cat > text; exit 7"));
    let ended = job.sweep("--on-finish sh${IFS}done.sh --summary-json s.json --html p.html");
    ended.exits(3).says("the `--on-finish` command failed").says("exit status: 7");
    let environment = job.read("environment");
    let variable = |name: &str| {
        let name = format!("CHIME_SWEEP_RESULT_{name}=");
        environment.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or("absent").to_owned()
    };
    for (name, value) in [
        ("STATUS", "some_failed"),
        ("EXIT_CODE", "3"),
        ("ROWS", "3"),
        ("SUCCEEDED", "2"),
        ("FAILED", "1"),
        ("UNKNOWN", "0"),
        ("NOT_ATTEMPTED", "0"),
        ("SIMULATED", "false"),
        ("SUMMARY", "3 rows in numbers.report.csv"),
    ] {
        ended.same(name, variable(name), value);
    }
    let set = environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.to_owned());
    let set: BTreeSet<_> = set.filter(|name| name.starts_with("CHIME_SWEEP_RESULT_")).collect();
    ended.same("as help has it", set, job.documented("--on-finish"));
    for (name, file) in [("REPORT", "numbers.report.csv"), ("SUMMARY_JSON", "s.json"), ("HTML", "p.html")] {
        ended.check(variable(name).starts_with('/') && variable(name).ends_with(file), name);
    }
    ended.says(&job.read("text")).check(job.read("text").contains("1  failed"), "text");
    for secret in ["simulated-secret", "AWS_SECRET", "AWS_ACCESS", "AWS_SESSION"] {
        ended.check(!environment.contains(secret), secret);
    }
}

#[test]
#[cfg(unix)]
fn the_command_learns_that_it_was_a_rehearsal() {
    let job = Job::new(csv(3));
    job.write("done.sh", script("echo $CHIME_SWEEP_RESULT_SIMULATED > result"));
    let ended = job.command("run numbers.csv --simulate --on-finish sh${IFS}done.sh");
    ended.exits(0).same("result", job.read("result").trim(), "true");
}

#[test]
#[cfg(unix)]
fn the_command_also_runs_after_an_early_stop() {
    let refused = "[[fault]]\ndoes.error = { status = 401 }\n";
    let service = Service::playing(refused);
    let job = Job::on(&service, csv(2));
    job.write(
        "done.sh",
        script("echo $CHIME_SWEEP_RESULT_STATUS $CHIME_SWEEP_RESULT_NOT_ATTEMPTED > result"),
    );
    let ended = job.sweep("--on-finish sh${IFS}done.sh");
    ended.exits(4).same("result", job.read("result"), "stopped_early 2\n");
}

#[test]
#[cfg(unix)]
fn the_command_runs_if_the_report_could_not_be_written() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(2));
    job.write("done.sh", script("echo $CHIME_SWEEP_RESULT_STATUS $CHIME_SWEEP_RESULT_SUCCEEDED \"$CHIME_SWEEP_RESULT_REPORT\" > result; cat > text"));
    std::fs::create_dir(job.path("numbers.report.csv.partial")).expect("a folder in the way");
    let ended = job.sweep("--on-finish sh${IFS}done.sh");
    ended.exits(1).says("cannot write `numbers.report.csv`").same("result", job.read("result"), "error 2 \n");
    ended.check(job.read("text").contains("settled and kept in `numbers.report.csv.journal`"), "text");
}

#[test]
#[cfg(unix)]
fn a_command_that_hangs_is_killed_with_all_that_it_started() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(1));
    job.write("done.sh", script("sleep 300 & echo $! > child; wait"));
    let ended = job.sweep("--on-finish sh${IFS}done.sh --on-finish-timeout 500ms");
    ended.exits(0).says("it was ended after 0.5 s, which is its time limit");
    let child = job.read("child");
    super::harness::wait_until("the child is gone", || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    });
}

#[test]
fn the_command_is_run_if_the_run_could_not_begin() {
    let job = Job::new(csv(1));
    let ended = job.command("run numbers.csv --yes --on-finish echo${IFS}result>result");
    ended.exits(1).same("files", job.files(), ["numbers.csv", "result"]);
    let job = Job::new(csv(1));
    let ended = job.command("run nowhere.csv --simulate --on-finish echo${IFS}result>result");
    ended.exits(1).same("files", job.files(), ["numbers.csv", "result"]);
}

#[test]
fn every_run_is_recorded_beside_its_report() {
    let service =
        Service::playing("[[number_error]]\np = 1.0\ntimes = 1\ncode = 'Forbidden'\nmessage = ''\n");
    let job = Job::on(&service, csv(2)).env("USER", "ann");
    job.sweep("--note ticket-7").exits(3);
    let before = job.read("numbers.report.json");
    job.rerun("").exits(0);
    let record: serde_json::Value = serde_json::from_str(&job.read("numbers.report.json")).expect("JSON");
    let runs = record["runs"].as_array().expect("a list");
    let field = |name: &str| runs.iter().map(|run| run[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("command"), ["run", "rerun"]);
    assert_eq!(field("note"), [serde_json::json!("ticket-7"), serde_json::Value::Null]);
    assert_eq!(field("rows").iter().map(|rows| rows["succeeded"].clone()).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(field("requests"), [1, 1]);
    assert!(field("by").iter().all(|by| by.as_str().is_some_and(|by| by.starts_with("ann@"))), "{record:#}");
    assert!(field("region").iter().all(|region| region == "us-east-1"), "{record:#}");
    // It has what the report does not have, as long as it is about the same rows.
    job.command("summary numbers.report.csv").exits(0).prints("1 request in ");
    let report = job.read("numbers.report.csv");
    job.write("numbers.report.csv", report.replacen(",succeeded,", ",failed,", 1));
    job.command("summary numbers.report.csv").exits(0).prints("only the run knows the pace");
    // What is not a record is never overwritten: the record goes beside it.
    job.write("numbers.report.json", "{}");
    job.sweep("--overwrite").exits(3);
    assert_eq!(job.read("numbers.report.json"), "{}");
    assert!(job.read("numbers.report.record.json").contains("chime-sweep-record"));
    job.write("numbers.report.record.json", "{}");
    let neither = "neither `numbers.report.json` nor `numbers.report.record.json` is the record";
    job.sweep("--overwrite").exits(1).says(neither).says("nothing was sent");
    // The summary may have its name.
    job.sweep("--output r.csv --summary-json r.json").exits(3);
    assert!(
        job.read("r.json").contains("next_command")
            && job.read("r.record.json").contains("chime-sweep-record")
    );
    assert!(before.contains("chime-sweep-record"), "{before}");
}

#[test]
fn a_report_is_rerun_only_where_it_was_run() {
    let rule = "[[number_error]]\np = 1.0\ntimes = 1\ncode = 'Forbidden'\nmessage = ''\n";
    let (service, other) = (Service::playing(rule), Service::playing(""));
    let accounts = |url: &str| {
        Job::new(csv(2)).with_keys().env("AWS_ENDPOINT_URL", url).env("CHIME_SWEEP_NO_STS", "false")
    };
    let job = accounts(&service.url());
    job.sweep("").exits(3);
    let report = job.read("numbers.report.csv");
    let refused = |job: &Job, options: &str| {
        let ended = job.rerun(options);
        ended.exits(1).says("is the report of a run on ").says("--other-target").says("nothing was sent");
        ended.same("report", job.read("numbers.report.csv"), report.clone());
    };
    refused(&job, "--region us-west-2");
    refused(&job, &format!("--endpoint-url {}", other.url()));
    // The report alone knows account and region.
    std::fs::remove_file(job.path("numbers.report.json")).expect("removed");
    refused(&job, "--region us-west-2");
    job.write("numbers.report.csv", report.replace(",000000000000,", ",123456789012,"));
    let ended = job.rerun("");
    ended.exits(1).says("account 123456789012, but this one would use ").says("account 000000000000");
    job.write("numbers.report.csv", &*report);
    assert_eq!((service.requests(), other.requests()), (1, 0));
    // A rehearsal of it touches nothing, and what is meant is done.
    job.command("rerun numbers.report.csv --simulate").exits(0);
    let meant = format!("--other-target --region us-west-2 --endpoint-url {}", other.url());
    let ended = job.rerun(&meant);
    ended.exits(0).column_is("region", &["us-west-2"; 2]);
}
