//! Input and results → the report: every row of the input, byte for byte and in order, and what became of it.
//!
//! Reads the source a second time. Must not decide what became of a row that was sent, nor keep one.
//!
//! Of a row that is broken, so that the six columns can still be told from the rest:
//! - A row with fewer fields than the header is filled up with empty ones.
//! - A row with more keeps them, and the six are its last.

mod cell;
mod read;
mod replace;

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;

use crate::input::{
    BYTE_ORDER_MARK, Input, InputError, Layout, Record, Records, RowError, RowId, Source, Standing, Verdict,
    parse_row, prior_attempts, split_fields,
};
pub use crate::status::{COLUMNS, Status};
use cell::Cells;
pub use read::{ReadError, Reported, read};
pub use replace::{ReplaceError, check_folder, replace};

/// What became of a row in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowResult<'a> {
    /// `status`.
    pub status: Status,
    /// `error_code`: the service's, or one of this tool's. Empty if there is none.
    pub code: Cow<'a, str>,
    /// `error_message`.
    pub message: Cow<'a, str>,
    /// How often it was sent in this run; the report adds what an earlier report counted.
    pub attempts: u32,
    /// `x-amzn-RequestId` of the answer that settled it; may be empty.
    pub request_id: &'a str,
    /// When it was settled.
    pub completed_at: Option<Timestamp>,
    /// Rows with the same number here have the same in all other fields too, as the rows of a batch have.
    pub shared_as: Option<u32>,
}

impl RowResult<'_> {
    /// The result of a row whose turn did not come.
    pub const NOT_ATTEMPTED: Self = RowResult {
        status: Status::NotAttempted,
        code: Cow::Borrowed(""),
        message: Cow::Borrowed(""),
        attempts: 0,
        request_id: "",
        completed_at: None,
        shared_as: None,
    };
}

/// A row as it stands in the report, for whoever counts them.
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
    /// The source could be read the first time.
    #[error("cannot read the input again")]
    Input(#[from] InputError),
    /// The source is not what it was.
    #[error("`{name}` has changed since the run began: its rows can no longer be told what became of them")]
    Changed {
        /// What messages call the source.
        name: String,
    },
    /// The report's own medium.
    #[error("cannot write")]
    Write(#[from] io::Error),
}

/// Writes the report on `input`, which was read from `source`. `result_of` is asked about each pending row, in order;
/// the input itself knows the others. `written` hears of every row.
///
/// A row that was `unknown` in an earlier report and was not attempted again stays `unknown`, with all its cells.
///
/// # Errors
/// If the source cannot be read or is no longer the same, or `out` cannot be written. What is in `out` then is no
/// report.
pub fn write<'a>(
    mut out: impl Write,
    source: &Source,
    input: &Input,
    mut result_of: impl FnMut(RowId) -> RowResult<'a>,
    mut written: impl FnMut(Written<'_>),
) -> Result<(), ReportError> {
    let changed = || ReportError::Changed { name: source.name().into() };
    let mut records = Records::open(source, input.layout.dialect, input.fingerprint.is_some())?;
    let mut writer = RowWriter::new(&input.layout);

    let header = records.next()?.ok_or_else(changed)?;
    if input.layout.dialect.byte_order_mark {
        writer.text.extend_from_slice(BYTE_ORDER_MARK);
    }
    writer.header(&header);
    let mut ids = input.rows.ids();
    while let Some(record) = records.next()? {
        let row = ids.next().ok_or_else(changed)?;
        writer.row(&record, row, input, &mut result_of, &mut written).ok_or_else(changed)?;
        if writer.text.len() >= BLOCK {
            out.write_all(&writer.text)?;
            writer.text.clear();
        }
    }
    out.write_all(&writer.text)?;
    out.flush()?;
    if ids.next().is_some() || records.fingerprint() != input.fingerprint {
        return Err(changed());
    }
    Ok(())
}

/// How much is written at a time, and a line more.
const BLOCK: usize = 64 * 1024;

/// Builds the lines of a report.
struct RowWriter<'a> {
    layout: &'a Layout,
    /// Those that are not written yet. A line goes nowhere else first: to move a million costs as much as to build them.
    text: Vec<u8>,
    cells: Cells,
    /// The cells of results that rows share, by what they are shared as.
    shared: Vec<(Option<u32>, Vec<u8>)>,
    spans: Vec<Range<usize>>,
}

/// How many shared results are kept. Those of rows that stand near each other were settled near each other: connectors
/// take turns, a batch each.
const SHARED: usize = 64;

