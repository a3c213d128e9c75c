//! The service at AWS, from what the user has configured to the one request that this tool sends.
//!
//! Settings, endpoint and credentials are found as the AWS CLI finds them. Must not retry, wait or pace (that is the
//! pool's), and must not read the process's environment: it is handed an [`Environment`].

mod environment;
pub(crate) mod permissions;
pub mod endpoint;
pub(crate) mod proxy;
mod profile_error;
mod profile;
mod accounts;
mod settings;
pub mod protocol;
pub(crate) mod transport;
pub(crate) mod rate_cache;
pub(crate) mod credentials;
pub(crate) mod client;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use accounts::{Account, ExternalId};
pub(crate) use accounts::{Accounts, AccountsError, Role, is_account_id};
pub use environment::Environment;
pub(crate) use profile::{ChosenProfile, Profiles, SharedProfiles};
pub(crate) use profile_error::ProfileError;
pub(crate) use settings::{AwsArgs, AwsSettings, AwsSettingsError, Sts};
