//! The page's file: it replaces an earlier page, and nothing else.
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

/// The start of every page, which identifies it.
pub(super) const MARK: &[u8] = b"<!doctype html>\n<html lang=\"en\" data-made-by=\"chime-sweep\">\n";

/// Checks that nothing is at `path`, or an earlier page.
///
/// # Errors
/// If something else is there, or it cannot be read.
pub fn check(path: &Path) -> anyhow::Result<()> {
    if !files::check_output("`--html`", path, "`--html` names another file")? {
        return Ok(());
    }
    let looked = || format!("cannot read `{}`", path.display());
    let file = std::fs::File::open(path).with_context(looked)?;
    let mut start = Vec::new();
    file.take(MARK.len() as u64).read_to_end(&mut start).with_context(looked)?;
    anyhow::ensure!(
        start == MARK,
        Hinted::new(
            format!("`{}` is not a chime-sweep page; it is not overwritten", path.display()),
            "`--html` names another file"
        )
    );
    Ok(())
}

/// Writes the page on `summary` to `path`.
///
/// # Errors
/// If something else is there, or the page cannot be written.
pub fn write(path: &Path, summary: &Summary, gathered: &Gathered) -> anyhow::Result<()> {
    check(path)?; // a file may have appeared since the first check, such as the report
    let page = Page::of(summary, gathered).render()?;
    files::replace(path, |file| file.write_all(page.as_bytes()))?;
    Ok(())
}
