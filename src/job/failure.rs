//! Formats the error of a command that failed: the error, its causes, its hint, and what is safe.
//!
//! Must not print it.

use std::error::Error;

use crate::aws::credentials::CredentialsError;
use crate::aws::{AccountsError, AwsSettingsError};
use crate::cli::exit::ExitStatus;
use crate::hint::{Hint, Hinted};
use crate::inventory::ListError;
use crate::journal::writer::JournalError;
use crate::plan::UnknownConnector;
use crate::terminal::consent::Refused;

/// An error with a note about what is safe, which is printed last.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
struct WithNote {
    error: anyhow::Error,
    note: String,
}

pub(super) fn with_note(error: anyhow::Error, note: impl Into<String>) -> anyhow::Error {
    WithNote { error, note: note.into() }.into()
}

/// Adds to an error from before the first request that nothing was sent.
pub(super) fn nothing_sent(error: anyhow::Error) -> anyhow::Error {
    // A refusal already says so.
    if error.is::<Refused>() { error } else { with_note(error, "nothing was sent") }
}

/// An error in what the user has set, found where clap does not look.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) Hinted);

impl Hint for UsageError {
    fn hint(&self) -> Option<&str> {
        self.0.hint()
    }
}

impl From<UnknownConnector> for UsageError {
    fn from(error: UnknownConnector) -> Self {
        Self(Hinted::new(error.to_string(), "`chime-sweep plan` shows the connectors of the same file"))
    }
}

/// How a command that failed with this error ends.
#[must_use]
pub fn exit_status(error: &anyhow::Error) -> ExitStatus {
    let error = error.downcast_ref::<WithNote>().map_or(error, |wrapped| &wrapped.error);
    match error.downcast_ref() {
        Some(ListError::Stopped(stop)) => ExitStatus::of_run(Some(stop.reason), false),
        _ if error.is::<Refused>() || error.is::<UsageError>() => ExitStatus::Usage,
        _ => ExitStatus::Error,
    }
}

/// The error, its causes, what to do about it, and what is safe.
#[must_use]
pub fn explained(error: &anyhow::Error) -> String {
    let with_note = error.downcast_ref::<WithNote>();
    let error = with_note.map_or(error, |wrapped| &wrapped.error);
    let lines = [format!("error: {error}")]
        .into_iter()
        .chain(error.chain().skip(1).map(|cause| format!("  because: {cause}")))
        .chain(hint(error).map(|hint| format!("hint: {hint}")))
        .chain(with_note.map(|wrapped| wrapped.note.clone()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The hint of the error, or of one of its causes.
fn hint(error: &anyhow::Error) -> Option<&str> {
    fn of<'a, E: Hint + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a str> {
        error.downcast_ref::<E>()?.hint()
    }
    let known = [
        of::<Hinted>,
        of::<UsageError>,
        of::<Refused>,
        of::<AwsSettingsError>,
        of::<AccountsError>,
        of::<CredentialsError>,
        of::<ListError>,
        of::<JournalError>,
    ];
    error.chain().find_map(|cause| known.iter().find_map(|of| of(cause)))
}
