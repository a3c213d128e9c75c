//! A short digest of what a row asks for. It shows a later run whether a person or a spreadsheet has changed the row.
//!
//! Of the action, the connector and the number, and of nothing else: a key must not change when more becomes known
//! about a row. Must not be used against an adversary.

use twox_hash::XxHash3_128;

use crate::action::Action;
use crate::number::PhoneNumber;

/// No vowels, so that a key is never a word such as `true`, and no digits, so that it is never a number or a date.
const LETTERS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";

const LENGTH: usize = 10;
/// 20 to the power of 10.
const KEYS: u128 = 10_240_000_000_000;

/// `row_key` of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowKey([u8; LENGTH]);

impl RowKey {
    pub(crate) fn new(action: Action, connector: &str, number: PhoneNumber) -> Self {
        let asked = [action.as_str(), "\n", connector, "\n+", &number.digits().to_string()].concat();
        let hash = XxHash3_128::oneshot(asked.as_bytes());
        let mut rest = (hash % KEYS) as u64; // fits, and needs no 128-bit divisions
        Self(std::array::from_fn(|_| {
            let letter = LETTERS[(rest % 20) as usize];
            rest /= 20;
            letter
        }))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // letters always are
    }

    /// Whether a cell holds this key. A spreadsheet may have begun it with a capital letter.
    pub(crate) fn fits(self, cell: &str) -> bool {
        cell.trim().as_bytes().eq_ignore_ascii_case(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(connector: &str, number: &str) -> String {
        RowKey::new(Action::Disassociate, connector, PhoneNumber::parse(number).unwrap()).as_str().to_owned()
    }

    #[test]
    fn a_key_is_ten_consonants_and_the_same_in_every_version() {
        assert_eq!(key("abcdef1ghij2klmno3pqr4", "+12065550100"), "mnnprfvfqv");
        assert_eq!(key("a", "+20"), key("a", " 20 "));
        assert_ne!(key("a", "+20"), key("b", "+20"));
        assert_ne!(key("a", "+20"), key("a", "+21"));
        let keys = Action::ALL
            .map(|action| RowKey::new(action, "a", PhoneNumber::parse("+20").unwrap()).as_str().to_owned());
        assert!(keys.iter().all(|key| keys.iter().filter(|other| *other == key).count() == 1), "{keys:?}");
    }
}
