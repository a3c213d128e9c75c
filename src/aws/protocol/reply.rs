//! Says what a reply of the service means: settled, or why not.
//!
//! Must not decide what to do about it (send again, split, stop): that is the pool's.
//!
//! A status is trusted only as far as the reply is recognizably the service's, because load balancers, proxies, portals
//! and mistyped endpoints answer too: what they say is about the network, and never about a row. Names are compared
//! without their `Exception`: the service uses both forms. What the service adds to its JSON, leaves out or sets to null
//! is not an error.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::answer::{ApiError, BatchReply, ErrorKind, NOT_AUTHORIZED, NumberError, PROXY_REFUSED};
use crate::number::PhoneNumber;

/// A longer pause is cut to this, because the pacer would look hung.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Limited so that an outage that ends sooner than announced is noticed, and probing can reach `--give-up-after`.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// The service accepts a clock that is off by 5 minutes; below this, the clock is not why it refused a signature.
const TOLERATED_SKEW_SECONDS: i64 = 4 * 60;

/// For a report's cell and a terminal's line.
const LONGEST_MESSAGE: usize = 300;
const LONGEST_NAME: usize = 100;

/// The AWS SDKs' list of throttling errors, and the service's own, which is not in it.
const THROTTLING: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2Throttled",
    "LimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "Throttled",
    "ThrottledClient",
    "Throttling",
    "TooManyRequests",
    "TransactionInProgress",
];

/// What AWS calls a request whose credentials or signature it does not accept, with status 400, 401 or 403.
const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignature",
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "Unauthorized",
    "UnauthorizedClient",
    "UnrecognizedClient",
];

/// The names that speak of the clock by themselves; others do in their message.
const CLOCK: &[&str] = &["RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"];

/// The per-number codes after which the same number may succeed.
const TRANSIENT: &[&str] = &["Conflict", "ServiceFailure", "ServiceUnavailable", "Throttled", "Throttling"];

/// Whether a number that was refused with this [`NumberError::code`] should be sent again.
#[must_use]
pub fn is_transient(code: &str) -> bool {
    TRANSIENT.contains(&short_name(code))
}

/// What a reply means. `parse` reads the answer that is asked for; `body` is the whole body; `now` is when the reply came, by the clock that the request was signed
/// with, for `Retry-After` dates and for that clock's offset.
///
/// | reply | meaning |
/// |---|---|
/// | 200, a JSON object in which `parse` finds the answer | `Ok` |
/// | any other 2xx | [`NoAnswer`](ErrorKind::NoAnswer), code `GarbledReply` |
/// | 429, or a 4xx or 5xx with a throttling error's name | [`Throttled`](ErrorKind::Throttled) |
/// | 4xx about a signature's time, and `Date` differs | [`ClockSkew`](ErrorKind::ClockSkew) |
/// | 408; 5xx but 501, 505 and 511 | [`NoAnswer`](ErrorKind::NoAnswer); with `Retry-After` [`Unavailable`](ErrorKind::Unavailable) |
/// | anything else that has neither a header of AWS nor its JSON: from a proxy, a portal, a wrong endpoint | [`Unreachable`](ErrorKind::Unreachable) |
/// | 401; 4xx with the name of an error about credentials; 403 "… is not authorized to perform …" | [`Credentials`](ErrorKind::Credentials) |
/// | 400, 413, 422 | [`BadRequest`](ErrorKind::BadRequest) |
/// | 403; 404; 409 | [`Forbidden`](ErrorKind::Forbidden); [`NotFound`](ErrorKind::NotFound); [`Conflict`](ErrorKind::Conflict) |
/// | anything else, such as a redirect | [`Rejected`](ErrorKind::Rejected) |
///
/// # Errors
/// Unless the reply is the answer.
pub fn interpret<T>(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    parse: impl FnOnce(&Value, Option<Box<str>>) -> Option<T>,
) -> Result<T, ApiError> {
    let request_id = ["x-amzn-requestid", "x-amz-request-id"]
        .iter()
        .find_map(|name| text(headers, name))
        .map(|id| one_line(id, LONGEST_NAME));
    let error = |kind, code: Box<str>, message: &str| ApiError {
        kind,
        status: Some(status.as_u16()),
        code,
        message: one_line(message, LONGEST_MESSAGE),
        request_id: request_id.clone(),
    };
    if status.is_success() {
        let json = json_object(body).filter(|_| status == StatusCode::OK);
        let answer = json.and_then(|json| parse(&json, request_id.clone()));
        return answer
            .ok_or_else(|| error(ErrorKind::NoAnswer, "GarbledReply".into(), &garbled(status, body)));
    }
    let refusal = Refusal::read(status, headers, body);
    let code = match one_line(&refusal.name, LONGEST_NAME) {
        name if !name.is_empty() => name, // it is empty, too, if nothing of it is visible
        _ if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => PROXY_REFUSED.into(),
        _ => format!("Http{}", status.as_u16()).into(),
    };
    Err(error(refusal.kind(headers, now), code, &refusal.message))
}

