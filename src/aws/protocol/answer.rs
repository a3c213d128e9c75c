//! The result of a request: the service's answer to a batch, or why there is no answer.
//!
//! Must not decide what to do about it: that is the pool's.

use std::fmt;
use std::time::Duration;

use crate::number::PhoneNumber;

/// The service's answer to a batch: every number of the batch that is not among the errors was disassociated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReply {
    /// `x-amzn-RequestId`.
    pub request_id: Option<Box<str>>,
    /// The numbers that the service refused, each with its reason.
    pub errors: Vec<NumberError>,
}

/// One number that the service refused inside an answer of 200 (`PhoneNumberError` in the service's model).
///
/// One without a number says that some number of the batch was refused, but not which: then no number of a batch of
/// several may count as disassociated.
#[derive(Clone, PartialEq, Eq)]
pub struct NumberError {
    /// The number, or `None` if `PhoneNumberId` was not a number (`+1…`, `1…` and `%2B1…` are understood).
    pub number: Option<PhoneNumber>,
    /// `ErrorCode`, such as `Forbidden`; `Unspecified` if the service gave none.
    pub code: Box<str>,
    /// `ErrorMessage` in one line of at most 301 characters; may be empty.
    pub message: Box<str>,
}

/// Why a batch has no answer that settles it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What it means for the batch.
    pub kind: ErrorKind,
    /// The HTTP status, if there was a reply.
    pub status: Option<u16>,
    /// The service's name for the error (`ThrottledClientException`), else one of this tool's
    /// (`Timeout`, `ConnectionReset`, `ConnectionRefused`, `GarbledReply`, `Http502` …). A report's `error_code`.
    pub code: Box<str>,
    /// For the report's `error_message`, in one line of at most 301 characters; never holds a secret. May quote a
    /// phone number, which `Debug` hides.
    pub message: Box<str>,
    /// `x-amzn-RequestId`, if there was one.
    pub request_id: Option<Box<str>>,
}

impl ApiError {
    /// An error without a reply.
    pub(crate) fn without_reply(kind: ErrorKind, code: &str, message: String) -> Self {
        Self { kind, status: None, code: code.into(), message: message.into(), request_id: None }
    }
}

impl ApiError {
    /// The refusal of a connector. Its code has the long form (`NotFoundException`), that of a number in an answer the
    /// short one (`NotFound`), and of what is not found the message says which of them it is.
    pub(crate) fn of_connector(mut self) -> Self {
        if matches!(&*self.code, "NotFound" | "Forbidden") {
            self.code = format!("{}Exception", self.code).into();
        }
        if self.code.starts_with("NotFound") {
            self.message = not_found("connector", &self.message);
        }
        self
    }

    /// Whether IAM denies the caller the action, whatever its keys.
    pub(crate) fn is_denied(&self) -> bool {
        self.code.starts_with("AccessDenied") || self.message.contains(NOT_AUTHORIZED)
    }

    /// Its code and message, without whole phone numbers.
    pub(crate) fn masked(&self) -> String {
        format!("{}: {}", self.code, masked(&self.message))
    }

    /// Whether no request can work before a person has changed something.
    pub(crate) fn needs_person(&self) -> bool {
        [UNTRUSTED, UNRESOLVED, PROXY_REFUSED].contains(&&*self.code)
    }
}

impl NumberError {
    /// The same as the error of a request about this number alone, which had this id; see [`ApiError::of_connector`].
    pub(crate) fn into_api_error(self, request_id: Option<Box<str>>) -> ApiError {
        let code = Box::from(self.code.strip_suffix("Exception").unwrap_or(&self.code));
        let message = if &*code == "NotFound" { not_found("number", &self.message) } else { self.message };
        ApiError { kind: ErrorKind::Rejected, status: Some(200), code, message, request_id }
    }
}

/// `number not found: ` and what the service says.
fn not_found(what: &str, message: &str) -> Box<str> {
    format!("{what} not found: {message}").trim_end_matches(": ").into()
}

