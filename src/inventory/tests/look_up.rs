//! Where numbers are, in as few requests as that takes.

use super::*;
use crate::input::{Input, InputOptions, LaneId, Rows, Source};
use crate::inventory::found::Asked;

/// Rows of a connector and the index of a number.
fn rows(rows: &[(&str, usize)]) -> Rows {
    let row = |(connector, n): &(&str, usize)| format!("{connector},{}\n", number(*n));
    let csv = ["vc_id,phone\n".to_owned()].into_iter().chain(rows.iter().map(row)).collect::<String>();
    let source = Source::from_bytes("numbers.csv", csv.into_bytes());
    Input::read(&source, &InputOptions::default()).expect("reads").rows
}

fn purpose(in_detail: bool) -> Purpose {
    Purpose { in_detail, connectors: true, unassigned: false }
}

/// What is said of each row, and which connectors do not exist.
fn answers(account: &Account, asked: &[(&str, usize)], in_detail: bool) -> (Vec<String>, Vec<String>) {
    let rows = rows(asked);
    let (answers, _) = account
        .with(async |lister| look_up(lister, &rows, LaneId::default(), rows.ids(), purpose(in_detail)).await);
    let answers = answers.expect("answers");
    let found = answers.rows().map(|(_, found)| found.to_string()).collect();
    let missing = answers.missing().iter().map(|id| rows.connector_name(*id).to_owned()).collect();
    (found, missing)
}

#[test]
fn every_place_of_a_number_is_told_apart() {
    let numbers = vec![
        on(0, "a"),
        on(1, "b"),
        entry(2, &[]),
        entry(3, &[("VoiceConnectorId", "a"), ("VoiceConnectorGroupId", "g")]),
        entry(4, &[("SipRuleId", "s")]),
        entry(5, &[("UserId", "u")]),
        json!({ "PhoneNumberId": "%2B12065550006", "DeletionTimestamp": "2026-01-01T00:00:00Z" }),
        entry(7, &[("VoiceConnectorId", "b"), ("VoiceConnectorId", "a")]),
        json!({ "E164PhoneNumber": "unreadable" }),
    ];
    let account = Account::new(numbers, &["a", "b"]);
    let asked: Vec<_> = (0..9).map(|n| ("a", n)).chain([("c", 0), ("b", 1)]).collect();
    let (found, missing) = answers(&account, &asked, true);
    let expected = [
        "on this connector",
        "on another connector, `b`",
        "on no connector",
        "in connector group `g`",
        "on SIP rule `s`",
        "on `u`",
        "in the deletion queue",
        "on this connector",
        "not in this account and region",
        "on another connector, `a`",
        "on this connector",
    ];
    assert_eq!(found, expected);
    assert_eq!(missing, ["c"]);
    assert_eq!(account.requests(), 2, "the inventory, and the connectors");
    let rows = rows(&asked);
    let (answers, _) = account
        .with(async |lister| look_up(lister, &rows, LaneId::default(), rows.ids(), purpose(true)).await);
    let answers = answers.expect("answers");
    let of = |n: u32| answers.rows().find(|(row, _)| row.get() == n).expect("found").1;
    assert!(of(0) == Found::OnConnector && of(0).is_on_connector());
    assert!(of(3) != Found::OnConnector && of(3).is_on_connector(), "a group has it, too");
    assert!(of(4) != Found::OnConnector && !of(4).is_on_connector());
}

/// 1,000 numbers on `big`, then 10 on `a`, 10 on `b`, and 10 on nothing.
fn large() -> Account {
    let numbers = (0..1000).map(|n| on(n, "big")).chain((1000..1010).map(|n| on(n, "a")));
    let numbers = numbers.chain((1010..1020).map(|n| on(n, "b")));
    Account::new(numbers.chain((1020..1030).map(|n| entry(n, &[]))).collect(), &["big", "a", "b"])
}

