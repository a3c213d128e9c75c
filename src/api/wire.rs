//! The JSON of the operation's replies, read leniently: what the service adds, leaves out or sets to null is no error.
//!
//! Must not decide what a reply means: that is [`reply`](super::reply). Nesting is bounded by `serde_json`'s recursion
//! limit, and of a key that comes twice the last one counts, as in every SDK.

use serde_json::{Map, Value};

/// The body of a 200: `{"PhoneNumberErrors":[{"PhoneNumberId":…,"ErrorCode":…,"ErrorMessage":…}, …]}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReplyBody {
    /// `PhoneNumberErrors`.
    pub errors: Vec<PhoneNumberError>,
}

/// An element of `PhoneNumberErrors`; a member is `None` if it is missing or is no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PhoneNumberError {
    /// `PhoneNumberId`.
    pub number: Option<String>,
    /// `ErrorCode`.
    pub code: Option<String>,
    /// `ErrorMessage`.
    pub message: Option<String>,
}

/// The body of an error: `{"Code":…,"Message":…}` in one of its spellings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ErrorBody {
    /// `code`, `Code` or `__type`, in this order.
    pub code: Option<String>,
    /// `message` or `Message`, in this order.
    pub message: Option<String>,
}

impl ReplyBody {
    /// Reads a whole body; `None` if it is cut off, no JSON object, or has no array `PhoneNumberErrors`.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut object: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let Some(Value::Array(errors)) = object.remove("PhoneNumberErrors") else { return None };
        Some(Self { errors: errors.into_iter().map(PhoneNumberError::from).collect() })
    }
}

impl From<Value> for PhoneNumberError {
    fn from(element: Value) -> Self {
        // An element that is no object is still an error: it must not vanish, for what is not listed has succeeded.
        let mut object = if let Value::Object(object) = element { object } else { Map::new() };
        Self {
            number: text(&mut object, &["PhoneNumberId"]),
            code: text(&mut object, &["ErrorCode"]),
            message: text(&mut object, &["ErrorMessage"]),
        }
    }
}

impl ErrorBody {
    /// Reads a whole body; `None` if it is no JSON object.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut object: Map<String, Value> = serde_json::from_slice(body).ok()?;
        Some(Self {
            code: text(&mut object, &["code", "Code", "__type"]),
            message: text(&mut object, &["message", "Message"]),
        })
    }
}

/// The first of the keys that holds a text (or a number, as text).
fn text(object: &mut Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match object.remove(*key)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(body: &str) -> Option<Vec<PhoneNumberError>> {
        ReplyBody::parse(body.as_bytes()).map(|reply| reply.errors)
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
        let body = r#"{"A":{},"PhoneNumberErrors":[null,7,[],{},{"PhoneNumberId":12065550100,"ErrorCode":[],"B":1}]}"#;
        let number = Some("12065550100".to_owned());
        let nothing = || PhoneNumberError { number: None, code: None, message: None };
        assert_eq!(
            errors(body),
            Some(vec![nothing(), nothing(), nothing(), nothing(), PhoneNumberError { number, ..nothing() }])
        );
    }

    #[test]
    fn deep_nesting_is_refused_instead_of_overflowing_the_stack() {
        let deep = "[".repeat(1_000_000);
        for body in [deep.clone(), format!(r#"{{"A":{deep}"#), format!(r#"{{"PhoneNumberErrors":{deep}"#)] {
            assert_eq!(errors(&body), None);
            assert_eq!(ErrorBody::parse(body.as_bytes()), None);
        }
    }
}
