//! The service's JSON shapes and replies, as botocore's model of `chime-sdk-voice` has them.
//!
//! The simulator's own: it must not use the client's, whose mistakes it is there to find.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::number::PhoneNumber;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What every reply of the service carries.
pub(super) struct Stamp {
    /// `Date`, by the simulator's clock.
    pub(super) date: HeaderValue,
    /// `x-amzn-RequestId`.
    pub(super) request_id: HeaderValue,
}

/// A call that the service refuses as a whole.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: Cow<'static, str>,
    pub(super) message: Cow<'static, str>,
    /// A header that says when to come again.
    pub(super) retry_after: Option<(&'static str, u64)>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), message: message.into(), retry_after: None }
    }

    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::named(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::named(StatusCode::NOT_FOUND, message)
    }

    /// With the name that the service's model gives to the status.
    pub(super) fn named(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        let code = match status.as_u16() {
            400 => "BadRequestException",
            401 => "UnauthorizedClientException",
            403 => "ForbiddenException",
            404 => "NotFoundException",
            409 => "ConflictException",
            429 => "ThrottledClientException",
            503 => "ServiceUnavailableException",
            _ => "ServiceFailureException",
        };
        Self::new(status, code, message)
    }

    /// The refusal as the service sends it.
    pub(super) fn reply(self, stamp: &Stamp) -> Response<Bytes> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Body<'a> {
            code: &'a str,
            message: &'a str,
        }
        let mut response =
            reply(self.status, json(&Body { code: &self.code, message: &self.message }), stamp);
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            response.headers_mut().insert(ERROR_TYPE, code);
        }
        if let Some((name, value)) = self.retry_after {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
        response
    }
}

/// A reply with a JSON body.
pub(super) fn reply(status: StatusCode, body: Bytes, stamp: &Stamp) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(REQUEST_ID, stamp.request_id.clone());
    headers.insert(DATE, stamp.date.clone());
    response
}

/// A body of JSON. The shapes of this module cannot fail to serialize; if one did, the body would be empty.
pub(super) fn json(shape: &impl Serialize) -> Bytes {
    serde_json::to_vec(shape).unwrap_or_default().into()
}

/// The body of both batch operations.
#[derive(Deserialize)]
pub(super) struct BatchBody {
    #[serde(rename = "E164PhoneNumbers")]
    pub(super) numbers: Vec<Asked>,
    #[serde(rename = "ForceAssociate", default)]
    pub(super) force: Option<bool>,
}

/// A number in a request: exactly what the service's pattern `^\+?[1-9]\d{1,14}$` accepts, unlike the more lenient
/// [`PhoneNumber::parse`].
#[derive(Clone, Copy)]
pub(super) struct Asked(pub(super) PhoneNumber);

impl Asked {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text).as_bytes();
        let plain = matches!(digits, [b'1'..=b'9', rest @ ..] if (1..=14).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit));
        if plain { PhoneNumber::parse(text).ok().map(Self) } else { None }
    }
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Asked;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string of the pattern `^\\+?[1-9]\\d{1,14}$`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Asked, E> {
                Asked::parse(text).ok_or_else(|| {
                    E::custom("Member must satisfy regular expression pattern: ^\\+?[1-9]\\d{1,14}$")
                })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The answer of both batch operations.
#[derive(Default, Serialize)]
pub(super) struct BatchAnswer<'a> {
    #[serde(rename = "PhoneNumberErrors")]
    pub(super) errors: Vec<NumberRefusal<'a>>,
}

/// `PhoneNumberError`.
#[derive(Serialize)]
pub(super) struct NumberRefusal<'a> {
    #[serde(rename = "PhoneNumberId")]
    pub(super) id: String,
    #[serde(rename = "ErrorCode")]
    pub(super) code: &'a str,
    #[serde(rename = "ErrorMessage")]
    pub(super) message: &'a str,
}

/// `ListPhoneNumbersResponse`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NumberPage {
    pub(super) phone_numbers: Vec<NumberShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

/// `GetPhoneNumberResponse`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneNumber {
    pub(super) phone_number: NumberShape,
}

/// `PhoneNumber`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NumberShape {
    #[serde(serialize_with = "e164")]
    pub(super) phone_number_id: PhoneNumber,
    #[serde(rename = "E164PhoneNumber", serialize_with = "e164")]
    pub(super) e164: PhoneNumber,
    pub(super) r#type: &'static str,
    pub(super) product_type: &'static str,
    pub(super) status: &'static str,
    pub(super) associations: Vec<Association>,
    pub(super) created_timestamp: &'static str,
    pub(super) updated_timestamp: &'static str,
}

/// `PhoneNumberAssociation`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Association {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) associated_timestamp: &'static str,
}

/// `ListVoiceConnectorsResponse`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConnectorPage<'a> {
    pub(super) voice_connectors: Vec<ConnectorShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

/// `VoiceConnector`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConnectorShape<'a> {
    pub(super) voice_connector_id: &'a str,
    pub(super) aws_region: &'a str,
    pub(super) name: &'a str,
    pub(super) outbound_host_name: String,
    pub(super) require_encryption: bool,
    pub(super) created_timestamp: &'static str,
    pub(super) updated_timestamp: &'static str,
    pub(super) voice_connector_arn: String,
}

/// A number as `+` and its digits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn e164<S: Serializer>(number: &PhoneNumber, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&number.e164())
}
