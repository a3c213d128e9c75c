//! Lists of numbers as a journal has them: in ranges, as text.
//!
//! Must not know what the numbers count.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// Numbers of 32 bits or what wraps one, written as `0-49,57,60-61`; their order is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges<'a, T: Clone>(pub Cow<'a, [T]>);

impl<T: Copy + Into<u32>> Serialize for Ranges<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(self.0.iter().map(|number| (*number).into())))
    }
}

fn text(numbers: impl ExactSizeIterator<Item = u32>) -> String {
    const USUALLY: usize = "1000000,".len();
    let (mut text, mut digits) = (String::with_capacity(USUALLY * numbers.len()), itoa::Buffer::new());
    let mut numbers = numbers.peekable();
    while let Some(first) = numbers.next() {
        let mut last = first;
        while let Some(next) = numbers.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(digits.format(first));
        if last > first {
            text.push('-');
            text.push_str(digits.format(last));
        }
    }
    text
}

/// The most numbers that one list is believed to have: more is a damaged file, not a job of this program, whose largest
/// entry is a block of intents.
const MOST: usize = 1 << 26;

impl<'de, T: Copy + From<u32>> Deserialize<'de> for Ranges<'_, T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(List(PhantomData)).map(|numbers| Self(Cow::Owned(numbers)))
    }
}

struct List<T>(PhantomData<T>);

impl<T: From<u32>> serde::de::Visitor<'_> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ranges, such as `0-49,57`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        parse(text.as_bytes()).map_err(|range| {
            let range = range.split(|byte| *byte == b',').next().unwrap_or_default();
            E::custom(format_args!("`{}` is not a range", range.escape_ascii()))
        })
    }
}

/// The numbers of `0-49,57,60-61`. `Err`: from the first range that is none.
///
/// One look at each byte: where connectors take turns, every row stands by itself, and a journal has little else.
fn parse<T: From<u32>>(text: &[u8]) -> Result<Vec<T>, &[u8]> {
    let mut numbers = Vec::with_capacity(memchr::memchr_iter(b',', text).count() + 1);
    let mut rest = text;
    loop {
        let (first, last, after) = range(rest).ok_or(rest)?;
        if (last - first) as usize >= MOST - numbers.len() {
            return Err(rest);
        }
        if first == last {
            numbers.push(first.into());
        } else {
            numbers.extend((first..=last).map(T::from));
        }
        rest = match after {
            [] => return Ok(numbers),
            [b',', after @ ..] => after,
            _ => return Err(rest),
        };
    }
}

/// The first and the last of the range at the start of `text`, which may be one and the same, and what follows it.
fn range(text: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (first, after) = number(text)?;
    let (last, after) = match after {
        [b'-', after @ ..] => number(after)?,
        _ => (first, after),
    };
    (first <= last).then_some((first, last, after))
}

/// The number at the start of `text`, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    const LONGEST: usize = "4294967295".len();
    let (mut number, mut after) = (0_u64, text);
    while let [digit @ b'0'..=b'9', rest @ ..] = after {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        after = rest;
    }
    let length = text.len() - after.len();
    let is_possible = (1..=LONGEST).contains(&length);
    Some((u32::try_from(number).ok().filter(|_| is_possible)?, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_written_as_ranges_in_order() {
        let table: [(&[u32], &str); 5] = [
            (&[7], "\"7\""),
            (&[0, 1, 2], "\"0-2\""),
            (&[5, 6, 1, 3, 2], "\"5-6,1,3,2\""),
            (&[4_294_967_295], "\"4294967295\""),
            (&[2, 1, 0], "\"2,1,0\""),
        ];
        for (list, text) in table {
            let written = serde_json::to_string(&Ranges(list.into())).expect("serialises");
            assert_eq!(written, text);
            assert_eq!(serde_json::from_str::<Ranges<'_, u32>>(text).expect("parses"), Ranges(list.into()));
        }
    }

    #[test]
    fn damaged_ranges_are_refused() {
        for text in [
            "\"\"",
            "\"1-\"",
            "\"-1\"",
            "\"2-1\"",
            "\"a\"",
            "\"0-4294967295\"",
            "7",
            "\"4294967296\"",
            "\"1,\"",
            "\"1,,2\"",
            "\"1-2-3\"",
            "\"1 2\"",
            "\"11111111111\"",
        ] {
            assert!(serde_json::from_str::<Ranges<'_, u32>>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_order_survives(list in prop::collection::vec(0_u32..40, 1..60)) {
            let list = Ranges(list.into());
            let text = serde_json::to_string(&list).expect("serialises");
            prop_assert_eq!(serde_json::from_str::<Ranges<'_, u32>>(&text).expect("parses"), list);
        }
    }
}
