//! The report: what it looks like, which file it may replace, and that it is a valid input again.

use std::fs;

use super::harness::{Ended, Job, Row, Service, all_at_once, csv, number};

/// Row 1 is always refused.
const ONE_REFUSED: &str =
    "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = 'protected'\n";

/// A job whose first run against `scenario` has left a report.
fn reported(scenario: &str, file: &str, more: &str) -> (Service, Job, Ended) {
    let service = Service::playing(scenario);
    let job = Job::on(&service, file);
    let ended = job.sweep(more);
    ended.check(ended.report.is_some(), "there is no report");
    (service, job, ended)
}

/// The report's line for a number.
fn line_of<'a>(report: &'a str, number: &str) -> &'a str {
    report.lines().find(|line| line.contains(number)).unwrap_or_default()
}

#[test]
fn a_report_has_the_rows_of_the_input_in_order_and_its_own_columns() {
    let file = "id,phone_number,voice_connector_id\n\
                9,+12065550002,b\n8,+12065550001,a\n7,oops,a\n6,+12065550000,b\n5,12065550002,b\n";
    let (_, job, ended) = reported(ONE_REFUSED, file, "--batch-size 1");
    ended.exits(3);
    let report = ended.report.as_deref().unwrap_or_default();
    let expected = [
        "id,phone_number,voice_connector_id,status,error_code,error_message,attempts,request_id,completed_at,action,account_id,region,row_key",
        "9,+12065550002,b,succeeded,,,1,sim-",
        "8,+12065550001,a,failed,Forbidden,protected,1,sim-",
        "7,oops,a,invalid,InvalidNumber,\"line 4: `oops` contains 'o', which is neither a digit nor a separator\",0,,",
        "6,+12065550000,b,succeeded,,,1,sim-",
        "5,12065550002,b,duplicate,,line 6: same connector and number as line 2,0,,",
    ];
    ended.same("lines", report.lines().count(), expected.len());
    for (line, expected) in report.lines().zip(expected) {
        ended.check(line.starts_with(expected), &format!("{line:?} is not {expected:?}"));
    }
    for row in ended.rows() {
        let sent = row["attempts"] == "1";
        let is_time =
            row["completed_at"].parse::<jiff::Timestamp>().is_ok() && row["completed_at"].len() == 20;
        ended.same("completed_at", (is_time, row["completed_at"].is_empty()), (sent, !sent));
    }
    ended.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
    ended.same("input", job.read("numbers.csv"), file);
}

