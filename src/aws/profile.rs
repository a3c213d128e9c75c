//! The profile files, `~/.aws/config` and `~/.aws/credentials`, parsed by AWS's own parser.
//!
//! They are read here and nowhere else: AWS's crates take a file that they cannot read for an empty one. Must not show
//! what a file says about keys.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs, io};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::property::PropertiesKey;
use aws_runtime::env_config::section::{EnvConfigSections, SsoSession};
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use tokio::sync::OnceCell;

use super::environment::{Environment, non_empty};
use super::profile_error::ProfileError;
use crate::text::escaped;

/// Which profile is used, and what chose it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ChosenProfile {
    /// No profile was chosen: `default`, which need not exist.
    Default,
    /// A variable. Keys in the environment win over it.
    FromEnvironment {
        /// The profile's name.
        name: String,
        /// The variable's.
        variable: &'static str,
    },
    /// `--profile`, or what stands for it. It wins over keys in the environment, as with the AWS CLI.
    FromArgument {
        /// The profile's name.
        name: String,
        by: &'static str,
    },
}

/// In the AWS CLI's order.
const VARIABLES: [&str; 2] = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"];

impl ChosenProfile {
    /// `typed` is `--profile`, or what `by` says. An empty name is a script's mistake: it chooses a profile that does not exist, as
    /// with the AWS CLI.
    pub(crate) fn of(typed: Option<&str>, by: &'static str, env: &Environment) -> Self {
        let variable =
            || VARIABLES.into_iter().find_map(|variable| Some((env.get_or_blank(variable)?, variable)));
        match typed {
            Some(name) => Self::FromArgument { name: name.trim().to_owned(), by },
            None => variable().map_or(Self::Default, |(name, variable)| Self::FromEnvironment {
                name: name.to_owned(),
                variable,
            }),
        }
    }

    /// What to say if two variables choose different profiles.
    pub(crate) fn warning(&self, env: &Environment) -> Option<String> {
        let Self::FromEnvironment { name, variable } = self else { return None };
        let other = env.get(VARIABLES[1]).filter(|other| other != name)?;
        let (name, other) = (escaped(name), escaped(other));
        Some(format!("`{variable}` is `{name}` and `{}` is `{other}`: `{name}` is used", VARIABLES[1]))
    }

    /// The profile's name.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Default => "default",
            Self::FromEnvironment { name, .. } | Self::FromArgument { name, .. } => name,
        }
    }

    /// What chose it, if anything did.
    pub(crate) fn chosen_by(&self) -> Option<String> {
        match self {
            Self::Default => None,
            Self::FromEnvironment { variable, .. } => Some(format!("`{variable}`")),
            Self::FromArgument { by, .. } => Some((*by).to_owned()),
        }
    }
}

/// The variable that says where a file is, and where it is without one.
const FILES: [(EnvConfigFileKind, &str, &str); 2] = [
    (EnvConfigFileKind::Config, "AWS_CONFIG_FILE", "~/.aws/config"),
    (EnvConfigFileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
];

/// One of the two files.
struct File {
    kind: EnvConfigFileKind,
    /// As it is configured, for messages.
    place: String,
    /// What is in it, without what AWS's parser would stumble over; `None` if it does not exist.
    text: Option<String>,
    sections: EnvConfigSections,
}

/// What is in the profile files.
struct ProfileFiles {
    /// Both files as one.
    sections: EnvConfigSections,
    /// The config file, then the credentials file, which wins.
    files: [File; 2],
    /// A file that a variable names and that does not exist, in words.
    missing_file: Option<String>,
}

impl ProfileFiles {
    /// Reads both files, from where `env` says they are. A file that does not exist counts as empty.
    ///
    /// # Errors
    /// If a file cannot be read or parsed.
    async fn read(env: &Environment) -> Result<Arc<Self>, ProfileError> {
        let [config, credentials] = FILES;
        let files = [File::read(env, config).await?, File::read(env, credentials).await?];
        let missing = |(file, (_, variable, _)): (&File, _)| {
            let is_named = env.get(variable).is_some() && file.text.is_none();
            is_named.then(|| format!("`{variable}` names `{}`, which does not exist", escaped(&file.place)))
        };
        let missing_file = files.iter().zip(FILES).find_map(missing);
        let sections = parse(contents(&files, None)).await.map_err(|error| ProfileError::Unusable {
            file: format!("{} and {}", files[0].place, files[1].place),
            problem: error,
            source: None,
        })?;
        Ok(Arc::new(Self { sections, files, missing_file }))
    }
}

/// Nothing of what it says about keys.
impl fmt::Debug for ProfileFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProfileFiles")
    }
}

