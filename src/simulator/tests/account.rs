//! The life of a number: on a connector, unassigned, in the deletion queue, and back.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Bench, Signer, body, codes, noon, pair, seen};
use crate::number::PhoneNumber;
use crate::simulator::{ACCOUNT, Action, Delivery};

/// Where [`Signer`] sends its requests.
const HERE: (&str, &str) = (ACCOUNT, "eu-west-1");
const A: &str = "+12065550100";
const B: &str = "+12065550101";
const C: &str = "+12065550102";
const OTHER: &str = "+19995550100";
const ON_A: &str = "/voice-connectors/a?operation=associate-phone-numbers";
const OFF_A: &str = "/voice-connectors/a?operation=disassociate-phone-numbers";
const OFF_GROUP: &str = "/voice-connector-groups/g?operation=disassociate-phone-numbers";
const DELETE: &str = "/phone-numbers?operation=batch-delete";
const WORLD: &str = "[[connector]]\nid = 'a'\nnumbers = ['+12065550100']\n[[connector]]\nid = 'b'\nnumbers = ['+12065550101']\n[[unassigned]]\nnumbers = ['+12065550102']\n";

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

/// The body of a call to `address`.
fn batch(address: &str, numbers: &[&str]) -> String {
    if address == DELETE { json!({ "PhoneNumberIds": numbers }).to_string() } else { body(numbers) }
}

fn restore(number: &str) -> String {
    format!("/phone-numbers/{number}?operation=restore")
}

impl Bench {
    /// The codes of the numbers that a call refuses, or the code of the call's own refusal.
    fn refused(&mut self, address: &str, numbers: &[&str]) -> Vec<String> {
        let (status, answer) = self.json("POST", address, &batch(address, numbers));
        match status {
            200 if answer["PhoneNumber"].is_object() => vec![],
            200 => codes(&answer.to_string()).into_iter().map(|(_, code)| code).collect(),
            _ => vec![answer["Code"].as_str().unwrap().to_owned()],
        }
    }

    /// Status, connector, group and SIP rule of a number.
    fn place(&self, text: &str) -> String {
        let ledger = self.0.ledger();
        let place = ledger.place(number(text)).unwrap();
        let ids = [&place.connector, &place.group, &place.sip_rule];
        ids.into_iter().flatten().fold(place.status.to_owned(), |words, id| format!("{words} {id}"))
    }
}

#[test]
fn a_number_is_removed_deleted_restored_and_put_back() {
    let mut bench = Bench::new(WORLD);
    let (back, none): (_, [&str; 0]) = (restore("%2B12065550100"), []);
    let steps = [
        (DELETE, &["PhoneNumberAssociationsExist"][..], "Assigned a"),
        (&back, &["NotFoundException"], "Assigned a"),
        (OFF_A, &none, "Unassigned"),
        (OFF_A, &["NotFound"], "Unassigned"),
        (DELETE, &none, "DeleteInProgress"),
        (DELETE, &["NotFound"], "DeleteInProgress"),
        (OFF_A, &["NotFound"], "DeleteInProgress"),
        (ON_A, &["NotFound"], "DeleteInProgress"),
        (&back, &none, "Unassigned"),
        (&back, &["NotFoundException"], "Unassigned"),
        (ON_A, &none, "Assigned a"),
        (ON_A, &["PhoneNumberAssociationsExist"], "Assigned a"),
        (OFF_A, &none, "Unassigned"),
    ];
    for (step, (address, refused, place)) in steps.into_iter().enumerate() {
        assert_eq!(bench.refused(address, &[A]), refused, "step {step}: {address}");
        assert_eq!(bench.place(A), place, "step {step}: {address}");
    }
    let ledger = bench.0.ledger();
    let count = |action| ledger.count(action, number(A));
    let counts =
        [Action::Disassociate, Action::Associate, Action::Delete, Action::Restore, Action::List].map(count);
    assert_eq!(counts, [2, 1, 1, 1, 0]);
    assert_eq!(ledger.count(Action::Disassociate, number(B)), 0);
    let made: Vec<_> = ledger
        .applications
        .iter()
        .map(|made| (made.connector.as_deref(), made.request, made.attempt))
        .collect();
    assert_eq!(
        made,
        [(Some("a"), 3, 1), (None, 5, 2), (None, 9, 2), (Some("a"), 11, 2), (Some("a"), 13, 4)],
        "each action counts its own attempts"
    );
    let record = &ledger.numbers[0];
    assert_eq!((record.asked, record.applied, record.associated), (4, 2, false));
    let tally = bench.0.tally();
    assert_eq!(tally.applied, 2, "disassociations alone");
    let changes =
        [(Action::Disassociate, 2), (Action::Associate, 1), (Action::Delete, 1), (Action::Restore, 1)];
    assert_eq!(tally.changes, BTreeMap::from(changes));
}

