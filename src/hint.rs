//! What to do about an error. It is shown on a line of its own, below the causes, and so is no part of the error's text.
//!
//! Must not know any error of this tool.

use std::error::Error;

/// An error that may know what to do about it.
pub trait Hint: Error {
    /// What to do.
    fn hint(&self) -> Option<&str>;

    /// The error, and below it the hint, if there is one.
    fn with_hint(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}\nhint: {hint}"))
    }
}

/// An error that nobody has to tell from others, and what to do about it.
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
