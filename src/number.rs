//! Phone numbers in E.164 form.
//!
//! [`PhoneNumber::parse`] is the only constructor: every `PhoneNumber` matches the service's pattern.
//! Must not guess: text that is not unambiguously a number is refused, with the reason.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;

/// A phone number that the service's pattern `^\+?[1-9]\d{1,14}$` accepts: 2 to 15 digits, the first not 0.
///
/// `+12065550100`, `12065550100` and `%2B12065550100` are the same number. `Debug` shows only the last four digits:
/// numbers are personal data, and the service's model marks them as sensitive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(NonZeroU64);

/// Why a text is not a phone number. Reads on from the text: "`+1 206 CALL` contains 'C', which is …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Fewer digits than the service's pattern allows.
    #[error("is too short for an E.164 number, which has 2 to 15 digits")]
    TooShort,
    /// More digits than the service's pattern allows.
    #[error("is too long for an E.164 number, which has 2 to 15 digits")]
    TooLong,
    /// No country code begins with 0.
    #[error("begins with 0: an E.164 number begins with its country code")]
    LeadingZero,
    /// `+44 (0)20 …`: the 0 is dialed only within the country, but some countries keep it.
    #[error("has a 0 in parentheses, which may or may not be part of the number")]
    OptionalZero,
    /// `(206) 555-0100`: written for callers within the country.
    #[error("has separators but no leading `+`, so its country code is not certain")]
    NoCountryCode,
    /// `1.20656E+10`.
    #[error("is in a spreadsheet's scientific notation, which loses digits: export the column as text")]
    ScientificNotation,
    /// `12065550100.0`.
    #[error("has decimal places, which a spreadsheet adds to numbers: export the column as text")]
    DecimalPlaces,
    /// Anything else; full-width digits and invisible marks are named by their escapes.
    #[error("contains {0:?}, which is neither a digit nor a separator")]
    Character(char),
}

impl NumberError {
    /// Whether a program that mistook the number for a quantity has rewritten it.
    #[must_use]
    pub fn is_spreadsheet_damage(self) -> bool {
        matches!(self, Self::ScientificNotation | Self::DecimalPlaces)
    }
}

impl PhoneNumber {
    /// Parses `+12065550100`, `12065550100`, `%2B12065550100` or, because of its `+`, `+1 (206) 555-0100`.
    /// White space around it is ignored.
    ///
    /// One leading `'` is dropped: spreadsheets write it to mark text, and exporters write it so that a cell that
    /// begins with `+` is not a formula. It is never part of a number, so nothing is guessed.
    ///
    /// # Errors
    /// If the text is anything else.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let text = text.trim();
        let text = text.strip_prefix('\'').unwrap_or(text);
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let rest = ["+", "%2B", "%2b"].iter().find_map(|plus| text.strip_prefix(plus));
        let (has_plus, rest) = (rest.is_some(), rest.unwrap_or(text));
        let mut digits = Cow::Borrowed(rest);
        if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
            check_separators(rest, has_plus)?;
            digits.to_mut().retain(|character| character.is_ascii_digit());
        }
        from_digits(&digits).ok_or(match digits.len() {
            _ if digits.starts_with('0') => NumberError::LeadingZero,
            0 | 1 => NumberError::TooShort,
            _ => NumberError::TooLong,
        })
    }

    /// The number as the service takes it: `+` and the digits.
    #[must_use]
    pub fn e164(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "+{}", self.0))
    }

    /// Its digits, read as one number: what follows the `+`.
    #[must_use]
    pub fn digits(self) -> u64 {
        self.0.get()
    }

    /// The number for a log: `…` and its last four digits.
    #[must_use]
    pub fn masked(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "…{:04}", self.0.get() % 10_000))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

fn from_digits(digits: &str) -> Option<PhoneNumber> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_possible = are_digits && (2..=15).contains(&digits.len()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| is_possible).map(PhoneNumber)
}

/// Whether `rest`, what follows the `+`, is one number once its separators are gone.
fn check_separators(rest: &str, has_plus: bool) -> Result<(), NumberError> {
    if is_scientific(rest) {
        return Err(NumberError::ScientificNotation);
    }
    // `.` separates groups too (`+1.206.555.0100`), but no numbering plan has a last group of one or two zeros.
    // Reading it as a group would produce a different number.
    if rest.rsplit_once(['.', ',']).is_some_and(|(_, last)| matches!(last, "0" | "00")) {
        return Err(NumberError::DecimalPlaces);
    }
    if let Some(other) = rest.chars().find(|&c| !c.is_ascii_digit() && !is_separator(c)) {
        return Err(NumberError::Character(other));
    }
    if rest.split('(').skip(1).any(|inner| inner.trim_start().starts_with('0')) {
        return Err(NumberError::OptionalZero);
    }
    if has_plus { Ok(()) } else { Err(NumberError::NoCountryCode) }
}

