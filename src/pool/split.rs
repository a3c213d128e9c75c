//! Batches that the service refuses with 400: split in two, down to the one number that is at fault.
//!
//! If both halves of a batch are accepted, no number was at fault: the batch was too large, and its half is a limit
//! that holds for the rest of the run. Pure bookkeeping; must not send or queue anything.

use std::collections::HashMap;

use crate::pool::worker::Job;

/// Names one split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SplitId(u64);

/// The splits whose halves are still under way, and what they have taught.
#[derive(Debug, Default)]
pub struct Splits {
    next: u64,
    /// For each split the larger half's size, and whether one half was accepted already.
    open: HashMap<SplitId, (usize, bool)>,
    limit: Option<usize>,
}

impl Splits {
    /// The largest batch that the service is known to take, if it refused a larger one for its size.
    #[must_use]
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Splits a refused batch in two halves; a batch of one comes back as it was.
    ///
    /// # Errors
    /// If the batch is one row: it is the culprit.
    pub fn halve(&mut self, job: Job) -> Result<[Job; 2], Job> {
        self.refused(job.split);
        if job.rows.len() < 2 {
            return Err(job);
        }
        let id = SplitId(self.next);
        self.next += 1;
        let larger = job.rows.len().div_ceil(2);
        self.open.insert(id, (larger, false));
        let half = |rows: &[_]| Job { rows: rows.to_vec(), failures: 0, split: Some(id), ..job.clone() };
        let (first, second) = job.rows.split_at(larger);
        Ok([half(first), half(second)])
    }

    /// Cuts a batch to the known limit; the pieces are in order.
    #[must_use]
    pub fn cut(&self, job: Job) -> Vec<Job> {
        match self.limit {
            Some(limit) if job.rows.len() > limit => job
                .rows
                .chunks(limit)
                .map(|rows| Job { rows: rows.to_vec(), split: None, ..job.clone() })
                .collect(),
            _ => vec![job],
        }
    }

    /// The service accepted a batch. Returns a newly learned limit.
    pub fn accepted(&mut self, split: Option<SplitId>) -> Option<usize> {
        let id = split?;
        let (larger, other_half) = self.open.get_mut(&id)?;
        if !*other_half {
            *other_half = true;
            return None;
        }
        let learned = *larger;
        self.open.remove(&id);
        if self.limit.is_some_and(|limit| limit <= learned) {
            return None;
        }
        self.limit = Some(learned);
        self.limit
    }

    /// The service refused a batch: its split teaches nothing.
    pub fn refused(&mut self, split: Option<SplitId>) {
        if let Some(id) = split {
            self.open.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{ConnectorId, RowId};

    fn job(size: u32) -> Job {
        Job::new(ConnectorId::for_tests(0), (0..size).map(RowId::new).collect())
    }

    /// Plays a service that takes at most `limit` rows and refuses batches with a `poison` row.
    /// Returns the splits, the culprits found and the number of requests.
    fn play(size: u32, limit: usize, poison: &[u32]) -> (Splits, Vec<u32>, usize) {
        let mut splits = Splits::default();
        let (mut queue, mut culprits, mut requests) = (vec![job(size)], Vec::new(), 0);
        while let Some(next) = queue.pop() {
            for job in splits.cut(next) {
                requests += 1;
                if job.rows.len() <= limit && !job.rows.iter().any(|row| poison.contains(&row.get())) {
                    splits.accepted(job.split);
                    continue;
                }
                match splits.halve(job) {
                    Ok(halves) => queue.extend(halves),
                    Err(culprit) => culprits.push(culprit.rows[0].get()),
                }
            }
        }
        culprits.sort_unstable();
        (splits, culprits, requests)
    }

    #[test]
    fn a_culprit_is_found_and_no_limit_is_learned_from_it() {
        for poison in 0..50 {
            let (splits, culprits, requests) = play(50, 100, &[poison]);
            assert_eq!(culprits, [poison]);
            assert_eq!(splits.limit(), None, "poison {poison}");
            assert!(requests <= 13, "{requests} requests for one culprit in 50");
            assert!(splits.open.len() <= 6);
        }
        assert_eq!(play(50, 100, &[3, 4, 49]).1, [3, 4, 49]);
    }

    #[test]
    fn a_limit_on_the_size_is_learned() {
        for (size, limit, learned) in [(50, 40, 25), (50, 25, 25), (50, 24, 13), (50, 10, 6), (2, 1, 1)] {
            let (splits, culprits, _) = play(size, limit, &[]);
            assert_eq!(splits.limit(), Some(learned), "size {size}, limit {limit}");
            assert_eq!(culprits, [] as [u32; 0]);
        }
    }

    #[test]
    fn larger_batches_are_cut_to_the_limit_in_order() {
        let splits = Splits { limit: Some(3), ..Splits::default() };
        let rows: Vec<Vec<u32>> =
            splits.cut(job(7)).iter().map(|job| job.rows.iter().map(|row| row.get()).collect()).collect();
        assert_eq!(rows, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    }
}
