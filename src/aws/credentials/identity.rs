//! Who a run is at AWS, as far as the loaded credentials and the settings say: for the user's consent.
//!
//! Sends no request, not even to STS. Must not show more of a key than the end of its id.

use std::fmt;

use aws_credential_types::Credentials;

use super::error::CredentialsError;
use super::source::{Kind, Source};
use crate::aws::{AwsArgs, AwsSettings, AwsSettingsError, ChosenProfile, Environment};
use crate::hint::Hint;

/// What is known without sending a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The key and the source of the credentials.
    pub credentials: String,
    /// The region, and where it comes from; or why there is none.
    pub region: String,
    /// Where requests would go; or why that is unknown.
    pub endpoint: String,
}

impl Identity {
    /// Of credentials that were loaded, with these settings.
    pub(crate) fn of(credentials: &Credentials, settings: &AwsSettings) -> Self {
        let id = Some(credentials.access_key_id());
        let source = credentials.get_property::<Source>();
        let credentials = source.map_or_else(String::new, |source| source.describe(id));
        let (region, endpoint) = place(settings);
        Self { credentials, region, endpoint }
    }

    /// Of the credentials that a run would load. Cannot fail: it says what is missing.
    pub(crate) async fn planned(args: &AwsArgs, env: &Environment) -> Self {
        let none = "none are configured";
        let credentials = match Source::find(env, &ChosenProfile::of(args.profile.as_deref(), env)).await {
            Ok(source) if matches!(source.kind, Kind::Instance) => {
                format!("{none}; on an EC2 instance, those of its role")
            }
            Ok(source) => source.describe(None),
            Err(CredentialsError::NotFound { .. }) => none.to_owned(),
            Err(error) => error.with_hint(),
        };
        let (region, endpoint) = match AwsSettings::resolve(args, env).await {
            Ok(settings) => place(&settings),
            Err(AwsSettingsError::NoRegion { .. }) => {
                let none = "none is configured; a run needs --region, `AWS_REGION` or a profile with one";
                (none.to_owned(), "the region's".to_owned())
            }
            Err(error) => ("unknown".to_owned(), error.with_hint()),
        };
        Self { credentials, region, endpoint }
    }
}

fn place(settings: &AwsSettings) -> (String, String) {
    let region = format!("{} ({})", settings.endpoint.region(), settings.region_from);
    (region, settings.endpoint.to_string())
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { credentials, region, endpoint } = self;
        write!(f, "credentials {credentials}\nregion      {region}\nendpoint    {endpoint}")
    }
}