/// IAM says this of the caller, whatever the service calls the error.
pub(super) const NOT_AUTHORIZED: &str = "is not authorized to perform";

/// What an [`ApiError`] means for the batch, and for the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// 429, or an error of the SDKs' throttling list: the pace is too high. Nothing was done.
    Throttled {
        /// From `x-amz-retry-after` (milliseconds) or `Retry-After` (seconds or an HTTP date); at most an hour.
        retry_after: Option<Duration>,
    },
    /// 400, 413, 422: something in the batch is invalid, or the batch is too large. Nothing was done.
    BadRequest,
    /// 401, or a 403 about the caller: new credentials are needed. Nothing was done.
    Credentials,
    /// The signature was refused because this machine's clock differs from the service's. Nothing was done.
    ClockSkew {
        /// The service's time less this machine's uncorrected time, in seconds, from the reply's `Date`.
        offset_seconds: i64,
    },
    /// 403 for this connector.
    Forbidden,
    /// 404 for this connector.
    NotFound,
    /// 409: something else is changing the connector. Nothing was done.
    Conflict,
    /// The request cannot have reached the service: refused connection, DNS, TLS handshake, or something in between
    /// that refused it (a proxy; a wrong endpoint).
    Unreachable,
    /// There is no definite answer: 5xx, a timeout, a connection that was lost after the request was written, or a
    /// reply that cannot be believed. The change may have been made.
    NoAnswer,
    /// The same, from a 5xx that says when to retry.
    Unavailable {
        /// As for [`Throttled`](Self::Throttled); at most five minutes.
        retry_after: Duration,
    },
    /// Any other reply. Sending again would not help.
    Rejected,
}

/// The [`ApiError::code`] of a service whose certificate is not accepted.
pub const UNTRUSTED: &str = "CertificateNotTrusted";
/// The same of a service whose name does not resolve.
pub(crate) const UNRESOLVED: &str = "NameNotResolved";
/// The same of a proxy that asks who is calling.
pub(crate) const PROXY_REFUSED: &str = "ProxyAuthenticationRequired";

impl ErrorKind {
    /// Whether the change may have been made.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::NoAnswer | Self::Unavailable { .. })
    }

    /// How long an unavailable service asks clients to wait.
    #[must_use]
    pub fn rest(&self) -> Duration {
        if let Self::Unavailable { retry_after } = self { *retry_after } else { Duration::ZERO }
    }
}

impl fmt::Debug for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, code, message } = self;
        let mut fields = f.debug_struct("NumberError");
        fields.field("number", number).field("code", code).field("message", &masked(message)).finish()
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, status, code, message, request_id } = self;
        let mut fields = f.debug_struct("ApiError");
        fields.field("kind", kind).field("status", status).field("code", code);
        fields.field("message", &masked(message)).field("request_id", request_id).finish()
    }
}

/// The text with `…` and the last four digits in place of what can be a phone number: seven digits or more.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for run in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = run.bytes().take_while(u8::is_ascii_digit).count();
        let hidden = if digits < 7 { 0 } else { digits - 4 };
        masked.push_str(if hidden == 0 { "" } else { "…" });
        masked.push_str(&run[hidden..]);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_phone_numbers_in_messages() {
        let message = "`+12065550100` and 4420712345: é 123456 of %2B12065550199".into();
        let error =
            NumberError { number: PhoneNumber::parse("+12065550100").ok(), code: "Gone".into(), message };
        assert_eq!(
            format!("{error:?}"),
            "NumberError { number: Some(PhoneNumber(…0100)), code: \"Gone\", \
             message: \"`+…0100` and …2345: é 123456 of %2B…0199\" }"
        );
        let kind = ErrorKind::BadRequest;
        let error =
            ApiError { kind, status: Some(400), code: "X".into(), message: error.message, request_id: None };
        let shown = format!("{error:?}");
        assert!(shown.contains("`+…0100`") && !shown.contains("2065550"), "{shown}");
    }
}
