//! Bytes → lines: the quick way through a source that has no quotes, as most have none.
//!
//! Must not guess: at the first byte that can mean more than itself, it stops, for csv to read the rest. So it does at a
//! byte that is not UTF-8.

use std::io::{self, Read};
use std::ops::Range;

use super::dialect::BYTE_ORDER_MARK;

/// How much is read at a time: enough to make system calls rare, and small beside the rows. In tests so little that
/// every place in a line is at its end once.
const CHUNK: usize = if cfg!(test) { 5 } else { 64 * 1024 };

/// The lines of a source, one after the other.
pub(super) struct Lines<R> {
    source: R,
    /// Text, because to check it line by line takes several times as long.
    buffer: String,
    /// What follows it and is not UTF-8, or not yet.
    rest: Vec<u8>,
    broken: bool,
    /// Where in the buffer the next line begins.
    start: usize,
    /// How many lines came before it.
    before: u64,
    begun: bool,
    at_end: bool,
}

/// What comes next.
pub(super) enum Line {
    /// A line that is a record, with its fields as they stand there: where it is ([`Lines::text`]), and its number from 1.
    Plain(Range<usize>, u64),
    /// A line with a quote in it, or with a `\r` that may end it.
    Special,
    /// Nothing.
    End,
}

impl<R: Read> Lines<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: String::new(),
            rest: Vec::new(),
            broken: false,
            start: 0,
            before: 0,
            begun: false,
            at_end: false,
        }
    }

    /// The next line that is not blank.
    #[inline]
    pub fn next(&mut self) -> io::Result<Line> {
        if !self.begun {
            self.begin()?;
        }
        let mut searched = 0;
        loop {
            let text = &self.buffer.as_bytes()[self.start..];
            let found = memchr::memchr3(b'\n', b'\r', b'"', &text[searched..]).map(|at| searched + at);
            let (end, next) = match found.map(|at| (at, &text[at..])) {
                Some((at, [b'\n', ..])) => (at, at + 1),
                Some((at, [b'\r', b'\n', ..])) => (at, at + 2),
                None if self.broken => return Ok(Line::Special),
                None if self.at_end => (text.len(), text.len()),
                Some((at, [b'\r'])) if !self.at_end => {
                    searched = at;
                    self.read_on()?;
                    continue;
                }
                Some(_) => return Ok(Line::Special),
                None => {
                    searched = text.len();
                    self.read_on()?;
                    continue;
                }
            };
            if next == 0 {
                return Ok(Line::End);
            }
            let line = self.start..self.start + end;
            self.start += next;
            self.before += 1;
            if end > 0 {
                return Ok(Line::Plain(line, self.before));
            }
            searched = 0;
        }
    }

    /// The line that [`Self::next`] found last.
    pub fn text(&self, line: Range<usize>) -> &str {
        self.buffer.get(line).unwrap_or_default()
    }

    /// What was read and not given out, the rest, and the lines before them.
    pub fn into_rest(mut self) -> (Vec<u8>, R, u64) {
        self.buffer.drain(..self.start);
        let mut bytes = self.buffer.into_bytes();
        bytes.append(&mut self.rest);
        (bytes, self.source, self.before)
    }

    pub fn into_source(self) -> R {
        self.source
    }

    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        while self.buffer.len() + self.rest.len() < BYTE_ORDER_MARK.len() && !self.at_end {
            self.read_on()?;
        }
        if self.buffer.as_bytes().starts_with(BYTE_ORDER_MARK) {
            self.start = BYTE_ORDER_MARK.len();
        }
        Ok(())
    }

    /// Reads some more, in the place of what was given out.
    fn read_on(&mut self) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.buffer).into_bytes();
        bytes.drain(..self.start);
        bytes.append(&mut self.rest);
        self.start = 0;
        let kept = bytes.len();
        bytes.resize(kept + CHUNK, 0);
        let read = loop {
            match self.source.read(&mut bytes[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        bytes.truncate(kept + read.as_ref().copied().unwrap_or(0));
        self.at_end = read.as_ref().is_ok_and(|read| *read == 0);
        self.buffer = String::from_utf8(bytes).unwrap_or_else(|error| {
            let (valid, is_wrong) =
                (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_some());
            // A character may end in what is read next, unless nothing is.
            self.broken = is_wrong || self.at_end;
            let mut bytes = error.into_bytes();
            self.rest = bytes.split_off(valid);
            String::from_utf8(bytes).unwrap_or_default() // it is valid up to there
        });
        read.map(|_| ())
    }
}
