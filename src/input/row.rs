//! A record → what it asks for, or why that cannot be sent.
//!
//! Both passes ask here: the first keeps the verdict, and the second asks again for the reason, so that no reason has
//! to be kept. Must stay a pure function of the record and the layout.

use std::fmt;

use super::header::{Connector, Layout, is_connector, prior_status};
use super::reader::Record;
use crate::number::{NumberError, PhoneNumber};
use crate::status::Status;

/// How much of a cell a message repeats.
const QUOTED_CHARS: usize = 40;

/// `error_code` of a row whose fields are not those of the header.
const RAGGED_ROW: &str = "RaggedRow";

/// `error_code` of a row in which a spreadsheet has lost digits.
const SPREADSHEET_DAMAGE: &str = "SpreadsheetDamage";

/// What a record asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The connector, if there is a usable one.
    pub connector: Option<&'a str>,
    pub verdict: Verdict<'a>,
}

/// Whether a record can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    Pending { number: PhoneNumber, unanswered: bool },
    Finished { number: Option<PhoneNumber> },
    Invalid(RowError<'a>),
}

/// Why a row cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowError<'a> {
    Ragged {
        fields: usize,
        header: usize,
    },
    /// An earlier report says so, has filled the row up, and nobody has touched it.
    StillRagged,
    /// An earlier report says so, and what stands there now is what a spreadsheet makes of the damage: `2.0655E+10`
    /// saved again is `20655000000`, a number, and nobody's.
    StillDamaged,
    BrokenUtf8,
    EmptyConnector,
    InvalidConnector(&'a str),
    /// An id of digits alone, as a spreadsheet saves it.
    DamagedConnector(&'a str),
    Number(&'a str, NumberError),
}

/// Reads `record`.
///
/// A row of a report that `succeeded` is finished, whatever else is in it: its number is off the connector, and what
/// a spreadsheet has since done to the cells must not cost that knowledge. All other rows are judged anew.
pub(crate) fn parse_row<'a>(layout: &'a Layout, record: &Record<'a>) -> Row<'a> {
    let prior = layout.prior_fields(record.fields);
    let status = prior.as_ref().and_then(|prior| prior_status(record.fields, prior.start));
    if status == Some(Status::Succeeded) {
        let number = cell(record, layout.number).and_then(|text| PhoneNumber::parse(text).ok());
        let connector = connector(layout, |column| cell(record, column)).ok();
        return Row { connector, verdict: Verdict::Finished { number } };
    }
    let invalid = |error| Row { connector: None, verdict: Verdict::Invalid(error) };
    if record.fields.len() != layout.width {
        // As the report's reader counts: without the report's own columns.
        let fields = record.fields.len() - prior.map_or(0, |prior| prior.len());
        return invalid(RowError::Ragged { fields, header: layout.own_width() });
    }
    if status == Some(Status::Invalid) && is_untouched_padding(layout, record) {
        return invalid(RowError::StillRagged);
    }
    if status == Some(Status::Invalid) && is_expanded_damage(layout, record) {
        return invalid(RowError::StillDamaged);
    }
    let Some(text) = record.fields.text() else { return invalid(RowError::BrokenUtf8) };
    let cell = |column| text.get(record.fields.span(column)?);
    let connector = match connector(layout, cell) {
        Ok(connector) => connector,
        Err(error) => return invalid(error),
    };
    let text = cell(layout.number).unwrap_or_default();
    let verdict = match PhoneNumber::parse(text) {
        Ok(number) => Verdict::Pending { number, unanswered: status == Some(Status::Unknown) },
        Err(error) => Verdict::Invalid(RowError::Number(text, error)),
    };
    Row { connector: Some(connector), verdict }
}

/// The attempts that an earlier report counted. A cell that is no number counts as none.
pub(crate) fn prior_attempts(layout: &Layout, record: &Record<'_>) -> u32 {
    let attempts = layout.prior_fields(record.fields).and_then(|prior| cell(record, prior.start + 3));
    attempts.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// A report fills up a row that is too short, which makes it look whole: which cell was missing is forgotten. So
/// such a row stays `RaggedRow` until somebody fills its last own cell, or changes its `status` or `error_code`.
fn is_untouched_padding(layout: &Layout, record: &Record<'_>) -> bool {
    let Some(prior) = layout.prior_fields(record.fields) else { return false };
    let last_own = (0..layout.width).rev().find(|at| !prior.contains(at));
    cell(record, prior.start + 1).is_some_and(|code| code.trim() == RAGGED_ROW)
        && last_own.and_then(|at| record.fields.get(at)).is_some_and(<[u8]>::is_empty)
}

/// Whether the number is the one of the earlier report's message, without its exponent.
fn is_expanded_damage(layout: &Layout, record: &Record<'_>) -> bool {
    let Some(prior) = layout.prior_fields(record.fields) else { return false };
    let is_damage = cell(record, prior.start + 1).is_some_and(|code| code.trim() == SPREADSHEET_DAMAGE);
    let damaged = cell(record, prior.start + 2).and_then(|message| message.split('`').nth(1));
    let now = cell(record, layout.number).map(|text| text.trim().trim_start_matches('+'));
    is_damage && damaged.and_then(expanded).is_some_and(|digits| now == Some(digits.as_str()))
}

/// `2.0655E+10` → `20655000000`; `None` for any other text.
fn expanded(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.trim().split_once(['e', 'E'])?;
    let (whole, decimals) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
    let exponent: usize = exponent.trim_start_matches('+').parse().ok().filter(|exponent| *exponent < 40)?;
    let zeros = exponent.checked_sub(decimals.len())?;
    let digits = format!("{}{decimals}{}", whole.trim_start_matches('+'), "0".repeat(zeros));
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)
}

fn connector<'a>(
    layout: &'a Layout,
    cell: impl Fn(usize) -> Option<&'a str>,
) -> Result<&'a str, RowError<'a>> {
    let text = match &layout.connector {
        Connector::Given(connector) => return Ok(connector),
        Connector::Column(column) => cell(*column).ok_or(RowError::BrokenUtf8)?,
    };
    if is_plain(text) {
        return Ok(text);
    }
    match text.trim() {
        "" => Err(RowError::EmptyConnector),
        text if text.contains('+') && expanded(text).is_some() => Err(RowError::DamagedConnector(text)),
        text if is_connector(text) => Ok(text),
        text => Err(RowError::InvalidConnector(text)),
    }
}

/// Letters, digits and hyphens, as the service's ids are: nothing to look at more closely.
#[expect(clippy::needless_bitwise_bool, reason = "without a branch the compiler looks at many bytes at once")]
fn is_plain(text: &str) -> bool {
    let is_plain =
        |byte: u8| ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10) | (byte == b'-');
    !text.is_empty() && text.bytes().fold(true, |plain, byte| plain & is_plain(byte))
}

