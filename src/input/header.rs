//! The header → which columns matter.
//!
//! Must not judge a row.

use std::ops::Range;

use super::dialect::Dialect;
use super::error::InputError;
use super::reader::{Fields, Record};
use crate::number::{NumberError, PhoneNumber};
use crate::status::{COLUMNS, Status};

/// The headers understood without being named, as [`folded`] leaves them.
const CONNECTOR_HEADERS: [&str; 4] = ["voiceconnectorid", "connector", "connectorid", "vcid"];
const NUMBER_HEADERS: [&str; 6] =
    ["phonenumber", "e164phonenumber", "phonenumberid", "phone", "number", "e164"];

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

/// Where a row has what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub(crate) dialect: Dialect,
    /// The header's fields, a report's six included.
    pub(crate) width: usize,
    pub(crate) connector: Connector,
    pub(crate) number: usize,
    /// Where the six columns of an earlier report begin.
    pub(crate) prior: Option<usize>,
}

/// Where the connector stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connector {
    Column(usize),
    /// `--connector`: the same for every row.
    Given(Box<str>),
}

impl Layout {
    pub(crate) fn of(
        name: &str,
        dialect: Dialect,
        header: &Record<'_>,
        options: &InputOptions,
    ) -> Result<Self, InputError> {
        if std::str::from_utf8(header.raw).is_err() {
            return Err(InputError::HeaderUtf8 { name: name.into(), line: header.line });
        }
        let fields: Vec<&str> =
            header.fields.iter().map(|field| std::str::from_utf8(field).unwrap_or_default().trim()).collect();
        let prior = fields.windows(COLUMNS.len()).rposition(|run| run == COLUMNS);
        let columns = Columns { name, line: header.line, fields: &fields, prior };
        let number = columns.find(&NUMBER, options.number_column.as_deref())?;
        let connector = match &options.connector {
            None => Connector::Column(columns.find(&CONNECTOR, options.connector_column.as_deref())?),
            Some(given) => Connector::Given(columns.given(given, options.connector_column.as_deref())?),
        };
        if connector == Connector::Column(number) {
            let column = fields.get(number).copied().unwrap_or_default().into();
            return Err(InputError::SameColumn { name: name.into(), column });
        }
        Ok(Self { dialect, width: fields.len(), connector, number, prior })
    }

    /// Whether the input is an earlier run's report.
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.prior.is_some()
    }

    /// The input's own columns: those that a report does not add.
    #[must_use]
    pub fn own_width(&self) -> usize {
        self.width - if self.is_report() { COLUMNS.len() } else { 0 }
    }

    /// Which fields of a row are an earlier report's six: those below its headers; in a row whose width is not the
    /// header's the last six, where the report has put them, if they begin with a status.
    pub(crate) fn prior_fields(&self, row: Fields<'_>) -> Option<Range<usize>> {
        let start = self.prior?;
        let start = if row.len() == self.width { start } else { row.len().checked_sub(COLUMNS.len())? };
        let is_prior = row.len() == self.width || prior_status(row, start).is_some();
        is_prior.then_some(start..start + COLUMNS.len())
    }
}

/// The status that stands in field `at` of `row`.
pub(crate) fn prior_status(row: Fields<'_>, at: usize) -> Option<Status> {
    std::str::from_utf8(row.get(at)?).ok()?.trim().parse().ok()
}

/// Whether `text` can be a connector's id. The service's ids are letters, digits and hyphens, but that is for it to
/// say. A line break comes from a quote that was closed far too late, and `..` would change the request's path.
pub(crate) fn is_connector(text: &str) -> bool {
    // Without an early end the compiler makes it one comparison of many bytes.
    let has_control = text.bytes().fold(false, |found, byte| found | byte.is_ascii_control());
    !has_control && !matches!(text, "" | "." | "..")
}

/// One of the two columns that an input needs.
struct Wanted {
    what: &'static str,
    option: &'static str,
    headers: &'static [&'static str],
}

const CONNECTOR: Wanted = Wanted {
    what: "voice connector",
    option: "`--connector-column`, or all rows' with `--connector`",
    headers: &CONNECTOR_HEADERS,
};
const NUMBER: Wanted = Wanted { what: "phone number", option: "`--number-column`", headers: &NUMBER_HEADERS };

/// The headers of an input.
struct Columns<'a> {
    name: &'a str,
    line: u64,
    fields: &'a [&'a str],
    prior: Option<usize>,
}

impl Columns<'_> {
    /// The one column of this kind: the one `named`, else the one with a known header.
    fn find(&self, wanted: &Wanted, named: Option<&str>) -> Result<usize, InputError> {
        let matches = match named {
            None => self.positions(|header| wanted.headers.contains(&folded(header).as_str())),
            Some(named) => {
                let exact = self.positions(|header| header == named.trim());
                let same_but_case = |header: &str| header.to_lowercase() == named.trim().to_lowercase();
                if exact.is_empty() { self.positions(same_but_case) } else { exact }
            }
        };
        match (matches.as_slice(), named) {
            (&[column], _) => Ok(column),
            // Nor is a row to be listed as headers: it has a number in it.
            ([], _) if self.looks_like_a_row() => {
                Err(InputError::NoHeader { name: self.name.into(), line: self.line })
            }
            ([], None) => Err(InputError::MissingColumn {
                name: self.name.into(),
                what: wanted.what,
                option: wanted.option,
                headers: self.listed(),
            }),
            ([], Some(named)) => Err(InputError::NamedColumn {
                name: self.name.into(),
                column: named.into(),
                headers: self.listed(),
            }),
            _ => Err(InputError::AmbiguousColumn {
                name: self.name.into(),
                what: wanted.what,
                option: wanted.option,
                headers: self.listed(),
            }),
        }
    }

    /// `--connector`, provided that no column says otherwise.
    fn given(&self, given: &str, named: Option<&str>) -> Result<Box<str>, InputError> {
        let known = self.positions(|header| CONNECTOR_HEADERS.contains(&folded(header).as_str()));
        let column = named.or_else(|| self.fields.get(*known.first()?).copied());
        match column {
            Some(column) => Err(InputError::TwoConnectors { name: self.name.into(), column: column.into() }),
            None if is_connector(given.trim()) => Ok(given.trim().into()),
            None => Err(InputError::GivenConnector { connector: given.into() }),
        }
    }

    /// The own columns that `matches` accepts; a report's six are not the input's.
    fn positions(&self, matches: impl Fn(&str) -> bool) -> Vec<usize> {
        let prior = self.prior.map_or(0..0, |start| start..start + COLUMNS.len());
        let own = self.fields.iter().enumerate().filter(|(at, _)| !prior.contains(at));
        own.filter(|(_, header)| matches(header)).map(|(at, _)| at).collect()
    }

    /// Whether a phone number, or what a spreadsheet made of one, stands where the headers should be.
    fn looks_like_a_row(&self) -> bool {
        // `2024` may be a header, and is a number too.
        self.fields.iter().any(|field| match PhoneNumber::parse(field) {
            Ok(_) => field.len() >= 7,
            Err(error) => error == NumberError::ScientificNotation,
        })
    }

    fn listed(&self) -> String {
        self.fields.iter().map(|header| format!("`{header}`")).collect::<Vec<_>>().join(", ")
    }
}

/// `Voice_Connector-ID` and `voiceConnectorId` are one header.
fn folded(header: &str) -> String {
    header.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}
