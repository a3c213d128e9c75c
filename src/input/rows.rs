//! The rows of an input in 13 bytes each: what is to be sent, not what was written.
//!
//! Must not keep a row's text: a million rows have to fit beside the rest of the run.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use serde::{Deserialize, Serialize};

use super::row::Verdict;
use crate::number::PhoneNumber;

/// How many rows of a kind are shown as examples: what a person reads before opening the report.
pub(crate) const EXAMPLES: usize = 5;

/// A row of the input, from 0; the header is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId(u32);

/// A connector of the input, from 0, in the order in which they first appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorId(u32);

/// What the input says about a row, before this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It can be sent.
    Pending {
        /// An earlier report says `unknown`: it may be done already.
        unanswered: bool,
    },
    /// An earlier report says `succeeded`. It is not sent again.
    Finished,
    /// It cannot be sent.
    Invalid,
    /// Another row has the same connector and number, and comes first or is finished.
    Duplicate,
}

/// The rows of an input.
#[derive(Debug, Default)]
pub struct Rows {
    numbers: Vec<Option<PhoneNumber>>,
    /// By row; [`NO_CONNECTOR`] if it has none.
    connectors: Vec<u32>,
    standings: Vec<Standing>,
    names: Names,
    /// Lines that a row is further down than its number says: (first row it holds for, lines), in the order of rows.
    shifts: Vec<(u32, u32)>,
    /// (row, the row it repeats), in the order of rows.
    duplicates: Vec<(RowId, RowId)>,
    shared: Option<SharedNumbers>,
}

/// Rows whose number an earlier row has under another connector. That is legal, and seldom meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedNumbers {
    /// How many rows.
    pub rows: u32,
    /// The lines of the first few: of the earlier row, and of its own.
    pub examples: Vec<(u64, u64)>,
}

/// The input has more rows or lines than 32 bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

const NO_CONNECTOR: u32 = u32::MAX;

impl RowId {
    /// The row with this index, from 0.
    #[must_use]
    pub fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its index, from 0.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl From<u32> for RowId {
    fn from(index: u32) -> Self {
        Self(index)
    }
}

impl From<RowId> for u32 {
    fn from(row: RowId) -> Self {
        row.0
    }
}

impl ConnectorId {
    #[cfg(test)]
    pub(crate) fn for_tests(index: u32) -> Self {
        Self(index)
    }

    /// Its index, from 0.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Rows {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> u32 {
        // `Builder::push` has seen to it.
        u32::try_from(self.standings.len()).unwrap_or(u32::MAX)
    }

