//! Who a run would be at AWS, as far as this machine knows: for the person who is about to agree to it.
//!
//! Asks nobody, not even STS. Must not fail: what is missing is said. Must not show more of a key than its id's end.

use std::fmt;

use serde::Serialize;

use super::{AwsArgs, AwsSettings, AwsSettingsError, ChosenProfile, Environment, Profiles};
use crate::hint::Hint;

/// What is known without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Profile and source of the credentials.
    pub credentials: String,
    /// The region, and where it comes from; or why there is none.
    pub region: String,
    /// Where requests would go; or why that cannot be said.
    pub endpoint: String,
}

impl Identity {
    /// Looks at arguments, environment and profile files.
    pub async fn look(args: &AwsArgs, env: &Environment) -> Self {
        let chosen = ChosenProfile::of(args, env);
        let profiles = match Profiles::load(env, &chosen).await {
            Ok(profiles) => profiles,
            Err(error) => {
                let unknown = || "unknown, because of the profile".to_owned();
                return Self { credentials: error.with_hint(), region: unknown(), endpoint: unknown() };
            }
        };
        let credentials = credentials(args, env, &chosen, &profiles);
        let (region, endpoint) = match AwsSettings::resolve(args, env).await {
            Ok(settings) => {
                let region = settings.endpoint.region();
                let from = region_source(args, env, &chosen);
                let endpoint = settings.endpoint.to_string();
                (format!("{region} ({from})"), endpoint)
            }
            Err(AwsSettingsError::NoRegion { .. }) => {
                let none = "none is configured; a run needs --region, `AWS_REGION` or a profile with one";
                (none.to_owned(), "the region's".to_owned())
            }
            Err(error) => (region_source(args, env, &chosen), error.with_hint()),
        };
        Self { credentials, region, endpoint }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { credentials, region, endpoint } = self;
        write!(f, "credentials {credentials}\nregion      {region}\nendpoint    {endpoint}")
    }
}

fn region_source(args: &AwsArgs, env: &Environment, chosen: &ChosenProfile) -> String {
    match (&args.region, env.get("AWS_REGION"), env.get("AWS_DEFAULT_REGION")) {
        (Some(_), ..) => "--region".to_owned(),
        (None, Some(_), _) => "`AWS_REGION`".to_owned(),
        (None, None, Some(_)) => "`AWS_DEFAULT_REGION`".to_owned(),
        (None, None, None) => format!("profile `{}`", chosen.name()),
    }
}

/// The first source that is configured, in the order of the chain in `credentials`.
fn credentials(args: &AwsArgs, env: &Environment, chosen: &ChosenProfile, profiles: &Profiles) -> String {
    let is_typed = args.profile.is_some();
    if let (false, Some(id)) = (is_typed, env.get("AWS_ACCESS_KEY_ID")) {
        return match env.get("AWS_SECRET_ACCESS_KEY") {
            Some(_) => format!("key {}, from the environment", masked(id)),
            None => "`AWS_ACCESS_KEY_ID` is set and `AWS_SECRET_ACCESS_KEY` is not".to_owned(),
        };
    }
    if let Some(source) = of_profile(profiles) {
        let by = match chosen {
            ChosenProfile::FromArgument(_) => " (--profile)",
            ChosenProfile::FromEnvironment(_) => " (`AWS_PROFILE`)",
            ChosenProfile::Default => "",
        };
        return format!("{source}, from profile `{}`{by}", chosen.name());
    }
    let container = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    if !is_typed && env.get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
        let role = env.get("AWS_ROLE_ARN").unwrap_or("`AWS_ROLE_ARN` is not set");
        return format!("role {role}, from a web identity");
    }
    if container.iter().any(|name| env.get(name).is_some()) {
        return "those of the container".to_owned();
    }
    if env.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return "none are configured".to_owned();
    }
    "none are configured; on an EC2 instance, those of its role".to_owned()
}

fn of_profile(profiles: &Profiles) -> Option<String> {
    let get = |property| profiles.get(property);
    if let Some(role) = get("role_arn") {
        return Some(format!("role {role}"));
    }
    if get("sso_session").or_else(|| get("sso_start_url")).is_some() {
        let account = get("sso_account_id").unwrap_or("unknown");
        return Some(format!("SSO, account {account}, role {}", get("sso_role_name").unwrap_or("unknown")));
    }
    if get("credential_process").is_some() {
        return Some("a `credential_process`".to_owned());
    }
    get("aws_access_key_id").map(|id| format!("key {}", masked(id)))
}

/// `…MPLE`. An id that is so short that its end is all of it is none.
fn masked(id: &str) -> String {
    let characters: Vec<char> = id.trim().chars().collect();
    match characters.len() {
        0..8 => "…".to_owned(),
        length => ['…'].iter().chain(&characters[length - 4..]).collect(),
    }
}
