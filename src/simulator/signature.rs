//! Checks the AWS signature (version 4) of a request, as the service does.
//!
//! The canonical request is rebuilt here from the message that arrived. Must not use the signing code that the client
//! uses. Not supported, because no client of this service sends them: signatures in the query, chunked payloads, dot
//! segments in the path.

use std::time::{Duration, SystemTime};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::keys::{Key, PREFIX, account_of_key, is_account};
use super::role::Session;
use super::scenario::Scenario;
use super::wire::Refusal;
use crate::files::hexadecimal;

/// The signing names of the service, and of STS.
pub(super) const SERVICE: &str = "chime";
pub(super) const STS: &str = "sts";
/// How far a request's date may be from the service's clock.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// The characters encoded in a query: all but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The characters encoded in a path, which is already encoded once: `%` becomes `%25`.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The keys that the service knows.
#[derive(Debug)]
pub(super) struct Verifier {
    region: Option<String>,
    keys: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    key: Key,
    /// How many requests it was accepted for.
    requests: u64,
    /// The use of a role that it is for, if STS has lent it.
    session: Option<Session>,
}

/// Whose key has signed a request.
pub(super) struct Caller<'a> {
    pub(super) account: &'a str,
    session: Option<&'a Session>,
}

impl Caller<'_> {
    /// `UserId` and `Arn`.
    pub(super) fn names(&self) -> (String, String) {
        let user = || ("AIDASIMULATED".to_owned(), format!("arn:aws:iam::{}:user/simulated", self.account));
        self.session.map_or_else(user, |session| (session.user_id(), session.arn()))
    }
}

impl Verifier {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut verifier = Self { region: scenario.region.clone(), keys: Vec::new() };
        scenario.keys().into_iter().for_each(|key| verifier.learn(key, None));
        verifier
    }

    /// How many keys are known.
    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// From now on, this key is known.
    pub(super) fn learn(&mut self, key: Key, session: Option<Session>) {
        self.keys.push(Known { key, requests: 0, session });
    }

    /// The key of this id. That of an account is known without having been learned.
    fn find(&mut self, id: &str, token: Option<&str>) -> Option<&mut Known> {
        let is_of_account = || id.strip_prefix(PREFIX).is_some_and(is_account);
        if self.keys.iter().all(|known| known.key.access_key_id != id) && is_of_account() {
            self.learn(Key::usual(id), None);
        }
        self.keys.iter_mut().find(|known| known.key.admits(id, token))
    }

    /// Checks a request to `service` that arrived at a time by the simulator's clock, and so long after the first one.
    ///
    /// # Errors
    /// The service's refusal.
    pub(super) fn verify<'a>(
        &'a mut self,
        request: &Request<Bytes>,
        authorization: &Authorization<'a>,
        (now, elapsed): (Timestamp, Duration),
        service: &str,
    ) -> Result<Caller<'a>, Refusal> {
        let headers = request.headers();
        let token = text(headers, "x-amz-security-token");
        let region = self.region.clone();
        let Some(Known { key, requests, session }) = self.find(authorization.access_key, token) else {
            let message = "The security token included in the request is invalid.";
            return Err(forbidden("UnrecognizedClientException", message));
        };
        let date =
            text(headers, "x-amz-date").ok_or_else(|| incomplete("it needs an `X-Amz-Date` header"))?;
        let time =
            timestamp(date).ok_or_else(|| incomplete("its date is not in the form `20260131T235959Z`"))?;
        check_date(date, time, now)?;
        authorization.check_scope(date, service, region.as_deref())?;
        authorization.check_signed_headers(headers)?;

        let Authorization { region, scope_date, signed_headers, .. } = *authorization;
        let canonical = sha256(canonical_request(request, signed_headers).as_bytes());
        let text =
            format!("AWS4-HMAC-SHA256\n{date}\n{scope_date}/{region}/{service}/aws4_request\n{canonical}");
        // Only its day is used, and the check of the date has limited that.
        let time = SystemTime::try_from(time).unwrap_or(SystemTime::UNIX_EPOCH);
        let signing_key = generate_signing_key(&key.secret_access_key.0, time, region, service);
        if calculate_signature(signing_key, text.as_bytes()) != authorization.signature {
            return Err(invalid(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            ));
        }
        let too_late = key.expires_after.is_some_and(|after| elapsed >= after)
            || session.as_ref().is_some_and(|session| now >= session.until);
        if too_late || key.requests.is_some_and(|limit| *requests >= limit) {
            let message = "The security token included in the request is expired";
            return Err(forbidden("ExpiredTokenException", message));
        }
        *requests += u64::from(service == SERVICE);
        Ok(Caller { account: authorization.account(), session: session.as_ref() })
    }
}

