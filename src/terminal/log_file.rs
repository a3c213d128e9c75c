//! The `--log-file`: it is appended to, is private, and never ends a run. Must not know what is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::files::{self, open_private};

/// A log file that is open.
#[derive(Debug, Clone)]
pub(super) struct LogFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    /// Whether a failure to write was reported.
    complained: AtomicBool,
}

impl LogFile {
    /// Opens it, or creates it if it does not exist.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // A pipe that nobody reads would stop the run once it is full.
        if path == Path::new("-") || files::is_pipe(path) {
            return Err(io::Error::other("it is a pipe or standard output; `2>` redirects messages"));
        }
        let mut options = OpenOptions::new();
        let mut file = open_private(options.append(true).create(true).read(true), path)?;
        if file.metadata()?.is_file() && !is_log(&mut file)? {
            return Err(io::Error::other("it is not a chime-sweep log; nothing is appended to it"));
        }
        Ok(Self(Arc::new(Inner { path: path.to_owned(), file, complained: AtomicBool::new(false) })))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Writes whole lines at once, because another process may append, too. Returns only the first error.
    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let written = (&self.0.file).write_all(bytes);
        match written {
            Err(error) if !self.0.complained.swap(true, Ordering::Relaxed) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether it is empty or starts with a log line: a wrong path must not damage an input or a report.
fn is_log(file: &mut File) -> io::Result<bool> {
    let mut beginning = Vec::new();
    file.take(12).read_to_end(&mut beginning)?;
    let is_dated = beginning.first().is_some_and(u8::is_ascii_digit) && beginning.get(10) == Some(&b'T');
    Ok(beginning.is_empty() || is_dated || beginning == b"{\"timestamp\"")
}
