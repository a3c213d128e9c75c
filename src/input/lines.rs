//! Bytes → lines: the quick way through a source that has no quotes, as most have none.
//!
//! Must not guess: at the first byte that can mean more than itself, it stops, for csv to read the rest.

use std::io::{self, Read};
use std::ops::Range;

use super::reader::BYTE_ORDER_MARK;

/// How much is read at a time: enough to make system calls rare, and small beside the rows. In tests so little that
/// every place in a line is at its end once.
const CHUNK: usize = if cfg!(test) { 5 } else { 64 * 1024 };

/// The lines of a source, one after the other.
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
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
        Self { source, buffer: Vec::new(), start: 0, before: 0, begun: false, at_end: false }
    }

    /// The next line that is not blank.
    #[inline]
    pub fn next(&mut self) -> io::Result<Line> {
        if !self.begun {
            self.begin()?;
        }
        let mut searched = 0;
        loop {
            let text = &self.buffer[self.start..];
            let found = memchr::memchr3(b'\n', b'\r', b'"', &text[searched..]).map(|at| searched + at);
            let (end, next) = match found.map(|at| (at, &text[at..])) {
                Some((at, [b'\n', ..])) => (at, at + 1),
                Some((at, [b'\r', b'\n', ..])) => (at, at + 2),
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
    pub fn text(&self, line: Range<usize>) -> &[u8] {
        self.buffer.get(line).unwrap_or_default()
    }

    /// What was read and not given out, the rest, and the lines before them.
    pub fn into_rest(mut self) -> (Vec<u8>, R, u64) {
        self.buffer.drain(..self.start);
        (self.buffer, self.source, self.before)
    }

    pub fn into_source(self) -> R {
        self.source
    }

    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        while self.buffer.len() < BYTE_ORDER_MARK.len() && !self.at_end {
            self.read_on()?;
        }
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.start = BYTE_ORDER_MARK.len();
        }
        Ok(())
    }

    /// Reads some more, in the place of what was given out.
    fn read_on(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + CHUNK, 0);
        let read = loop {
            match self.source.read(&mut self.buffer[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(kept + read.as_ref().copied().unwrap_or(0));
        self.at_end = read? == 0;
        Ok(())
    }
}
