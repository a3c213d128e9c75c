//! A source → its rows: the first of the two passes.
//!
//! Must not stop at a row that cannot be sent.

use std::collections::BTreeMap;

use super::dialect::{Dialect, first_bytes};
use super::error::InputError;
use super::header::{InputOptions, Layout};
use super::reader::{Fingerprint, Records};
use super::row::{Verdict, parse_row};
use super::rows::{Builder, EXAMPLES, Rows};
use super::source::Source;
use crate::status::COLUMNS;

/// What an input holds.
#[derive(Debug)]
pub struct Input {
    /// Its rows.
    pub rows: Rows,
    /// Its columns.
    pub layout: Layout,
    /// What the report will compare when it reads the source again; if [`InputOptions::fingerprint`] asked for it.
    pub fingerprint: Option<Fingerprint>,
    /// Its invalid rows in short.
    pub invalid: InvalidRows,
}

/// The invalid rows of an input in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvalidRows {
    /// How many, by the report's `error_code`.
    pub by_code: BTreeMap<&'static str, u32>,
    /// The lines of the first few, each with its `error_code`.
    pub examples: Vec<(u64, &'static str)>,
}

impl Input {
    /// Reads `source` to its end. A row that cannot be sent is no error.
    ///
    /// # Errors
    /// If the source cannot be read, or its header does not say where the connectors and numbers are, or a quote is
    /// not closed.
    pub fn read(source: &Source, options: &InputOptions) -> Result<Self, InputError> {
        let name = source.name();
        let dialect = Dialect::sniff(name, &first_bytes(source)?, options.delimiter)?;
        let mut records = Records::open(source, dialect, options.fingerprint)?;
        let header = records.next()?.ok_or_else(|| InputError::Empty { name: name.into() })?;
        let layout = Layout::of(name, dialect, &header, options)?;
        let mut rows = Builder::default();
        let mut invalid = InvalidRows::default();
        while let Some(record) = records.next()? {
            let row = parse_row(&layout, &record);
            if let Verdict::Invalid(error) = &row.verdict {
                invalid.add(record.line, error.code());
            }
            rows.push(&row, record.line).map_err(|_| InputError::TooLarge { name: name.into() })?;
        }
        Ok(Self { rows: rows.finish(), fingerprint: records.fingerprint(), layout, invalid })
    }
}

impl Input {
    /// Whether the source's header has the columns of a report, whatever else it has.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_report(source: &Source) -> Result<bool, InputError> {
        let Ok(dialect) = Dialect::sniff(source.name(), &first_bytes(source)?, None) else {
            return Ok(false);
        };
        let mut records = Records::open(source, dialect, false)?;
        Ok(records.next()?.is_some_and(|header| {
            let fields: Vec<&[u8]> = header.fields.iter().map(<[u8]>::trim_ascii).collect();
            fields.windows(COLUMNS.len()).any(|run| run == COLUMNS.map(str::as_bytes))
        }))
    }
}

impl InvalidRows {
    fn add(&mut self, line: u64, code: &'static str) {
        *self.by_code.entry(code).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push((line, code));
        }
    }
}
