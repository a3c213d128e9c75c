//! The reports on parts of an input → the report on all of it, in its order.
//!
//! Must not keep more than one row of each report, nor decide what a row's status is.

use std::collections::HashMap;
use std::io::Write;

use super::write::{Cells, ReportError, own, rewrite};
use crate::hint::Hinted;
use crate::input::{
    Column, Header, Input, InputError, InputOptions, Layout, Records, Source, Standing, check_header,
    check_record, is_ignored,
};

/// How many reports a message says the place of.
const SHOWN: usize = 3;

/// Writes the report on `input`, which was read from `source`: each row has its cells from the one of the `reports` that
/// has the row next. Rows that ask for nothing are the input's, whether the reports have them or not;
/// those that another process takes are left out.
///
/// # Errors
/// If a row is in none of the reports or in two, or a report has a row that the input does not have there. Also if a
/// file cannot be read or `out` cannot be written. What is in `out` then is not a report.
pub(crate) fn merge(
    out: impl Write,
    source: &Source,
    input: &Input,
    reports: &[Source],
    options: &InputOptions,
) -> Result<(), ReportError> {
    let parts = reports.iter().map(|report| Part::open(report, options)).collect::<Result<Vec<_>, _>>();
    let mut heads =
        Heads { input: source.name(), parts: parts.map_err(ReportError::Part)?, of: HashMap::new() };
    (0..heads.parts.len()).try_for_each(|part| heads.advance(part))?;
    let looked = heads.parts.iter().any(|part| part.layout.has_places());
    rewrite(out, source, input, looked, |lines, row, record, prior| {
        match input.rows.standing(row) {
            Standing::Elsewhere => return Ok(()),
            Standing::Ignored => return Ok(lines.write(record, prior, &Cells::default())?),
            _ => {}
        }
        let own = own(&input.layout, record.fields, prior);
        let (part, cells) = heads.take(&own).ok_or_else(|| heads.gap(record.line))?;
        lines.write(record, prior, &cells)?;
        heads.advance(part)
    })?;
    heads.check_end()
}

/// The fields of a row that are the input's own.
type Own = Vec<Box<[u8]>>;

/// The next row of each report.
struct Heads<'a> {
    /// What messages call the input.
    input: &'a str,
    parts: Vec<Part<'a>>,
    /// Which report has the row next.
    of: HashMap<Own, usize>,
}

/// One of the reports.
struct Part<'a> {
    name: &'a str,
    layout: Layout,
    records: Records<'a>,
    /// Its next row: the line, and the report's cells. `None` at its end.
    head: Option<(u64, Cells<'static>)>,
}

impl<'a> Part<'a> {
    fn open(source: &'a Source, options: &InputOptions) -> Result<Self, InputError> {
        let (header, records) = Header::read(source, options)?;
        let layout = header.layout(options)?;
        check_header(&header, &layout)?;
        Ok(Self { name: source.name(), layout, records, head: None })
    }

    /// Goes to its next row that asks for something.
    fn next(&mut self) -> Result<Option<Own>, InputError> {
        self.head = None;
        while let Some(record) = self.records.next()? {
            check_record(self.name, &self.layout, &record)?;
            if is_ignored(&self.layout, record.fields) {
                continue;
            }
            let prior = self.layout.prior(record.fields);
            let cell = |column| prior.as_ref().map_or(b"" as &[u8], |prior| prior.cell(column));
            self.head = Some((record.line, Column::ALL.map(|column| cell(column).to_vec().into())));
            return Ok(Some(own(&self.layout, record.fields, prior.as_ref())));
        }
        Ok(None)
    }

    fn place(&self) -> String {
        match &self.head {
            Some((line, _)) => format!("`{}` is at line {line}", self.name),
            None => format!("`{}` is at its end", self.name),
        }
    }
}

impl Heads<'_> {
    fn advance(&mut self, part: usize) -> Result<(), ReportError> {
        let Some(own) = self.parts[part].next().map_err(ReportError::Part)? else { return Ok(()) };
        let Some(other) = self.of.insert(own, part) else { return Ok(()) };
        let [first, second] = [other.min(part), other.max(part)].map(|part| self.parts[part].place());
        Err(self.error(
            format!("two reports have the same row: {first}, {second}"),
            "name each report once, and none beside the one that it was split from",
        ))
    }

    /// The report that has the row next, and the row's cells there.
    fn take(&mut self, own: &Own) -> Option<(usize, Cells<'static>)> {
        let part = self.of.remove(own)?;
        Some((part, self.parts.get_mut(part)?.head.take()?.1))
    }

    /// No report has the row on this line of the input next.
    fn gap(&self, line: u64) -> ReportError {
        let mut places: Vec<_> = self.parts.iter().take(SHOWN).map(Part::place).collect();
        if self.parts.len() > SHOWN {
            places.push(format!("{} more", self.parts.len() - SHOWN));
        }
        self.error(
            format!("line {line} of `{}` is in no report there: {}", self.input, places.join(", ")),
            "name every report, and the input that they are of; a row that was edited has to be restored",
        )
    }

    fn check_end(&self) -> Result<(), ReportError> {
        let Some(part) = self.parts.iter().find(|part| part.head.is_some()) else { return Ok(()) };
        Err(self.error(
            format!("`{}` has no more rows, but {}", self.input, part.place()),
            "name the input that the report is of; a row that was added has to be removed",
        ))
    }

    fn error(&self, row: String, hint: &str) -> ReportError {
        ReportError::Parts { name: self.input.to_owned(), source: Hinted::new(row, hint) }
    }
}
