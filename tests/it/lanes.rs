//! Several accounts and regions in one run: each is paced, held up and stopped by itself, and one report tells of all.

use std::fmt::Write as _;
use std::time::Duration;

use super::harness::{Job, Row, Service, number, rows, wait_until};

const REPORT: &str = "numbers.report.csv";
const SMALL: &str = "--batch-size 5 --concurrency 2";

fn region(lane: usize) -> String {
    format!("xx-north-{lane}")
}

/// `count` rows in turn in as many regions, on two connectors, whose ids are the same in all regions.
fn in_regions(regions: usize, count: usize) -> String {
    (0..count).fold("voice_connector_id,phone_number,region\n".to_owned(), |mut csv, n| {
        let _ = writeln!(csv, "vc{},{},{}", n / regions % 2, number(n), region(n % regions));
        csv
    })
}

/// The rows of a report on such an input. Each row is there once, and none contradicts the ledger of its own region.
fn true_rows(job: &Job, service: &Service, report: &str) -> Vec<Row> {
    let (input, report) = (job.read("numbers.csv"), job.read(report));
    // The input's own column `region` and the report's are the same for what was sent.
    let rows = rows(&report);
    assert_eq!(report.lines().count(), input.lines().count());
    for (row, own) in report.lines().zip(input.lines()) {
        assert!(row.starts_with(&format!("{own},")), "{row} is not {own}");
    }
    let gone: Vec<_> = service.ledger().numbers.into_iter().filter(|record| !record.associated).collect();
    for row in &rows {
        let is_it = |record: &&chime_sweep::simulator::NumberRecord| {
            record.number.e164().to_string() == row["phone_number"]
                && *record.connector == row["voice_connector_id"]
        };
        let gone = gone.iter().find(is_it);
        let is_true = match &*row["status"] {
            "succeeded" => gone.is_some_and(|record| *record.region == row["region"]),
            "unknown" => true,
            _ => gone.is_none(),
        };
        assert!(is_true, "{row:?}, but the ledger says {gone:?}");
    }
    rows
}

fn statuses(rows: &[Row], lane: usize) -> Vec<&str> {
    let region = region(lane);
    rows.iter().filter(|row| row["region"] == region).map(|row| &*row["status"]).collect()
}

/// The first region refuses the keys after a while, the second is out; the third goes on to its end.
#[test]
#[cfg(unix)]
fn what_holds_one_up_does_not_hold_up_another() {
    let [first, second, third] = [0, 1, 2].map(region);
    let service = Service::playing(&format!(
        "[latency]\nmean = '10ms'\n\
         [[lane]]\nregion = '{first}'\n\
         [[lane.fault]]\nnumber = '{}'\ndoes.error = {{ status = 403, code = 'ExpiredTokenException' }}\n\
         [[lane]]\nregion = '{second}'\n\
         [[lane.outage]]\nfrom = '0s'\nto = '1h'\ndoes.error = {{ status = 503 }}\n",
        number(150)
    ));
    let job = Job::on(&service, in_regions(3, 300));
    let running = job.start_sweep(SMALL);
    let of_third =
        || service.ledger().numbers.iter().filter(|it| !it.associated && *it.region == third).count();
    wait_until("the third region is done", || of_third() == 100);
    running.signal("INT");
    let ended = running.end();
    let rows = true_rows(&job, &service, REPORT);
    ended.exits(130).same("the third", statuses(&rows, 2), vec!["succeeded"; 100]);
    let is_open = |status: &&str| ["unknown", "not_attempted"].contains(status);
    ended.check(statuses(&rows, 1).iter().all(is_open), "the second was out");
    ended.says(&format!("account{{name=\"{second}\"}}: everything fails"));
    ended.says(&format!("account{{name=\"{first}\"}}: the service refuses the credentials"));
    let refused: Vec<_> =
        rows.iter().filter(|row| row["region"] == first && row["status"] != "succeeded").collect();
    ended.check(!refused.is_empty(), "the keys of the first were refused");
    for row in refused {
        ended.same("why", (&*row["status"], &*row["error_code"]), ("not_attempted", "CredentialsRefused"));
    }
    ended.says(&format!("{third}: 100 succeeded"));
    // What is left is done by a rerun, which asks only where something is left.
    let service = service.stop()("");
    let before = service.requests();
    let rerun = job.rerun(SMALL);
    let asked_third = service.ledger().numbers.iter().filter(|it| *it.region == third).count();
    rerun.exits(0).same("asked in the third", asked_third, 0);
    rerun.check(service.requests() > before, "the rest was sent");
}

