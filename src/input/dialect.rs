//! The first bytes of a source → how it is written: its byte order mark, its delimiter and its line ends.
//!
//! Must not know which columns matter.

use std::io::Read;

use csv_core::{ReadFieldResult, Terminator};

use super::column::Column;
use super::error::InputError;
use super::source::Source;

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of a source is searched for its first line's delimiter and end.
const HEADER_BYTES: u64 = 64 * 1024;

/// The delimiters to look for. Of equally frequent ones, the first wins.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// How the file is written. A report is written in the same way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub delimiter: u8,
    /// What ends the header's line.
    pub line_end: Terminator,
    pub byte_order_mark: bool,
}

/// Whether `byte` can separate fields. A letter or digit cannot: it would split the report's own words and counts.
#[must_use]
pub fn can_delimit(byte: u8) -> bool {
    byte == b'\t' || byte == b' ' || byte.is_ascii_punctuation() && byte != b'"'
}

/// Whether `byte` ends a line, alone or as part of `\r\n`.
pub(crate) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

impl Dialect {
    /// Detects how `source` is written. `delimiter`, if given, replaces the one detected from the header.
    pub(crate) fn of(source: &Source, delimiter: Option<u8>) -> Result<Self, InputError> {
        let mut bytes = Vec::new();
        let read = source.reader()?.take(HEADER_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| InputError::Read { name: source.name().into(), source: error })?;
        if let Some(what) = foreign_format(&bytes) {
            return Err(InputError::NotCsv { name: source.name().into(), what });
        }
        if let Some(byte) = delimiter.filter(|byte| !can_delimit(*byte)) {
            return Err(InputError::Delimiter { delimiter: char::from(byte) });
        }
        let byte_order_mark = bytes.starts_with(BYTE_ORDER_MARK);
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
        // A doubled quote inside quotes ends the quoted part and starts it again.
        let outside_quotes = text.split(|byte| *byte == b'"').step_by(2).flatten();
        let text: Vec<u8> = outside_quotes.copied().skip_while(|byte| is_line_end(*byte)).collect();
        let end = text.iter().position(|byte| is_line_end(*byte)).unwrap_or(text.len());
        let (header, rest) = text.split_at(end);
        let line_end = match rest {
            [b'\r', b'\n', ..] => Terminator::CRLF,
            [b'\r', ..] => Terminator::Any(b'\r'),
            _ => Terminator::Any(b'\n'),
        };
        let count = |candidate: &u8| header.split(|byte| byte == candidate).count();
        // `max_by_key` returns the last of equal elements.
        let most_frequent = || DELIMITERS.into_iter().rev().max_by_key(count);
        let delimiter = delimiter.or_else(|| report_delimiter(header)).or_else(most_frequent);
        Ok(Self { delimiter: delimiter.unwrap_or(b','), line_end, byte_order_mark })
    }

    pub(crate) fn reader<R: Read>(self, from: R) -> csv::Reader<R> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(from)
    }

    pub(crate) fn writer(self) -> csv_core::Writer {
        csv_core::WriterBuilder::new().delimiter(self.delimiter).terminator(self.line_end).build()
    }

    /// The offsets at which the fields of a record start in its bytes, quotes included, and the end of the last field.
    /// `raw` must have a delimiter after every field, including the last.
    pub(crate) fn field_starts(self, raw: &[u8]) -> Vec<usize> {
        let mut csv = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        let (mut start, mut starts, mut text) = (0, vec![0], vec![0; raw.len()]);
        csv.read_field(b"\n", &mut text); // so that the first bytes are not a byte order mark
        while let (ReadFieldResult::Field { .. }, read @ 1.., _) = csv.read_field(&raw[start..], &mut text) {
            start += read;
            starts.push(start);
        }
        starts
    }
}

/// The delimiter between the first two columns of every report: more reliable than counting candidates.
fn report_delimiter(header: &[u8]) -> Option<u8> {
    let [first, second, ..] = Column::ALL.map(|column| column.name().as_bytes());
    let mut windows = header.windows(first.len() + 1 + second.len());
    let window = windows.rfind(|window| window.starts_with(first) && window.ends_with(second))?;
    window.get(first.len()).copied().filter(|byte| can_delimit(*byte) && *byte != b'_')
}

/// What the bytes are, if they are not text in UTF-8 (or in an encoding with the same ASCII part).
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, 0, ..] | [_, 0, _, 0, ..] => Some("is saved as UTF-16"),
        [b'P', b'K', 3, 4, ..] => Some("is an Excel workbook or another ZIP file"),
        [0x1f, 0x8b, ..] => Some("is compressed"),
        _ => None,
    }
}