/// Spaces as people and web pages write them (U+00A0 and U+202F are non-breaking), and `-`, `.`, `(`, `)`.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '-' | '.' | '(' | ')')
}

/// Whether `text` is like `1.20656E+10` or, where the comma is the decimal point, `1,20656E+10`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    all_digits(exponent) && mantissa.splitn(2, ['.', ',']).all(all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_many_spellings() {
        for text in [
            "+12065550100",
            "12065550100",
            "%2B12065550100",
            "%2b12065550100",
            "  +12065550100\t",
            "\u{a0}12065550100",
            "+1 206 555 0100",
            "+1 (206) 555-0100",
            "+1.206.555.0100",
            "+1\u{a0}206\u{202f}5550100",
            "'+12065550100",
            "'12065550100",
            "%2B1-206-555-0100",
        ] {
            let number = PhoneNumber::parse(text).unwrap_or_else(|e| panic!("`{text}` {e}"));
            assert_eq!(number.e164().to_string(), "+12065550100", "{text}");
        }
        assert_eq!(format!("{:?}", PhoneNumber::parse("+12065550100").unwrap()), "PhoneNumber(…0100)");
    }

    #[test]
    fn the_shortest_and_longest_numbers_are_accepted() {
        assert_eq!(PhoneNumber::parse("+10").unwrap().e164().to_string(), "+10");
        assert_eq!(PhoneNumber::parse("999999999999999").unwrap().e164().to_string(), "+999999999999999");
    }

    #[test]
    #[rustfmt::skip]
    fn ambiguous_text_is_refused() {
        use NumberError::*;
        for (text, expected) in [
            ("", Empty), (" \u{a0}", Empty), ("'", Empty),
            ("+", TooShort), ("+1", TooShort), ("7", TooShort), ("+-", TooShort),
            ("+1206555010012345", TooLong), ("99999999999999999999999999", TooLong), ("+1 206 555 0100 12345", TooLong),
            ("0", LeadingZero), ("+0", LeadingZero), ("0012065550100", LeadingZero), ("+0 206 555 0100", LeadingZero),
            ("+44 (0)20 7946 0000", OptionalZero), ("+44 ( 020) 7946 0000", OptionalZero),
            ("(206) 555-0100", NoCountryCode), ("1 206 555 0100", NoCountryCode), ("555-0142", NoCountryCode),
            ("-12065550100", NoCountryCode),
            ("1.20656E+10", ScientificNotation), ("1,20656e+10", ScientificNotation), ("1E10", ScientificNotation),
            ("+1.20656E+10", ScientificNotation),
            ("12065550100.0", DecimalPlaces), ("+12065550100.00", DecimalPlaces), ("12065550100,00", DecimalPlaces),
            ("12,065,550,100", Character(',')), ("+1 206 CALL", Character('C')), ("++12065550100", Character('+')),
            ("+1206555010x", Character('x')), ("tel:+12065550100", Character('t')), ("E+10", Character('E')),
            ("''+12065550100", Character('\'')), ("1\u{ff12}065550100", Character('\u{ff12}')),
            ("\u{202a}+12065550100", Character('\u{202a}')), ("+1206\n5550100", Character('\n')),
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn only_digits_without_a_leading_zero_are_a_number() {
        for length in 2..=15 {
            for at in 0..length {
                for byte in b' '..=b'~' {
                    let mut text = b"135792468135792"[..length].to_vec();
                    text[at] = byte;
                    let text = String::from_utf8(text).unwrap();
                    let is_number = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
                    let expected = is_number.then(|| text.parse::<u64>().unwrap());
                    assert_eq!(from_digits(&text).map(PhoneNumber::digits), expected, "{text}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_parsed_number_has_the_digits_of_its_text(text in "\\PC{0,24}|[+]?[0-9 ().-]{0,20}") {
            if let Ok(number) = PhoneNumber::parse(&text) {
                let text = text.replace("%2B", "+").replace("%2b", "+");
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                proptest::prop_assert_eq!(number.e164().to_string(), format!("+{digits}"));
            }
        }
    }
}
