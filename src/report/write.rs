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

use csv::ByteRecord;

use super::cell::{armed, ascii, cells};
use super::result::RowResult;
use crate::action::Action;
use crate::hint::Hinted;
use crate::input::{
    Column, Input, InputError, LaneId, Layout, Prior, Record, Records, RowId, RowKey, Said, Source, Standing,
    Status, Verdict, field_starts, judge, text,
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
    /// One of the reports that are merged cannot be read.
    #[error("cannot read a report")]
    Part(#[source] InputError),
    /// Those reports are not the parts of one on this input.
    #[error("the reports are not those of `{name}`, or not all of them")]
    Parts {
        /// What messages call the input.
        name: String,
        /// The first row that does not fit.
        source: Hinted,
    },
}

/// Where numbers are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// The account, if it is known.
    pub account_id: Option<&'a str>,
    /// The region; `None` for the simulator.
    pub region: Option<&'a str>,
}

/// Where the numbers of a run are.
#[derive(Debug, Clone, Default)]
pub struct Places<'a> {
    /// By the index of their lane.
    pub lanes: Vec<Place<'a>>,
    /// Whether it was looked up where the service has them: the report has columns for that then.
    pub looked: bool,
}

impl<'a> Places<'a> {
    fn of(&self, lane: Option<LaneId>) -> Place<'a> {
        lane.and_then(|lane| self.lanes.get(lane.index()).copied()).unwrap_or_default()
    }
}

/// Writes the report on `input`, which was read from `source`, after a run in these `places`. `result_of` is called for each pending row, in
/// order; the input itself has the results of the others. `written` is called for every row.
///
/// A row that was `unknown` in an earlier report and was not attempted again stays `unknown`, with all its cells; one
/// that was `failed` and was left out of this run stays `failed`.
///
/// # Errors
/// If the source cannot be read or is no longer the same, or `out` cannot be written. What is in `out` then is not
/// a report.
pub fn write<'a>(
    out: impl Write,
    source: &Source,
    input: &Input,
    places: &Places<'_>,
    mut result_of: impl FnMut(RowId) -> RowResult<'a>,
    mut written: impl FnMut(Written<'_>),
) -> Result<(), ReportError> {
    rewrite(out, source, input, places.looked, |lines, row, record, prior| {
        match input.rows.standing(row) {
            Standing::Elsewhere => return Ok(()),
            Standing::Ignored => return Ok(lines.write(record, prior, &Cells::default())?),
            _ => {}
        }
        let changed = || ReportError::Changed { name: source.name().into() };
        let shown = shown(input, row, record, &mut result_of).ok_or_else(changed)?;
        written(shown.written(row, prior));
        let place = places.of(input.rows.lane_of(row));
        Ok(lines.write(record, prior, &shown.cells(prior, input.layout.action, place))?)
    })
}

