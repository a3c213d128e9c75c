//! Writes the request for a batch.
//!
//! Must not sign it ([`sigv4`](super::sigv4) does) and must not send it.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::action::Action;
use crate::aws::endpoint::Endpoint;
use crate::number::PhoneNumber;

/// What AWS encodes in a path segment and in a query: everything but RFC 3986's unreserved characters.
pub(super) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a request cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The id is empty, or is a dot segment, which would address another resource.
    #[error("voice connector id `{0}` cannot be part of a URL path")]
    Connector(Box<str>),
    /// The path and query do not form a URI: an id is far too long.
    #[error("no URI can be formed of an id of {length} bytes")]
    Uri {
        /// The length of the id, or of what it is a part of, in bytes.
        length: usize,
        /// The reason.
        source: http::Error,
    },
}

/// The unsigned request that does `action` with `numbers`, on `connector` if the action is on one: the id as the user
/// knows it, not encoded.
///
/// | action | request |
/// |---|---|
/// | disassociate | `POST /voice-connectors/{id}?operation=disassociate-phone-numbers`, `{"E164PhoneNumbers": […]}` |
/// | associate | `POST /voice-connectors/{id}?operation=associate-phone-numbers`, the same with `"ForceAssociate": false` |
/// | delete | `POST /phone-numbers?operation=batch-delete`, `{"PhoneNumberIds": […]}` |
/// | restore | `POST /phone-numbers/{id}?operation=restore`, for the first number |
///
/// It has the headers `content-type`, if there is a body, and `host`; a scheme's default port is left out of `host`,
/// because clients leave it out. The body is byte for byte what botocore sends, with its spaces.
///
/// # Errors
/// If `connector` cannot be part of a URL path.
pub fn of_action(
    endpoint: &Endpoint,
    action: Action,
    connector: &str,
    numbers: &[PhoneNumber],
) -> Result<http::Request<Bytes>, RequestError> {
    if action.needs_connector() && matches!(connector, "" | "." | "..") {
        return Err(RequestError::Connector(connector.into()));
    }
    let on_connector = |operation| {
        format!("/voice-connectors/{}?operation={operation}", utf8_percent_encode(connector, UNRESERVED))
    };
    let (target, key, end) = match action {
        Action::Disassociate => (on_connector("disassociate-phone-numbers"), "E164PhoneNumbers", "]}"),
        Action::Associate => {
            (on_connector("associate-phone-numbers"), "E164PhoneNumbers", "], \"ForceAssociate\": false}")
        }
        Action::Delete => ("/phone-numbers?operation=batch-delete".to_owned(), "PhoneNumberIds", "]}"),
        Action::Restore => {
            let id = numbers.first().map(|number| number.e164().to_string()).unwrap_or_default();
            (format!("/phone-numbers/{}?operation=restore", utf8_percent_encode(&id, UNRESERVED)), "", "")
        }
    };
    let mut request = http::Request::post(format!("{endpoint}{target}")).header(HOST, endpoint.authority());
    let mut body = String::new();
    if !key.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
        body = format!("{{\"{key}\": [");
        for (index, number) in numbers.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(body, "{comma}\"{}\"", number.e164()); // a String takes everything
        }
        body.push_str(end);
    }
    request.body(Bytes::from(body)).map_err(|source| RequestError::Uri { length: connector.len(), source })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aws::endpoint::Variant;
    use crate::region::Region;

    fn request(base: &str, connector: &str) -> Result<http::Request<Bytes>, RequestError> {
        let region = Region::parse("us-east-1").unwrap();
        let endpoint = Endpoint::of_url(base, region, Variant::default(), true).unwrap();
        of_action(&endpoint, Action::Disassociate, connector, &[])
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
            prop_assert_eq!(uri.query(), Some("operation=disassociate-phone-numbers"));
            // What the HTTP client makes of it is what was signed.
            let parsed: reqwest::Url = uri.to_string().parse().unwrap();
            prop_assert_eq!(parsed.as_str(), uri.to_string());
        }
    }
}
