//! How this tool speaks HTTP: one `reqwest` client for the service, and one for the services that hand out credentials.
//!
//! Must not know the protocol, retry, or time a whole request: that is for [`client`](crate::aws::client) and the pool.

mod client;
mod credentials;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use client::service_client;
pub(crate) use credentials::CredentialsTransport;
