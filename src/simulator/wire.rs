//! Replies as the service writes them: their headers, and the names of its errors in botocore's model.
//!
//! Must not use the client's protocol code, because the simulator is meant to find that code's mistakes.

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;
use serde_json::json;

/// What every reply of the service carries.
pub(super) struct Stamp {
    /// `Date`, by the simulator's clock.
    pub(super) date: String,
    /// `x-amzn-RequestId`.
    pub(super) request_id: String,
}

impl Stamp {
    /// The stamp of the `n`-th request.
    pub(super) fn new(now: Timestamp, n: u64) -> Self {
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
        Self { date, request_id: format!("sim-{n}") }
    }
}

/// A call that the service refuses as a whole.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: String,
    message: String,
    /// A header that says when to retry.
    pub(super) retry_after: Option<(&'static str, u64)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), retry_after: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::named(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::named(StatusCode::NOT_FOUND, message)
    }

    /// A refusal with the name that the service's model gives to the status.
    pub(super) fn named(status: StatusCode, message: impl Into<String>) -> Self {
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

    /// A refusal of a call about one number, with the code that a batch would have for that number.
    pub(super) fn of_number(code: &str, message: &str) -> Self {
        let status = match code {
            "Unauthorized" => StatusCode::UNAUTHORIZED,
            "Forbidden" | "AccessDenied" => StatusCode::FORBIDDEN,
            "NotFound" => StatusCode::NOT_FOUND,
            "Throttled" | "Throttling" => StatusCode::TOO_MANY_REQUESTS,
            "ServiceFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => return Self::new(StatusCode::BAD_REQUEST, format!("{code}Exception"), message),
        };
        Self::named(status, message)
    }

    /// Its code and its message.
    pub(super) fn words(&self) -> (&str, &str) {
        (&self.code, &self.message)
    }

    /// The refusal as the service sends it.
    pub(super) fn reply(self, stamp: &Stamp) -> Response<Bytes> {
        let body = to_json(&json!({ "Code": self.code, "Message": self.message }));
        let mut response = reply(self.status, body, stamp);
        set(&mut response, "x-amzn-errortype", &self.code);
        if let Some((name, value)) = self.retry_after {
            set(&mut response, name, &value.to_string());
        }
        response
    }
}

/// A reply with a JSON body.
pub(super) fn reply(status: StatusCode, body: Bytes, stamp: &Stamp) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, "content-type", "application/json");
    set(&mut response, "x-amzn-requestid", &stamp.request_id);
    set(&mut response, "date", &stamp.date);
    response
}

/// A load balancer's error page, which has neither the request's id nor the error's name.
pub(super) fn page(status: StatusCode, stamp: &Stamp) -> Response<Bytes> {
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    let html = format!(
        "<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\r\n"
    );
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    set(&mut response, "content-type", "text/html");
    set(&mut response, "date", &stamp.date);
    response
}

/// Sets a header, unless the scenario's value is not valid in a header.
pub(super) fn set(response: &mut Response<Bytes>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A JSON body. Serializing this service's replies cannot fail; if it did, the body would be empty.
pub(super) fn to_json(shape: &impl Serialize) -> Bytes {
    serde_json::to_vec(shape).unwrap_or_default().into()
}