/// Random faults, limits that differ, and a process that is killed again and again: nothing is done twice or lost.
#[test]
fn a_run_in_twelve_regions_that_is_killed_forty_times_ends_with_a_true_report() {
    let mut scenario = "[latency]\nmean = '20ms'\njitter = '10ms'\n\
         [[fault]]\ndoes = 'drop'\napplied = true\np = 0.05\n[[fault]]\ndoes.error = { status = 503 }\np = 0.05\n"
        .to_owned();
    for lane in 0..12 {
        let rate = 5 + 4 * lane;
        let _ = writeln!(
            scenario,
            "[[lane]]\nregion = '{}'\nthrottle = {{ rate = {rate}, burst = 3 }}",
            region(lane)
        );
    }
    let service = Service::playing(&scenario);
    let job = Job::on(&service, in_regions(12, 6_000));
    let arguments = "--batch-size 10 --concurrency 2 --max-attempts 8 --resume";
    let mut random = fastrand::Rng::with_seed(12);
    for kill in 0..40 {
        let before = service.requests();
        let mut running = job.start_sweep(arguments);
        if kill % 2 == 0 {
            service.wait_for_requests(before + random.u64(1..20));
        }
        std::thread::sleep(Duration::from_micros(random.u64(0..40_000))); // there is no event to wait for
        assert!(!running.has_ended(), "done after {kill} kills: the job is too small\n{}", running.stderr());
        running.kill();
    }
    let ended = job.sweep("--resume --batch-size 50");
    let rows = true_rows(&job, &service, REPORT);
    ended.same("succeeded", rows.iter().filter(|row| row["status"] == "succeeded").count(), 6_000).exits(0);
    let twice = service.ledger().numbers.iter().filter(|record| record.applied > 1).count();
    ended.same("removed twice", twice, 0);
}

/// Every region has all the numbers on the same connectors: what is done to one must be done where its row says.
#[test]
fn numbers_are_looked_up_verified_and_put_back_where_they_were() {
    let of_connector = |connector: usize| {
        let numbers = (0..90).filter(|n| n / 3 % 2 == connector).map(|n| format!("'{}'", number(n)));
        format!(
            "[[connector]]\nid = 'vc{connector}'\nnumbers = [{}]\n",
            numbers.collect::<Vec<_>>().join(", ")
        )
    };
    let service = Service::playing(&format!("{}{}", of_connector(0), of_connector(1)));
    let job = Job::on(&service, in_regions(3, 90));
    let plan = job.command(&format!("plan numbers.csv --check --endpoint-url {}", service.url()));
    plan.exits(0).prints("found       90 on their connector").prints(&format!("{}  30 numbers", region(1)));
    job.sweep("--check --verify --batch-size 7").exits(0).says("verified: 90 off");
    let rows = true_rows(&job, &service, REPORT);
    assert!(
        rows.iter().all(|row| row["status"] == "succeeded" && row["before"] == "on_connector"),
        "{rows:?}"
    );
    let is_off = |row: &Row| {
        let ledger = service.ledger();
        let mut numbers =
            ledger.inventory.iter().filter(|it| it.number.e164().to_string() == row["phone_number"]);
        numbers.all(|it| it.connector.is_none() == (*it.region == *row["region"]))
    };
    assert!(rows.iter().all(is_off), "only in its own region");
    job.take("undo", "--yes").exits(0);
    assert!(!rows.iter().any(is_off), "each is back where it was");
    let undone = rows_of(&job, "numbers.report.undo.csv");
    assert!(
        undone.iter().all(|row| row["status"] == "succeeded" && row["action"] == "associate"),
        "{undone:?}"
    );
    job.command(&format!("verify {REPORT} --endpoint-url {}", service.url())).exits(3).says("90 still_on");
}

/// A row whose region is another than where it was sent is not sent again without a word.
#[test]
fn a_region_that_was_edited_is_not_believed() {
    let service = Service::playing("[[number_error]]\ncode = 'Forbidden'\np = 1\n");
    let job = Job::on(&service, in_regions(2, 6));
    job.sweep("").exits(3);
    let report =
        job.read(REPORT).replacen(&format!("{},failed", region(0)), &format!("{},failed", region(1)), 1);
    job.write(REPORT, &report);
    job.rerun("").exits(3);
    let codes: Vec<_> = rows_of(&job, REPORT).into_iter().map(|row| row["error_code"].clone()).collect();
    assert_eq!(codes, ["Edited", "Forbidden", "Forbidden", "Forbidden", "Forbidden", "Forbidden"]);
}

fn rows_of(job: &Job, report: &str) -> Vec<Row> {
    rows(&job.read(report))
}
