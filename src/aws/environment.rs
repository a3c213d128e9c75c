//! The environment as a value, so that everything that depends on it can be tested.
//!
//! Must not be read before `main` has filled it, and never changes afterwards.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Environment variables: name → value. A variable that is set to an empty value counts as not set. Clones
/// share it.
#[derive(Clone, Default)]
pub struct Environment(Arc<HashMap<String, String>>);

impl Environment {
    /// The process's. What is not UTF-8 in a value becomes U+FFFD, which no setting accepts: a variable that is left out
    /// could be the one that chooses the account.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        // As the AWS CLI does: a service's environment may not have it.
        let home = std::env::home_dir().map(|home| ("HOME".to_owned(), text(home.into())));
        home.into_iter().chain(std::env::vars_os().map(|(name, value)| (text(name), text(value)))).collect()
    }

    /// The value of `name` without white space around it; `None` if it is blank.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        non_empty(self.get_or_blank(name))
    }

    /// The value of `name` exactly as it is, as those who read it themselves see it; `None` if it is blank.
    #[must_use]
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// The value of `name` without white space around it, which may leave nothing.
    #[must_use]
    pub(super) fn get_or_blank(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    /// `path`, with a leading `~` replaced by the home directory, if one is set.
    pub(crate) fn expand_home(&self, path: &str) -> PathBuf {
        let home = self.get("HOME").or_else(|| self.get("USERPROFILE"));
        match (Path::new(path).strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => Path::new(home).join(rest),
            _ => PathBuf::from(path),
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(Arc::new(variables.collect()))
    }
}

/// Names only: the values hold keys.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

pub(super) fn non_empty(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.trim().is_empty())
}
