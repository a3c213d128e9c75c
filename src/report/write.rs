//! Input and results → the report: every row of the input, byte for byte and in order, with its outcome.
//!
//! Reads the source a second time. Must not decide the outcome of a row that was sent, nor keep rows.
//!
//! For a malformed row, so that the six columns can still be identified:
//! - A row with fewer fields than the header is padded with empty ones.
//! - A row with more fields keeps them, and the six come last.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::cell;
use super::result::RowResult;
use crate::input::{
    COLUMNS, Input, InputError, Layout, Prior, Record, Records, RowError, RowId, Source, Standing, Status,
    Verdict, judge, text,
};

/// A row as the report shows it, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    /// Which row.
    pub row: RowId,
    /// `status`.
    pub status: Status,
    /// `error_code`.
    pub code: &'a str,
    /// `error_message`, before anything was done to make it harmless in a spreadsheet.
    pub message: &'a str,
    /// `request_id`.
    pub request_id: &'a str,
}

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The source could be read the first time, but not the second.
    #[error("cannot read the input again")]
    Input(#[from] InputError),
    /// The source is not what it was at first.
    #[error("`{name}` has changed since the run began: the results no longer match its rows")]
    Changed {
        /// What messages call the source.
        name: String,
    },
    /// The report's own file fails.
    #[error("cannot write")]
    Write(#[from] io::Error),
}

/// Writes the report on `input`, which was read from `source`. `result_of` is called for each pending row, in
/// order; the input itself has the results of the others. `written` is called for every row.
///
/// A row that was `unknown` in an earlier report and was not attempted again stays `unknown`, with all its cells.
///
/// # Errors
/// If the source cannot be read or is no longer the same, or `out` cannot be written. What is in `out` then is not
/// a report.
pub fn write<'a>(
    out: impl Write,
    source: &Source,
    input: &Input,
    mut result_of: impl FnMut(RowId) -> RowResult<'a>,
    mut written: impl FnMut(Written<'_>),
) -> Result<(), ReportError> {
    let changed = || ReportError::Changed { name: source.name().into() };
    let layout = &input.layout;
    let csv = layout.dialect.writer();
    let mut lines = Lines { out: BufWriter::new(out), layout, csv, line: Vec::new() };
    let mut records = Records::open(source, layout.dialect)?;

    lines.out.write_all(records.preamble())?;
    let header = records.next()?.ok_or_else(changed)?;
    lines.write(&header, layout.prior(header.fields).as_ref(), &COLUMNS)?;
    let mut ids = input.rows.ids();
    while let Some(record) = records.next()? {
        let row = ids.next().ok_or_else(changed)?;
        let prior = layout.prior(record.fields);
        if input.rows.standing(row) == Standing::Ignored {
            lines.write(&record, prior.as_ref(), &[b""; COLUMNS.len()])?;
            continue;
        }
        if let Some(result) = result(input, row, &record, &mut result_of).map_err(|Changed| changed())? {
            let RowResult { status, code, message, request_id, .. } = &result;
            written(Written { row, status: *status, code, message, request_id });
            let cells = cell::cells(&result, prior.as_ref().map_or(0, Prior::attempts));
            lines.write(&record, prior.as_ref(), &cells.each_ref().map(|cell| cell.as_bytes()))?;
        } else {
            let prior = prior.ok_or_else(changed)?;
            let [_, code, message, _, request_id, _] = prior.cells.map(text);
            let status = prior.status().ok_or_else(changed)?;
            written(Written { row, status, code, message, request_id });
            lines.write(&record, Some(&prior), &prior.cells)?;
        }
    }
    lines.out.flush()?;
    if ids.next().is_some() || records.digest() != input.digest {
        return Err(changed());
    }
    Ok(())
}

/// A row is not what it was when the input was read.
struct Changed;

/// What the report says about a row; `None` if it keeps the cells of an earlier report.
fn result<'a>(
    input: &Input,
    row: RowId,
    record: &Record<'_>,
    result_of: &mut impl FnMut(RowId) -> RowResult<'a>,
) -> Result<Option<RowResult<'a>>, Changed> {
    Ok(match input.rows.standing(row) {
        Standing::Finished => None,
        Standing::Pending { unanswered } => {
            Some(result_of(row)).filter(|result| !(unanswered && result.status == Status::NotAttempted))
        }
        Standing::Duplicate => {
            let first = input.rows.line(input.rows.duplicate_of(row).ok_or(Changed)?);
            let message = format!("line {}: same connector and number as line {first}", record.line);
            Some(verdict(Status::Duplicate, "", message))
        }
        Standing::Invalid => match judge(&input.layout, record.fields) {
            Verdict::Invalid(RowError::StillRagged | RowError::StillDamaged) => None,
            Verdict::Invalid(error) => {
                Some(verdict(Status::Invalid, error.code(), format!("line {}: {error}", record.line)))
            }
            Verdict::Pending { .. } | Verdict::Finished { .. } | Verdict::Ignored => return Err(Changed),
        },
        Standing::Ignored => return Err(Changed),
    })
}

/// Writes lines of the report; the buffer is reused.
struct Lines<'a, W: Write> {
    out: BufWriter<W>,
    layout: &'a Layout,
    csv: csv_core::Writer,
    line: Vec<u8>,
}

impl<W: Write> Lines<'_, W> {
    /// A record's own fields, byte for byte, and six `cells`.
    fn write<T: AsRef<[u8]>>(
        &mut self,
        record: &Record<'_>,
        prior: Option<&Prior<'_>>,
        cells: &[T; COLUMNS.len()],
    ) -> io::Result<()> {
        let Self { layout, csv, line, .. } = self;
        let delimiter = layout.dialect.delimiter;
        line.clear();
        line.extend_from_slice(record.raw);
        line.push(delimiter);
        let mut own = record.fields.len();
        if let Some(Prior { range, .. }) = prior {
            let starts = layout.dialect.field_starts(line);
            line.drain(starts[range.start]..starts[range.end]);
            own -= range.len();
        }
        // Delimiters at the end of a row would move the results below other headers.
        while own > layout.own_width() && line.ends_with(&[delimiter, delimiter]) {
            line.pop();
            own -= 1;
        }
        line.resize(line.len() + layout.own_width().saturating_sub(own), delimiter);
        for (index, cell) in cells.iter().map(AsRef::as_ref).enumerate() {
            let mut end = line.len();
            line.resize(end + 2 * cell.len() + 8, 0); // if every byte is a quote
            if index > 0 {
                end += csv.delimiter(&mut line[end..]).1;
            }
            end += csv.field(cell, &mut line[end..]).2;
            if index + 1 == COLUMNS.len() {
                end += csv.terminator(&mut line[end..]).1;
            }
            line.truncate(end);
        }
        self.out.write_all(line)
    }
}

/// The report's own verdict on a row that was not sent.
fn verdict<'a>(status: Status, code: &'static str, message: String) -> RowResult<'a> {
    RowResult { status, code: code.into(), message: message.into(), ..RowResult::NOT_ATTEMPTED }
}

/// Whether the file at `path` has the columns of a report.
///
/// # Errors
/// If it cannot be read.
pub fn is_report(path: &Path) -> io::Result<bool> {
    let source = Source::open(path).map_err(io::Error::other)?;
    Input::is_report(&source).map_err(io::Error::other)
}
