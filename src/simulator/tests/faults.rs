//! Each fault's reply, and whether the change was made; repeatable chance.

use std::collections::BTreeMap;

use super::{Bench, disassociate, header, reply, seen};
use crate::simulator::{Answer, Delivery};

const NUMBERS: [&str; 2] = ["+12065550100", "+12065550101"];
const WHOLE: &str = r#"{"PhoneNumberErrors":[]}"#;

/// An answer in a few words.
fn words(answer: &Answer) -> String {
    let text =
        |response: &http::Response<bytes::Bytes>| String::from_utf8_lossy(response.body()).into_owned();
    match &answer.delivery {
        Delivery::Reply(response) => format!(
            "{} {} {}",
            response.status().as_u16(),
            header(response, "x-amzn-errortype"),
            text(response)
        ),
        Delivery::Cut(response, after) if *after > 0 && *after < response.body().len() => {
            format!("cut {}", text(response))
        }
        Delivery::Drip(response, every) => format!("drip {} {every:?}", text(response)),
        Delivery::Flood(response, bytes) => format!("flood {} {bytes}", response.status().as_u16()),
        other => format!("{other:?}"),
    }
}

#[test]
fn each_fault_gives_the_expected_reply_and_changes() {
    let html = "503  <html><head><title>503 Service Unavailable</title>";
    let table = [
        ("does = 'drop'", 0, "Drop"),
        ("does = 'drop'\napplied = true", 2, "Drop"),
        ("does = 'reset'", 0, "Reset"),
        ("does = 'reset'\napplied = true", 2, "Reset"),
        ("does = 'stall'", 0, "Stall"),
        ("does = 'stall'\napplied = true", 2, "Stall"),
        ("does = 'cut'", 2, "cut {\"PhoneNumberErrors\":[]}"),
        ("does = 'truncated'", 2, "200  {"),
        ("does = 'missing-key'", 2, "200  {}"),
        ("does = 'garbage'", 0, "200  \0"),
        ("does.flood = { bytes = 9 }", 0, "flood 200 9"),
        ("does.drip = { every = '3ms' }", 2, "drip {\"PhoneNumberErrors\":[]} 3ms"),
        ("does.html = { status = 503 }", 0, html),
        ("does.html = { status = 503 }\napplied = true", 2, html),
        (
            "does.error = { status = 500 }",
            0,
            "500 ServiceFailureException {\"Code\":\"ServiceFailureException\"",
        ),
        ("does.error = { status = 500 }\napplied = true", 2, "500 ServiceFailureException"),
        ("does.error = { status = 409 }", 0, "409 ConflictException"),
        ("does.error = { status = 401 }", 0, "401 UnauthorizedClientException"),
        (
            "does.error = { status = 403, code = 'AccessDeniedException', message = 'no' }",
            0,
            "403 AccessDeniedException {\"Code\":\"AccessDeniedException\",\"Message\":\"no\"}",
        ),
        ("does.redirect = { location = 'http://127.0.0.1:9/' }", 0, "307  "),
    ];
    for (text, applied, wanted) in table {
        let mut bench = Bench::new(&format!("[[fault]]\nattempts = [1]\n{text}"));
        let answer = bench.ask(&disassociate("abc", &NUMBERS), 0);
        let seen = words(&answer);
        assert!(seen.starts_with(wanted), "{text}: {seen}");
        assert_eq!(bench.applied(), applied, "{text}");
        assert!(seen == "200  " || !seen.starts_with(&format!("200  {WHOLE}")), "{text}: {seen}");
        assert_eq!(bench.0.tally().faults.values().sum::<u64>(), 1);
        let second = words(&bench.ask(&disassociate("abc", &NUMBERS), 0));
        assert_eq!(second.matches("NotFound").count(), usize::try_from(applied).unwrap(), "{text}: {second}");
    }
}

#[test]
fn a_load_balancers_page_has_none_of_the_services_headers() {
    let mut bench = Bench::new("[[fault]]\ndoes.html = { status = 503 }");
    let response = reply(bench.ask(&disassociate("abc", &NUMBERS), 0));
    assert!(response.headers().keys().all(|name| !name.as_str().starts_with("x-am")));
    let mut bench = Bench::new("[[fault]]\ndoes.redirect = { location = 'http://127.0.0.1:9/' }");
    assert_eq!(
        header(&reply(bench.ask(&disassociate("abc", &NUMBERS), 0)), "location"),
        "http://127.0.0.1:9/"
    );
}

