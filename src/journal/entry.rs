//! The journal's format, version 1: JSON Lines, one entry a line, the first a header.
//!
//! ```text
//! {"header":{"format":"chime-sweep-journal","version":1,"input_xxh3":"9f…","rows":200,"target":"…","batch_size":50}}
//! {"session":{"at":"2026-11-23T21:00:00Z"}}
//! {"intent":{"rows":"0-49,60-109"}}
//! {"settled":{"rows":"0-48","fate":"succeeded","attempts":1,"request_id":"…","at":"2026-11-23T21:00:01Z"}}
//! {"settled":{"rows":"49","fate":"failed","code":"Forbidden","message":"…","attempts":1,"request_id":"…","at":"…"}}
//! {"released":{"rows":"60-109"}}
//! {"stopped":{"reason":"interrupted","at":"2026-11-23T21:00:02Z"}}
//! {"reported":{"xxh3":"…"}}
//! ```
//!
//! Rows are named by their place in the input, counted from 0, as ranges in the order of sending. Files of this version
//! stay readable: a field is only ever added, with a default. Must not do I/O.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Fate, Settlement, StopReason};
use crate::input::RowId;

/// The name of the format, in every header.
pub const FORMAT: &str = "chime-sweep-journal";

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

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
        /// Ranges.
        rows: RowList<'a>,
    },
    /// See [`Event::Settled`].
    Settled(#[serde(borrow)] Settled<'a>),
    /// See [`Event::Released`].
    Released {
        /// Ranges.
        rows: RowList<'a>,
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
    /// Ranges.
    pub rows: RowList<'a>,
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

impl<'a> Entry<'a> {
    /// The entry that records an event, if it is one that is recorded.
    #[must_use]
    pub fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::Intent { rows } => Some(Self::Intent { rows: RowList(Cow::Borrowed(rows)) }),
            Event::Released { rows } => Some(Self::Released { rows: RowList(Cow::Borrowed(rows)) }),
            Event::Settled(settlement) => Some(Self::Settled(Settled::of(settlement))),
            Event::Stopped { reason, at } => Some(Self::Stopped { reason: *reason, at: *at }),
            Event::Sent { .. }
            | Event::Attempt(_)
            | Event::Phase(_)
            | Event::LimitFound(_)
            | Event::CredentialsAwaited(_) => None,
        }
    }

    /// Appends the entry as a line.
    pub fn write_line(&self, line: &mut Vec<u8>) {
        // Serialising into a vector cannot fail: no map has keys other than strings, and the writer has no errors.
        let written = serde_json::to_writer(&mut *line, self);
        debug_assert!(written.is_ok(), "{written:?}");
        line.push(b'\n');
    }
}

impl<'a> Settled<'a> {
    fn of(settlement: &'a Settlement) -> Self {
        Self {
            rows: RowList(Cow::Borrowed(&settlement.rows)),
            fate: settlement.fate,
            code: Cow::Borrowed(&settlement.code),
            message: Cow::Borrowed(&settlement.message),
            attempts: settlement.attempts,
            request_id: settlement.request_id.as_deref().map(Cow::Borrowed),
            at: settlement.at,
        }
    }
}

/// Rows, written as `0-49,57,60-61`; their order is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowList<'a>(pub Cow<'a, [RowId]>);

impl Serialize for RowList<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&ranges(&self.0))
    }
}

fn ranges(rows: &[RowId]) -> String {
    const USUALLY: usize = "1000000,".len();
    let (mut text, mut digits) = (String::with_capacity(USUALLY * rows.len()), itoa::Buffer::new());
    let mut rows = rows.iter().map(|row| row.get()).peekable();
    while let Some(first) = rows.next() {
        let mut last = first;
        while let Some(next) = rows.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(digits.format(first));
        if last > first {
            text.push('-');
            text.push_str(digits.format(last));
        }
    }
    text
}

