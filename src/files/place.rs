//! What is where a file is to be written, found out before the work and without opening it: a pipe would block.
//!
//! Must not create or change anything.

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::hint::Hinted;

/// Whether a regular file is at `path`, and whether it or a new one can be written there. `what` will be written, and
/// the hint of an error is what to do `instead`.
///
/// # Errors
/// If something else is there, or its directory cannot be written.
pub fn check_output(what: &str, path: &Path, instead: &str) -> anyhow::Result<bool> {
    let is_there = check_regular(what, path, instead)?;
    let shown = path.display();
    // A link is followed when the file is replaced.
    let target = if is_there { fs::canonicalize(path)? } else { path.to_owned() };
    let folder = folder_of(&target);
    anyhow::ensure!(
        folder.is_dir(),
        Hinted::new(format!("the directory of `{shown}` does not exist"), "create it first")
    );
    // Its name may be too long.
    let partial = match fs::symlink_metadata(beside(&target, PARTIAL)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    partial
        .and_then(|()| check_folder(folder, is_there.then_some(&target)))
        .with_context(|| format!("{what} `{shown}` cannot be written"))?;
    Ok(is_there)
}

/// What is appended to the name of a file while it is written.
pub(super) const PARTIAL: &str = ".partial";

/// The file beside `path` whose name is longer by `suffix`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The directory that `path` is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a regular file is at `path`.
///
/// # Errors
/// If something else is there.
pub fn check_regular(what: &str, path: &Path, instead: &str) -> anyhow::Result<bool> {
    let shown = path.display();
    let found = match fs::metadata(path) {
        _ if path == Path::new("-") => "standard output",
        Ok(found) if found.is_file() => return Ok(true),
        Ok(found) if found.is_dir() => {
            return Err(Hinted::new(format!("{what} `{shown}` is a directory"), "name a file in it").into());
        }
        Ok(found) => kind(found.file_type()),
        Err(_) if is_dangling(path) => "a symbolic link to a file that does not exist",
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("cannot access `{shown}`")),
    };
    Err(Hinted::new(format!("{what} `{shown}` is {found}, not a regular file"), instead).into())
}

/// Whether a pipe or a socket is at `path`.
#[cfg(unix)]
pub(crate) fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let found = fs::metadata(path).map(|found| found.file_type());
    found.is_ok_and(|found| found.is_fifo() || found.is_socket())
}

#[cfg(not(unix))]
pub(crate) fn is_pipe(_: &Path) -> bool {
    false
}

/// Whether `path` is a link to nothing. Its target cannot be replaced, and it must not be.
pub(super) fn is_dangling(path: &Path) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    is_link && fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(unix)]
fn kind(found: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match found {
        found if found.is_fifo() => "a pipe",
        found if found.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind(_: FileType) -> &'static str {
    "a device"
}

/// Whether files can be created in `folder`, and `replaced` be replaced.
#[cfg(unix)]
fn check_folder(folder: &Path, replaced: Option<&Path>) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{Access, access};
    use rustix::process::geteuid;

    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    let Some(replaced) = replaced else { return Ok(()) };
    let (folder, own) = (fs::metadata(folder)?, geteuid().as_raw());
    let is_mine = [folder.uid(), fs::metadata(replaced)?.uid()].contains(&own) || own == 0;
    match folder.mode() & 0o1000 != 0 && !is_mine {
        true => Err(io::Error::other("it belongs to another user, and its directory is sticky")),
        false => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_folder(_: &Path, _: Option<&Path>) -> io::Result<()> {
    Ok(())
}
