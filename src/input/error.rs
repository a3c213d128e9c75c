//! Why an input cannot be used, in words that say what to do about it.
//!
//! Must not be about a row: a bad row is not an error.

use std::io;

use super::foreign::ForeignFormat;
use super::status::Status;

/// Why an input cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it; the fields are its parts")]
pub enum InputError {
    #[error("cannot open `{name}`")]
    Open { name: String, source: io::Error },
    #[error("`{name}` is a directory: name a CSV file in it")]
    Directory { name: String },
    #[error("cannot read `{name}`")]
    Read { name: String, source: io::Error },
    #[error("`{name}` {format}")]
    NotCsv { name: String, format: ForeignFormat },
    #[error(
        "`{name}` is empty: its first line must name the columns, such as `voice_connector_id,phone_number`"
    )]
    Empty { name: String },
    #[error("{name}:{line}: the header is not UTF-8: save the file as CSV in UTF-8")]
    HeaderUtf8 { name: String, line: u64 },
    #[error(
        "{name}:{line}: the first line looks like a row: a header is needed above it, such as \
         `voice_connector_id,phone_number`"
    )]
    NoHeader { name: String, line: u64 },
    #[error("{name}:{line}: the header is on this line: delete what is above it")]
    TitleAbove { name: String, line: u64 },
    #[error("`{name}` has no column for the {what}: name it with {option}; its headers are {headers}")]
    MissingColumn { name: String, what: &'static str, option: &'static str, headers: String },
    #[error(
        "`{name}` has several columns for the {what}, {columns}: name one, by its header or its position, with \
         {option}; its headers are {headers}"
    )]
    AmbiguousColumn {
        name: String,
        what: &'static str,
        option: &'static str,
        columns: String,
        headers: String,
    },
    #[error(
        "`{name}` has no column `{column}`: name one of its headers, or its position; its headers are {headers}"
    )]
    NamedColumn { name: String, column: String, headers: String },
    #[error(
        "column `{column}` of `{name}` cannot be both the voice connector and the phone number: name two columns"
    )]
    SameColumn { name: String, column: String },
    #[error(
        "`--connector` is given, and column `{column}` of `{name}` names connectors too: drop the option, or the \
         column from the file"
    )]
    TwoConnectors { name: String, column: String },
    #[error("`{connector}` {error}: name a voice connector with `--connector`")]
    GivenConnector { connector: String, error: String },
    #[error(
        "`{name}` has some of a report's columns, but not {missing}, which say what is done: restore the columns \
         from the report, or rename the others if the file is not a report"
    )]
    PartOfAReport { name: String, missing: String },
    #[error("`{name}` has more than one column `{column}`: rename the ones that are not the report's")]
    ReportColumnTwice { name: String, column: &'static str },
    #[error(
        "{name}:{line}: `status` is `{status}`, as in a report, but the file has no columns `error_code`, \
         `error_message`: restore the columns from the report, or rename `status` if the file is not a report"
    )]
    StatusAlone { name: String, line: u64, status: Status },
    #[error("{delimiter:?} cannot be the delimiter: name a punctuation mark or `tab` with `--delimiter`")]
    Delimiter { delimiter: char },
    #[error(
        "{name}:{line}: a quote opens here and is never closed: all rows below would be part of one \
         field; close it, or double a quote that belongs to the text"
    )]
    UnclosedQuote { name: String, line: u64 },
    #[error(
        "{name}:{line}: a quote opens here and closes below, and line {row} within it looks like a row, which would \
         not be sent: close the quote, or double a quote that belongs to the text"
    )]
    SwallowedRow { name: String, line: u64, row: u64 },
    #[error("`{name}` has more than {} lines", u32::MAX)]
    TooLarge { name: String },
}
