//! The header → which columns matter.
//!
//! Must not judge a row.

use csv::ByteRecord;

use super::column::{Column, Columns, Prior, Unclear};
use super::connector;
use super::dialect::Dialect;
use super::error::InputError;
use super::reader::Records;
use super::source::Source;
use super::status::text;
use super::wanted::{ACCOUNT, CONNECTOR, NUMBER, PROFILE, REGION, Wanted, folded, visible};
use crate::action::Action;
use crate::number::{NumberError, PhoneNumber};
use crate::text::escaped;

/// The user's options for an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputOptions {
    /// `--connector-column`: the header of the column with the connectors, or its position, from 1.
    pub connector_column: Option<String>,
    /// `--number-column`: the header of the column with the numbers, or its position, from 1.
    pub number_column: Option<String>,
    /// `--connector`: the connector of all rows; the file then has no such column.
    pub connector: Option<String>,
    /// `--region-column`: as `connector_column`, or `none`.
    pub region_column: Option<String>,
    /// `--profile-column`, or with `--accounts` `--account-column`: the same.
    pub who_column: Option<String>,
    /// `--accounts`: rows name accounts, not profiles.
    pub has_accounts: bool,
    /// `--region`: that of rows that leave it empty.
    pub region: Option<String>,
    /// `--profile`: that of rows that leave it empty.
    pub profile: Option<String>,
    /// `--delimiter`; sniffed from the header if absent.
    pub delimiter: Option<u8>,
    /// What is done with the numbers; if absent, what the report says, else `disassociate`.
    pub action: Option<Action>,
}

/// In place of a column's header: there is no such column, whatever the headers are.
pub(crate) const NO_COLUMN: &str = "none";

/// Which field of a row holds what.
#[derive(Debug, Clone)]
pub struct Layout {
    pub(crate) dialect: Dialect,
    /// The number of fields in the header, including a report's.
    pub(crate) width: usize,
    pub(crate) connector: Connector,
    pub(crate) number: usize,
    /// The columns that put a row into its lane.
    pub(crate) lane: LaneColumns,
    /// What is done with the numbers.
    pub(crate) action: Action,
    /// Where the columns of an earlier report are.
    pub(crate) prior: Option<Columns>,
    /// A column `status` in a header that has no more of a report's.
    pub(super) lone_status: Option<usize>,
    /// The column in which an export says why a number has no connector.
    pub(super) note: Option<usize>,
}

/// Where a row's connector comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connector {
    Column(usize),
    /// `--connector`: the same for every row.
    Given(Box<str>),
}

/// Where a row's lane comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LaneColumns {
    pub(crate) region: Option<usize>,
    /// Of rows that leave it empty.
    pub(crate) default_region: Box<str>,
    pub(crate) who: Option<usize>,
    /// What the cells of `who` are.
    pub(crate) who_is: Who,
    /// Of rows that leave it empty; empty if they may not.
    pub(crate) default_who: Box<str>,
}

/// What says whose credentials a row needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Who {
    #[default]
    Profile,
    Account,
}

impl Connector {
    /// The column, if there is one.
    pub(super) fn column(&self) -> Option<usize> {
        if let Self::Column(column) = self { Some(*column) } else { None }
    }
}

impl Layout {
    /// Whether the input lists what the account has, and so may have numbers on no connector.
    #[must_use]
    pub(crate) fn is_export(&self) -> bool {
        self.note.is_some()
    }

    /// Whether columns put each row into its lane.
    #[must_use]
    pub(crate) fn has_lanes(&self) -> bool {
        self.lane.region.is_some() || self.lane.who.is_some()
    }

    /// Whether the input is an earlier run's report.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.prior.is_some()
    }

    /// The number of the input's own columns: those that a report does not add.
    pub(crate) fn own_width(&self) -> usize {
        self.width - self.prior.as_ref().map_or(0, Columns::count)
    }

    /// Whether an earlier report has looked where the service has its numbers.
    pub(crate) fn has_places(&self) -> bool {
        self.prior.as_ref().is_some_and(Columns::has_places)
    }

    /// What an earlier report says about the row.
    pub(crate) fn prior<'r>(&self, row: &'r ByteRecord) -> Option<Prior<'r>> {
        self.prior.as_ref()?.prior(row, self.width)
    }
}

/// The headers of a source.
pub(crate) struct Header<'a> {
    name: &'a str,
    dialect: Dialect,
    line: u64,
    /// Its bytes, if a cell has several lines.
    lines: Option<Vec<u8>>,
    fields: Vec<String>,
    /// Where the columns of an earlier report are.
    prior: Option<Columns>,
    /// Whether the column that is called `region` has what may be meant as an AWS region.
    has_regions: bool,
}

/// How many rows are searched for a region: a column of that name is often about something else.
const SAMPLE: usize = 1_000;

