//! `plan --check` and `run --check`: where the numbers are, before anything is sent.

use super::harness::{Ended, Job, Service, all_at_once, csv, number};

const WORLD: &str = "\
[[connector]]\nid = 'one'\nfirst = '+12065550000'\ncount = 6\n\
[[connector]]\nid = 'two'\nnumbers = ['+12065550100', '+12065550200', '+12065550201']\n\
[[group]]\nid = 'grp'\nnumbers = ['+12065550300', '+12065550201']\n\
[[sip_rule]]\nid = 'rule'\nnumbers = ['+12065550400', '+12065550200']\n\
[[unassigned]]\nnumbers = ['+12065550500']\n\
[[deleted]]\nnumbers = ['+12065550600']\n";

/// A row for each place, with the code of the row that is not sent and with what `before` says.
const ROWS: [(&str, &str, &str, &str); 12] = [
    ("one", "+12065550000", "", "on_connector"),
    ("one", "+12065550001", "", "on_connector"),
    ("one", "+12065550002", "", "on_connector"),
    ("one", "+12065550100", "NotFound", "on_another:two"),
    ("one", "+12065550300", "VoiceConnectorGroupAssociationsExist", "in_group:grp"),
    ("one", "+12065550400", "PhoneNumberAssociationsExist", "on_sip_rule:rule"),
    ("one", "+12065550500", "NotFound", "unassigned"),
    ("one", "+12065550600", "NotFound", "in_deletion_queue"),
    ("one", "+12065550700", "NotFound", "not_in_account"),
    ("two", "+12065550200", "PhoneNumberAssociationsExist", "on_sip_rule:rule"),
    ("two", "+12065550201", "VoiceConnectorGroupAssociationsExist", "in_group:grp"),
    ("three", "+12065550003", "NotFound", "on_another:one"),
];

fn file() -> String {
    let lines = ROWS.iter().map(|(connector, number, ..)| format!("{connector},{number}\n"));
    "voice_connector_id,phone_number\n".to_owned() + &lines.collect::<String>()
}

fn plan(job: &Job, service: &Service, more: &str) -> Ended {
    job.command(&format!("plan numbers.csv --check --endpoint-url {} {more}", service.url()))
}

#[test]
fn a_plan_says_where_each_number_is() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, file());
    let ended = plan(&job, &service, "");
    ended.exits(3);
    for line in [
        "to remove   3 numbers, in 1 request",
        "found       3 on their connector\n",
        "found       2 on another connector (one: 1, two: 1), not sent (line 5, …)",
        "found       2 in a connector group (grp: 2), not sent (line 6, …)",
        "found       2 on a SIP rule (rule: 2), not sent (line 7, …)",
        "found       1 on no connector, not sent (line 8)",
        "found       1 in the deletion queue, not sent (line 9)",
        "found       1 not in this account and region, not sent (line 10)",
        "missing     connector three does not exist here",
    ] {
        ended.prints(line);
    }
    ended.same("requests", service.requests(), 2).same("changes", service.changes(), []);
    ended.same("files", job.files(), ["numbers.csv"]);
    let json: serde_json::Value = serde_json::from_str(&plan(&job, &service, "--json").stdout).expect("JSON");
    let check = &json["check"];
    assert_eq!(check["numbers"]["on_connector"], 3, "{check:#}");
    assert_eq!(check["missing_connectors"], serde_json::json!(["three"]), "{check:#}");
    assert_eq!(check["not_sent"].as_array().map(Vec::len), Some(9), "{check:#}");
    let ended = plan(&job, &service, "--only-connector two --limit 1");
    ended
        .exits(3)
        .prints("found       1 on a SIP rule")
        .prints("not sent    10 left out by --only-connector");
    ended.check(!ended.stdout.contains("missing"), "a connector that is left out is not asked for");
    // Without a connection to the service, a plan reads only the file.
    let asked = service.requests();
    job.command("plan numbers.csv").exits(0).prints("to remove   12 numbers");
    assert_eq!(service.requests(), asked);
    let stdin = format!("plan - --check --endpoint-url {}", service.url());
    job.command_with_stdin(&stdin, file().as_bytes()).exits(3).prints("found       3 on their connector");
}

#[test]
fn a_run_sends_only_what_is_there() {
    for (more, not_found) in [("--check", "failed"), ("--check --not-found-is-success", "succeeded")] {
        let service = Service::playing(WORLD);
        let job = Job::on(&service, file());
        let ended = job.sweep(more);
        ended.exits(3).says("missing     connector three").says("to remove   3 numbers");
        let mut codes = ROWS.map(|row| row.2);
        if not_found == "failed" {
            codes[11] = "NotFoundException"; // the connector, not only the number
        }
        ended.column_is("before", &ROWS.map(|row| row.3)).column_is("error_code", &codes);
        ended.statuses(&ROWS.map(|(_, _, code, _)| match code {
            "" => "succeeded",
            "NotFound" => not_found,
            _ => "failed",
        }));
        ended.same("sent", service.applied(), [number(0), number(1), number(2)]);
        let attempts = ended.column("attempts");
        assert_eq!(attempts.iter().filter(|cell| *cell == "1").count(), 3, "{attempts:?}");
        let rows = ended.rows();
        ended.same("message", &*rows[3]["error_message"], "not sent: found on another connector, `two`");
        let absent = "; the connector does not exist in this account and region";
        ended.check(rows[11]["error_message"].ends_with(absent), absent);
        ended.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
    }
}

