//! Phone numbers in E.164 form.
//!
//! [`PhoneNumber::parse`] is the only constructor: every `PhoneNumber` matches the service's pattern.
//! Must not guess: text that is not unambiguously a number is refused, with the reason.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;

use crate::text::{is_invisible, named, plain};

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
    /// `0044…`: what is dialed instead of the `+` in much of the world, but not everywhere.
    #[error("begins with 00: if that stands for the `+`, write the `+`")]
    DialingPrefix,
    /// Every number of country code 1 has ten digits after it.
    #[error("has {0} digits: a number that begins with +1 has 11")]
    NorthAmerica(usize),
    /// `+12065550100-0199`, `+12065550100 x12`: more than one number, or more than a number.
    #[error("may be a range of numbers or have an extension: a row holds one number, without an extension")]
    RangeOrExtension,
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
    /// Anything else.
    #[error("contains {}, which is neither a digit nor a separator", named(*.0))]
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
    /// White space around it is ignored, and so is what a spreadsheet puts around text (see `text::plain`).
    ///
    /// Full-width characters, the many dashes and spaces, and invisible marks are read as what they stand for: digits
    /// stay digits, so nothing is guessed.
    ///
    /// # Errors
    /// If the text is anything else.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let text =
            if text.is_ascii() { Cow::Borrowed(text) } else { text.chars().filter_map(typed).collect() };
        let text = plain(&text);
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let text = match text.split_at_checked("tel:".len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") && rest.starts_with('+') => rest,
            _ => text,
        };
        let rest = ["+", "%2B", "%2b"].iter().find_map(|plus| text.strip_prefix(plus));
        let (has_plus, rest) = (rest.is_some(), rest.unwrap_or(text));
        let mut digits = Cow::Borrowed(rest);
        if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
            check_separators(rest, has_plus)?;
            digits.to_mut().retain(|character| character.is_ascii_digit());
        }
        let number = from_digits(&digits).ok_or(match digits.len() {
            _ if digits.starts_with("00") && !has_plus => NumberError::DialingPrefix,
            _ if digits.starts_with('0') => NumberError::LeadingZero,
            0 | 1 => NumberError::TooShort,
            _ => NumberError::TooLong,
        })?;
        match digits.len() {
            length if digits.starts_with('1') && length != 11 => Err(NumberError::NorthAmerica(length)),
            _ => Ok(number),
        }
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
    if let Some((at, other)) = rest.char_indices().find(|(_, c)| !c.is_ascii_digit() && !is_separator(*c)) {
        let (before, after) = rest.split_at(at);
        let is_extension = matches!(other, 'x' | 'X' | '#' | ';') || after.to_lowercase().starts_with("ext");
        let is_after_number = before.bytes().filter(u8::is_ascii_digit).count() >= 7;
        return Err(match is_extension && is_after_number {
            true => NumberError::RangeOrExtension,
            false => NumberError::Character(other),
        });
    }
    if rest.split('(').skip(1).any(|inner| inner.trim_start().starts_with('0')) {
        return Err(NumberError::OptionalZero);
    }
    match has_plus {
        false => Err(NumberError::NoCountryCode),
        true if has_more(rest) => Err(NumberError::RangeOrExtension),
        true => Ok(()),
    }
}

/// Whether more digits follow what may be a whole number, as in `44 20 7946 0000-0099` or `442079460000 12`.
///
/// Numbers of ten digits and more are whole; but where `-` separates all groups, the last but one of a number of twelve
/// digits ends after ten (`380-44-123-45-67`).
fn has_more(rest: &str) -> bool {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let first_group = rest.bytes().take_while(u8::is_ascii_digit).count();
    let before_dash =
        |(before, _): (&str, &str)| digits(before) >= if before.contains('-') { 11 } else { 10 };
    first_group >= 10 && digits(rest) > first_group || rest.rsplit_once('-').is_some_and(before_dash)
}

/// A space as people write it, `-`, `.`, `(`, `)`: what [`typed`] leaves of the others.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')')
}

