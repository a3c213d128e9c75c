//! Signs a request with AWS Signature Version 4.
//!
//! The signing crate derives keys and computes signatures, but its own request signing costs three times as much: it
//! derives the key of the day anew each time, and parses and sorts what here has one fixed form. So the canonical
//! request is written here, and the tests hold it against that crate and against botocore.
//!
//! Must not read a clock and must not fetch credentials: both are arguments.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, InvalidHeaderValue};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::request::SEGMENT;
use crate::digest::hexadecimal;

/// The service's name in the credential scope; not the `voice-chime` of its host.
pub const SERVICE: &str = "chime";

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The path is encoded once more than it is sent: `%2B` is signed as `%252B`.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The request has no `host` or `content-type` that is text, or its path or query is not in the canonical form.
    #[error("the request is not one that `api::request` writes")]
    Request,
    /// The access key id or the session token holds a character that no header may hold.
    #[error("the access key id or the session token holds a character that is not allowed in a header")]
    Credentials(#[from] InvalidHeaderValue),
    /// The time lies outside of what the system's clock can show.
    #[error("`{0}` is not a time that can be signed")]
    Time(Timestamp),
}

/// Signs requests to the service in one region.
pub struct Signer {
    region: Box<str>,
    day_key: Mutex<Option<DayKey>>,
}

/// A key depends on secret, date, region and service: in effect it changes once a day.
struct DayKey {
    credentials: Credentials,
    date: Box<str>,
    key: Box<[u8]>,
}

impl Signer {
    /// A signer for `region`, such as `us-east-1`.
    #[must_use]
    pub fn new(region: &str) -> Self {
        Self { region: region.into(), day_key: Mutex::new(None) }
    }

    /// Adds `x-amz-date`, `authorization` and, with temporary credentials, `x-amz-security-token` to a request of
    /// [`disassociate`](super::request::Base::disassociate).
    ///
    /// Signs these, `content-type`, `host` and the body, as botocore does; a client may add other headers. To be
    /// called once per attempt, as the service refuses a signature that is older than 5 minutes; a second call
    /// replaces the first one's headers.
    ///
    /// # Errors
    /// If the request is of another form, or the credentials cannot be written into a header.
    pub fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        credentials: &Credentials,
        time: Timestamp,
    ) -> Result<(), SigningError> {
        let date_time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = date_time.split('T').next().unwrap_or_default();
        let token = credentials.session_token().map(str::trim);
        let signed_headers = match token {
            Some(_) => "content-type;host;x-amz-date;x-amz-security-token",
            None => "content-type;host;x-amz-date",
        };
        let canonical = canonical_request(request, &date_time, token, signed_headers)?;
        let scope = [date, "/", &self.region, "/", SERVICE, "/aws4_request"].concat();
        let hash = hex_sha256(canonical.as_bytes());
        let string_to_sign = ["AWS4-HMAC-SHA256\n", &date_time, "\n", &scope, "\n", &hash].concat();
        let signature = self.signature(&string_to_sign, credentials, date, time)?;
        let authorization = [
            "AWS4-HMAC-SHA256 Credential=",
            credentials.access_key_id(),
            "/",
            &scope,
            ", SignedHeaders=",
            signed_headers,
            ", Signature=",
            &signature,
        ]
        .concat();

        let headers = request.headers_mut();
        headers.insert(X_AMZ_DATE, HeaderValue::from_str(&date_time)?);
        headers.insert(AUTHORIZATION, secret(&authorization)?);
        match token {
            Some(token) => headers.insert(X_AMZ_SECURITY_TOKEN, secret(token)?),
            None => headers.remove(X_AMZ_SECURITY_TOKEN),
        };
        Ok(())
    }

    fn signature(
        &self,
        string_to_sign: &str,
        credentials: &Credentials,
        date: &str,
        time: Timestamp,
    ) -> Result<String, SigningError> {
        let mut day_key = self.day_key.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = credentials.secret_access_key();
        if let Some(DayKey { credentials, date: day, key }) = &*day_key
            && credentials.secret_access_key() == secret
            && **day == *date
        {
            return Ok(calculate_signature(key, string_to_sign.as_bytes()));
        }
        let system_time = SystemTime::try_from(time).map_err(|_| SigningError::Time(time))?;
        let key: Box<[u8]> = generate_signing_key(secret, system_time, &self.region, SERVICE).as_ref().into();
        let signature = calculate_signature(&key, string_to_sign.as_bytes());
        *day_key = Some(DayKey { credentials: credentials.clone(), date: date.into(), key });
        Ok(signature)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Method, path, query, the signed headers in the order of their names, these names, and the body's hash.
fn canonical_request(
    request: &http::Request<Bytes>,
    date_time: &str,
    token: Option<&str>,
    signed_headers: &str,
) -> Result<String, SigningError> {
    let header = |name| request.headers().get(name)?.to_str().ok();
    let (Some(content_type), Some(host)) = (header(CONTENT_TYPE), header(HOST)) else {
        return Err(SigningError::Request);
    };
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let plain_path = path.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | ".."));
    let plain_query = query.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~=".contains(&b));
    if !plain_path || !plain_query || query.matches('=').count() != 1 {
        return Err(SigningError::Request);
    }
    let path: Cow<'_, str> = utf8_percent_encode(path, PATH).into();
    let (before_token, token, after_token) = match token {
        Some(token) => ("\nx-amz-security-token:", token, "\n"),
        None => ("", "", "\n"),
    };
    // Put together without `format!`, which takes longer than to hash it.
    Ok([
        request.method().as_str(),
        "\n",
        &path,
        "\n",
        query,
        "\ncontent-type:",
        content_type,
        "\nhost:",
        host,
        "\nx-amz-date:",
        date_time,
        before_token,
        token,
        after_token,
        "\n",
        signed_headers,
        "\n",
        &hex_sha256(request.body()),
    ]
    .concat())
}

