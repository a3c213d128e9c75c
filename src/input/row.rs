//! A record → what it asks for, or why it cannot be sent.
//!
//! Both passes use it: the first keeps the verdict, and the second computes the reason again, so reasons need not be
//! stored. Must stay a pure function of the record and the layout; must not keep anything about earlier rows.

use csv::ByteRecord;

use super::connector::{self, ConnectorError};
use super::header::{Connector, Layout, Prior, text};
use super::ignored::is_ignored;
use super::status::Status;
use crate::number::{NumberError, PhoneNumber};
use crate::text::{escaped, masked_digits, plain};

/// The most characters of a cell that a message quotes.
const QUOTED_CHARS: usize = 40;

/// `error_code` of a row whose number of fields differs from the header's.
pub(super) const RAGGED_ROW: &str = "RaggedRow";

/// `error_code` of a row in which a spreadsheet has lost digits.
const SPREADSHEET_DAMAGE: &str = "SpreadsheetDamage";

/// Whether a record can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    Pending {
        connector: &'a str,
        number: PhoneNumber,
        unanswered: bool,
    },
    /// With what can still be read of it.
    Finished {
        connector: Option<&'a str>,
        number: Option<PhoneNumber>,
    },
    Invalid(RowError<'a>),
    /// It asks for nothing.
    Ignored,
}