/// The character of a plain keyboard that `c` stands for; `None` for a mark that is not displayed.
fn typed(c: char) -> Option<char> {
    match c {
        _ if is_invisible(c) => None,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        // The full-width forms are in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        _ => Some(c),
    }
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
            "=\"+12065550100\"",
            "=\"12065550100\"",
            "tel:+1-206-555-0100",
            "TEL:+12065550100",
            "\u{202a}+12065550100\u{202c}",
            "+1\u{200b}2065550100",
            "\u{feff}12065550100",
            "+1\u{2011}206\u{2013}555\u{2212}0100",
            "＋１ （２０６） ５５５－０１００",
            "1\u{ff12}065550100",
        ] {
            let number = PhoneNumber::parse(text).unwrap_or_else(|e| panic!("`{text}` {e}"));
            assert_eq!(number.e164().to_string(), "+12065550100", "{text}");
        }
        assert_eq!(format!("{:?}", PhoneNumber::parse("+12065550100").unwrap()), "PhoneNumber(…0100)");
    }

    #[test]
    fn the_shortest_and_longest_numbers_are_accepted() {
        assert_eq!(PhoneNumber::parse("+20").unwrap().e164().to_string(), "+20");
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
            ("0", LeadingZero), ("+0", LeadingZero), ("02079460000", LeadingZero), ("+0 206 555 0100", LeadingZero),
            ("0012065550100", DialingPrefix), ("00442079460000", DialingPrefix), ("+0044207946", LeadingZero),
            ("+1206555010", NorthAmerica(10)), ("120655501000", NorthAmerica(12)), ("1206", NorthAmerica(4)),
            ("+1 206 555 0100 12", NorthAmerica(13)),
            ("+44 (0)20 7946 0000", OptionalZero), ("+44 ( 020) 7946 0000", OptionalZero),
            ("(206) 555-0100", NoCountryCode), ("1 206 555 0100", NoCountryCode), ("555-0142", NoCountryCode),
            ("-12065550100", NoCountryCode),
            ("1.20656E+10", ScientificNotation), ("1,20656e+10", ScientificNotation), ("1E10", ScientificNotation),
            ("+1.20656E+10", ScientificNotation),
            ("12065550100.0", DecimalPlaces), ("+12065550100.00", DecimalPlaces), ("12065550100,00", DecimalPlaces),
            ("12,065,550,100", Character(',')), ("+1 206 CALL", Character('C')), ("++12065550100", Character('+')),
            ("+12x", Character('x')), ("tel:12065550100", Character('t')), ("E+10", Character('E')),
            ("''+12065550100", Character('\'')), ("+1206\n5550100", Character('\n')),
            ("\u{202e}+12065550100", Character('\u{202e}')), ("+1206555\u{661}100", Character('\u{661}')),
            ("+12065550100/0199", Character('/')), ("+12065550100,+12065550101", Character(',')),
            ("+12065550100 to 0199", Character('t')), ("=\"+12065550100", Character('=')),
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn a_range_or_an_extension_is_not_another_number() {
        for text in [
            "+1 206 555 0128-0137",
            "+1 206 555 0159-107",
            "+12065550138-39",
            "+12065550100-0199",
            "+12065550100–0199",
            "+1-206-555-0100-0199",
            "+442079460000-99",
            "+44 20 7946 0000-0099",
            "+44 20 7946 0000 - 99",
            "+442079460000 12",
            "+442079460000.05",
            "+442079460000..05",
            "+47 22 22 22 22-25",
            "+49 30 1234567-89",
            "+12065550100x12",
            "+1 206 555 0100 X12",
            "+1 206 555 0100 ext. 5",
            "+1 206 555 0100 Ext 5",
            "12065550100x12",
            "+12065550100;ext=5",
            "tel:+12065550100;ext=5",
            "+12065550100#5",
        ] {
            let refused = PhoneNumber::parse(text).unwrap_err();
            let is_too_long = refused == NumberError::TooLong && text.len() > 16;
            assert!(refused == NumberError::RangeOrExtension || is_too_long, "{text}: {refused:?}");
        }
        for whole in [
            "+1-206-555-0100",
            "+1 206-555-0100",
            "+44 20-7946-0000",
            "+49 30 1234-5678",
            "+55 11 91234-5678",
            "+52 1 55 1234-5678",
            "+86-138-1234-5678",
            "+7 999 123-45-67",
            "+380 44 123-45-67",
            "+380-44-123-45-67",
            "+375 (29) 123-45-67",
            "+33.1.23.45.67.89",
        ] {
            assert!(PhoneNumber::parse(whole).is_ok(), "{whole}: {:?}", PhoneNumber::parse(whole));
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
                let digits: String = text.chars().filter_map(typed).filter(char::is_ascii_digit).collect();
                proptest::prop_assert_eq!(number.e164().to_string(), format!("+{digits}"));
            }
        }
    }
}
