//! The profile files, `~/.aws/config` and `~/.aws/credentials`, parsed by AWS's own parser.
//!
//! Must not be used for keys: what a profile says about credentials is left to AWS's chain.

use std::borrow::Cow;

use aws_runtime::env_config::error::EnvConfigFileLoadError;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::parse::EnvConfigParseError;
use aws_runtime::env_config::property::PropertiesKey;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::Fs;

use super::environment::{Environment, non_empty};
use crate::hint::Hint;

/// Which profile is used, and what chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChosenProfile {
    /// No profile was chosen: `default`, which need not exist.
    Default,
    /// `AWS_PROFILE`. Keys in the environment win over it.
    FromEnvironment(String),
    /// `--profile`. It wins over keys in the environment, as with the AWS CLI.
    FromArgument(String),
}

impl ChosenProfile {
    /// `typed` is `--profile`.
    pub(crate) fn of(typed: Option<&str>, env: &Environment) -> Self {
        match (non_empty(typed), env.get("AWS_PROFILE")) {
            (Some(name), _) => Self::FromArgument(name.to_owned()),
            (None, Some(name)) => Self::FromEnvironment(name.to_owned()),
            (None, None) => Self::Default,
        }
    }

    /// The profile's name.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Default => "default",
            Self::FromEnvironment(name) | Self::FromArgument(name) => name,
        }
    }

    /// What chose it, if anything did.
    pub(crate) fn chosen_by(&self) -> Option<&'static str> {
        match self {
            Self::Default => None,
            Self::FromEnvironment(_) => Some("`AWS_PROFILE`"),
            Self::FromArgument(_) => Some("--profile"),
        }
    }
}

/// The profile files' contents, and which profile of them is used.
pub(crate) struct Profiles {
    sections: EnvConfigSections,
    config_file: String,
    credentials_file: String,
}

impl Profiles {
    /// Reads both files, from where `env` says they are. A file that does not exist counts as empty.
    ///
    /// # Errors
    /// If a file cannot be parsed, or `chosen` was chosen by name and is in neither.
    pub(crate) async fn load(env: &Environment, chosen: &ChosenProfile) -> Result<Self, ProfileError> {
        let mut source = source::load(&env.to_shim(), &Fs::real(), &EnvConfigFiles::default())
            .await
            .map_err(ProfileError::Unreadable)?;
        source.profile = Cow::Owned(chosen.name().to_owned());
        let place = |variable, default: &str| env.get(variable).unwrap_or(default).to_owned();
        let profiles = Self {
            sections: EnvConfigSections::parse(source).map_err(ProfileError::Unparsable)?,
            config_file: place("AWS_CONFIG_FILE", "~/.aws/config"),
            credentials_file: place("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        };
        if *chosen != ChosenProfile::Default && !profiles.has_selected() {
            return Err(profiles.missing(chosen));
        }
        Ok(profiles)
    }

    /// A property of the profile that is used.
    #[must_use]
    pub(crate) fn get(&self, property: &str) -> Option<&str> {
        non_empty(self.sections.get(property))
    }

    /// A property that the profile's `services` section gives for one service.
    #[must_use]
    pub(crate) fn get_of_service(&self, service: &str, property: &str) -> Option<&str> {
        let key = PropertiesKey::builder()
            .section_key("services")
            .section_name(self.get("services")?)
            .property_name(service)
            .sub_property_name(property)
            .build()
            .ok()?;
        non_empty(self.sections.other_sections().get(&key).map(String::as_str))
    }

    /// The name of the profile that is used.
    #[must_use]
    pub(crate) fn selected(&self) -> &str {
        self.sections.selected_profile()
    }

    /// Whether the profile that is used is in the files; `default` need not be.
    #[must_use]
    pub(crate) fn has_selected(&self) -> bool {
        self.sections.get_profile(self.selected()).is_some()
    }

    /// Both files' names, for a message.
    #[must_use]
    pub(crate) fn files(&self) -> String {
        format!("`{}` and `{}`", self.config_file, self.credentials_file)
    }

    fn missing(&self, chosen: &ChosenProfile) -> ProfileError {
        let mut known: Vec<_> = self.sections.profiles().collect();
        known.sort_unstable();
        ProfileError::Missing {
            name: chosen.name().to_owned(),
            chosen_by: chosen.chosen_by().unwrap_or_default(),
            files: self.files(),
            known: if known.is_empty() { "no profile".to_owned() } else { known.join(", ") },
        }
    }
}

/// Why the profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// The chosen profile does not exist. AWS's Rust chain would go on to this machine's own role.
    #[error("profile `{name}`, chosen by {chosen_by}, is not in {files}, which have {known}")]
    Missing {
        /// The profile's name.
        name: String,
        /// `--profile` or `AWS_PROFILE`.
        chosen_by: &'static str,
        /// The files that were searched.
        files: String,
        /// The profiles in them.
        known: String,
    },
    /// A file is malformed; the source names file and line.
    #[error("a profile file cannot be parsed")]
    Unparsable(#[source] EnvConfigParseError),
    /// A file cannot be read.
    #[error("a profile file cannot be read")]
    Unreadable(#[source] EnvConfigFileLoadError),
}

impl Hint for ProfileError {
    fn hint(&self) -> Option<&str> {
        match self {
            Self::Missing { .. } => Some("`aws configure` makes a profile, `--profile` chooses one"),
            Self::Unparsable(_) | Self::Unreadable(_) => None,
        }
    }
}
