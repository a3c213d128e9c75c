//! The rows of one connector, by status and by error code.
//!
//! Must not keep rows, nor more than a bounded number of codes.

use std::cmp::Reverse;

use indicatif::HumanCount;
use serde::{Serialize, Serializer};

use super::masked::masked;
use super::statuses::Counts;
use crate::input::Status;

/// The most codes that are counted by themselves: a service has some dozens.
const CODES: usize = 100;

/// Those named in words.
const NAMED: usize = 3;

/// The rows of one connector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfConnector {
    /// By status.
    #[serde(flatten)]
    pub counts: Counts,
    /// Those that did not succeed by error code, in the order in which the codes came.
    #[serde(serialize_with = "as_map")]
    errors: Vec<(Box<str>, u64)>,
}

impl OfConnector {
    /// Counts a row, and the code of its error if it did not succeed.
    pub(super) fn add(&mut self, status: Option<Status>, error: Option<&str>) {
        self.counts.add(status);
        let Some(code) = error else { return };
        if let Some((_, rows)) = self.errors.iter_mut().find(|(known, _)| **known == *code) {
            *rows += 1;
        } else if self.errors.len() < CODES {
            self.errors.reserve_exact(1); // most connectors have one code, and there may be many connectors
            self.errors.push((code.into(), 1));
        }
    }

    /// `NotFound 12, Forbidden 3, others 2`, the most frequent first; empty if there are none.
    #[must_use]
    pub(crate) fn errors_in_words(&self) -> String {
        let mut named: Vec<_> = self.errors.iter().map(|(code, rows)| (&**code, *rows)).collect();
        named.sort_by_key(|&(code, rows)| (Reverse(rows), code));
        named.truncate(NAMED);
        let all = self.counts.trouble() - self.counts.no_status;
        let others = all - named.iter().map(|(_, rows)| rows).sum::<u64>();
        let name = |code: &str| if code.is_empty() { "(no code)".to_owned() } else { masked(code) };
        let mut words: Vec<_> =
            named.iter().map(|(code, rows)| format!("{} {}", name(code), HumanCount(*rows))).collect();
        words.extend((others > 0).then(|| format!("others {}", HumanCount(others))));
        words.join(", ")
    }
}

fn as_map<S: Serializer>(errors: &[(Box<str>, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(errors.iter().map(|(code, rows)| (code, rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    fn of(codes: &[&str]) -> OfConnector {
        let mut connector = OfConnector::default();
        for code in codes {
            connector.add(Some(Status::Failed), Some(code));
        }
        connector
    }

    #[test]
    fn the_most_frequent_codes_are_named_and_the_others_counted() {
        for (codes, words) in [
            (&[][..], ""),
            (&["B", "A", "A"], "A 2, B 1"),
            (&["D", "C", "", "B", "B"], "B 2, (no code) 1, C 1, others 1"),
        ] {
            assert_eq!(of(codes).errors_in_words(), words);
        }
    }

    #[test]
    fn the_number_of_codes_is_bounded() {
        let codes: Vec<String> = (0..2 * CODES).map(|n| format!("Code{n:03}")).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let connector = of(&codes);
        assert_eq!(connector.errors.len(), CODES);
        assert_eq!(connector.errors_in_words(), "Code000 1, Code001 1, Code002 1, others 197");
    }
}
