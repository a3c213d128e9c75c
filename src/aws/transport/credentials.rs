//! Lets AWS's credential chain (STS, SSO, container and instance metadata) use this tool's HTTP client, so
//! that CA bundle and proxies apply there too and there is one TLS setup.
//!
//! Must not retry: the chain does. Must not read a root before the first request.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Limited};
use reqwest::Url;

use super::client::{Kind, Transports};
use crate::aws::endpoint::{ip_of, is_loopback};

/// The SDKs' value.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
/// Metadata is answered by this machine or its host; elsewhere nothing answers, and a laptop should not wait for it.
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The chain sets no read timeout for STS and SSO; without one, a peer that goes silent would block the run forever.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Replies of these services are a few kilobytes long.
const MAX_REPLY_BYTES: usize = 1024 * 1024;

/// An HTTP client as AWS's crates expect it.
#[derive(Debug, Clone)]
pub(crate) struct CredentialsTransport {
    pub(super) transports: Transports,
    pub(super) ca_bundle: Option<PathBuf>,
    pub(super) timeout: Duration,
}

impl CredentialsTransport {
    pub(crate) fn new(transports: &Transports, ca_bundle: Option<&Path>) -> Self {
        Self {
            transports: transports.clone(),
            ca_bundle: ca_bundle.map(Path::to_owned),
            timeout: CONNECT_TIMEOUT + READ_TIMEOUT,
        }
    }

    pub(super) async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        let Some(body) = body.bytes().map(<[u8]>::to_vec) else {
            return Err(ConnectorError::user("a streamed request body is not supported".into()));
        };
        let mut request = reqwest::Request::try_from(http::Request::from_parts(head, body))
            .map_err(|error| ConnectorError::user(error.into()))?;
        *request.timeout_mut() = Some(self.timeout);
        // To this machine and its metadata services there is never a proxy; to AWS's hosts those of the environment.
        let is_local = is_local(request.url());
        let kind = Kind {
            is_local,
            is_plain: is_local && request.url().scheme() == "http",
            ca_bundle: self.ca_bundle.clone(),
            connect_timeout: if is_local { METADATA_CONNECT_TIMEOUT } else { CONNECT_TIMEOUT },
        };
        let client = self.transports.client(kind).map_err(|error| ConnectorError::user(error.into()))?;

        let reply = client.execute(request).await.map_err(connector_error)?;
        let (head, body) = http::Response::from(reply).into_parts();
        let body = Limited::new(body, MAX_REPLY_BYTES).collect().await.map_err(|error| match error
            .downcast::<reqwest::Error>(
        ) {
            Ok(error) => connector_error(*error),
            Err(_) => ConnectorError::other("the reply is too large".into(), None),
        })?;
        HttpResponse::try_from(http::Response::from_parts(head, SdkBody::from(body.to_bytes())))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
}

/// Whether `url` is answered by this machine or its host: loopback, link-local (169.254.0.0/16, `fe80::/10`), or the
/// metadata services' IPv6 addresses (`fd00:ec2::/32`).
pub(super) fn is_local(url: &Url) -> bool {
    let metadata = match url.host_str().and_then(ip_of) {
        Some(IpAddr::V4(ip)) => ip.is_link_local(),
        Some(IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0x0ec2],
        None => false,
    };
    metadata || is_loopback(url)
}

impl HttpClient for CredentialsTransport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // Connecting is part of the wait for a reply here; the clients' own connect timeouts are the tighter bound.
        let connect = settings.connect_timeout().unwrap_or(CONNECT_TIMEOUT);
        let timeout = connect + settings.read_timeout().unwrap_or(READ_TIMEOUT);
        SharedHttpConnector::new(Self { timeout, ..self.clone() })
    }
}

impl HttpConnector for CredentialsTransport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = self.clone();
        HttpConnectorFuture::new(async move { transport.exchange(request).await })
    }
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    // The URL may carry an account's id; the chain names the service anyway.
    let error = error.without_url();
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}
