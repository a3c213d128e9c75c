//! Bytes → records: each with its fields, and with the very bytes it was read from.
//!
//! Both passes over an input go through here, so that they cannot disagree on what a row is. Must not know what the
//! columns mean.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::ops::Range;

use csv::ByteRecord;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::InputError;
use super::header::Dialect;
use super::source::{Source, SourceReader};

/// How much is read at a time: enough to make system calls rare, and small beside the rows.
const BUFFER_BYTES: usize = 16 * 1024;

/// What tells one input from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: Box<str>,
    /// Their number.
    pub bytes: u64,
}

/// The records of a source, one after the other, the header first.
pub(crate) struct Records<'a> {
    name: &'a str,
    delimiter: u8,
    csv: csv::Reader<Tee<SourceReader<'a>>>,
    fields: ByteRecord,
    /// Lines that a `\r` without `\n` ended; csv counts the others.
    lone_returns: u64,
    ended_by_return: bool,
}

/// A line of the source; more than one if a quoted field holds line breaks.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// Its bytes, without a byte order mark and without the line's end.
    pub raw: &'a [u8],
    /// Its fields, without quotes.
    pub fields: &'a ByteRecord,
    /// The line it begins on, from 1.
    pub line: u64,
}

impl<'a> Records<'a> {
    /// Starts at the beginning of `source`. With `hash`, [`Self::fingerprint`] has an answer at the end.
    pub fn open(source: &'a Source, dialect: Dialect, hash: bool) -> Result<Self, InputError> {
        let tee = Tee::new(source.reader()?, hash.then(Sha256::new));
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(tee);
        Ok(Self {
            name: source.name(),
            delimiter: dialect.delimiter,
            csv,
            fields: ByteRecord::new(),
            lone_returns: 0,
            ended_by_return: false,
        })
    }

    /// The next record, or `None` at the end. Blank lines are skipped.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, InputError> {
        let start = self.csv.position().clone();
        self.csv.get_mut().forget_before(start.byte());
        let found = self
            .csv
            .read_byte_record(&mut self.fields)
            .map_err(|error| InputError::Read { name: self.name.into(), source: error.into() })?;
        if !found {
            return Ok(None);
        }
        let end = self.csv.position().byte();
        let span = self.csv.get_ref().kept(start.byte()..end);
        let span = if start.byte() == 0 { span.strip_prefix(BYTE_ORDER_MARK).unwrap_or(span) } else { span };
        let blank = span.iter().take_while(|byte| is_line_end(**byte)).count();
        let (blank, text) = span.split_at(blank);
        let mut newlines = 0;
        let mut after_return = self.ended_by_return;
        for byte in blank {
            newlines += u64::from(*byte == b'\n');
            self.lone_returns += u64::from(after_return && *byte == b'\r');
            after_return = *byte == b'\r';
        }
        self.lone_returns += u64::from(after_return);
        self.ended_by_return = text.ends_with(b"\r");
        let line = start.line() + newlines + self.lone_returns;
        if self.csv.get_ref().at_end {
            check_quotes(text, self.delimiter).map_err(|newlines_before| InputError::UnclosedQuote {
                name: self.name.into(),
                line: line + newlines_before,
            })?;
        }
        let raw = text.strip_suffix(b"\n").or_else(|| text.strip_suffix(b"\r")).unwrap_or(text);
        Ok(Some(Record { raw, fields: &self.fields, line }))
    }

    /// The fingerprint of what was read: of the whole source, once [`Self::next`] has returned `None`.
    pub fn fingerprint(self) -> Option<Fingerprint> {
        self.csv.into_inner().fingerprint()
    }
}

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(crate) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// `Err` with the number of line breaks before the field whose quote stays open. csv takes the end of the file for
/// the quote's end: rows would vanish in a field without a word.
fn check_quotes(text: &[u8], delimiter: u8) -> Result<(), u64> {
    let mut spans = Vec::new();
    if split_fields(text, delimiter, &mut spans) {
        return Ok(());
    }
    let before = spans.last().map_or(0, |last| last.start);
    Err(text.iter().take(before).map(|byte| u64::from(*byte == b'\n')).sum())
}

/// Finds where the fields of `raw` begin and end, quotes included, by the rules by which csv reads them. Returns
/// whether the last field is whole: its quote, if it opens with one, is closed.
pub(crate) fn split_fields(raw: &[u8], delimiter: u8, spans: &mut Vec<Range<usize>>) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Start,
        Bare,
        Quoted,
        /// After a quote inside quotes: their end, or the first of a doubled quote.
        Quote,
    }
    spans.clear();
    let (mut start, mut state) = (0, At::Start);
    for (at, &byte) in raw.iter().enumerate() {
        state = match (state, byte) {
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) | (At::Quote | At::Start, b'"') => At::Quoted,
            (_, byte) if byte == delimiter => {
                spans.push(start..at);
                start = at + 1;
                At::Start
            }
            _ => At::Bare,
        };
    }
    spans.push(start..raw.len());
    state != At::Quoted
}

/// Keeps the bytes that csv has read ahead or is reading, and hashes all.
struct Tee<R> {
    inner: R,
    /// The bytes from `base` on.
    kept: Vec<u8>,
    base: u64,
    wanted_from: u64,
    at_end: bool,
    hash: Option<Sha256>,
}

impl<R> Tee<R> {
    fn new(inner: R, hash: Option<Sha256>) -> Self {
        Self { inner, kept: Vec::new(), base: 0, wanted_from: 0, at_end: false, hash }
    }

    fn forget_before(&mut self, byte: u64) {
        self.wanted_from = byte;
    }

    fn kept(&self, range: Range<u64>) -> &[u8] {
        let at = |byte: u64| usize::try_from(byte - self.base).unwrap_or(usize::MAX);
        self.kept.get(at(range.start)..at(range.end)).unwrap_or_default()
    }

    fn fingerprint(self) -> Option<Fingerprint> {
        let bytes = self.base + self.kept.len() as u64;
        let digest = self.hash?.finalize();
        let sha256 = digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Some(Fingerprint { sha256: sha256.into(), bytes })
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let read = buffer.get(..length).unwrap_or_default();
        self.at_end |= read.is_empty();
        if !read.is_empty() {
            // Here, and not after each record, so that the bytes are moved once per buffer.
            let spent = usize::try_from(self.wanted_from - self.base).unwrap_or(usize::MAX);
            self.kept.drain(..spent.min(self.kept.len()));
            self.base = self.wanted_from;
            self.kept.extend_from_slice(read);
        }
        if let Some(hash) = &mut self.hash {
            hash.update(read);
        }
        Ok(length)
    }
}
