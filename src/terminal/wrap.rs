//! Wraps text at words to the width of the terminal, which would cut them.
//!
//! What is no wider than the terminal is left as it is, and so is what does not go to one. Must not print.

use console::{Term, measure_text_width, strip_ansi_codes};

/// The widest label that what follows is indented by.
const LABEL: usize = 24;

/// Where the text begins in an overview. `credentials` is a label that leaves one space.
const COLUMN: usize = 12;

/// `text` for a terminal, if it is one: see `wrapped`.
#[must_use]
pub fn fitted(text: &str, terminal: &Term) -> String {
    match terminal.size_checked() {
        Some((_, width)) => wrapped(text, width.into()),
        None => text.to_owned(),
    }
}

/// `text` for the terminal that a user reads help on, if there is one.
#[must_use]
pub(crate) fn fitted_help(text: &str) -> String {
    fitted(text, &Term::stderr()) // as clap does, which looks at all streams
}

/// `text` with each line that is wider than so many columns wrapped at its spaces. What follows is indented as the text after
/// the line's label is, such as `account     ` or `hint: `. A word that is wider stays whole, and so does a command.
fn wrapped(text: &str, width: usize) -> String {
    let wrap_line =
        |line| if measure_text_width(line) > width { wrapped_line(line, width) } else { line.to_owned() };
    text.split('\n').map(wrap_line).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, width: usize) -> String {
    let spaces = line.len() - line.trim_start().len();
    let leading = if spaces <= width / 2 { spaces } else { 2 };
    let label = indent(&strip_ansi_codes(line)) - (spaces - leading);
    let indent = if label <= width / 2 { label } else { leading };
    let (mut wrapped, mut column) = (" ".repeat(leading), leading);
    for (at, word) in words(line.trim_start()).into_iter().enumerate() {
        let wide = measure_text_width(word);
        if at == 0 {
            wrapped.push_str(word);
            column += wide;
        } else if column + 1 + wide <= width || column < label {
            wrapped.push(' ');
            wrapped.push_str(word);
            column += 1 + wide;
        } else if !word.is_empty() {
            wrapped.truncate(wrapped.trim_end().len());
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            wrapped.push_str(word);
            column = indent + wide;
        }
    }
    wrapped
}

/// The column where the text begins after a label, or a line's first word.
fn indent(line: &str) -> usize {
    let leading = line.len() - line.trim_start().len();
    let text = &line[leading..];
    let gap = text.find("  ").map(|gap| text.len() - text[gap..].trim_start().len());
    let full = text.find(' ').filter(|at| leading == 0 && *at + 1 == COLUMN).map(|_| COLUMN);
    let colon = text.find(": ").filter(|at| text[..*at].chars().all(|c| c.is_ascii_lowercase()));
    let label = gap
        .into_iter()
        .chain(full)
        .chain(colon.map(|at| at + 2))
        .min()
        .map_or(0, |end| text[..end].chars().count());
    leading + if label <= LABEL { label } else { 4 }
}

/// The words of a line. A command is one word, so that it can be copied: in backticks, or after a colon at the end.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut is_quoted) = (0, false);
    let has_pairs = line.matches('`').count().is_multiple_of(2);
    for (at, c) in line.char_indices() {
        match c {
            '`' => is_quoted = has_pairs && !is_quoted,
            ' ' if !is_quoted => {
                let before = &line[..at];
                words.push(&line[start..at]);
                start = at + 1;
                if line[start..].starts_with("chime-sweep ")
                    && (before.ends_with(':') || before.trim().is_empty())
                {
                    break;
                }
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_at_words_below_its_label() {
        for (width, text, expected) in [
            (20, "short", "short"),
            (20, "twenty columns, just", "twenty columns, just"),
            (20, "one two three four five six", "one two three four\nfive six"),
            (
                30,
                "input       numbers.csv, 10 rows, changed 2 min ago",
                "input       numbers.csv, 10\n            rows, changed 2\n            min ago",
            ),
            (
                30,
                &format!("{:22}account's name or id in that file", ""),
                "  account's name or id in that\n  file",
            ),
            (24, "     3  succeeded after a while", "     3  succeeded after\n        a while"),
            (
                30,
                "error: cannot open `numbers.csv`: no such file",
                "error: cannot open\n       `numbers.csv`: no such\n       file",
            ),
            (
                30,
                "  because: it is not a file of that kind",
                "  because: it is not a file of\n           that kind",
            ),
            (
                20,
                "service     https://voice-chime.us-east-1.amazonaws.com",
                "service     https://voice-chime.us-east-1.amazonaws.com",
            ),
            (
                20,
                "see /a/path/that/is/wider/than/that for more of it",
                "see\n/a/path/that/is/wider/than/that\nfor more of it",
            ),
            (
                30,
                "hint: use `chime-sweep rerun numbers.report.csv` to go on",
                "hint: use\n      `chime-sweep rerun numbers.report.csv`\n      to go on",
            ),
            (
                30,
                "to continue with the rest: chime-sweep rerun numbers.report.csv --yes",
                "to continue with the rest:\nchime-sweep rerun numbers.report.csv --yes",
            ),
            (24, "credentials key of a profile", "credentials key of a\n            profile"),
            (
                30,
                "\x1b[1merror:\x1b[0m a word in color is as wide as it looks",
                "\x1b[1merror:\x1b[0m a word in color is as\n       wide as it looks",
            ),
            (
                30,
                "Remove 2,000 numbers?\nType 2,000 to confirm, or anything else to cancel: ",
                "Remove 2,000 numbers?\nType 2,000 to confirm, or\nanything else to cancel: ",
            ),
            (12, "é日本 日本語 é", "é日本 日本語\né"),
        ] {
            assert_eq!(wrapped(text, width), expected, "{width}");
        }
    }
}
