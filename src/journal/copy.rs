//! The run's own copy of its input, beside the journal: with it the report can be written, whatever becomes of the file
//! that the rows came from.
//!
//! Must not be used unless its digest is the one of the journal's header.

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::{self, Digest, Digesting};
use crate::input::Source;

/// Where the copy is: `numbers.report.csv.journal.input` beside `numbers.report.csv.journal`.
#[must_use]
pub fn path_of(journal: &Path) -> PathBuf {
    files::beside(journal, ".input")
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
    let mut copy = Digesting::new(file);
    io::copy(&mut source.reader()?, &mut copy)?;
    if *copy.digest.finish() == *digest {
        Ok(())
    } else {
        Err(io::Error::other("the input is being changed").into())
    }
}