/// Copies `input`, which was read from `source`; `each` writes the line of each row. `looked`: whether the report says
/// where the numbers are.
///
/// # Errors
/// As for [`write()`].
pub(super) fn rewrite<W: Write>(
    out: W,
    source: &Source,
    input: &Input,
    looked: bool,
    mut each: impl FnMut(&mut Lines<'_, W>, RowId, &Record<'_>, Option<&Prior<'_>>) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let changed = || ReportError::Changed { name: source.name().into() };
    let layout = &input.layout;
    let mut lines = Lines::new(BufWriter::new(out), layout, looked);
    let mut records = Records::open(source, layout.dialect)?;

    lines.out.write_all(records.preamble())?;
    let header = records.next()?.ok_or_else(changed)?;
    let names = Column::ALL.map(|column| column.name().as_bytes().into());
    lines.write(&header, layout.prior(header.fields).as_ref(), &names)?;
    let mut ids = input.rows.ids();
    while let Some(record) = records.next()? {
        let row = ids.next().ok_or_else(changed)?;
        each(&mut lines, row, &record, layout.prior(record.fields).as_ref())?;
    }
    lines.out.flush()?;
    if ids.next().is_some() || records.digest() != input.digest {
        return Err(changed());
    }
    Ok(())
}

/// What the report shows of a row.
enum Shown<'a> {
    /// What an earlier report says, with this status, and code and message if there are new ones.
    Prior(Status, Option<(&'static str, String)>),
    /// What became of it, and its key if it is valid.
    Result(RowResult<'a>, Option<RowKey>),
}

/// What the report shows of a row; `None` if it is not what it was when the input was read. The digest of the input
/// tells about the others.
fn shown<'a>(
    input: &Input,
    row: RowId,
    record: &Record<'_>,
    result_of: &mut impl FnMut(RowId) -> RowResult<'a>,
) -> Option<Shown<'a>> {
    let Input { rows, layout, .. } = input;
    let on_line = |text: String| ascii(&format!("line {}: {text}", record.line));
    let kept = |status, code, why: String| {
        Shown::Prior(status, Some((code, on_line(format!("{why}; not sent, and still {status}")))))
    };
    let prior_status = || layout.prior(record.fields).and_then(|prior| prior.status());
    let of_report = |status, code: &'static str, text, key| {
        let (code, message) = (code.into(), on_line(text).into());
        Shown::Result(RowResult { status, code, message, ..RowResult::NOT_ATTEMPTED }, key)
    };
    Some(match (rows.standing(row), rows.suspect_of(row)) {
        (Standing::Finished, _) => Shown::Prior(Status::Succeeded, None),
        (Standing::Pending { unanswered }, _) => match result_of(row) {
            result if unanswered && result.status == Status::NotAttempted => {
                Shown::Prior(Status::Unknown, None)
            }
            result if result.is_left_out() && prior_status() == Some(Status::Failed) => {
                Shown::Prior(Status::Failed, None)
            }
            result => Shown::Result(result, rows.key(layout.action, row)),
        },
        (Standing::Duplicate, _) => {
            let text = format!("same connector and number as line {}", rows.line(rows.duplicate_of(row)?));
            of_report(Status::Duplicate, "", text, rows.key(layout.action, row))
        }
        (Standing::Kept, Some(other)) => {
            let why = format!(
                "same connector and number as line {}, but it was not a duplicate when it was reported: a \
                 spreadsheet may have rounded both",
                rows.line(other)
            );
            kept(layout.prior(record.fields)?.status()?, SUSPECT_NUMBER, why)
        }
        (Standing::Kept | Standing::Invalid, _) => match judge(layout, record.fields) {
            Verdict::Kept(status, error) if error.is_unchanged() => Shown::Prior(status, None),
            Verdict::Kept(status, error) => kept(status, error.code(), error.to_string()),
            Verdict::Invalid(error) if error.is_unchanged() => Shown::Prior(Status::Invalid, None),
            Verdict::Invalid(error) => of_report(Status::Invalid, error.code(), error.to_string(), None),
            _ => return None,
        },
        (Standing::Ignored | Standing::Elsewhere, _) => return None,
    })
}

/// `error_code` of a row whose number was once another row's only.
const SUSPECT_NUMBER: &str = "SuspectNumber";

/// A row's cells in the order of [`Column::ALL`].
pub(super) type Cells<'a> = [Cow<'a, [u8]>; Column::ALL.len()];

impl Shown<'_> {
    /// The row as it is shown, for counting.
    fn written<'s>(&'s self, row: RowId, prior: Option<&Prior<'s>>) -> Written<'s> {
        let of_prior = |column| prior.map_or("", |prior| text(prior.cell(column)));
        match self {
            Self::Prior(status, why) => {
                let old = (of_prior(Column::ErrorCode), of_prior(Column::ErrorMessage));
                let (code, message) = why.as_ref().map_or(old, |(code, message)| (*code, &**message));
                Written { row, status: *status, code, message, request_id: of_prior(Column::RequestId) }
            }
            Self::Result(RowResult { status, code, message, request_id, .. }, _) => {
                Written { row, status: *status, code, message, request_id }
            }
        }
    }

    fn cells<'s>(&'s self, prior: Option<&Prior<'s>>, action: Action, place: Place<'s>) -> Cells<'s> {
        let of_prior = |prior: &Prior<'s>| Column::ALL.map(|column| prior.cell(column).into());
        let mut all = prior.map_or_else(Cells::default, of_prior);
        let has_action = !all[Column::Action as usize].is_empty();
        let mut set = |column: Column, cell: Cow<'s, str>| {
            all[column as usize] = match cell {
                Cow::Borrowed(cell) => cell.as_bytes().into(),
                Cow::Owned(cell) => cell.into_bytes().into(),
            };
        };
        if !has_action {
            set(Column::Action, action.as_str().into());
        }
        match self {
            Self::Prior(status, why) => {
                set(Column::Status, status.as_str().into());
                if let Some((code, message)) = why {
                    set(Column::ErrorCode, (*code).into());
                    set(Column::ErrorMessage, armed(message));
                }
            }
            Self::Result(result, key) => {
                let six = cells(result, prior.map_or(0, Prior::attempts));
                Column::ALL.into_iter().zip(six).for_each(|(column, cell)| set(column, cell));
                if !result.before.is_empty() {
                    set(Column::Before, armed(result.before));
                }
                // What was seen before this result says nothing about it.
                set(Column::Verified, "".into());
                set(Column::VerifiedAt, "".into());
                // An invalid row whose status was cleared is to be sent as it stands: its old key says nothing.
                let is_cleared = prior.is_some_and(|prior| prior.said() == Said::Nothing);
                match key {
                    Some(key) => {
                        set(Column::RowKey, key.as_str().into());
                        let places = [(Column::AccountId, place.account_id), (Column::Region, place.region)];
                        places.into_iter().for_each(|(column, known)| {
                            if let Some(known) = known {
                                set(column, known.into());
                            }
                        });
                    }
                    None if is_cleared => set(Column::RowKey, "".into()),
                    None => {}
                }
            }
        }
        all
    }
}

