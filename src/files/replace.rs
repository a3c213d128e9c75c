//! Atomic replacement of files: a reader sees the old content or the new, even after a crash.
//!
//! Must not know what is in a file.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::place::{PARTIAL, beside, folder_of, is_dangling};
use super::private::open_private;

/// Why a file was not replaced. Its previous content is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`; {safe}", path.display())]
pub struct ReplaceError {
    path: PathBuf,
    safe: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

const UNTOUCHED: &str = "any previous content is unchanged";

/// Replaces the content of `path` with what `write` writes, atomically: it goes to a file beside `path`
/// (`<name>.partial`, readable only by its owner), which is synced and renamed once it is complete. A symbolic link is
/// followed, unless its target does not exist. The caller must be the only writer of `path`; a partial file left by a
/// crash is removed.
///
/// # Errors
/// If `path` is not a regular file, the file beside it cannot be created, written, synced or renamed, or `write`
/// fails.
pub fn replace<T, E>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, ReplaceError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let fail = |safe, source| ReplaceError { path: path.into(), safe, source };
    let untouched = |error: io::Error| fail(UNTOUCHED, error.into());
    let target = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(untouched(io::Error::other("it is not a regular file")));
        }
        Ok(_) => fs::canonicalize(path).map_err(untouched)?,
        Err(_) if is_dangling(path) => {
            return Err(untouched(io::Error::other("it is a symbolic link to a file that does not exist")));
        }
        Err(_) => path.to_path_buf(),
    };
    let partial = beside(&target, PARTIAL);

    let mut file = create(&partial).map_err(untouched)?;
    let written = write(&mut file).map_err(Into::into).and_then(|value| {
        file.sync_all().and_then(|()| fs::rename(&partial, &target)).map(|()| value).map_err(Into::into)
    });
    let value = written.map_err(|error| {
        // If it cannot be removed now, the next attempt removes it.
        let _ = fs::remove_file(&partial);
        fail(UNTOUCHED, error)
    })?;
    sync_folder(&target).map_err(|error| {
        fail("it has its new content, which may not survive a power failure", error.into())
    })?;
    Ok(value)
}

fn create(partial: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match open_private(&mut options, partial) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(partial)?;
            open_private(&mut options, partial)
        }
        opened => opened,
    }
}

/// Makes the creation of a file, or its new name, durable. Only Unix can open a directory.
pub(crate) fn sync_folder(file: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(file))?.sync_all() } else { Ok(()) }
}
