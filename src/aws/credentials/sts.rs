//! A client of STS: of the region's, or of the one that the user named.
//!
//! Must not be asked where the settings say that there is none.

use std::error::Error;

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Builder, Config, Region};
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_async::rt::sleep::TokioSleep;

use super::chain::cause_of;
use crate::aws::transport::{CredentialsTransport, Transports};
use crate::aws::{AwsSettings, Sts};
use crate::text::escaped;

/// A client that signs with these credentials.
///
/// # Errors
/// Why there is none to ask.
pub(super) fn client(
    settings: &AwsSettings,
    transports: &Transports,
    credentials: Credentials,
) -> Result<Client, String> {
    let url = match &settings.sts {
        Sts::NotAsked(why) => return Err((*why).to_owned()),
        Sts::OfRegion => None,
        Sts::At(endpoint) => Some(endpoint.to_string()),
    };
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(CredentialsTransport::new(transports, settings.ca_bundle.as_deref()))
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::standard())
        .region(Region::new(settings.endpoint.region().as_str().to_owned()))
        .use_fips(settings.variant.fips)
        .use_dual_stack(settings.variant.dual_stack)
        .credentials_provider(credentials);
    Ok(Client::from_conf(url.into_iter().fold(config, Builder::endpoint_url).build()))
}

/// What STS says is wrong, or what is wrong on the way to it.
pub(super) fn reason(error: &(impl ProvideErrorMetadata + Error + 'static)) -> String {
    escaped(&match (error.code(), error.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or_default()),
        (None, _) => cause_of(error),
    })
}
