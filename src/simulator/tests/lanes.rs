//! Many accounts and regions in one simulator: what each has of its own, and what a scenario says of some of them.

use std::path::Path;

use http::Request;

use super::{Bench, Signer, body, header, reply, scenario, seen};
use crate::number::PhoneNumber;
use crate::simulator::{ACCESS_KEY_ID, ACCOUNT, Action, Ledger, Scenario, Tally, account_of, keys_of};

const CALL: &str = "/voice-connectors/abc?operation=disassociate-phone-numbers";
const NUMBER: &str = "+12065550100";
const ONES: &str = "111111111111";
const TWOS: &str = "222222222222";
/// Two accounts, two regions.
const LANES: [(&str, &str); 4] =
    [(ONES, "eu-west-1"), (ONES, "us-east-1"), (TWOS, "eu-west-1"), (ACCOUNT, "eu-west-1")];

/// A call for an account and region.
fn call((account, region): (&str, &str), method: &str, address: &str, body: &str) -> Request<bytes::Bytes> {
    let (key, secret) = keys_of(account);
    Signer { key: &key, secret, region, ..Signer::default() }.sign(method, address, body)
}

fn disassociate(lane: (&str, &str)) -> Request<bytes::Bytes> {
    call(lane, "POST", CALL, &body(&[NUMBER]))
}

#[test]
fn the_account_is_in_the_keys_id_and_each_name_has_one() {
    let names = [(ONES, ONES), ("prod", "934898827134"), ("11111", "")];
    for (who, account) in names {
        let (id, _) = keys_of(who);
        assert_eq!(id, format!("AKIASIMU{}", account_of(who)));
        assert_eq!(id.len(), 20, "as long as a real one: {id}");
        assert_ne!(account_of(who), ACCOUNT);
        assert!(account.is_empty() || account_of(who) == account, "{who}: {}", account_of(who));
    }
    assert_ne!(account_of("prod"), account_of("test"));

    let keys = "[[key]]\naccess_key_id = 'X444444444444'\nsecret_access_key = 'x'\n\
                [[key]]\naccess_key_id = 'AKIASIMU222222222222'\nsecret_access_key = 'own'\n\
                [[key]]\naccess_key_id = 'AKIASIMU333333333333'\nsecret_access_key = 'own'\nsession_token = 't'";
    let (_, usual) = keys_of(ONES);
    let table = [
        ("", ACCESS_KEY_ID, usual, Ok(ACCOUNT)),
        ("", "AKIASIMU111111111111", usual, Ok(ONES)),
        ("", "AKIASIMU111111111111", "wrong", Err("InvalidSignatureException")),
        ("", "AKIASIMU11111111111", usual, Err("UnrecognizedClientException")),
        ("", "AKIASIMUx11111111111", usual, Err("UnrecognizedClientException")),
        ("", "111111111111", usual, Err("UnrecognizedClientException")),
        (keys, "AKIASIMU111111111111", usual, Ok(ONES)),
        (keys, "AKIASIMU222222222222", "own", Ok(TWOS)),
        (keys, "AKIASIMU222222222222", usual, Err("InvalidSignatureException")),
        (keys, "AKIASIMU333333333333", usual, Err("UnrecognizedClientException")),
        (keys, "X444444444444", "x", Ok("444444444444")),
        (keys, ACCESS_KEY_ID, usual, Err("UnrecognizedClientException")),
    ];
    for (text, key, secret, wanted) in table {
        let mut bench = Bench::new(text);
        let request = Signer { key, secret, ..Signer::default() }.sign("POST", CALL, &body(&[NUMBER]));
        let error = header(&reply(bench.ask(&request, 0)), "x-amzn-errortype").to_owned();
        let made = bench.0.ledger().applications;
        let account = made.first().map(|made| &*made.account).ok_or(&*error);
        assert_eq!(account, wanted, "{key} {secret}");
    }
}

