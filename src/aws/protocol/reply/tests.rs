mod other_calls;
mod strangers;

use std::collections::BTreeMap;
use std::path::Path;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::*;

const REQUEST_ID: (&str, &str) = ("x-amzn-RequestId", "aad4c082-8338-47e0-959a-f41fd9f2719f");
const DATE: (&str, &str) = ("date", "Sat, 14 Mar 2026 12:34:56 GMT");

fn date() -> Timestamp {
    "2026-03-14T12:34:56Z".parse().unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    pairs.iter().map(pair).collect()
}

fn reply(status: u16, pairs: &[(&str, &str)], body: &str) -> Result<BatchReply, ApiError> {
    interpret(StatusCode::from_u16(status).unwrap(), &headers(pairs), body.as_bytes(), date(), batch)
}

fn kind(status: u16, pairs: &[(&str, &str)], body: &str) -> ErrorKind {
    reply(status, pairs, body).expect_err(body).kind
}

/// The kind of an error that the service itself answers.
fn named(status: u16, name: &str, message: &str) -> ErrorKind {
    let body = format!(r#"{{"message":"{message}"}}"#);
    kind(status, &[REQUEST_ID, DATE, ("x-amzn-ErrorType", name)], &body)
}

const THROTTLED: ErrorKind = ErrorKind::Throttled { retry_after: None };
const NOT_ALLOWED: &str = "User: arn:aws:iam::1:user/x is not authorized to perform: chime:Disassociate";

#[test]
fn a_status_of_the_service_has_one_meaning() {
    use ErrorKind::*;
    for (status, expected) in [
        (201, NoAnswer),
        (204, NoAnswer),
        (206, NoAnswer),
        (301, Rejected),
        (307, Rejected),
        (400, BadRequest),
        (401, Credentials),
        (402, Rejected),
        (403, Forbidden),
        (404, NotFound),
        (405, Rejected),
        (408, NoAnswer),
        (409, Conflict),
        (410, Rejected),
        (413, BadRequest),
        (418, Rejected),
        (422, BadRequest),
        (429, THROTTLED),
        (500, NoAnswer),
        (501, Rejected),
        (502, NoAnswer),
        (503, NoAnswer),
        (504, NoAnswer),
        (505, Rejected),
        (599, NoAnswer),
        (600, Rejected),
        (999, Rejected),
    ] {
        assert_eq!(kind(status, &[REQUEST_ID], ""), expected, "{status}");
    }
}

#[test]
fn a_name_of_invisible_characters_is_none() {
    let error = reply(300, &[REQUEST_ID], r#"{"Code":"\u007f"}"#).unwrap_err();
    assert_eq!(&*error.code, "Http300");
}

#[test]
fn a_name_can_say_more_than_the_status() {
    use ErrorKind::*;
    for (status, name, message, expected) in [
        (400, "ThrottlingException", "Rate exceeded", THROTTLED),
        (400, "Throttled", "", THROTTLED),
        (403, "RequestLimitExceeded", "", THROTTLED),
        (503, "SlowDown", "", THROTTLED),
        (500, "com.amazonaws.chime#ThrottledClientException:http://x/#y", "", THROTTLED),
        (400, "ResourceLimitExceededException", "", BadRequest),
        (400, "ExpiredTokenException", "", Credentials),
        (400, "ExpiredToken", "", Credentials),
        (400, "UnrecognizedClientException", "", Credentials),
        (400, "IncompleteSignatureException", "", Credentials),
        (400, "MissingAuthenticationTokenException", "", Credentials),
        (403, "InvalidClientTokenId", "", Credentials),
        (403, "InvalidSignatureException", "", Credentials),
        (403, "SignatureDoesNotMatch", "", Credentials),
        (403, "UnauthorizedClientException", "", Credentials),
        (403, "AccessDeniedException", NOT_ALLOWED, Credentials),
        (403, "ForbiddenException", NOT_ALLOWED, Credentials),
        (403, "AccessDeniedException", "this account is not enabled", Forbidden),
        (403, "ForbiddenException", "", Forbidden),
        (400, "BadRequestException", NOT_ALLOWED, BadRequest),
        (500, "ExpiredTokenException", "", NoAnswer),
    ] {
        assert_eq!(named(status, name, message), expected, "{status} {name} {message}");
    }
}

#[test]
fn the_lists_of_names_are_those_of_aws() {
    // botocore's `_THROTTLED_ERROR_CODES`, and the Rust SDK's.
    let throttling = "Throttling ThrottlingException ThrottledException RequestThrottledException \
        TooManyRequestsException ProvisionedThroughputExceededException TransactionInProgressException \
        RequestLimitExceeded BandwidthLimitExceeded LimitExceededException RequestThrottled SlowDown \
        PriorRequestNotComplete EC2ThrottledException";
    for name in throttling.split_whitespace() {
        assert_eq!((named(400, name, ""), named(503, name, "")), (THROTTLED, THROTTLED), "{name}");
    }
    let credentials = "AuthFailure ExpiredToken IncompleteSignature InvalidAccessKeyId InvalidClientTokenId \
        InvalidSignatureException InvalidToken MissingAuthenticationToken RequestExpired RequestInTheFuture \
        RequestTimeTooSkewed SignatureDoesNotMatch TokenRefreshRequired Unauthorized UnrecognizedClientException";
    for name in credentials.split_whitespace() {
        let kinds = (named(400, name, ""), named(403, name, ""));
        assert_eq!(kinds, (ErrorKind::Credentials, ErrorKind::Credentials), "{name}");
    }
}

#[test]
fn a_refused_time_means_clock_skew_only_if_the_date_differs() {
    let skewed = |seconds: i64, name, message: &str, pairs: &[_]| {
        let now = date().checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
        let pairs = [pairs, &[REQUEST_ID, ("x-amzn-ErrorType", name)]].concat();
        let body = format!(r#"{{"message":"{message}"}}"#);
        interpret(StatusCode::FORBIDDEN, &headers(&pairs), body.as_bytes(), now, batch).unwrap_err().kind
    };
    let expired = "Signature expired: 20260314T114956Z is now earlier than 20260314T122956Z";
    let early = "Signature not yet current: 20260314T134956Z is still later than 20260314T123956Z";
    let skew = |offset_seconds| ErrorKind::ClockSkew { offset_seconds };
    assert_eq!(skewed(3600, "InvalidSignature", expired, &[DATE]), skew(3600));
    assert_eq!(skewed(-3600, "InvalidSignature", early, &[DATE]), skew(-3600));
    assert_eq!(skewed(241, "RequestTimeTooSkewed", "", &[DATE]), skew(241));
    assert_eq!(skewed(-241, "RequestExpired", "", &[DATE]), skew(-241));
    assert_eq!(skewed(240, "InvalidSignature", expired, &[DATE]), ErrorKind::Credentials);
    assert_eq!(skewed(3600, "InvalidSignature", "does not match", &[DATE]), ErrorKind::Credentials);
    assert_eq!(skewed(3600, "InvalidSignature", expired, &[]), ErrorKind::Credentials);
    assert_eq!(skewed(3600, "InvalidSignature", expired, &[("date", "tomorrow")]), ErrorKind::Credentials);
}

#[test]
fn a_retry_header_is_bounded_and_garbage_is_ignored() {
    let hour = Some(Duration::from_hours(1));
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (pairs, expected) in [
        (&[("x-amz-retry-after", "1500")][..], Some(Duration::from_millis(1500))),
        (&[("retry-after", " 7 ")], seconds(7)),
        (&[("retry-after", "0")], seconds(0)),
        (&[("x-amz-retry-after", "20"), ("retry-after", "7")], Some(Duration::from_millis(20))),
        (&[("x-amz-retry-after", "soon"), ("retry-after", "7")], seconds(7)),
        (&[("retry-after", "Sat, 14 Mar 2026 12:35:26 GMT")], seconds(30)),
        (&[("retry-after", "Sat, 14 Mar 2026 12:34:26 GMT")], None),
        (&[("retry-after", "Sun, 14 Mar 2027 12:34:26 GMT")], hour),
        (&[("retry-after", "86400")], hour),
        (&[("x-amz-retry-after", "18446744073709551615")], hour),
        (&[("retry-after", "18446744073709551616")], None),
        (&[("retry-after", "-5")], None),
        (&[("retry-after", "1.5")], None),
        (&[], None),
    ] {
        assert_eq!(kind(429, pairs, ""), ErrorKind::Throttled { retry_after: expected }, "{pairs:?}");
        let slow_down = [pairs, &[("x-amzn-errortype", "SlowDown")]].concat();
        assert_eq!(kind(503, &slow_down, ""), ErrorKind::Throttled { retry_after: expected }, "{pairs:?}");
    }
}

#[test]
fn messages_are_short_lines_without_secrets() {
    let message = |status, pairs: &[_], body: &str| reply(status, pairs, body).unwrap_err().message;
    let spoofed = r#"{"Message":" a\r\n\tb\u001b[31mc\u202Ed\u0000 "}"#;
    assert_eq!(&*message(400, &[], spoofed), "a b [31mc d");
    let exact = "é".repeat(300);
    assert_eq!(*message(400, &[], &format!(r#"{{"Message":"{exact}"}}"#)), *exact);
    let long = format!(r#"{{"Message":"{exact} é"}}"#);
    assert_eq!(*message(400, &[], &long), format!("{exact}..."));
    assert_eq!(
        &*message(302, &[("location", "https://h/p?token=secret#x")], ""),
        "redirected to `https://h/p`; redirects are not followed"
    );
    assert_eq!(&*message(503, &[], "upstream connect error\n"), "upstream connect error");
    assert_eq!(&*message(503, &[], r#"{"Code":"X"}"#), "Service Unavailable");
    let leaky = r#"{"message":"The signature does not match.\n\nThe Canonical String for this request should have been\n'POST\nx-amz-security-token:SECRET'"}"#;
    assert_eq!(&*message(403, &[], leaky), "The signature does not match.");
    let error =
        reply(418, &[("x-amzn-errortype", &"N".repeat(200)), ("x-amzn-requestid", &"i".repeat(200))], "")
            .unwrap_err();
    assert_eq!((error.code.chars().count(), error.request_id.unwrap().chars().count()), (103, 103));
}

#[test]
fn numbers_are_refused_one_by_one() {
    let body = r#"{"PhoneNumberErrors":[{"PhoneNumberId":"%2B12065550100","ErrorCode":"Gone","ErrorMessage":"a\nb"},{"PhoneNumberId":"x"}]}"#;
    let number = PhoneNumber::parse("+12065550100").ok();
    let errors = vec![
        NumberError { number, code: "Gone".into(), message: "a b".into() },
        NumberError { number: None, code: "Unspecified".into(), message: "".into() },
    ];
    assert_eq!(reply(200, &[], body), Ok(BatchReply { request_id: None, errors }));
}

fn errors(body: &str) -> Option<Vec<NumberError>> {
    reply(200, &[], body).ok().map(|reply| reply.errors)
}

#[test]
fn a_reply_is_an_object_with_an_array_under_the_key() {
    for body in ["", "{}", "[]", "null", r#""PhoneNumberErrors""#, r#"{"phoneNumberErrors":[]}"#] {
        assert_eq!(errors(body), None, "{body}");
    }
    for value in ["null", "{}", "0", r#""""#, "[", "[],", "[]}}", "[1e999]"] {
        assert_eq!(errors(&format!(r#"{{"PhoneNumberErrors":{value}}}"#)), None, "{value}");
    }
    assert_eq!(errors(" {\"PhoneNumberErrors\" : [ ] }\n"), Some(vec![]));
}

#[test]
fn an_error_that_is_hard_to_read_does_not_vanish() {
    let body =
        r#"{"A":{},"PhoneNumberErrors":[null,7,[],{},{"PhoneNumberId":12065550100,"ErrorCode":[],"B":1}]}"#;
    let number = PhoneNumber::parse("12065550100").ok();
    let nothing = || NumberError { number: None, code: "Unspecified".into(), message: "".into() };
    assert_eq!(
        errors(body),
        Some(vec![nothing(), nothing(), nothing(), nothing(), NumberError { number, ..nothing() }])
    );
}

#[test]
fn deep_nesting_is_refused_instead_of_overflowing_the_stack() {
    let deep = "[".repeat(1_000_000);
    for body in [deep.clone(), format!(r#"{{"A":{deep}"#), format!(r#"{{"PhoneNumberErrors":{deep}"#)] {
        assert_eq!(errors(&body), None);
        assert_eq!(kind(400, &[], &body), ErrorKind::Unreachable, "no JSON, so not the service's");
    }
}

#[test]
fn only_codes_that_may_pass_are_transient() {
    for code in
        ["Throttled", "Throttling", "ServiceUnavailable", "ServiceFailure", "Conflict", "ConflictException"]
    {
        assert!(is_transient(code), "{code}");
    }
    for code in
        ["NotFound", "Forbidden", "BadRequest", "Unspecified", "", "throttled", "ResourceLimitExceeded"]
    {
        assert!(!is_transient(code), "{code}");
    }
}

/// A file of fixtures/wire: a reply, and what botocore reads in it.
#[derive(Deserialize)]
struct Fixture {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
    botocore: Reading,
}

#[derive(Deserialize)]
struct Reading {
    request_id: Option<String>,
    error: Option<ReadError>,
    output: Option<Value>,
}

#[derive(Deserialize)]
struct ReadError {
    code: String,
    message: String,
}

#[test]
fn replies_are_read_as_botocore_does_but_a_garbled_success_is_an_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    assert!(files.len() >= 35, "fixtures are missing");
    for path in files {
        let name = path.display();
        let fixture: Fixture = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let pairs: Vec<_> = fixture.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let ours = reply(fixture.status, &pairs, &fixture.body);
        let request_id = match &ours {
            Ok(reply) => &reply.request_id,
            Err(error) => &error.request_id,
        };
        assert_eq!(request_id.as_deref(), fixture.botocore.request_id.as_deref(), "{name}");
        match (fixture.botocore.error, fixture.botocore.output) {
            (Some(read), None) => {
                let error = ours.expect_err(&fixture.body);
                let bare_status = read.code.bytes().all(|b| b.is_ascii_digit());
                let code = if bare_status { format!("Http{}", read.code) } else { read.code };
                assert_eq!((&*error.code, &*error.message), (&*code, &*read.message), "{name}");
            }
            (None, Some(output)) => match output.get("PhoneNumberErrors") {
                Some(read) => assert_eq!(ours.unwrap().errors, number_errors(read), "{name}"),
                None => assert_eq!(&*ours.unwrap_err().code, "GarbledReply", "{name}"),
            },
            _ => panic!("{name}: neither error nor output"),
        }
    }
}

fn number_errors(read: &Value) -> Vec<NumberError> {
    let text = |error: &Value, key, missing: &str| error[key].as_str().unwrap_or(missing).to_owned();
    let error = |error: &Value| NumberError {
        number: PhoneNumber::parse(&text(error, "PhoneNumberId", "")).ok(),
        code: text(error, "ErrorCode", "Unspecified").into(),
        message: text(error, "ErrorMessage", "").into(),
    };
    read.as_array().unwrap().iter().map(error).collect()
}

/// Bytes, and JSON that is nearly a reply.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let near = r#"\{"(PhoneNumberErrors|message|Code|__type)":(\[\]|\[null\]|\[\{"ErrorCode":"\PC{0,9}"\}\]|null|"[^"]{0,9}"|1e9)\}?"#;
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), near.prop_map(String::into_bytes)]
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop::sample::select(vec![
        "x-amzn-errortype",
        "x-amzn-requestid",
        "date",
        "retry-after",
        "x-amz-retry-after",
        "location",
    ]);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[#:a-zA-Z0-9 ,]{0,40}".prop_map(String::into_bytes)
    ];
    prop::collection::vec((name, value), 0..5).prop_map(|pairs| {
        let valid = |(name, value): (&'static str, Vec<u8>)| {
            Some((HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?))
        };
        pairs.into_iter().filter_map(valid).collect()
    })
}

proptest! {
    #[test]
    fn only_a_whole_200_is_believed(
        status in prop_oneof![Just(200_u16), 100_u16..=999],
        headers in any_headers(),
        body in any_body(),
        now in -10_000_000_000_i64..=10_000_000_000,
    ) {
        let now = Timestamp::from_second(now).unwrap();
        let ours = interpret(StatusCode::from_u16(status).unwrap(), &headers, &body, now, batch);
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        let whole = status == 200 && json.is_some_and(|json| json["PhoneNumberErrors"].is_array());
        prop_assert_eq!(ours.is_ok(), whole);
        if let Err(error) = ours {
            prop_assert!(error.message.chars().count() <= LONGEST_MESSAGE + 1);
            prop_assert!(!error.code.is_empty());
            prop_assert!(!error.message.contains(char::is_control));
        }
    }
}
