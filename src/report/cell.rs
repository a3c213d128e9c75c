//! One cell of a report: quoted where csv needs it, and harmless where a spreadsheet would run it.

use jiff::Timestamp;

use super::RowResult;
use crate::status::Status;

/// What makes a spreadsheet take a cell for a formula; some take the full-width forms too.
pub(super) const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Appends cells to a line, each with the delimiter before it.
pub(super) struct Cells {
    delimiter: u8,
    /// Each status as a cell: every row has one.
    statuses: [Vec<u8>; Status::ALL.len()],
    /// The last time, and its cell: the rows of a batch have the same.
    time: Option<(Timestamp, Vec<u8>)>,
}

impl Cells {
    pub fn new(delimiter: u8) -> Self {
        let mut cells = Self { delimiter, statuses: Default::default(), time: None };
        cells.statuses = Status::ALL.map(|status| cells.cell(status.as_str()));
        cells
    }

    /// The six cells of a row that was sent so often before.
    pub fn push_result(&mut self, line: &mut Vec<u8>, result: &RowResult<'_>, prior_attempts: u32) {
        self.push_status(line, result.status);
        self.push(line, &result.code);
        self.push(line, &result.message);
        self.push_count(line, prior_attempts.saturating_add(result.attempts));
        self.push(line, result.request_id);
        self.push_time(line, result.completed_at);
    }

    fn cell(&self, text: &str) -> Vec<u8> {
        let mut cell = Vec::new();
        self.push(&mut cell, text);
        cell
    }

    fn push_status(&self, line: &mut Vec<u8>, status: Status) {
        line.extend_from_slice(&self.statuses[status as usize]);
    }

    /// A text from elsewhere. Line breaks become spaces: a report has a line per row wherever the input had.
    pub fn push(&self, line: &mut Vec<u8>, text: &str) {
        line.push(self.delimiter);
        if text.is_empty() {
            return; // as code and message of every success are
        }
        // Nearly all begin with a letter or a digit, or are empty.
        let is_plain = text.bytes().next().is_none_or(|first| first.is_ascii_alphanumeric());
        let is_formula = !is_plain && text.starts_with(FORMULA_STARTS);
        let is_special = |byte: u8| (byte == self.delimiter) | matches!(byte, b'"' | b'\r' | b'\n');
        // Without an early end the compiler makes it one comparison of many bytes.
        if !is_formula && !text.bytes().fold(false, |found, byte| found | is_special(byte)) {
            line.extend_from_slice(text.as_bytes());
            return;
        }
        line.push(b'"');
        if is_formula {
            line.push(b'\'');
        }
        for byte in text.bytes() {
            match byte {
                b'\r' | b'\n' => line.push(b' '),
                b'"' => line.extend_from_slice(b"\"\""),
                _ => line.push(byte),
            }
        }
        line.push(b'"');
    }

    fn push_count(&self, line: &mut Vec<u8>, count: u32) {
        line.push(self.delimiter);
        line.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    }

    /// RFC 3339 in UTC, in seconds.
    fn push_time(&mut self, line: &mut Vec<u8>, time: Option<Timestamp>) {
        let Some(time) = time else { return self.push(line, "") };
        match &self.time {
            Some((last, cell)) if *last == time => line.extend_from_slice(cell),
            _ => {
                let cell = self.cell(&format!("{time:.0}"));
                line.extend_from_slice(&cell);
                self.time = Some((time, cell));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_only_if_it_must_be_and_never_runs() {
        for (text, expected) in [
            ("", ","),
            ("plain; text", ",plain; text"),
            ("a, b", ",\"a, b\""),
            ("say \"hi\"", ",\"say \"\"hi\"\"\""),
            ("two\r\nlines", ",\"two  lines\""),
            ("=HYPERLINK(\"http://x\")", ",\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", ",\"'+1\""),
            ("-1", ",\"'-1\""),
            ("@x", ",\"'@x\""),
            ("\tx", ",\"'\tx\""),
            ("\rx", ",\"' x\""),
            ("＝1", ",\"'＝1\""),
            ("1+1=2", ",1+1=2"),
        ] {
            let mut line = Vec::new();
            Cells::new(b',').push(&mut line, text);
            assert_eq!(String::from_utf8(line).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_status_is_its_word_also_where_the_delimiter_is_in_it() {
        for delimiter in [b',', b'_'] {
            let cells = Cells::new(delimiter);
            for status in Status::ALL {
                let (mut line, mut expected) = (Vec::new(), Vec::new());
                cells.push_status(&mut line, status);
                cells.push(&mut expected, status.as_str());
                assert_eq!(line, expected, "{status}");
            }
        }
    }

    #[test]
    fn times_are_whole_seconds_and_follow_each_other() {
        let (mut cells, mut line) = (Cells::new(b';'), Vec::new());
        for millis in [1_700_000_000_999, 1_700_000_000_999, 1_700_000_001_000] {
            cells.push_time(&mut line, Some(Timestamp::from_millisecond(millis).unwrap()));
        }
        cells.push_time(&mut line, None);
        let expected = ";2023-11-14T22:13:20Z;2023-11-14T22:13:20Z;2023-11-14T22:13:21Z;";
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