/// The answer to a batch, for [`interpret`]: an object whose `PhoneNumberErrors` is an array.
#[must_use]
pub fn batch(json: &Value, request_id: Option<Box<str>>) -> Option<BatchReply> {
    let errors = json["PhoneNumberErrors"].as_array()?;
    Some(BatchReply { request_id, errors: errors.iter().map(number_error).collect() })
}

/// The answer to a restore call, for [`interpret`]: an object with the number.
#[must_use]
pub fn restored(json: &Value, request_id: Option<Box<str>>) -> Option<BatchReply> {
    json["PhoneNumber"].is_object().then(|| BatchReply { request_id, errors: Vec::new() })
}

/// The result of a call for one number, as if it were a batch of one: that the number is not found is about the number.
///
/// # Errors
/// As before, unless it is that.
pub(crate) fn of_one(
    result: Result<BatchReply, ApiError>,
    numbers: &[PhoneNumber],
) -> Result<BatchReply, ApiError> {
    match result {
        Err(ApiError { kind: ErrorKind::NotFound, message, request_id, .. }) => {
            let number = numbers.first().copied();
            let errors = vec![NumberError { number, code: "NotFound".into(), message }];
            Ok(BatchReply { request_id, errors })
        }
        result => result,
    }
}

/// The parts of a reply that is not a success.
struct Refusal {
    status: StatusCode,
    /// `ThrottledClientException`; empty if the reply has no name.
    name: String,
    message: String,
    /// Whether something in the reply is the service's: an AWS header, or JSON with an error's name.
    from_service: bool,
}

impl Refusal {
    fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let json = json_object(body).unwrap_or_default();
        let from_service = headers.contains_key("x-amzn-requestid")
            || headers.contains_key("x-amzn-errortype")
            || CODES.iter().any(|key| json[key].as_str().is_some_and(is_name));
        let code = member(&json, CODES);
        let message = member(&json, &["message", "Message"]);
        let name = text(headers, "x-amzn-errortype").map(bare_name).filter(|name| !name.is_empty());
        let name = name.or_else(|| code.as_deref().map(bare_name)).unwrap_or_default().to_owned();
        let message = match message.as_deref().map(without_canonical_request) {
            Some(message) if !message.is_empty() => message.to_owned(),
            _ if status.is_redirection() => redirected(headers),
            _ if !from_service && !status.is_server_error() => {
                let said = title(body).or(plain_text(body)).or(status.canonical_reason());
                format!("not a reply of the service: {}", said.unwrap_or("nothing is said"))
            }
            _ => plain_text(body).or(status.canonical_reason()).unwrap_or_default().to_owned(),
        };
        Self { status, name, message, from_service }
    }

    fn kind(&self, headers: &HeaderMap, now: Timestamp) -> ErrorKind {
        let throttling = THROTTLING.contains(&short_name(&self.name));
        match self.status.as_u16() {
            429 => ErrorKind::Throttled { retry_after: retry_after(headers, now) },
            400..600 if throttling => ErrorKind::Throttled { retry_after: retry_after(headers, now) },
            // A load balancer in front of the service says these.
            408 | 500 | 502..=504 | 506..=510 | 512..600 => match retry_after(headers, now) {
                Some(pause) => ErrorKind::Unavailable { retry_after: pause.min(LONGEST_REST) },
                None => ErrorKind::NoAnswer,
            },
            _ if !self.from_service => ErrorKind::Unreachable,
            400..500 if self.is_about_credentials() => match self.clock_offset(headers, now) {
                Some(offset_seconds) => ErrorKind::ClockSkew { offset_seconds },
                None => ErrorKind::Credentials,
            },
            400 | 413 | 422 => ErrorKind::BadRequest,
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            _ => ErrorKind::Rejected,
        }
    }

    fn is_about_credentials(&self) -> bool {
        let of_caller = self.status == StatusCode::FORBIDDEN && self.message.contains(NOT_AUTHORIZED);
        self.status == StatusCode::UNAUTHORIZED || is_about_keys(&self.name) || of_caller
    }

    /// The service's time less `now`, if a wrong clock is why it refused the signature.
    fn clock_offset(&self, headers: &HeaderMap, now: Timestamp) -> Option<i64> {
        let about_time = CLOCK.contains(&short_name(&self.name))
            || self.message.contains("Signature expired")
            || self.message.contains("Signature not yet current");
        let date = text(headers, header::DATE.as_str()).and_then(http_date)?;
        let offset = date.as_second() - now.as_second();
        (about_time && offset.abs() > TOLERATED_SKEW_SECONDS).then_some(offset)
    }
}

