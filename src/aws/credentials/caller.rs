//! Asks STS whose keys these are: `GetCallerIdentity`, which needs no permission.
//!
//! Must not stop a run that does not depend on the answer, and must not hold it up for long.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Config, Region};
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use aws_smithy_async::rt::sleep::TokioSleep;
use serde::{Deserialize, Serialize};

use super::chain::cause_of;
use crate::aws::transport::CredentialsTransport;
use crate::aws::{AwsSettings, Sts};
use crate::text::escaped;

/// How long the answer may take. The run does not need it.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Whose credentials they are, as STS says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// The account's id: 12 digits.
    pub account_id: String,
    /// The user, or the session of a role.
    pub arn: String,
}

/// Asks STS, unless the settings say that there is none to ask.
///
/// # Errors
/// Why the account is not known, in words.
pub(super) async fn caller(settings: &AwsSettings, credentials: Credentials) -> Result<Caller, String> {
    let url = match &settings.sts {
        Sts::NotAsked(why) => return Err((*why).to_owned()),
        Sts::OfRegion => None,
        Sts::At(endpoint) => Some(endpoint.to_string()),
    };
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(CredentialsTransport::new(settings.ca_bundle.clone()))
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::standard())
        .region(Region::new(settings.endpoint.region().as_str().to_owned()))
        .use_fips(settings.variant.fips)
        .use_dual_stack(settings.variant.dual_stack)
        .credentials_provider(credentials);
    let config = url.into_iter().fold(config, aws_sdk_sts::config::Builder::endpoint_url).build();
    let request = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send();
    match tokio::time::timeout(TIME_LIMIT, request).await {
        Ok(Ok(answer)) => {
            let (account_id, arn) = (answer.account.unwrap_or_default(), answer.arn.unwrap_or_default());
            let is_account = account_id.len() == 12 && account_id.bytes().all(|byte| byte.is_ascii_digit());
            let caller = Caller { account_id, arn: escaped(&arn) };
            if is_account { Ok(caller) } else { Err("its answer names no account".to_owned()) }
        }
        Ok(Err(error)) => Err(escaped(&match (error.code(), error.message()) {
            (Some(code), message) => format!("{code}: {}", message.unwrap_or_default()),
            (None, _) => cause_of(&error),
        })),
        Err(_elapsed) => Err(format!("no answer within {} s", TIME_LIMIT.as_secs())),
    }
}