impl Key {
    fn admits(&self, access_key: &str, token: Option<&str>) -> bool {
        self.access_key_id == access_key
            && self.session_token.as_ref().is_none_or(|expected| Some(&*expected.0) == token)
    }
}

/// The parts of an `Authorization` header.
pub(super) struct Authorization<'a> {
    access_key: &'a str,
    scope_date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// # Errors
    /// The service's refusal if there is none, or if it is of another form.
    pub(super) fn parse(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let value = text(headers, "authorization").ok_or_else(|| {
            forbidden("MissingAuthenticationTokenException", "Missing Authentication Token")
        })?;
        let parameters =
            value.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| incomplete("its algorithm is unknown"))?;
        let parameter = |name| {
            let mut pairs = parameters.split(',').filter_map(|pair| pair.trim().split_once('='));
            let value = pairs.find(|(own, _)| *own == name).map(|(_, value)| value);
            value.ok_or_else(|| incomplete("it needs `Credential`, `SignedHeaders` and `Signature`"))
        };
        let credential: Vec<&str> = parameter("Credential")?.splitn(5, '/').collect();
        let [access_key, scope_date, region, service, "aws4_request"] = credential[..] else {
            return Err(incomplete(
                "its credential is not in the form `key/date/region/service/aws4_request`",
            ));
        };
        let (signed_headers, signature) = (parameter("SignedHeaders")?, parameter("Signature")?);
        Ok(Self { access_key, scope_date, region, service, signed_headers, signature })
    }

    /// The account and region that it is for, if the signature is right.
    pub(super) fn lane(&self) -> (&'a str, &'a str) {
        (self.account(), self.region)
    }

    fn account(&self) -> &'a str {
        account_of_key(self.access_key)
    }

    fn check_scope(&self, date: &str, service: &str, region: Option<&str>) -> Result<(), Refusal> {
        if self.service != service {
            return Err(invalid(format!("Credential should be scoped to correct service: '{service}'.")));
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

    /// `host` and all `x-amz-` headers must be signed.
    fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let names = headers.keys().map(http::HeaderName::as_str);
        let mut must = names.filter(|name| name.starts_with("x-amz-")).chain(["host"]);
        match must.find(|name| self.signed_headers.split(';').all(|signed| signed != *name)) {
            Some(name) => Err(invalid(format!("'{name}' must be a signed header in the AWS Authorization."))),
            None => Ok(()),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Parses `20260131T235959Z`, and no other time format.
fn timestamp(text: &str) -> Option<Timestamp> {
    let shape = text.len() == 16 && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    if shape { text.parse().ok() } else { None }
}

fn check_date(text: &str, signed: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let age = now.duration_since(signed);
    let basic = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ");
    if age > TOLERANCE {
        let (earliest, now) = (basic(now - TOLERANCE), basic(now));
        let message = format!("Signature expired: {text} is now earlier than {earliest} ({now} - 5 min.)");
        return Err(invalid(message));
    }
    if -age > TOLERANCE {
        let (latest, now) = (basic(now + TOLERANCE), basic(now));
        let message =
            format!("Signature not yet current: {text} is still later than {latest} ({now} + 5 min.)");
        return Err(invalid(message));
    }
    Ok(())
}

fn canonical_request(request: &Request<Bytes>, signed_headers: &str) -> String {
    let path = utf8_percent_encode(request.uri().path(), RESERVED_IN_PATH);
    let query = canonical_query(request.uri().query().unwrap_or(""));
    let header = |name| {
        let values = request.headers().get_all(name).iter();
        let words =
            values.map(|value| value.to_str().unwrap_or("").split_ascii_whitespace().collect::<Vec<_>>());
        let values: Vec<String> = words.map(|words| words.join(" ")).collect();
        format!("{name}:{}\n", values.join(","))
    };
    let headers: String = signed_headers.split(';').map(header).collect();
    let (method, body) = (request.method(), sha256(request.body()));
    format!("{method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{body}")
}

fn canonical_query(query: &str) -> String {
    let encoded =
        |text: &str| utf8_percent_encode(&percent_decode_str(text).decode_utf8_lossy(), RESERVED).to_string();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn forbidden(code: &str, message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, code, message)
}

fn incomplete(why: &str) -> Refusal {
    forbidden("IncompleteSignatureException", &format!("The `Authorization` header is incomplete: {why}"))
}

fn invalid(message: impl AsRef<str>) -> Refusal {
    forbidden("InvalidSignatureException", message.as_ref())
}
