//! What the user of the AWS CLI has already configured: region, endpoint, profile and CA bundle, from arguments, the
//! environment and the profile files, in the order that the AWS tools follow.
//!
//! Must not look for credentials, open a socket, or read the process's environment: it is handed an [`Environment`].

mod environment;
mod profile;
mod settings;
#[cfg(test)]
mod tests;

pub use environment::Environment;
pub use profile::{ChosenProfile, ProfileError, Profiles};
pub use settings::{AwsArgs, AwsSettings, AwsSettingsError};
