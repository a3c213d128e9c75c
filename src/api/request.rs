//! Writes the request for a batch: `POST /voice-connectors/{id}?operation=disassociate-phone-numbers`.
//!
//! Must not sign it ([`sigv4`](super::sigv4) does) and must not send it.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::number::PhoneNumber;

/// What AWS encodes in a path segment: everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const OPERATION: &str = "operation=disassociate-phone-numbers";

/// How many headers a request has in the end, those of the signature and the HTTP client's own included.
const HEADERS: usize = 8;

/// Why no request can be written.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The base has no scheme or host, or has a user, a query, or a path that a URL parser would rewrite. Named by
    /// its host alone, since a user comes with a password.
    #[error(
        "the endpoint at `{0}` is not `https://host[:port][/path]`, with a plain path and without user and query"
    )]
    Endpoint(Box<str>),
    /// The id is empty, or is a dot segment, which would address another resource.
    #[error("voice connector id `{0}` cannot stand in a path")]
    Connector(Box<str>),
    /// The path and query are no URI: the id is far too long.
    #[error("no URI can be formed for this voice connector id of {length} bytes")]
    Uri {
        /// The id's length in bytes.
        length: usize,
        /// The reason.
        source: InvalidUri,
    },
}

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Base {
    scheme: Scheme,
    authority: Authority,
    /// Without its last slash.
    path: Box<str>,
    host: HeaderValue,
}

impl Base {
    /// An endpoint: `https://host`, `http://127.0.0.1:8080`, `https://host/base/path/`.
    ///
    /// # Errors
    /// If it is not a plain one.
    pub fn new(endpoint: &Uri) -> Result<Self, RequestError> {
        let refused = || RequestError::Endpoint(endpoint.host().unwrap_or_default().into());
        let (scheme, authority, path) = parts(endpoint).ok_or_else(refused)?;
        let host = host(scheme, authority).ok_or_else(refused)?;
        Ok(Self { scheme: scheme.clone(), authority: authority.clone(), path: path.into(), host })
    }

    /// The unsigned request that disassociates `numbers` from `connector`, which is the id as the user knows it, not
    /// encoded.
    ///
    /// It has the headers `content-type` and `host`; a scheme's default port is left out of `host`, because clients
    /// leave it out. The body is byte for byte what botocore sends.
    ///
    /// # Errors
    /// If `connector` cannot stand in a path.
    pub fn disassociate(
        &self,
        connector: &str,
        numbers: impl Iterator<Item = PhoneNumber>,
    ) -> Result<http::Request<Bytes>, RequestError> {
        if matches!(connector, "" | "." | "..") {
            return Err(RequestError::Connector(connector.into()));
        }
        let too_long = |source| RequestError::Uri { length: connector.len(), source };
        let segment: Cow<'_, str> = utf8_percent_encode(connector, SEGMENT).into();
        let target = [&self.path, "/voice-connectors/", &segment, "?", OPERATION].concat();
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(PathAndQuery::try_from(target).map_err(too_long)?);
        let mut request = http::Request::new(body(numbers));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() =
            Uri::from_parts(uri).map_err(|_| RequestError::Endpoint(self.authority.host().into()))?;
        let headers = request.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HOST, self.host.clone());
        Ok(request)
    }
}

/// Scheme, authority and the path without its last slash, if the base is a plain endpoint.
fn parts(base: &Uri) -> Option<(&Scheme, &Authority, &str)> {
    let (scheme, authority) = (base.scheme()?, base.authority()?);
    let path = base.path().strip_suffix('/').unwrap_or(base.path());
    // A URL parser removes dot segments and encodes odd characters. What is sent would not be what was signed.
    let plain_segment = |segment: &str| {
        !matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "" | "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&b))
    };
    let plain = path.is_empty() || path.split('/').skip(1).all(plain_segment);
    (plain && base.query().is_none() && !authority.as_str().contains('@'))
        .then_some((scheme, authority, path))
}

fn host(scheme: &Scheme, authority: &Authority) -> Option<HeaderValue> {
    let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let host = if authority.port_u16() == Some(default_port) { authority.host() } else { authority.as_str() };
    HeaderValue::from_str(host).ok()
}

/// `{"E164PhoneNumbers": ["+12065550100", "+12065550101"]}`, with the spaces that botocore writes.
fn body(numbers: impl Iterator<Item = PhoneNumber>) -> Bytes {
    const LONGEST: usize = "\"+123456789012345\", ".len();
    let mut body = String::with_capacity(32 + LONGEST * numbers.size_hint().0);
    body.push_str("{\"E164PhoneNumbers\": [");
    let mut digits = itoa::Buffer::new();
    // Fixed pieces, each stored at once: to choose one at every number takes longer than to take the last one back.
    for number in numbers {
        body.push_str("\"+");
        body.push_str(digits.format(number.digits()));
        body.push_str("\", ");
    }
    if body.ends_with(", ") {
        body.truncate(body.len() - ", ".len());
    }
    body.push_str("]}");
    Bytes::from(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(base: &str, connector: &str) -> Result<http::Request<Bytes>, RequestError> {
        Base::new(&base.parse().unwrap())?.disassociate(connector, std::iter::empty())
    }

    #[test]
    fn an_endpoint_that_a_url_parser_would_rewrite_is_refused() {
        for base in [
            "/relative",
            "host.example.com:443",
            "https://user:secret@host",
            "https://host/?a=b",
            "https://host/a/../b",
            "https://host/a/%2E%2e/b",
            "https://host//a",
            "https://host/a//",
            "https://host/{a}",
        ] {
            let error = request(base, "abc").unwrap_err();
            assert!(matches!(error, RequestError::Endpoint(_)), "{base}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_connector_id_cannot_leave_its_place_in_the_path() {
        for connector in ["", ".", ".."] {
            assert!(
                matches!(request("https://host", connector), Err(RequestError::Connector(_))),
                "{connector}"
            );
        }
        let long = "x".repeat(70_000);
        assert!(matches!(request("https://host", &long), Err(RequestError::Uri { length: 70_000, .. })));
    }

    #[test]
    fn a_default_port_is_not_part_of_the_host() {
        for (base, host) in [
            ("https://h:443", "h"),
            ("http://h:80/x", "h"),
            ("http://h:443", "h:443"),
            ("https://h:80", "h:80"),
            ("https://h", "h"),
        ] {
            assert_eq!(request(base, "abc").unwrap().headers()[HOST], host, "{base}");
        }
    }

    proptest! {
        #[test]
        fn any_connector_id_is_one_segment_that_decodes_to_it(connector in any::<String>()) {
            prop_assume!(!matches!(connector.as_str(), "" | "." | ".."));
            let uri = request("https://host/base/", &connector).unwrap().into_parts().0.uri;
            let segments: Vec<&str> = uri.path().split('/').collect();
            prop_assert_eq!(&segments[..3], &["", "base", "voice-connectors"]);
            prop_assert_eq!(segments.len(), 4);
            let decoded = percent_encoding::percent_decode_str(segments[3]).decode_utf8().unwrap();
            prop_assert_eq!(decoded, connector);
            prop_assert_eq!(uri.query(), Some(OPERATION));
            // What the HTTP client makes of it is what was signed.
            let parsed: reqwest::Url = uri.to_string().parse().unwrap();
            prop_assert_eq!(parsed.as_str(), uri.to_string());
            let mut built: reqwest::Url = "https://host/base/".parse().unwrap();
            built.set_path(uri.path());
            built.set_query(uri.query());
            prop_assert_eq!(built, parsed);
        }
    }
}