#[test]
fn each_account_and_region_has_its_own_numbers_limit_and_attempts() {
    let mut bench = Bench::new(
        "[throttle]\nrate = 1\nburst = 2\n[[fault]]\ndoes.error.status = 500\nattempts = [1]\n\
         [[connector]]\nid = 'abc'\nnumbers = ['+12065550100']\n[[unassigned]]\nnumbers = ['+12065550101']",
    );
    let mut statuses = |request: &dyn Fn((&str, &str)) -> Request<bytes::Bytes>| {
        LANES.map(|lane| seen(bench.ask(&request(lane), 0)).0)
    };
    assert_eq!(statuses(&disassociate), [500; 4], "the first attempt in each");
    assert_eq!(statuses(&disassociate), [200; 4], "the number is on the connector in each");
    assert_eq!(statuses(&disassociate), [429; 4], "two requests in each");

    let ledger = bench.0.ledger();
    let made: Vec<_> =
        ledger.applications.iter().map(|made| (&*made.account, &*made.region, made.request)).collect();
    let of = |index: usize, request| (LANES[index].0, LANES[index].1, request);
    assert_eq!(made, [of(0, 5), of(1, 6), of(2, 7), of(3, 8)], "in the order in which it happened");
    let number = PhoneNumber::parse(NUMBER).unwrap();
    for (account, region) in LANES {
        let own = ledger.clone().of(account, region);
        assert_eq!(own.count(Action::Disassociate, number), 1);
        assert_eq!([own.applications.len(), own.numbers.len(), own.inventory.len()], [1, 1, 2]);
        let tally = bench.0.tally_of(account, region);
        assert_eq!([tally.requests, tally.throttled, tally.applied, tally.faults["error"]], [3, 1, 1, 1]);
        assert_eq!(tally.per_second, [3]);
    }
    assert_eq!(ledger.clone().of(TWOS, "us-east-1"), Ledger::default());
    assert_eq!(bench.0.tally_of(TWOS, "us-east-1"), Tally::default());
    let tally = bench.0.tally();
    assert_eq!([tally.requests, tally.throttled, tally.applied, tally.faults["error"]], [12, 4, 4, 4]);
    let json = serde_json::to_value(&ledger).unwrap();
    for (lines, account) in [("applications", ONES), ("numbers", ACCOUNT), ("inventory", ACCOUNT)] {
        assert_eq!(
            [&json[lines][0]["account"], &json[lines][0]["region"]],
            [account, "eu-west-1"],
            "{lines}"
        );
    }
}

#[test]
fn what_a_client_holds_is_in_one_account_and_region() {
    let mut bench = Bench::new("");
    bench.0.hold(LANES[0], Some("abc"), [PhoneNumber::parse(NUMBER).unwrap()]);
    let count = |lane: (&str, &str), bench: &mut Bench| {
        let (_, page) = seen(bench.ask(&call(lane, "GET", "/phone-numbers", ""), 0));
        page.matches("E164PhoneNumber").count()
    };
    assert_eq!(LANES.map(|lane| count(lane, &mut bench)), [1, 0, 0, 0]);
    let (_, connectors) = seen(bench.ask(&call(LANES[0], "GET", "/voice-connectors", ""), 0));
    assert!(connectors.contains("arn:aws:chime:eu-west-1:111111111111:vc/abc"), "{connectors}");
    assert!(connectors.contains("\"AwsRegion\":\"eu-west-1\""), "{connectors}");
}

#[test]
fn a_forged_request_makes_nothing() {
    let mut bench = Bench::new("[[connector]]\nid = 'abc'\nnumbers = ['+12065550100']");
    let inventory = |bench: &Bench| {
        bench.0.ledger().inventory.iter().map(|it| it.account.to_string()).collect::<Vec<_>>()
    };
    let (key, _) = keys_of(ONES);
    let forged = Signer { key: &key, secret: "wrong", ..Signer::default() }.sign("GET", "/phone-numbers", "");
    assert_eq!(seen(bench.ask(&forged, 0)).0, 403);
    assert_eq!(inventory(&bench), [ACCOUNT], "until the first request, what the usual account has");
    assert_eq!(seen(bench.ask(&disassociate(LANES[2]), 0)).0, 200);
    assert_eq!(inventory(&bench), [TWOS]);
    assert_eq!(bench.0.tally_of(ONES, "eu-west-1").statuses[&403], 1);
}

