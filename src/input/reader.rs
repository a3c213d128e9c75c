//! Bytes → records: each with its fields and the exact bytes it was read from.
//!
//! Both passes over an input go through here, so that they cannot disagree on what a row is. Must not know what the
//! columns mean.

use std::io::{self, Read};

use csv::ByteRecord;

use super::dialect::{Dialect, is_line_end};
use super::error::InputError;
use super::source::Source;
use crate::files::Digest;

/// What csv reads after the source's last byte. It reads the second byte as part of a record only if a quote is still
/// open there. Without it, csv would take the end of the file for the closing quote, and rows would vanish in a field.
const SENTINEL: &[u8] = b"\n\n";

/// The records of a source, one after the other, the header first.
pub(crate) struct Records<'a> {
    name: &'a str,
    /// The bytes above the header.
    preamble: Vec<u8>,
    csv: csv::Reader<Tap<'a>>,
    fields: ByteRecord,
    lines: Lines,
}

/// A line of the source; more than one if a quoted field holds line breaks.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r> {
    /// Its bytes, without the line's end.
    pub raw: &'r [u8],
    /// Its fields, without quotes; at least one.
    pub fields: &'r ByteRecord,
    /// The line it begins on, from 1.
    pub line: u64,
    /// Whether it goes on below that line.
    pub spans_lines: bool,
}

impl<'a> Records<'a> {
    /// Starts at the beginning of `source`.
    pub(crate) fn open(source: &'a Source, dialect: Dialect) -> Result<Self, InputError> {
        let (mut reader, mut preamble, mut digest) = (source.reader()?, Vec::new(), Digest::new());
        let above = reader.by_ref().take(dialect.preamble as u64).read_to_end(&mut preamble);
        above.map_err(|error| InputError::Read { name: source.name().into(), source: error })?;
        digest.update(&preamble);
        let tap =
            Tap { source: reader, digest, sentinel: SENTINEL, kept: Vec::new(), start: 0, wanted_from: 0 };
        let csv = dialect.reader(tap);
        let mut lines = Lines { line: 1, last: 0 };
        lines.pass(&preamble);
        Ok(Self { name: source.name(), preamble, csv, fields: ByteRecord::new(), lines })
    }

    /// The bytes above the header, which a report repeats.
    pub(crate) fn preamble(&self) -> &[u8] {
        &self.preamble
    }

    /// The next record, or `None` at the end. Blank lines are skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, InputError> {
        let start = self.csv.position().byte();
        self.csv.get_mut().wanted_from = start;
        let found = self
            .csv
            .read_byte_record(&mut self.fields)
            .map_err(|error| InputError::Read { name: self.name.into(), source: error.into() })?;
        if !found {
            return Ok(None);
        }
        let end = self.csv.position().byte();
        let tap = self.csv.get_ref();
        let bytes = tap.kept(start, end);
        let blank = bytes.iter().take_while(|byte| is_line_end(**byte)).count();
        let (blank, text) = bytes.split_at(blank);
        let line = self.lines.pass(blank);
        let next = self.lines.pass(text);
        if tap.has_ended_at(end) {
            let field = self.fields.iter().next_back().unwrap_or_default();
            let line = next - Lines { line: 0, last: 0 }.pass(field);
            return Err(InputError::UnclosedQuote { name: self.name.into(), line });
        }
        let raw = text.split_last().map_or(text, |(_, raw)| raw);
        Ok(Some(Record { raw, fields: &self.fields, line, spans_lines: next - line > 1 }))
    }

    /// The digest of what was read: of the whole source, once [`Self::next`] has returned `None`.
    pub(crate) fn digest(&self) -> Box<str> {
        self.csv.get_ref().digest.finish()
    }
}

/// Counts lines. As in an editor, `\n`, `\r\n` and `\r` each end one.
struct Lines {
    /// The line on which the next byte is.
    line: u64,
    /// The byte before it.
    last: u8,
}

impl Lines {
    /// Passes over `bytes`; returns the line after them.
    fn pass(&mut self, bytes: &[u8]) -> u64 {
        for &byte in bytes {
            self.line += u64::from(byte == b'\r' || byte == b'\n' && self.last != b'\r');
            self.last = byte;
        }
        self.line
    }
}

/// Digests what csv reads, and keeps the bytes of the record that it is reading.
struct Tap<'a> {
    source: Box<dyn Read + 'a>,
    digest: Digest,
    sentinel: &'static [u8],
    /// The bytes from `start` on.
    kept: Vec<u8>,
    start: u64,
    wanted_from: u64,
}

impl Tap<'_> {
    fn kept(&self, from: u64, to: u64) -> &[u8] {
        let at = |byte: u64| usize::try_from(byte - self.start).unwrap_or(usize::MAX);
        self.kept.get(at(from)..at(to)).unwrap_or_default()
    }

    /// Whether everything has been read, including the sentinel, and a record ends at `end`.
    fn has_ended_at(&self, end: u64) -> bool {
        self.sentinel.is_empty() && end == self.start + self.kept.len() as u64
    }
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = self.source.read(buffer)?;
        self.digest.update(&buffer[..length]);
        if length == 0 {
            length = self.sentinel.read(buffer)?;
        }
        // Here, and not after each record, so that the bytes are moved once per buffer.
        let spent = usize::try_from(self.wanted_from - self.start).unwrap_or(usize::MAX);
        self.kept.drain(..spent.min(self.kept.len()));
        self.start = self.wanted_from;
        self.kept.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}
