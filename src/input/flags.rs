//! A yes or no for each row.
//!
//! Must not know what they stand for.

use super::rows::{RowId, Rows, Standing};

/// One flag per row, a bit each, initially clear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFlags(Vec<u64>);

const BITS: u32 = u64::BITS;

impl RowFlags {
    /// The rows that an earlier report calls `unknown`.
    #[must_use]
    pub(crate) fn of_unanswered(rows: &Rows) -> Self {
        let mut flags = Self::default();
        let is_unknown = |row: &RowId| rows.standing(*row) == Standing::Pending { unanswered: true };
        rows.ids().filter(is_unknown).for_each(|row| flags.set(row));
        flags
    }

    /// Whether the row's flag is set.
    #[must_use]
    pub fn get(&self, row: RowId) -> bool {
        self.0.get((row.get() / BITS) as usize).is_some_and(|word| word >> (row.get() % BITS) & 1 == 1)
    }

    /// Sets the row's flag.
    pub fn set(&mut self, row: RowId) {
        let place = (row.get() / BITS) as usize;
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        self.0[place] |= 1 << (row.get() % BITS);
    }

    /// Clears the row's flag.
    pub fn clear(&mut self, row: RowId) {
        if let Some(word) = self.0.get_mut((row.get() / BITS) as usize) {
            *word &= !(1 << (row.get() % BITS));
        }
    }

    /// Sets every flag that is set in `other`.
    pub fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_set_cleared_and_added_one_by_one() {
        let mut flags = RowFlags::default();
        let mut others = RowFlags::default();
        [0, 63, 64, 1000].into_iter().map(RowId::new).for_each(|row| flags.set(row));
        others.set(RowId::new(2000));
        flags.clear(RowId::new(63));
        flags.clear(RowId::new(9999));
        flags.add(&others);
        let set: Vec<_> = (0..3000).filter(|&row| flags.get(RowId::new(row))).collect();
        assert_eq!(set, [0, 64, 1000, 2000]);
    }
}
