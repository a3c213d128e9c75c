//! The first bytes of a source → the ways in which it may be written, the most likely one first: what is above its
//! header, its delimiter and its line ends.
//!
//! Must not know which columns matter: the header decides between the candidates.

use std::io::Read;

use csv_core::{ReadFieldResult, Terminator};

use super::column::Column;
use super::error::InputError;
use super::foreign::{BYTE_ORDER_MARK, foreign_format};
use super::source::Source;

/// How much of a source is searched for its first line's delimiter and end.
const HEADER_BYTES: u64 = 64 * 1024;

/// The delimiters to look for. Of equally frequent ones, the first wins.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many lines above the header are searched through, to say where the header is.
const TITLE_LINES: usize = 10;

/// How the file is written. A report is written in the same way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub delimiter: u8,
    /// What ends the header's line.
    pub line_end: Terminator,
    /// How many bytes are above the header: byte order marks, a line `sep=;`, comments.
    pub preamble: usize,
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
    /// The ways in which `source` may be written, at least one. `delimiter`, if given, replaces those that are detected.
    pub(crate) fn candidates(source: &Source, delimiter: Option<u8>) -> Result<Vec<Self>, InputError> {
        let bytes = beginning(source)?;
        if let Some(format) = foreign_format(&bytes) {
            return Err(InputError::NotCsv { name: source.name().into(), format });
        }
        if let Some(byte) = delimiter.filter(|byte| !can_delimit(*byte)) {
            return Err(InputError::Delimiter { delimiter: char::from(byte) });
        }
        let (start, separator) = after_marks(&bytes);
        let delimiter = delimiter.or(separator);
        // A header may begin with `#`, but a comment is more likely.
        let mut starts = vec![after_comments(&bytes, start), start];
        starts.dedup();
        Ok(starts.into_iter().flat_map(|start| Self::at(&bytes, start, delimiter)).collect())
    }

    /// The ways in which `source` may be written if its header is not its first line.
    pub(crate) fn below_a_title(source: &Source, delimiter: Option<u8>) -> Result<Vec<Self>, InputError> {
        let bytes = beginning(source)?;
        let starts = std::iter::successors(Some(0), |start| after_line(&bytes, *start));
        let starts = starts.skip(1).take(TITLE_LINES);
        Ok(starts.flat_map(|start| Self::at(&bytes, start, delimiter)).collect())
    }

    /// The candidates for a source whose header is at `start`, or below blank lines there.
    fn at(bytes: &[u8], start: usize, delimiter: Option<u8>) -> Vec<Self> {
        // A doubled quote inside quotes ends the quoted part and starts it again.
        let outside_quotes = bytes[start..].split(|byte| *byte == b'"').step_by(2).flatten();
        let text: Vec<u8> = outside_quotes.copied().skip_while(|byte| is_line_end(*byte)).collect();
        let end = text.iter().position(|byte| is_line_end(*byte)).unwrap_or(text.len());
        let (header, rest) = text.split_at(end);
        let line_end = match rest {
            // `\r\r\n` is what two conversions leave.
            [b'\r', b'\n', ..] | [b'\r', b'\r', b'\n', ..] => Terminator::CRLF,
            [b'\r', ..] => Terminator::Any(b'\r'),
            _ => Terminator::Any(b'\n'),
        };
        let count = |candidate: &u8| header.split(|byte| byte == candidate).count();
        let mut delimiters = DELIMITERS;
        delimiters.sort_by_key(|candidate| std::cmp::Reverse(count(candidate)));
        let delimiters = match delimiter.or_else(|| report_delimiter(header)) {
            Some(delimiter) => vec![delimiter],
            None => delimiters.to_vec(),
        };
        delimiters.into_iter().map(|delimiter| Self { delimiter, line_end, preamble: start }).collect()
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

    /// What [`field_starts`] reads with. Keep it for all records: `csv_core` builds a table for each reader.
    pub(crate) fn splitter(self) -> csv_core::Reader {
        csv_core::ReaderBuilder::new().delimiter(self.delimiter).build()
    }
}

/// The offsets at which the fields of a record start in its bytes, quotes included, and the end of the last field.
/// `raw` must have a delimiter after every field, including the last.
pub(crate) fn field_starts(splitter: &mut csv_core::Reader, raw: &[u8]) -> Vec<usize> {
    let (mut start, mut starts, mut text) = (0, vec![0], vec![0; raw.len()]);
    splitter.reset();
    splitter.read_field(b"\n", &mut text); // so that the first bytes are not a byte order mark
    while let (ReadFieldResult::Field { .. }, read @ 1.., _) = splitter.read_field(&raw[start..], &mut text) {
        start += read;
        starts.push(start);
    }
    starts
}

/// The delimiter between the first two columns of every report: more reliable than counting candidates.
fn report_delimiter(header: &[u8]) -> Option<u8> {
    let [first, second, ..] = Column::ALL.map(|column| column.name().as_bytes());
    let mut windows = header.windows(first.len() + 1 + second.len());
    let window = windows.rfind(|window| window.starts_with(first) && window.ends_with(second))?;
    window.get(first.len()).copied().filter(|byte| can_delimit(*byte) && *byte != b'_')
}

/// The first bytes of `source`.
fn beginning(source: &Source) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    let read = source.reader()?.take(HEADER_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| InputError::Read { name: source.name().into(), source: error })?;
    Ok(bytes)
}

/// Where the first line begins after byte order marks and a line such as `sep=;`, which names the delimiter to
/// spreadsheets.
fn after_marks(bytes: &[u8]) -> (usize, Option<u8>) {
    let mut start = 0;
    while bytes[start..].starts_with(BYTE_ORDER_MARK) {
        start += BYTE_ORDER_MARK.len();
    }
    let end = after_line(bytes, start).unwrap_or(bytes.len());
    let line = bytes[start..end].trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [name @ .., delimiter] if name.eq_ignore_ascii_case(b"sep=") && can_delimit(*delimiter) => {
            (end, Some(*delimiter))
        }
        // A tab is cut off the line's end with the line end.
        name if name.eq_ignore_ascii_case(b"sep=") && bytes[start..end].contains(&b'\t') => {
            (end, Some(b'\t'))
        }
        _ => (start, None),
    }
}

/// Where the first line begins that is neither blank nor a comment, such as `#TYPE System.Object`; `start` if there is
/// none.
fn after_comments(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while matches!(bytes.get(at), Some(b'#' | b'\r' | b'\n')) {
        let Some(next) = after_line(bytes, at) else { return start };
        at = next;
    }
    if bytes[start..at].contains(&b'#') { at } else { start }
}

/// Where the line after the one at `start` begins, if there is one.
fn after_line(bytes: &[u8], start: usize) -> Option<usize> {
    let end = start + bytes[start..].iter().position(|byte| is_line_end(*byte))?;
    let next = end + if bytes[end..].starts_with(b"\r\n") { 2 } else { 1 };
    Some(next).filter(|next| *next < bytes.len())
}
