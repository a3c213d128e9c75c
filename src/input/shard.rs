//! Shards: the parts of an input that several processes share, each whole lanes.
//!
//! A lane is never split: two processes on one limit would starve each other. Must not know which process is which.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

use serde::Serialize;

use crate::text::counted;

/// The most processes that share an input: as many as a job of AWS Batch may have.
const MOST: u32 = 10_000;

/// One of the processes that share an input: the second of four is `2/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    number: u32,
    count: u32,
}

impl Shard {
    /// Number `number`, from 1, of `count`; `None` if there is none, or they are too many.
    pub(crate) fn new(number: u32, count: u32) -> Option<Self> {
        ((1..=count).contains(&number) && count <= MOST).then_some(Self { number, count })
    }

    /// Its number, from 1.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub(crate) fn count(self) -> u32 {
        self.count
    }

    /// Whether it takes the rows that are in no lane: they are not sent, but must be in a report.
    pub(crate) fn takes_the_rest(self) -> bool {
        self.number == 1
    }

    /// Which lanes are its own, if they have these `sizes`.
    pub(crate) fn own(self, sizes: &[u64]) -> Vec<bool> {
        deal(sizes, self.count).into_iter().map(|shard| shard == self.number).collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

/// The shard of each lane, from 1 to `count`, if the lanes have these `sizes`. The largest lane is dealt first, each to the
/// shard that has the fewest rows so far; of equal ones, the first.
fn deal(sizes: &[u64], count: u32) -> Vec<u32> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|lane| Reverse(sizes[*lane])); // keeps the order of equal ones
    let mut shards: BinaryHeap<_> = (1..=count).map(|shard| Reverse((0, shard))).collect();
    let mut dealt = vec![0; sizes.len()];
    for lane in order {
        if let Some(mut least) = shards.peek_mut() {
            let Reverse((rows, shard)) = &mut *least;
            dealt[lane] = *shard;
            *rows += sizes[lane];
        }
    }
    dealt
}

/// What of an input a process takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    #[serde(serialize_with = "in_short")]
    pub(crate) shard: Shard,
    /// Its lanes.
    pub(crate) lanes: usize,
    /// Those of the input.
    pub(crate) of_lanes: usize,
    /// Its rows.
    pub(crate) rows: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn in_short<S: serde::Serializer>(shard: &Shard, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(shard)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shard: Shard { number, count }, lanes, of_lanes, rows } = *self;
        let (are, rows) =
            (if of_lanes == 1 { "account and region" } else { "accounts and regions" }, counted(rows, "row"));
        write!(f, "{number} of {count}: {lanes} of {of_lanes} {are}, {rows}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_lane_is_dealt_first_and_of_equal_ones_the_first() {
        let table: [(&[u64], u32, &[u32]); 7] = [
            (&[], 3, &[]),
            (&[5], 3, &[1]),
            (&[5, 5, 5], 1, &[1, 1, 1]),
            (&[1, 2, 3], 3, &[3, 2, 1]),
            (&[4, 4, 4, 4], 2, &[1, 2, 1, 2]),
            (&[1, 9, 1, 1, 6], 2, &[2, 1, 2, 2, 2]),
            (&[0, 3, 0], 2, &[2, 1, 2]),
        ];
        for (sizes, count, dealt) in table {
            assert_eq!(deal(sizes, count), dealt, "{sizes:?} to {count}");
        }
    }

    #[test]
    fn a_shard_is_one_of_those_that_there_are() {
        for (number, count, is_one) in
            [(1, 1, true), (10_000, 10_000, true), (0, 1, false), (2, 1, false), (1, 10_001, false)]
        {
            assert_eq!(Shard::new(number, count).is_some(), is_one, "{number}/{count}");
        }
    }

    proptest! {
        #[test]
        fn each_lane_is_one_shards_and_no_shard_has_much_more_than_its_share(
            sizes in prop::collection::vec(0..1000_u64, 0..60),
            count in 1..12_u32,
        ) {
            let shards = (1..=count).map(|number| Shard::new(number, count).unwrap());
            let own: Vec<_> = shards.map(|shard| shard.own(&sizes)).collect();
            for lane in 0..sizes.len() {
                prop_assert_eq!(own.iter().filter(|own| own[lane]).count(), 1);
            }
            let load = |own: &Vec<bool>| sizes.iter().zip(own).filter(|(_, own)| **own).map(|(size, _)| size).sum();
            let most: u64 = own.iter().map(load).max().unwrap();
            let (all, largest) = (sizes.iter().sum::<u64>(), sizes.iter().max().copied().unwrap_or(0));
            prop_assert!(most * u64::from(count) <= all + largest * u64::from(count), "{}", most);
        }
    }
}
