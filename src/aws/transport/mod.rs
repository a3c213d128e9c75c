//! How this tool speaks HTTP: clients for the service and for the services that hand out credentials, shared by all lanes.
//!
//! Must not know the protocol, retry, or time a whole request: that is for [`client`](crate::aws::client) and the pool.

mod client;
mod credentials;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use client::Transports;
pub(crate) use credentials::CredentialsTransport;
