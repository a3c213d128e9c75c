//! The environment as a value, so that everything that depends on it can be tested.
//!
//! Must not be read before `main` has filled it, and never changes afterwards.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variables: name → value. A variable that is set to an empty value counts as not set.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// The process's. Variables that are not UTF-8 are left out: no setting of this tool can be.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of `name`, as it is; `None` if it is blank.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        non_empty(self.0.get(name).map(String::as_str))
    }

    /// `path`, with a leading `~` replaced by the home directory, if one is set.
    pub(crate) fn expand_home(&self, path: &str) -> PathBuf {
        let home = self.get("HOME").or_else(|| self.get("USERPROFILE"));
        match (Path::new(path).strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => Path::new(home).join(rest),
            _ => PathBuf::from(path),
        }
    }

    /// The same variables, for the parser of profile files.
    pub(super) fn to_shim(&self) -> aws_types::os_shim_internal::Env {
        let set = self.0.iter().filter(|(_, value)| !value.trim().is_empty());
        set.map(|(name, value)| (name.clone(), value.clone())).collect::<HashMap<_, _>>().into()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
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
