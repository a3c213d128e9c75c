//! STS: whose keys these are, and the keys of a role.

use std::time::Duration;

use http::Request;
use jiff::{Timestamp, ToSpan};

use super::{Bench, Signer, body, header, noon, reply, seen};
use crate::simulator::{ACCOUNT, keys_of};

const ROLE: &str = "arn:aws:iam::111111111111:role/sweeps/cleaner";
const CALL: &str = "/voice-connectors/abc?operation=disassociate-phone-numbers";

type Parameters<'a> = &'a [(&'a str, &'a str)];

/// What the query protocol sends.
fn form(parameters: Parameters<'_>) -> String {
    let encoded =
        |text: &str| text.replace('+', "%2B").replace(':', "%3A").replace('/', "%2F").replace(' ', "+");
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// The text of an element, which occurs once.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once(&format!("</{name}>")).unwrap().0
}

/// The answer of STS.
fn ask(bench: &mut Bench, signer: &Signer<'_>, parameters: Parameters<'_>) -> (u16, String) {
    let request = Signer { service: "sts", ..*signer }.sign("POST", "/", &form(parameters));
    seen(bench.0.answer(&request, signer.time, Duration::ZERO))
}

fn assume(bench: &mut Bench, signer: &Signer<'_>, more: Parameters<'_>) -> (u16, String) {
    let usual = [("Action", "AssumeRole"), ("RoleArn", ROLE), ("RoleSessionName", "chime-sweep")];
    let usual = usual.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let parameters: Vec<_> = usual.chain(more.iter().copied()).collect();
    ask(bench, signer, &parameters)
}

/// Signs with the keys of an answer to `AssumeRole`.
fn lent(xml: &str) -> Signer<'_> {
    Signer {
        key: element(xml, "AccessKeyId"),
        secret: element(xml, "SecretAccessKey"),
        token: Some(element(xml, "SessionToken")),
        ..Signer::default()
    }
}

/// The error, if there is one, of a call of the service.
fn refusal(bench: &mut Bench, request: &Request<bytes::Bytes>, now: Timestamp) -> String {
    let response = reply(bench.0.answer(request, now, Duration::ZERO));
    header(&response, "x-amzn-errortype").to_owned()
}

#[test]
fn a_roles_keys_work_in_its_account_with_their_token_until_they_expire() {
    let mut bench = Bench::new("[sts]\nkeys_last = '15m'");
    let (status, xml) = assume(&mut bench, &Signer::default(), &[]);
    assert_eq!((status, element(&xml, "Expiration")), (200, "2026-01-31T12:15:00Z"), "{xml}");
    let right = lent(&xml);
    assert!(right.key.starts_with("ASIA") && right.key.len() == 20, "{}", right.key);
    let usual = Signer::default();
    let table = [
        (Signer { ..right }, ""),
        (Signer { region: "us-east-1", ..right }, ""),
        (Signer { token: None, ..right }, "UnrecognizedClientException"),
        (Signer { token: Some("other"), ..right }, "UnrecognizedClientException"),
        (Signer { secret: usual.secret, ..right }, "InvalidSignatureException"),
        (Signer { time: noon() + 899.seconds(), ..right }, ""),
        (Signer { time: noon() + 900.seconds(), ..right }, "ExpiredTokenException"),
        (Signer { time: noon() + 900.seconds(), secret: "wrong", ..right }, "InvalidSignatureException"),
        (Signer { time: noon() + 900.seconds(), ..usual }, ""),
    ];
    for (row, (signer, wanted)) in table.iter().enumerate() {
        let request = signer.sign("POST", CALL, &body(&["+12065550100"]));
        assert_eq!(refusal(&mut bench, &request, signer.time), *wanted, "row {row}");
    }
    let made = bench.0.ledger().applications;
    let made: Vec<_> = made.iter().map(|made| (&*made.account, &*made.region)).collect();
    assert_eq!(made, [("111111111111", "eu-west-1"), ("111111111111", "us-east-1"), (ACCOUNT, "eu-west-1")]);
    let late = Signer { time: noon() + 900.seconds(), ..right };
    let (status, refused) = ask(&mut bench, &late, &[("Action", "GetCallerIdentity")]);
    assert_eq!((status, element(&refused, "Code")), (403, "ExpiredTokenException"));

    let again = assume(&mut bench, &Signer::default(), &[]).1;
    let again = lent(&again);
    assert!(
        again.key != right.key && again.secret != right.secret && again.token != right.token,
        "new each time"
    );
}

