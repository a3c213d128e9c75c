//! Checks the AWS signature (version 4) of a request, as the service does.
//!
//! The canonical request is rebuilt here from the message that arrived, independently of the signing code that the
//! client uses. Not understood, because no client of this service sends it: signatures in the query, chunked
//! payloads, dot segments in the path.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::scenario::{Key, Scenario};
use super::values::Secret;
use super::wire::Refusal;
use super::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

/// The signing name of the service.
const SERVICE: &str = "chime";
/// How far a request's date may be from the service's clock.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// What is encoded in a query: everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What is encoded in a path, a second time: `%` becomes `%25`.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The keys that the service knows, and what it remembers between requests.
pub(super) struct Verifier {
    region: Option<String>,
    keys: Vec<KnownKey>,
    /// The last `X-Amz-Date`, parsed: thousands of requests carry the same one.
    date: (String, Timestamp),
    canonical: String,
    text: String,
}

struct KnownKey {
    key: Key,
    requests: u64,
    /// The signing key of the last scope.
    derived: Option<Derived>,
}

struct Derived {
    date: String,
    region: String,
    signing_key: Box<[u8]>,
}

/// Nothing of what was signed is shown: it may hold a session token.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.keys.iter().map(|known| known.key.access_key_id.as_str()).collect();
        f.debug_struct("Verifier").field("region", &self.region).field("keys", &keys).finish_non_exhaustive()
    }
}

impl Verifier {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut keys = scenario.keys.clone();
        if keys.is_empty() {
            keys.push(Key {
                access_key_id: ACCESS_KEY_ID.to_owned(),
                secret_access_key: Secret::from(SECRET_ACCESS_KEY),
                session_token: None,
                expires_after: None,
                requests: None,
            });
        }
        Self {
            region: scenario.region.clone(),
            keys: keys.into_iter().map(|key| KnownKey { key, requests: 0, derived: None }).collect(),
            date: (String::new(), Timestamp::UNIX_EPOCH),
            canonical: String::new(),
            text: String::new(),
        }
    }

    /// Checks a request that arrived at `now`, by the simulator's clock, `elapsed` after the first one.
    ///
    /// # Errors
    /// The service's refusal.
    pub(super) fn verify(
        &mut self,
        request: &Request<Bytes>,
        now: Timestamp,
        elapsed: Duration,
    ) -> Result<(), Refusal> {
        let headers = request.headers();
        let authorization = Authorization::parse(headers)?;
        let token = text(headers, "x-amz-security-token");
        let known = self.keys.iter_mut().find(|known| known.key.admits(authorization.access_key, token));
        let known = known.ok_or_else(|| {
            forbidden("UnrecognizedClientException", "The security token included in the request is invalid.")
        })?;
        let date =
            text(headers, "x-amz-date").ok_or_else(|| incomplete("it needs an `X-Amz-Date` header"))?;
        if self.date.0 != date {
            let parsed = timestamp(date)
                .ok_or_else(|| incomplete("its date is not in the form `20260131T235959Z`"))?;
            self.date = (date.to_owned(), parsed);
        }
        check_date(date, self.date.1, now)?;
        authorization.check_scope(date, self.region.as_deref())?;
        authorization.check_signed_headers(headers)?;

        canonical_request(&mut self.canonical, request, authorization.signed_headers);
        self.text.clear();
        let Authorization { region, scope_date, .. } = authorization;
        let _ = write!(self.text, "AWS4-HMAC-SHA256\n{date}\n{scope_date}/{region}/{SERVICE}/aws4_request\n");
        push_sha256(&mut self.text, self.canonical.as_bytes());
        let signature =
            calculate_signature(known.signing_key(scope_date, region, self.date.1), self.text.as_bytes());
        if signature != authorization.signature {
            return Err(invalid(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            ));
        }
        known.use_once(elapsed)
    }
}

impl Key {
    fn admits(&self, access_key: &str, token: Option<&str>) -> bool {
        self.access_key_id == access_key
            && self.session_token.as_ref().is_none_or(|expected| Some(expected.reveal()) == token)
    }
}

impl KnownKey {
    fn signing_key(&mut self, date: &str, region: &str, time: Timestamp) -> &[u8] {
        if !self.derived.as_ref().is_some_and(|derived| derived.date == date && derived.region == region) {
            self.derived = None;
        }
        let secret = self.key.secret_access_key.reveal();
        // Only its day is used, which the check of the date has bounded.
        let time = SystemTime::try_from(time).unwrap_or(SystemTime::UNIX_EPOCH);
        let derive = || Derived {
            date: date.to_owned(),
            region: region.to_owned(),
            signing_key: generate_signing_key(secret, time, region, SERVICE).as_ref().into(),
        };
        &self.derived.get_or_insert_with(derive).signing_key
    }

