//! A record → what it asks for, or why it cannot be sent.
//!
//! Both passes use it: the first keeps the verdict, and the second computes the reason again, so reasons need not be
//! stored. Must stay a pure function of the record and the layout; must not keep anything about earlier rows.
//!
//! # A report that was edited
//!
//! People edit reports, and spreadsheets rewrite them. **What cannot be read keeps its old standing, and is never
//! sent.** `row_key` tells an edited cell from an untouched one.
//!
//! | status, in any letters → | `succeeded` | `unknown` | `failed`, `not_attempted` | `duplicate`, `invalid` | empty | another word |
//! |---|---|---|---|---|---|---|
//! | untouched, or only in cells that are not needed | done | sent | sent | sent | sent | `UnknownStatus` |
//! | the same, and empty cells at its end, or dropped there | done | sent | sent | sent | sent¹ | `UnknownStatus`¹ |
//! | number or connector edited | done | stays, `Edited` | `Edited` | `Edited`² | sent | `UnknownStatus` |
//! | damaged by a spreadsheet, or not UTF-8 | done | stays, why | stays, why | why | why | `UnknownStatus` |
//! | has gained or lost a field | done | stays, `RaggedRow` | stays, `RaggedRow` | `RaggedRow` | `RaggedRow` | `RaggedRow` |
//! | of the input's own columns only: a new row | | | | | sent | |
//!
//! *done*: not sent, and keeps all its cells. *stays*: not sent, and keeps its status; code and message say why.
//! Everything else that is not sent becomes `invalid`, with the code, or *why*. *sent*: unless it repeats another row.
//!
//! ¹ `RaggedRow` if cells of the report were dropped and others are not empty.
//! ² Not a row that was always invalid: it has no key, and may be corrected freely.
//!
//! `Edited` and `UnknownStatus` hold until the status is emptied, which means: send the row as it stands. What is
//! `unknown` stays so until it is sent again, so that a `NotFound` still means that an earlier attempt worked. The rows
//! of an older report have no keys: they are sent as they stand, unless an exponent or equal rows show damage.

use csv::ByteRecord;

use super::column::{Column, Prior};
use super::connector::{self, ConnectorError};
use super::header::{Connector, LaneColumns, Layout, Who};
use super::ignored::is_ignored;
use super::lane::LaneName;
use super::row_key::RowKey;
use super::status::{Said, Status, text};
use crate::action::Action;
use crate::number::{NumberError, PhoneNumber};
use crate::region::Region;
use crate::text::{escaped, masked_digits, plain};

/// The most characters of a cell that a message quotes.
const QUOTED_CHARS: usize = 40;

/// `error_code` of a row whose number of fields differs from the header's.
pub(super) const RAGGED_ROW: &str = "RaggedRow";

/// `error_code` of a row in which a spreadsheet has lost digits.
const SPREADSHEET_DAMAGE: &str = "SpreadsheetDamage";

/// `error_code` of a row that was changed after it was reported.
const EDITED: &str = "Edited";

/// `error_code` of a row whose status is none of a report's.
const UNKNOWN_STATUS: &str = "UnknownStatus";