#[test]
fn what_changed_since_is_seen_by_a_rerun() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "voice_connector_id,phone_number\none,+12065550100\none,+12065550000\n");
    job.sweep("--check").exits(3).statuses(&["failed", "succeeded"]);
    let again = service.stop();
    let service = again("[[connector]]\nid = 'one'\nnumbers = ['+12065550100']\n");
    let ended = job.rerun("--check");
    ended.exits(0).statuses(&["succeeded"; 2]).column_is("before", &["on_connector"; 2]);
    ended.same("sent", service.applied(), ["+12065550100"]);
}

#[test]
fn a_trial_looks_up_only_what_it_may_send() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, file());
    let ended = job.sweep("--check --limit 4");
    ended.exits(3).same("before", &ended.column("before")[2..5], ["on_connector", "on_another:two", ""]);
    ended.same("error_code", &ended.column("error_code")[2..5], ["", "NotFound", "LeftOut"]);
}

#[test]
fn an_unknown_row_is_settled_by_looking() {
    let lost = "[[fault]]\noperation = 'disassociate'\ndoes = 'drop'\nattempts = [1]\n";
    for applied in [true, false] {
        let service = Service::playing(&format!("{WORLD}{lost}applied = {applied}\n"));
        let job = Job::on(&service, "voice_connector_id,phone_number\none,+12065550000\n");
        job.sweep("--max-attempts 1").exits(3).statuses(&["unknown"]);
        let ended = job.rerun("--check");
        ended.exits(0).statuses(&["succeeded"]).column_is("error_code", &[""]);
        ended.same("removed", service.applied().len(), 1);
        ended.same("was sent again", ended.stderr.contains("found       1 on their connector"), !applied);
    }
}

#[test]
fn what_cannot_be_looked_up_is_not_sent() {
    let denied = "[[fault]]\noperation = 'list'\n\
                  does.error = { status = 403, code = 'AccessDeniedException', message = 'not authorized' }\n";
    let down = "[[fault]]\noperation = 'list'\ndoes = 'drop'\n";
    let cases: [(&str, i32, &[&str]); 3] = [
        (denied, 1, &["does not allow these credentials", "`chime:ListPhoneNumbers` is needed"]),
        (down, 4, &["--give-up-after"]),
        ("repeat_token = true\n", 1, &["the same page token twice"]),
    ];
    all_at_once(&cases, |(scenario, code, says)| {
        // What stands at the top of a scenario comes before its tables.
        let scenario = match scenario.starts_with('[') {
            true => format!("{WORLD}{scenario}"),
            false => format!("{scenario}{WORLD}"),
        };
        for command in ["run", "plan"] {
            let service = Service::playing(&scenario);
            let job = Job::on(&service, file());
            let more = "--give-up-after 100ms";
            let ended = match command {
                "run" => job.sweep(&format!("--check {more}")),
                _ => plan(&job, &service, more),
            };
            ended.exits(*code).says_all(says).same("files", job.files(), ["numbers.csv"]);
            ended.same("changes", service.changes(), []);
            if command == "run" {
                ended.says("nothing was sent");
            }
        }
    });
}

/// So many that all are seen only by reading the whole list.
const MANY: &str = "[[connector]]\nid = 'big'\nfirst = '+12060000000'\ncount = 900\n";

#[test]
fn a_throttled_service_is_looked_up_at_its_pace() {
    let service = Service::playing(&format!("{WORLD}{MANY}[throttle]\nrate = 50\nburst = 1\n"));
    let job = Job::on(&service, file());
    job.sweep("--check").exits(3).column_is("before", &ROWS.map(|row| row.3));
}

#[test]
fn a_signal_ends_the_look_up_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let service = Service::playing(&format!("{WORLD}[latency]\nmean = '50s'\n"));
        let job = Job::on(&service, file());
        let running = job.start_sweep("--check");
        service.wait_for_requests(1);
        running.signal(signal);
        running.end().exits(code).says("nothing was sent");
        assert_eq!(job.files(), ["numbers.csv"]);
    }
}

#[test]
fn quiet_and_json_runs_look_up_too() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, file());
    let ended = job.sweep("--check --log-format json");
    let lines = ended.exits(3).stderr.lines();
    let lines: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let check = lines.iter().find_map(|line| line.get("plan")).map(|plan| &plan["check"]["numbers"]);
    assert_eq!(check.map(|numbers| &numbers["on_connector"]), Some(&3.into()), "{}", ended.stderr);
    let ended = job.sweep("--check --quiet --overwrite");
    ended.exits(3).says_not("found ").says("12 rows: 12 failed").same("stdout", &*ended.stdout, "");
}

#[test]
fn many_numbers_take_few_requests() {
    let service = Service::playing("[[connector]]\nid = 'vc'\nfirst = '+12065550000'\ncount = 1000\n");
    let job = Job::on(&service, csv(1000));
    plan(&job, &service, "").exits(0).prints("found       1,000 on their connector");
    assert!(service.requests() <= 11, "{}", service.requests());
}
