//! The HTTP clients of a run: what they have in common, and that lanes share them.
//!
//! Must not know the protocol, retry, or time a whole request: that is for [`client`](crate::aws::client) and the pool.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client};

use crate::aws::endpoint::Endpoint;

/// Detects peers that vanished silently, also behind a NAT that drops idle connections after about 5 minutes.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Shorter than a load balancer waits before it closes (60 s by default): a request written into a connection that is
/// being closed has no definite answer. There are no more idle connections than there were requests in flight.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The clients that a run needs, each built when it is first asked for. Clones share them: reading the roots takes
/// milliseconds, and a run may have a thousand lanes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transports(Arc<Mutex<HashMap<Kind, Client>>>);

/// In what clients differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// Whether the peer is this machine or its host. No proxy is used for these.
    pub(super) is_local: bool,
    /// Whether nothing will be encrypted, so that no roots are needed.
    pub(super) is_plain: bool,
    /// A PEM file whose certificates replace the platform's.
    pub(super) ca_bundle: Option<PathBuf>,
    pub(super) connect_timeout: Duration,
}

impl Transports {
    /// The client for requests to `endpoint`: HTTP/1.1, no redirects, no retries of its own, no decompression.
    ///
    /// A connection may take `connect_timeout`; `ca_bundle` is a PEM file whose certificates replace the platform's.
    /// Proxies come from the usual variables; this machine is reached without one.
    ///
    /// # Errors
    /// If the bundle cannot be read or holds no certificate, or if the platform has no roots.
    pub(crate) fn service_client(
        &self,
        endpoint: &Endpoint,
        ca_bundle: Option<&Path>,
        connect_timeout: Duration,
    ) -> Result<Client, TransportError> {
        let is_local = endpoint.is_loopback();
        let is_plain = is_local && endpoint.is_plain(); // else there may be a proxy
        self.client(Kind { is_local, is_plain, ca_bundle: ca_bundle.map(Path::to_owned), connect_timeout })
    }

    /// Building is rare and quick, and so done under the lock: nobody builds a second one meanwhile.
    pub(super) fn client(&self, kind: Kind) -> Result<Client, TransportError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&kind) {
            return Ok(client.clone());
        }
        let client = build(&kind)?;
        clients.insert(kind, client.clone());
        Ok(client)
    }
}

/// Trusts the platform's roots (`SSL_CERT_FILE` is honored), or those of the bundle alone: botocore, too, takes
/// `AWS_CA_BUNDLE` instead of its own roots, not in addition.
fn build(kind: &Kind) -> Result<Client, TransportError> {
    // If another one is already installed, that is used; `reqwest` finds one in either case.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("chime-sweep/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .connect_timeout(kind.connect_timeout);
    let client = if kind.is_local { client.no_proxy() } else { client };
    let client = match &kind.ca_bundle {
        _ if kind.is_plain => client.tls_certs_only([]),
        Some(path) => client.tls_certs_only(certificates(path)?),
        None => client,
    };
    client.build().map_err(TransportError::Unbuildable)
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
