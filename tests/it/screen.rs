//! What the user sees before and during a run, and what is written to the log file.

use std::os::unix::fs::PermissionsExt as _;

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

use super::harness::{Ended, Job, Service, csv, number, skipped};

/// A limit, refused numbers, replies that cannot be read, and an outage: something to log at every level.
const TROUBLE: &str = "strangers = ['+19995550123']\n\
    [[outage]]\nfrom = '0ms'\nto = '400ms'\ndoes.html = { status = 503 }\n\
    [[fault]]\ndoes = 'garbage'\nattempts = [2]\n\
    [[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = 'no'\n";

fn troubled(more: &str) -> (Job, Ended) {
    let service = Service::playing(TROUBLE);
    let job = Job::on(&service, csv(30));
    let ended = job.sweep(&format!("--batch-size 3 {more}"));
    ended.exits(3);
    (job, ended)
}

fn json(lines: &str) -> Vec<serde_json::Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn the_log_file_has_everything_is_private_and_is_appended_to() {
    let (job, ended) = troubled("-vv --log-file night.log");
    let log = job.read("night.log");
    for part in
        ["to remove   30 numbers", "30 rows", "service unavailable since", "attempt failed", "succeeded"]
    {
        ended.check(log.contains(part), &format!("the log has no {part:?}:\n{log}"));
    }
    ended.check(!log.contains('\x1b'), "colors in a file");
    let mode = std::fs::metadata(job.path("night.log")).expect("a file").permissions().mode();
    ended.same("mode", mode & 0o777, 0o600);
    job.command("plan nowhere.csv --log-file night.log").exits(1);
    let longer = job.read("night.log");
    ended.check(longer.starts_with(&log) && longer.contains("error: cannot open `nowhere.csv`"), &longer);
}

#[test]
fn quiet_affects_only_standard_error() {
    let (job, ended) = troubled("--quiet --log-file night.log");
    ended.says_not("to remove").says_not(" of 30 rows").says_not("by connector");
    ended.check(job.read("night.log").contains("to remove   30 numbers"), "the file has it");
}

#[test]
fn json_lines_parse_on_every_output() {
    let (job, ended) = troubled("-vv --log-format json --log-file night.log");
    for (place, text) in [("stderr", &ended.stderr), ("file", &job.read("night.log"))] {
        let lines = json(text);
        let whole = |line: &serde_json::Value| {
            ["timestamp", "level", "message"].iter().all(|field| line[field].is_string())
        };
        ended.check(lines.iter().all(whole), &format!("{place}: a field is missing"));
        let progress = lines.iter().find(|line| line["message"] == "progress");
        ended.check(progress.is_some_and(|line| line["state"] == "outage" && line["rows"] == 30), place);
        ended.check(
            lines.iter().any(|line| line["message"] == "attempt failed" && line["level"] == "DEBUG"),
            place,
        );
    }
    let lines = json(&ended.stderr);
    let field = |name: &str| lines.iter().find(|line| line[name].is_object()).map(|line| line[name].clone());
    ended.check(field("plan").is_some_and(|plan| plan["to_remove"] == 30), "the plan");
    ended.check(field("summary").is_some_and(|summary| summary["rows"]["total"] == 30), "the summary");
    for (command, code) in [
        ("run nowhere.csv --log-format json", 1),
        ("run --log-format=json --no-such-option", 2),
        ("rum --log-format json", 2),
    ] {
        let failed = job.command(command);
        failed.exits(code).same("level", json(&failed.stderr)[0]["level"].as_str(), Some("ERROR"));
    }
}

#[test]
fn no_log_has_a_secret_or_a_whole_number() {
    for format in ["text", "json"] {
        for level in ["", "-v", "-vv"] {
            let (job, ended) = troubled(&format!("{level} --log-file night.log --log-format {format}"));
            for hidden in [
                &number(0)[2..],
                &number(1)[2..],
                &number(29)[2..],
                "9995550123",
                SECRET_ACCESS_KEY,
                ACCESS_KEY_ID,
            ] {
                ended.says_not(hidden);
                ended.check(!job.read("night.log").contains(hidden), &format!("the log has {hidden}"));
            }
        }
    }
}

#[test]
fn a_log_file_that_cannot_be_written_does_not_end_the_run() {
    if !std::path::Path::new("/dev/full").exists() {
        return skipped("there is no `/dev/full`");
    }
    let service = Service::playing("");
    let ended = Job::on(&service, csv(3)).sweep("-vv --log-file /dev/full");
    ended.exits(0).statuses(&["succeeded"; 3]).says("cannot write to the log file `/dev/full`");
    ended.same("complaints", ended.stderr.matches("cannot write to the log file").count(), 1);
    let job = Job::on(&service, csv(3));
    job.sweep("--log-file nowhere/night.log").refused(&job, "cannot open the log file `nowhere/night.log`");
    job.sweep("--log-file numbers.csv").refused(&job, "it is not a chime-sweep log");
    assert_eq!((job.read("numbers.csv"), service.requests()), (csv(3), 1));
}

#[test]
fn colors_are_used_where_they_are_wanted() {
    for (more, variable, expected) in [
        ("", ("NO_COLOR", "1"), false),
        ("--color never", ("CLICOLOR_FORCE", "1"), false),
        ("--color always", ("NO_COLOR", "1"), true),
        ("", ("TERM", "dumb"), false),
    ] {
        let service = Service::playing(TROUBLE);
        let job = Job::on(&service, csv(3)).env(variable.0, variable.1);
        let ended = job.sweep(&format!("-vv {more}"));
        ended.check(ended.stderr.contains('\x1b') == expected, &format!("{more} {variable:?}"));
    }
}

#[test]
fn a_plan_needs_no_credentials_and_names_those_a_run_would_use() {
    let text = "vc_id,phone\nvc,+12065550100\nother,+12065550100\nvc,oops\nvc,12065550100\n";
    let job = Job::new(text);
    let ended = job.command("plan numbers.csv");
    ended.exits(3).same("stderr", ended.stderr.as_str(), "");
    let has = |ended: &Ended, part: &str| {
        ended.check(ended.stdout.contains(part), &format!("no {part:?}"));
    };
    for part in [
        "credentials none are configured",
        "region      none is configured",
        "to remove   2 numbers, in 2 requests",
        "invalid     line 4: InvalidNumber",
        "duplicate   line 5 is the same as line 2",
        "1 number listed under two connectors",
        "lines 2 and 3",
        "at 10 requests per second (assumed",
    ] {
        has(&ended, part);
    }
    let keys = "[night]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hidden\n";
    job.write(".aws/credentials", keys);
    job.write(".aws/config", "[profile night]\nregion = eu-west-2\n[profile role]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = night\n");
    let ended = job.command("plan numbers.csv --profile night --rate 4");
    for part in [
        "key …MPLE, from profile `night` (--profile)",
        "eu-west-2 (profile `night`)",
        "voice-chime.eu-west-2",
    ] {
        has(&ended, part);
    }
    ended.check(!ended.stdout.contains("AKIA") && !ended.stdout.contains("hidden"), "a key");
    let ended = job.command("plan numbers.csv --profile role --region us-west-2");
    has(&ended, "role arn:aws:iam::123456789012:role/ops");
    has(&ended, "us-west-2 (--region)");
    let ended = job.command("plan numbers.csv --profile nobody");
    ended.exits(3);
    has(&ended, "profile `nobody`");
}