/// Whether a record can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    Pending {
        lane: LaneName<'a>,
        connector: &'a str,
        number: PhoneNumber,
        unanswered: bool,
        trace: Trace,
    },
    /// With what can still be read of it.
    Finished {
        /// With its lane.
        connector: Option<(LaneName<'a>, &'a str)>,
        number: Option<PhoneNumber>,
        trace: Trace,
    },
    /// It is not sent, and keeps this status.
    Kept(Status, RowError<'a>),
    Invalid(RowError<'a>),
    /// It asks for nothing.
    Ignored,
}

/// What shows whether a row still asks for what it asked for when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It was never sent.
    New,
    /// An earlier report says that it repeats another row.
    Repeat,
    /// Its key fits.
    Key,
    /// Nothing: an older report has no keys.
    Nothing,
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
    #[error("the number or connector is still what a spreadsheet made of it")]
    StillDamaged,
    #[error("the {0} is not UTF-8")]
    BrokenUtf8(&'static str),
    /// `row_key` does not fit.
    #[error("the row was changed after it was reported; to have it sent as it stands, clear its status")]
    Edited,
    #[error("{} is not a status of a report; to have the row sent, clear its status", quoted(&String::from_utf8_lossy(.0)))]
    UnknownStatus(&'a [u8]),
    /// An earlier report says so, and the status has not been cleared since.
    #[error("its status was not one of a report's; to have the row sent, clear its status")]
    StillUnknownStatus,
    #[error("{} is not an action of this version", quoted(&String::from_utf8_lossy(.0)))]
    UnknownAction(&'a [u8]),
    #[error("the row is of an action `{0}`, and the report of `{1}`: one report has one action")]
    OtherAction(Action, Action),
    #[error("the voice connector is empty")]
    EmptyConnector,
    #[error("{} {error}", quoted(.text))]
    Connector { text: &'a str, error: ConnectorError<'a> },
    /// An id of digits alone, as a spreadsheet saves it.
    #[error("{} {}", quoted(.0), NumberError::ScientificNotation)]
    DamagedConnector(&'a str),
    #[error("the phone number is empty")]
    EmptyNumber,
    #[error("{} is not an AWS region, such as `us-east-1`; if the column is about something else, use --region-column none", quoted(.0))]
    Region(&'a str),
    #[error("the {} is empty", match .0 { Who::Profile => "profile", Who::Account => "account" })]
    EmptyWho(Who),
    #[error("{} {error}", quoted(.text))]
    Number { text: &'a str, error: NumberError },
}

/// Judges a row.
pub(crate) fn judge<'a>(layout: &'a Layout, row: &'a ByteRecord) -> Verdict<'a> {
    if is_ignored(layout, row) {
        return Verdict::Ignored;
    }
    let prior = layout.prior(row);
    let said = prior.as_ref().map_or(Said::Nothing, Prior::said);
    let asked = || {
        let (connector, number) = (connector(layout, row)?, number(layout, row)?);
        Ok((lane(layout, row)?, connector, number))
    };
    let status = match said {
        Said::Other(word) => return Verdict::Invalid(RowError::UnknownStatus(word)),
        Said::Status(status) => Some(status),
        Said::Nothing => None,
    };
    let judged = check(layout, row, prior.as_ref()).and_then(|()| match &prior {
        None => asked().map(|asked| (asked, Trace::New)),
        Some(prior) => compare(layout, row, prior, asked()),
    });
    match (status, judged) {
        (Some(Status::Succeeded), Ok(((lane, connector, number), trace))) => {
            Verdict::Finished { connector: Some((lane, connector)), number: Some(number), trace }
        }
        (Some(Status::Succeeded), Err(error)) => {
            let is_aligned = !matches!(error, RowError::Ragged { .. });
            Verdict::Finished {
                connector: lane(layout, row).ok().zip(connector(layout, row).ok()).filter(|_| is_aligned),
                number: number(layout, row).ok().filter(|_| is_aligned),
                trace: Trace::Nothing,
            }
        }
        (_, Ok(((lane, connector, number), trace))) => {
            Verdict::Pending { lane, connector, number, unanswered: status == Some(Status::Unknown), trace }
        }
        (Some(status @ Status::Unknown), Err(error)) => Verdict::Kept(status, error),
        (Some(status @ (Status::Failed | Status::NotAttempted)), Err(error)) if error != RowError::Edited => {
            Verdict::Kept(status, error)
        }
        (_, Err(error)) => Verdict::Invalid(error),
    }
}

/// Checks that the row is complete, and that an earlier report does not forbid to send it.
fn check<'a>(layout: &Layout, row: &'a ByteRecord, prior: Option<&Prior<'a>>) -> Result<(), RowError<'a>> {
    let Some(prior) = prior else {
        // Delimiters at the end of a row are harmless.
        let extra_is_empty = row.iter().skip(layout.width).all(<[u8]>::is_empty);
        return if row.len() >= layout.width && extra_is_empty {
            Ok(())
        } else {
            Err(ragged(layout, row.len()))
        };
    };
    if !prior.is_aligned() {
        let own = (0..row.len()).filter(|at| !prior.contains(*at)).count();
        return Err(ragged(layout, own));
    }
    let action = prior.cell(Column::Action).trim_ascii();
    match Action::of(text(action)) {
        Some(other) if other != layout.action => return Err(RowError::OtherAction(other, layout.action)),
        None if !action.is_empty() => return Err(RowError::UnknownAction(action)),
        _ => {}
    }
    let is_refused =
        prior.status() == Some(Status::Invalid) && prior.word(Column::ErrorCode) == UNKNOWN_STATUS;
    if is_refused { Err(RowError::StillUnknownStatus) } else { Ok(()) }
}

fn ragged(layout: &Layout, fields: usize) -> RowError<'static> {
    RowError::Ragged { fields, header: layout.own_width() }
}

/// What a row asks for.
type Asked<'a> = (LaneName<'a>, &'a str, PhoneNumber);

/// Compares what the row asks for with what it asked for when it was reported.
fn compare<'a>(
    layout: &Layout,
    row: &ByteRecord,
    prior: &Prior<'_>,
    asked: Result<Asked<'a>, RowError<'a>>,
) -> Result<(Asked<'a>, Trace), RowError<'a>> {
    let key = prior.word(Column::RowKey);
    // The region is not in the key, but the report says where the row was sent.
    let reported = prior.word(Column::Region);
    let fits = asked.as_ref().is_ok_and(|(lane, connector, number)| {
        let is_there = [lane.region, reported].contains(&"") || lane.region == reported;
        is_there && RowKey::new(layout.action, connector, *number).fits(key)
    });
    let status = match prior.status() {
        Some(Status::Duplicate) if fits => return Ok((asked?, Trace::Repeat)),
        _ if fits => return Ok((asked?, Trace::Key)),
        None => return Ok((asked?, Trace::New)), // an empty status means: as it stands
        Some(status) => status,
    };
    let code = prior.word(Column::ErrorCode);
    if code == RAGGED_ROW && is_untouched_padding(layout, row, prior) {
        return Err(RowError::StillRagged);
    }
    let asked = asked?;
    if code == SPREADSHEET_DAMAGE && is_expanded_damage(layout, row, prior) {
        return Err(RowError::StillDamaged);
    }
    if code == EDITED || !prior.cell(Column::RowKey).trim_ascii().is_empty() {
        return Err(RowError::Edited);
    }
    let trace = match status {
        Status::Invalid => Trace::New,
        Status::Duplicate => Trace::Repeat,
        _ => Trace::Nothing,
    };
    Ok((asked, trace))
}

/// A report pads a row that is too short, which makes it look complete: which cell was missing is lost. So such a row
/// stays `RaggedRow` until the user fills its last own cell, or changes its `status` or `error_code`.
fn is_untouched_padding(layout: &Layout, row: &ByteRecord, prior: &Prior<'_>) -> bool {
    let last_own = (0..layout.width).rev().find(|at| !prior.contains(*at));
    last_own.is_some_and(|at| row.get(at).is_none_or(<[u8]>::is_empty))
}

/// Whether the number or the connector is the one of the earlier report's message, without its exponent.
fn is_expanded_damage(layout: &Layout, row: &ByteRecord, prior: &Prior<'_>) -> bool {
    let damaged = prior.word(Column::ErrorMessage).split('`').nth(1).and_then(expanded);
    let columns = [Some(layout.number), layout.connector.column()];
    let cells = columns.into_iter().flatten().filter_map(|column| row.get(column));
    let mut now = cells.map(|cell| text(cell).trim().trim_start_matches('+'));
    damaged.is_some_and(|damaged| now.any(|now| now == damaged))
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
    match plain(readable(cell, "voice connector")?) {
        "" if !layout.action.needs_connector() => Ok(""),
        "" => Err(RowError::EmptyConnector),
        text if text.contains('+') && expanded(text).is_some() => Err(RowError::DamagedConnector(text)),
        text => match connector::check(text) {
            Ok(()) => Ok(text),
            Err(error) => Err(RowError::Connector { text, error }),
        },
    }
}

/// The row's lane; `None` if it has no valid one.
pub(crate) fn lane_of<'a>(layout: &'a Layout, row: &'a ByteRecord) -> Option<LaneName<'a>> {
    lane(layout, row).ok()
}

fn lane<'a>(layout: &'a Layout, row: &'a ByteRecord) -> Result<LaneName<'a>, RowError<'a>> {
    let LaneColumns { region, default_region, who, who_is, default_who } = &layout.lane;
    let cell = |column: Option<usize>, what, default: &'a str| match column {
        None => Ok(""),
        Some(column) => match plain(readable(row.get(column).unwrap_or_default(), what)?) {
            "" => Ok(default),
            cell => Ok(cell),
        },
    };
    let name = LaneName {
        who: cell(*who, "profile or account", default_who)?,
        region: cell(*region, "region", default_region)?,
    };
    if who.is_some() && name.who.is_empty() {
        return Err(RowError::EmptyWho(*who_is));
    }
    if !name.region.is_empty() && Region::parse(name.region).is_err() {
        return Err(RowError::Region(name.region));
    }
    Ok(name)
}

fn number<'a>(layout: &Layout, row: &'a ByteRecord) -> Result<PhoneNumber, RowError<'a>> {
    let text = readable(row.get(layout.number).unwrap_or_default(), "phone number")?;
    PhoneNumber::parse(text).map_err(|error| match text {
        "" => RowError::EmptyNumber,
        text => RowError::Number { text, error },
    })
}

fn readable<'a>(cell: &'a [u8], what: &'static str) -> Result<&'a str, RowError<'a>> {
    std::str::from_utf8(cell).map_err(|_| RowError::BrokenUtf8(what))
}

