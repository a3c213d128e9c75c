//! The record beside a report, such as `numbers.report.json`: what each run and rerun did that the report does not show.
//!
//! Must not decide anything about rows: the report is the truth about them.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::json::Run;
use crate::files;
use crate::hint::Hinted;

const FORMAT: &str = "chime-sweep-record";
const VERSION: u32 = 1;

/// Every run and rerun of a report, the first one first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    format: String,
    version: u32,
    /// One entry each.
    pub runs: Vec<Recorded>,
}

/// One run or rerun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// `run` or `rerun`.
    pub command: String,
    /// `--note`.
    pub note: Option<String>,
    /// Who ran it: `user@host`.
    pub by: String,
    /// The version of this tool.
    pub chime_sweep: String,
    /// Nothing happened at AWS.
    pub simulated: bool,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The report's rows at that time.
    pub rows: Counts,
    /// What only the run knows about itself.
    #[serde(flatten)]
    pub run: Run,
}

impl Default for Record {
    fn default() -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, runs: Vec::new() }
    }
}

/// Where the record of `report` is: `numbers.report.csv` → `numbers.report.json`.
#[must_use]
pub fn record_path(report: &Path) -> PathBuf {
    let path = report.with_extension("json");
    if path == report { files::beside(report, ".json") } else { path }
}

impl Record {
    /// The record of `report`; empty if there is none.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a record.
    pub fn of(report: &Path) -> anyhow::Result<Self> {
        let path = record_path(report);
        let shown = path.display();
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            read => read.with_context(|| format!("cannot read `{shown}`"))?,
        };
        let ours = serde_json::from_slice(&text).ok();
        ours.filter(|record: &Self| record.format == FORMAT && record.version == VERSION).ok_or_else(|| {
            Hinted::new(
                format!("`{shown}` is not the record of a chime-sweep report; it is not overwritten"),
                "move it away, or name another report with --output",
            )
            .into()
        })
    }

    /// The run that left the report with these `rows`, if the latest one did.
    #[must_use]
    pub fn latest(mut self, rows: &Counts) -> Option<Recorded> {
        self.runs.pop().filter(|latest| latest.rows == *rows)
    }

    /// Writes it beside `report`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, report: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(self)?;
        files::replace(&record_path(report), |file| writeln!(file, "{json}"))?;
        Ok(())
    }
}
