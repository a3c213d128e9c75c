//! Input and results → the report: every row of the input, byte for byte and in order, with its outcome.
//!
//! Reads the source a second time. Must not decide the outcome of a row that was sent, nor keep rows.
//!
//! For a malformed row, so that a report's columns can still be identified:
//! - A row with fewer fields than the header is padded with empty ones.
//! - A row with more fields keeps them, and the report's columns come last. Empty ones at its end are dropped.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::cell::{armed, ascii, cells};
use super::result::RowResult;
use crate::input::{
    ACTION, BYTE_ORDER_MARK, Column, Input, InputError, Layout, Prior, Record, Records, RowId, RowKey, Said,
    Source, Status, Verdict, judge, text,
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

    let header = records.next()?.ok_or_else(changed)?;
    if layout.dialect.byte_order_mark {
        lines.out.write_all(BYTE_ORDER_MARK)?;
    }
    let names = Column::ALL.map(|column| column.name().as_bytes().into());
    lines.write(&header, layout.prior(header.fields).as_ref(), &names)?;
    let mut ids = input.rows.ids();
    while let Some(record) = records.next()? {
        let row = ids.next().ok_or_else(changed)?;
        let prior = layout.prior(record.fields);
        let shown = shown(input, row, &record, &mut result_of).ok_or_else(changed)?;
        let (status, cells) = shown.cells(prior.as_ref());
        let [code, message, request_id] = shown.texts(prior.as_ref());
        written(Written { row, status, code: &code, message: &message, request_id: &request_id });
        lines.write(&record, prior.as_ref(), &cells)?;
    }
    lines.out.flush()?;
    if ids.next().is_some() || records.digest() != input.digest {
        return Err(changed());
    }
    Ok(())
}

/// What the report shows of a row.
enum Shown<'a> {
    /// What an earlier report says.
    Prior(Status),
    /// The same, but with this code and message.
    Kept(Status, &'static str, String),
    /// It cannot be sent.
    Invalid(&'static str, String),
    /// What became of it.
    Result(RowResult<'a>, RowKey),
}

/// What the report shows of a row; `None` if it is not what it was when the input was read.
fn shown<'a>(
    input: &Input,
    row: RowId,
    record: &Record<'_>,
    result_of: &mut impl FnMut(RowId) -> RowResult<'a>,
) -> Option<Shown<'a>> {
    let Input { rows, layout, .. } = input;
    let line = record.line;
    Some(match judge(layout, record.fields) {
        Verdict::Finished { .. } => Shown::Prior(Status::Succeeded),
        Verdict::Kept(status, error) if error.is_unchanged() => Shown::Prior(status),
        Verdict::Kept(status, error) => {
            Shown::Kept(status, error.code(), format!("line {line}: {error}; not sent, and still {status}"))
        }
        Verdict::Invalid(error) if error.is_unchanged() => Shown::Prior(Status::Invalid),
        Verdict::Invalid(error) => Shown::Invalid(error.code(), format!("line {line}: {error}")),
        Verdict::Pending { number, .. } if rows.number(row) != Some(number) => return None,
        Verdict::Pending { connector, number, unanswered, .. } => {
            let key = RowKey::new(connector, number);
            if let Some(first) = rows.duplicate_of(row) {
                let first = rows.line(first);
                let message = format!("line {line}: same connector and number as line {first}").into();
                let duplicate = RowResult { status: Status::Duplicate, message, ..RowResult::NOT_ATTEMPTED };
                return Some(Shown::Result(duplicate, key));
            }
            if let Some(other) = rows.suspect_of(row) {
                let status = layout.prior(record.fields)?.status()?;
                let message = format!(
                    "line {line}: same connector and number as line {}, but it was not a duplicate when it was \
                     reported: a spreadsheet may have rounded both; not sent, and still {status}",
                    rows.line(other)
                );
                return Some(Shown::Kept(status, SUSPECT_NUMBER, message));
            }
            let result = result_of(row);
            if unanswered && result.status == Status::NotAttempted {
                return Some(Shown::Prior(Status::Unknown));
            }
            Shown::Result(result, key)
        }
    })
}

/// `error_code` of a row whose number was once another row's only.
const SUSPECT_NUMBER: &str = "SuspectNumber";

