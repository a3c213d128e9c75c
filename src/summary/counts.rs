//! Counts rows: of a report that is being written, or of one that is read again.
//!
//! Must not keep a row, but for one example of each error code.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hints::hint;
use super::masked::masked;
use crate::input::Input;
use crate::report::{Reported, Status, Written};

/// Error codes told apart. A service has a few dozen; what a file makes up beyond that is counted together.
const CODES: usize = 1_000;

/// What stands for the codes beyond [`CODES`].
const OTHER_CODES: &str = "(other codes)";

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

/// Rows by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Somebody has emptied or changed it since the report was written.
    pub no_status: u64,
}

/// The rows with one error code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorCount {
    /// How many.
    pub rows: u64,
    /// The message of the first, with numbers masked.
    pub example: Box<str>,
    /// The request of the first.
    pub request_id: Box<str>,
    /// The line of the first in the file that was read: the input of a run, the report of `summary`.
    pub line: u64,
    /// The number of the first, masked; `None` if it has no valid one.
    pub number: Option<Box<str>>,
    /// The usual cure, if there is one.
    pub hint: Option<&'static str>,
}

impl Counted {
    /// Whether every row succeeded, or is a duplicate of one that did.
    #[must_use]
    pub fn all_succeeded(&self) -> bool {
        // A duplicate's first row is a row, too: if none failed, no duplicate repeats one that did.
        self.rows.succeeded + self.rows.duplicate == self.rows.total
    }

    /// Counts a row of a report.
    pub fn add(&mut self, row: &Reported<'_>) {
        self.rows.add(row.status);
        if !row.connector.is_empty() && row.status != Some(Status::Invalid) {
            if let Some(counts) = self.connectors.get_mut(&*row.connector) {
                counts.add(row.status);
            } else {
                self.connectors.entry((*row.connector).into()).or_default().add(row.status);
            }
        }
        let is_valid = row.status != Some(Status::Invalid);
        let number = || is_valid.then(|| row.masked_number()).flatten();
        let example = || (row.message.as_ref(), row.request_id.as_ref(), row.line, number());
        self.add_error(row.status, &row.code, example);
    }

    fn add_error<'a>(
        &mut self,
        status: Option<Status>,
        code: &str,
        example: impl FnOnce() -> (&'a str, &'a str, u64, Option<String>),
    ) {
        if matches!(status, None | Some(Status::Succeeded | Status::Duplicate)) {
            return;
        }
        if let Some(error) = self.errors.get_mut(code) {
            error.rows += 1;
            return;
        }
        let code = if self.errors.len() < CODES { code } else { OTHER_CODES };
        let (message, request_id, line, number) = example();
        let first = || ErrorCount {
            rows: 0,
            example: masked(message).into(),
            request_id: request_id.into(),
            line,
            number: number.map(Into::into),
            hint: hint(code),
        };
        self.errors.entry(code.into()).or_insert_with(first).rows += 1;
    }
}

/// Counts the rows of a report that is being written.
#[derive(Debug)]
pub struct Counter<'a> {
    input: &'a Input,
    counted: Counted,
    /// By connector: to look its name up for every row would take longer than to write the row.
    connectors: Vec<Counts>,
}

impl<'a> Counter<'a> {
    /// Nothing is counted yet of the report on `input`.
    #[must_use]
    pub fn new(input: &'a Input) -> Self {
        let connectors = vec![Counts::default(); input.rows.connector_count() as usize];
        Self { input, counted: Counted::default(), connectors }
    }

    /// Counts a row.
    pub fn add(&mut self, row: &Written<'_>) {
        let rows = &self.input.rows;
        self.counted.rows.add(Some(row.status));
        // A row with a bad number is of no connector's doing.
        let connector = rows.connector(row.row).filter(|_| row.status != Status::Invalid);
        if let Some(counts) = connector.and_then(|id| self.connectors.get_mut(id.get() as usize)) {
            counts.add(Some(row.status));
        }
        let example = || {
            let number = rows.number(row.row).map(|number| number.masked().to_string());
            (row.message, row.request_id, rows.line(row.row), number)
        };
        self.counted.add_error(Some(row.status), row.code, example);
    }

    /// What was counted.
    #[must_use]
    pub fn finish(self) -> Counted {
        let names = self.input.rows.connector_names();
        let counted = names.zip(self.connectors).filter(|(_, counts)| counts.total > 0);
        let connectors = counted.map(|(name, counts)| (name.into(), counts)).collect();
        Counted { connectors, ..self.counted }
    }
}

impl Counts {
    /// Counts a row; `None` if its status is none.
    pub fn add(&mut self, status: Option<Status>) {
        self.total += 1;
        *match status {
            Some(Status::Succeeded) => &mut self.succeeded,
            Some(Status::Failed) => &mut self.failed,
            Some(Status::Unknown) => &mut self.unknown,
            Some(Status::NotAttempted) => &mut self.not_attempted,
            Some(Status::Invalid) => &mut self.invalid,
            Some(Status::Duplicate) => &mut self.duplicate,
            None => &mut self.no_status,
        } += 1;
    }

    /// Rows that a rerun would be for.
    #[must_use]
    pub fn trouble(&self) -> u64 {
        self.total - self.succeeded - self.duplicate
    }

    /// The counts with their names, in the order of interest.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("succeeded", self.succeeded),
            ("failed", self.failed),
            ("unknown", self.unknown),
            ("not attempted", self.not_attempted),
            ("invalid", self.invalid),
            ("duplicate", self.duplicate),
            ("without a status", self.no_status),
        ]
    }
}
