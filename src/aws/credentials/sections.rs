//! Follows a profile through its `source_profile`s to where its keys come from.
//!
//! Must accept no more than AWS's provider and the AWS CLI do: what is accepted here is handed to AWS's provider. Must
//! not quote a key.

use crate::aws::{ProfileError, Profiles};
use crate::text::{escaped, named};

/// Where the keys of a profile come from in the end.
#[derive(Debug)]
pub(super) struct End {
    /// The section that says it.
    pub(super) section: String,
    /// How.
    pub(super) base: Base,
    /// The access key's id, if the credentials are that key.
    pub(super) key: Option<String>,
    /// What else the credentials are: a role, SSO …
    pub(super) what: Option<String>,
}

/// How a section gives keys, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Base {
    Sso,
    /// The command line.
    Process(String),
    Other,
}

/// What says where keys come from. None of them may be blank or in quotes.
const PROPERTIES: [&str; 13] = [
    "role_arn",
    "source_profile",
    "credential_source",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_region",
    "sso_account_id",
    "sso_role_name",
    "login_session",
    "credential_process",
    "aws_access_key_id",
    "aws_secret_access_key",
];
const SSO: [&str; 4] = ["sso_start_url", "sso_region", "sso_account_id", "sso_role_name"];
const KEYS: [&str; 3] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
const NAMED_SOURCES: [&str; 3] = ["Environment", "Ec2InstanceMetadata", "EcsContainer"];

impl End {
    /// Follows the profile `name`; `None` if it says nothing about credentials.
    ///
    /// # Errors
    /// If what it says cannot be right; names the section and the file.
    pub(super) fn of(profiles: &Profiles, name: &str) -> Result<Option<Self>, ProfileError> {
        let mut section = Section { profiles, name };
        let (mut seen, mut role) = (vec![name], None);
        loop {
            section.check()?;
            // The keys of a source come before its own role, as with the AWS CLI.
            let is_end =
                seen.len() > 1 && section.has_keys() || section.get("web_identity_token_file").is_some();
            let next = match section.get("role_arn").filter(|_| !is_end) {
                None => break,
                Some(arn) => {
                    role.get_or_insert(arn);
                    section.source_profile()?
                }
            };
            match next {
                None => break,
                Some(next) if next == section.name && section.has_keys() => break,
                Some(next) if seen.contains(&next) => {
                    seen.push(next);
                    let round = seen.iter().map(|name| format!("`{}`", escaped(name))).collect::<Vec<_>>();
                    let problem =
                        format!("`source_profile` goes round in circles: {}", round.join(", then "));
                    return Err(section.broken("source_profile", problem));
                }
                Some(next) if !profiles.has(next) => {
                    let problem = format!(
                        "its `source_profile` is `{}`, which is not in {}",
                        escaped(next),
                        profiles.files()
                    );
                    return Err(section.broken("source_profile", problem));
                }
                Some(next) => {
                    seen.push(next);
                    section.name = next;
                }
            }
        }
        match (section.end()?, role) {
            (None, Some(_)) => Err(section.broken("", "it is a source, and names no credentials".to_owned())),
            (Some(end), Some(role)) => {
                Ok(Some(Self { key: None, what: Some(format!("role {}", escaped(role))), ..end }))
            }
            (end, None) => Ok(end),
        }
    }
}

/// One section of the files.
#[derive(Clone, Copy)]
struct Section<'a> {
    profiles: &'a Profiles,
    name: &'a str,
}

