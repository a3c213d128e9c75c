//! A source → its rows: the first of the two passes.
//!
//! Must not stop at a row that cannot be sent.

use serde::Serialize;

use super::column::Column;
use super::error::InputError;
use super::header::{Header, InputOptions, Layout};
use super::notes::{NoteTaker, Notes};
use super::row::{Verdict, judge};
use super::rows::{EXAMPLES, RowId, Rows, Standing};
use super::shard::{Part, Shard};
use super::source::Source;
use super::status::Status;
use super::swallowed::{check_header, check_record};
use crate::action::Action;

/// What an input holds.
#[derive(Debug)]
pub struct Input {
    /// Its rows.
    pub rows: Rows,
    /// Its columns.
    pub layout: Layout,
    /// The [digest](crate::files) of its bytes: it identifies the input.
    pub digest: Box<str>,
    /// The first few invalid rows.
    pub invalid: Vec<InvalidRow>,
    /// How it is understood, and what is odd about it.
    pub notes: Notes,
    /// What of it this process takes, if others take the rest.
    pub(crate) part: Option<Part>,
}

/// A row that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvalidRow {
    /// The line it begins on.
    pub line: u64,
    /// The report's `error_code`.
    pub code: &'static str,
    /// Why, with only the last digits of its number.
    pub reason: String,
}

impl Input {
    /// Reads `source` to its end. A row that cannot be sent is not an error.
    ///
    /// # Errors
    /// If the source cannot be read, or its header does not say where the connectors and numbers are, or a quote is
    /// not closed.
    pub fn read(source: &Source, options: &InputOptions) -> Result<Self, InputError> {
        Self::read_showing(source, options, EXAMPLES)
    }

    /// The same, with up to `shown` invalid rows.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn read_showing(source: &Source, options: &InputOptions, shown: usize) -> Result<Self, InputError> {
        let action = match options.action {
            None => Self::reported_action(source, options)?,
            given => given,
        };
        let options = &InputOptions { action, ..options.clone() };
        let (header, mut records) = Header::read(source, options)?;
        let layout = header.layout(options)?;
        check_header(&header, &layout)?;
        let mut rows = Rows::default();
        let (mut invalid, mut notes) = (Vec::new(), NoteTaker::new(&header, &layout));
        while let Some(record) = records.next()? {
            check_record(source.name(), &layout, &record)?;
            if let Some(status) = layout.lone_status.and_then(|at| Status::of_cell(record.fields.get(at)?))
                && matches!(status, Status::Succeeded | Status::NotAttempted)
            {
                return Err(InputError::StatusAlone {
                    name: source.name().into(),
                    line: record.line,
                    status,
                });
            }
            let verdict = judge(&layout, record.fields);
            if let Verdict::Invalid(error) | Verdict::Kept(_, error) = &verdict
                && invalid.len() < shown
            {
                invalid.push(InvalidRow { line: record.line, code: error.code(), reason: error.masked() });
            }
            notes.add(&layout, &record, &verdict);
            let too_large = |_| InputError::TooLarge { name: source.name().into() };
            rows.push(&verdict, record.line).map_err(too_large)?;
        }
        rows.compare();
        Ok(Self { rows, digest: records.digest(), layout, invalid, notes: notes.finish(), part: None })
    }

    /// Leaves to other processes what is not this shard's: it takes whole lanes, by the numbers that can be sent.
    pub(crate) fn take(&mut self, shard: Shard) {
        let mut sizes = vec![0; self.rows.lanes().len()];
        let is_pending = |row: &RowId| matches!(self.rows.standing(*row), Standing::Pending { .. });
        for lane in self.rows.ids().filter(is_pending).filter_map(|row| self.rows.lane_of(row)) {
            sizes[lane.index()] += 1;
        }
        let own = shard.own(&sizes);
        self.rows.keep(|lane| lane.map_or(shard.takes_the_rest(), |lane| own[lane.index()]));
        if !shard.takes_the_rest() {
            self.invalid.clear();
        }
        let (lanes, elsewhere) =
            (own.iter().filter(|own| **own).count(), self.rows.count(Standing::Elsewhere));
        let rows = u64::from(self.rows.len()) - elsewhere as u64;
        self.part = Some(Part { shard, lanes, of_lanes: own.len(), rows });
    }

    /// The same for a part of it, if there is a `shard`.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub(crate) fn read_part(
        source: &Source,
        options: &InputOptions,
        shown: usize,
        shard: Option<Shard>,
    ) -> Result<Self, InputError> {
        let mut input = Self::read_showing(source, options, shown)?;
        shard.into_iter().for_each(|shard| input.take(shard));
        Ok(input)
    }

    /// What the report `source` says was done with its numbers; `None` if it is not a report, or does not say it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn reported_action(source: &Source, options: &InputOptions) -> Result<Option<Action>, InputError> {
        let (header, mut records) = Header::read(source, options)?;
        let Some(layout) = Some(header.layout(options)?).filter(Layout::is_report) else { return Ok(None) };
        while let Some(record) = records.next()? {
            let said = layout.prior(record.fields).and_then(|prior| Action::of(prior.word(Column::Action)));
            if said.is_some() {
                return Ok(said);
            }
        }
        Ok(None)
    }

    /// Whether columns put each row into its account and region.
    ///
    /// # Errors
    /// If the header cannot be read, or is not an input's.
    pub(crate) fn has_lanes(source: &Source, options: &InputOptions) -> Result<bool, InputError> {
        Ok(Header::read(source, options)?.0.layout(options)?.has_lanes())
    }

    /// Whether the source's header has the columns of a report.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_report(source: &Source) -> Result<bool, InputError> {
        match Header::read(source, &InputOptions::default()) {
            Ok((header, _)) => Ok(header.is_report()),
            Err(error @ InputError::Read { .. }) => Err(error),
            Err(_) => Ok(false),
        }
    }
}