#[test]
fn the_caller_is_the_user_of_an_account_or_the_session_of_a_role() {
    let mut bench = Bench::new("");
    let xml = assume(&mut bench, &Signer::default(), &[("RoleSessionName", "night=1+a@b")]).1;
    let (key, secret) = keys_of("222222222222");
    let session = "arn:aws:sts::111111111111:assumed-role/cleaner/night=1+a@b";
    assert_eq!(element(element(&xml, "AssumedRoleUser"), "Arn"), session);
    let table = [
        (Signer::default(), ACCOUNT, "arn:aws:iam::000000000000:user/simulated", "AIDASIMULATED"),
        (
            Signer { key: &key, secret, ..Signer::default() },
            "222222222222",
            "arn:aws:iam::222222222222:user/simulated",
            "AIDASIMULATED",
        ),
        (lent(&xml), "111111111111", session, "AROASIMULATED:night=1+a@b"),
    ];
    for (signer, account, arn, user) in table {
        let (status, xml) =
            ask(&mut bench, &signer, &[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
        let caller = ["Account", "Arn", "UserId"].map(|name| element(&xml, name));
        assert_eq!((status, caller), (200, [account, arn, user]));
    }
    // The keys of a role lead to the next one.
    let next = assume(&mut bench, &lent(&xml), &[("RoleArn", "arn:aws-us-gov:iam::333333333333:role/x")]).1;
    assert_eq!(element(&next, "Arn"), "arn:aws-us-gov:sts::333333333333:assumed-role/x/chime-sweep");
}

#[test]
fn keys_last_as_long_as_the_scenario_or_the_request_says() {
    let set = "[sts]\nkeys_last = '2s'";
    for (text, seconds, until) in [
        ("", None, "13:00:00"),
        ("", Some("900"), "12:15:00"),
        ("", Some("43200"), "00:00:00"),
        (set, None, "12:00:02"),
        (set, Some("43200"), "12:00:02"),
        ("clock_offset = '-1m'", Some("900"), "12:14:00"),
    ] {
        let seconds: Vec<_> = seconds.map(|seconds| ("DurationSeconds", seconds)).into_iter().collect();
        let (_, xml) = assume(&mut Bench::new(text), &Signer::default(), &seconds);
        assert!(element(&xml, "Expiration").ends_with(&format!("T{until}Z")), "{xml}");
    }
}

#[test]
fn what_sts_refuses() {
    let denied = format!(
        "[sts]\ndenied = ['{ROLE}']\n[[key]]\naccess_key_id = 'OLD'\nsecret_access_key = 'o'\nrequests = 0"
    );
    let (key, secret) = keys_of("222222222222");
    let right = Signer { key: &key, secret, ..Signer::default() };
    let table: [(&str, Signer<'_>, Parameters<'_>, (u16, &str)); 14] = [
        (&denied, Signer { ..right }, &[], (403, "AccessDenied")),
        (&denied, Signer { ..right }, &[("RoleArn", "arn:aws:iam::111111111111:role/cleaner")], (200, "")),
        (&denied, Signer { key: "OLD", secret: "o", ..right }, &[], (403, "ExpiredTokenException")),
        ("", Signer { secret: "wrong", ..right }, &[], (403, "InvalidSignatureException")),
        ("", Signer { key: "AKIDNOBODY", ..right }, &[], (403, "UnrecognizedClientException")),
        ("", Signer { ..right }, &[("RoleArn", "")], (400, "ValidationError")),
        ("", Signer { ..right }, &[("RoleArn", "arn:aws:iam::11111111111:role/x")], (400, "ValidationError")),
        (
            "",
            Signer { ..right },
            &[("RoleArn", "arn:aws:iam::111111111111:user/x")],
            (400, "ValidationError"),
        ),
        (
            "",
            Signer { ..right },
            &[("RoleArn", "arn:aws:iam::111111111111:role/<x>")],
            (400, "ValidationError"),
        ),
        ("", Signer { ..right }, &[("RoleSessionName", "a b")], (400, "ValidationError")),
        ("", Signer { ..right }, &[("RoleSessionName", "a")], (400, "ValidationError")),
        ("", Signer { ..right }, &[("DurationSeconds", "899")], (400, "ValidationError")),
        ("", Signer { ..right }, &[("DurationSeconds", "43201")], (400, "ValidationError")),
        ("", Signer { ..right }, &[("Action", "GetSessionToken")], (400, "InvalidAction")),
    ];
    for (row, (text, signer, more, (status, code))) in table.into_iter().enumerate() {
        let (got, xml) = assume(&mut Bench::new(text), &signer, more);
        assert_eq!(got, status, "row {row}: {xml}");
        assert!(code.is_empty() || element(&xml, "Code") == code, "row {row}: {xml}");
    }
    let (_, xml) = assume(&mut Bench::new(&denied), &right, &[]);
    let why = "User: arn:aws:iam::222222222222:user/simulated is not authorized to perform: sts:AssumeRole on resource: ";
    assert_eq!(element(&xml, "Message"), format!("{why}{ROLE}"));
}