#[test]
fn a_lane_overrides_what_its_tables_name() {
    let text = "latency.mean = '1s'\n[[fault]]\ndoes.error.status = 500\n\
        [[lane]]\naccount = '111111111111'\nregion = 'us-east-1'\nfault = []\n\
        [[lane]]\naccount = '111111111111'\nlatency.mean = '2s'\nfault = [{ does.error.status = 409 }]\n\
        [[lane]]\nregion = 'eu-west-1'\nlatency.mean = '3s'\nthrottle.rate = 0\n\
        [[lane]]\naccount = 'prod'\noutage = [{ from = '0s', to = '1s', does.html.status = 504 }]\n";
    let table = [
        ((ONES, "us-east-1"), [(200, 2), (200, 2)]),
        ((ONES, "eu-west-1"), [(409, 2), (429, 2)]),
        ((TWOS, "eu-west-1"), [(500, 3), (429, 3)]),
        ((TWOS, "us-east-1"), [(500, 1), (500, 1)]),
        (("prod", "us-east-1"), [(504, 0), (504, 0)]),
    ];
    for (lane, wanted) in table {
        let mut bench = Bench::new(text);
        let answered = [(); 2].map(|()| {
            let answer = bench.ask(&disassociate(lane), 0);
            (answer.delivery.status().unwrap().as_u16(), answer.delay.as_secs())
        });
        assert_eq!(answered, wanted, "{lane:?}");
    }
    let mut bench = Bench::new(text);
    let prod = disassociate(("prod", "us-east-1"));
    assert_eq!([0, 999, 1_000].map(|at| seen(bench.ask(&prod, at)).0), [504, 504, 500], "its outage ends");
}

#[test]
fn one_accounts_keys_expire_alone() {
    let mut bench = Bench::new(
        "[[key]]\naccess_key_id = 'AKIASIMU111111111111'\n\
         secret_access_key = 'simulated-secret-that-opens-nothing'\nrequests = 1",
    );
    let mut statuses = |lane| [(); 2].map(|()| seen(bench.ask(&disassociate(lane), 0)).0);
    assert_eq!([statuses(LANES[0]), statuses(LANES[2])], [[200, 403], [200, 200]]);
}

#[test]
fn a_mistake_in_a_lane_is_reported_with_its_line() {
    let lane = "seed = 1\n[[lane]]\naccount = '111111111111'\n\n[[lane]]\nregion = 'eu-west-1'\n";
    let table = [
        ("acount = '1'", "night.toml:7: unknown field `acount`"),
        ("account = '1111'", "night.toml:7: `1111` is not an account's id, which has 12 digits"),
        ("account = '1111-1111-1111'", "night.toml:7: `1111-1111-1111` is not an account's id"),
        ("account = ''", "night.toml:7: `` is not an account's id"),
        ("account = 111111111111", "night.toml:7: invalid type: integer `111111111111`, expected a string"),
        ("throttle.rate = -1", "night.toml:7: `-1` is not a rate"),
        ("\n[[lane.fault]]\ndoes = 'explode'", "night.toml:9: unknown variant `explode`"),
        ("latency.jitter = '1s'", "night.toml:5: `latency.jitter` is more than `latency.mean`"),
        (
            "outage = [{ from = '2s', to = '1s', does = 'drop' }]",
            "night.toml:5: `outage` 1 ends before it begins",
        ),
        ("fault = [{ does = 'cut', applied = false }]", "night.toml:5: `fault` 1: `cut` alters the reply"),
        ("[sts]\nkeys_last = '5'", "night.toml:8: `5` is not a duration"),
        ("[sts]\nkeep = 1", "night.toml:8: unknown field `keep`"),
        (
            "[sts]\ndenied = ['arn:aws:iam::1:role/x']",
            "night.toml:8: `arn:aws:iam::1:role/x` is not the ARN of a role",
        ),
    ];
    for (text, wanted) in table {
        let message =
            Scenario::from_toml(&format!("{lane}{text}"), Path::new("night.toml")).unwrap_err().to_string();
        assert!(message.starts_with(wanted), "{text}\n{message}");
    }
    scenario(&format!(
        "{lane}fault = []\noutage = []\nlatency.mean = '1s'\nthrottle = {{ rate = 5, burst = 1 }}"
    ));
}