#[cfg(unix)]
#[test]
fn report_and_summary_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_, job, _) = reported("", &csv(1), "--summary-json summary.json");
    for file in ["numbers.report.csv", "summary.json"] {
        let mode = fs::metadata(job.path(file)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_message_that_a_spreadsheet_would_run_is_escaped() {
    let rule = "[[number_error]]\np = 1.0\ncode = '@SUM(1)'\nmessage = '=HYPERLINK(\"http://x\",\"y\")'\n";
    let (_, _, ended) = reported(rule, &csv(1), "");
    ended.exits(3).column_is("error_code", &["'@SUM(1)"]);
    ended.column_is("error_message", &["'=HYPERLINK(\"http://x\",\"y\")"]);
}

#[test]
fn a_rerun_carries_over_what_succeeded_and_tries_only_the_rest() {
    let file = format!("{}vc,bad\n", csv(4));
    let (service, job, first) = reported(ONE_REFUSED, &file, "");
    first.exits(3);
    let before = job.read("numbers.report.csv");

    let again = service.stop()("");
    let second = job.rerun("");
    second.exits(3).statuses(&["succeeded", "succeeded", "succeeded", "succeeded", "invalid"]);
    second.column_is("attempts", &["1", "2", "1", "1", "0"]);
    second.column_is("error_code", &["", "", "", "", "InvalidNumber"]);
    second.same("applied", again.applied(), [number(1)]).same("asked", again.asked(&number(0)), 0);
    let after = job.read("numbers.report.csv");
    for n in [0, 2, 3] {
        second.same("line", line_of(&after, &number(n)), line_of(&before, &number(n)));
    }
    second.same("header", after.lines().next(), before.lines().next());
    second.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);

    // A row that was corrected in the report is tried as it now is.
    job.write("numbers.report.csv", after.replace(",bad,", ",+12065550009,"));
    let third = job.rerun("");
    third.exits(0).statuses(&["succeeded"; 5]).same("applied", again.applied(), [number(1), number(9)]);

    // Then nothing is left to do.
    let before = job.read("numbers.report.csv");
    job.rerun("").exits(0).same("requests", again.requests(), 2);
    third.same("report", job.read("numbers.report.csv"), before);
}

#[test]
fn a_number_edited_after_it_failed_is_tried_once_its_status_is_cleared() {
    let (service, job, _) = reported(ONE_REFUSED, &csv(3), "");
    let report = job.read("numbers.report.csv");
    job.write("numbers.report.csv", report.replace(&number(1), &number(7)));
    for _ in 0..2 {
        let ended = job.rerun("");
        ended.exits(3).statuses(&["succeeded", "invalid", "succeeded"]);
        ended.column_is("error_code", &["", "Edited", ""]).says("clear its status");
        ended.same("requests", service.requests(), 1);
    }
    let report = job.read("numbers.report.csv");
    job.write("numbers.report.csv", report.replace(",invalid,", ",,"));
    let ended = job.rerun("");
    ended.exits(0).column_is("attempts", &["1", "2", "1"]);
    ended.same("applied", service.applied(), [number(0), number(2), number(7)]);
}

#[test]
fn a_report_is_an_input_of_run_too() {
    let (service, job, first) = reported(ONE_REFUSED, &csv(2), "");
    let more = format!("--yes --endpoint-url {}", service.url());
    let second = job.command(&format!("run numbers.report.csv {more}"));
    second.exits(3).statuses(&["succeeded", "failed"]).column_is("attempts", &["1", "2"]);
    second.same("files", job.files(), ["numbers.csv", "numbers.report.csv", "numbers.report.report.csv"]);
    second.same("first report", job.read("numbers.report.csv"), first.report.unwrap_or_default());
    second.same("asked", [0, 1].map(|n| service.asked(&number(n))), [1, 2]);
}

#[test]
fn what_was_unknown_and_is_found_gone_succeeded() {
    let lost = "[[fault]]\ndoes = 'drop'\napplied = true\nattempts = [1]\n";
    let (service, job, first) = reported(lost, &csv(2), "--max-attempts 1");
    first.exits(3).statuses(&["unknown"; 2]).column_is("error_code", &["ConnectionLost"; 2]);
    let second = job.rerun("");
    second.exits(0).statuses(&["succeeded"; 2]).column_is("attempts", &["2"; 2]).agrees_with(&service);
    let is_told =
        |row: &Row| row["error_message"].contains("an earlier attempt, whose answer was lost, worked");
    second.check(second.rows().iter().all(is_told), "it does not say why");
    second.column_is("error_code", &["", ""]);
}

#[test]
fn what_was_unknown_and_is_not_tried_again_stays_unknown() {
    let lost = "[[fault]]\ndoes = 'drop'\nattempts = [1]\n[[fault]]\ndoes.error = { status = 401 }\n";
    let (service, job, first) = reported(lost, &csv(2), "--max-attempts 1");
    first.exits(3).statuses(&["unknown"; 2]);
    let before = job.read("numbers.report.csv");
    let second = job.rerun("");
    second.exits(4).same("report", second.report.clone().unwrap_or_default(), before);
    second.same("requests", service.requests(), 2);
}

#[test]
fn an_existing_report_is_replaced_only_with_overwrite() {
    let (service, job, first) = reported("", &csv(2), "");
    let before = first.report.clone().unwrap_or_default();
    let second = job.sweep("");
    second.exits(1).says("the report `numbers.report.csv` already exists").says("--overwrite");
    second.says("chime-sweep rerun numbers.report.csv").same("requests", service.requests(), 1);
    second.same("report", &job.read("numbers.report.csv"), &before);

    let third = job.sweep("--overwrite");
    third.exits(3).statuses(&["failed"; 2]).column_is("error_code", &["NotFound"; 2]);
    third.column_is("attempts", &["1"; 2]);
}

#[test]
fn a_file_that_is_not_a_report_is_never_overwritten() {
    all_at_once(&["", "--overwrite", "--overwrite --discard", "--simulate"], |more| {
        let service = Service::playing("");
        let job = Job::new(csv(1)).with_keys();
        for name in ["numbers.report.csv", "numbers.simulated.csv"] {
            job.write(name, "dear diary\n");
        }
        let target = if more.contains("--simulate") {
            String::new()
        } else {
            format!("--endpoint-url {}", service.url())
        };
        let ended = job.sweep(&format!("{more} {target}"));
        ended.exits(1).says("is not a chime-sweep report; it is not overwritten");
        ended.same("requests", service.requests(), 0).same("files", job.files().len(), 3);
        for name in ["numbers.report.csv", "numbers.simulated.csv"] {
            ended.same(name, job.read(name), "dear diary\n");
        }
    });
}

#[test]
fn the_report_never_replaces_the_input() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(1));
    let names = ["numbers.csv", "./numbers.csv", "link.csv"];
    #[cfg(unix)]
    std::os::unix::fs::symlink("numbers.csv", job.path("link.csv")).expect("a link");
    for name in &names[..if cfg!(unix) { 3 } else { 2 }] {
        let ended = job.sweep(&format!("--overwrite --output {name}"));
        ended.exits(1).says("would replace the input").same("input", job.read("numbers.csv"), csv(1));
    }
    assert_eq!(service.requests(), 0);
}

