//! Counts rows: those of a report as it is written, or of one that is read again.
//!
//! Must not keep rows, except one example of each error code.

use std::collections::BTreeMap;

use serde::Serialize;

use super::connector::OfConnector;
use super::hints::hint;
use super::masked::masked;
use super::statuses::Counts;
use crate::action::Action;
use crate::input::{Input, InputOptions, Source, Status};
use crate::report::{ReadError, Reported, Written, read};

/// The report's rows, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// All.
    pub rows: Counts,
    /// By connector; invalid rows have none.
    pub connectors: BTreeMap<Box<str>, OfConnector>,
    /// Those that did not succeed, by error code.
    pub errors: BTreeMap<Box<str>, ErrorCount>,
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
    /// The usual fix, if there is one.
    pub hint: Option<String>,
}

impl Counted {
    /// Whether every row succeeded, or is a duplicate of one that did.
    #[must_use]
    pub fn all_succeeded(&self) -> bool {
        // The row that a duplicate repeats is counted too: if no row failed, no duplicate repeats a failed one.
        self.rows.succeeded + self.rows.duplicate == self.rows.total
    }

    /// Counts the rows of the report `source`.
    ///
    /// # Errors
    /// If it is not a report, or cannot be read to its end.
    pub fn of(source: &Source, options: &InputOptions) -> Result<Self, ReadError> {
        let mut counted = Self::default();
        read(source, options, |row| counted.add(&row))?;
        Ok(counted)
    }

    /// Counts a row of a report that is read again.
    pub fn add(&mut self, row: &Reported<'_>) {
        let number = || row.masked_number().filter(|_| row.status != Some(Status::Invalid));
        let connector = Some(&*row.connector).filter(|name| !name.is_empty());
        self.count(row.status, connector, &row.code, || {
            let action = row.action.unwrap_or_default();
            ErrorCount::first(action, &row.code, &row.message, &row.request_id, row.line, number())
        });
    }

    /// Counts a row of a report that is being written on `input`.
    pub fn add_written(&mut self, row: &Written<'_>, input: &Input) {
        let rows = &input.rows;
        let number = || rows.number(row.row).map(|number| number.masked().to_string());
        let connector =
            rows.connector(row.row).map(|id| rows.connector_name(id)).filter(|name| !name.is_empty());
        self.count(Some(row.status), connector, row.code, || {
            let action = input.layout.action;
            ErrorCount::first(action, row.code, row.message, row.request_id, rows.line(row.row), number())
        });
    }

    fn count(
        &mut self,
        status: Option<Status>,
        connector: Option<&str>,
        code: &str,
        first: impl FnOnce() -> ErrorCount,
    ) {
        self.rows.add(status);
        let is_error = !matches!(status, None | Some(Status::Succeeded | Status::Duplicate));
        // A row with a bad number does not count against a connector.
        if let Some(name) = connector.filter(|_| status != Some(Status::Invalid)) {
            let error = Some(code).filter(|_| is_error);
            match self.connectors.get_mut(name) {
                Some(connector) => connector.add(status, error),
                None => self.connectors.entry(name.into()).or_default().add(status, error),
            }
        }
        if is_error {
            match self.errors.get_mut(code) {
                Some(error) => error.rows += 1,
                None => drop(self.errors.insert(code.into(), first())),
            }
        }
    }
}

impl ErrorCount {
    fn first(
        action: Action,
        code: &str,
        message: &str,
        request_id: &str,
        line: u64,
        number: Option<String>,
    ) -> Self {
        Self {
            rows: 1,
            example: masked(message).into(),
            request_id: request_id.into(),
            line,
            number: number.map(Into::into),
            hint: hint(action, code),
        }
    }
}
