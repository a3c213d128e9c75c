//! Who a run is at AWS, as far as the loaded credentials, STS and the settings say: for the user's consent.
//!
//! Must not show more of a key than the end of its id.

use std::fmt;

use aws_credential_types::Credentials;

use super::caller::{Caller, caller};
use super::error::CredentialsError;
use super::source::{Kind, Origin, Source};
use crate::aws::rate_cache::RateKey;
use crate::aws::transport::Transports;
use crate::aws::{AwsArgs, AwsSettings, AwsSettingsError, Sts};
use crate::hint::{Hint, Hinted};
use crate::text::escaped;

/// What is known before the service is asked anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Whose the credentials are, or why that is not known.
    pub caller: Result<Caller, String>,
    /// Under which key its rates are kept.
    pub rates: Option<RateKey>,
    /// The key and the source of the credentials.
    pub credentials: String,
    /// The region, and where it comes from; or why there is none.
    pub region: String,
    /// The region alone, if there is one.
    pub region_name: Option<String>,
    /// Where requests would go; or why that is unknown.
    pub endpoint: String,
}

impl Identity {
    /// Of credentials that were loaded, with these settings. Asks STS.
    pub(crate) async fn of(
        credentials: &Credentials,
        settings: &AwsSettings,
        transports: &Transports,
    ) -> Self {
        let id = Some(credentials.access_key_id());
        let origin = credentials.get_property::<Origin>();
        let origin = origin.map_or_else(String::new, |origin| origin.describe(id));
        let (region, region_name, endpoint) = place(settings);
        let caller = caller(settings, transports, credentials.clone()).await;
        let owner = caller.as_ref().map_or(credentials.access_key_id(), |caller| &caller.account_id);
        let rates = Some(RateKey::new(&settings.endpoint, owner));
        Self { caller, rates, credentials: origin, region, region_name, endpoint }
    }

    /// Of credentials that were not loaded, for the reason `not_loaded`. It says what is missing.
    pub(super) fn unknown(
        args: &AwsArgs,
        source: Result<Source, CredentialsError>,
        settings: Result<AwsSettings, AwsSettingsError>,
        not_loaded: String,
    ) -> Self {
        let none = "none are configured";
        let why = match &settings {
            Ok(AwsSettings { sts: Sts::NotAsked(why), .. }) => (*why).to_owned(),
            _ => not_loaded,
        };
        let assumed = |origin: Origin| match args.roles.last() {
            Some(role) => origin.assumed(role),
            None => origin,
        };
        let credentials = match source {
            Ok(source) if matches!(source.kind, Kind::Instance) => {
                format!("{none}; on an EC2 instance, those of its role")
            }
            Ok(source) => assumed(source.origin).describe(None),
            Err(CredentialsError::NotFound { .. }) => none.to_owned(),
            Err(error) => error.with_hint(),
        };
        let (region, region_name, endpoint) = match settings {
            Ok(settings) => place(&settings),
            Err(AwsSettingsError::NoRegion { .. }) => {
                let none = "none is configured; a run needs --region, `AWS_REGION` or a profile with one";
                (none.to_owned(), None, "the region's".to_owned())
            }
            Err(error) => ("unknown".to_owned(), None, error.with_hint()),
        };
        Self { caller: Err(why), rates: None, credentials, region, region_name, endpoint }
    }

    /// Refuses any account but the expected one.
    ///
    /// # Errors
    /// If it is another account, or not known.
    pub(crate) fn check_account(&self, args: &AwsArgs) -> Result<(), Hinted> {
        match (&args.expected_account, &self.caller) {
            (Some(expected), Ok(Caller { account_id, arn })) if account_id != expected => {
                let hint = match &args.account {
                    None => "--profile chooses others; --expect-account is the account that they must be of"
                        .into(),
                    Some(name) => format!(
                        "`profile` or `role` of account `{}` in the accounts file must lead to it",
                        escaped(name)
                    ),
                };
                let problem =
                    format!("the credentials are of account {account_id} ({arn}), not of {expected}");
                Err(Hinted::new(problem, hint))
            }
            (Some(expected), Err(why)) => {
                let hint = match args.account {
                    None => "without --expect-account, it need not be known",
                    Some(_) => "with --accounts it must be known: STS says which it is",
                };
                Err(Hinted::new(
                    format!("the account is not known, so it may not be {expected}: {why}"),
                    hint,
                ))
            }
            _ => Ok(()),
        }
    }

    /// The account, in words.
    pub(crate) fn account(&self) -> String {
        match &self.caller {
            Ok(Caller { account_id, arn }) => format!("{account_id} ({arn})"),
            Err(why) => format!("unknown ({why})"),
        }
    }
}

fn place(settings: &AwsSettings) -> (String, Option<String>, String) {
    let name = settings.endpoint.region().to_string();
    (format!("{name} ({})", settings.region_from), Some(name), settings.endpoint.to_string())
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { credentials, region, endpoint, .. } = self;
        let account = self.account();
        write!(
            f,
            "account     {account}\ncredentials {credentials}\nregion      {region}\nendpoint    {endpoint}"
        )
    }
}