/// The fields of a row that a report leaves out: those of an earlier report, and empty ones beyond the header's.
fn dropped(layout: &Layout, row: &ByteRecord, prior: Option<&Prior<'_>>) -> Vec<usize> {
    let empty = row.iter().skip(layout.width).rev().take_while(|field| field.is_empty()).count();
    let is_dropped = |at: &usize| match prior {
        Some(prior) => prior.contains(*at) || prior.is_aligned() && *at >= layout.width,
        None => *at >= row.len() - empty,
    };
    (0..row.len()).filter(is_dropped).collect()
}

/// The fields of a row that are the input's own. Empty ones at the end do not count, because a report adds them to a row
/// that is too short.
pub(super) fn own(layout: &Layout, row: &ByteRecord, prior: Option<&Prior<'_>>) -> Vec<Box<[u8]>> {
    let dropped = dropped(layout, row, prior);
    let mut own: Vec<Box<[u8]>> =
        (0..row.len()).filter(|at| !dropped.contains(at)).map(|at| row[at].into()).collect();
    while own.pop_if(|field| field.is_empty()).is_some() {}
    own
}

/// Writes lines of the report; the buffer is reused.
pub(super) struct Lines<'a, W: Write> {
    out: BufWriter<W>,
    layout: &'a Layout,
    /// How many of the columns it has.
    columns: usize,
    csv: csv_core::Writer,
    splitter: csv_core::Reader,
    line: Vec<u8>,
}

impl<'a, W: Write> Lines<'a, W> {
    /// `looked`: whether the report says where numbers are.
    fn new(out: BufWriter<W>, layout: &'a Layout, looked: bool) -> Self {
        let columns = Column::written(looked || layout.has_places()).len();
        let (csv, splitter) = (layout.dialect.writer(), layout.dialect.splitter());
        Self { out, layout, columns, csv, splitter, line: Vec::new() }
    }

    /// A record's own fields, byte for byte, and a report's `cells`.
    pub(super) fn write(
        &mut self,
        record: &Record<'_>,
        prior: Option<&Prior<'_>>,
        cells: &Cells<'_>,
    ) -> io::Result<()> {
        let Self { layout, csv, splitter, line, columns, .. } = self;
        let cells = &cells[..*columns];
        let delimiter = layout.dialect.delimiter;
        line.clear();
        line.extend_from_slice(record.raw);
        line.push(delimiter);
        let dropped = dropped(layout, record.fields, prior);
        if !dropped.is_empty() {
            let starts = field_starts(splitter, line);
            for at in dropped.iter().rev() {
                line.drain(starts[*at]..starts[at + 1]);
            }
        }
        let own = record.fields.len() - dropped.len();
        line.resize(line.len() + layout.own_width().saturating_sub(own), delimiter);
        let mut end = line.len();
        line.resize(end + cells.iter().map(|cell| 2 * cell.len() + 8).sum::<usize>(), 0); // if every byte is a quote
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                end += csv.delimiter(&mut line[end..]).1;
            }
            end += csv.field(cell, &mut line[end..]).2;
            if index + 1 == cells.len() {
                end += csv.terminator(&mut line[end..]).1;
            }
        }
        self.out.write_all(&line[..end])
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
