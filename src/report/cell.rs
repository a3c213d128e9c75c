//! One cell of a report: quoted where csv needs it, and harmless where a spreadsheet would run it.

use jiff::Timestamp;

/// What makes a spreadsheet take a cell for a formula; some take the full-width forms too.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Appends cells to a line, each with the delimiter before it.
pub(super) struct Cells {
    delimiter: u8,
    /// The last time and its text: the rows of a batch have the same.
    time: Option<(Timestamp, String)>,
}

impl Cells {
    pub fn new(delimiter: u8) -> Self {
        Self { delimiter, time: None }
    }

    /// A text from elsewhere. Line breaks become spaces: a report has a line per row wherever the input had.
    pub fn push(&self, line: &mut Vec<u8>, text: &str) {
        line.push(self.delimiter);
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

    pub fn push_count(&self, line: &mut Vec<u8>, count: u32) {
        line.push(self.delimiter);
        line.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    }

    /// RFC 3339 in UTC, in seconds.
    pub fn push_time(&mut self, line: &mut Vec<u8>, time: Option<Timestamp>) {
        let Some(time) = time else { return self.push(line, "") };
        let text = match self.time.take() {
            Some((last, text)) if last == time => text,
            _ => format!("{time:.0}"),
        };
        self.push(line, &text);
        self.time = Some((time, text));
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
