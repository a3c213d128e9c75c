//! The service's client: signs a request, sends it once, and returns the result.
//!
//! The only place with a socket to the service. Must not retry, wait or pace: that is the pool's.

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Limited};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::action::Action;
use crate::aws::credentials::CredentialSource;
use crate::aws::endpoint::Endpoint;
use crate::aws::protocol::listing::{Page, Query};
use crate::aws::protocol::request::RequestError;
use crate::aws::protocol::{
    ApiError, BatchReply, ErrorKind, PROXY_REFUSED, UNRESOLVED, UNTRUSTED, listing, reply, request, sigv4,
};
use crate::hint::Hint;
use crate::number::PhoneNumber;

/// More than any real reply, even one with an error for each of 10,000 numbers. A longer reply is not read.
const REPLY_AT_MOST: usize = 4 << 20;

/// Calls one endpoint with one set of credentials.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credentials: Arc<CredentialSource>,
    request_timeout: Duration,
    /// Reads this machine's clock.
    wall: fn() -> Timestamp,
    /// The service's clock less this machine's, in seconds, once a refused signature showed that they differ.
    clock_offset: AtomicI64,
    refused: Mutex<Option<Credentials>>,
}

impl Client {
    /// A client for `endpoint`; an answer may take `request_timeout`; `wall` reads this machine's clock.
    #[must_use]
    pub(crate) fn new(
        http: reqwest::Client,
        endpoint: Endpoint,
        credentials: impl Into<Arc<CredentialSource>>,
        request_timeout: Duration,
        wall: fn() -> Timestamp,
    ) -> Self {
        Self {
            http,
            endpoint,
            credentials: credentials.into(),
            request_timeout,
            wall,
            clock_offset: AtomicI64::new(0),
            refused: Mutex::new(None),
        }
    }

    /// Makes sure that there are credentials, before anything is sent; returns them.
    ///
    /// # Errors
    /// If there are none; names the sources that were looked at.
    pub(crate) async fn check_credentials(
        &self,
    ) -> Result<Credentials, crate::aws::credentials::CredentialsError> {
        self.credentials.get(self.now()).await
    }

    /// Does this with numbers, on a connector if the action is on one, in one attempt.
    ///
    /// # Errors
    /// If there is no answer that settles the batch; the error's kind says what that means.
    pub(crate) async fn submit(
        &self,
        action: Action,
        connector: &str,
        numbers: &[PhoneNumber],
    ) -> Result<BatchReply, ApiError> {
        let write = |endpoint: &Endpoint| request::of_action(endpoint, action, connector, numbers);
        match action {
            Action::Restore => reply::of_one(self.call(write, reply::restored).await, numbers),
            _ => self.call(write, reply::batch).await,
        }
    }

    /// Reads a page of a list, or one number, in one attempt.
    ///
    /// # Errors
    /// If the service does not answer, or refuses; the error's kind says which.
    pub(crate) async fn read(&self, query: &Query) -> Result<Page, ApiError> {
        self.call(|endpoint| listing::request(endpoint, query), |json, _| listing::page(&query.what, json))
            .await
    }

    /// Signs and sends a request once; `parse` reads its answer.
    async fn call<T>(
        &self,
        write: impl FnOnce(&Endpoint) -> Result<http::Request<Bytes>, RequestError>,
        parse: impl FnOnce(&Value, Option<Box<str>>) -> Option<T>,
    ) -> Result<T, ApiError> {
        let credentials = self.credentials.get(self.now()).await.map_err(|error| {
            let hint = error.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
            ApiError::without_reply(ErrorKind::Credentials, "NoCredentials", one_line(&error) + &hint)
        })?;
        let offset = self.clock_offset.load(Ordering::Relaxed);
        let request = self.signed(write, &credentials, offset).map_err(|error| {
            ApiError::without_reply(ErrorKind::Rejected, "UnsendableRequest", one_line(&*error))
        })?;
        let exchange =
            tokio::time::timeout(self.request_timeout, self.exchange(request, offset, parse)).await;
        let result = exchange.unwrap_or_else(|_elapsed| {
            let seconds = self.request_timeout.as_secs_f64();
            Err(no_answer("Timeout", format!("no answer within {seconds} s")))
        });
        if let Err(error) = &result {
            self.note_refusal(error, credentials, offset);
        }
        result
    }