#[test]
fn a_large_inventory_is_not_listed_for_a_few_rows() {
    let on_a: Vec<_> = (1000..1010).map(|n| ("a", n)).collect();
    for (name, asked, in_detail, requests, distinct) in [
        ("all on a: 2 pages of the inventory, and a's", on_a.clone(), true, 3, vec!["on this connector"]),
        ("found in time", vec![("big", 0), ("big", 99)], true, 1, vec!["on this connector"]),
        ("one number: by itself", vec![("a", 1020)], true, 4, vec!["on no connector"]),
        (
            "one number that is not in the account",
            vec![("a", 7777)],
            true,
            4,
            vec!["not in this account and region"],
        ),
        (
            "off the connector is enough",
            (1020..1030).map(|n| ("a", n)).collect(),
            false,
            3,
            vec!["not on this connector"],
        ),
        (
            "to the inventory's end, which is near",
            (1020..1030).map(|n| ("a", n)).collect(),
            true,
            12,
            vec!["on no connector"],
        ),
        (
            "three numbers: as many pages, then each by itself",
            (1020..1023).map(|n| ("a", n)).collect(),
            true,
            9,
            vec!["on no connector"],
        ),
        (
            "no more pages of a connector than rows",
            vec![("big", 998), ("big", 999), ("a", 1000)],
            true,
            8,
            vec!["on this connector"],
        ),
    ] {
        let account = large();
        let (mut found, missing) = answers(&account, &asked, in_detail);
        found.dedup();
        assert_eq!(found, distinct, "{name}");
        assert_eq!(missing, [""; 0], "{name}");
        assert_eq!(account.requests(), requests, "{name}: {:?}", account.seen.borrow());
    }
}

#[test]
fn numbers_that_should_be_unassigned_are_looked_for_among_those() {
    let account = large();
    let rows = rows(&(1020..1030).map(|n| ("a", n)).chain([("b", 1010)]).collect::<Vec<_>>());
    let purpose = Purpose { in_detail: true, connectors: false, unassigned: true };
    let (answers, _) =
        account.with(async |lister| look_up(lister, &rows, LaneId::default(), rows.ids(), purpose).await);
    let found: Vec<_> = answers.expect("answers").rows().map(|(_, found)| found.to_string()).collect();
    assert_eq!(found[..10], ["on no connector"; 10]);
    assert_eq!(found[10], "on this connector");
    // One page has the ten; three of the inventory, and the connector's list, have the other one.
    assert_eq!(account.requests(), 5, "{:?}", account.seen.borrow());
}

#[test]
fn what_is_listed_at_another_connector_is_there() {
    let asked: Vec<_> = (1010..1020).map(|n| ("a", n)).chain([("b", 1000), ("b", 7777)]).collect();
    let account = large();
    let (found, _) = answers(&account, &asked, false);
    assert_eq!(found[..10], ["on another connector, `b`"; 10]);
    assert_eq!(found[10..], ["on another connector, `a`", "not in this account and region"]);
}

#[test]
fn a_connector_that_is_gone_is_named() {
    for in_detail in [true, false] {
        let asked: Vec<_> = (1000..1010).map(|n| ("gone", n)).chain([("a", 1000)]).collect();
        let account = large();
        let (found, missing) = answers(&account, &asked, in_detail);
        assert_eq!(missing, ["gone"]);
        assert_eq!(found.last().map(String::as_str), Some("on this connector"));
    }
}

#[test]
fn a_denied_list_of_connectors_is_no_failure() {
    let account = Account::new(Vec::new(), &["a"]);
    let denied = error(ErrorKind::Forbidden, Some(403), "AccessDeniedException");
    account.failures.borrow_mut().extend([None, Some(denied)]);
    let (found, missing) = answers(&account, &[("a", 0)], true);
    assert_eq!((found, missing), (vec!["not in this account and region".to_owned()], Vec::new()));
    assert_eq!(account.requests(), 2);
}

#[test]
fn without_rows_nothing_is_asked() {
    let account = large();
    assert_eq!(answers(&account, &[], true), (Vec::new(), Vec::new()));
    assert_eq!(account.requests(), 0);
}

#[test]
fn a_row_takes_24_bytes() {
    assert_eq!(size_of::<Asked>(), 24);
}
