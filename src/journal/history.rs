//! Replay: turns a journal's lines into what is known about every row.
//!
//! Every entry is a checked transition: a journal that contradicts itself is refused, and the error gives the line.
//! A torn tail (the end of the file that a crash left incomplete) is distinguished from damage in the middle. Must not
//! change the file.

use std::io::{self, BufRead};

use indexmap::IndexSet;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::event::Settlement;
use crate::input::{RowFlags, RowId};
use crate::journal::entry::{Entry, FORMAT, Header, VERSION};
use crate::plan::Choice;

/// What a journal says.
#[derive(Debug)]
pub struct History {
    /// Which input and target the job is for.
    pub header: Header,
    /// When the first process started it.
    pub begun: Option<Timestamp>,
    /// Which rows the latest process was to send.
    pub choice: Choice,
    /// How many numbers the first process was to send, if it said so: its user has consented to that many.
    pub numbers: Option<u64>,
    /// The report's digest, if the report was fully written.
    pub reported: Option<String>,
    /// For each row 0, or 1 + the index of its outcome. 4 bytes a row.
    outcome_of: Vec<u32>,
    /// Each outcome once, without its rows.
    outcomes: Vec<Settlement>,
    settled: u64,
    /// For each row 0, or 1 + the index of the place where its number was found.
    place_of: Vec<u32>,
    places: IndexSet<Box<str>>,
    /// The job is for a larger input than the one at hand: its rows are only counted. A damaged header must not
    /// decide how much memory is taken.
    is_foreign: bool,
    /// Rows that the current session intended and has neither settled nor released.
    intended: RowFlags,
    /// Rows that an earlier process intended, and ended without settling.
    in_doubt: RowFlags,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be read.
    #[error("cannot read it")]
    Io(#[from] io::Error),
    /// It is not a journal.
    #[error("its first line is not a journal's header")]
    NotAJournal,
    /// It has another version of the format.
    #[error("its format is version {0}, but this chime-sweep reads version {VERSION}")]
    Version(u64),
    /// A line is damaged, but a later line is not, or a line contradicts an earlier one.
    #[error("line {line} is damaged: {reason}")]
    Damaged {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// What was read from a journal, and how much of the file is valid.
#[derive(Debug)]
pub struct Replayed {
    /// What it says; `None` if a crash came before the header was complete, so that nothing had been sent.
    pub history: Option<History>,
    /// Bytes up to the end of the last whole line. What follows is a torn tail.
    pub whole: u64,
}

/// Reads a journal, for an input of `input_rows` rows.
///
/// # Errors
/// If it cannot be read, is not a journal, or is damaged anywhere but at its end.
pub fn replay(file: impl BufRead, input_rows: u32) -> Result<Replayed, HistoryError> {
    replay_showing(file, input_rows, |_| {})
}

/// The same, and shows each entry to `watch` before it is applied.
pub(super) fn replay_showing(
    mut file: impl BufRead,
    input_rows: u32,
    mut watch: impl FnMut(&Entry<'_>),
) -> Result<Replayed, HistoryError> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") && line.iter().zip(HEADER_START).all(|(byte, ours)| byte == ours) {
        return Ok(Replayed { history: None, whole: 0 });
    }
    let mut history = History::new(header(&line)?);
    history.is_foreign = history.header.rows > input_rows;
    let (mut whole, mut torn) = (line.len() as u64, None);
    for number in 2.. {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let damaged = |reason| HistoryError::Damaged { line: number, reason };
        match (parse(&line), torn.take()) {
            (Ok(_), Some(damage)) => return Err(damage),
            (Ok(entry), None) => {
                watch(&entry);
                history.apply(entry).map_err(|reason| damaged(reason.to_owned()))?;
                whole += line.len() as u64;
            }
            (Err(reason), earlier) => torn = earlier.or(Some(damaged(reason))),
        }
    }
    Ok(Replayed { history: Some(history), whole })
}

/// How every journal begins. A file that begins differently was never a journal, and must not be removed.
const HEADER_START: &[u8] = b"{\"header\":{\"format\":\"chime-sweep-journal\"";

fn header(line: &[u8]) -> Result<Header, HistoryError> {
    let entry: Value = serde_json::from_slice(line).unwrap_or_default();
    let header = &entry["header"];
    match header["version"].as_u64().filter(|_| header["format"] == FORMAT) {
        Some(version) if version != u64::from(VERSION) => Err(HistoryError::Version(version)),
        Some(_) => Header::deserialize(header).map_err(|_| HistoryError::NotAJournal),
        None => Err(HistoryError::NotAJournal),
    }
}

fn parse(line: &[u8]) -> Result<Entry<'_>, String> {
    let text = line.strip_suffix(b"\n").ok_or("it is incomplete")?;
    serde_json::from_slice(text).map_err(|error| error.to_string().replace(" at line 1 ", " at "))
}

/// Sets the row's mark; those of the rows before it that have none are 0.
fn set_mark(marks: &mut Vec<u32>, row: RowId, mark: u32) {
    let row = row.get() as usize;
    if row >= marks.len() {
        marks.resize(row + 1, 0);
    }
    marks[row] = mark;
}

impl History {
    /// The history of a job that has no entries yet.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Self {
            header,
            begun: None,
            choice: Choice::default(),
            numbers: None,
            reported: None,
            outcome_of: Vec::new(),
            outcomes: Vec::new(),
            settled: 0,
            place_of: Vec::new(),
            places: IndexSet::new(),
            is_foreign: false,
            intended: RowFlags::default(),
            in_doubt: RowFlags::default(),
        }
    }

    /// Applies an entry.
    ///
    /// # Errors
    /// If the entry contradicts what came before.
    pub fn apply(&mut self, entry: Entry<'_>) -> Result<(), &'static str> {
        match entry {
            Entry::Header(_) => return Err("a second header"),
            Entry::Session(session) => {
                if self.begun.is_none() {
                    self.numbers = session.numbers;
                }
                self.begun.get_or_insert(session.at);
                self.choice = session.choice;
                self.in_doubt.add(&std::mem::take(&mut self.intended));
            }
            Entry::Intent { .. } | Entry::Released { .. } | Entry::Found { .. } if self.is_foreign => {}
            Entry::Settled(settlement) if self.is_foreign => self.settled += settlement.rows.len() as u64,
            Entry::Intent { rows } => {
                for &row in rows.iter() {
                    self.check_open(row)?;
                    self.intended.set(row);
                }
            }
            Entry::Found { place, rows } => {
                let (place, _) = self.places.insert_full(place.into());
                let mark = u32::try_from(place + 1).map_err(|_| "too many places")?;
                for &row in rows.iter() {
                    self.check_open(row)?;
                    set_mark(&mut self.place_of, row, mark);
                }
            }
            Entry::Settled(settlement) => self.settle(settlement.into_owned())?,
            Entry::Released { rows } => {
                for &row in rows.iter() {
                    self.take_intended(row).ok_or("it releases a row that was not intended")?;
                }
            }
            Entry::Stopped { .. } | Entry::State { .. } => {}
            Entry::Reported { xxh3 } => self.reported = Some(xxh3.into_owned()),
        }
        Ok(())
    }

    fn settle(&mut self, mut settlement: Settlement) -> Result<(), &'static str> {
        let mark = u32::try_from(self.outcomes.len() + 1).map_err(|_| "too many outcomes")?;
        for row in std::mem::take(&mut settlement.rows) {
            self.check_open(row)?;
            // What is settled by looking was never to be sent.
            if self.take_intended(row).is_none() && settlement.attempts > 0 {
                return Err("it settles a row that was not intended");
            }
            set_mark(&mut self.outcome_of, row, mark);
            self.settled += 1;
        }
        self.outcomes.push(settlement);
        Ok(())
    }

    fn take_intended(&mut self, row: RowId) -> Option<()> {
        self.intended.get(row).then(|| self.intended.clear(row))
    }

    fn check_open(&self, row: RowId) -> Result<(), &'static str> {
        if row.get() >= self.header.rows {
            return Err("it names a row that the input does not have");
        }
        if self.outcome(row).is_some() {
            return Err("it names a row that was settled before");
        }
        Ok(())
    }

    /// What settled the row, without its rows; `None` if nothing did.
    #[must_use]
    pub fn outcome(&self, row: RowId) -> Option<&Settlement> {
        let number = self.outcome_of.get(row.get() as usize)?.checked_sub(1)?;
        self.outcomes.get(number as usize)
    }

    /// Whether it was looked up where the numbers are.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        !self.places.is_empty()
    }

    /// Where the number was found before it was sent; empty if it was not looked up.
    #[must_use]
    pub fn before(&self, row: RowId) -> &str {
        let number = self.place_of.get(row.get() as usize).and_then(|mark| mark.checked_sub(1));
        number.and_then(|number| self.places.get_index(number as usize)).map_or("", |place| place)
    }

    /// Whether the row may have been sent without a recorded outcome.
    #[must_use]
    pub fn is_in_doubt(&self, row: RowId) -> bool {
        self.outcome(row).is_none() && (self.in_doubt.get(row) || self.intended.get(row))
    }

    /// How many rows may have been sent without a recorded outcome.
    #[must_use]
    pub fn in_doubt(&self) -> u64 {
        let rows = if self.is_foreign { 0 } else { self.header.rows };
        (0..rows).filter(|row| self.is_in_doubt(RowId::new(*row))).count() as u64
    }

    /// How many rows are settled.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled
    }
}
