//! Bytes → records: each with its fields, and with the very bytes it was read from.
//!
//! Both passes over an input go through here, so that they cannot disagree on what a row is. Must not know what the
//! columns mean.

use std::io::{self, Cursor, Read};
use std::ops::Range;

use csv::ByteRecord;
use serde::{Deserialize, Serialize};

use super::dialect::{Dialect, is_line_end};
use super::error::InputError;
use super::lines::{Line, Lines};
use super::source::{Source, SourceReader};
use crate::digest::Digest;

/// How much csv reads at a time.
const BUFFER_BYTES: usize = 16 * 1024;

/// What tells one input from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The digest of its bytes.
    pub digest: Box<str>,
    /// Their number.
    pub bytes: u64,
}

/// The records of a source, one after the other, the header first.
///
/// csv reads them from the first quote on. Before it, a record is a line, and its fields are what stands between the
/// delimiters: to find that out byte by byte takes as long as all the rest of reading a row.
pub(crate) struct Records<'a> {
    name: &'a str,
    delimiter: u8,
    text: Text<'a>,
    /// Of the last record: where its fields are.
    spans: Vec<Range<usize>>,
}

enum Text<'a> {
    Lines(Box<Lines<Hashed<'a>>>),
    Quoted(Box<Quoted<'a>>),
    /// Only while the one becomes the other.
    Nowhere,
}

/// What csv reads.
struct Quoted<'a> {
    csv: csv::Reader<Tee<io::Chain<Cursor<Vec<u8>>, Hashed<'a>>>>,
    fields: ByteRecord,
    /// Lines before those that csv counts.
    lines_before: u64,
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
    pub fields: Fields<'a>,
    /// The line it begins on, from 1.
    pub line: u64,
}

/// The fields of a record, as places in a text; between them the text may have anything that is a character by itself.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    raw: &'a [u8],
    spans: &'a [Range<usize>],
    /// The same, if it is known to be text, and each field too.
    text: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// How many there are; at least one.
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// The field in this column.
    pub fn get(self, column: usize) -> Option<&'a [u8]> {
        self.raw.get(self.span(column)?)
    }

    /// Where the field of this column is in [`Self::text`].
    pub fn span(self, column: usize) -> Option<Range<usize>> {
        self.spans.get(column).cloned()
    }

    /// What they are places in, if it is UTF-8, and each field too: a character must not begin in one and end in the
    /// next.
    pub fn text(self) -> Option<&'a str> {
        self.text.or_else(|| {
            let text = std::str::from_utf8(self.raw).ok()?;
            self.spans.iter().all(|field| text.is_char_boundary(field.end)).then_some(text)
        })
    }

    /// All, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.spans.iter().map(move |span| &self.raw[span.clone()])
    }
}

impl<'a> Records<'a> {
    /// Starts at the beginning of `source`. With `hash`, [`Self::fingerprint`] has an answer at the end.
    pub fn open(source: &'a Source, dialect: Dialect, hash: bool) -> Result<Self, InputError> {
        let hashed = Hashed { inner: source.reader()?, bytes: 0, digest: hash.then(Digest::new) };
        Ok(Self {
            name: source.name(),
            delimiter: dialect.delimiter,
            text: Text::Lines(Box::new(Lines::new(hashed))),
            spans: Vec::new(),
        })
    }

    /// The next record, or `None` at the end. Blank lines are skipped.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, InputError> {
        let unreadable = |source| InputError::Read { name: self.name.into(), source };
        let found = if let Text::Lines(lines) = &mut self.text {
            lines.next().map_err(unreadable)?
        } else {
            Line::Special
        };
        match found {
            Line::Plain(place, line) => {
                let text = if let Text::Lines(lines) = &self.text { lines.text(place) } else { "" };
                let raw = text.as_bytes();
                split_plain(raw, self.delimiter, &mut self.spans);
                Ok(Some(Record { raw, fields: Fields { raw, spans: &self.spans, text: Some(text) }, line }))
            }
            Line::End => Ok(None),
            Line::Special => self.next_quoted(),
        }
    }

    fn next_quoted(&mut self) -> Result<Option<Record<'_>>, InputError> {
        self.text = match std::mem::replace(&mut self.text, Text::Nowhere) {
            Text::Lines(lines) => Text::Quoted(Box::new(Quoted::after(*lines, self.delimiter))),
            text => text,
        };
        match &mut self.text {
            Text::Quoted(quoted) => quoted.next(self.name, self.delimiter, &mut self.spans),
            Text::Lines(_) | Text::Nowhere => Ok(None),
        }
    }

    /// The fingerprint of what was read: of the whole source, once [`Self::next`] has returned `None`.
    pub fn fingerprint(self) -> Option<Fingerprint> {
        match self.text {
            Text::Lines(lines) => lines.into_source().fingerprint(),
            Text::Quoted(quoted) => quoted.csv.into_inner().inner.into_inner().1.fingerprint(),
            Text::Nowhere => None,
        }
    }
}

