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

/// Whether `c` is recognized where it is displayed.
pub(crate) fn is_recognized(c: char) -> bool {
    c.is_ascii_graphic() || c == ' ' || c.is_alphabetic() && !is_hidden(c)
}

/// A character by name: `'x'`, or `U+200B` if it may not be recognized on a screen.
pub(crate) fn named(c: char) -> String {
    if is_recognized(c) { format!("{c:?}") } else { format!("U+{:04X}", u32::from(c)) }
}

/// `text` with the characters that are not seen as escapes, such as `\u{200b}`.
pub(crate) fn escaped(text: &str) -> String {
    let shown = |c: char| if is_hidden(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// `text`, which may have several lines, with what would command a terminal as escapes: whoever wrote a file's name or a
/// service's message must not write the screen.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => c.escape_default().to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// A word of a command line, quoted for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-/:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `text` with all digits but the last four hidden, so that its form can still be seen.
pub(crate) fn masked_digits(text: &str) -> String {
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    let mut at = 0;
    let shown = |c: char| {
        at += usize::from(c.is_numeric());
        if c.is_numeric() && at + 4 <= digits { '•' } else { c }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_shown() {
        for (text, shown) in [
            ("abc", "abc"),
            ("a b \"c\" é 日", "a b \"c\" é 日"),
            ("abc\u{200b}", "abc\\u{200b}"),
            ("\u{feff}a\u{a0}b", "\\u{feff}a\\u{a0}b"),
            ("\u{1b}[31m\n", "\\u{1b}[31m\\n"),
            ("\u{202e}abc", "\\u{202e}abc"),
        ] {
            assert_eq!(escaped(text), shown);
        }
        let text = "a\tb\n\u{1b}[2J\r\u{9b}\u{202e}\u{a0}";
        assert_eq!(printable(text), "a\tb\n\\u{1b}[2J\\r\\u{9b}\\u{202e}\u{a0}");
        for (c, name) in
            [('x', "'x'"), ('é', "'é'"), ('\u{2011}', "U+2011"), ('\u{200b}', "U+200B"), ('\n', "U+000A")]
        {
            assert_eq!(named(c), name);
        }
    }

    #[test]
    fn only_the_last_four_digits_of_a_number_are_shown() {
        for (text, shown) in [
            ("+1 206 555 0128-0137", "+• ••• ••• ••••-0137"),
            ("+12065550100x12", "+•••••••••00x12"),
            ("1.20656E+10", "•.•••56E+10"),
            ("123", "123"),
            ("x", "x"),
        ] {
            assert_eq!(masked_digits(text), shown);
        }
    }

    #[test]
    fn what_spreadsheets_put_around_text_is_dropped() {
        for (cell, text) in [
            (" abc ", "abc"),
            ("'abc", "abc"),
            ("=\"abc\"", "abc"),
            ("=\" 'abc \"", "abc"),
            ("=abc", "=abc"),
            ("\"abc\"", "\"abc\""),
            ("", ""),
        ] {
            assert_eq!(plain(cell), text);
        }
    }
}
