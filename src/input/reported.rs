//! The records of a report, with the places of what a report adds.
//!
//! Must not judge a row.

use std::borrow::Cow;
use std::ops::Range;

use super::dialect::{Dialect, first_bytes};
use super::error::InputError;
use super::header::{Connector, InputOptions, Layout};
use super::reader::{Record, Records};
use super::source::Source;
use crate::status::COLUMNS;

/// Reads a report's records, one at a time.
pub(crate) struct ReportReader<'a> {
    records: Records<'a>,
    layout: Layout,
}

/// Where a record has what.
pub(crate) struct Places<'a> {
    /// The six columns; `None` if the row has lost them.
    pub prior: Option<Range<usize>>,
    pub connector: Cow<'a, str>,
    /// The number's field; `None` if the fields are not where the header says.
    pub number: Option<usize>,
}

impl<'a> ReportReader<'a> {
    /// Starts at the first row of `source`; `None` if it is no report.
    pub fn open(source: &'a Source, options: &InputOptions) -> Result<Option<Self>, InputError> {
        let bytes = first_bytes(source)?;
        let delimiter = options.delimiter.or_else(|| known_delimiter(&bytes));
        let dialect = Dialect::sniff(source.name(), &bytes, delimiter)?;
        let mut records = Records::open(source, dialect, false)?;
        let Some(header) = records.next()? else {
            return Err(InputError::Empty { name: source.name().into() });
        };
        let fields: Vec<&[u8]> = header.fields.iter().map(<[u8]>::trim_ascii).collect();
        if !fields.windows(COLUMNS.len()).any(|run| run == COLUMNS.map(str::as_bytes)) {
            return Ok(None);
        }
        let layout = Layout::of(source.name(), dialect, &header, options)?;
        Ok(Some(Self { records, layout }))
    }

    /// The next row.
    pub fn next(&mut self) -> Result<Option<(Record<'_>, Places<'_>)>, InputError> {
        let Self { records, layout } = self;
        let Some(record) = records.next()? else { return Ok(None) };
        let is_whole = record.fields.len() == layout.width;
        let connector = match &layout.connector {
            Connector::Given(connector) => Cow::Borrowed(&**connector),
            Connector::Column(column) if is_whole => {
                let cell = record.fields.get(*column).unwrap_or_default();
                String::from_utf8_lossy(cell.trim_ascii())
            }
            Connector::Column(_) => Cow::Borrowed(""),
        };
        let places = Places {
            prior: layout.prior_fields(record.fields),
            connector,
            number: is_whole.then_some(layout.number),
        };
        Ok(Some((record, places)))
    }
}

/// What stands between the first two columns that every report has: surer than to count candidates.
fn known_delimiter(bytes: &[u8]) -> Option<u8> {
    let [first, second, ..] = COLUMNS.map(str::as_bytes);
    let line = bytes
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .find(|line| line.windows(first.len()).any(|it| it == first))?;
    let found = line.windows(first.len() + 1 + second.len()).rev().find_map(|window| {
        let (start, rest) = window.split_at(first.len());
        let (delimiter, end) = rest.split_first()?;
        (start == first && end == second).then_some(*delimiter)
    });
    found.filter(|byte| !matches!(byte, b'_' | b'"'))
}
