//! Formats counts, time spans and the text of others for people.
//!
//! Must not print.

use std::time::Duration;

use indicatif::HumanCount;

/// `45 s`, `14 min`, `3 h 05 min`.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round().clamp(0.0, 1e15);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let seconds = seconds as u64;
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 request`, `2 requests`.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Whether `c` is a mark that is not displayed and means nothing beside digits and letters. Not the marks that reverse
/// what follows them: where they are, what is displayed is not what is written.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202c}' | '\u{2060}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether `c` looks like nothing or like a space, but is not the space of a keyboard.
fn is_hidden(c: char) -> bool {
    let is_reversing = matches!(c, '\u{202d}' | '\u{202e}');
    c.is_control() || c.is_whitespace() && c != ' ' || is_invisible(c) || is_reversing
}

/// A cell without what spreadsheets put around text: white space, the `'` that marks text, and `="…"`, which keeps a
/// number from being read as a quantity. None of it can be part of a number or of an id.
pub(crate) fn plain(cell: &str) -> &str {
    let text = cell.trim();
    let text = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim();
    text.strip_prefix('\'').unwrap_or(text)
}

/// A character by name: `'x'`, or `U+200B` if it may not be recognized on a screen.
pub(crate) fn named(c: char) -> String {
    if c.is_ascii_graphic() || c == ' ' || c.is_alphabetic() && !is_hidden(c) {
        format!("{c:?}")
    } else {
        format!("U+{:04X}", u32::from(c))
    }
}

/// `text` with the characters that are not seen as escapes, such as `\u{200b}`.
pub(crate) fn escaped(text: &str) -> String {
    let shown = |c: char| if is_hidden(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}