    fn signed(
        &self,
        write: impl FnOnce(&Endpoint) -> Result<http::Request<Bytes>, RequestError>,
        credentials: &Credentials,
        offset: i64,
    ) -> Result<http::Request<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = write(&self.endpoint)?;
        sigv4::sign(&mut request, self.endpoint.region().as_str(), credentials, self.time(offset))?;
        Ok(request)
    }

    /// For credentials, which expire by this machine's clock.
    fn now(&self) -> SystemTime {
        let seconds = u64::try_from((self.wall)().as_second()).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The time by a clock that is set right by `offset`.
    fn time(&self, offset: i64) -> Timestamp {
        let now = (self.wall)();
        now.saturating_add(SignedDuration::from_secs(offset)).unwrap_or(now)
    }

    async fn exchange<T>(
        &self,
        request: http::Request<Bytes>,
        offset: i64,
        parse: impl FnOnce(&Value, Option<Box<str>>) -> Option<T>,
    ) -> Result<T, ApiError> {
        let request = request.try_into().map_err(|error| transport_error(&error))?;
        let mut response = self.http.execute(request).await.map_err(|error| transport_error(&error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        match read_bounded(response).await {
            Ok(body) => reply::interpret(status, &headers, &body, self.time(offset), parse),
            // The status of a refusal is enough to act on; that of a success is not.
            Err(_) if status.is_client_error() => {
                reply::interpret(status, &headers, b"", self.time(offset), parse)
            }
            Err(error) => Err(ApiError { status: Some(status.as_u16()), ..error }),
        }
    }

    /// Remembers what the service refused, so that a renewal can tell whether there is anything else.
    fn note_refusal(&self, error: &ApiError, credentials: Credentials, offset: i64) {
        if let ErrorKind::ClockSkew { offset_seconds } = error.kind {
            // Learned again from each such refusal: somebody may have set the clock right in the meantime. If the time
            // was right, the refusal is about the credentials, and the reply says so.
            let learned = offset + offset_seconds;
            if self.clock_offset.swap(learned, Ordering::Relaxed) == offset {
                tracing::warn!(
                    offset_seconds = learned,
                    "this machine's clock is wrong, or was set: signing with the service's time"
                );
            }
        }
        if error.kind == ErrorKind::Credentials {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
        }
    }

    /// Re-reads the credentials after the service refused them. True if there are others now.
    pub(crate) async fn renew(&self) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        let renewal = match refused {
            Some(refused) => self.credentials.renew(&refused, self.now()).await,
            None => self.credentials.get(self.now()).await.map(Some),
        };
        renewal
            .inspect_err(|error| tracing::warn!(error = one_line(error), "no credentials"))
            .is_ok_and(|it| it.is_some())
    }
}

async fn read_bounded(response: reqwest::Response) -> Result<Bytes, ApiError> {
    let body = Limited::new(reqwest::Body::from(response), REPLY_AT_MOST).collect().await;
    body.map(Collected::to_bytes).map_err(|error| match error.downcast_ref() {
        Some(error) => transport_error(error),
        None => no_answer("ReplyTooLarge", format!("the reply is longer than {REPLY_AT_MOST} bytes")),
    })
}

/// What a request without a complete reply means: all that matters is whether the service can have seen it.
fn transport_error(error: &reqwest::Error) -> ApiError {
    let io_kind = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    if error.is_connect() || error.is_builder() {
        let code = match io_kind {
            _ if error.is_timeout() => "ConnectTimeout",
            _ if is_untrusted(error) => UNTRUSTED,
            _ if causes(error).any(|cause| cause.to_string() == "dns error") => {
                let host = error.url().and_then(reqwest::Url::host_str).unwrap_or_default();
                let message =
                    format!("the name `{host}`, or that of a proxy, does not resolve: {}", in_short(error));
                return ApiError::without_reply(ErrorKind::Unreachable, UNRESOLVED, message);
            }
            _ if causes(error).any(|cause| cause.to_string().contains("proxy authorization required")) => {
                PROXY_REFUSED
            }
            Some(io::ErrorKind::ConnectionRefused) => "ConnectionRefused",
            _ => "ConnectFailed",
        };
        return ApiError::without_reply(ErrorKind::Unreachable, code, in_short(error));
    }
    let code = match io_kind {
        _ if error.is_timeout() => "Timeout",
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "ConnectionReset",
        _ => "ConnectionLost",
    };
    no_answer(code, one_line(error))
}

fn no_answer(code: &str, message: String) -> ApiError {
    ApiError::without_reply(ErrorKind::NoAnswer, code, message)
}

/// Whether the connection failed because of the peer's certificate.
fn is_untrusted(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        matches!(cause.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// Includes the error that an `io::Error` wraps, which is not among its sources.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause| {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as _).or_else(|| cause.source())
    })
}

/// Why a connection failed: only the cause, because the errors around it just name the URL, which the user knows.
fn in_short(error: &reqwest::Error) -> String {
    let wraps = |cause: &&(dyn std::error::Error + 'static)| cause.to_string().starts_with("client error (");
    let cause = causes(error).find(|cause| !wraps(cause) || cause.source().is_none());
    cause.map_or_else(|| one_line(error), one_line)
}

/// An error and its causes, on one line, for the report.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let cause = cause.to_string();
        if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line.replace('\n', " ")
}
