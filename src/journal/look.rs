//! Looks at the journal of a job without taking part in it: how far the job is, and whether a process works on it.
//!
//! Must not create, change or cut a file, nor keep a lock.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::history::{History, replay_showing};
use super::progress::Progress;
use super::writer::{JournalError, is_removed};

/// What a journal shows to one who only looks.
#[derive(Debug)]
pub(crate) struct Look {
    /// Whether a process works on the job.
    pub(crate) owner: Owner,
    /// What the journal says; `None` if its header is not complete, so that nothing has been sent.
    pub(crate) history: Option<History>,
    /// How far the job is.
    pub(crate) progress: Progress,
}

/// Whether a process works on a job. Its lock decides: the id of a process may have been given to another one.
#[derive(Debug)]
pub(crate) enum Owner {
    /// One does.
    AtWork,
    /// None does.
    Gone,
    /// The file's locks cannot be used here.
    Unclear(io::Error),
}

/// Looks at the journal at `path`; `None` if there is none.
///
/// # Errors
/// If it cannot be read, is damaged, or is not a journal.
pub(crate) fn look(path: &Path) -> Result<Option<Look>, JournalError> {
    let failed = |action| move |source| JournalError::Io { action, path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open")(error)),
    };
    let owner = match file.try_lock_shared() {
        Ok(()) => {
            file.unlock().map_err(failed("unlock"))?;
            Owner::Gone
        }
        Err(TryLockError::WouldBlock) => Owner::AtWork,
        Err(TryLockError::Error(error)) => Owner::Unclear(error),
    };
    // The run has ended since the file was opened.
    if is_removed(&file) {
        return Ok(None);
    }
    // What is written from now on would look like damage where the last line is incomplete.
    let length = file.metadata().map_err(failed("read"))?.len();
    let reader = BufReader::with_capacity(1 << 16, file.take(length));
    let mut progress = Progress::default();
    let replayed = replay_showing(reader, u32::MAX, |entry| progress.apply(entry))
        .map_err(|source| JournalError::Unusable { path: path.to_owned(), source })?;
    Ok(Some(Look { owner, history: replayed.history, progress }))
}
