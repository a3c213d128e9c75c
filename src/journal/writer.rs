//! The journal's file: created, locked, appended to in groups, removed.
//!
//! One thread owns it. Intents are synced at once, because requests wait for them; outcomes are gathered for a moment
//! and share a sync, because nothing does. An event is acknowledged, and shown to the watchers, only when it and all
//! before it are on the disk. Must not interpret what it writes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::{Event, Inbox};
use crate::hint::Hint;
use crate::journal::entry::Entry;
use crate::journal::history::{History, HistoryError, Replayed, replay};

/// How long outcomes wait for company. Only a crash within it sends their batches again, which is harmless; a sync for
/// each would cost more than the requests.
const GATHER: Duration = Duration::from_millis(25);

/// The journal, open, locked, and positioned at its end.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// Why there is no journal to write to.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it.
    #[error("another chime-sweep is at work on this report: it holds `{}`", .0.display())]
    InUse(PathBuf),
    /// It cannot be created, read, written, synced or removed.
    #[error("cannot {action} the journal `{}`", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The journal.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be read as a journal.
    #[error("the journal `{}` cannot be used, and is left as it is", .path.display())]
    Unusable {
        /// The journal.
        path: PathBuf,
        /// Why not.
        source: HistoryError,
    },
}

impl Hint for JournalError {
    fn hint(&self) -> Option<&str> {
        match self {
            Self::InUse(_) => Some("wait for its end"),
            Self::Io { .. } => None,
            Self::Unusable { .. } => Some(
                "nothing else tells what its run did: mend it if it is damaged, or move it away to begin anew",
            ),
        }
    }
}

impl Journal {
    /// Creates a new journal, only for its owner's eyes, that begins with [noted](Self::note) `entries`: a header
    /// first. The file itself is there for good.
    ///
    /// # Errors
    /// If there is a file already, or none can be created.
    pub fn create(path: &Path, entries: &[Entry<'_>]) -> Result<Self, JournalError> {
        let failed = |action| move |source| JournalError::Io { action, path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        private(&mut options);
        // Who asks for a new one has just seen that there is none: somebody was faster.
        let file = options.open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => JournalError::InUse(path.to_owned()),
            _ => failed("create")(error),
        })?;
        let mut journal = Self { path: path.to_owned(), file };
        journal.lock()?;
        journal.note(entries)?;
        sync_folder(path).map_err(failed("sync the folder of"))?;
        Ok(journal)
    }

    /// Opens the journal that is there, if one is, and reads it. Its torn tail is cut off.
    ///
    /// # Errors
    /// If another process has it, or it is no journal or a damaged one.
    pub fn open(path: &Path) -> Result<Option<(Self, Replayed)>, JournalError> {
        let failed = |action| move |source| JournalError::Io { action, path: path.to_owned(), source };
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open")(error)),
        };
        let mut journal = Self { path: path.to_owned(), file };
        journal.lock()?;
        let replayed = replay(BufReader::with_capacity(1 << 16, &journal.file))
            .map_err(|source| JournalError::Unusable { path: path.to_owned(), source })?;
        let length = journal.file.metadata().map_err(failed("read"))?.len();
        if replayed.whole < length {
            tracing::warn!(
                bytes = length - replayed.whole,
                "the journal's last line is incomplete and is cut off"
            );
            journal
                .file
                .set_len(replayed.whole)
                .and_then(|()| journal.file.sync_all())
                .map_err(failed("cut"))?;
        }
        journal.file.seek(SeekFrom::Start(replayed.whole)).map_err(failed("read"))?;
        Ok(Some((journal, replayed)))
    }

    fn lock(&self) -> Result<(), JournalError> {
        match self.file.try_lock() {
            // Its owner removed it between our opening and locking it: a lock on it protects nothing.
            Ok(()) if is_removed(&self.file) => Err(JournalError::InUse(self.path.clone())),
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse(self.path.clone())),
            Err(TryLockError::Error(source)) => {
                Err(JournalError::Io { action: "lock", path: self.path.clone(), source })
            }
        }
    }

    #[cfg(test)]
    pub(super) fn on(path: PathBuf, file: File) -> Self {
        Self { path, file }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends entries on which nothing depends before the next sync, which makes them durable too: a header and a
    /// session are worth nothing without an intent.
    ///
    /// # Errors
    /// If the disk does not take them.
    pub fn note(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        entries.iter().for_each(|entry| entry.write_line(&mut lines));
        self.file.write_all(&lines).map_err(self.unwritable())
    }

    /// Appends entries and syncs.
    ///
    /// # Errors
    /// If the disk does not take them.
    pub fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        self.note(entries)?;
        self.file.sync_data().map_err(self.unwritable())
    }

    /// Reads the journal from its start: what is in the file counts, not what was meant to be.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn history(&mut self) -> Result<History, JournalError> {
        let unusable = |source| JournalError::Unusable { path: self.path.clone(), source };
        let mut file = &self.file;
        file.rewind().map_err(|error| unusable(error.into()))?;
        let replayed = replay(BufReader::with_capacity(1 << 16, file)).map_err(unusable)?;
        file.seek(SeekFrom::Start(replayed.whole)).map_err(|error| unusable(error.into()))?;
        replayed.history.ok_or_else(|| unusable(HistoryError::NotAJournal))
    }

    fn unwritable(&self) -> impl FnOnce(io::Error) -> JournalError + use<> {
        let path = self.path.clone();
        |source| JournalError::Io { action: "write", path, source }
    }

    /// Records events until the sender is gone; acknowledges them, and shows each group to `watch` afterwards.
    ///
    /// # Errors
    /// If the disk does not take one. Nothing after it is acknowledged, and the sender finds the channel closed.
    pub fn record(&mut self, mut inbox: Inbox, mut watch: impl FnMut(&[Event])) -> Result<(), JournalError> {
        while let Some(group) = inbox.take(GATHER) {
            let entries: Vec<Entry<'_>> = group.iter().filter_map(Entry::of).collect();
            if !entries.is_empty() {
                self.append(&entries)?;
            }
            inbox.acknowledge();
            watch(&group);
        }
        Ok(())
    }

    /// Removes the file: the report tells everything now, or there is nothing to tell.
    ///
    /// Not synced: a journal that a power cut brings back knows that its report was written, or is asked about again.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(self) -> Result<(), JournalError> {
        std::fs::remove_file(&self.path).map_err(|source| JournalError::Io {
            action: "remove",
            path: self.path,
            source,
        })
    }
}

#[cfg(unix)]
fn is_removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
fn is_removed(_: &File) -> bool {
    false
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

/// Makes the creation of a file in a folder durable.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