/// Why a row cannot be sent. Its text is the report's `error_message`, without the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError<'a> {
    #[error(
        "the row has {fields} {}, the header {header}{}",
        if *fields == 1 { "field" } else { "fields" },
        if fields < header { "; after correcting it, clear its status" } else { "" }
    )]
    Ragged { fields: usize, header: usize },
    /// An earlier report says so and padded the row, and the row has not been edited since.
    #[error("the row was too short and is unchanged; after correcting it, clear its status")]
    StillRagged,
    /// An earlier report says so, and the cell now holds what a spreadsheet makes of the damage: `2.0655E+10` saved
    /// again becomes `20655000000`, a valid number, but the wrong one.
    #[error("the phone number is still what a spreadsheet made of it")]
    StillDamaged,
    #[error("the row is not UTF-8")]
    BrokenUtf8,
    #[error("the voice connector is empty")]
    EmptyConnector,
    #[error("{} {error}", quoted(.text))]
    Connector { text: &'a str, error: ConnectorError<'a> },
    /// An id of digits alone, as a spreadsheet saves it.
    #[error("{} {}", quoted(.0), NumberError::ScientificNotation)]
    DamagedConnector(&'a str),
    #[error("the phone number is empty")]
    EmptyNumber,
    #[error("{} {error}", quoted(.text))]
    Number { text: &'a str, error: NumberError },
}

/// Judges a row.
///
/// A row of a report that `succeeded` is finished, whatever else it contains: its number is off the connector, even
/// if a spreadsheet has since damaged the cells. All other rows are judged again.
pub(crate) fn judge<'a>(layout: &'a Layout, row: &'a ByteRecord) -> Verdict<'a> {
    if is_ignored(layout, row) {
        return Verdict::Ignored;
    }
    let prior = layout.prior(row);
    let status = prior.as_ref().and_then(Prior::status);
    if status == Some(Status::Succeeded) {
        return Verdict::Finished {
            connector: connector(layout, row).ok(),
            number: number(layout, row).ok(),
        };
    }
    let pending = || {
        check(layout, row, prior.as_ref())?;
        let (connector, number) = (connector(layout, row)?, number(layout, row)?);
        Ok(Verdict::Pending { connector, number, unanswered: status == Some(Status::Unknown) })
    };
    pending().unwrap_or_else(Verdict::Invalid)
}

/// Checks that the row is complete.
fn check(layout: &Layout, row: &ByteRecord, prior: Option<&Prior<'_>>) -> Result<(), RowError<'static>> {
    // Delimiters at the end of a row are harmless.
    let extra_is_empty = || row.iter().skip(layout.width).all(<[u8]>::is_empty);
    if row.len() < layout.width || row.len() > layout.width && !(prior.is_none() && extra_is_empty()) {
        // As the report's reader counts: without the report's own columns.
        let fields = row.len() - prior.map_or(0, |prior| prior.range.len());
        return Err(RowError::Ragged { fields, header: layout.own_width() });
    }
    if let Some(prior) = prior.filter(|prior| prior.status() == Some(Status::Invalid)) {
        if is_untouched_padding(layout, row, prior) {
            return Err(RowError::StillRagged);
        }
        if is_expanded_damage(layout, row, prior) {
            return Err(RowError::StillDamaged);
        }
    }
    let is_text = row.iter().all(|field| std::str::from_utf8(field).is_ok());
    if is_text { Ok(()) } else { Err(RowError::BrokenUtf8) }
}

/// A report pads a row that is too short, which makes it look complete: which cell was missing is lost. So such a row
/// stays `RaggedRow` until the user fills its last own cell, or changes its `status` or `error_code`.
fn is_untouched_padding(layout: &Layout, row: &ByteRecord, prior: &Prior<'_>) -> bool {
    let last_own = (0..layout.width).rev().find(|at| !prior.range.contains(at));
    text(prior.cells[1]).trim() == RAGGED_ROW && last_own.is_some_and(|at| row.get(at) == Some(b""))
}

/// Whether the number is the one of the earlier report's message, without its exponent.
fn is_expanded_damage(layout: &Layout, row: &ByteRecord, prior: &Prior<'_>) -> bool {
    let damaged = text(prior.cells[2]).split('`').nth(1).and_then(expanded);
    let now = text(row.get(layout.number).unwrap_or_default()).trim().trim_start_matches('+');
    text(prior.cells[1]).trim() == SPREADSHEET_DAMAGE && damaged.is_some_and(|damaged| damaged == now)
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

fn connector<'a>(layout: &'a Layout, row: &'a ByteRecord) -> Result<&'a str, RowError<'a>> {
    let cell = match &layout.connector {
        Connector::Given(connector) => return Ok(connector),
        Connector::Column(column) => row.get(*column).unwrap_or_default(),
    };
    match plain(text(cell)) {
        "" => Err(RowError::EmptyConnector),
        text if text.contains('+') && expanded(text).is_some() => Err(RowError::DamagedConnector(text)),
        text => match connector::check(text) {
            Ok(()) => Ok(text),
            Err(error) => Err(RowError::Connector { text, error }),
        },
    }
}

pub(super) fn number<'a>(layout: &Layout, row: &'a ByteRecord) -> Result<PhoneNumber, RowError<'a>> {
    let text = text(row.get(layout.number).unwrap_or_default());
    PhoneNumber::parse(text).map_err(|error| match text {
        "" => RowError::EmptyNumber,
        text => RowError::Number { text, error },
    })
}

impl RowError<'_> {
    /// Its text, with only the last digits of the number.
    pub(super) fn masked(self) -> String {
        match self {
            Self::Number { text, error } => format!("{} {error}", quoted(&masked_digits(text))),
            error => error.to_string(),
        }
    }

    /// What is wrong with the number, if that is the reason.
    pub(super) fn number_error(self) -> Option<NumberError> {
        if let Self::Number { error, .. } = self { Some(error) } else { None }
    }

    /// The report's `error_code`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Ragged { .. } | Self::StillRagged => RAGGED_ROW,
            Self::BrokenUtf8 => "BrokenUtf8",
            Self::EmptyConnector => "EmptyConnector",
            Self::Connector { .. } => "InvalidConnector",
            Self::StillDamaged | Self::DamagedConnector(_) => SPREADSHEET_DAMAGE,
            Self::Number { error, .. } if error.is_spreadsheet_damage() => SPREADSHEET_DAMAGE,
            Self::EmptyNumber | Self::Number { .. } => "InvalidNumber",
        }
    }
}

/// A cell in backticks, cut if long, with the characters that are not seen as escapes.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        None => format!("`{}`", escaped(text)),
        Some((end, _)) => format!("`{}…`", escaped(text.get(..end).unwrap_or_default())),
    }
}
