//! An error in full, as a person reads it when a command has failed.
//!
//! Must not print it.

use std::error::Error;

use crate::aws::AwsSettingsError;
use crate::aws::credentials::CredentialsError;
use crate::hint::{Hint, Hinted};
use crate::journal::writer::JournalError;
use crate::terminal::consent::Refused;

/// An error, and what is safe all the same: that is read last.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
struct WithNote {
    error: anyhow::Error,
    note: String,
}

pub(super) fn with_note(error: anyhow::Error, note: impl Into<String>) -> anyhow::Error {
    WithNote { error, note: note.into() }.into()
}

/// What went wrong before the first request.
pub(super) fn unsent(error: anyhow::Error) -> anyhow::Error {
    // Who has not agreed is told so by the error itself.
    if error.is::<Refused>() { error } else { with_note(error, "nothing was sent") }
}

/// The error, its causes, what to do about it, and what is safe.
#[must_use]
pub fn explained(error: &anyhow::Error) -> String {
    let with_note = error.downcast_ref::<WithNote>();
    let error = with_note.map_or(error, |noted| &noted.error);
    let lines = [format!("error: {error}")]
        .into_iter()
        .chain(error.chain().skip(1).map(|cause| format!("  because: {cause}")))
        .chain(hint(error).map(|hint| format!("hint: {hint}")))
        .chain(with_note.map(|noted| noted.note.clone()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The hint of the error, or of one of its causes.
fn hint(error: &anyhow::Error) -> Option<&str> {
    fn of<'a, E: Hint + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a str> {
        error.downcast_ref::<E>()?.hint()
    }
    let known =
        [of::<Hinted>, of::<Refused>, of::<AwsSettingsError>, of::<CredentialsError>, of::<JournalError>];
    error.chain().find_map(|cause| known.iter().find_map(|of| of(cause)))
}
