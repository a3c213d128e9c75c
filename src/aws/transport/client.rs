//! The client for requests to the service, and what every client here has in common.
//!
//! Must not know the protocol, retry, or time a whole request: that is for [`client`](crate::aws::client) and the pool.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder};

use crate::aws::endpoint::Endpoint;

/// Detects peers that vanished silently, also behind a NAT that drops idle connections after about 5 minutes.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Shorter than a load balancer waits before it closes (60 s by default): a request written into a connection that is
/// being closed has no definite answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Builds the client for requests to `endpoint`: HTTP/1.1, no redirects, no retries of its own, no decompression.
///
/// A connection may take `connect_timeout`; `concurrency` is the number of requests in flight, each of which needs a
/// connection; `ca_bundle` is a PEM file whose certificates replace the platform's. Proxies come from the usual
/// variables; this machine is reached without one.
///
/// # Errors
/// If the bundle cannot be read or holds no certificate, or if the platform has no roots.
pub(crate) fn service_client(
    endpoint: &Endpoint,
    ca_bundle: Option<&Path>,
    concurrency: usize,
    connect_timeout: Duration,
) -> Result<Client, TransportError> {
    let client = client_builder(connect_timeout)
        .pool_max_idle_per_host(concurrency)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE);
    let client = if endpoint.is_loopback() { client.no_proxy() } else { client };
    if endpoint.is_loopback() && endpoint.is_plain() {
        return build_plain(client); // there is no proxy either
    }
    build(client, ca_bundle)
}

/// What every client has in common.
pub(super) fn client_builder(connect_timeout: Duration) -> ClientBuilder {
    // If another one is already installed, that is used; `reqwest` finds one in either case.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("chime-sweep/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(connect_timeout)
}

/// Trusts the platform's roots (`SSL_CERT_FILE` is honored), or those of the bundle alone: botocore, too, takes
/// `AWS_CA_BUNDLE` instead of its own roots, not in addition.
pub(super) fn build(client: ClientBuilder, ca_bundle: Option<&Path>) -> Result<Client, TransportError> {
    let client = match ca_bundle {
        Some(path) => client.tls_certs_only(certificates(path)?),
        None => client,
    };
    client.build().map_err(TransportError::Unbuildable)
}

/// Nothing will be encrypted, and reading the platform's roots takes milliseconds.
pub(super) fn build_plain(client: ClientBuilder) -> Result<Client, TransportError> {
    client.tls_certs_only([]).build().map_err(TransportError::Unbuildable)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, TransportError> {
    let unusable = |problem, source: Option<Box<dyn Error + Send + Sync>>| TransportError::Bundle {
        path: path.to_owned(),
        problem,
        source,
    };
    let pem = fs::read(path).map_err(|error| unusable("cannot be read", Some(error.into())))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|error| unusable("is not a list of PEM certificates", Some(error.into())))?;
    if certificates.is_empty() {
        return Err(unusable("holds no PEM certificate", None));
    }
    Ok(certificates)
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// The CA bundle cannot be used.
    #[error("CA bundle `{}` {problem}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; reads on from the path.
        problem: &'static str,
        /// Why.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// TLS cannot be set up.
    #[error("HTTP client cannot be set up")]
    Unbuildable(#[source] reqwest::Error),
}