/// Where the service puts an error's name in its JSON.
const CODES: &[&str] = &["code", "Code", "__type"];

/// Whether a text is like the names of the service's errors: `NotFoundException`, with or without a namespace.
fn is_name(text: &str) -> bool {
    let name = bare_name(text);
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The whole body, if it is a JSON object. Of a key that comes twice the last one counts, as in every SDK.
fn json_object(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(Value::is_object)
}

/// An element of `PhoneNumberErrors`. One that is not an object is still an error: it must not vanish, because a number
/// that is not listed has succeeded.
fn number_error(element: &Value) -> NumberError {
    let text = |key| member(element, &[key]).unwrap_or_default();
    let code = one_line(&text("ErrorCode"), LONGEST_NAME);
    NumberError {
        number: PhoneNumber::parse(&text("PhoneNumberId")).ok(),
        code: if code.is_empty() { "Unspecified".into() } else { code },
        message: one_line(&text("ErrorMessage"), LONGEST_MESSAGE),
    }
}

/// The first of the keys that holds a text (or a number, as text).
pub(super) fn member(json: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match &json[key] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// `NotFoundException` of `com.amazonaws.chime#NotFoundException:http://internal.amazon.com/coral/`.
fn bare_name(name: &str) -> &str {
    let name = name.split_once(':').map_or(name, |(before, _)| before);
    name.rsplit_once('#').map_or(name, |(_, after)| after).trim()
}

/// Whether AWS calls a request so whose credentials or signature it does not accept.
pub(crate) fn is_about_keys(name: &str) -> bool {
    CREDENTIALS.contains(&short_name(name))
}

fn short_name(name: &str) -> &str {
    name.strip_suffix("Exception").unwrap_or(name)
}

/// AWS answers a wrong signature with the request as it should have been signed, session token included.
fn without_canonical_request(message: &str) -> &str {
    message.split("The Canonical String").next().unwrap_or_default().trim()
}

/// The title of a page.
fn title(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let lower = text.to_ascii_lowercase();
    let begin = lower.find("<title>")? + "<title>".len();
    let end = begin + lower[begin..].find("</title>")?;
    Some(text[begin..end].trim()).filter(|title| !title.is_empty())
}

/// The body, if it is neither JSON nor a page.
fn plain_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && !text.starts_with(['<', '{', '['])).then_some(text)
}

fn redirected(headers: &HeaderMap) -> String {
    let target = text(headers, header::LOCATION.as_str()).unwrap_or("nowhere");
    let target = target.split(['?', '#']).next().unwrap_or_default();
    format!("redirected to `{target}`; redirects are not followed")
}

fn garbled(status: StatusCode, body: &[u8]) -> String {
    if status == StatusCode::OK {
        let title = title(body).map(|title| format!(": {title}")).unwrap_or_default();
        format!("the reply of {} bytes is cut off, or is not an answer to this call{title}", body.len())
    } else {
        format!("status {} in place of 200", status.as_u16())
    }
}

/// `x-amz-retry-after` in milliseconds, else `Retry-After` in seconds or as a date; anything else is ignored.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let milliseconds = || text(headers, "x-amz-retry-after")?.parse().ok().map(Duration::from_millis);
    let seconds = || text(headers, header::RETRY_AFTER.as_str())?.parse().ok().map(Duration::from_secs);
    let date = || {
        let date = http_date(text(headers, header::RETRY_AFTER.as_str())?)?;
        Duration::try_from(date.duration_since(now)).ok()
    };
    milliseconds().or_else(seconds).or_else(date).map(|pause| pause.min(LONGEST_RETRY_AFTER))
}

fn http_date(text: &str) -> Option<Timestamp> {
    const PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    PARSER.parse_timestamp(text).ok()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

/// At most `limit` characters of the text, and `...` if there are more; what is not visible becomes one space.
fn one_line(text: &str, limit: usize) -> Box<str> {
    if text.len() <= limit && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text.into(); // as every name and request id is
    }
    // Besides controls and white space: what turns the direction of the text around it.
    let hidden = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}')
    };
    let (mut line, mut length, mut space) = (String::new(), 0, 0);
    for c in text.chars() {
        if hidden(c) {
            space = usize::from(length > 0);
        } else if length + space >= limit {
            line.push_str("...");
            break;
        } else {
            line.push_str(&" "[..space]);
            line.push(c);
            length += space + 1;
            space = 0;
        }
    }
    line.into()
}

#[cfg(test)]
mod tests;
