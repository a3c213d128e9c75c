//! The first bytes of a source → how it is written: its byte order mark, its delimiter and its line ends.
//!
//! Must not know which columns matter.

use std::io::Read;

use super::error::InputError;
use super::source::Source;

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of a source is searched for its first line's delimiter and end.
const HEADER_BYTES: u64 = 64 * 1024;

/// The delimiters looked for; of equally frequent ones the first.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// How the file is written. A report is written in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub delimiter: u8,
    /// What ends the header's line.
    pub line_end: &'static str,
    pub byte_order_mark: bool,
}

/// Whether fields can be separated by it: a letter or digit would cut the report's own words and counts.
#[must_use]
pub fn can_delimit(byte: u8) -> bool {
    byte == b'\t' || byte == b' ' || byte.is_ascii_punctuation() && byte != b'"'
}

impl Dialect {
    /// From the first bytes of a source, which hold its header.
    pub fn sniff(name: &str, bytes: &[u8], delimiter: Option<u8>) -> Result<Self, InputError> {
        if let Some(what) = foreign_format(bytes) {
            return Err(InputError::NotCsv { name: name.into(), what });
        }
        if let Some(byte) = delimiter.filter(|byte| !can_delimit(*byte)) {
            return Err(InputError::Delimiter { delimiter: char::from(byte) });
        }
        let given = delimiter.map(|byte| [byte]);
        let candidates: &[u8] = given.as_ref().map_or(&DELIMITERS, |byte| byte);
        let text = bytes.strip_prefix(BYTE_ORDER_MARK);
        let byte_order_mark = text.is_some();
        let text = text.unwrap_or(bytes);
        let header = text.iter().position(|byte| !is_line_end(*byte)).unwrap_or(0);
        let text = text.get(header..).unwrap_or_default();
        let (mut counts, mut quoted, mut field_start) = ([0_u32; DELIMITERS.len()], false, true);
        let mut line_end = "\n";
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'"' => quoted = !quoted && (field_start || at > 0 && text.get(at - 1) == Some(&b'"')),
                b'\r' | b'\n' if !quoted => {
                    line_end = match (byte, text.get(at + 1)) {
                        (b'\r', Some(b'\n')) => "\r\n",
                        (b'\r', _) => "\r",
                        _ => "\n",
                    };
                    break;
                }
                _ => {}
            }
            let candidate = if quoted { None } else { candidates.iter().position(|c| *c == byte) };
            field_start = true;
            if let Some(count) = candidate.and_then(|which| counts.get_mut(which)) {
                *count += 1;
            }
        }
        // `max_by_key` takes the last of equals.
        let best = candidates.iter().zip(counts).rev().max_by_key(|(_, count)| *count);
        Ok(Self { delimiter: best.map_or(b',', |(byte, _)| *byte), line_end, byte_order_mark })
    }
}

/// What the bytes are if they are no text in UTF-8 (or in an encoding whose ASCII part is the same).
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, 0, ..] | [_, 0, _, 0, ..] => Some("is saved as UTF-16"),
        [b'P', b'K', 3, 4, ..] => Some("is an Excel workbook or another ZIP file"),
        [0x1f, 0x8b, ..] => Some("is compressed"),
        _ => None,
    }
}

pub(crate) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

pub(super) fn first_bytes(source: &Source) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    source
        .reader()?
        .take(HEADER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| InputError::Read { name: source.name().into(), source: error })?;
    Ok(bytes)
}