/// The profile files, once they are needed. Clones share them: parsing a thousand profiles takes long, and a run may
/// have a thousand lanes.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedProfiles(Arc<OnceCell<Arc<ProfileFiles>>>);

/// The profile files' contents, and which profile of them is used.
pub(crate) struct Profiles {
    of: Arc<ProfileFiles>,
    selected: String,
}

impl Profiles {
    /// Reads both files, unless the others that share them have.
    ///
    /// # Errors
    /// If a file cannot be read or parsed, or `chosen` was chosen by name and is in neither.
    pub(crate) async fn load(
        env: &Environment,
        chosen: &ChosenProfile,
        shared: &SharedProfiles,
    ) -> Result<Self, ProfileError> {
        let files = shared.0.get_or_try_init(|| ProfileFiles::read(env)).await?;
        let profiles = Self { of: Arc::clone(files), selected: chosen.name().to_owned() };
        if *chosen != ChosenProfile::Default && !profiles.has(profiles.selected()) {
            return Err(profiles.missing(chosen));
        }
        Ok(profiles)
    }

    /// A property of the profile that is used.
    #[must_use]
    pub(crate) fn get(&self, property: &str) -> Option<&str> {
        non_empty(self.get_or_blank(self.selected(), property))
    }

    /// A property of any profile, also if it has no value.
    #[must_use]
    pub(crate) fn get_or_blank(&self, profile: &str, property: &str) -> Option<&str> {
        self.of.sections.get_profile(profile)?.get(property).map(str::trim)
    }

    /// The `sso-session` section of this name.
    #[must_use]
    pub(crate) fn sso_session(&self, name: &str) -> Option<&SsoSession> {
        self.of.sections.sso_session(name)
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
        non_empty(self.of.sections.other_sections().get(&key).map(String::as_str)).map(str::trim)
    }

    /// The name of the profile that is used.
    #[must_use]
    pub(crate) fn selected(&self) -> &str {
        &self.selected
    }

    /// Whether this profile is in the files; `default` need not be.
    #[must_use]
    pub(crate) fn has(&self, profile: &str) -> bool {
        self.of.sections.get_profile(profile).is_some()
    }

    /// Whether the credentials file itself has this property.
    #[must_use]
    pub(crate) fn is_in_credentials_file(&self, profile: &str, property: &str) -> bool {
        has_property(&self.of.files[1], profile, property)
    }

    /// Both files' names, for a message.
    #[must_use]
    pub(crate) fn files(&self) -> String {
        format!("`{}` and `{}`", escaped(&self.of.files[0].place), escaped(&self.of.files[1].place))
    }

    /// What both files hold, for AWS's provider, and `more` on top of it: so that what was checked is what is used.
    #[must_use]
    pub(crate) fn contents(&self, more: Option<String>) -> EnvConfigFiles {
        contents(&self.of.files, more)
    }

    /// A file that a variable names and that does not exist, in words.
    #[must_use]
    pub(crate) fn missing_file(&self) -> Option<&str> {
        self.of.missing_file.as_deref()
    }

    /// A section that was meant to be `default` and is not, in words. AWS's tools pass over it.
    #[must_use]
    pub(crate) fn misspelled_default(&self) -> Option<String> {
        self.of.files.iter().find_map(|file| {
            let header = |line: &&str| {
                let name = line.strip_prefix('[').and_then(|line| line.split(']').next()).unwrap_or_default();
                let last = name.split_whitespace().last().unwrap_or_default();
                last.trim_matches(['"', '\'']).eq_ignore_ascii_case("default")
            };
            let line = file.text.as_deref()?.lines().find(header)?;
            Some(format!("`{}` has `{}`, which is not `[default]`", escaped(&file.place), escaped(line)))
        })
    }

    /// What is wrong with a profile, with the file where it is.
    #[must_use]
    pub(crate) fn broken(&self, profile: &str, property: &str, problem: String) -> ProfileError {
        let [config, credentials] = &self.of.files;
        let file = if has_property(credentials, profile, property) { credentials } else { config };
        let place = escaped(&file.place);
        ProfileError::Broken { profile: escaped(profile), file: place, problem, hint: String::new() }
    }