    fn use_once(&mut self, elapsed: Duration) -> Result<(), Refusal> {
        let too_late = self.key.expires_after.is_some_and(|after| elapsed >= after);
        let too_often = self.key.requests.is_some_and(|requests| self.requests >= requests);
        if too_late || too_often {
            return Err(forbidden(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ));
        }
        self.requests += 1;
        Ok(())
    }
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    access_key: &'a str,
    scope_date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let value = text(headers, "authorization").ok_or_else(|| {
            forbidden("MissingAuthenticationTokenException", "Missing Authentication Token")
        })?;
        let parameters =
            value.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| incomplete("its algorithm is unknown"))?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for parameter in parameters.split(',') {
            match parameter.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => return Err(incomplete("it has an unknown parameter")),
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) =
            (credential, signed_headers, signature)
        else {
            return Err(incomplete("it needs `Credential`, `SignedHeaders` and `Signature`"));
        };
        let mut parts = credential.splitn(5, '/');
        let scope = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(access_key), Some(scope_date), Some(region), Some(service), Some("aws4_request")) = scope
        else {
            return Err(incomplete(
                "its credential is not in the form `key/date/region/service/aws4_request`",
            ));
        };
        Ok(Self { access_key, scope_date, region, service, signed_headers, signature })
    }

    fn check_scope(&self, date: &str, region: Option<&str>) -> Result<(), Refusal> {
        if self.service != SERVICE {
            return Err(invalid(format!("Credential should be scoped to correct service: '{SERVICE}'.")));
        }
        if let Some(region) = region.filter(|region| *region != self.region) {
            return Err(invalid(format!(
                "Credential should be scoped to a valid region, not '{}'; it is '{region}'.",
                self.region
            )));
        }
        if date.get(..8) != Some(self.scope_date) {
            return Err(invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
            ));
        }
        Ok(())
    }

    /// `host` and whatever is AWS's must be signed.
    fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let signed = |name: &str| self.signed_headers.split(';').any(|signed| signed == name);
        let unsigned = headers
            .keys()
            .map(http::HeaderName::as_str)
            .find(|name| name.starts_with("x-amz-") && !signed(name));
        match unsigned.or_else(|| Some("host").filter(|host| !signed(host))) {
            Some(name) => Err(invalid(format!("'{name}' must be a signed header in the AWS Authorization."))),
            None => Ok(()),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `20260131T235959Z`, and nothing else that is a time.
fn timestamp(text: &str) -> Option<Timestamp> {
    let shape = text.len() == 16 && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    if shape { text.parse().ok() } else { None }
}

fn check_date(text: &str, signed: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let age = now.duration_since(signed);
    let basic = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ");
    if age > TOLERANCE {
        let earliest = basic(now - TOLERANCE);
        return Err(invalid(format!(
            "Signature expired: {text} is now earlier than {earliest} ({} - 5 min.)",
            basic(now)
        )));
    }
    if -age > TOLERANCE {
        let latest = basic(now + TOLERANCE);
        return Err(invalid(format!(
            "Signature not yet current: {text} is still later than {latest} ({} + 5 min.)",
            basic(now)
        )));
    }
    Ok(())
}

fn canonical_request(into: &mut String, request: &Request<Bytes>, signed_headers: &str) {
    into.clear();
    into.push_str(request.method().as_str());
    into.push('\n');
    into.extend(utf8_percent_encode(request.uri().path(), RESERVED_IN_PATH));
    into.push('\n');
    push_query(into, request.uri().query().unwrap_or(""));
    for name in signed_headers.split(';') {
        into.push('\n');
        into.push_str(name);
        into.push(':');
        for (index, value) in request.headers().get_all(name).iter().enumerate() {
            let words = value.to_str().unwrap_or("").split_ascii_whitespace();
            into.push_str(if index == 0 { "" } else { "," });
            for (index, word) in words.enumerate() {
                into.push_str(if index == 0 { "" } else { " " });
                into.push_str(word);
            }
        }
    }
    into.push_str("\n\n");
    into.push_str(signed_headers);
    into.push('\n');
    push_sha256(into, request.body());
}

fn push_query(into: &mut String, query: &str) {
    let mut pairs: Vec<(String, String)> =
        query.split('&').filter(|pair| !pair.is_empty()).map(encoded_pair).collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        into.push_str(if index == 0 { "" } else { "&" });
        into.push_str(name);
        into.push('=');
        into.push_str(value);
    }
}

fn encoded_pair(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let encode =
        |text: &str| utf8_percent_encode(&percent_decode_str(text).decode_utf8_lossy(), RESERVED).to_string();
    (encode(name), encode(value))
}

fn push_sha256(into: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in Sha256::digest(bytes) {
        into.push(char::from(DIGITS[usize::from(byte >> 4)]));
        into.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn forbidden(code: &'static str, message: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, code, message)
}

fn incomplete(why: &str) -> Refusal {
    let message = format!("The `Authorization` header is incomplete: {why}");
    Refusal::new(StatusCode::FORBIDDEN, "IncompleteSignatureException", message)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "InvalidSignatureException", message)
}
