//! The end of a run in numbers: by status, by connector, by error, for people and for machines.
//!
//! Counted while the report is written, so that the two cannot differ. Must not print.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use indicatif::HumanCount;
use jiff::Timestamp;
use serde::Serialize;

use crate::event::StopReason;
use crate::input::Input;
use crate::progress::{counted, span};
use crate::report::{self, Status, Written};

/// The version of the JSON that [`Summary`] serialises to. A field is only ever added within a version.
pub const VERSION: u32 = 1;

/// What a run came to. Serialises to the `--summary-json` file.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// [`VERSION`].
    pub version: u32,
    /// The report.
    pub report: PathBuf,
    /// Nothing of it happened at AWS.
    pub simulated: bool,
    /// Where the numbers were removed.
    pub target: String,
    /// When this process began.
    pub started_at: Timestamp,
    /// How long it took.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Why it ended early, if it did.
    pub stopped: Option<StopReason>,
    /// Requests of this process, throttled ones included.
    pub requests: u64,
    /// Requests that the service throttled.
    pub throttled: u64,
    /// The limit that the service was found to have, in requests per second.
    pub rate_found: Option<f64>,
    /// The report's rows.
    #[serde(flatten)]
    pub counted: Counted,
    /// Whether every row succeeded or is a duplicate of one that did.
    pub all_succeeded: bool,
    /// The command that tries the rest again.
    pub next_command: Option<String>,
}

/// The report's rows, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// All.
    pub rows: Counts,
    /// By connector; invalid rows have none.
    pub connectors: BTreeMap<Box<str>, Counts>,
    /// Those that did not succeed, by error code.
    pub errors: BTreeMap<Box<str>, ErrorCount>,
}

/// Counts the rows of a report.
#[derive(Debug)]
pub struct Counter<'a> {
    input: &'a Input,
    rows: Counts,
    /// By connector: to look its name up for every row would take longer than to write the row.
    connectors: Vec<Counts>,
    errors: BTreeMap<Box<str>, ErrorCount>,
}

impl<'a> Counter<'a> {
    /// Nothing is counted yet of the report on `input`.
    #[must_use]
    pub fn new(input: &'a Input) -> Self {
        let connectors = vec![Counts::default(); input.rows.connector_count() as usize];
        Self { input, rows: Counts::default(), connectors, errors: BTreeMap::new() }
    }

    /// Counts a row.
    pub fn add(&mut self, row: &Written<'_>) {
        self.rows.add(row.status);
        let connector = self.input.rows.connector(row.row);
        if let Some(counts) = connector.and_then(|id| self.connectors.get_mut(id.get() as usize)) {
            counts.add(row.status);
        }
        if matches!(row.status, Status::Succeeded | Status::Duplicate) {
            return;
        }
        if let Some(error) = self.errors.get_mut(row.code) {
            error.rows += 1;
        } else {
            let error =
                ErrorCount { rows: 1, example: row.message.into(), request_id: row.request_id.into() };
            self.errors.insert(row.code.into(), error);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn finish(self) -> Counted {
        let names = self.input.rows.connector_names();
        let counted = names.zip(self.connectors).filter(|(_, counts)| counts.total > 0);
        let connectors = counted.map(|(name, counts)| (name.into(), counts)).collect();
        Counted { rows: self.rows, connectors, errors: self.errors }
    }
}

impl Counted {
    /// Whether every row succeeded, or is a duplicate of one that did.
    #[must_use]
    pub fn all_succeeded(&self) -> bool {
        // A duplicate's first row is a row, too: if none failed, no duplicate repeats one that did.
        self.rows.succeeded + self.rows.duplicate == self.rows.total
    }
}

/// Whether `path` may take the summary: nothing is there yet, or an earlier summary.
///
/// # Errors
/// If something else is there, or it cannot be read.
pub fn check_json(path: &Path) -> anyhow::Result<()> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("cannot look at `{}`", path.display()))?,
    };
    let is_ours = serde_json::from_slice::<serde_json::Value>(&text)
        .is_ok_and(|json| json["version"].is_u64() && json["report"].is_string());
    anyhow::ensure!(is_ours, "`{}` is no summary of chime-sweep, and is not overwritten", path.display());
    Ok(())
}

