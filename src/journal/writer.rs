//! The journal's file: created, locked, appended to in groups, removed.
//!
//! One thread owns it. Intents are synced at once, because requests wait for them; outcomes are gathered for a moment
//! and share a sync, because nothing waits for them. An event is acknowledged and displayed only when it and all events
//! before it are on disk. Must not interpret what it writes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::{Inbox, OfLane};
use crate::files::{open_private, sync_folder};
use crate::hint::Hint;
use crate::journal::copy;
use crate::journal::entry::Entry;
use crate::journal::history::{History, HistoryError, Replayed, replay};

/// How long outcomes wait to share a sync. A crash within this time only causes their batches to be sent again, which
/// is harmless.
const GATHER: Duration = Duration::from_millis(25);

/// How often, and after how long, a lock that is held is tried again: [`look`](super::look) holds it for a moment.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(2);

/// The journal, open, locked, and positioned at its end.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    synced: u64,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has locked it.
    #[error("another chime-sweep process is working on this report: it holds `{}`", .0.display())]
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
    #[error("the journal `{}` cannot be used; it was not changed", .path.display())]
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
            Self::InUse(_) => Some("wait until it finishes; `chime-sweep status REPORT` shows how far it is"),
            Self::Io { .. } => None,
            Self::Unusable { .. } => Some(
                "it is the only record of its run: repair it if it is damaged, or move it away to start over",
            ),
        }
    }
}

impl Journal {
    /// Creates a new journal, readable only by its owner, that begins with `entries`: a header first. The entries are
    /// not synced (see [`Self::note`]), but the creation of the file is.
    ///
    /// # Errors
    /// If the file already exists or cannot be created.
    pub fn create(path: &Path, entries: &[Entry<'_>]) -> Result<Self, JournalError> {
        let failed = |action| move |source| JournalError::Io { action, path: path.to_owned(), source };
        // The caller has just seen that the file does not exist: another process created it since.
        let mut options = OpenOptions::new();
        let file =
            open_private(options.read(true).write(true).create_new(true), path).map_err(
                |error| match error.kind() {
                    io::ErrorKind::AlreadyExists => JournalError::InUse(path.to_owned()),
                    _ => failed("create")(error),
                },
            )?;
        let mut journal = Self { path: path.to_owned(), file, synced: 0 };
        journal.lock()?;
        journal.note(entries)?;
        sync_folder(path).map_err(failed("sync the directory of"))?;
        Ok(journal)
    }

    /// Opens and reads the journal, for an input of `input_rows` rows; `None` if it does not exist. A torn tail is cut
    /// off.
    ///
    /// # Errors
    /// If another process has locked it, or if it is damaged or not a journal.
    pub fn open(path: &Path, input_rows: u32) -> Result<Option<(Self, Replayed)>, JournalError> {
        let failed = |action| move |source| JournalError::Io { action, path: path.to_owned(), source };
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open")(error)),
        };
        let mut journal = Self { path: path.to_owned(), file, synced: 0 };
        journal.lock()?;
        let replayed = replay(BufReader::with_capacity(1 << 16, &journal.file), input_rows)
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
        let mut locked = self.file.try_lock();
        for _ in 0..LOOKS {
            if !matches!(locked, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(LOOK);
            locked = self.file.try_lock();
        }
        match locked {
            // Its owner removed it after we opened it and before we locked it: a lock on it protects nothing.
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
        Self { path, file, synced: 0 }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends entries without syncing; the next sync makes them durable. For entries that nothing depends on until
    /// then: a header and a session mean nothing without an intent.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn note(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        entries.iter().for_each(|entry| entry.write_line(&mut lines));
        self.file.write_all(&lines).map_err(self.unwritable())
    }

    /// Appends entries and syncs.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        self.note(entries)?;
        self.sync().map_err(self.unwritable())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced = self.file.stream_position()?;
        Ok(())
    }

    /// How many bytes, from the start, a power failure cannot take: those of the last sync by this process.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// Reads the journal of an input of `input_rows` rows from its start, because only what is in the file counts.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn history(&mut self, input_rows: u32) -> Result<History, JournalError> {
        let unusable = |source| JournalError::Unusable { path: self.path.clone(), source };
        let mut file = &self.file;
        file.rewind().map_err(|error| unusable(error.into()))?;
        let replayed = replay(BufReader::with_capacity(1 << 16, file), input_rows).map_err(unusable)?;
        file.seek(SeekFrom::Start(replayed.whole)).map_err(|error| unusable(error.into()))?;
        replayed.history.ok_or_else(|| unusable(HistoryError::NotAJournal))
    }

    fn unwritable(&self) -> impl FnOnce(io::Error) -> JournalError + use<> {
        let path = self.path.clone();
        |source| JournalError::Io { action: "write", path, source }
    }

    /// Records events until the sender is gone; acknowledges each group, then passes it to `watch`, and notes what that
    /// returns.
    ///
    /// # Errors
    /// If an event cannot be written. Nothing after it is acknowledged, and the sender finds the channel closed.
    pub fn record<'a>(
        &mut self,
        mut inbox: Inbox,
        mut watch: impl FnMut(&[OfLane]) -> Option<Entry<'a>>,
    ) -> Result<(), JournalError> {
        while let Some(group) = inbox.take(GATHER) {
            self.record_group(&inbox, &group, &mut watch)?;
        }
        Ok(())
    }

    /// Does so for the group that was taken last.
    ///
    /// # Errors
    /// As for [`Self::record`].
    pub fn record_group<'a>(
        &mut self,
        inbox: &Inbox,
        group: &[OfLane],
        watch: impl FnOnce(&[OfLane]) -> Option<Entry<'a>>,
    ) -> Result<(), JournalError> {
        let entries: Vec<Entry<'_>> = group.iter().filter_map(|(_, event)| Entry::of(event)).collect();
        if !entries.is_empty() {
            self.append(&entries)?;
        }
        inbox.acknowledge();
        watch(group).map_or(Ok(()), |note| self.note(&[note]))
    }

    /// Removes the file and the copy of the input, once the report has everything in it or there is nothing to report.
    ///
    /// Not synced: if a power failure brings the journal back, the next run sees that its report was written, or asks
    /// again.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(self) -> Result<(), JournalError> {
        let remove = |path: &Path| std::fs::remove_file(path);
        let removed = match remove(&copy::path_of(&self.path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => remove(&self.path),
        };
        removed.map_err(|source| JournalError::Io { action: "remove", path: self.path, source })
    }
}

#[cfg(unix)]
pub(super) fn is_removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
pub(super) fn is_removed(_: &File) -> bool {
    false
}
