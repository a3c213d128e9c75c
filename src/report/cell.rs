//! The cells of a report: harmless where a spreadsheet would run them.
//!
//! Must not change the input's own cells, and must not quote: csv does.

use std::borrow::Cow;

use super::result::RowResult;

/// What makes a spreadsheet treat a cell as a formula; some accept the full-width forms too.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The cells of `result` from `status` to `completed_at`, of a row that earlier runs sent `prior_attempts` times.
pub(super) fn cells<'a>(result: &'a RowResult<'_>, prior_attempts: u32) -> [Cow<'a, str>; 6] {
    [
        result.status.as_str().into(),
        armed(&result.code),
        armed(&result.message),
        prior_attempts.saturating_add(result.attempts).to_string().into(),
        armed(result.request_id),
        // RFC 3339 in UTC, in seconds.
        result.completed_at.map_or_else(String::new, |time| format!("{time:.0}")).into(),
    ]
}

/// This tool's own text, in ASCII: programs that take a report for another encoding leave it whole.
pub(super) fn ascii(text: &str) -> String {
    text.chars().fold(String::new(), |mut ascii, c| {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            ascii.extend(c.escape_unicode());
        }
        ascii
    })
}

/// Makes outside text safe. Line breaks become spaces, so that they add no lines to the report.
pub(super) fn armed(text: &str) -> Cow<'_, str> {
    let guard = if text.starts_with(FORMULA_STARTS) { "'" } else { "" };
    if guard.is_empty() && !text.contains(['\r', '\n']) {
        return text.into();
    }
    format!("{guard}{}", text.replace(['\r', '\n'], " ")).into()
}

/// A text as it was before [`armed`].
pub(super) fn disarmed(cell: Cow<'_, str>) -> Cow<'_, str> {
    match cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA_STARTS)) {
        None => cell,
        Some(rest) => Cow::Owned(rest.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::input::Status;

    fn result(text: &str, completed_at: Option<Timestamp>) -> RowResult<'_> {
        let (code, message, request_id) = (text.into(), text.into(), text);
        RowResult { status: Status::Failed, code, message, attempts: 2, request_id, completed_at, before: "" }
    }

    #[test]
    fn a_cell_never_runs_and_can_be_read_again() {
        for (text, expected) in [
            ("", ""),
            ("plain; text", "plain; text"),
            ("say \"hi\"", "say \"hi\""),
            ("two\r\nlines", "two  lines"),
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "' x"),
            ("＝1", "'＝1"),
            ("1+1=2", "1+1=2"),
        ] {
            assert_eq!(cells(&result(text, None), 1), ["failed", expected, expected, "3", expected, ""]);
            let read = disarmed(expected.into());
            assert!(expected == "' x" || read == text.replace(['\r', '\n'], " "), "{read:?}");
        }
    }

    #[test]
    fn times_are_whole_seconds() {
        let time = Timestamp::from_millisecond(1_700_000_000_999).unwrap();
        assert_eq!(cells(&result("", Some(time)), 0)[5], "2023-11-14T22:13:20Z");
    }
}
