//! Lets AWS's credential chain (STS, SSO, container and instance metadata) speak through this tool's HTTP client, so
//! that CA bundle and proxies hold there too and there is one TLS set-up.
//!
//! Must not retry: the chain does. Nothing is built, and no root read, before the first request.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::{Client, Url};

use super::{Roots, TransportError, client_builder};
use crate::endpoint::{ip_of, is_loopback};

/// As the SDKs have it.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
/// Metadata is answered by this machine or its host; elsewhere nothing answers, and a laptop should not wait for it.
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The chain sets no read timeout for STS and SSO; without one, a peer that goes silent would hold up the run for ever.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Replies of these services have a few kilobytes.
const MAX_REPLY_BYTES: usize = 1024 * 1024;

/// An HTTP client in the terms of AWS's crates. Cloning is cheap and shares the connections.
#[derive(Debug, Clone, Default)]
pub struct CredentialsTransport(pub(super) Arc<Clients>);

#[derive(Debug, Default)]
pub(super) struct Clients {
    ca_bundle: Option<PathBuf>,
    /// For AWS's public hosts: TLS, and the proxies that the environment names.
    public: OnceLock<Client>,
    /// For this machine and its metadata services: never a proxy.
    local: OnceLock<Client>,
}

impl CredentialsTransport {
    /// `ca_bundle` as for [`service_client`](super::service_client). It is read when the first request needs it.
    #[must_use]
    pub fn new(ca_bundle: Option<PathBuf>) -> Self {
        Self(Arc::new(Clients { ca_bundle, ..Clients::default() }))
    }
}

impl Clients {
    fn for_url(&self, url: &Url) -> Result<&Client, TransportError> {
        let local = is_local(url);
        let cell = if local { &self.local } else { &self.public };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let builder = if local {
            client_builder(METADATA_CONNECT_TIMEOUT).no_proxy()
        } else {
            client_builder(CONNECT_TIMEOUT)
        };
        let roots = Roots::of(self.ca_bundle.as_deref())?;
        let client = roots.apply(builder).build().map_err(TransportError::Unbuildable)?;
        Ok(cell.get_or_init(|| client))
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
        SharedHttpConnector::new(Connector { clients: Arc::clone(&self.0), timeout })
    }
}

#[derive(Debug)]
struct Connector {
    clients: Arc<Clients>,
    timeout: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (clients, timeout) = (Arc::clone(&self.clients), self.timeout);
        HttpConnectorFuture::new(async move { exchange(&clients, request, timeout).await })
    }
}

pub(super) async fn exchange(
    clients: &Clients,
    request: HttpRequest,
    timeout: Duration,
) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let request = request.map(|body| body.bytes().map(<[u8]>::to_vec));
    let (parts, Some(body)) = request.into_parts() else {
        return Err(ConnectorError::user("a streamed request body is not supported".into()));
    };
    let mut request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
        .map_err(|error| ConnectorError::user(error.into()))?;
    *request.timeout_mut() = Some(timeout);
    let client = clients.for_url(request.url()).map_err(|error| ConnectorError::user(error.into()))?;

    let mut reply = client.execute(request).await.map_err(connector_error)?;
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(connector_error)? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(ConnectorError::other("the reply is too large".into(), None));
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = http::Response::new(SdkBody::from(body));
    *answer.status_mut() = reply.status();
    *answer.headers_mut() = std::mem::take(reply.headers_mut());
    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    // The URL may carry an account's id; the chain names the service anyway.
    let error = error.without_url();
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}
