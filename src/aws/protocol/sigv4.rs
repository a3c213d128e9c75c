//! Signs a request with AWS Signature Version 4.
//!
//! Must not read a clock and must not fetch credentials: both are arguments.

use std::error::Error;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;

/// The service's name in the credential scope; not the `voice-chime` of its host.
pub const SERVICE: &str = "chime";

/// Why a request cannot be signed: the request itself is this crate's own, and so is its time.
#[derive(Debug, thiserror::Error)]
#[error("the access key id or the session token contains a character that is not allowed in a header")]
pub struct SigningError(#[from] Box<dyn Error + Send + Sync>);

/// Adds `x-amz-date`, `authorization` and, with temporary credentials, `x-amz-security-token` to a request that is
/// not signed yet. `region` is the endpoint's, such as `us-east-1`.
///
/// Signs these, the request's own headers and its body; a client may add other headers. Call it once per attempt,
/// as the service refuses a signature that is older than 5 minutes.
///
/// # Errors
/// If the credentials cannot be written into a header.
pub fn sign(
    request: &mut http::Request<Bytes>,
    region: &str,
    credentials: &Credentials,
    time: Timestamp,
) -> Result<(), SigningError> {
    for header in signature(request, region, credentials, time)?.into_parts().0 {
        // Not `apply_to_request_http1x`, which panics over an access key id that no header may hold.
        let mut value = HeaderValue::from_str(header.value()).map_err(Box::from)?;
        value.set_sensitive(true);
        request.headers_mut().insert(header.name(), value);
    }
    Ok(())
}

fn signature(
    request: &http::Request<Bytes>,
    region: &str,
    credentials: &Credentials,
    time: Timestamp,
) -> Result<http_request::SigningInstructions, Box<dyn Error + Send + Sync>> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder().identity(&identity).region(region).name(SERVICE);
    let params = params.time(SystemTime::try_from(time)?).settings(SigningSettings::default()).build()?;
    let headers = request.headers().iter().map(|(name, value)| Ok((name.as_str(), value.to_str()?)));
    let headers = headers.collect::<Result<Vec<_>, http::header::ToStrError>>()?;
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.uri().to_string(),
        headers.into_iter(),
        body,
    )?;
    Ok(http_request::sign(signable, &params.into())?.into_parts().0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde::Deserialize;

    use super::*;
    use crate::action::Action;
    use crate::aws::endpoint::{Endpoint, Variant};
    use crate::aws::protocol::listing::{self, Holder, Listed, NumberFilter, Query};
    use crate::aws::protocol::request::of_action;
    use crate::number::PhoneNumber;
    use crate::region::Region;

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
        #[serde(default)]
        connector: String,
        #[serde(default)]
        numbers: Vec<String>,
        /// The name in the service's model, of any operation but `DisassociatePhoneNumbersFromVoiceConnector`.
        operation: Option<String>,
        #[serde(default)]
        parameters: Parameters,
    }

    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Parameters {
        voice_connector_id: String,
        #[serde(rename = "E164PhoneNumbers")]
        numbers: Vec<String>,
        force_associate: Option<bool>,
        phone_number_ids: Vec<String>,
        phone_number_id: String,
        filter_name: String,
        filter_value: String,
        status: Option<String>,
        product_type: Option<String>,
        max_results: Option<u8>,
        next_token: Option<String>,
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
        let mut compared = 0;
        for (name, Case { given, sent }) in cases {
            let region = Region::parse(&given.region).unwrap();
            let endpoint = Endpoint::of_url(&given.endpoint, region, Variant::default(), true).unwrap();
            let Some(mut request) = request_of(&endpoint, &given) else { continue };
            compared += 1;
            let (credentials, time) = (credentials(&given.credentials), given.time.parse().unwrap());
            sign(&mut request, &given.region, &credentials, time).unwrap();
            assert_eq!(request.method().as_str(), sent.method, "{name}");
            // A scheme's default port is dropped, and the order of a query says nothing.
            let url = |text: &str| {
                let mut url = reqwest::Url::parse(text).unwrap();
                let mut query: Vec<_> =
                    url.query().unwrap_or_default().split('&').map(String::from).collect();
                query.sort();
                url.set_query(Some(&query.join("&")));
                url
            };
            assert_eq!(url(&request.uri().to_string()), url(&sent.url), "{name}");
            assert_eq!(request.body(), sent.body.as_bytes(), "{name}");
            let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
            let mut headers: BTreeMap<String, String> =
                request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            headers.remove("host");
            assert_eq!(headers, sent.headers, "{name}");
        }
        assert!(compared >= 24, "only {compared} are compared");
    }

    /// The client's own request for the same; `None` if it never asks so.
    fn request_of(endpoint: &Endpoint, given: &Given) -> Option<http::Request<Bytes>> {
        let Parameters { voice_connector_id, max_results, next_token, .. } = &given.parameters;
        let numbers = |texts: &[String]| -> Vec<PhoneNumber> {
            texts.iter().map(|number| PhoneNumber::parse(number).unwrap()).collect()
        };
        let (one, ids) = (&given.parameters.phone_number_id, &given.parameters.phone_number_ids);
        let known = |text: &Option<String>, known: [&'static str; 2]| {
            text.as_ref().map(|text| known.into_iter().find(|known| known == text).expect("is known"))
        };
        let action = |action, connector, texts: &[String]| {
            Some(of_action(endpoint, action, connector, &numbers(texts)).unwrap())
        };
        let read = |what| {
            let page_size = max_results.unwrap_or_default();
            let query = Query { what, page_size, next_token: next_token.as_deref().map(Into::into) };
            (page_size > 0 || matches!(query.what, Listed::Number(_)))
                .then(|| listing::request(endpoint, &query).unwrap())
        };
        match given.operation.as_deref() {
            None => action(Action::Disassociate, &given.connector, &given.numbers),
            Some("AssociatePhoneNumbersWithVoiceConnector") => {
                given.parameters.force_associate.filter(|force| !force)?;
                action(Action::Associate, voice_connector_id, &given.parameters.numbers)
            }
            Some("BatchDeletePhoneNumber") => action(Action::Delete, "", ids),
            Some("RestorePhoneNumber") if one.starts_with('+') => {
                action(Action::Restore, "", std::slice::from_ref(one))
            }
            Some("GetPhoneNumber") => read(Listed::Number(PhoneNumber::parse(one).unwrap())),
            Some("ListVoiceConnectors") => read(Listed::Connectors),
            Some("ListPhoneNumbers") => {
                let holder =
                    Holder::ALL.into_iter().find(|holder| holder.name() == given.parameters.filter_name);
                read(Listed::Numbers(NumberFilter {
                    status: known(&given.parameters.status, ["Assigned", "DeleteInProgress"]),
                    product_type: known(
                        &given.parameters.product_type,
                        ["VoiceConnector", "SipMediaApplicationDialIn"],
                    ),
                    on: holder.map(|holder| (holder, given.parameters.filter_value.as_str().into())),
                }))
            }
            Some(_) => None,
        }
    }

    fn request() -> http::Request<Bytes> {
        let region = Region::parse("us-east-1").unwrap();
        let endpoint = Endpoint::of_region(region, Variant::default()).unwrap();
        of_action(&endpoint, Action::Disassociate, "abc", &[]).unwrap()
    }

    #[test]
    fn credentials_that_no_header_may_hold_are_an_error() {
        for (id, token) in [("AKID\n", None), ("AKID", Some("to\nken"))] {
            let credentials = Credentials::new(id, "secret", token.map(String::from), None, "test");
            let mut request = request();
            let error = sign(&mut request, "us-east-1", &credentials, Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(error.to_string().contains("not allowed in a header"), "{error}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let mut request = request();
        let credentials = Credentials::new("AKID", "SECRET", Some("TOKEN".into()), None, "test");
        sign(&mut request, "us-east-1", &credentials, Timestamp::UNIX_EPOCH).unwrap();
        let shown = format!("{:?}", request.headers());
        assert!(!shown.contains("SECRET") && !shown.contains("TOKEN") && !shown.contains("AKID"), "{shown}");
    }
}
