//! The ways in which a signature can be wrong, and the forms in which it is valid.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use jiff::ToSpan;

use super::{Bench, Signer, disassociate, header, noon, reply, seen};

const ADDRESS: &str = "/voice-connectors/abc?operation=disassociate-phone-numbers";
const BODY: &str = r#"{"E164PhoneNumbers":["+12065550100"]}"#;
const KEYS: &str = r#"
[[key]]
access_key_id = "AKIDSIMULATED"
secret_access_key = "simulated-secret-that-opens-nothing"
[[key]]
access_key_id = "TEMPORARY"
secret_access_key = "t"
session_token = "tok/en+="
"#;

fn refusal(bench: &mut Bench, request: &Request<Bytes>) -> (u16, String) {
    let response = reply(bench.ask(request, 0));
    (response.status().as_u16(), header(&response, "x-amzn-errortype").to_owned())
}

#[test]
fn requests_signed_by_aws_code_are_accepted() {
    let calls = [
        ("POST", ADDRESS, BODY),
        ("POST", "/voice-connectors/a%20b%2Fc%25?operation=disassociate-phone-numbers", BODY),
        ("GET", "/phone-numbers/%2B12065550100", ""),
        (
            "GET",
            "/phone-numbers?max-results=7&filter-value=a%20b%2Bc&filter-name=VoiceConnectorId&next-token=sim-1",
            "",
        ),
    ];
    for (method, address, body) in calls {
        let mut bench = Bench::new(KEYS);
        for signer in [
            Signer::default(),
            Signer { key: "TEMPORARY", secret: "t", token: Some("tok/en+="), ..Signer::default() },
        ] {
            let (status, text) = seen(bench.ask(&signer.sign(method, address, body), 0));
            assert!(!text.contains("ignature") && status != 403, "{method} {address}: {status} {text}");
        }
    }
}

