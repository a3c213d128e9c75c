//! Replay: from a journal's lines to what is known about every row.
//!
//! Every entry is a checked transition: a journal that contradicts itself is refused with the line. A torn tail (the end
//! of the file that a crash left incomplete) is told apart from damage in the middle. Must not change the file.

use std::io::{self, BufRead};

use jiff::Timestamp;

use crate::event::{Fate, StopReason};
use crate::input::{RowFlags, RowId};
use crate::journal::entry::{Entry, FORMAT, Header, Settled, VERSION};
use crate::journal::ranges::Ranges;

/// What a journal says.
#[derive(Debug)]
pub struct History {
    /// What the job is.
    pub header: Header,
    /// When the first process took it up.
    pub begun: Option<Timestamp>,
    /// Why the last process stopped, if it said so.
    pub stopped: Option<StopReason>,
    /// The report's digest, if it was written in full.
    pub reported: Option<String>,
    /// For each row 0, or 1 + the place of its outcome.
    outcome_of: Vec<u32>,
    outcomes: Vec<Outcome>,
    settled: u64,
    /// The rows that the present session has intended, by place.
    rows: Vec<RowId>,
    /// Those of them that are neither settled nor released.
    intended: RowFlags,
    /// Intended by an earlier process, which did not live to say what came of it.
    in_doubt: RowFlags,
}

/// The fate that some rows share, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its place among the outcomes.
    pub number: u32,
    /// What became of the rows.
    pub fate: Fate,
    /// The error's name; empty for a plain success.
    pub code: Box<str>,
    /// For the report; empty for a plain success.
    pub message: Box<str>,
    /// Requests that counted.
    pub attempts: u32,
    /// The service's id of the last one.
    pub request_id: Box<str>,
    /// When.
    pub at: Timestamp,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be read.
    #[error("cannot read it")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("its first line is not a journal's header")]
    NotAJournal,
    /// It is of another version of the format.
    #[error("it has version {0} of the format, and this chime-sweep reads version {VERSION}")]
    Version(u64),
    /// A line is damaged, and later lines are not.
    #[error("line {line} is damaged: {reason}")]
    Damaged {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// A journal read, and how much of the file it takes.
#[derive(Debug)]
pub struct Replayed {
    /// What it says; `None` if the crash came before the header was complete, when nothing had been sent.
    pub history: Option<History>,
    /// Bytes up to the end of the last whole line. What follows is a torn tail.
    pub whole: u64,
}

/// Reads a journal.
///
/// # Errors
/// If it cannot be read, is no journal, or is damaged otherwise than at its end.
pub fn replay(mut file: impl BufRead) -> Result<Replayed, HistoryError> {
    let mut history: Option<History> = None;
    let mut torn: Option<(u64, String)> = None;
    let (mut whole, mut line_number, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        let read = file.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(Replayed { history, whole });
        }
        line_number += 1;
        let parsed = match line.strip_suffix(b"\n") {
            Some(text) => serde_json::from_slice::<Entry<'_>>(text)
                .map_err(|error| error.to_string().replace(" at line 1 ", " at ")),
            None => Err("it is incomplete".to_owned()),
        };
        match (parsed, &mut history, &torn) {
            (Ok(_), _, Some((line, reason))) => {
                return Err(HistoryError::Damaged { line: *line, reason: reason.clone() });
            }
            (Ok(Entry::Header(header)), history @ None, None) => *history = Some(History::new(header)?),
            (Ok(entry), Some(history), None) => history
                .apply(entry)
                .map_err(|reason| HistoryError::Damaged { line: line_number, reason: reason.to_owned() })?,
            (Ok(_), None, None) => return Err(HistoryError::NotAJournal),
            (Err(reason), history, None) => {
                let is_ours = || line.iter().zip(HEADER_START).all(|(byte, ours)| byte == ours);
                if history.is_none() && (line.ends_with(b"\n") || !is_ours()) {
                    return Err(foreign(&line));
                }
                torn = Some((line_number, reason));
            }
            (Err(_), _, Some(_)) => {}
        }
        if torn.is_none() {
            whole += read as u64;
        }
    }
}

/// How every journal begins. A file that begins otherwise was never one, and is not ours to remove.
const HEADER_START: &[u8] = b"{\"header\":{\"format\":\"chime-sweep-journal\"";

