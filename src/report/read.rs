//! A report → its rows as written, one at a time. No row is judged again.
//!
//! Must not keep a row, nor decide what a rerun would do with it.

use std::borrow::Cow;

use super::cell::disarmed;
use super::seen::is_done;
use crate::action::Action;
use crate::input::{
    Column, Connector, Header, InputError, InputOptions, LaneName, Prior, RowKey, Source, Status,
    check_header, check_record, is_ignored, lane_of,
};
use crate::number::PhoneNumber;
use crate::text::plain;

/// A row of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported<'a> {
    /// The line on which it begins.
    pub line: u64,
    /// `status`; `None` if the cell is empty or is not a status.
    pub status: Option<Status>,
    /// `error_code`.
    pub code: Cow<'a, str>,
    /// `error_message`.
    pub message: Cow<'a, str>,
    /// `attempts`, as it is written.
    pub attempts: Cow<'a, str>,
    /// `request_id`.
    pub request_id: Cow<'a, str>,
    /// `completed_at`, as it is written.
    pub completed_at: Cow<'a, str>,
    /// `action`; `None` if the cell is empty or is not an action.
    pub action: Option<Action>,
    /// `row_key`, as it is written.
    pub row_key: Cow<'a, str>,
    /// `before`.
    pub before: Cow<'a, str>,
    /// `verified`, as it is written.
    pub verified: Cow<'a, str>,
    /// `account_id`, as it is written.
    pub account_id: Cow<'a, str>,
    /// `region`, as it is written.
    pub region: Cow<'a, str>,
    /// Its account and region as its own columns name them.
    pub lane: LaneName<'a>,
    /// The connector's cell, without white space around it.
    pub connector: Cow<'a, str>,
    /// The number's cell.
    pub number: Cow<'a, str>,
}

impl Reported<'_> {
    /// The number's last digits; `None` if the cell is not a valid number.
    #[must_use]
    pub fn masked_number(&self) -> Option<String> {
        PhoneNumber::parse(&self.number).ok().map(|number| number.masked().to_string())
    }

    /// Whether nothing shows that its connector or its number was edited. An older report has no keys to tell.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        let key = |number| RowKey::new(self.action.unwrap_or_default(), &self.connector, number);
        self.row_key.is_empty()
            || PhoneNumber::parse(&self.number).is_ok_and(|number| key(number).fits(&self.row_key))
    }

    /// Whether it succeeded, but its number was seen where it should no longer be.
    #[must_use]
    pub(crate) fn is_contradicted(&self) -> bool {
        self.status == Some(Status::Succeeded)
            && !self.verified.is_empty()
            && !is_done(self.action.unwrap_or_default(), &self.verified)
    }

    /// Whether the simulator answered, not the service.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.request_id.starts_with("sim-")
    }
}

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It lacks a report's columns.
    #[error("`{0}` is not a report: it has no columns `status`, `error_code` … that chime-sweep writes")]
    NotAReport(String),
    /// It cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Calls `each` with the rows of the report `source`, in order.