#[test]
fn a_service_may_accept_what_is_done_already() {
    let mut bench = Bench::new(&format!("unassociated = 'accepted'\n{WORLD}"));
    let back = restore(B);
    for (address, numbers, refused) in [
        (ON_A, &[A, B, OTHER][..], vec!["PhoneNumberAssociationsExist", "NotFound"]),
        (OFF_A, &[B, C], vec![]),
        (DELETE, &[A, OTHER], vec!["PhoneNumberAssociationsExist", "NotFound"]),
        (DELETE, &[C], vec![]),
        (DELETE, &[C], vec![]),
        (&back, &[B], vec![]),
        (OFF_GROUP, &[B], vec!["NotFoundException"]),
    ] {
        assert_eq!(bench.refused(address, numbers), refused, "{address}");
    }
    assert_eq!(bench.0.ledger().applications.len(), 1, "only one of them changed something");
}

#[test]
fn force_takes_a_number_from_everything_else() {
    let text =
        format!("{WORLD}[[group]]\nid = 'g'\nnumbers = ['{C}']\n[[sip_rule]]\nid = 's'\nnumbers = ['{B}']");
    let mut bench = Bench::new(&text);
    assert_eq!([A, B, C].map(|number| bench.place(number)), ["Assigned a", "Assigned b s", "Assigned g"]);
    assert_eq!(bench.refused(ON_A, &[B, C]), ["PhoneNumberAssociationsExist"; 2]);
    let forced = json!({ "E164PhoneNumbers": [A, B, C, OTHER], "ForceAssociate": true }).to_string();
    let (_, answer) = bench.json("POST", ON_A, &forced);
    assert_eq!(codes(&answer.to_string()), [pair(OTHER, "NotFound")]);
    assert_eq!([A, B, C].map(|number| bench.place(number)), ["Assigned a"; 3]);
}

#[test]
fn a_group_gives_up_its_numbers_and_a_sip_rule_does_not() {
    let text = format!(
        "{WORLD}[[group]]\nid = 'g'\nnumbers = ['{C}', '{OTHER}']\n[[sip_rule]]\nid = 's'\nnumbers = ['{A}', '{OTHER}']"
    );
    let mut bench = Bench::new(&text);
    assert_eq!(bench.refused(OFF_A, &[A, B, C]), ["BadRequest", "NotFound", "NotFound"]);
    assert_eq!(
        bench.refused(&OFF_A.replace("/a?", "/g?"), &[C]),
        ["NotFoundException"],
        "a group is no connector"
    );
    assert_eq!(bench.refused(OFF_GROUP, &[A, C, OTHER]), ["BadRequest", "BadRequest"]);
    assert_eq!(
        [A, C, OTHER].map(|number| bench.place(number)),
        ["Assigned a s", "Unassigned", "Assigned g s"]
    );
    assert_eq!(bench.refused(OFF_GROUP, &[C]), ["NotFound"]);
    assert_eq!(bench.refused(DELETE, &[A, B, C]), ["PhoneNumberAssociationsExist"; 2]);
    assert_eq!(bench.refused(&OFF_GROUP.replace("/g?", "/h?"), &[C]), ["NotFoundException"]);
}

