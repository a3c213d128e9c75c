//! Hints: what to do about an error. A hint is shown on its own line, below the causes, and is not part
//! of the error's text.
//!
//! Must not know any specific error of this tool.

use std::error::Error;

/// An error that may have a hint.
pub trait Hint: Error {
    /// What to do.
    fn hint(&self) -> Option<&str>;

    /// The error, followed by the hint on its own line, if there is one.
    fn with_hint(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}\nhint: {hint}"))
    }
}

/// An error that no code needs to match on, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Hinted {
    error: String,
    hint: String,
}

impl Hinted {
    /// What is wrong, and what to do.
    #[must_use]
    pub fn new(error: String, hint: impl Into<String>) -> Self {
        Self { error, hint: hint.into() }
    }
}

impl Hint for Hinted {
    fn hint(&self) -> Option<&str> {
        Some(&self.hint)
    }
}
