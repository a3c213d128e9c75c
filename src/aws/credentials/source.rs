//! AWS's standard chain of sources, in AWS's order, and which of them is configured.
//!
//! Reads the environment and the profile files. Must not contact a source: a plan, which sends no request, shows it.

use aws_credential_types::Credentials;
use aws_runtime::env_config::file::EnvConfigFiles;

use super::error::CredentialsError;
use super::process::Process;
use super::sections::{Base, End, problem_of_key};
use crate::aws::{ChosenProfile, Environment, ProfileError, Profiles, Role, SharedProfiles};
use crate::text::escaped;

/// The first source that is configured.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) kind: Kind,
    pub(super) origin: Origin,
    /// The source in an error message: "… gave no credentials".
    pub(super) place: String,
    /// What to do if it gives no credentials, if there is anything.
    pub(super) hint: String,
    /// Why the sources before it were skipped, one sentence each.
    pub(super) looked_at: Vec<String>,
}

/// What credentials are, in words. Loaded ones carry it as a property.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The access key's id, if it is configured as such.
    key: Option<String>,
    /// What else the credentials are known to be: a role, SSO …
    what: Option<String>,
    /// Follows the word "from".
    from: String,
    /// Whether they are keys in this process's environment, so that nothing can renew them.
    pub(super) is_fixed: bool,
}

impl Origin {
    /// That of a role's keys: they can be renewed, also if those that assumed the role cannot.
    pub(super) fn assumed(self, role: &Role) -> Self {
        Self { key: None, what: Some(format!("role {}", role.arn())), is_fixed: false, ..self }
    }