/// The first line is not a header that this version knows, nor the beginning of one.
fn foreign(line: &[u8]) -> HistoryError {
    let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    let header = &value["header"];
    match header["version"].as_u64() {
        Some(version) if header["format"] == FORMAT && version != u64::from(VERSION) => {
            HistoryError::Version(version)
        }
        _ => HistoryError::NotAJournal,
    }
}

/// A header may claim any number of rows; a job of more than this cannot have been planned by this program.
const MOST_ROWS: u64 = u32::MAX as u64;

impl History {
    /// A job of which nothing is known yet.
    ///
    /// # Errors
    /// If the header is of another format or version.
    pub fn new(header: Header) -> Result<Self, HistoryError> {
        if header.format != FORMAT || header.rows > MOST_ROWS {
            return Err(HistoryError::NotAJournal);
        }
        if header.version != VERSION {
            return Err(HistoryError::Version(header.version.into()));
        }
        Ok(Self {
            header,
            begun: None,
            stopped: None,
            reported: None,
            outcome_of: Vec::new(),
            outcomes: Vec::new(),
            settled: 0,
            rows: Vec::new(),
            intended: RowFlags::default(),
            in_doubt: RowFlags::default(),
        })
    }

    /// Applies an entry.
    ///
    /// # Errors
    /// If the entry contradicts what came before.
    pub fn apply(&mut self, entry: Entry<'_>) -> Result<(), &'static str> {
        match entry {
            Entry::Header(_) => return Err("a second header"),
            Entry::Session { at } => {
                self.begun.get_or_insert(at);
                self.stopped = None;
                let intended = std::mem::take(&mut self.intended);
                self.in_doubt.add(&intended);
                self.rows.clear();
            }
            Entry::Intent { rows } => {
                for &row in rows.0.iter() {
                    self.check_open(row)?;
                    self.intended.set(row);
                }
                self.rows.extend_from_slice(&rows.0);
            }
            Entry::Settled(settled) => self.settle(settled)?,
            Entry::Released { places } => self.release(&places)?,
            Entry::Stopped { reason, .. } => self.stopped = Some(reason),
            Entry::Reported { xxh3 } => self.reported = Some(xxh3.into_owned()),
        }
        Ok(())
    }

    fn settle(&mut self, settled: Settled<'_>) -> Result<(), &'static str> {
        let number = u32::try_from(self.outcomes.len()).map_err(|_| "too many outcomes")?;
        let mark = number.checked_add(1).ok_or("too many outcomes")?;
        for &place in settled.places.0.iter() {
            let unintended = "it settles a row that was not intended";
            let row = *self.rows.get(place as usize).ok_or(unintended)?;
            self.check_open(row)?;
            if !self.intended.get(row) {
                return Err(unintended);
            }
            self.intended.clear(row);
            let row = row.get() as usize;
            if row >= self.outcome_of.len() {
                self.outcome_of.resize(row + 1, 0);
            }
            self.outcome_of[row] = mark;
            self.settled += 1;
        }
        self.outcomes.push(Outcome {
            number,
            fate: settled.fate,
            code: settled.code.into(),
            message: settled.message.into(),
            attempts: settled.attempts,
            request_id: settled.request_id.unwrap_or_default().into(),
            at: settled.at,
        });
        Ok(())
    }

    fn release(&mut self, places: &Ranges<'_, u32>) -> Result<(), &'static str> {
        for &place in places.0.iter() {
            let row = self.rows.get(place as usize).filter(|row| self.intended.get(**row));
            let row = *row.ok_or("it releases a row that was not intended")?;
            self.intended.clear(row);
        }
        Ok(())
    }

    fn check_open(&self, row: RowId) -> Result<(), &'static str> {
        if u64::from(row.get()) >= self.header.rows {
            return Err("it names a row that the input does not have");
        }
        if self.outcome(row).is_some() {
            return Err("it names a row that was settled before");
        }
        Ok(())
    }

    /// The row's outcome, if it is settled.
    #[must_use]
    pub fn outcome(&self, row: RowId) -> Option<&Outcome> {
        let place = *self.outcome_of.get(row.get() as usize)?;
        self.outcomes.get((place as usize).checked_sub(1)?)
    }

    /// Whether the row may have been sent, and nobody recorded what came of it.
    #[must_use]
    pub fn is_in_doubt(&self, row: RowId) -> bool {
        self.outcome(row).is_none() && (self.in_doubt.get(row) || self.intended.get(row))
    }

    /// How many rows are settled.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled
    }
}
