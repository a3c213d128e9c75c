//! How this tool speaks HTTP: one `reqwest` client for the service, and one for the services that hand out credentials.
//!
//! Must not know the protocol, retry, or time a whole request: that is for [`client`](crate::client) and the pool.

mod credentials;
#[cfg(test)]
pub(crate) mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use credentials::CredentialsTransport;
use reqwest::{Certificate, Client, ClientBuilder};

use crate::endpoint::Endpoint;

/// Finds peers that vanished without a word, also behind a NAT that forgets after 5 minutes or so.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Shorter than a load balancer waits before it closes (60 s by default): a request written into a connection that is
/// being closed has no definite answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Builds the client for requests to `endpoint`: HTTP/1.1, no redirects, no retries of its own, no decompression.
///
/// A connection may take `connect_timeout`; `concurrency` is the number of requests in flight, each of which needs a connection; `ca_bundle` is a PEM file whose
/// certificates replace the platform's. Proxies are those of the usual variables, and none for this machine.
///
/// # Errors
/// If the bundle cannot be read or holds no certificate, or if the platform has no roots.
pub fn service_client(
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
    // Reading the platform's roots takes milliseconds, and nothing will be encrypted: there is no proxy either.
    let roots =
        if endpoint.is_loopback() && endpoint.is_plain() { Roots::None } else { Roots::of(ca_bundle)? };
    roots.apply(client).build().map_err(TransportError::Unbuildable)
}

/// What every client has in common.
fn client_builder(connect_timeout: Duration) -> ClientBuilder {
    // If somebody else installed one before, theirs is used; it is there for `reqwest` in either case.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("chime-sweep/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(connect_timeout)
}

/// Whom to trust.
enum Roots {
    /// Nobody: TLS is not spoken.
    None,
    /// The platform's roots (`SSL_CERT_FILE` is honoured).
    Platform,
    /// These alone. botocore, too, takes `AWS_CA_BUNDLE` instead of its own roots, not in addition.
    Only(Vec<Certificate>),
}

impl Roots {
    fn of(ca_bundle: Option<&Path>) -> Result<Self, TransportError> {
        let Some(path) = ca_bundle else { return Ok(Self::Platform) };
        let pem = fs::read(path)
            .map_err(|source| TransportError::UnreadableBundle { path: path.to_owned(), source })?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .map_err(|source| TransportError::MalformedBundle { path: path.to_owned(), source })?;
        if certificates.is_empty() {
            return Err(TransportError::EmptyBundle { path: path.to_owned() });
        }
        Ok(Self::Only(certificates))
    }

    fn apply(self, client: ClientBuilder) -> ClientBuilder {
        match self {
            Self::None => client.tls_certs_only([]),
            Self::Platform => client,
            Self::Only(certificates) => client.tls_certs_only(certificates),
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The file cannot be read.
    #[error("CA bundle `{}` cannot be read", path.display())]
    UnreadableBundle {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not PEM.
    #[error("CA bundle `{}` is not a list of PEM certificates", path.display())]
    MalformedBundle {
        /// The file.
        path: PathBuf,
        /// Why.
        source: reqwest::Error,
    },
    /// The file has no certificate.
    #[error("CA bundle `{}` holds no PEM certificate", path.display())]
    EmptyBundle {
        /// The file.
        path: PathBuf,
    },
    /// TLS cannot be set up.
    #[error("HTTP client cannot be set up")]
    Unbuildable(#[source] reqwest::Error),
}