#[test]
fn a_batch_of_ids_takes_every_form_of_a_number_and_at_least_one() {
    let mut bench =
        Bench::new("id_form = 'percent'\n[[connector]]\n[[unassigned]]\nfirst = '+12065550100'\ncount = 3");
    assert!(bench.refused(DELETE, &["+12065550100", "12065550101", "%2B12065550102"]).is_empty());
    let (_, answer) = bench.json("POST", DELETE, &batch(DELETE, &["12065550100"]));
    assert_eq!(codes(&answer.to_string()), [pair("%2B12065550100", "NotFound")]);
    for text in ["", "{}", r#"{"PhoneNumberIds":[]}"#, r#"{"PhoneNumberIds":["x"]}"#, &body(&[A])] {
        let (status, answer) = bench.json("POST", DELETE, text);
        assert_eq!((status, &answer["Code"]), (400, &Value::from("BadRequestException")), "{text}");
    }
    for id in ["12065550100", "%2B12065550101", "%252B12065550102"] {
        let (status, answer) = bench.json("POST", &restore(id), "");
        assert_eq!((status, &answer["PhoneNumber"]["Status"]), (200, &Value::from("Unassigned")), "{id}");
    }
    assert_eq!(bench.refused(&restore("x"), &[]), ["NotFoundException"]);
}

#[test]
fn an_open_world_supposes_that_a_number_is_where_a_call_needs_it() {
    let mut bench = Bench::new("");
    let back = restore(A);
    for (address, refused) in [
        (back.as_str(), &[][..]),
        (DELETE, &[]),
        (&back, &[]),
        (OFF_A, &["NotFound"]),
        (ON_A, &[]),
        (DELETE, &["PhoneNumberAssociationsExist"]),
        (OFF_A, &[]),
    ] {
        assert_eq!(bench.refused(address, &[A]), refused, "{address}");
    }
    assert!(bench.refused(DELETE, &[B]).is_empty());
    assert_eq!(bench.refused(OFF_A, &[B]), ["NotFound"], "it is known where that number is now");
    assert_eq!(bench.place(B), "DeleteInProgress");
    assert!(bench.refused(ON_A, &[C]).is_empty());
    assert!(bench.refused(OFF_A, &[OTHER]).is_empty());
    let mut bench = Bench::new(&format!("[[unassigned]]\nnumbers = ['{A}']\n[[deleted]]\nnumbers = ['{B}']"));
    assert_eq!(bench.refused(OFF_A, &[A, B, C]), ["NotFound"; 2], "what the scenario names is where it says");
}

#[test]
fn what_an_open_world_is_told_is_listed_and_a_closed_one_knows_better() {
    let listed = |bench: &mut Bench, query: &str| {
        let (_, page) = bench.json("GET", &format!("/phone-numbers{query}"), "");
        let numbers = page["PhoneNumbers"].as_array().cloned().unwrap_or_default();
        let text = |number: Value| number["E164PhoneNumber"].as_str().unwrap().to_owned();
        numbers.into_iter().map(text).collect::<Vec<_>>()
    };
    for (text, all) in [("", vec![A, B, C]), ("[[connector]]\nid = 'x'", vec![])] {
        let mut bench = Bench::new(text);
        bench.0.hold(HERE, Some("a"), [A, B].map(number));
        bench.0.hold(HERE, None, [A, C].map(number));
        assert_eq!(listed(&mut bench, ""), all);
        assert_eq!(
            listed(&mut bench, "?filter-name=VoiceConnectorId&filter-value=a"),
            all[..all.len().min(2)]
        );
    }
    let mut bench = Bench::new("");
    bench.0.hold(HERE, Some("a"), [A].map(number));
    bench.0.hold(HERE, None, [C].map(number));
    assert_eq!(bench.refused(OFF_A, &[A, B, C]), ["NotFound"], "only what is unassigned is not removed");
    assert_eq!([A, B, C].map(|number| bench.place(number)), ["Unassigned"; 3]);
    assert_eq!(bench.0.tally().requests, 1, "to tell is not to request");
}