///
/// # Errors
/// If it is not a report, or cannot be read to its end.
pub fn read(
    source: &Source,
    options: &InputOptions,
    mut each: impl FnMut(Reported<'_>),
) -> Result<(), ReadError> {
    let (header, mut records) = Header::read(source, options)?;
    if !header.is_report() {
        return Err(ReadError::NotAReport(source.name().into()));
    }
    let layout = header.layout(options)?;
    check_header(&header, &layout)?;
    while let Some(record) = records.next()? {
        check_record(source.name(), &layout, &record)?;
        let row = record.fields;
        if is_ignored(&layout, row) {
            continue;
        }
        let prior = layout.prior(row);
        let cell = |column| prior.as_ref().map_or(b"" as &[u8], |prior| prior.cell(column));
        let cell = |column| String::from_utf8_lossy(cell(column));
        // In a row that has lost or gained a field, it is unclear which cell is which.
        let is_aligned = prior.as_ref().is_some_and(Prior::is_aligned);
        let own = |column| row.get(column).filter(|_| is_aligned).unwrap_or_default();
        each(Reported {
            line: record.line,
            status: prior.as_ref().and_then(Prior::status),
            code: disarmed(cell(Column::ErrorCode)),
            message: disarmed(cell(Column::ErrorMessage)),
            attempts: cell(Column::Attempts),
            request_id: disarmed(cell(Column::RequestId)),
            completed_at: cell(Column::CompletedAt),
            action: Action::of(&cell(Column::Action)),
            row_key: cell(Column::RowKey),
            before: disarmed(cell(Column::Before)),
            verified: cell(Column::Verified),
            account_id: cell(Column::AccountId),
            region: cell(Column::Region),
            lane: lane_of(&layout, row).filter(|_| is_aligned).unwrap_or_default(),
            connector: match &layout.connector {
                Connector::Given(connector) => Cow::Borrowed(connector),
                Connector::Column(column) => match std::str::from_utf8(own(*column)) {
                    Ok(cell) => plain(cell).into(),
                    Err(_) => String::from_utf8_lossy(own(*column).trim_ascii()),
                },
            },
            number: String::from_utf8_lossy(own(layout.number)),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIX: &str = "status,error_code,error_message,attempts,request_id,completed_at";

    fn rows(csv: &str, options: &InputOptions) -> Vec<String> {
        let source = Source::from_bytes("r.csv", csv.into());
        let mut rows = Vec::new();
        read(&source, options, |row| {
            let status = row.status.map_or("-", Status::as_str);
            let number = row.masked_number().unwrap_or_default();
            rows.push(format!(
                "{} {} {number} {status} {} {}",
                row.line, row.connector, row.code, row.message
            ));
        })
        .unwrap();
        rows
    }

    #[test]
    fn rows_are_read_as_written_whatever_other_columns_there_are() {
        let csv = format!(
            "\u{feff}note,vc_id,phone,{SIX},mine\r\n\r\n\
             x,vc,+12065550100,failed,Forbidden,\"no, never\",1,r,,m\r\n\
             x,vc,+12065550101,,,,1,,,m\r\n\
             x, vc ,bad,invalid,InvalidNumber,\"'=1\",0,,,m\r\n\
             lonely\r\n\
             x,vc,+12065550102,Done,,,1,,,m\r\n"
        );
        let expected = [
            "3 vc …0100 failed Forbidden no, never",
            "4 vc …0101 -  ",
            "5 vc  invalid InvalidNumber =1",
            "6   -  ",
            "7 vc …0102 -  ",
        ];
        assert_eq!(rows(&csv, &InputOptions::default()), expected);
    }

    #[test]
    fn every_delimiter_is_found_from_the_reports_own_columns() {
        for delimiter in [",", ";", "\t", "|", "~"] {
            let csv =
                format!("vc_id,phone,{SIX}\nvc,+12065550100,succeeded,,,1,r,\n").replace(',', delimiter);
            assert_eq!(rows(&csv, &InputOptions::default()), ["2 vc …0100 succeeded  "], "{delimiter}");
        }
    }

    #[test]
    fn one_connector_can_be_given_for_all_rows() {
        let options = InputOptions { connector: Some("vc9".into()), ..InputOptions::default() };
        assert_eq!(
            rows(&format!("phone,{SIX}\n+20,succeeded,,,1,r,\n"), &options),
            ["2 vc9 …0020 succeeded  "]
        );
    }

    #[test]
    fn a_file_that_is_not_a_report_is_refused() {
        for csv in ["vc_id,phone\nvc,+20\n", "a,b\n1,2\n", "status,phone\n", "", "PK\u{3}\u{4}"] {
            let source = Source::from_bytes("r.csv", csv.into());
            let error = read(&source, &InputOptions::default(), |_| {}).unwrap_err().to_string();
            assert!(error.contains("`r.csv` is "), "{csv:?}: {error}");
        }
    }
}