impl<'a> Header<'a> {
    /// Reads the header of `source`, in the first of the ways in which `options` find its columns; else as a report, or a
    /// part of one. The remaining records are its rows.
    pub(crate) fn read(
        source: &'a Source,
        options: &InputOptions,
    ) -> Result<(Self, Records<'a>), InputError> {
        let mut best = None;
        for dialect in Dialect::candidates(source, options.delimiter)? {
            let found = Self::read_as(source, dialect);
            let rank = match &found {
                Ok((header, _)) if header.layout(options).is_ok() => 0,
                Ok((header, _)) if header.is_report() => 1,
                Err(InputError::PartOfAReport { .. } | InputError::ReportColumnTwice { .. }) => 2,
                _ => 3,
            };
            if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                best = Some((rank, found));
            }
            if rank == 0 {
                break;
            }
        }
        let (_, found) = best.ok_or_else(|| InputError::Empty { name: source.name().into() })?;
        let (header, _) = found?;
        let has_regions = header.looks_for_regions(source);
        // From the start again: a file has one position.
        let (header, records) = Self::read_as(source, header.dialect)?;
        let found = (Header { has_regions, ..header }, records);
        if matches!(found.0.layout(options), Err(InputError::MissingColumn { .. })) {
            for dialect in Dialect::below_a_title(source, options.delimiter)? {
                if let Ok((header, _)) = Self::read_as(source, dialect)
                    && header.layout(options).is_ok()
                {
                    return Err(InputError::TitleAbove { name: source.name().into(), line: header.line });
                }
            }
        }
        Ok(found)
    }

    /// Reads it if it is written like this.
    fn read_as(source: &'a Source, dialect: Dialect) -> Result<(Self, Records<'a>), InputError> {
        let name = source.name();
        let mut records = Records::open(source, dialect)?;
        let header = records.next()?.ok_or_else(|| InputError::Empty { name: name.into() })?;
        let line = header.line;
        if std::str::from_utf8(header.raw).is_err() {
            return Err(InputError::HeaderUtf8 { name: name.into(), line });
        }
        let lines = header.spans_lines.then(|| header.raw.to_vec());
        let fields: Vec<String> = header.fields.iter().map(|field| text(field).trim().to_owned()).collect();
        let prior = Columns::find(&fields).map_err(|unclear| Self::unclear(name, unclear))?;
        Ok((Self { name, dialect, line, lines, fields, prior, has_regions: false }, records))
    }

    /// Whether a column called `region` has what may be meant as an AWS region in its first rows.
    fn looks_for_regions(&self, source: &Source) -> bool {
        let columns = self.called(&REGION);
        let Ok(mut records) = Records::open(source, self.dialect) else { return false };
        let is_like_one = |cell: &[u8]| cell.contains(&b'-') && cell.iter().any(u8::is_ascii_digit);
        !columns.is_empty()
            && (0..SAMPLE).any(|_| {
                let record = records.next().ok().flatten(); // what is wrong with it, the reader of rows will say
                record.is_some_and(|it| columns.iter().filter_map(|at| it.fields.get(*at)).any(is_like_one))
            })
    }

    fn called(&self, wanted: &Wanted) -> Vec<usize> {
        self.positions(|header| wanted.headers.contains(&folded(header).as_str()))
    }

    /// The columns that `--accounts` would use.
    pub(super) fn accounts(&self) -> Vec<usize> {
        self.called(&ACCOUNT)
    }

    /// The columns that are called `region`, but are about something else.
    pub(super) fn other_regions(&self) -> Vec<usize> {
        if self.has_regions { Vec::new() } else { self.called(&REGION) }
    }

    fn unclear(name: &str, unclear: Unclear) -> InputError {
        match unclear {
            Unclear::Twice(column) => {
                InputError::ReportColumnTwice { name: name.into(), column: column.name() }
            }
            Unclear::Missing(missing) => {
                let missing: Vec<_> = missing.iter().map(|column| format!("`{}`", column.name())).collect();
                InputError::PartOfAReport { name: name.into(), missing: missing.join(", ") }
            }
        }
    }

    /// Whether it has the columns of a report.
    pub(crate) fn is_report(&self) -> bool {
        self.prior.is_some()
    }

    /// The input's own columns.
    pub(super) fn own_columns(&self) -> Vec<usize> {
        self.positions(|_| true)
    }

    /// What messages call the source.
    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// Its bytes and the line it begins on, if one of its cells has several lines.
    pub(crate) fn lines(&self) -> Option<(&[u8], u64)> {
        Some((self.lines.as_deref()?, self.line))
    }

    /// Finds the columns.
    pub(crate) fn layout(&self, options: &InputOptions) -> Result<Layout, InputError> {
        let number = self.find(&NUMBER, options.number_column.as_deref())?;
        let connector = match &options.connector {
            None => Connector::Column(self.find(&CONNECTOR, options.connector_column.as_deref())?),
            Some(given) => Connector::Given(self.given(given, options.connector_column.as_deref())?),
        };
        if connector == Connector::Column(number) {
            let column = self.fields.get(number).cloned().unwrap_or_default();
            return Err(InputError::SameColumn { name: self.name.into(), column });
        }
        let who_column = options.who_column.as_deref();
        let lane = LaneColumns {
            region: match options.region_column.as_deref() {
                None if !self.has_regions => None,
                named => self.find_any(&REGION, named)?,
            },
            who: match options.has_accounts {
                true => Some(self.find(&ACCOUNT, who_column)?),
                false => self.find_any(&PROFILE, who_column)?,
            },
            who_is: if options.has_accounts { Who::Account } else { Who::Profile },
            default_region: options.region.as_deref().unwrap_or_default().trim().into(),
            default_who: options
                .profile
                .as_deref()
                .filter(|_| !options.has_accounts)
                .unwrap_or_default()
                .into(),
        };
        let width = self.fields.len();
        let is_status = |header: &String| header.eq_ignore_ascii_case(Column::Status.name());
        let lone_status = self.fields.iter().position(is_status).filter(|_| self.prior.is_none());
        let own = |name: &str| self.positions(|header| header == name).first().copied();
        let note = own("associated_at").and(own("note"));
        let (dialect, prior, action) = (self.dialect, self.prior, options.action.unwrap_or_default());
        Ok(Layout { dialect, width, connector, number, lane, action, prior, lone_status, note })
    }

    /// The same for a column that need not be there.
    fn find_any(&self, wanted: &Wanted, named: Option<&str>) -> Result<Option<usize>, InputError> {
        if named == Some(NO_COLUMN) {
            return Ok(None);
        }
        match self.find(wanted, named) {
            Err(InputError::MissingColumn { .. } | InputError::NoHeader { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The one column of this kind: the one `named`, else the one with a known header.
    fn find(&self, wanted: &Wanted, named: Option<&str>) -> Result<usize, InputError> {
        let known = |names: &[&str]| self.positions(|header| names.contains(&folded(header).as_str()));
        let matches = match named {
            None => Some(known(wanted.headers))
                .filter(|found| !found.is_empty())
                .unwrap_or_else(|| known(wanted.others)),
            Some(named) => self.named(named.trim()),
        };
        let (name, headers) = (self.name.into(), self.listed());
        let &Wanted { what, option, .. } = wanted;
        match (matches.as_slice(), named) {
            (&[column], _) => Ok(column),
            // A row must not be listed as headers: it contains a phone number.
            ([], _) if self.looks_like_a_row() => Err(InputError::NoHeader { name, line: self.line }),
            ([], None) => Err(InputError::MissingColumn { name, what, option, headers }),
            ([], Some(named)) => Err(InputError::NamedColumn { name, column: named.into(), headers }),
            (several, _) => {
                let columns: Vec<_> = several.iter().map(|at| (at + 1).to_string()).collect();
                let columns = columns.join(" and ");
                Err(InputError::AmbiguousColumn { name, what, option, columns, headers })
            }
        }
    }

    /// The columns with this header; else with the same in other letters; else the one at this position, from 1.
    fn named(&self, named: &str) -> Vec<usize> {
        let lower = |text: &str| visible(text).to_lowercase();
        let exact = || self.positions(|header| header == named);
        let similar = || self.positions(|header| lower(header) == lower(named));
        let at_position = || {
            let position: Option<usize> = named.parse().ok();
            let all = self.positions(|_| true);
            all.into_iter().filter(|at| Some(at + 1) == position).collect()
        };
        let found = [exact(), similar(), at_position()];
        found.into_iter().find(|found: &Vec<usize>| !found.is_empty()).unwrap_or_default()
    }

    /// The header of a column, as a message shows it.
    pub(crate) fn shown(&self, column: usize) -> String {
        self.fields.get(column).map(|header| format!("`{}`", escaped(header))).unwrap_or_default()
    }

    /// `--connector`, provided that no column names connectors too.
    fn given(&self, given: &str, named: Option<&str>) -> Result<Box<str>, InputError> {
        let known = self.positions(|header| CONNECTOR.headers.contains(&folded(header).as_str()));
        let known = known.first().and_then(|at| self.fields.get(*at));
        match named.or(known.map(String::as_str)) {
            Some(column) => Err(InputError::TwoConnectors { name: self.name.into(), column: column.into() }),
            None => match connector::check(given.trim()) {
                Ok(()) => Ok(given.trim().into()),
                Err(error) => {
                    Err(InputError::GivenConnector { connector: escaped(given), error: error.to_string() })
                }
            },
        }
    }

    /// The input's own columns that `matches` accepts, without a report's.
    fn positions(&self, matches: impl Fn(&str) -> bool) -> Vec<usize> {
        let is_own = |at: usize| !self.prior.is_some_and(|prior| prior.contains(at));
        let own = self.fields.iter().enumerate().filter(|(at, _)| is_own(*at));
        own.filter(|(_, header)| matches(header)).map(|(at, _)| at).collect()
    }

    /// Whether the header contains a phone number, or what a spreadsheet made of one.
    fn looks_like_a_row(&self) -> bool {
        // `2024` is a valid number, but may also be a header.
        self.fields.iter().any(|field| match PhoneNumber::parse(field) {
            Ok(_) => field.len() >= 7,
            Err(error) => error == NumberError::ScientificNotation,
        })
    }

    fn listed(&self) -> String {
        (0..self.fields.len()).map(|column| self.shown(column)).collect::<Vec<_>>().join(", ")
    }
}
