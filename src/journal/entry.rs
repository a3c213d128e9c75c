//! The journal's format, version 3: JSON Lines, one entry a line, the first a header.
//!
//! ```text
//! {"header":{"format":"chime-sweep-journal","version":3,"input_xxh3":"9f…","rows":200,"target":"…"}}
//! {"session":{"at":"2026-11-23T21:00:00Z","pid":4711,"host":"…","numbers":180,"command":"…","directory":"…"}}
//! {"state":{"is":"starting","at":"2026-11-23T21:00:00Z"}}
//! {"found":{"place":"unassigned","rows":[7]}}
//! {"intent":{"rows":[0,1,2,60]}}
//! {"settled":{"rows":[0,1],"outcome":"succeeded","code":"","message":"","attempts":1,"request_id":"…","at":"…"}}
//! {"settled":{"rows":[2],"outcome":"failed","code":"Forbidden","message":"…","attempts":1,"request_id":"…","at":"…"}}
//! {"released":{"rows":[60]}}
//! {"stopped":{"reason":"interrupted","at":"2026-11-23T21:00:02Z"}}
//! {"reported":{"xxh3":"…"}}
//! ```
//!
//! Rows are identified by their position in the input, counted from 0. Files of this version stay readable: fields are
//! only added, with a default. Must not do I/O.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::event::{Event, Settlement, State, StopReason};
use crate::input::RowId;
use crate::plan::Choice;

/// The name of the format, in every header.
pub(super) const FORMAT: &str = "chime-sweep-journal";

/// The version of the format that is written, and the only one that is read.
pub(super) const VERSION: u32 = 3;

/// The first line: which input and which service the job is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    format: String,
    version: u32,
    /// The input's [digest](crate::files).
    pub input_xxh3: String,
    /// The input's data rows.
    pub rows: u32,
    /// Which service: endpoint and region. A different target is a different job.
    pub target: String,
    /// The account, if it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Each account and region, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<LaneTarget>,
    /// What is done with the numbers.
    #[serde(default)]
    pub action: Action,
    /// Which shard of the input, if it is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
}

/// An account and region that a job uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneTarget {
    /// As the input names it.
    pub name: String,
    /// Endpoint and region.
    pub target: String,
    /// The account, if it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
}

impl Header {
    /// The header of a journal of this version.
    #[must_use]
    pub fn new(
        input_xxh3: String,
        rows: u32,
        target: String,
        account_id: Option<String>,
        action: Action,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            input_xxh3,
            rows,
            target,
            account_id,
            lanes: Vec::new(),
            action,
            shard: None,
        }
    }
}

/// A process that works on the job. All but the time and the choice is for those who watch it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When it started.
    pub at: Timestamp,
    /// Its id on its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The name of its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// The numbers that it is to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<u64>,
    /// The command that continues the job, once this process has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Box<str>>,
    /// Where that command is to be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<Box<str>>,
    /// Which rows it is to send: a process that resumes the job goes on with them.
    #[serde(default, skip_serializing_if = "Choice::is_everything")]
    pub choice: Choice,
}

impl Session {
    /// A process that started then, and of which nothing else is known.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self {
            at,
            pid: None,
            host: None,
            numbers: None,
            command: None,
            directory: None,
            choice: Choice::default(),
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry<'a> {
    /// Always the first line, and never another one.
    Header(Header),
    /// A process starts or resumes the job. Rows intended before this entry and not settled may have been sent.
    Session(Session),
    /// Where the service had these numbers before they were sent.
    Found {
        /// As a report's column `before` says it.
        place: Cow<'a, str>,
        /// In no particular order.
        rows: Cow<'a, [RowId]>,
    },
    /// See [`Event::Intent`].
    Intent {
        /// In the order of sending.
        rows: Cow<'a, [RowId]>,
    },
    /// See [`Event::Settled`].
    Settled(Cow<'a, Settlement>),
    /// See [`Event::Released`].
    Released {
        /// In no particular order.
        rows: Cow<'a, [RowId]>,
    },
    /// See [`Event::Stopped`].
    Stopped {
        /// Why.
        reason: StopReason,
        /// When.
        at: Timestamp,
    },
    /// The run is in this state from now on. For those who watch it: nothing depends on it.
    State {
        /// Which.
        is: State,
        /// When it was noticed.
        at: Timestamp,
    },
    /// The report is fully written, and is about to be renamed into place.
    Reported {
        /// The report's [digest](crate::files).
        xxh3: Cow<'a, str>,
    },
}

impl<'a> Entry<'a> {
    /// The entry that records the event; `None` if such events are not recorded.
    #[must_use]
    pub fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::Intent { rows } => Some(Self::Intent { rows: rows.into() }),
            Event::Released { rows } => Some(Self::Released { rows: rows.into() }),
            Event::Settled(settlement) => Some(Self::Settled(Cow::Borrowed(settlement))),
            Event::Stopped { reason, at } => Some(Self::Stopped { reason: *reason, at: *at }),
            Event::Sent { .. }
            | Event::Attempt(_)
            | Event::Phase(_)
            | Event::LimitFound(_)
            | Event::CredentialsAwaited(_)
            | Event::Unavailable(_) => None,
        }
    }

    /// Appends the entry as a line.
    pub fn write_line(&self, line: &mut Vec<u8>) {
        // Serializing into a vector cannot fail: no map has keys other than strings, and the writer has no errors.
        let written = serde_json::to_writer(&mut *line, self);
        debug_assert!(written.is_ok(), "{written:?}");
        line.push(b'\n');
    }
}