fn cell<'a>(record: &Record<'a>, column: usize) -> Option<&'a str> {
    std::str::from_utf8(record.fields.get(column)?).ok()
}

impl RowError<'_> {
    /// The report's `error_code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ragged { .. } | Self::StillRagged => RAGGED_ROW,
            Self::BrokenUtf8 => "BrokenUtf8",
            Self::EmptyConnector => "EmptyConnector",
            Self::InvalidConnector(_) => "InvalidConnector",
            Self::StillDamaged | Self::DamagedConnector(_) => SPREADSHEET_DAMAGE,
            Self::Number(_, error) if error.is_spreadsheet_damage() => SPREADSHEET_DAMAGE,
            Self::Number(..) => "InvalidNumber",
        }
    }
}

/// The report's `error_message`, but for the line.
impl fmt::Display for RowError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ragged { fields, header } => {
                let word = if *fields == 1 { "field" } else { "fields" };
                write!(f, "the row has {fields} {word}, the header {header}")?;
                if fields < header { f.write_str("; after correcting it, clear its status") } else { Ok(()) }
            }
            Self::StillRagged => {
                f.write_str("the row was too short and is unchanged; after correcting it, clear its status")
            }
            Self::StillDamaged => f.write_str("the phone number is still what a spreadsheet made of it"),
            Self::BrokenUtf8 => f.write_str("the row is not UTF-8"),
            Self::EmptyConnector => f.write_str("the voice connector is empty"),
            Self::InvalidConnector(text) => write!(f, "{} is not a voice connector's id", Quoted(text)),
            Self::DamagedConnector(text) => write!(
                f,
                "{} is a spreadsheet's scientific notation: digits are lost; export the column as text",
                Quoted(text)
            ),
            Self::Number("", _) => f.write_str("the phone number is empty"),
            Self::Number(text, error) => write!(f, "{} {error}", Quoted(text)),
        }
    }
}

/// A cell in backticks, cut if long.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(QUOTED_CHARS) {
            None => write!(f, "`{}`", self.0),
            Some((end, _)) => write!(f, "`{}…`", self.0.get(..end).unwrap_or_default()),
        }
    }
}
