//! AWS's standard chain of sources, in AWS's order, and which of them is configured.
//!
//! Reads the environment and the profile files. Must not contact a source: a plan, which sends no request, shows it.

use std::sync::Arc;

use aws_credential_types::Credentials;

use super::error::CredentialsError;
use crate::aws::{ChosenProfile, Environment, Profiles};

/// The first source that is configured.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) kind: Kind,
    /// The access key's id, if it is configured as such.
    key: Option<String>,
    /// What else the credentials are known to be: a role, SSO …
    what: Option<String>,
    /// Follows the word "from".
    from: String,
    /// The source in an error message: "… gave no credentials".
    pub(super) place: String,
    /// What to do if it gives no credentials, if there is anything.
    pub(super) hint: String,
    /// Why the sources before it were skipped, one sentence each.
    pub(super) looked_at: Vec<String>,
}

/// Which source it is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Keys(Credentials),
    Profile,
    WebIdentity,
    Container,
    Instance,
}

const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

impl Source {
    fn new(kind: Kind, from: impl Into<String>, place: impl Into<String>, looked_at: Vec<String>) -> Self {
        let (from, place) = (from.into(), place.into());
        Self { kind, key: None, what: None, from, place, hint: String::new(), looked_at }
    }

    /// Finds the first source that is configured.
    pub(super) async fn find(env: &Environment, chosen: &ChosenProfile) -> Result<Self, CredentialsError> {
        let is_typed = matches!(chosen, ChosenProfile::FromArgument(_));
        let mut looked_at = Vec::new();
        match (env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")) {
            _ if is_typed => looked_at.push("environment: skipped because of --profile".to_owned()),
            (Some(id), Some(secret)) => {
                let token = env.get("AWS_SESSION_TOKEN").map(|token| token.trim().to_owned());
                let kind = Kind::Keys(Credentials::new(id, secret, token, None, "environment"));
                let source = Self::new(kind, "the environment", "environment", looked_at);
                return Ok(Self { key: Some(id.to_owned()), ..source });
            }
            (Some(_), None) => return Err(CredentialsError::HalfSet),
            (None, _) => looked_at.push("environment: `AWS_ACCESS_KEY_ID` is not set".to_owned()),
        }
        // Fails if a profile that was chosen by name is gone; AWS's provider would call that "not configured".
        let profiles =
            Profiles::load(env, chosen).await.map_err(|error| CredentialsError::Profile(Arc::new(error)))?;
        let place = format!("profile `{}` in {}", chosen.name(), profiles.files());
        match of_profile(&profiles) {
            Some((key, what)) => {
                let by = chosen.chosen_by().map_or_else(String::new, |by| format!(" ({by})"));
                let from = format!("profile `{}`{by}", chosen.name());
                let hint = hint(&profiles, chosen.name());
                return Ok(Self { key, what, hint, ..Self::new(Kind::Profile, from, place, looked_at) });
            }
            None if profiles.has_selected() => looked_at.push(format!("{place}: it names no credentials")),
            None => looked_at.push(format!("{place}: not found")),
        }
        if is_typed {
            looked_at.push("web identity: skipped because of --profile".to_owned());
        } else if env.get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
            let place = "web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`)";
            let what = format!("role {}", env.get("AWS_ROLE_ARN").unwrap_or("`AWS_ROLE_ARN` is not set"));
            let source = Self::new(Kind::WebIdentity, "a web identity", place, looked_at);
            return Ok(Self { what: Some(what), ..source });
        } else {
            looked_at.push("web identity: `AWS_WEB_IDENTITY_TOKEN_FILE` is not set".to_owned());
        }
        if let Some(variable) = CONTAINER.into_iter().find(|name| env.get(name).is_some()) {
            let place = format!("container (`{variable}`)");
            return Ok(Self::new(Kind::Container, "the container", place, looked_at));
        }
        looked_at.push(format!("container: neither `{}` nor `{}` is set", CONTAINER[0], CONTAINER[1]));
        if env.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            looked_at.push("instance metadata: `AWS_EC2_METADATA_DISABLED` is set".to_owned());
            return Err(CredentialsError::NotFound { looked_at });
        }
        Ok(Self::new(Kind::Instance, "instance metadata", "instance metadata", looked_at))
    }

    /// The credentials in words, with the end of the access key's id: of the loaded one, else of what is configured.
    pub(super) fn describe(&self, loaded: Option<&str>) -> String {
        let key = loaded.or(self.key.as_deref()).map(|id| format!("key {}", masked(id)));
        let parts = [key, self.what.clone(), Some(format!("from {}", self.from))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The key's id and what else a profile's credentials are, if it names any.
fn of_profile(profiles: &Profiles) -> Option<(Option<String>, Option<String>)> {
    let get = |property| profiles.get(property);
    let has_any = |properties: &[&str]| properties.iter().any(|name| profiles.get(name).is_some());
    if let Some(role) = get("role_arn") {
        return Some((None, Some(format!("role {role}"))));
    }
    if has_any(&["sso_session", "sso_start_url", "sso_account_id", "sso_role_name", "sso_region"]) {
        let named = |property| get(property).unwrap_or("unknown");
        let (account, role) = (named("sso_account_id"), named("sso_role_name"));
        return Some((None, Some(format!("SSO, account {account}, role {role}"))));
    }
    if get("credential_process").is_some() {
        return Some((None, Some("a `credential_process`".to_owned())));
    }
    let others = ["aws_secret_access_key", "credential_source", "login_session", "web_identity_token_file"];
    let id = get("aws_access_key_id").map(str::to_owned);
    (id.is_some() || has_any(&others)).then_some((id, None))
}

fn hint(profiles: &Profiles, name: &str) -> String {
    if profiles.get("sso_session").or_else(|| profiles.get("sso_start_url")).is_some() {
        format!("`aws sso login --profile {name}`")
    } else if profiles.get("login_session").is_some() {
        "`aws login` sessions can be used through \
         `credential_process = aws configure export-credentials --format process`"
            .to_owned()
    } else {
        String::new()
    }
}

/// `…MPLE`. An id that is too short to be cut becomes `…`.
fn masked(id: &str) -> String {
    let characters: Vec<char> = id.trim().chars().collect();
    match characters.len() {
        0..8 => "…".to_owned(),
        length => ['…'].iter().chain(&characters[length - 4..]).collect(),
    }
}