#[test]
fn a_listing_is_late_and_so_is_what_delete_knows() {
    let mut bench = Bench::new(&format!("stale_listing = '10s'\n{WORLD}"));
    let mut at = |millis: u64, method: &str, address: &str, numbers: &[&str]| {
        let text = if method == "GET" { String::new() } else { batch(address, numbers) };
        let request = Signer::default().sign(method, address, &text);
        let answer = bench.0.answer(&request, noon(), Duration::from_millis(millis));
        serde_json::from_str::<Value>(&seen(answer).1).unwrap()
    };
    let of_a = "/phone-numbers?filter-name=VoiceConnectorId&filter-value=a";
    let count = |page: &Value| page["PhoneNumbers"].as_array().unwrap().len();
    assert_eq!(count(&at(0, "GET", of_a, &[])), 1);
    at(1_000, "POST", OFF_A, &[A]);
    assert_eq!(at(1_000, "GET", "/phone-numbers/+12065550100", &[])["PhoneNumber"]["Status"], "Unassigned");
    at(5_000, "POST", ON_A, &[C]);
    assert_eq!(count(&at(10_999, "GET", of_a, &[])), 1, "the number that is gone, and not the one that came");
    assert_eq!(
        codes(&at(10_999, "POST", DELETE, &[A]).to_string()),
        [pair(A, "PhoneNumberAssociationsExist")]
    );
    assert_eq!(count(&at(11_000, "GET", of_a, &[])), 0);
    assert_eq!(codes(&at(11_000, "POST", DELETE, &[A]).to_string()), []);
    let unassigned = "/phone-numbers?status=Unassigned";
    assert_eq!(
        count(&at(14_999, "GET", unassigned, &[])),
        2,
        "neither the deletion nor the association is seen"
    );
    assert_eq!(count(&at(15_000, "GET", unassigned, &[])), 1);
    assert_eq!(count(&at(21_000, "GET", unassigned, &[])), 0);
    let of_b = "/phone-numbers?filter-name=VoiceConnectorId&filter-value=b";
    at(30_000, "POST", &OFF_A.replace("/a?", "/b?"), &[B]);
    at(33_000, "POST", &ON_A.replace("/a?", "/b?"), &[B]);
    let held = [39_999, 40_000, 42_999, 43_000].map(|at_millis| count(&at(at_millis, "GET", of_b, &[])));
    assert_eq!(held, [1, 0, 0, 1], "each change is seen after its own delay");
}

#[test]
fn every_change_meets_the_scenarios_rules() {
    let rules = format!(
        "poison = ['{C}']\nbatch_limit = 2\nstrangers = ['+4930123456']\n{WORLD}[[deleted]]\nnumbers = ['{OTHER}']\n\
         [[number_error]]\ncode = 'Throttled'\nnumbers = ['{A}', '{OTHER}']\ntimes = 1\n\
         [[number_error]]\ncode = 'ResourceLimitExceeded'\nnumbers = ['{OTHER}']\noperation = 'restore'\ntimes = 2\n"
    );
    let mut bench = Bench::new(&rules);
    for address in [ON_A, OFF_A, DELETE] {
        assert_eq!(bench.refused(address, &[A, C]), ["BadRequestException"], "{address}");
        assert_eq!(bench.refused(address, &[A, B, "+12065550109"]), ["BadRequestException"], "{address}");
        let (once, again) = (bench.refused(address, &[A]), bench.refused(address, &[A]));
        assert_eq!((&*once[0], &*once[1]), ("Throttled", "Forbidden"), "{address}");
        assert_ne!(once[0], again[0], "{address}");
    }
    let deleted = [(); 2].map(|()| bench.refused(DELETE, &[OTHER]).remove(0));
    assert_eq!(deleted, ["Throttled", "NotFound"], "the rule of `restore` is for nothing else");
    assert_eq!(bench.refused(&restore(C), &[]), ["BadRequestException"]);
    let restored = [(); 4].map(|()| bench.refused(&restore(OTHER), &[]).pop().unwrap_or_default());
    assert_eq!(
        restored,
        ["ThrottledClientException", "ResourceLimitExceededException", "", "NotFoundException"]
    );
}

