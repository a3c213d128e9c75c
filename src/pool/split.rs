//! Batches that the service refuses with 400: split in two, down to the one bad number.
//!
//! If both halves of a batch are accepted, no number was bad: the batch was too large, and the size of its half is the
//! limit for the rest of the run. Pure bookkeeping; must not send or queue anything.

use std::collections::HashMap;

use crate::pool::batch::Batch;

/// The splits whose halves are still being sent, and the limit learned from them.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    last: u64,
    /// For each split, the larger half's size, and whether one half was accepted already.
    open: HashMap<u64, (usize, bool)>,
    limit: Option<usize>,
}

impl Splits {
    /// Splits a refused batch in two halves.
    ///
    /// # Errors
    /// The batch itself if it has only one row: that row has the bad number.
    pub(crate) fn halve(&mut self, mut batch: Batch) -> Result<[Batch; 2], Batch> {
        batch.half_of.take().and_then(|split| self.open.remove(&split)); // no limit can be learned from it
        if batch.rows.len() < 2 {
            return Err(batch);
        }
        self.last += 1;
        let larger = batch.rows.len().div_ceil(2);
        self.open.insert(self.last, (larger, false));
        (batch.failures, batch.half_of) = (0, Some(self.last));
        let second = batch.split_off(larger);
        Ok([batch, second])
    }

    /// Cuts a batch to the known limit. Returns the rest.
    pub(crate) fn cut(&self, batch: &mut Batch) -> Option<Batch> {
        let limit = self.limit.filter(|limit| batch.rows.len() > *limit)?;
        batch.half_of = None;
        Some(batch.split_off(limit))
    }

    /// The service accepted a batch.
    pub(crate) fn accepted(&mut self, half_of: Option<u64>) {
        let Some((larger, is_second)) = half_of.and_then(|split| self.open.get_mut(&split)) else { return };
        if *is_second && self.limit.is_none_or(|limit| *larger < limit) {
            let limit = *self.limit.insert(*larger);
            tracing::warn!(limit, "the service refuses larger batches: using this batch size from now on");
        }
        *is_second = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{ConnectorId, RowId};

    fn batch(size: u32) -> Batch {
        Batch::new(ConnectorId::for_tests(0), (0..size).map(RowId::new).collect())
    }

    /// Plays a service that takes at most `limit` rows and refuses batches with a `poison` row.
    /// Returns the splits, the culprits found and the number of requests.
    fn play(size: u32, limit: usize, poison: &[u32]) -> (Splits, Vec<u32>, usize) {
        let mut splits = Splits::default();
        let (mut queue, mut culprits, mut requests) = (vec![batch(size)], Vec::new(), 0);
        while let Some(mut batch) = queue.pop() {
            queue.extend(splits.cut(&mut batch));
            requests += 1;
            if batch.rows.len() <= limit && !batch.rows.iter().any(|row| poison.contains(&row.get())) {
                splits.accepted(batch.half_of);
                continue;
            }
            match splits.halve(batch) {
                Ok(halves) => queue.extend(halves),
                Err(culprit) => culprits.push(culprit.rows[0].get()),
            }
        }
        culprits.sort_unstable();
        (splits, culprits, requests)
    }

    #[test]
    fn a_bad_number_is_found_and_no_limit_is_learned_from_it() {
        for poison in 0..50 {
            let (splits, culprits, requests) = play(50, 100, &[poison]);
            assert_eq!(culprits, [poison]);
            assert_eq!(splits.limit, None, "poison {poison}");
            assert!(requests <= 13, "{requests} requests for one culprit in 50");
            assert!(splits.open.len() <= 6);
        }
        assert_eq!(play(50, 100, &[3, 4, 49]).1, [3, 4, 49]);
    }

    #[test]
    fn a_limit_on_the_size_is_learned() {
        for (size, limit, learned) in [(50, 40, 25), (50, 25, 25), (50, 24, 13), (50, 10, 6), (2, 1, 1)] {
            let (splits, culprits, _) = play(size, limit, &[]);
            assert_eq!(splits.limit, Some(learned), "size {size}, limit {limit}");
            assert_eq!(culprits, [] as [u32; 0]);
        }
    }

    #[test]
    fn larger_batches_are_cut_to_the_limit_in_order() {
        let splits = Splits { limit: Some(3), ..Splits::default() };
        let (mut pieces, mut rest) = (Vec::new(), Some(batch(7)));
        while let Some(mut batch) = rest {
            rest = splits.cut(&mut batch);
            pieces.push(batch.rows.iter().map(|row| row.get()).collect::<Vec<_>>());
        }
        assert_eq!(pieces, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    }
}