/// The most rows that one entry is believed to name: more is a damaged file, not a job of this program, whose largest
/// entry is a block of intents.
const MOST_ROWS: usize = 1 << 26;

impl<'de> Deserialize<'de> for RowList<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Ranges).map(|rows| Self(Cow::Owned(rows)))
    }
}

struct Ranges;

impl serde::de::Visitor<'_> for Ranges {
    type Value = Vec<RowId>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ranges of rows, such as `0-49,57`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<RowId>, E> {
        parse(text.as_bytes()).map_err(|range| {
            let range = range.split(|byte| *byte == b',').next().unwrap_or_default();
            E::custom(format_args!("`{}` is not a range of rows", range.escape_ascii()))
        })
    }
}

/// The rows of `0-49,57,60-61`. `Err`: from the first range that is none.
///
/// One look at each byte: where connectors take turns, every row stands by itself, and a journal has little else.
fn parse(text: &[u8]) -> Result<Vec<RowId>, &[u8]> {
    let mut rows = Vec::with_capacity(memchr::memchr_iter(b',', text).count() + 1);
    let mut rest = text;
    loop {
        let (first, last, after) = range(rest).ok_or(rest)?;
        if (last - first) as usize >= MOST_ROWS - rows.len() {
            return Err(rest);
        }
        if first == last {
            rows.push(RowId::new(first));
        } else {
            rows.extend((first..=last).map(RowId::new));
        }
        rest = match after {
            [] => return Ok(rows),
            [b',', after @ ..] => after,
            _ => return Err(rest),
        };
    }
}

/// The first and the last of the range at the start of `text`, which may be one and the same, and what follows it.
fn range(text: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (first, after) = number(text)?;
    let (last, after) = match after {
        [b'-', after @ ..] => number(after)?,
        _ => (first, after),
    };
    (first <= last).then_some((first, last, after))
}

/// The number at the start of `text`, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    const LONGEST: usize = "4294967295".len();
    let (mut number, mut after) = (0_u64, text);
    while let [digit @ b'0'..=b'9', rest @ ..] = after {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        after = rest;
    }
    let length = text.len() - after.len();
    let is_possible = (1..=LONGEST).contains(&length);
    Some((u32::try_from(number).ok().filter(|_| is_possible)?, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(rows: &[u32]) -> Vec<RowId> {
        rows.iter().copied().map(RowId::new).collect()
    }

    #[test]
    fn rows_are_written_as_ranges_in_order() {
        let table: [(&[u32], &str); 5] = [
            (&[7], "\"7\""),
            (&[0, 1, 2], "\"0-2\""),
            (&[5, 6, 1, 3, 2], "\"5-6,1,3,2\""),
            (&[4_294_967_295], "\"4294967295\""),
            (&[2, 1, 0], "\"2,1,0\""),
        ];
        for (list, text) in table {
            let written = serde_json::to_string(&RowList(rows(list).into())).expect("serialises");
            assert_eq!(written, text);
            assert_eq!(
                serde_json::from_str::<RowList<'_>>(text).expect("parses"),
                RowList(rows(list).into())
            );
        }
    }

    #[test]
    fn damaged_rows_are_refused() {
        for text in [
            "\"\"",
            "\"1-\"",
            "\"-1\"",
            "\"2-1\"",
            "\"a\"",
            "\"0-4294967295\"",
            "7",
            "\"4294967296\"",
            "\"1,\"",
            "\"1,,2\"",
            "\"1-2-3\"",
            "\"1 2\"",
            "\"11111111111\"",
        ] {
            assert!(serde_json::from_str::<RowList<'_>>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_order_of_rows_survives(list in prop::collection::vec(0u32..40, 1..60)) {
            let list = RowList(rows(&list).into());
            let text = serde_json::to_string(&list).expect("serialises");
            prop_assert_eq!(serde_json::from_str::<RowList<'_>>(&text).expect("parses"), list);
        }
    }
}
