//! Scenario files: the errors for invalid ones, and the correctness of the shipped ones.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Bench, Signer, body, header, noon, scenario, seen};
use crate::simulator::{Delivery, Expect, Scenario, Service};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scenarios");

#[test]
fn a_mistake_is_reported_with_file_and_line() {
    let table = [
        ("seed = 1\nsed = 2", "night.toml:2: unknown field `sed`"),
        ("\n\n[throttle]\nrate = -1", "night.toml:4: `-1` is not a rate from 0 to 1,000,000 requests/s"),
        ("[throttle]\nrate = 5\nbusrt = 9", "night.toml:3: unknown field `busrt`"),
        (
            "[throttle]\nrate = 5\nper_connector = 3",
            "night.toml:3: invalid type: integer `3`, expected a boolean",
        ),
        ("[throttle]\nburst = 9", "night.toml:1: missing field `rate`"),
        ("[[fault]]\ndoes = 'explode'", "night.toml:2: unknown variant `explode`"),
        ("[[fault]]\ndoes.html = { status = 200 }", "night.toml:2: `200` is not a status from 400 to 599"),
        ("[[fault]]\ndoes = 'drop'\np = 1.5", "night.toml:3: `1.5` is not a share from 0 to 1"),
        (
            "[latency]\nmean = '5 parsecs'",
            "night.toml:2: `5 parsecs` is not a duration such as `250ms`, `10s` or `1h 30m`",
        ),
        ("[latency]\nmean = '-5s'", "night.toml:2: `-5s` is negative"),
        ("poison = ['+12065550100', '+1x']", "night.toml:1: entry 2 is not a phone number: it contains"),
        ("seed = ", "night.toml:1: "),
        ("latency.jitter = '1s'", "night.toml: `latency.jitter` is more than `latency.mean`"),
        ("[[outage]]\nfrom = '2s'\nto = '1s'\ndoes = 'drop'", "night.toml: `outage` 1 ends before it begins"),
        ("[[fault]]\ndoes = 'cut'\napplied = false", "night.toml: `fault` 1: `cut` alters the reply"),
        (
            "[[connector]]\nid = 'a'\n[[connector]]\nid = 'a'",
            "night.toml: two `connector` tables have the same id",
        ),
        ("[[group]]\nid = 'a'\n[[group]]\nid = 'a'", "night.toml: two `group` tables have the same id"),
        ("[[unassigned]]\nid = 'a'", "night.toml: an `unassigned` or `deleted` table has no id"),
        ("[[deleted]]\nid = 'a'", "night.toml: an `unassigned` or `deleted` table has no id"),
        ("[[deleted]]\ndetails.kind = 'a'", "night.toml:2: unknown field `kind`"),
        ("page_limit = 0", "night.toml: `page_limit` is not from 1 to 100"),
        ("page_limit = 101", "night.toml: `page_limit` is not from 1 to 100"),
        ("stale_listing = 10", "night.toml:1: invalid type: integer `10`, expected a string"),
        ("[[fault]]\ndoes = 'drop'\noperation = 'remove'", "night.toml:3: unknown variant `remove`"),
        ("[[connector]]\nid = 'a'\nnumbers_file = 'none.txt'", "cannot read `none.txt`"),
    ];
    for (text, wanted) in table {
        let message = Scenario::from_toml(text, Path::new("night.toml")).unwrap_err().to_string();
        assert!(message.starts_with(wanted), "{text}\n{message}");
    }
}

#[test]
fn a_connector_gathers_numbers_from_the_list_the_range_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("more.txt"), "+4930123456\n\n 12065550200\n").unwrap();
    let text = "[[connector]]\nid = 'a'\nnumbers = ['+331']\nnumbers_file = 'more.txt'\nfirst = '+12065550198'\ncount = 2";
    let read = Scenario::from_toml(text, &folder.path().join("night.toml")).unwrap();
    let numbers: Vec<String> =
        read.connectors[0].numbers.iter().map(|number| number.e164().to_string()).collect();
    assert_eq!(numbers, ["+331", "+4930123456", "+12065550200", "+12065550198", "+12065550199"]);
    std::fs::write(folder.path().join("more.txt"), "+4930123456\n1\n").unwrap();
    let message = Scenario::from_toml(text, &folder.path().join("night.toml")).unwrap_err().to_string();
    assert!(message.ends_with("more.txt:2: this is not a phone number: it is too short for an E.164 number, which has 2 to 15 digits"), "{message}");
}

