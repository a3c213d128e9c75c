//! AWS's standard chain of sources, in AWS's order. Each source is built when its turn comes, and anew for every load:
//! AWS's providers parse the profile files once, and would not see keys that a script renews.
//!
//! Must not cache. Must not go past a source that is configured but fails: the next one's keys may be another account's.

use std::error::Error;
use std::sync::Arc;

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

use super::CredentialsError;
use crate::aws::{AwsSettings, ChosenProfile, Environment, Profiles};
use crate::endpoint::{Region, Variant};
use crate::transport::CredentialsTransport;

#[derive(Debug)]
pub(super) struct Chain {
    env: Environment,
    profile: ChosenProfile,
    region: Region,
    variant: Variant,
    transport: CredentialsTransport,
}

#[derive(Clone, Copy)]
enum Source {
    Environment,
    Profile,
    WebIdentity,
    Container,
    Instance,
}

impl Source {
    const IN_ORDER: [Self; 5] =
        [Self::Environment, Self::Profile, Self::WebIdentity, Self::Container, Self::Instance];
}

/// What a source said.
enum Answer {
    Keys(Credentials),
    /// It is not configured, and why.
    Nothing(String),
}

impl Chain {
    pub(super) fn new(settings: &AwsSettings, env: Environment, transport: CredentialsTransport) -> Self {
        Self {
            env,
            profile: settings.profile.clone(),
            region: settings.endpoint.region().clone(),
            variant: settings.variant,
            transport,
        }
    }

    /// Asks one source after the other, until one has keys.
    pub(super) async fn load(&self) -> Result<Credentials, CredentialsError> {
        let mut looked_at = Vec::new();
        for source in Source::IN_ORDER {
            match self.ask(source).await? {
                Answer::Keys(credentials) => return Ok(credentials),
                Answer::Nothing(why) => looked_at.push(why),
            }
        }
        Err(CredentialsError::NotFound { looked_at: looked_at.into() })
    }

    async fn ask(&self, source: Source) -> Result<Answer, CredentialsError> {
        match source {
            Source::Environment => self.environment(),
            Source::Profile => self.profile().await,
            Source::WebIdentity => self.web_identity().await,
            Source::Container => self.container().await,
            Source::Instance => self.instance().await,
        }
    }

    /// What the sources share. Retrying is set here, and not read from the environment: AWS's crates panic over
    /// `AWS_RETRY_MODE=legacy`, which the CLI understands.
    fn provider_config(&self) -> ProviderConfig {
        ProviderConfig::empty()
            .with_http_client(self.transport.clone())
            .with_sleep_impl(TokioSleep::new())
            .with_region(Some(AwsRegion::new(self.region.as_str().to_owned())))
            .with_use_fips(Some(self.variant.fips))
            .with_use_dual_stack(Some(self.variant.dual_stack))
            .with_retry_config(aws_smithy_types::retry::RetryConfig::standard())
    }

    fn is_profile_typed(&self) -> bool {
        matches!(self.profile, ChosenProfile::FromArgument(_))
    }

    fn environment(&self) -> Result<Answer, CredentialsError> {
        if self.is_profile_typed() {
            return Ok(Answer::Nothing("environment: passed over, because of --profile".into()));
        }
        let secret = self.env.get("AWS_SECRET_ACCESS_KEY");
        match (self.env.get("AWS_ACCESS_KEY_ID"), secret) {
            (Some(id), Some(secret)) => {
                let token = self.env.get("AWS_SESSION_TOKEN").map(str::to_owned);
                Ok(Answer::Keys(Credentials::new(id, secret, token, None, "environment")))
            }
            (Some(_), None) => Err(CredentialsError::HalfSet),
            (None, _) => Ok(Answer::Nothing("environment: `AWS_ACCESS_KEY_ID` is not set".into())),
        }
    }

    async fn profile(&self) -> Result<Answer, CredentialsError> {
        let name = self.profile.name();
        // Fails if a profile that was chosen by name is gone; AWS's provider would call that "not configured".
        let profiles = Profiles::load(&self.env, &self.profile)
            .await
            .map_err(|error| CredentialsError::Profile(Arc::new(error)))?;
        let place = format!("profile `{name}` in {}", profiles.files());
        if !profiles.has_selected() {
            return Ok(Answer::Nothing(format!("{place}: there is none")));
        }
        let hint = if profiles.get("sso_session").or_else(|| profiles.get("sso_start_url")).is_some() {
            format!("`aws sso login --profile {name}`")
        } else if profiles.get("login_session").is_some() {
            "`aws login` sessions can be used through \
             `credential_process = aws configure export-credentials --format process`"
                .to_owned()
        } else {
            String::new()
        };
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&self.provider_config())
            .profile_name(name)
            .build();
        answer_of(&provider, place, &hint).await
    }

    async fn web_identity(&self) -> Result<Answer, CredentialsError> {
        if self.is_profile_typed() {
            return Ok(Answer::Nothing("web identity: passed over, because of --profile".into()));
        }
        if self.env.get("AWS_WEB_IDENTITY_TOKEN_FILE").is_none() {
            return Ok(Answer::Nothing("web identity: `AWS_WEB_IDENTITY_TOKEN_FILE` is not set".into()));
        }
        let provider =
            WebIdentityTokenCredentialsProvider::builder().configure(&self.provider_config()).build();
        answer_of(&provider, "web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`)".into(), "").await
    }

    async fn container(&self) -> Result<Answer, CredentialsError> {
        let variables = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
        let Some(variable) = variables.into_iter().find(|name| self.env.get(name).is_some()) else {
            let why = format!("container: neither `{}` nor `{}` is set", variables[0], variables[1]);
            return Ok(Answer::Nothing(why));
        };
        let provider = EcsCredentialsProvider::builder().configure(&self.provider_config()).build();
        answer_of(&provider, format!("container (`{variable}`)"), "").await
    }

    async fn instance(&self) -> Result<Answer, CredentialsError> {
        let disabled = self.env.get("AWS_EC2_METADATA_DISABLED");
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(Answer::Nothing("instance metadata: `AWS_EC2_METADATA_DISABLED` is set".into()));
        }
        let provider = ImdsCredentialsProvider::builder().configure(&self.provider_config()).build();
        // Other clouds answer at the same address, in their own way; and nobody comes after this source.
        let said = provider.provide_credentials().await;
        Ok(said.map_or_else(
            |error| Answer::Nothing(format!("instance metadata: {}", cause_of(&error))),
            Answer::Keys,
        ))
    }
}

async fn answer_of(
    provider: &impl ProvideCredentials,
    place: String,
    hint: &str,
) -> Result<Answer, CredentialsError> {
    match provider.provide_credentials().await {
        Ok(credentials) => Ok(Answer::Keys(credentials)),
        Err(error @ AwsError::CredentialsNotLoaded(_)) => {
            Ok(Answer::Nothing(format!("{place}: {}", cause_of(&error))))
        }
        Err(error) => {
            Err(CredentialsError::Failed { place: place.into(), hint: hint.into(), source: Arc::new(error) })
        }
    }
}

/// The innermost cause: what stands above it only says that there is one.
fn cause_of(error: &dyn Error) -> String {
    match std::iter::successors(error.source(), |&cause| cause.source()).last() {
        Some(cause) => cause.to_string(),
        None => "it names no credentials".to_owned(),
    }
}