    /// Whether the input is a header and nothing else.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standings.is_empty()
    }

    /// Every row, in the input's order.
    pub fn ids(&self) -> impl Iterator<Item = RowId> + use<> {
        (0..self.len()).map(RowId)
    }

    /// The row's number; `None` if it has no valid one.
    #[must_use]
    pub fn number(&self, row: RowId) -> Option<PhoneNumber> {
        self.numbers.get(row.0 as usize).copied().flatten()
    }

    /// The row's connector; `None` if it has no valid one.
    #[must_use]
    pub fn connector(&self, row: RowId) -> Option<ConnectorId> {
        self.connectors.get(row.0 as usize).filter(|id| **id != NO_CONNECTOR).map(|id| ConnectorId(*id))
    }

    /// The connector's id as the service knows it.
    #[must_use]
    pub fn connector_name(&self, connector: ConnectorId) -> &str {
        self.names.get(connector.0)
    }

    /// The ids of all connectors that the input names, in the order of their [`ConnectorId`].
    pub fn connector_names(&self) -> impl Iterator<Item = &str> {
        (0..self.connector_count()).map(|id| self.names.get(id))
    }

    /// The number of connectors that the input names.
    #[must_use]
    pub fn connector_count(&self) -> u32 {
        self.names.len()
    }

    /// What the input says about the row; `Invalid` for a row that it does not have.
    #[must_use]
    pub fn standing(&self, row: RowId) -> Standing {
        self.standings.get(row.0 as usize).copied().unwrap_or(Standing::Invalid)
    }

    /// The number of rows of this standing.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        self.standings.iter().filter(|other| **other == standing).count()
    }

    /// The line on which the row begins, from 1.
    #[must_use]
    pub fn line(&self, row: RowId) -> u64 {
        let next = self.shifts.partition_point(|(first, _)| *first <= row.0);
        let shift = next.checked_sub(1).and_then(|at| self.shifts.get(at)).map_or(0, |(_, shift)| *shift);
        u64::from(row.0) + u64::from(shift)
    }

    /// The row that a duplicate repeats.
    #[must_use]
    pub fn duplicate_of(&self, row: RowId) -> Option<RowId> {
        let at = self.duplicates.binary_search_by_key(&row, |(duplicate, _)| *duplicate).ok()?;
        self.duplicates.get(at).map(|(_, first)| *first)
    }

    /// The duplicates in order, each with the row that it repeats.
    pub fn duplicates(&self) -> impl Iterator<Item = (RowId, RowId)> + use<'_> {
        self.duplicates.iter().copied()
    }

    /// The pending rows whose number an earlier one has under another connector; `None` if there are none.
    #[must_use]
    pub fn shared_numbers(&self) -> Option<&SharedNumbers> {
        self.shared.as_ref()
    }

    /// Finds the rows with equal numbers: duplicates, and those of [`SharedNumbers`].
    ///
    /// Sorts a hash and a row together in 8 bytes, but only for the few rows whose number may come again: to sort all of
    /// them would take as long as half of the reading, and to look each up twice in a table of them, which misses the
    /// cache, a third.
    fn compare(&mut self) {
        let hasher = DefaultHashBuilder::default();
        let hash = |number: &Option<PhoneNumber>| number.as_ref().map(|number| hasher.hash_one(number));
        let mut seen = Sightings::of_at_most(self.numbers.len());
        let again: Vec<u64> =
            self.numbers.iter().filter_map(hash).filter(|hash| !seen.is_first(*hash)).collect();
        drop(seen);
        let mut several = Sightings::of_at_most(4 * again.len()); // with room, lest all rows find a few more
        again.into_iter().for_each(|hash| _ = several.is_first(hash));
        let pair = |(row, number): (u32, &Option<PhoneNumber>)| {
            let hash = hash(number).filter(|hash| several.has(*hash))?;
            Some(hash << u32::BITS | u64::from(row))
        };
        let mut pairs: Vec<u64> = (0..).zip(&self.numbers).filter_map(pair).collect();
        drop(several);
        pairs.sort_unstable();
        let same_hash = |one: &u64, two: &u64| one >> u32::BITS == two >> u32::BITS;
        let row_of = |pair: &u64| u32::try_from(pair & u64::from(u32::MAX)).map_or(RowId(0), RowId);
        let (mut duplicates, mut shared) = (Vec::new(), Vec::new());
        for run in pairs.chunk_by(same_hash).filter(|run| run.len() > 1) {
            let mut rows: Vec<RowId> = run.iter().map(row_of).collect();
            // Different numbers may have the same hash. What is finished comes first: then no other row need be sent
            // for its number, not even an earlier one.
            let is_finished = |row: RowId| self.standing(row) == Standing::Finished;
            rows.sort_unstable_by_key(|&row| (self.number(row), self.connector(row), !is_finished(row), row));
            for equal in rows.chunk_by(|&one, &two| self.number(one) == self.number(two)) {
                self.compare_equal(equal, &mut duplicates, &mut shared);
            }
        }
        duplicates.sort_unstable();
        for (row, _) in &duplicates {
            if let Some(standing) = self.standings.get_mut(row.0 as usize) {
                *standing = Standing::Duplicate;
            }
        }
        self.duplicates = duplicates;
        shared.sort_unstable();
        let lines = |(later, earlier): &(RowId, RowId)| (self.line(*earlier), self.line(*later));
        self.shared = (!shared.is_empty()).then(|| SharedNumbers {
            rows: u32::try_from(shared.len()).unwrap_or(u32::MAX),
            examples: shared.iter().take(EXAMPLES).map(lines).collect(),
        });
    }

    /// Looks at rows of one number, sorted by connector.
    fn compare_equal(
        &self,
        rows: &[RowId],
        duplicates: &mut Vec<(RowId, RowId)>,
        shared: &mut Vec<(RowId, RowId)>,
    ) {
        let is_pending = |row: &RowId| matches!(self.standing(*row), Standing::Pending { .. });
        let mut sent = Vec::new();
        for same in rows.chunk_by(|&one, &two| self.connector(one) == self.connector(two)) {
            if let [first, others @ ..] = same {
                sent.extend(Some(*first).filter(is_pending));
                duplicates.extend(others.iter().copied().filter(is_pending).map(|row| (row, *first)));
            }
        }
        sent.sort_unstable();
        if let [first, others @ ..] = &*sent {
            shared.extend(others.iter().map(|row| (*row, *first)));
        }
    }
}