#[test]
fn debug_shows_no_secret_and_no_number() {
    let text = "poison = ['+12065550100']\n[[key]]\naccess_key_id = 'A'\nsecret_access_key = 'hush'\nsession_token = 'hush'";
    let mut bench = Bench::new(text);
    let signer = Signer { key: "A", secret: "hush", token: Some("hush"), ..Signer::default() };
    let address = "/voice-connectors/abc?operation=disassociate-phone-numbers";
    assert_eq!(seen(bench.ask(&signer.sign("POST", address, &body(&["+12065550101"])), 0)).0, 200);
    for shown in [format!("{:?}", scenario(text)), format!("{:?}", bench.0.ledger())] {
        assert!(!shown.contains("hush") && !shown.contains("206555"), "{shown}");
    }
}

/// The scenarios that are shipped, by name.
fn shipped() -> BTreeMap<String, Scenario> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let file = entry.unwrap().path();
        let name = file.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned();
        Some((name, Scenario::from_toml(&std::fs::read_to_string(&file).unwrap(), &file).unwrap()))
    };
    std::fs::read_dir(FOLDER).unwrap().filter_map(read).collect()
}

/// The outcome of a number whose client never gives up, and sends it alone.
fn outcome(
    service: &mut Service,
    signer: &Signer<'_>,
    connector: &str,
    number: &str,
    time: &mut Duration,
) -> &'static str {
    let address = format!("/voice-connectors/{connector}?operation=disassociate-phone-numbers");
    let request = signer.sign("POST", &address, &body(&[number]));
    let mut sent_before = false;
    for _ in 0..1_000 {
        *time += Duration::from_millis(40);
        let (Delivery::Reply(response) | Delivery::Drip(response, _)) =
            service.answer(&request, noon(), *time).delivery
        else {
            sent_before = true;
            continue;
        };
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let errors = body["PhoneNumberErrors"].as_array();
        let about = |code: &str| {
            let mut errors = errors.into_iter().flatten();
            let id = |error: &Value| error["PhoneNumberId"].to_string().contains(&number.replace('+', ""));
            errors.any(|error| id(error) && error["ErrorCode"] == code)
        };
        match (response.status().as_u16(), header(&response, "x-amzn-errortype")) {
            (200, _) if about("Throttled") || about("ServiceUnavailable") => {}
            (200, _) if about("Forbidden") => return "failed",
            (200, _) if about("NotFound") && !sent_before => return "failed",
            (200, _) if errors.is_some() => return "succeeded",
            (403, "ExpiredTokenException") => return "not attempted",
            (400 | 403 | 404, _) => return "failed",
            _ => {}
        }
        sent_before = true;
    }
    panic!("{number} never gets an answer that settles it");
}

#[test]
fn every_shipped_scenario_ends_as_it_says_for_a_patient_client() {
    let scenarios = shipped();
    let names: Vec<&str> = scenarios.keys().map(String::as_str).collect();
    let all = [
        "calm",
        "connector-limits",
        "cruel",
        "errors",
        "evening",
        "expired-credentials",
        "expiring-credentials",
        "lanes",
        "outage",
        "rough-night",
        "throttled",
    ];
    assert_eq!(names, all);
    for (name, scenario) in scenarios {
        assert!(!scenario.description.is_empty(), "{name}");
        let Some(expect) = scenario.expect.clone() else { continue };
        let signer = Signer { time: noon() + scenario.clock_offset, ..Signer::default() };
        let (mut service, mut time) = (Service::new(scenario), Duration::ZERO);
        let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
        let mut seen = HashSet::new();
        let mut rows = csv::Reader::from_path(Path::new(FOLDER).join(&expect.input)).unwrap();
        for row in rows.records() {
            let row = row.unwrap();
            let outcome = if seen.insert((row[1].to_owned(), row[2].to_owned())) {
                outcome(&mut service, &signer, &row[1], &row[2], &mut time)
            } else {
                "duplicate"
            };
            *tally.entry(outcome).or_default() += 1;
        }
        let count = |outcome: &str| tally.get(outcome).copied().unwrap_or(0);
        let met = Expect {
            succeeded: count("succeeded"),
            failed: count("failed"),
            not_attempted: count("not attempted"),
            duplicate: count("duplicate"),
            unknown: 0,
            invalid: 0,
            ..expect.clone()
        };
        assert_eq!(met, expect, "{name}");
        assert_eq!(service.tally().applied, expect.succeeded, "{name}: what succeeded was applied, once");
    }
}