#[test]
fn every_wrong_signature_is_refused_with_the_right_error() {
    let signed = |signer: &Signer<'_>| signer.sign("POST", ADDRESS, BODY);
    let right = Signer::default;
    let altered = |name: &'static str, value: &'static str| {
        let mut request = signed(&right());
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        request
    };
    let without = |name: &str| {
        let mut request = signed(&right());
        request.headers_mut().remove(name);
        request
    };
    let mut other_path = signed(&right());
    *other_path.uri_mut() = "/voice-connectors/abd?operation=disassociate-phone-numbers".parse().unwrap();
    let mut other_query = signed(&right());
    *other_query.uri_mut() = "/voice-connectors/abc?operation=associate-phone-numbers".parse().unwrap();
    let mut other_method = signed(&right());
    *other_method.method_mut() = http::Method::PUT;
    let other_body = signed(&right()).map(|_| Bytes::from_static(br#"{"E164PhoneNumbers":[]}"#));

    let invalid = "InvalidSignatureException";
    let table = [
        ("unknown key", signed(&Signer { key: "AKIDNOBODY", ..right() }), "UnrecognizedClientException"),
        (
            "no token",
            signed(&Signer { key: "TEMPORARY", secret: "t", ..right() }),
            "UnrecognizedClientException",
        ),
        (
            "wrong token",
            signed(&Signer { key: "TEMPORARY", secret: "t", token: Some("x"), ..right() }),
            "UnrecognizedClientException",
        ),
        ("wrong secret", signed(&Signer { secret: "wrong", ..right() }), invalid),
        ("wrong service", signed(&Signer { service: "s3", ..right() }), invalid),
        ("wrong region", signed(&Signer { region: "us-east-1", ..right() }), invalid),
        ("too old", signed(&Signer { time: noon() - 301.seconds(), ..right() }), invalid),
        ("too new", signed(&Signer { time: noon() + 301.seconds(), ..right() }), invalid),
        ("other path", other_path, invalid),
        ("other query", other_query, invalid),
        ("other method", other_method, invalid),
        ("other body", other_body, invalid),
        ("other host", altered("host", "elsewhere"), invalid),
        ("other date", altered("x-amz-date", "20260131T120001Z"), invalid),
        ("unsigned header of AWS", altered("x-amz-target", "x"), invalid),
        ("no signature", without("authorization"), "MissingAuthenticationTokenException"),
        ("no date", without("x-amz-date"), "IncompleteSignatureException"),
        ("no time", altered("x-amz-date", "2026-01-31 12:00"), "IncompleteSignatureException"),
        ("other algorithm", altered("authorization", "Basic YTpi"), "IncompleteSignatureException"),
        (
            "half",
            altered(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDSIMULATED/20260131/eu-west-1/chime/aws4_request",
            ),
            "IncompleteSignatureException",
        ),
    ];
    let mut bench = Bench::new(&format!("region = 'eu-west-1'\n{KEYS}"));
    for (name, request, wanted) in table {
        assert_eq!(refusal(&mut bench, &request), (403, wanted.to_owned()), "{name}");
    }
    assert_eq!(bench.applied(), 0);
    assert_eq!(refusal(&mut bench, &signed(&right())), (200, String::new()));
}

#[test]
fn five_minutes_of_skew_are_tolerated_and_the_date_shows_the_simulators_clock() {
    for seconds in [-300, 300] {
        let signer = Signer { time: noon() + seconds.seconds(), ..Signer::default() };
        assert_eq!(seen(Bench::new("").ask(&signer.sign("POST", ADDRESS, BODY), 0)).0, 200);
    }
    let mut late = Bench::new("clock_offset = '10m'");
    let response = reply(late.ask(&disassociate("abc", &["+12065550100"]), 0));
    assert_eq!(header(&response, "date"), "Sat, 31 Jan 2026 12:10:00 GMT");
    let text = String::from_utf8_lossy(response.body()).into_owned();
    assert!(text.contains("Signature expired: 20260131T120000Z is now earlier than 20260131T120500Z (20260131T121000Z - 5 min.)"), "{text}");
    let corrected = Signer { time: noon() + 10.minutes(), ..Signer::default() };
    assert_eq!(seen(late.ask(&corrected.sign("POST", ADDRESS, BODY), 0)).0, 200);
}

#[test]
fn the_day_and_the_region_of_the_signature_may_change() {
    let mut bench = Bench::new("");
    for (days, region) in [(0, "eu-west-1"), (1, "eu-west-1"), (1, "us-east-1"), (1, "eu-west-1")] {
        let time = noon() + (24 * days).hours();
        let request = Signer { time, region, ..Signer::default() }.sign("POST", ADDRESS, BODY);
        let answer = bench.0.answer(&request, time, std::time::Duration::ZERO);
        assert_eq!(seen(answer).0, 200, "{days} {region}");
    }
}

#[test]
fn credentials_expire_after_a_time_or_a_number_of_requests() {
    let keys = |limit: &str| {
        let renewed = "[[key]]\naccess_key_id = 'RENEWED'\nsecret_access_key = 'r'";
        format!(
            "[[key]]\naccess_key_id = 'AKIDSIMULATED'\nsecret_access_key = 'simulated-secret-that-opens-nothing'\n{limit}\n{renewed}"
        )
    };
    let old = Signer::default().sign("POST", ADDRESS, BODY);
    let renewed = Signer { key: "RENEWED", secret: "r", ..Signer::default() }.sign("POST", ADDRESS, BODY);
    let expired = |answer| header(&reply(answer), "x-amzn-errortype") == "ExpiredTokenException";

    let mut timed = Bench::new(&keys("expires_after = '2s'"));
    let outcomes: Vec<bool> = [5_000, 6_999, 7_000, 9_000].map(|at| expired(timed.ask(&old, at))).to_vec();
    assert_eq!(outcomes, [false, false, true, true], "counted from the first request");
    assert!(!expired(timed.ask(&renewed, 9_000)));

    let mut counted = Bench::new(&keys("requests = 2"));
    assert_eq!([0; 4].map(|at| expired(counted.ask(&old, at))), [false, false, true, true]);
    assert!(!expired(counted.ask(&renewed, 0)));
}