/// Writes the summary as JSON.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(summary: &Summary, path: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(summary)?;
    report::replace(path, |file| writeln!(file, "{json}"))?;
    Ok(())
}

/// Rows by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub total: u64,
    /// See [`Status::Succeeded`].
    pub succeeded: u64,
    /// See [`Status::Failed`].
    pub failed: u64,
    /// See [`Status::Unknown`].
    pub unknown: u64,
    /// See [`Status::NotAttempted`].
    pub not_attempted: u64,
    /// See [`Status::Invalid`].
    pub invalid: u64,
    /// See [`Status::Duplicate`].
    pub duplicate: u64,
}

/// The rows with one error code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorCount {
    /// How many.
    pub rows: u64,
    /// The message of the first.
    pub example: Box<str>,
    /// The request of the first.
    pub request_id: Box<str>,
}

impl Counts {
    /// Counts a row.
    pub fn add(&mut self, status: Status) {
        self.total += 1;
        *match status {
            Status::Succeeded => &mut self.succeeded,
            Status::Failed => &mut self.failed,
            Status::Unknown => &mut self.unknown,
            Status::NotAttempted => &mut self.not_attempted,
            Status::Invalid => &mut self.invalid,
            Status::Duplicate => &mut self.duplicate,
        } += 1;
    }

    /// The counts with their names, in the order of interest.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("succeeded", self.succeeded),
            ("failed", self.failed),
            ("unknown", self.unknown),
            ("not attempted", self.not_attempted),
            ("invalid", self.invalid),
            ("duplicate", self.duplicate),
        ]
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// Connectors and codes shown; the JSON has all.
const SHOWN: usize = 10;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "SIMULATED: no number was removed anywhere")?;
        }
        if let Some(reason) = self.stopped {
            writeln!(f, "stopped early: {}", reason.because())?;
        }
        writeln!(f, "{} in {}", counted(self.counted.rows.total, "row"), self.report.display())?;
        for (name, count) in self.counted.rows.named().into_iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "  {:>9}  {name}", HumanCount(count).to_string())?;
        }
        self.write_connectors(f)?;
        self.write_errors(f)?;
        self.write_pace(f)?;
        if let Some(command) = &self.next_command {
            write!(f, "\nto go on with the rest: {command}")?;
        }
        Ok(())
    }
}

impl Summary {
    fn write_connectors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counted.connectors.is_empty() {
            return Ok(());
        }
        writeln!(f, "by connector")?;
        for (name, counts) in self.counted.connectors.iter().take(SHOWN) {
            let parts = counts.named().into_iter().filter(|(_, count)| *count > 0);
            let parts: Vec<_> = parts.map(|(name, count)| format!("{} {name}", HumanCount(count))).collect();
            writeln!(f, "  {name}: {}", parts.join(", "))?;
        }
        write_rest(f, self.counted.connectors.len(), "connectors")
    }

    fn write_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counted.errors.is_empty() {
            return Ok(());
        }
        writeln!(f, "by error")?;
        let mut errors: Vec<_> = self.counted.errors.iter().collect();
        errors.sort_by_key(|(_, error)| std::cmp::Reverse(error.rows));
        for (code, error) in errors.into_iter().take(SHOWN) {
            write!(f, "  {:>9}  {code}", HumanCount(error.rows).to_string())?;
            if !error.example.is_empty() {
                write!(f, ": {}", error.example)?;
            }
            if !error.request_id.is_empty() {
                write!(f, " (request {})", error.request_id)?;
            }
            writeln!(f)?;
        }
        write_rest(f, self.counted.errors.len(), "error codes")
    }

    fn write_pace(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.requests == 0 {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = self.requests as f64 / self.elapsed.as_secs_f64().max(1e-3);
        write!(f, "{} in {}", counted(self.requests, "request"), span(self.elapsed))?;
        write!(f, ", {rate:.1} a second, {} throttled", HumanCount(self.throttled))?;
        if let Some(found) = self.rate_found {
            write!(f, "; the service grants about {found:.1} a second")?;
        }
        writeln!(f)
    }
}

fn write_rest(f: &mut fmt::Formatter<'_>, all: usize, what: &str) -> fmt::Result {
    match all.saturating_sub(SHOWN) {
        0 => Ok(()),
        rest => writeln!(f, "  … and {rest} more {what}"),
    }
}
