//! The page's file: it takes the place of an earlier page, and of nothing else.
//!
//! Must not know what is on the page.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;
use askama::Template;

use super::rows::Gathered;
use super::view::Page;
use crate::files;
use crate::hint::Hinted;
use crate::report::summary::Summary;

/// What every page begins with: the mark by which one is known.
pub(super) const MARK: &[u8] = b"<!doctype html>\n<html lang=\"en\" data-made-by=\"chime-sweep\">\n";

/// Whether `path` may take a page: nothing is there yet, or an earlier page.
///
/// # Errors
/// If something else is there, or it cannot be read.
pub fn check(path: &Path) -> anyhow::Result<()> {
    let looked = || format!("cannot look at `{}`", path.display());
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return files::check_folder(path),
        opened => opened.with_context(looked)?,
    };
    let mut start = Vec::new();
    file.take(MARK.len() as u64).read_to_end(&mut start).with_context(looked)?;
    anyhow::ensure!(
        start == MARK,
        Hinted::new(
            format!("`{}` is no page of chime-sweep, and is not overwritten", path.display()),
            "`--html` names another file"
        )
    );
    Ok(())
}

/// Writes the page on `summary` to `path`.
///
/// # Errors
/// If something is there that is no page, or it cannot be written.
pub fn write(path: &Path, summary: &Summary, gathered: &Gathered) -> anyhow::Result<()> {
    check(path)?; // what was not there before may be there now, such as the report
    let page = Page::of(summary, gathered).render()?;
    files::replace(path, |file| file.write_all(page.as_bytes()))?;
    Ok(())
}