impl<'a> Quoted<'a> {
    /// Goes on where `lines` stopped, at the start of a line.
    fn after(lines: Lines<Hashed<'a>>, delimiter: u8) -> Self {
        let (mut rest, source, lines_before) = lines.into_rest();
        // A line break, lest csv takes the first bytes for a byte order mark; it is one line more.
        rest.insert(0, b'\n');
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Tee::new(Cursor::new(rest).chain(source)));
        Self { csv, fields: ByteRecord::new(), lines_before, lone_returns: 0, ended_by_return: false }
    }

    fn next<'r>(
        &'r mut self,
        name: &str,
        delimiter: u8,
        spans: &'r mut Vec<Range<usize>>,
    ) -> Result<Option<Record<'r>>, InputError> {
        let start = self.csv.position().clone();
        self.csv.get_mut().forget_before(start.byte());
        let found = self
            .csv
            .read_byte_record(&mut self.fields)
            .map_err(|error| InputError::Read { name: name.into(), source: error.into() })?;
        if !found {
            return Ok(None);
        }
        let end = self.csv.position().byte();
        let span = self.csv.get_ref().kept(start.byte()..end);
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
        // Less the line break that was put before.
        let line = self.lines_before + start.line() + newlines + self.lone_returns - 1;
        if self.csv.get_ref().at_end {
            check_quotes(text, delimiter).map_err(|newlines_before| InputError::UnclosedQuote {
                name: name.into(),
                line: line + newlines_before,
            })?;
        }
        let raw = text.strip_suffix(b"\n").or_else(|| text.strip_suffix(b"\r")).unwrap_or(text);
        spans.clear();
        spans.extend((0..self.fields.len()).filter_map(|column| self.fields.range(column)));
        let fields = Fields { raw: self.fields.as_slice(), spans, text: None };
        Ok(Some(Record { raw, fields, line }))
    }
}

/// The fields of a line without quotes.
fn split_plain(line: &[u8], delimiter: u8, spans: &mut Vec<Range<usize>>) {
    spans.clear();
    let mut start = 0;
    let mut end_at = |end| {
        spans.push(start..end);
        start = end + 1;
    };
    // Eight bytes at a time: what searches faster in a long text takes longer to set up than a line does.
    let (words, rest) = line.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let mut found = equal_bytes(u64::from_le_bytes(*word), delimiter);
        while found != 0 {
            end_at(8 * at + found.trailing_zeros() as usize / 8);
            found &= found - 1;
        }
    }
    for (at, _) in rest.iter().enumerate().filter(|(_, byte)| **byte == delimiter) {
        end_at(8 * words.len() + at);
    }
    spans.push(start..line.len());
}

/// The highest bit of each byte of `word` that is `byte`.
fn equal_bytes(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differs = word ^ u64::from_le_bytes([byte; 8]);
    !((differs & LOW).wrapping_add(LOW) | differs | LOW)
}

/// Counts and hashes what is read.
struct Hashed<'a> {
    inner: SourceReader<'a>,
    bytes: u64,
    digest: Option<Digest>,
}

impl Hashed<'_> {
    fn fingerprint(self) -> Option<Fingerprint> {
        Some(Fingerprint { digest: self.digest?.finish(), bytes: self.bytes })
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes += length as u64;
        if let Some(digest) = &mut self.digest {
            digest.update(buffer.get(..length).unwrap_or_default());
        }
        Ok(length)
    }
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

/// Keeps the bytes that csv has read ahead or is reading.
struct Tee<R> {
    inner: R,
    /// The bytes from `base` on.
    kept: Vec<u8>,
    base: u64,
    wanted_from: u64,
    at_end: bool,
}

impl<R> Tee<R> {
    fn new(inner: R) -> Self {
        Self { inner, kept: Vec::new(), base: 0, wanted_from: 0, at_end: false }
    }

    fn forget_before(&mut self, byte: u64) {
        self.wanted_from = byte;
    }

    fn kept(&self, range: Range<u64>) -> &[u8] {
        let at = |byte: u64| usize::try_from(byte - self.base).unwrap_or(usize::MAX);
        self.kept.get(at(range.start)..at(range.end)).unwrap_or_default()
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
        Ok(length)
    }
}
