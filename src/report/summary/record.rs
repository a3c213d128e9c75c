//! The record beside a report, such as `numbers.report.json`: what each run and rerun did that the report does not show.
//!
//! Must not decide anything about rows: the report is the truth about them.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::Run;
use super::statuses::Counts;
use crate::files;
use crate::hint::Hinted;

const FORMAT: &str = "chime-sweep-record";
const VERSION: u32 = 1;

/// Every run and rerun of a report, the first one first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    format: String,
    version: u32,
    #[serde(skip)]
    path: PathBuf,
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
        Self { format: FORMAT.to_owned(), version: VERSION, path: PathBuf::new(), runs: Vec::new() }
    }
}

impl Record {
    /// The record of `report`, in a file that is none of the `taken` ones: `numbers.report.csv` → `numbers.report.json`, or
    /// `numbers.report.record.json` if something else is there. Empty if there is none.
    ///
    /// # Errors
    /// If something else is in both places, or they cannot be read.
    pub fn of(report: &Path, taken: &[&Path]) -> anyhow::Result<Self> {
        let places = ["json", "record.json"].map(|extension| report.with_extension(extension));
        let mut free = None;
        for path in places.iter().filter(|path| *path != report && !taken.contains(&path.as_path())) {
            let text = match std::fs::read(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    free.get_or_insert(path);
                    continue;
                }
                read => read.with_context(|| format!("cannot read `{}`", path.display()))?,
            };
            let found = serde_json::from_slice::<Self>(&text).ok();
            if let Some(ours) = found.filter(|found| found.format == FORMAT && found.version == VERSION) {
                return Ok(Self { path: path.clone(), ..ours });
            }
        }
        if let Some(path) = free {
            return Ok(Self { path: path.clone(), ..Self::default() });
        }
        let [first, second] = places.map(|path| path.display().to_string());
        let error = format!("neither `{first}` nor `{second}` is the record of a chime-sweep report");
        Err(Hinted::new(error, "move one of them away, or name another report with --output").into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run that left the report with these `rows`, if the latest one did.
    #[must_use]
    pub fn latest(mut self, rows: &Counts) -> Option<Recorded> {
        self.runs.pop().filter(|latest| latest.rows == *rows)
    }

    /// Adds the runs of `other`, without those that both have, in the order in which they ended.
    pub(crate) fn add_all(&mut self, other: Self) {
        for run in other.runs {
            let at = self.runs.partition_point(|earlier| earlier.ended_at <= run.ended_at);
            let mut at_once =
                self.runs[..at].iter().rev().take_while(|earlier| earlier.ended_at == run.ended_at);
            if !at_once.any(|earlier| *earlier == run) {
                self.runs.insert(at, run);
            }
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(self)?;
        files::replace(&self.path, |file| writeln!(file, "{json}"))?;
        Ok(())
    }
}
