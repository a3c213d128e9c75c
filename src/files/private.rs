//! Files that only their owner can read: they hold phone numbers.
//!
//! Must not change the mode of a file that exists.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file as `options` say. If that creates it, only its owner can read it.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}