impl RowError<'_> {
    /// Whether an earlier report has said it, and what it said still holds.
    pub(crate) fn is_unchanged(&self) -> bool {
        matches!(self, Self::StillRagged | Self::StillDamaged | Self::StillUnknownStatus)
    }

    /// Its text, with only the last digits of the number.
    pub(super) fn masked(self) -> String {
        match self {
            Self::Number { text, error } => format!("{} {error}", quoted(&masked_digits(text))),
            error => error.to_string(),
        }
    }

    /// The report's `error_code`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Ragged { .. } | Self::StillRagged => RAGGED_ROW,
            Self::BrokenUtf8(_) => "BrokenUtf8",
            Self::Edited => EDITED,
            Self::UnknownStatus(_) | Self::StillUnknownStatus => UNKNOWN_STATUS,
            Self::UnknownAction(_) => "UnknownAction",
            Self::OtherAction(..) => "OtherAction",
            Self::EmptyConnector => "EmptyConnector",
            Self::Connector { .. } => "InvalidConnector",
            Self::StillDamaged | Self::DamagedConnector(_) => SPREADSHEET_DAMAGE,
            Self::Number { error, .. } if error.is_spreadsheet_damage() => SPREADSHEET_DAMAGE,
            Self::EmptyNumber | Self::Number { .. } => "InvalidNumber",
            Self::Region(_) => "InvalidRegion",
            Self::EmptyWho(Who::Profile) => "EmptyProfile",
            Self::EmptyWho(Who::Account) => "EmptyAccount",
        }
    }
}

/// A cell in backticks, cut if long, with the characters that are not seen as escapes.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        None => format!("`{}`", escaped(text)),
        Some((end, _)) => format!("`{}...`", escaped(text.get(..end).unwrap_or_default())),
    }
}
