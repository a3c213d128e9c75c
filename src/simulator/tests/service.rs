//! The calls, the rate limit, the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::{Bench, Signer, body, codes, disassociate, header, pair, reply, seen};
use crate::simulator::Action;

const TWO: [&str; 2] = ["+12065550100", "+12065550101"];

#[test]
fn an_open_world_knows_every_number_once() {
    let mut bench = Bench::new("");
    assert_eq!(bench.call("abc", &TWO), (200, r#"{"PhoneNumberErrors":[]}"#.to_owned()));
    assert_eq!(bench.call("other", &TWO[..1]).1, r#"{"PhoneNumberErrors":[]}"#);
    assert_eq!(codes(&bench.call("abc", &TWO[1..]).1), [pair(TWO[1], "NotFound")]);
    assert_eq!(bench.call("abc", &[]).0, 200);
    let ledger = bench.0.ledger();
    let applied: Vec<_> = ledger
        .applications
        .iter()
        .map(|entry| (entry.connector.as_deref().unwrap(), entry.number.e164().to_string(), entry.request))
        .collect();
    assert_eq!(
        applied,
        [("abc", TWO[0].to_owned(), 1), ("abc", TWO[1].to_owned(), 1), ("other", TWO[0].to_owned(), 2)]
    );
    let state: Vec<_> = ledger
        .numbers
        .iter()
        .map(|record| (&*record.connector, record.asked, record.applied, record.associated))
        .collect();
    assert_eq!(state, [("abc", 1, 1, false), ("abc", 2, 1, false), ("other", 1, 1, false)]);
}

#[test]
fn answers_are_written_as_the_scenario_says() {
    let table = [
        ("unassociated = 'accepted'", vec![]),
        ("id_form = 'bare'", vec![pair("12065550100", "NotFound")]),
        ("id_form = 'percent'", vec![pair("%2B12065550100", "NotFound")]),
        ("strangers = ['+4930123456']", vec![pair(TWO[0], "NotFound"), pair("+4930123456", "Forbidden")]),
    ];
    for (text, wanted) in table {
        let mut bench = Bench::new(text);
        bench.call("abc", &TWO[..1]);
        assert_eq!(codes(&bench.call("abc", &TWO[..1]).1), wanted, "{text}");
    }
}

#[test]
fn whole_calls_are_refused_and_change_nothing() {
    let text = "forbidden = ['secret']\nmissing = ['gone']\npoison = ['+12065550101']\nbatch_limit = 2\n[[connector]]\nid = 'abc'\nnumbers = ['+12065550100', '+12065550102']";
    let mut bench = Bench::new(text);
    let good = body(&TWO[..1]);
    let (poisoned, long) = (body(&TWO), body(&["+12065550100", "+12065550102", "+12065550103"]));
    let malformed = ["+02065550100", "%2B12065550100", "+1 2065550100", "+1234567890123456", "+1"]
        .map(|number| body(&[number]));
    let mut table = vec![
        ("POST", "/voice-connectors/secret!", good.as_str(), 403, "ForbiddenException"),
        ("POST", "/voice-connectors/gone!", &good, 404, "NotFoundException"),
        ("POST", "/voice-connectors/missing!", &good, 404, "NotFoundException"),
        ("POST", "/voice-connectors/%20!", &good, 404, "UnknownOperationException"),
        ("PUT", "/voice-connectors/abc!", &good, 404, "UnknownOperationException"),
        ("POST", "/voice-connectors/abc", &good, 404, "UnknownOperationException"),
        ("GET", "/phone-numbers?max-results=0", "", 400, "BadRequestException"),
        ("GET", "/phone-numbers?next-token=7", "", 400, "BadRequestException"),
        ("GET", "/phone-numbers/+12065550199", "", 404, "NotFoundException"),
    ];
    let bodies = ["", "{}", r#"{"E164PhoneNumbers":null}"#, &poisoned, &long]
        .into_iter()
        .chain(malformed.iter().map(String::as_str));
    table.extend(bodies.map(|body| ("POST", "/voice-connectors/abc!", body, 400, "BadRequestException")));
    for (method, address, body, status, name) in table {
        let address = address.replace('!', "?operation=disassociate-phone-numbers");
        let response = reply(bench.ask(&Signer::default().sign(method, &address, body), 0));
        let got = (response.status().as_u16(), header(&response, "x-amzn-errortype"));
        assert_eq!(got, (status, name), "{method} {address} {body}");
        let text: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(text["Code"], name);
        assert!(!text["Message"].as_str().unwrap().contains("2065550"), "a message names no number: {text}");
        assert!(header(&response, "x-amzn-requestid").starts_with("sim-"));
    }
    assert_eq!(bench.applied(), 0);
    assert_eq!(bench.call("abc", &["12065550100", "+12065550102"]).1, r#"{"PhoneNumberErrors":[]}"#);
}

#[test]
fn a_closed_world_can_be_listed_and_changed() {
    let mut bench =
        Bench::new("[[connector]]\nid = 'a'\nfirst = '+12065550100'\ncount = 5\n[[connector]]\nid = 'b'");
    let mut ask = |method: &str, address: &str, body: &str| -> Value {
        let (status, text) = seen(bench.ask(&Signer::default().sign(method, address, body), 0));
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let mut page = |token: &str| {
        let query = format!("filter-name=VoiceConnectorId&filter-value=a&max-results=2{token}");
        let page = ask("GET", &format!("/phone-numbers?{query}"), "");
        let numbers = page["PhoneNumbers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|number| number["E164PhoneNumber"].as_str().unwrap()[9..].to_owned());
        (numbers.collect::<Vec<_>>(), page["NextToken"].as_str().map(|token| format!("&next-token={token}")))
    };
    let (first, token) = page("");
    let (second, token) = page(&token.unwrap());
    let (third, token) = page(&token.unwrap());
    assert_eq!([first, second, third], [vec!["100", "101"], vec!["102", "103"], vec!["104"]]);
    assert_eq!(token, None);

    let mut associate = |force: bool| {
        let body =
            serde_json::json!({ "E164PhoneNumbers": [TWO[0], "+19995550100"], "ForceAssociate": force })
                .to_string();
        let errors =
            codes(&ask("POST", "/voice-connectors/b?operation=associate-phone-numbers", &body).to_string());
        let holders = ask("GET", "/phone-numbers/%2B12065550100", "")["PhoneNumber"]["Associations"].clone();
        let holders: Vec<String> =
            holders.as_array().unwrap().iter().map(|holder| holder["Value"].to_string()).collect();
        (errors.into_iter().map(|(_, code)| code).collect::<Vec<_>>(), holders)
    };
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        associate(false),
        (strings(&["PhoneNumberAssociationsExist", "NotFound"]), strings(&["\"a\""]))
    );
    assert_eq!(associate(true), (strings(&["NotFound"]), strings(&["\"b\""])));
    assert_eq!(codes(&bench.call("a", &TWO[..1]).1), [pair(TWO[0], "NotFound")]);
    assert_eq!(codes(&bench.call("b", &TWO[..1]).1), []);
}

#[test]
fn single_numbers_are_refused_by_name_by_share_and_for_a_while() {
    let rule =
        "[[number_error]]\ncode = 'Throttled'\nnumbers = ['+12065550101']\ntimes = 2\nconnector = 'abc'";
    let mut bench = Bench::new(rule);
    assert_eq!(codes(&bench.call("abc", &TWO).1), [pair(TWO[1], "Throttled")]);
    assert_eq!(codes(&bench.call("abc", &TWO[1..]).1), [pair(TWO[1], "Throttled")]);
    assert_eq!(codes(&bench.call("abc", &TWO[1..]).1), []);
    assert_eq!(codes(&bench.call("other", &TWO).1), []);

    let share = |seed: u64| -> Vec<String> {
        let mut bench = Bench::new(&format!("seed = {seed}\n[[number_error]]\ncode = 'Forbidden'\np = 0.25"));
        let numbers: Vec<String> = (0..400).map(|n| format!("+1206555{n:04}")).collect();
        let refused = |part: &[String], bench: &mut Bench| {
            codes(&bench.call("abc", &part.iter().map(String::as_str).collect::<Vec<_>>()).1)
        };
        // In two batches, the last numbers first: which numbers are refused does not depend on it.
        let (early, late) = numbers.split_at(150);
        let mut refused: Vec<_> = refused(late, &mut bench)
            .into_iter()
            .chain(refused(early, &mut bench))
            .map(|(id, _)| id)
            .collect();
        refused.sort_unstable();
        let mut whole = Bench::new(&format!("seed = {seed}\n[[number_error]]\ncode = 'Forbidden'\np = 0.25"));
        let at_once: Vec<_> =
            codes(&whole.call("abc", &numbers.iter().map(String::as_str).collect::<Vec<_>>()).1)
                .into_iter()
                .map(|(id, _)| id)
                .collect();
        assert_eq!(refused, at_once);
        refused
    };
    assert!((70..130).contains(&share(1).len()), "{}", share(1).len());
    assert_ne!(share(1), share(2));
}

#[test]
fn the_rate_limit_answers_429_with_retry_after_if_configured() {
    let table = [("silent", "", ""), ("seconds", "1", ""), ("milliseconds", "", "250")];
    for (kind, seconds, milliseconds) in table {
        let mut bench = Bench::new(&format!("[throttle]\nrate = 4\nburst = 1\nretry_after = '{kind}'"));
        let request = disassociate("abc", &TWO);
        assert_eq!(seen(bench.ask(&request, 900)).0, 200);
        let refused = reply(bench.ask(&request, 900));
        assert_eq!(
            (refused.status().as_u16(), header(&refused, "x-amzn-errortype")),
            (429, "ThrottledClientException")
        );
        assert_eq!(
            (header(&refused, "retry-after"), header(&refused, "x-amz-retry-after")),
            (seconds, milliseconds)
        );
        assert_eq!(seen(bench.ask(&request, 1_149)).0, 429);
        assert_eq!(seen(bench.ask(&request, 1_150)).0, 200);
        let tally = bench.0.tally();
        assert_eq!((tally.requests, tally.throttled, tally.applied), (4, 2, 2));
        assert_eq!(tally.statuses, BTreeMap::from([(200, 2), (429, 2)]));
        assert_eq!(tally.per_second, [4]);
    }
    let mut unsigned = Bench::new("[throttle]\nrate = 1");
    let forged = Signer { secret: "wrong", ..Signer::default() }.sign("GET", "/phone-numbers", "");
    assert_eq!(seen(unsigned.ask(&forged, 0)).0, 403);
    assert_eq!(unsigned.call("abc", &TWO).0, 200, "a request with a bad signature costs no token");
}

#[test]
fn connectors_may_have_a_bucket_each() {
    let list = Signer::default().sign("GET", "/phone-numbers", "");
    for (per_connector, statuses) in [(true, [200, 200, 429, 200, 429]), (false, [200, 429, 429, 429, 429])] {
        let mut bench = Bench::new(&format!("[throttle]\nrate = 1\nper_connector = {per_connector}"));
        let requests =
            [&disassociate("abc", &TWO), &disassociate("b", &TWO), &disassociate("%62", &TWO), &list, &list];
        assert_eq!(requests.map(|request| seen(bench.ask(request, 0)).0), statuses, "{per_connector}");
        assert_eq!(seen(bench.ask(&disassociate("abc", &TWO), 1_000)).0, 200, "one second later");
    }
}

#[test]
fn latency_stays_within_its_bounds_and_varies() {
    let mut bench = Bench::new("latency = { mean = '20ms', jitter = '5ms' }");
    let delays: Vec<Duration> = (0..100).map(|_| bench.ask(&disassociate("abc", &TWO), 0).delay).collect();
    assert!(delays.iter().all(|delay| (15..=25).contains(&delay.as_millis())));
    assert!(delays.iter().max().unwrap().abs_diff(*delays.iter().min().unwrap()) > Duration::from_millis(7));
}

#[test]
fn the_simulator_answers_questions_about_itself_without_a_signature() {
    let mut bench = Bench::new("[[outage]]\nfrom = '0s'\nto = '1h'\ndoes = 'drop'");
    let question =
        |name: &str| http::Request::get(format!("/_simulator/{name}")).body(bytes::Bytes::new()).unwrap();
    bench.ask(&disassociate("abc", &TWO), 0);
    let tally: Value = serde_json::from_str(&seen(bench.ask(&question("tally"), 0)).1).unwrap();
    assert_eq!((&tally["requests"], &tally["faults"]["drop"]), (&Value::from(1), &Value::from(1)));
    let ledger: Value = serde_json::from_str(&seen(bench.ask(&question("ledger"), 0)).1).unwrap();
    assert_eq!(ledger["applications"], Value::Array(Vec::new()));
    assert_eq!(seen(bench.ask(&question("weather"), 0)).0, 404);
    assert_eq!(bench.0.tally().requests, 1);
}

proptest! {
    /// Whatever is requested, and whatever goes wrong: a number is applied as often as it changed from associated to
    /// not associated.
    #[test]
    fn the_ledger_agrees_with_the_associations(
        calls in prop::collection::vec((any::<bool>(), 0_u8..3, prop::collection::btree_set(0_u32..12, 1..6)), 1..40),
    ) {
        let mut bench = Bench::new("[[fault]]\ndoes = 'drop'\napplied = true\np = 0.3\n[[fault]]\ndoes.html.status = 503\np = 0.3");
        let mut associations: BTreeMap<(String, String), (bool, u32)> = BTreeMap::new();
        for (associate, connector, numbers) in calls {
            let numbers: Vec<String> = numbers.iter().map(|n| format!("+1206555{n:04}")).collect();
            let texts: Vec<&str> = numbers.iter().map(String::as_str).collect();
            let connector = format!("vc{connector}");
            let operation = if associate { "associate" } else { "disassociate" };
            let address = format!("/voice-connectors/{connector}?operation={operation}-phone-numbers");
            let before = bench.applied();
            let answer = bench.ask(&Signer::default().sign("POST", &address, &body(&texts)), 0);
            let missed = answer.delivery.status().is_some_and(|status| status == 503);
            let mut changes = 0;
            for number in numbers.iter().filter(|_| !missed) {
                let held = associations.iter().any(|((holder, other), (now, _))| *now && other == number && *holder != connector);
                if associate && held {
                    continue;
                }
                let entry = associations.entry((connector.clone(), number.clone())).or_insert((true, 0));
                if associate {
                    entry.0 = true;
                } else if entry.0 {
                    (*entry, changes) = ((false, entry.1 + 1), changes + 1);
                }
            }
            prop_assert_eq!(bench.applied() - before, changes);
        }
        let ledger = bench.0.ledger();
        for record in &ledger.numbers {
            let key = (record.connector.to_string(), record.number.e164().to_string());
            prop_assert_eq!(associations.get(&key), Some(&(record.associated, record.applied)));
        }
        let off = ledger.applications.iter().filter(|made| made.action == Action::Disassociate);
        prop_assert_eq!(off.count() as u64, bench.applied());
    }
}
