//! Writes what a command outputs besides the report: results on standard output, the summary as JSON and as a page.
//!
//! Must not decide what is in them.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, StdoutLock, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use console::Term;

use crate::files;
use crate::hint::Hinted;
use crate::input::{InputOptions, Source};
use crate::report;
use crate::report::page::{self, Gathered};
use crate::report::summary::{self, Summary};
use crate::terminal::fitted;
use crate::text::printable;

/// The outputs besides the report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outputs {
    /// Whether the report is also copied to standard output. It is always a file too: `rerun` needs one to start from.
    pub(crate) report_copy: bool,
    /// The summary as JSON.
    pub(crate) summary_json: Option<PathBuf>,
    /// The summary as a page.
    pub(crate) html: Option<PathBuf>,
    /// Whether the page shows whole phone numbers.
    pub(crate) html_full_numbers: bool,
}

impl Outputs {
    /// The files, each with its option.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [("--summary-json", &self.summary_json), ("--html", &self.html)];
        files.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }

    /// Checks that they can be written, before the run starts rather than after it.
    ///
    /// # Errors
    /// If a path is taken by another kind of file, or its directory does not exist.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.summary_json.as_deref().map_or(Ok(()), summary::check_json)?;
        self.html.as_deref().map_or(Ok(()), page::check)
    }

    /// Writes them. For the page, the `report` is read with these `columns`.
    ///
    /// # Errors
    /// If one of them cannot be written, or the report cannot be read.
    pub(crate) fn write(
        &self,
        summary: &Summary,
        report: &Source,
        columns: &InputOptions,
    ) -> anyhow::Result<()> {
        if self.report_copy {
            let shown = summary.report.display();
            let mut report = File::open(&summary.report).with_context(|| format!("cannot read `{shown}`"))?;
            to_stdout(|stdout| io::copy(&mut report, stdout).map(drop))?;
        }
        if let Some(path) = &self.summary_json {
            summary::write_json(summary, path)?;
        }
        if let Some(path) = &self.html {
            let mut gathered = Gathered::new(self.html_full_numbers);
            report::read(report, columns, |row| gathered.add(&row))?;
            page::write(path, summary, &gathered)?;
        }
        Ok(())
    }
}

/// Checks that `what` can be written to `path`, where nothing is unless `overwrite`.
///
/// # Errors
/// If something is there, or it cannot be written there.
pub(super) fn check_new(what: &str, path: &Path, overwrite: bool) -> anyhow::Result<()> {
    let is_there = files::check_output(what, path, "without -o it goes to standard output")?;
    let error = || format!("`{}` exists already", path.display());
    ensure!(!is_there || overwrite, Hinted::new(error(), "--overwrite replaces it, -o names another file"));
    Ok(())
}

/// Prints a result.
///
/// # Errors
/// If standard output cannot be written to.
pub(crate) fn print(text: &impl Display) -> anyhow::Result<()> {
    to_stdout(|stdout| writeln!(stdout, "{text}"))
}

/// Prints a result for people, who may have a terminal.
///
/// # Errors
/// If standard output cannot be written to.
pub(crate) fn print_text(text: &impl Display) -> anyhow::Result<()> {
    print(&fitted(&printable(&text.to_string()), &Term::stdout()))
}

/// Prints a result of bytes.
///
/// # Errors
/// If standard output cannot be written to.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    to_stdout(|stdout| stdout.write_all(bytes))
}

/// Standard output is for results only. A reader that closes it early, such as `head`, is not an error.
pub(super) fn to_stdout(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
