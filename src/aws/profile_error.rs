//! Why a profile, or a profile file, cannot be used.
//!
//! Must not show what a file says about keys.

use std::io;

use crate::hint::Hint;

/// Why the profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// The chosen profile does not exist. AWS's Rust chain would go on to this machine's own role.
    #[error("profile `{name}`, chosen by {chosen_by}, is not in {files}, which have {known}")]
    Missing {
        /// The profile's name.
        name: String,
        /// `--profile` or a variable.
        chosen_by: String,
        /// The files that were searched.
        files: String,
        /// The profiles in them.
        known: String,
    },
    /// A file cannot be read or parsed.
    #[error("profile file `{file}` cannot be used: {problem}")]
    Unusable {
        /// The file.
        file: String,
        /// Why, with the line if there is one.
        problem: String,
        /// What the system says.
        source: Option<io::Error>,
    },
    /// What a profile says about credentials cannot be right.
    #[error("profile `{profile}` in `{file}`: {problem}")]
    Broken {
        /// The profile.
        profile: String,
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
        /// What to do; may be empty.
        hint: String,
    },
    /// The chosen profile says nothing about credentials.
    #[error("profile `{name}`, chosen by {chosen_by}, names no credentials in {files}")]
    NoCredentials {
        /// The profile's name.
        name: String,
        /// `--profile` or a variable.
        chosen_by: String,
        /// The files that were searched.
        files: String,
    },
}

impl Hint for ProfileError {
    fn hint(&self) -> Option<&str> {
        match self {
            Self::Missing { name, .. } if name.is_empty() => {
                Some("an empty name is not `default`: unset the variable, or leave the option out")
            }
            Self::Missing { .. } => Some("`aws configure` makes a profile, `--profile` chooses one"),
            Self::NoCredentials { .. } => {
                Some("to use this machine's own role, leave the profile out and name the `--region`")
            }
            Self::Broken { hint, .. } => Some(&**hint).filter(|hint| !hint.is_empty()),
            Self::Unusable { .. } => None,
        }
    }
}