fn hex_sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn secret(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
    use aws_sigv4::sign::v4::SigningParams;
    use aws_smithy_runtime_api::client::identity::Identity;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::api::request::Base;
    use crate::number::PhoneNumber;

    /// A file of fixtures/sigv4, as fixtures/sigv4/generate.py writes it.
    #[derive(Deserialize)]
    struct Case {
        given: Given,
        sent: Sent,
    }

    #[derive(Deserialize)]
    struct Given {
        credentials: Keys,
        region: String,
        time: String,
        endpoint: String,
        connector: String,
        numbers: Vec<String>,
    }

    #[derive(Deserialize)]
    struct Keys {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    }

    #[derive(Deserialize)]
    struct Sent {
        method: String,
        url: String,
        headers: BTreeMap<String, String>,
        body: String,
    }

    fn cases() -> Vec<(String, Case)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sigv4");
        let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let read = |path: std::path::PathBuf| {
            let case = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), case)
        };
        files.map(read).collect()
    }

    fn credentials(keys: &Keys) -> Credentials {
        let Keys { access_key_id, secret_access_key, session_token } = keys;
        Credentials::new(access_key_id, secret_access_key, session_token.clone(), None, "test")
    }

    #[test]
    fn requests_are_byte_for_byte_those_of_botocore() {
        let cases = cases();
        assert!(cases.len() >= 15, "fixtures are missing");
        for (name, Case { given, sent }) in cases {
            let numbers = given.numbers.iter().map(|number| PhoneNumber::parse(number).unwrap());
            let base = Base::new(&given.endpoint.parse().unwrap()).unwrap();
            let mut request = base.disassociate(&given.connector, numbers).unwrap();
            let signer = Signer::new(&given.region);
            signer.sign(&mut request, &credentials(&given.credentials), given.time.parse().unwrap()).unwrap();
            assert_eq!(request.method().as_str(), sent.method, "{name}");
            assert_eq!(request.uri().to_string(), sent.url, "{name}");
            assert_eq!(request.body(), sent.body.as_bytes(), "{name}");
            let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
            let mut headers: BTreeMap<String, String> =
                request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            headers.remove("host");
            assert_eq!(headers, sent.headers, "{name}");
        }
    }

    /// The `authorization` that the signing crate writes for the same request.
    fn authorization_of_the_crate(
        request: &http::Request<Bytes>,
        credentials: &Credentials,
        region: &str,
        time: Timestamp,
    ) -> String {
        let identity = Identity::from(credentials.clone());
        let params = SigningParams::builder().identity(&identity).region(region).name(SERVICE);
        let params = params.time(time.try_into().unwrap()).settings(SigningSettings::default());
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new("POST", request.uri().to_string(), headers, body).unwrap();
        let signed = aws_sigv4::http_request::sign(signable, &params.build().unwrap().into()).unwrap();
        let headers: BTreeMap<_, _> = signed.output().headers().collect();
        headers["authorization"].to_owned()
    }

    fn request(base: &str, connector: &str) -> http::Request<Bytes> {
        let numbers = PhoneNumber::parse("+12065550100").into_iter();
        Base::new(&base.parse().unwrap()).unwrap().disassociate(connector, numbers).unwrap()
    }

    proptest! {
        #[test]
        fn signatures_are_those_of_the_crate(
            base in "https?://[a-z]{1,9}(:[1-9][0-9]{0,3})?(/[-._~%!$&'()*+,;=:@a-zA-Z0-9]{3,9}){0,2}/?",
            connector in "\\PC{1,40}",
            token in prop::option::of("[a-zA-Z0-9+/=]{1,40}"),
            // One signer, three days and two secrets, in any order.
            times in prop::collection::vec((0_i64..200_000, any::<bool>()), 1..6),
        ) {
            prop_assume!(!matches!(connector.as_str(), "." | "..") && !base.to_lowercase().contains("%2e"));
            let signer = Signer::new("eu-west-2");
            let keys = |secret| Credentials::new("AKIDEXAMPLE", secret, token.clone(), None, "test");
            for (second, other) in times.iter().chain(&times) {
                let time = Timestamp::from_second(*second).unwrap();
                let credentials = keys(if *other { "other" } else { "secret" });
                let mut request = request(&base, &connector);
                let theirs = authorization_of_the_crate(&request, &credentials, "eu-west-2", time);
                signer.sign(&mut request, &credentials, time).unwrap();
                prop_assert_eq!(request.headers()[AUTHORIZATION].to_str().unwrap(), theirs);
            }
        }
    }

    #[test]
    fn a_second_signature_replaces_the_first() {
        let (signer, mut request) = (Signer::new("us-east-1"), request("https://h", "abc"));
        let long_lived = Credentials::new("AKID", "secret", None, None, "test");
        let session = Credentials::new("ASIA", "secret", Some("token".into()), None, "test");
        let time = Timestamp::UNIX_EPOCH;
        signer.sign(&mut request, &long_lived, time).unwrap();
        let first = request.headers().clone();
        signer.sign(&mut request, &session, time).unwrap();
        assert_eq!(request.headers()[X_AMZ_SECURITY_TOKEN], "token");
        signer.sign(&mut request, &long_lived, time).unwrap();
        assert_eq!(*request.headers(), first);
    }

    #[test]
    fn what_cannot_be_signed_is_an_error() {
        let signer = Signer::new("us-east-1");
        let sign = |mut request, id, token: Option<&str>| {
            let credentials = Credentials::new(id, "secret", token.map(String::from), None, "test");
            signer.sign(&mut request, &credentials, Timestamp::UNIX_EPOCH)
        };
        let good = || request("https://h", "abc");
        assert!(matches!(sign(good(), "AKID\n", None), Err(SigningError::Credentials(_))));
        assert!(matches!(sign(good(), "AKID", Some("to\nken")), Err(SigningError::Credentials(_))));
        for uri in [
            "https://h/a",
            "https://h/a?b=c&a=b",
            "https://h/a?a",
            "https://h/a?a=%20",
            "https://h/../a?a=b",
            "https://h/a//?a=b",
        ] {
            let mut request = good();
            *request.uri_mut() = uri.parse().unwrap();
            assert!(matches!(sign(request, "AKID", None), Err(SigningError::Request)), "{uri}");
        }
        for name in [HOST, CONTENT_TYPE] {
            let mut request = good();
            request.headers_mut().remove(name);
            assert!(matches!(sign(request, "AKID", None), Err(SigningError::Request)));
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let (signer, mut request) = (Signer::new("us-east-1"), request("https://h", "abc"));
        let credentials = Credentials::new("AKID", "SECRET", Some("TOKEN".into()), None, "test");
        signer.sign(&mut request, &credentials, Timestamp::UNIX_EPOCH).unwrap();
        let shown = format!("{signer:?} {:?}", request.headers());
        assert!(!shown.contains("SECRET") && !shown.contains("TOKEN") && !shown.contains("AKID"), "{shown}");
    }
}