#[test]
fn scripted_faults_depend_on_batch_and_attempt_not_on_order_of_arrival() {
    let script = "[[fault]]\ndoes = 'drop'\nconnector = 'abc'\nnumber = '+12065550101'\nattempts = [1, 3]";
    let mut bench = Bench::new(&format!("{script}\n[throttle]\nrate = 1\nburst = 6"));
    let mut drops =
        |connector: &str, numbers: &[&str]| words(&bench.ask(&disassociate(connector, numbers), 0)) == "Drop";
    assert!(!drops("other", &NUMBERS));
    assert!(!drops("abc", &NUMBERS[..1]));
    assert!(drops("abc", &NUMBERS));
    assert!(!drops("abc", &[NUMBERS[1], NUMBERS[0]]), "the order of the numbers does not make another batch");
    assert!(drops("abc", &NUMBERS));
    assert!(drops("abc", &NUMBERS[1..]), "a part of a batch is a batch of its own");
    assert!(!drops("abc", &NUMBERS), "throttled");
    assert_eq!(
        bench.0.ledger().applications.iter().map(|entry| entry.attempt).collect::<Vec<_>>(),
        [1, 1, 1, 2]
    );
}

#[test]
fn an_outage_hides_everything_and_counts_from_the_first_request() {
    let text = "[[outage]]\nfrom = '1s'\nto = '2s'\ndoes.error = { status = 503 }\n[[outage]]\nfrom = '3s'\nto = '4s'\ndoes = 'stall'\n[[fault]]\nattempts = [2]\ndoes = 'drop'";
    let mut bench = Bench::new(text);
    let unsigned = http::Request::get("/phone-numbers").body(bytes::Bytes::new()).unwrap();
    let call = disassociate("abc", &NUMBERS);
    let mut at = |request, millis: u64| {
        words(&bench.ask(request, 70_000 + millis)).split(' ').next().unwrap().to_owned()
    };
    assert_eq!([0, 1_000, 1_999, 3_999].map(|millis| at(&call, millis)), ["200", "503", "503", "Stall"]);
    assert_eq!(at(&unsigned, 1_500), "503", "the signature is not even looked at");
    assert_eq!(at(&unsigned, 2_500), "403");
    assert_eq!(at(&call, 2_500), "Drop", "a request in an outage is not an attempt");
}

/// What every batch met in its three attempts.
fn outcomes(seed: u64, order: &[usize]) -> BTreeMap<(usize, u32), String> {
    let text = format!(
        "seed = {seed}\n[[fault]]\np = 0.2\ndoes = 'drop'\napplied = true\n[[fault]]\np = 0.3\ndoes.error = {{ status = 503 }}\n[[fault]]\np = 0.2\ndoes = 'cut'"
    );
    let mut bench = Bench::new(&text);
    let mut outcomes = BTreeMap::new();
    let mut attempts: BTreeMap<usize, u32> = BTreeMap::new();
    for batch in order {
        let attempt = attempts.entry(*batch).or_insert(0);
        *attempt += 1;
        let answer = bench.ask(&disassociate("abc", &[&format!("+1206555{batch:04}")]), 0);
        outcomes.insert((*batch, *attempt), words(&answer));
    }
    outcomes
}

#[test]
fn chance_does_not_depend_on_the_order_of_arrival() {
    let order: Vec<usize> = (0..100).chain(0..100).chain(0..100).collect();
    let mut other = order.clone();
    fastrand::Rng::with_seed(5).shuffle(&mut other);
    assert_eq!(outcomes(1, &order), outcomes(1, &other));
    assert_ne!(outcomes(1, &order), outcomes(2, &order));
    let drops = outcomes(1, &order).values().filter(|outcome| *outcome == "Drop").count();
    assert!((40..80).contains(&drops), "{drops} of 300 at a share of 0.2");
    let first = |attempt: u32| {
        outcomes(1, &order)
            .into_iter()
            .filter(move |((_, n), _)| *n == attempt)
            .map(|(_, outcome)| outcome == "Drop")
            .collect::<Vec<_>>()
    };
    assert_ne!(first(1), first(2), "each attempt has its own draw");
}

#[test]
fn a_truncated_reply_is_shorter_than_the_real_one() {
    let mut bench = Bench::new("[[fault]]\ndoes = 'truncated'");
    let numbers: Vec<String> = (0..50).map(|n| format!("+1206555{n:04}")).collect();
    let lengths: Vec<usize> =
        numbers.iter().map(|number| seen(bench.ask(&disassociate("abc", &[number]), 0)).1.len()).collect();
    assert!(lengths.iter().all(|length| (1..WHOLE.len()).contains(length)), "{lengths:?}");
    assert!(lengths.iter().min() < lengths.iter().max());
}