#[test]
fn the_summary_agrees_with_the_report() {
    let file = format!("{}vc,bad\nvc,{}\nother,{}\n", csv(3), number(0), number(0));
    let (service, job, ended) = reported(ONE_REFUSED, &file, "--summary-json summary.json");
    ended.exits(3);
    let summary: serde_json::Value = serde_json::from_str(&job.read("summary.json")).expect("JSON");
    for (status, count) in ended.counts() {
        ended.same(&status, &summary["rows"][&status], count);
    }
    ended.same("total", &summary["rows"]["total"], ended.rows().len());
    ended.same("errors", &summary["errors"]["Forbidden"]["example"], "protected");
    ended.same("connectors", &summary["connectors"]["other"]["succeeded"], 1);
    ended.same("requests", &summary["requests"], service.requests());
    ended.same("version", &summary["version"], 1).same("simulated", &summary["simulated"], false);
    ended.same("stopped", summary["stopped"].is_null(), true);
    let next = format!("chime-sweep rerun numbers.report.csv --endpoint-url {}", service.url());
    ended.same("next command", &summary["next_command"], next.as_str()).says(&next);
    for line in ["6 rows in numbers.report.csv", "3  succeeded", "1  failed", "1  invalid", "1  duplicate"] {
        ended.says(line);
    }
}

#[test]
fn standard_output_is_empty_and_quiet_is_quiet() {
    let (_, _, ended) = reported("", &csv(2), "");
    ended.exits(0).same("stdout", ended.stdout.as_str(), "").says("2  succeeded").says_not("to go on");
    let (_, _, ended) = reported(ONE_REFUSED, &csv(2), "--quiet");
    ended.exits(3).says("2 rows: 1 succeeded, 1 failed\nto continue with the rest: chime-sweep rerun ");
    ended.same("lines", ended.stderr.lines().count(), 2).same("stdout", ended.stdout.as_str(), "");
    let (_, _, ended) = reported("", &csv(2), "--quiet");
    ended.exits(0).same("shown", (ended.stderr.as_str(), ended.stdout.as_str()), ("", ""));
}

#[test]
fn no_output_has_a_whole_number_or_a_secret() {
    let trouble = "strangers = ['+19995550123']\n[[fault]]\ndoes = 'garbage'\nattempts = [1]\n";
    let (_, _, ended) = reported(trouble, &format!("{}vc,+1206555x\n", csv(3)), "-vv");
    ended.exits(3).says("attempt failed");
    for hidden in ["2065550000", "2065550002", "9995550123", chime_sweep::simulator::SECRET_ACCESS_KEY] {
        ended.says_not(hidden);
    }
}

#[test]
fn each_end_has_its_exit_code() {
    let refused = "[[fault]]\ndoes.error = { status = 401 }\n";
    let duplicate = format!("{}vc,{}\n", csv(1), number(0));
    all_at_once::<(&str, &str, &str, i32)>(
        &[
            ("", &csv(2), "", 0),
            ("", &duplicate, "", 0),
            ("", "", "", 1),
            ("", &csv(1), "--no-such-option", 2),
            ("", &csv(1), "--resume --discard", 2),
            ("", &csv(1), "--simulate --region us-east-1", 2),
            ("", "connector,phone\nvc,x\n", "", 3),
            (ONE_REFUSED, &csv(2), "", 3),
            (refused, &csv(2), "", 4),
            (
                "latency = { mean = '200ms' }",
                &csv(20),
                "--batch-size 1 --concurrency 1 --max-duration 300ms",
                4,
            ),
        ],
        |(scenario, file, more, code)| {
            let service = Service::playing(scenario);
            let ended = Job::on(&service, file).sweep(more);
            ended.exits(*code);
            if *code == 4 {
                ended.agrees_with(&service).same(
                    "some are left",
                    ended.counts().contains_key("not_attempted"),
                    true,
                );
            }
        },
    );
}

#[test]
fn a_summary_replaces_a_summary_and_nothing_else() {
    let job = Job::new(csv(3));
    job.command("run numbers.csv --simulate --summary-json numbers.csv")
        .exits(1)
        .says("`numbers.csv` is not a chime-sweep summary; it is not overwritten");
    assert_eq!(job.files(), ["numbers.csv"], "nothing was done");
    for _ in 0..2 {
        job.command("run numbers.csv --simulate --summary-json summary.json").exits(0);
    }
}