impl Shown<'_> {
    /// `error_code`, `error_message` and `request_id`, for counting.
    fn texts(&self, prior: Option<&Prior<'_>>) -> [Cow<'_, str>; 3] {
        let of_prior = |column| prior.map_or("", |prior| text(prior.cell(column))).to_owned().into();
        match self {
            Self::Prior(_) => [Column::ErrorCode, Column::ErrorMessage, Column::RequestId].map(of_prior),
            Self::Kept(_, code, message) => [(*code).into(), message.into(), of_prior(Column::RequestId)],
            Self::Invalid(code, message) => [(*code).into(), message.into(), "".into()],
            Self::Result(result, _) => {
                [&*result.code, &*result.message, result.request_id].map(Cow::Borrowed)
            }
        }
    }

    /// The status, and the cells in the order of [`Column::ALL`].
    fn cells<'c>(&'c self, prior: Option<&Prior<'c>>) -> (Status, [Cow<'c, [u8]>; Column::ALL.len()]) {
        let mut all =
            Column::ALL.map(|column| Cow::Borrowed(prior.map_or(b"" as &[u8], |prior| prior.cell(column))));
        let mut set = |column: Column, cell: Cow<'c, str>| {
            all[column as usize] = match cell {
                Cow::Borrowed(cell) => Cow::Borrowed(cell.as_bytes()),
                Cow::Owned(cell) => Cow::Owned(cell.into_bytes()),
            };
        };
        if prior.is_none_or(|prior| prior.cell(Column::Action).is_empty()) {
            set(Column::Action, ACTION.into());
        }
        let status = match self {
            Self::Prior(status) => *status,
            Self::Kept(status, code, message) => {
                set(Column::ErrorCode, (*code).into());
                set(Column::ErrorMessage, armed(&ascii(message)).into_owned().into());
                *status
            }
            Self::Invalid(code, message) => {
                let attempts = prior.map_or(0, Prior::attempts);
                let message: Cow<'_, str> = ascii(message).into();
                let message = RowResult {
                    status: Status::Invalid,
                    code: (*code).into(),
                    message,
                    ..RowResult::NOT_ATTEMPTED
                };
                let six = cells(&message, attempts).map(|cell| Cow::Owned(cell.into_owned()));
                Column::ALL.into_iter().zip(six).for_each(|(column, cell)| set(column, cell));
                // Whoever cleared the status stands by the row as it is.
                if prior.is_some_and(|prior| prior.said() == Said::Nothing) {
                    set(Column::RowKey, "".into());
                }
                Status::Invalid
            }
            Self::Result(result, key) => {
                let six = cells(result, prior.map_or(0, Prior::attempts));
                Column::ALL.into_iter().zip(six).for_each(|(column, cell)| set(column, cell));
                set(Column::RowKey, Cow::Owned(key.to_string()));
                result.status
            }
        };
        set(Column::Status, status.as_str().into());
        (status, all)
    }
}

/// Writes lines of the report; the buffer is reused.
struct Lines<'a, W: Write> {
    out: BufWriter<W>,
    layout: &'a Layout,
    csv: csv_core::Writer,
    line: Vec<u8>,
}

impl<W: Write> Lines<'_, W> {
    /// A record's own fields, byte for byte, and a report's `cells`.
    fn write(
        &mut self,
        record: &Record<'_>,
        prior: Option<&Prior<'_>>,
        cells: &[Cow<'_, [u8]>; Column::ALL.len()],
    ) -> io::Result<()> {
        let Self { layout, csv, line, .. } = self;
        let delimiter = layout.dialect.delimiter;
        line.clear();
        line.extend_from_slice(record.raw);
        line.push(delimiter);
        let fields = record.fields.len();
        let empty =
            record.fields.iter().skip(layout.width).rev().take_while(|field| field.is_empty()).count();
        let is_dropped = |at: usize| match prior {
            Some(prior) => prior.contains(at) || prior.is_aligned() && at >= layout.width,
            None => at >= fields - empty,
        };
        let dropped: Vec<usize> = (0..fields).filter(|at| is_dropped(*at)).collect();
        if !dropped.is_empty() {
            let starts = layout.dialect.field_starts(line);
            for at in dropped.iter().rev() {
                line.drain(starts[*at]..starts[at + 1]);
            }
        }
        let own = fields - dropped.len();
        line.resize(line.len() + layout.own_width().saturating_sub(own), delimiter);
        for (index, cell) in cells.iter().enumerate() {
            let mut end = line.len();
            line.resize(end + 2 * cell.len() + 8, 0); // if every byte is a quote
            if index > 0 {
                end += csv.delimiter(&mut line[end..]).1;
            }
            end += csv.field(cell, &mut line[end..]).2;
            if index + 1 == cells.len() {
                end += csv.terminator(&mut line[end..]).1;
            }
            line.truncate(end);
        }
        self.out.write_all(line)
    }
}

/// Whether the file at `path` has the columns of a report.
///
/// # Errors
/// If it cannot be read.
pub fn is_report(path: &Path) -> io::Result<bool> {
    let source = Source::open(path).map_err(io::Error::other)?;
    Input::is_report(&source).map_err(io::Error::other)
}