impl<'a> RowWriter<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            text: Vec::with_capacity(2 * BLOCK),
            cells: Cells::new(layout.dialect.delimiter),
            shared: vec![(None, Vec::new()); SHARED],
            spans: Vec::new(),
        }
    }

    fn header(&mut self, header: &Record<'_>) {
        self.own_fields(header);
        for column in COLUMNS {
            self.cells.push(&mut self.text, column);
        }
        self.end_line();
    }

    /// Adds the row's line; `None` if the record is not what it was when the input was read.
    fn row<'r>(
        &mut self,
        record: &Record<'_>,
        row: RowId,
        input: &Input,
        result_of: &mut impl FnMut(RowId) -> RowResult<'r>,
        written: &mut impl FnMut(Written<'_>),
    ) -> Option<()> {
        let prior = self.own_fields(record);
        let result = match input.rows.standing(row) {
            Standing::Finished => None,
            Standing::Pending { unanswered } => {
                Some(result_of(row)).filter(|result| !(unanswered && result.status == Status::NotAttempted))
            }
            Standing::Duplicate => {
                let first = input.rows.line(input.rows.duplicate_of(row)?);
                let message = format!("line {}: same connector and number as line {first}", record.line);
                Some(verdict(Status::Duplicate, "", message))
            }
            Standing::Invalid => match parse_row(self.layout, record).verdict {
                Verdict::Invalid(RowError::StillRagged | RowError::StillDamaged) => None,
                Verdict::Invalid(error) => {
                    Some(verdict(Status::Invalid, error.code(), format!("line {}: {error}", record.line)))
                }
                Verdict::Pending { .. } | Verdict::Finished { .. } => return None,
            },
        };
        if let Some(result) = result {
            let RowResult { status, code, message, request_id, .. } = &result;
            written(Written { row, status: *status, code, message, request_id });
            self.result(record, &result);
        } else {
            written(Written::prior(row, record, self.layout)?);
            self.prior_cells(prior?);
        }
        self.end_line();
        Some(())
    }

    fn end_line(&mut self) {
        self.text.extend_from_slice(self.layout.dialect.line_end.as_bytes());
    }

    /// Begins a line with the record's own fields. Returns the bytes of an earlier report's six.
    fn own_fields<'r>(&mut self, record: &Record<'r>) -> Option<&'r [u8]> {
        let delimiter = self.layout.dialect.delimiter;
        let prior = self.layout.prior_fields(record.fields);
        let own = record.fields.len() - prior.as_ref().map_or(0, ExactSizeIterator::len);
        let cut = prior.and_then(|prior| {
            split_fields(record.raw, delimiter, &mut self.spans);
            cut_out(record.raw, &self.spans, &prior)
        });
        match cut {
            None => self.text.extend_from_slice(record.raw),
            Some(Cut { before, after, .. }) => {
                self.text.extend_from_slice(before.unwrap_or_default());
                if before.is_some() && after.is_some() {
                    self.text.push(delimiter);
                }
                self.text.extend_from_slice(after.unwrap_or_default());
            }
        }
        // No fields and one empty field are the same bytes.
        for _ in own.max(1)..self.layout.own_width() {
            self.text.push(delimiter);
        }
        cut.map(|cut| cut.fields)
    }

    fn prior_cells(&mut self, prior: &[u8]) {
        self.text.push(self.layout.dialect.delimiter);
        self.text.extend_from_slice(prior);
    }

    fn result(&mut self, record: &Record<'_>, result: &RowResult<'_>) {
        let Self { cells, text, shared, .. } = self;
        let prior = prior_attempts(self.layout, record);
        let Some(number) = result.shared_as.filter(|_| prior == 0) else {
            return cells.push_result(text, result, prior);
        };
        // To put them together takes longer than all the rest of a line.
        let (kept, line) = &mut shared[number as usize % SHARED];
        if *kept != Some(number) {
            *kept = Some(number);
            line.clear();
            cells.push_result(line, result, 0);
        }
        text.extend_from_slice(line);
    }
}

/// What the report says by itself of a row that was not sent.
fn verdict(status: Status, code: &str, message: String) -> RowResult<'_> {
    RowResult { status, code: code.into(), message: message.into(), ..RowResult::NOT_ATTEMPTED }
}

impl<'a> Written<'a> {
    /// A row that keeps the cells of an earlier report.
    fn prior(row: RowId, record: &Record<'a>, layout: &Layout) -> Option<Self> {
        let [status, code, message, _, request_id, _] =
            layout.prior_fields(record.fields)?.collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let text = |field| {
            record.fields.get(field).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
        };
        let status = text(status).parse().ok()?;
        Some(Self { row, status, code: text(code), message: text(message), request_id: text(request_id) })
    }
}

/// A record without some of its fields.
#[derive(Clone, Copy)]
struct Cut<'a> {
    /// The fields before them, if there are any.
    before: Option<&'a [u8]>,
    /// The fields themselves.
    fields: &'a [u8],
    /// The fields after them, if there are any.
    after: Option<&'a [u8]>,
}

fn cut_out<'a>(raw: &'a [u8], spans: &[Range<usize>], fields: &Range<usize>) -> Option<Cut<'a>> {
    let first = spans.get(fields.start)?.start;
    let last = spans.get(fields.end.checked_sub(1)?)?.end;
    Some(Cut {
        before: first.checked_sub(1).and_then(|delimiter| raw.get(..delimiter)),
        fields: raw.get(first..last)?,
        after: spans.get(fields.end).and_then(|next| raw.get(next.start..)),
    })
}

/// Whether the file at `path` has the columns of a report.
///
/// # Errors
/// If it cannot be read.
pub fn is_report(path: &Path) -> io::Result<bool> {
    let source = Source::open(path).map_err(io::Error::other)?;
    Input::is_report(&source).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
