//! The run's own copy of its input, beside the journal: with it the report can be written, whatever becomes of the file
//! that the rows came from.
//!
//! Must not be used unless its digest is the one of the journal's header.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, Digest};
use crate::input::Source;

/// Where the copy is: `numbers.report.csv.journal.input` beside `numbers.report.csv.journal`.
#[must_use]
pub fn path_of(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".input");
    path.into()
}

/// Copies `source`, whose digest is `digest`, and returns the copy. It is kept if it is there.
///
/// # Errors
/// If it cannot be read or written, or the source has another digest by now.
pub(crate) fn keep(journal: &Path, source: &Source, digest: &str) -> anyhow::Result<Source> {
    let path = path_of(journal);
    if !File::open(&path).and_then(Digest::of).is_ok_and(|kept| *kept == *digest) {
        files::replace(&path, |file| copy(source, digest, file))?;
    }
    Ok(Source::open(&path)?.named(source.name()))
}

fn copy(source: &Source, digest: &str, file: &mut File) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (mut reader, mut read, mut buffer) = (source.reader()?, Digest::new(), vec![0; 1 << 16]);
    loop {
        let length = reader.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        read.update(&buffer[..length]);
        file.write_all(&buffer[..length])?;
    }
    if *read.finish() == *digest {
        Ok(())
    } else {
        Err(io::Error::other("the input is being changed").into())
    }
}