    fn missing(&self, chosen: &ChosenProfile) -> ProfileError {
        let mut known: Vec<_> = self.of.sections.profiles().map(escaped).collect();
        known.sort_unstable();
        ProfileError::Missing {
            name: escaped(chosen.name()),
            chosen_by: chosen.chosen_by().unwrap_or_default(),
            files: self.files(),
            known: if known.is_empty() { "no profile".to_owned() } else { known.join(", ") },
        }
    }
}

impl File {
    async fn read(
        env: &Environment,
        (kind, variable, default): (EnvConfigFileKind, &str, &str),
    ) -> Result<Self, ProfileError> {
        let place = env.get(variable).unwrap_or(default).to_owned();
        let unusable = |problem, source| ProfileError::Unusable { file: escaped(&place), problem, source };
        let bytes = read(&env.expand_home(&place))
            .map_err(|error| unusable("it cannot be read".to_owned(), Some(error)))?;
        let text = bytes.map(|bytes| decoded(bytes).and_then(|text| tidied(&text))).transpose();
        let text = text.map_err(|problem| unusable(problem, None))?;
        let mut file = Self { kind, place: place.clone(), text, sections: EnvConfigSections::default() };
        file.sections = parse(contents([&file], None)).await.map_err(|error| unusable(error, None))?;
        Ok(file)
    }
}

fn has_property(file: &File, profile: &str, property: &str) -> bool {
    file.sections.get_profile(profile).is_some_and(|section| section.get(property).is_some())
}

/// A pipe or a device is not opened: reading it could take forever.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(it) if it.is_file() || path == Path::new("/dev/null") => fs::read(path).map(Some),
        Ok(_) => Err(io::Error::other("it is not a file")),
    }
}

/// The text of a file, or why it has none.
pub(super) fn decoded(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || bytes.contains(&0) {
        return Err("it is UTF-16 or binary; save it as UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|&byte| byte == b'\n').count();
        format!("line {line} is not UTF-8; save the file as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The text without white space around values, which AWS's parser keeps if it is not a space or a tab.
///
/// What stands twice is refused, as by the AWS CLI: nobody can tell which was meant. A session token without a value,
/// which scripts write beside keys that need none, is left out.
fn tidied(text: &str) -> Result<String, String> {
    let (mut section, mut seen, mut tidy) = (String::new(), HashMap::new(), String::new());
    for (number, line) in (1..).zip(text.lines()) {
        let is_property = !line.starts_with(['[', ' ', '\t', '#', ';']);
        let property = line.split_once('=').filter(|_| is_property);
        let (name, line) = match property {
            Some((name, value)) => {
                let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
                let is_left_out = name == "aws_session_token" && value.is_empty();
                let line = if is_left_out { String::new() } else { format!("{name}={value}") };
                (format!("{section} {name}"), line)
            }
            None if line.starts_with('[') => {
                let header = line.split_inclusive(']').next().unwrap_or_default();
                section = header.split_whitespace().collect::<Vec<_>>().join(" ");
                (section.clone(), line.trim_end().to_owned())
            }
            None => (String::new(), line.trim_end().to_owned()),
        };
        let first = seen.insert(name.clone(), number).filter(|_| !name.is_empty());
        if let Some(first) = first {
            return Err(format!("`{}` is on line {first} and again on line {number}", escaped(&name)));
        }
        tidy.push_str(&line);
        tidy.push('\n');
    }
    Ok(tidy)
}

/// The files' contents, with `more` as a last file, whose properties win.
fn contents<'a>(files: impl IntoIterator<Item = &'a File>, more: Option<String>) -> EnvConfigFiles {
    let more = more.into_iter().map(|text| (EnvConfigFileKind::Credentials, text));
    let texts = files.into_iter().map(|file| (file.kind, file.text.clone().unwrap_or_default()));
    let builder = texts
        .chain(more)
        .fold(EnvConfigFiles::builder(), |builder, (kind, text)| builder.with_contents(kind, text));
    builder.build()
}

/// The sections; or what is wrong, in the parser's words without the file's name, which it does not know.
async fn parse(files: EnvConfigFiles) -> Result<EnvConfigSections, String> {
    let source = source::load(&Env::from_slice(&[]), &Fs::real(), &files).await;
    let parsed = EnvConfigSections::parse(source.map_err(|error| error.to_string())?);
    parsed.map_err(|error| {
        let words = error.to_string();
        words.trim_start_matches("error parsing ").split_whitespace().collect::<Vec<_>>().join(" ")
    })
}
