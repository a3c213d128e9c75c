//! All of a file or nothing: a reader sees the old content or the new, also after a crash.
//!
//! Must not know what is in it.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::hint::Hinted;

/// Whether a file could be written there, as far as its folder goes: better asked before the night than after it.
///
/// # Errors
/// If there is no such folder.
pub fn check_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let is_there = folder.is_none_or(Path::is_dir);
    anyhow::ensure!(
        is_there,
        Hinted::new(format!("the folder of `{}` is not there", path.display()), "create it first")
    );
    Ok(())
}

/// Why a file was not replaced. What it held before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`; {safe}", path.display())]
pub struct ReplaceError {
    path: PathBuf,
    safe: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

const UNTOUCHED: &str = "what stood there before is untouched";

/// Gives `path` the content that `write` writes, at once: it goes to a file beside it (`<name>.partial`, for its owner
/// alone), which is synced and takes the name when it is whole. A symbolic link is followed. Whoever calls this must
/// be the only one to write `path`; a partial file that a crash has left is removed.
///
/// # Errors
/// If `path` is anything but a file, the file beside it cannot be created, written, synced or renamed, or `write` fails.
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
        Err(_) => path.to_path_buf(),
    };
    let mut name = target.file_name().map(OsString::from).unwrap_or_default();
    name.push(".partial");
    let partial = target.with_file_name(name);

    let mut file = create(&partial).map_err(untouched)?;
    let written = write(&mut file).map_err(Into::into).and_then(|value| {
        file.sync_all().and_then(|()| fs::rename(&partial, &target)).map(|()| value).map_err(Into::into)
    });
    let value = written.map_err(|error| {
        // Whether or not it can be removed, the next attempt does.
        let _ = fs::remove_file(&partial);
        fail(UNTOUCHED, error)
    })?;
    sync_directory(&target).map_err(|error| {
        fail("it has its new content, which may not survive a loss of power", error.into())
    })?;
    Ok(value)
}

fn create(partial: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(partial) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(partial)?;
            options.open(partial)
        }
        opened => opened,
    }
}

/// Makes the new name durable. Other systems than Unix cannot open a directory.
fn sync_directory(target: &Path) -> io::Result<()> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
