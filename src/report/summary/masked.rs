//! Makes outside text safe to show: no whole phone number, and no control characters for a terminal.
//!
//! Must not shorten anything but phone numbers: the user may have to search for it.

use std::fmt::Write;

/// A run of at least this many digits may be a phone number.
const DIGITS: usize = 7;

/// The digits that are kept.
const SHOWN: usize = 4;

/// `text` with every phone number cut to its last four digits, and control characters made visible.
///
/// A number is at least seven digits, with or without separators, that no letter touches: request ids and
/// connector ids are not numbers. Twelve digits between colons are the account in an ARN.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if !is_part(first) {
            out.push(if first.is_control() { '\u{fffd}' } else { first });
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (run, after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
        let touched = |c: char| c.is_alphabetic() || c == '_';
        let before = out.chars().next_back();
        // An extension may follow a number: `+12065550100x5`.
        let begins_with_plus = run.trim_start().starts_with('+') && !before.is_some_and(touched);
        let is_plus = out.ends_with("%2B") || out.ends_with("%2b");
        let is_touched = !is_plus
            && before.is_some_and(touched)
            && run.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            || !begins_with_plus
                && after.starts_with(touched)
                && run.ends_with(|c: char| c.is_ascii_digit() || c == '-');
        let is_account = before == Some(':') && after.starts_with(':');
        push_run(&mut out, run, is_touched || is_account);
        rest = after;
    }
    out
}

fn is_part(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '+' | '-' | '.' | '(' | ')')
}

fn push_run(out: &mut String, run: &str, is_something_else: bool) {
    let digits: Vec<char> = run.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < DIGITS || is_something_else {
        return out.push_str(run);
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let first = run.find(|c| is_digit(c) || c == '+').unwrap_or(0);
    let end = run.rfind(is_digit).map_or(run.len(), |at| at + 1);
    let opens = run[..first].ends_with('(') && run[first..end].contains(')');
    let start = if opens { first - 1 } else { first };
    let last: String = digits[digits.len() - SHOWN..].iter().collect();
    let _ = write!(out, "{}…{last}{}", &run[..start], &run[end..]); // a string takes everything
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_and_nothing_else_is() {
        for (text, shown) in [
            ("+12065550100", "…0100"),
            ("line 5: `(206) 555-0100` has separators", "line 5: `…0100` has separators"),
            ("gone (+12065550100)", "gone (…0100)"),
            ("line 2: `+12065550100x12` may be", "line 2: `…0100x12` may be"),
            ("abc+12065550100xyz", "abc+12065550100xyz"),
            ("1.20656E+10", "1.20656E+10"),
            ("the number +1 206 555 0100 is gone.", "the number …0100 is gone."),
            ("aad4c082-8338-47e0-959a-f41fd9f2719f", "aad4c082-8338-47e0-959a-f41fd9f2719f"),
            ("sim-00000000-0000-4000-8000-000000000017", "sim-00000000-0000-4000-8000-000000000017"),
            ("arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:user/x"),
            ("abcdef1ghij2klmno3pqr4", "abcdef1ghij2klmno3pqr4"),
            ("20261124T021300Z is too old", "20261124T021300Z is too old"),
            ("a\u{1b}[31m\nb", "a\u{fffd}[31m\u{fffd}b"),
            ("%2B12065550100", "%2B…0100"),
            ("", ""),
        ] {
            assert_eq!(masked(text), shown, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_whole_number_is_left(before in "[ (`,;=]?", digits in "[1-9][0-9]{6,14}", after in "[ )`,;.]?") {
            let shown = masked(&format!("{before}+{digits}{after}"));
            proptest::prop_assert!(!shown.contains(&digits), "{}", shown);
            proptest::prop_assert!(shown.contains(&digits[digits.len() - 4..]), "{}", shown);
        }
    }
}