#[test]
fn a_fault_hits_what_it_names_or_every_change() {
    let delivered = |does: &str, address: &str| {
        let mut bench = Bench::new(&format!("{WORLD}[[deleted]]\nnumbers = ['{OTHER}']\n[[fault]]\n{does}"));
        let (method, text) = if address.contains("operation") {
            ("POST", batch(address, &[C]))
        } else {
            ("GET", String::new())
        };
        let request = Signer::default().sign(method, address, &text);
        let dropped = matches!(bench.ask(&request, 0).delivery, Delivery::Drop);
        (dropped, bench.0.ledger().applications.len())
    };
    let back = restore(OTHER);
    let calls = [
        ("associate", ON_A),
        ("disassociate", OFF_A),
        ("disassociate", OFF_GROUP),
        ("delete", DELETE),
        ("restore", &back),
    ];
    let reads = ["/phone-numbers", "/phone-numbers/+12065550100", "/voice-connectors"]
        .map(|address| ("list", address));
    for (own, address) in calls.into_iter().chain(reads) {
        for named in ["associate", "disassociate", "delete", "restore", "list"] {
            let (dropped, _) = delivered(&format!("does = 'drop'\noperation = '{named}'"), address);
            assert_eq!(dropped, own == named, "{address} {named}");
        }
        assert_eq!(delivered("does = 'drop'", address), (own != "list", 0), "{address}");
        let changes = usize::from(["associate", "delete", "restore"].contains(&own));
        assert_eq!(delivered("does = 'drop'\napplied = true", address).1, changes, "{address}");
    }
    assert!(delivered(&format!("does = 'drop'\nnumber = '{OTHER}'"), &back).0);
    assert!(!delivered(&format!("does = 'drop'\nnumber = '{A}'"), DELETE).0);
    let of_a = "/phone-numbers?filter-name=VoiceConnectorId&filter-value=a";
    assert!(delivered("does = 'drop'\noperation = 'list'\nconnector = 'a'", of_a).0);
    assert!(!delivered("does = 'drop'\noperation = 'list'\nconnector = 'b'", of_a).0);
}

/// Where a number can be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    On(usize),
    Free,
    Queue,
}

proptest! {
    /// Whatever is done to a few numbers, in whatever order: each is in one place, and the ledger, the answers and the
    /// listing agree on it.
    #[test]
    fn each_number_is_in_one_place(calls in prop::collection::vec((0_u8..5, 0_usize..2, 0_usize..4), 1..30)) {
        use Place::{Free, On, Queue};
        let connectors = ["a", "b"];
        let numbers = [A, B, C, OTHER];
        let mut bench = Bench::new(&format!("{WORLD}[[deleted]]\nnumbers = ['{OTHER}']"));
        let mut places = [On(0), On(1), Free, Queue];
        let mut changes = 0;
        for (call, at, which) in calls {
            let (place, id) = (&mut places[which], connectors[at]);
            let (address, after) = match (call, *place) {
                (0, now) => (format!("/voice-connectors/{id}?operation=disassociate-phone-numbers"), (now == On(at)).then_some(Free)),
                (1, now) => (format!("/voice-connectors/{id}?operation=associate-phone-numbers"), (now == Free).then_some(On(at))),
                (2, now) => (format!("/voice-connectors/{id}?operation=associate-phone-numbers"), (now != Queue).then_some(On(at))),
                (3, now) => (DELETE.to_owned(), (now == Free).then_some(Queue)),
                (_, now) => (restore(numbers[which]), (now == Queue).then_some(Free)),
            };
            let mut text: Value = serde_json::from_str(&batch(&address, &[numbers[which]])).unwrap();
            if call == 2 {
                text["ForceAssociate"] = true.into();
            }
            let (status, answer) = bench.json("POST", &address, &text.to_string());
            let is_done = status == 200 && answer["PhoneNumberErrors"].as_array().is_none_or(Vec::is_empty);
            prop_assert_eq!(is_done, after.is_some(), "{} {:?} {}", &address, place, answer);
            changes += usize::from(is_done);
            *place = after.unwrap_or(*place);
        }
        prop_assert_eq!(bench.0.ledger().applications.len(), changes);
        for (number, place) in numbers.into_iter().zip(places) {
            let words = match place {
                On(at) => format!("Assigned {}", connectors[at]),
                Free => "Unassigned".to_owned(),
                Queue => "DeleteInProgress".to_owned(),
            };
            prop_assert_eq!(bench.place(number), words);
        }
        for (at, id) in connectors.into_iter().enumerate() {
            let (_, page) = bench.json("GET", &format!("/phone-numbers?filter-name=VoiceConnectorId&filter-value={id}"), "");
            let held = places.iter().filter(|place| **place == On(at)).count();
            prop_assert_eq!(page["PhoneNumbers"].as_array().unwrap().len(), held);
        }
    }
}
