//! Loads credentials from their [`Source`]. A provider is built for every load: AWS's parse the profile files once, and
//! would not see keys that a script renews.
//!
//! Must not cache, and must not ask any source but the first one configured: the next one's keys
//! may be another account's.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError as AwsError;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::region::Region as AwsRegion;

use super::error::{CredentialsError, LOAD_TIMEOUT};
use super::process::Process;
use super::source::{Kind, Source};
use crate::aws::transport::{CredentialsTransport, Transports};
use crate::aws::{AwsSettings, ChosenProfile, Environment, SharedProfiles};
use crate::text::escaped;

#[derive(Debug)]
pub(super) struct Chain {
    env: Environment,
    profile: ChosenProfile,
    /// What the sources share.
    config: ProviderConfig,
    /// What the first load reads; each other one reads the files again.
    shared: Mutex<Option<SharedProfiles>>,
}

impl Chain {
    pub(super) fn new(
        settings: &AwsSettings,
        env: Environment,
        transports: &Transports,
        shared: &SharedProfiles,
    ) -> Self {
        let region = AwsRegion::new(settings.endpoint.region().as_str().to_owned());
        // Retrying is set here, and not read from the environment: AWS's crates panic over `AWS_RETRY_MODE=legacy`,
        // which the CLI understands.
        let config = ProviderConfig::empty()
            .with_http_client(CredentialsTransport::new(transports, settings.ca_bundle.as_deref()))
            .with_sleep_impl(TokioSleep::new())
            .with_region(Some(region))
            .with_use_fips(Some(settings.variant.fips))
            .with_use_dual_stack(Some(settings.variant.dual_stack))
            .with_retry_config(aws_smithy_types::retry::RetryConfig::standard());
        let shared = Mutex::new(Some(shared.clone()));
        Self { env, profile: settings.profile.clone(), config, shared }
    }

    /// Asks the first source that is configured. The credentials carry their [`Origin`](super::source::Origin)
    /// as a property.
    pub(super) async fn load(&self) -> Result<Credentials, CredentialsError> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let source = Source::find(&self.env, &self.profile, &shared).await?;
        let Source { kind, origin, place, hint, looked_at } = source;
        let loaded = tokio::time::timeout(LOAD_TIMEOUT, self.ask(&kind)).await;
        let loaded = loaded.map_err(|_| CredentialsError::TimedOut { place: place.clone() })?;
        let mut credentials = loaded.map_err(|error| match kind {
            // Other clouds answer at the same address, in other ways; and this source is the last.
            Kind::Instance => {
                let mut looked_at = looked_at;
                looked_at.push(format!("instance metadata: {}", escaped(&cause_of(&error))));
                CredentialsError::NotFound { looked_at }
            }
            _ => CredentialsError::Failed { place, hint, source: Arc::new(error) },
        })?;
        credentials.set_property(origin);
        Ok(credentials)
    }

    async fn ask(&self, kind: &Kind) -> Result<Credentials, AwsError> {
        let config = &self.config;
        match kind {
            Kind::Keys(keys) => Ok(keys.clone()),
            Kind::Profile { profiles, process } => {
                let provider = ProfileFileCredentialsProvider::builder().configure(config);
                let provider = provider.profile_name(self.profile.name()).profile_files(profiles.clone());
                let provider = match process {
                    Some(process) => provider.with_custom_provider(Process::NAME, process.clone()),
                    None => provider,
                };
                provider.build().provide_credentials().await
            }
            Kind::WebIdentity => {
                let provider = WebIdentityTokenCredentialsProvider::builder().configure(config);
                provider.build().provide_credentials().await
            }
            Kind::Container => {
                EcsCredentialsProvider::builder().configure(config).build().provide_credentials().await
            }
            Kind::Instance => {
                ImdsCredentialsProvider::builder().configure(config).build().provide_credentials().await
            }
        }
    }
}

/// The innermost cause: the errors around it add nothing.
pub(super) fn cause_of(error: &dyn Error) -> String {
    let innermost = std::iter::successors(Some(error), |&cause| cause.source()).last();
    innermost.unwrap_or(error).to_string()
}
