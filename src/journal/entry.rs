//! The journal's format, version 2: JSON Lines, one entry a line, the first a header.
//!
//! ```text
//! {"header":{"format":"chime-sweep-journal","version":2,"input_xxh3":"9f…","rows":200,"target":"…","batch_size":50}}
//! {"session":{"at":"2026-11-23T21:00:00Z"}}
//! {"intent":{"rows":"0-49,60-109"}}
//! {"settled":{"places":"0-48","fate":"succeeded","attempts":1,"request_id":"…","at":"2026-11-23T21:00:01Z"}}
//! {"settled":{"places":"49","fate":"failed","code":"Forbidden","message":"…","attempts":1,"request_id":"…","at":"…"}}
//! {"released":{"places":"50-99"}}
//! {"stopped":{"reason":"interrupted","at":"2026-11-23T21:00:02Z"}}
//! {"reported":{"xxh3":"…"}}
//! ```
//!
//! An intent names rows by their place in the input, counted from 0, in the order of sending. What comes of them is told
//! of the places that they have among all that the session has intended, counted from 0 too: so a batch is one range,
//! whatever the order of the input, and where connectors are mixed the journal half as long. Files of this version stay readable: a field is only
//! ever added, with a default. Must not do I/O.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Fate, Settlement, StopReason};
use crate::input::RowId;
use crate::journal::ranges::Ranges;

/// The name of the format, in every header.
pub const FORMAT: &str = "chime-sweep-journal";

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 2;

/// The first line: what the run is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The input's [digest](crate::digest).
    pub input_xxh3: String,
    /// The input's data rows.
    pub rows: u64,
    /// Where the numbers are removed: endpoint and region. Another one is another job.
    pub target: String,
    /// The most rows in a request.
    pub batch_size: u32,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry<'a> {
    /// The first line, and only that.
    Header(Header),
    /// A process takes the job up. Whatever is intended by then, and not settled, may have been sent.
    Session {
        /// When.
        at: Timestamp,
    },
    /// See [`Event::Intent`].
    Intent {
        /// Rows of the input.
        rows: Ranges<'a, RowId>,
    },
    /// See [`Event::Settled`].
    Settled(#[serde(borrow)] Settled<'a>),
    /// See [`Event::Released`].
    Released {
        /// Places among the session's intended rows.
        places: Ranges<'a, u32>,
    },
    /// See [`Event::Stopped`].
    Stopped {
        /// Why.
        reason: StopReason,
        /// When.
        at: Timestamp,
    },
    /// The report is written in full, and is about to take its place.
    Reported {
        /// The report's [digest](crate::digest).
        xxh3: Cow<'a, str>,
    },
}

/// The fate of rows; see [`Settlement`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled<'a> {
    /// Places among the session's intended rows.
    pub places: Ranges<'a, u32>,
    /// What became of them.
    pub fate: Fate,
    /// The error's name.
    #[serde(default, borrow, skip_serializing_if = "str::is_empty")]
    pub code: Cow<'a, str>,
    /// For the report.
    #[serde(default, borrow, skip_serializing_if = "str::is_empty")]
    pub message: Cow<'a, str>,
    /// Requests that counted.
    pub attempts: u32,
    /// The service's id of the last one.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// When.
    pub at: Timestamp,
}

impl Entry<'_> {
    /// Appends the entry as a line.
    pub fn write_line(&self, line: &mut Vec<u8>) {
        // Serialising into a vector cannot fail: no map has keys other than strings, and the writer has no errors.
        let written = serde_json::to_writer(&mut *line, self);
        debug_assert!(written.is_ok(), "{written:?}");
        line.push(b'\n');
    }
}

/// Makes entries of the events of one session.
#[derive(Debug, Default)]
pub struct Scribe {
    intended: u32,
    /// By row: 0, or 1 + its place among the intended ones. 4 bytes a row.
    places: Vec<u32>,
}

impl Scribe {
    /// The entry that records the session's next event, if it is one that is recorded.
    pub fn entry<'e>(&mut self, event: &'e Event) -> Option<Entry<'e>> {
        match event {
            Event::Intent { rows } => {
                rows.iter().for_each(|row| self.intend(*row));
                Some(Entry::Intent { rows: Ranges(Cow::Borrowed(rows)) })
            }
            Event::Released { rows } => Some(Entry::Released { places: self.places(rows) }),
            Event::Settled(settlement) => Some(Entry::Settled(self.settled(settlement))),
            Event::Stopped { reason, at } => Some(Entry::Stopped { reason: *reason, at: *at }),
            Event::Sent { .. }
            | Event::Attempt(_)
            | Event::Phase(_)
            | Event::LimitFound(_)
            | Event::CredentialsAwaited(_) => None,
        }
    }

    fn intend(&mut self, row: RowId) {
        let row = row.get() as usize;
        if row >= self.places.len() {
            self.places.resize(row + 1, 0);
        }
        self.intended += 1;
        self.places[row] = self.intended;
    }

    /// Where the rows are; for one that was not intended nowhere, which no replay accepts.
    fn places(&self, rows: &[RowId]) -> Ranges<'static, u32> {
        let place =
            |row: &RowId| self.places.get(row.get() as usize).copied().unwrap_or_default().wrapping_sub(1);
        Ranges(rows.iter().map(place).collect())
    }

    fn settled<'e>(&self, settlement: &'e Settlement) -> Settled<'e> {
        Settled {
            places: self.places(&settlement.rows),
            fate: settlement.fate,
            code: Cow::Borrowed(&settlement.code),
            message: Cow::Borrowed(&settlement.message),
            attempts: settlement.attempts,
            request_id: settlement.request_id.as_deref().map(Cow::Borrowed),
            at: settlement.at,
        }
    }
}