/// Which hashes have been seen: a Bloom filter with all bits of a hash in one word, so that each is one look. A few look
/// as if they had been seen, and have not: a hundredth, where that costs a second look. A byte for each hash.
struct Sightings(Vec<u64>);

impl Sightings {
    const HASHES_A_WORD: usize = 8;

    fn of_at_most(hashes: usize) -> Self {
        Self(vec![0; hashes / Self::HASHES_A_WORD + 1])
    }

    /// Sees the hash. Whether that is for the first time, for certain.
    fn is_first(&mut self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        let before = self.0[word];
        self.0[word] |= bits;
        before & bits != bits
    }

    fn has(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        self.0[word] & bits == bits
    }

    /// The word, and four bits in it.
    fn place(&self, hash: u64) -> (usize, u64) {
        let word = ((hash >> u32::BITS) * self.0.len() as u64) >> u32::BITS;
        let bits = [0, 6, 12, 18].map(|at| 1 << (hash >> at & 63));
        (usize::try_from(word).unwrap_or_default(), bits[0] | bits[1] | bits[2] | bits[3])
    }
}

/// Collects rows.
#[derive(Default)]
pub(crate) struct Builder {
    rows: Rows,
    by_name: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// For each connector, which one followed it last.
    next: Vec<u32>,
    last_connector: u32,
    shift: u32,
}

impl Builder {
    /// Adds the next row, which begins on `line`.
    pub fn push(&mut self, verdict: &Verdict<'_>, line: u64) -> Result<(), TooMany> {
        let id = self.rows.len();
        let line = u32::try_from(line).map_err(|_| TooMany)?;
        // A row is on its own line and below the header, so `line` > `id`.
        let shift = line.saturating_sub(id);
        if shift != self.shift {
            self.rows.shifts.push((id, shift));
            self.shift = shift;
        }
        let (standing, connector, number) = match *verdict {
            Verdict::Pending { connector, number, unanswered } => {
                (Standing::Pending { unanswered }, Some(connector), Some(number))
            }
            Verdict::Finished { connector, number } => (Standing::Finished, connector, number),
            Verdict::Invalid(_) => (Standing::Invalid, None, None),
        };
        let connector = connector.map_or(NO_CONNECTOR, |name| self.connector(name));
        self.rows.standings.push(standing);
        self.rows.numbers.push(number);
        self.rows.connectors.push(connector);
        Ok(())
    }

    /// Compares the rows with each other.
    pub fn finish(mut self) -> Rows {
        drop(self.by_name);
        self.rows.compare();
        self.rows
    }

    fn connector(&mut self, name: &str) -> u32 {
        // Inputs are often sorted by connector, or name the connectors in turn. With many, to look one up in the table
        // takes longer than to read the row.
        let last = self.last_connector as usize;
        if let Some(&expected) = self.next.get(last)
            && self.rows.names.get(expected) == name
        {
            self.last_connector = expected;
            return expected;
        }
        let names = &mut self.rows.names;
        let hash = self.hasher.hash_one(name);
        let known = self.by_name.find(hash, |id| names.get(*id) == name).copied();
        let id = known.unwrap_or_else(|| {
            let id = names.push(name);
            self.by_name.insert_unique(hash, id, |id| self.hasher.hash_one(names.get(*id)));
            self.next.push(id); // until it is known better: an input that is sorted names it again
            id
        });
        if let Some(next) = self.next.get_mut(last) {
            *next = id;
        }
        self.last_connector = id;
        id
    }
}

/// Names in one text: an allocation for each would cost more than the name.
#[derive(Debug, Default)]
struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    fn get(&self, id: u32) -> &str {
        let id = id as usize;
        let start = id.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(id).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }

    fn push(&mut self, name: &str) -> u32 {
        let id = self.len();
        self.text.push_str(name);
        self.ends.push(self.text.len());
        id
    }
}
