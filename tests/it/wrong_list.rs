//! A list of which nothing works: it is for another account or region, or an old one.

use std::collections::BTreeSet;

use super::harness::{Job, Service, csv, csv_of_three, number, wait_until};

/// Every number is unknown to the service.
const NOTHING_FOUND: &str = "[[number_error]]\ncode = 'NotFound'\np = 1.0\n";

#[test]
fn a_run_in_which_every_number_is_unknown_stops_and_says_why() {
    let service = Service::playing(NOTHING_FOUND);
    let job = Job::on(&service, csv(5_000));
    let ended = job.sweep("--concurrency 2");
    ended.exits(4).agrees_with(&service);
    ended.says("stopped early: the first 200 rows that were sent all failed alike, as with the wrong list, account or");
    ended.says_all(&[
        "last error: NotFound\n",
        "hint: nothing was changed",
        "--max-failures 100%",
        "to continue with",
    ]);
    let count = |status: &str, code: &str| {
        ended.rows().iter().filter(|row| row["status"] == status && row["error_code"] == code).count()
    };
    let failed = count("failed", "NotFound");
    ended.check((200..=300).contains(&failed), &format!("{failed} were sent"));
    ended.same("not sent", count("not_attempted", "WrongList"), 5_000 - failed);
    let record: serde_json::Value = serde_json::from_str(&job.read("numbers.report.json")).expect("JSON");
    ended.check(record.to_string().contains("\"stopped\":\"wrong_list\""), "the record does not say so");
    job.command("status numbers.report.csv").exits(4).prints("wrong list");
    // The list is right all the same: its numbers were removed before.
    let rest = job.rerun("--max-failures 100%");
    rest.exits(3).same("failed", rest.counts()["failed"], 5_000);
}

#[test]
fn a_list_is_in_doubt_only_if_all_fail_alike_and_nobody_says_how_many_may() {
    let two_codes =
        format!("{NOTHING_FOUND}[[number_error]]\ncode = 'Forbidden'\np = 1.0\nconnector = 'vc1'\n");
    let two_codes = two_codes.replacen("p = 1.0", "p = 1.0\nconnector = 'vc0'", 1);
    for (scenario, rows, more) in [
        (NOTHING_FOUND, csv(199), ""),
        (NOTHING_FOUND, csv(600), "--max-failures 600"),
        (NOTHING_FOUND, csv(600), "--max-failures 100%"),
        (&*two_codes, csv_of_three(600).replace("vc2,", "vc1,"), ""),
    ] {
        let service = Service::playing(scenario);
        let sent = rows.lines().count() as u64 - 1;
        let ended = Job::on(&service, rows).sweep(more);
        ended.exits(3).same("failed", ended.counts()["failed"], sent);
    }
}

/// Of a connector that is refused as a whole, only its first request counts: 150 rows of three connectors, 200 of four.
#[test]
fn connectors_that_are_unknown_are_a_wrong_list_too() {
    let unknown = "[[fault]]\ndoes.error = { status = 404, code = 'NotFoundException' }\n";
    for (connectors, code) in [(3, 3), (6, 4)] {
        let service = Service::playing(unknown);
        let row = |n: usize| format!("vc{},{}\n", n % connectors, number(n));
        let rows: String = (0..1800).map(row).collect();
        let ended = Job::on(&service, format!("voice_connector_id,phone_number\n{rows}")).sweep("");
        ended.exits(code).check(ended.stderr.contains("the wrong list") == (code == 4), "the wrong reason");
    }
}

/// A report with a success has shown that the list is right.
#[test]
fn what_has_worked_before_is_no_wrong_list() {
    let service = Service::playing(NOTHING_FOUND);
    let job = Job::on(&service, "");
    let row = |(at, line): (usize, &str)| match at {
        0 => format!("{line},status,error_code,error_message\n"),
        1 => format!("{line},succeeded,,\n"),
        _ => format!("{line},failed,NotFound,no\n"),
    };
    job.write("numbers.report.csv", csv(600).lines().enumerate().map(row).collect::<String>());
    let ended = job.rerun("");
    ended.exits(3).same("failed", ended.counts()["failed"], 599);
    // Those successes were elsewhere.
    job.rerun("--other-target").exits(4).says("the wrong list");
}

/// So has a journal: the first number was removed before the process was killed, and the service refuses all others.
#[test]
fn a_resumed_run_that_has_removed_a_number_goes_on() {
    let refused: Vec<_> = (1..600).map(|n| format!("'{}'", number(n))).collect();
    let refused = format!("[[number_error]]\ncode = 'Conflicting'\nnumbers = [{}]\n", refused.join(", "));
    let service = Service::playing(&format!("latency = {{ mean = '60ms' }}\n{refused}"));
    let job = Job::on(&service, csv(600));
    let running = job.start_sweep("--batch-size 1 --concurrency 1");
    let journal = || std::fs::read_to_string(job.journal()).unwrap_or_default();
    wait_until("a row is settled", || journal().contains("\"succeeded\""));
    running.kill();
    // Without a row in doubt, which would settle the matter otherwise.
    let whole = journal().rsplit_once('\n').expect("lines").0.to_owned();
    let rows = |kind: &str| -> BTreeSet<u64> {
        let entries =
            whole.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let rows = entries.filter_map(|entry| entry[kind]["rows"].as_array().cloned());
        rows.flatten().filter_map(|row| row.as_u64()).collect()
    };
    let open: Vec<_> = rows("intent").difference(&rows("settled")).copied().collect();
    std::fs::write(job.journal(), format!("{whole}\n{{\"released\":{{\"rows\":{open:?}}}}}\n"))
        .expect("writes");
    let ended = job.sweep("--resume");
    ended.exits(3).agrees_with(&service).same("failed", ended.counts()["failed"], 599);
}