impl<'a> Section<'a> {
    fn get(self, property: &str) -> Option<&'a str> {
        self.profiles.get_or_blank(self.name, property)
    }

    fn has_keys(self) -> bool {
        KEYS[..2].iter().all(|name| self.get(name).is_some())
    }

    fn broken(self, property: &str, problem: impl Into<String>) -> ProfileError {
        self.profiles.broken(self.name, property, problem.into())
    }

    /// No value is blank, in quotes, or unlike a key.
    fn check(self) -> Result<(), ProfileError> {
        for name in PROPERTIES {
            let problem = match self.get(name) {
                Some("") => "is empty",
                Some(value) if name != "credential_process" && value.starts_with(['"', '\'']) => {
                    "is in quotes, which would be part of the value"
                }
                _ => continue,
            };
            return Err(self.broken(name, format!("`{name}` {problem}")));
        }
        for name in KEYS {
            if let Some(problem) = self.get(name).and_then(problem_of_key) {
                return Err(self.broken(name, format!("`{name}` {problem}")));
            }
        }
        Ok(())
    }

    /// The next section of a role; `None` if the role's source is in this one.
    fn source_profile(self) -> Result<Option<&'a str>, ProfileError> {
        match (self.get("source_profile"), self.get("credential_source")) {
            (Some(_), Some(_)) => {
                Err(self.broken("role_arn", "it has a `source_profile` and a `credential_source`"))
            }
            (None, None) => {
                let problem = "its `role_arn` needs a `source_profile` or a `credential_source`";
                Err(self.broken("role_arn", problem))
            }
            (source, _) => Ok(source),
        }
    }

    /// How this section gives keys, in the order of AWS's provider.
    fn end(self) -> Result<Option<End>, ProfileError> {
        let end = |base, key: Option<&str>, what: Option<String>| {
            Ok(Some(End { section: self.name.to_owned(), base, key: key.map(str::to_owned), what }))
        };
        let (id, secret) = (self.get(KEYS[0]), self.get(KEYS[1]));
        let of_role =
            ["source_profile", "credential_source"].into_iter().find(|name| self.get(name).is_some());
        if let Some(name) = of_role.filter(|_| self.get("role_arn").is_none()) {
            return Err(self.broken(name, format!("its `{name}` needs a `role_arn`")));
        }
        if let Some(source) = self.get("credential_source") {
            if !NAMED_SOURCES.iter().any(|known| known.eq_ignore_ascii_case(source)) {
                let known = NAMED_SOURCES.join(", ");
                let problem = format!("`credential_source` is `{}`; it can be {known}", escaped(source));
                return Err(self.broken("credential_source", problem));
            }
            return end(Base::Other, None, Some(format!("`credential_source = {source}`")));
        }
        if self.get("web_identity_token_file").is_some() {
            let Some(role) = self.get("role_arn") else {
                return Err(self.broken("web_identity_token_file", "a web identity needs a `role_arn`"));
            };
            return end(Base::Other, None, Some(format!("role {}", escaped(role))));
        }
        if let Some(what) = self.sso()? {
            return end(Base::Sso, None, Some(what));
        }
        if self.get("login_session").is_some() {
            let mut error = self.broken("login_session", "`aws login` sessions are not read");
            if let ProfileError::Broken { hint, .. } = &mut error {
                "`credential_process = aws configure export-credentials --format process` makes them available"
                    .clone_into(hint);
            }
            return Err(error);
        }
        if let Some(command) = self.get("credential_process") {
            if self.profiles.is_in_credentials_file(self.name, KEYS[0]) {
                let problem =
                    "it has keys and a `credential_process`, and AWS's tools differ in which they use";
                return Err(self.broken("credential_process", problem));
            }
            return end(Base::Process(command.to_owned()), None, Some("a `credential_process`".to_owned()));
        }
        match (id, secret) {
            (Some(_), Some(_)) => end(Base::Other, id, None),
            (None, None) if self.get(KEYS[2]).is_none() => Ok(None),
            (Some(_), None) => Err(self.broken(KEYS[0], "it has no `aws_secret_access_key`")),
            (None, _) => Err(self.broken(KEYS[1], "it has no `aws_access_key_id`")),
        }
    }

    /// The account and role of SSO, if this section is about that.
    fn sso(self) -> Result<Option<String>, ProfileError> {
        let session = self.get("sso_session");
        if session.is_none() && SSO.iter().all(|name| self.get(name).is_none()) {
            return Ok(None);
        }
        let named = session.map(|name| {
            self.profiles.sso_session(name).ok_or_else(|| {
                let problem = format!("its `sso_session` is `{}`, which is not in the file", escaped(name));
                self.broken("sso_session", problem)
            })
        });
        let named = named.transpose()?;
        for name in SSO {
            let is_sessions = name == "sso_start_url" || name == "sso_region";
            let (own, of_session) = (self.get(name), named.filter(|_| is_sessions).map(|it| it.get(name)));
            let problem = match (own, of_session) {
                (Some(_), Some(_)) => "belongs into the `sso-session`, which it has",
                (None, None | Some(None)) | (_, Some(Some(""))) => "is missing or empty",
                _ => continue,
            };
            return Err(self.broken("sso_session", format!("`{name}` {problem}")));
        }
        let get = |property| escaped(self.get(property).unwrap_or_default());
        Ok(Some(format!("SSO, account {}, role {}", get("sso_account_id"), get("sso_role_name"))))
    }
}

/// What keeps `value` from being a key, a secret or a token, if anything does.
pub(super) fn problem_of_key(value: &str) -> Option<String> {
    let wrong = value.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '"' | '\''))?;
    let is_quote = matches!(wrong, '"' | '\'');
    // Any other character could be a part of the secret.
    let what = if is_quote { "a quotation mark".to_owned() } else { named_kind(wrong) };
    Some(format!("contains {what}, which no key has"))
}

fn named_kind(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_whitespace() || c.is_control() => named(c),
        _ => "a character that is not ASCII".to_owned(),
    }
}
