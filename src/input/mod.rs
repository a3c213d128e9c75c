//! CSV → rows. Bad rows are kept and marked, never dropped.
//!
//! The source is read twice. The first pass ([`Input::read`]) builds a compact table and keeps no text; the second, at
//! the end, is the report's, which copies each row's own bytes. Must not decide what is sent when, and writes nothing.
//!
//! What counts as a row: every record after the header but blank lines. A file with a header and no rows is an input
//! of no rows; an empty file is an error. A report is an input too: its six columns are recognised, rows that
//! `succeeded` are finished, and all others are judged anew, by their cells as they now are.

mod flags;
mod header;
mod lines;
mod reader;
mod reported;
mod row;
mod rows;
mod source;

use std::collections::BTreeMap;
use std::io::{self, Read};

pub use flags::RowFlags;
use header::Dialect;
pub use header::{Layout, can_delimit};
pub use reader::Fingerprint;
pub(crate) use reader::{BYTE_ORDER_MARK, Record, Records, split_fields};
pub(crate) use reported::ReportReader;
pub(crate) use row::{RowError, Verdict, parse_row, prior_attempts};
use rows::Builder;
pub use rows::{ConnectorId, RowId, Rows, SharedNumbers, Standing};
pub use source::Source;

use crate::status::COLUMNS;

/// How much of a source is searched for its first line's delimiter and end.
const HEADER_BYTES: u64 = 64 * 1024;

/// How many rows of a kind are shown as examples: what a person reads before opening the report.
pub(crate) const EXAMPLES: usize = 5;

/// What the user says about an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputOptions {
    /// `--connector-column`: the header of the column with the connectors.
    pub connector_column: Option<String>,
    /// `--number-column`: the header of the column with the numbers.
    pub number_column: Option<String>,
    /// `--connector`: the connector of all rows; the file then has none.
    pub connector: Option<String>,
    /// `--delimiter`; sniffed from the header if absent.
    pub delimiter: Option<u8>,
    /// Whether to compute [`Input::fingerprint`]. A plan needs none.
    pub fingerprint: bool,
}

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

/// Why an input cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it; the fields are its parts")]
pub enum InputError {
    #[error("cannot open `{name}`")]
    Open { name: String, source: io::Error },
    #[error("`{name}` is a directory: name a CSV file in it")]
    Directory { name: String },
    #[error("cannot read `{name}`")]
    Read { name: String, source: io::Error },
    #[error("`{name}` {what}: save it as CSV in UTF-8")]
    NotCsv { name: String, what: &'static str },
    #[error(
        "`{name}` is empty: its first line must name the columns, such as `voice_connector_id,phone_number`"
    )]
    Empty { name: String },
    #[error("{name}:{line}: the header is not UTF-8: save the file as CSV in UTF-8")]
    HeaderUtf8 { name: String, line: u64 },
    #[error(
        "{name}:{line}: the first line looks like a row: a header is needed above it, such as \
         `voice_connector_id,phone_number`"
    )]
    NoHeader { name: String, line: u64 },
    #[error("`{name}` has no column for the {what}: name it with {option}; its headers are {headers}")]
    MissingColumn { name: String, what: &'static str, option: &'static str, headers: String },
    #[error("`{name}` has several columns for the {what}: name one with {option}; its headers are {headers}")]
    AmbiguousColumn { name: String, what: &'static str, option: &'static str, headers: String },
    #[error("`{name}` has no column `{column}`: name one of its headers, which are {headers}")]
    NamedColumn { name: String, column: String, headers: String },
    #[error(
        "column `{column}` of `{name}` cannot be both the voice connector and the phone number: name two columns"
    )]
    SameColumn { name: String, column: String },
    #[error(
        "`--connector` is given, and column `{column}` of `{name}` names connectors too: drop the option, or the \
         column from the file"
    )]
    TwoConnectors { name: String, column: String },
    #[error("`{connector}` is not a voice connector's id: name one with `--connector`")]
    GivenConnector { connector: String },
    #[error("{delimiter:?} cannot be the delimiter: name a punctuation mark or `tab` with `--delimiter`")]
    Delimiter { delimiter: char },
    #[error(
        "{name}:{line}: a quote opens here and is never closed: all rows below would be part of one \
         field; close it, or double a quote that belongs to the text"
    )]
    UnclosedQuote { name: String, line: u64 },
    #[error("`{name}` has more lines than {} can be counted", u32::MAX)]
    TooLarge { name: String },
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

fn first_bytes(source: &Source) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    source
        .reader()?
        .take(HEADER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| InputError::Read { name: source.name().into(), source: error })?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