    /// The credentials in words, with the end of the access key's id: of the loaded one, else of what is configured.
    pub(super) fn describe(&self, loaded: Option<&str>) -> String {
        let key = loaded.or(self.key.as_deref()).map(|id| format!("key {}", masked(id)));
        let parts = [key, self.what.clone(), Some(format!("from {}", self.from))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Which source it is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Keys(Credentials),
    /// The files, and the command of the profile that they end at, if that has one.
    Profile {
        profiles: EnvConfigFiles,
        process: Option<Process>,
    },
    WebIdentity,
    Container,
    Instance,
}

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";
const WEB_IDENTITY: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

impl Source {
    fn new(kind: Kind, from: impl Into<String>, place: impl Into<String>, looked_at: Vec<String>) -> Self {
        let is_fixed = matches!(kind, Kind::Keys(_));
        let origin = Origin { key: None, what: None, from: from.into(), is_fixed };
        Self { kind, origin, place: place.into(), hint: String::new(), looked_at }
    }

    /// Finds the first source that is configured.
    ///
    /// # Errors
    /// If it is configured wrongly, or none is and there are signs that one was meant to be: the next one's keys may be
    /// another account's.
    pub(super) async fn find(
        env: &Environment,
        chosen: &ChosenProfile,
        shared: &SharedProfiles,
    ) -> Result<Self, CredentialsError> {
        let mut looked_at = Vec::new();
        match (env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")) {
            _ if let ChosenProfile::FromArgument { by, .. } = chosen => {
                looked_at.push(format!("environment: skipped because of {by}"));
            }
            (Some(id), Some(secret)) => return Self::of_variables(env, id, secret),
            (Some(_), None) => return Err(CredentialsError::HalfSet { set: ID, unset: SECRET }),
            (None, Some(_)) => return Err(CredentialsError::HalfSet { set: SECRET, unset: ID }),
            (None, None) => looked_at.push("environment: `AWS_ACCESS_KEY_ID` is not set".to_owned()),
        }
        // Fails if a profile that was chosen by name is gone; AWS's provider would call that "not configured".
        let profiles = Profiles::load(env, chosen, shared).await?;
        if let Some(end) = End::of(&profiles, chosen.name())? {
            return Ok(Self::of_profile(end, &profiles, chosen, looked_at));
        }
        if let Some(chosen_by) = chosen.chosen_by() {
            let (name, files) = (escaped(chosen.name()), profiles.files());
            return Err(ProfileError::NoCredentials { name, chosen_by, files }.into());
        }
        let found = if profiles.has(chosen.name()) { "it names no credentials" } else { "not found" };
        looked_at.push(format!("profile `{}` in {}: {found}", chosen.name(), profiles.files()));
        let blank = |name: &&str| env.get(name).is_none() && env.get_or_blank(name).is_some();
        let is_blank = [&[ID, SECRET, WEB_IDENTITY], &CONTAINER[..]].concat().into_iter().find(blank);
        let is_blank = is_blank.map(|name| format!("`{name}` is set and empty"));
        let doubt = is_blank.or_else(|| profiles.missing_file().map(str::to_owned));
        let misspelled = || profiles.misspelled_default().filter(|_| !profiles.has("default"));
        if let Some(doubt) = doubt.or_else(misspelled) {
            return Err(CredentialsError::Doubtful { doubt });
        }
        Self::of_surroundings(env, looked_at)
    }

    fn of_variables(env: &Environment, id: &str, secret: &str) -> Result<Self, CredentialsError> {
        let token = env.get(TOKEN);
        for (name, value) in [(ID, Some(id)), (SECRET, Some(secret)), (TOKEN, token)] {
            if let Some(problem) = value.and_then(problem_of_key) {
                return Err(CredentialsError::Malformed { name, problem });
            }
        }
        let kind = Kind::Keys(Credentials::new(id, secret, token.map(str::to_owned), None, "environment"));
        let mut source = Self::new(kind, "the environment", "environment", Vec::new());
        source.origin.key = Some(id.to_owned());
        Ok(source)
    }

    fn of_profile(end: End, profiles: &Profiles, chosen: &ChosenProfile, looked_at: Vec<String>) -> Self {
        let name = escaped(chosen.name());
        let by = chosen.chosen_by().map_or_else(String::new, |by| format!(" ({by})"));
        let mut place = format!("profile `{name}` in {}", profiles.files());
        let (section, mut hint, mut process, mut more) = (escaped(&end.section), String::new(), None, None);
        match end.base {
            Base::Sso => hint = format!("`aws sso login --profile {section}`"),
            Base::Process(command) => {
                let is_other = end.section != chosen.name();
                let of = if is_other { format!(" of its source `{section}`") } else { String::new() };
                place = format!("{place}, `credential_process`{of}");
                // It is run here, so that it can be ended; AWS's provider takes it for a named source.
                more = Some(format!("[{}]\ncredential_source = {}\n", end.section, Process::NAME));
                process = Some(Process::new(command));
            }
            Base::Other => {}
        }
        let kind = Kind::Profile { profiles: profiles.contents(more), process };
        let mut source = Self::new(kind, format!("profile `{name}`{by}"), place, looked_at);
        (source.origin.key, source.origin.what, source.hint) = (end.key, end.what, hint);
        source
    }

    /// The sources that are not the user's but the machine's.
    fn of_surroundings(env: &Environment, mut looked_at: Vec<String>) -> Result<Self, CredentialsError> {
        if env.get(WEB_IDENTITY).is_some() {
            let place = format!("web identity (`{WEB_IDENTITY}`)");
            let role =
                env.get("AWS_ROLE_ARN").map_or_else(|| "`AWS_ROLE_ARN` is not set".to_owned(), escaped);
            let mut source = Self::new(Kind::WebIdentity, "a web identity", place, looked_at);
            source.origin.what = Some(format!("role {role}"));
            return Ok(source);
        }
        looked_at.push(format!("web identity: `{WEB_IDENTITY}` is not set"));
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
}

/// `…MPLE`. An id that is too short to be cut becomes `…`.
fn masked(id: &str) -> String {
    let characters: Vec<char> = id.trim().chars().collect();
    match characters.len() {
        0..8 => "…".to_owned(),
        length => ['…'].iter().chain(&characters[length - 4..]).collect(),
    }
}
