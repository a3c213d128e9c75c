//! The batches that are not in flight: planned, written ahead, ready, and delayed by a backoff.
//!
//! Intents are written ahead in blocks, so that no request waits for the disk. Must not decide what is sent
//! when; it only keeps the order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::input::RowId;
use crate::plan;
use crate::pool::batch::Batch;

/// How many batches are written ahead: at first, and at most. A few are enough for a slow service, and leave few rows
/// in doubt after a crash; the number doubles whenever the pool has to wait for the disk.
const AHEAD_AT_FIRST: usize = 8;
const AHEAD_AT_MOST: usize = 1024;

/// The batches that wait to be sent, in order.
pub(crate) struct Queue<'a> {
    planned: Box<dyn Iterator<Item = plan::Batch> + Send + 'a>,
    exhausted: bool,
    /// The block whose intent is not acknowledged yet, with the number of its event.
    intended: Option<(u64, Vec<Batch>)>,
    ready: VecDeque<Batch>,
    /// By the time at which they are due.
    delayed: BTreeMap<Instant, Vec<Batch>>,
    ahead: usize,
    /// The place in the plan of the last batch that was intended.
    turn: u64,
}

impl<'a> Queue<'a> {
    /// Everything is planned, nothing is intended.
    pub(crate) fn new(planned: impl Iterator<Item = plan::Batch> + Send + 'a) -> Self {
        Self {
            planned: Box::new(planned),
            exhausted: false,
            intended: None,
            ready: VecDeque::new(),
            delayed: BTreeMap::new(),
            ahead: AHEAD_AT_FIRST,
            turn: 0,
        }
    }

    /// Writes the next block ahead if it is needed now: `emit` emits the intent for its rows and returns the event's
    /// number.
    pub(crate) fn write_ahead(&mut self, emit: impl FnOnce(Vec<RowId>) -> u64) {
        if self.exhausted || self.ready.len() >= self.ahead || self.intended.is_some() {
            return;
        }
        let batches = self.planned.by_ref().take(self.ahead);
        let in_turn = |batch: plan::Batch| {
            self.turn += 1;
            Batch { turn: self.turn, ..Batch::new(batch.connector, batch.rows) }
        };
        let block: Vec<Batch> = batches.map(in_turn).collect();
        self.exhausted = block.len() < self.ahead;
        if !block.is_empty() {
            let number = emit(block.iter().flat_map(|batch| batch.rows.iter().copied()).collect());
            self.intended = Some((number, block));
        }
    }

    /// The number of the intent that is not acknowledged yet, if there is one.
    pub(crate) fn intent(&self) -> Option<u64> {
        self.intended.as_ref().map(|(number, _)| *number)
    }

    /// All events up to number `durable` are durable: the rows that they intend may be sent.
    pub(crate) fn acknowledge(&mut self, durable: u64) {
        if let Some((_, block)) = self.intended.take_if(|(number, _)| *number <= durable) {
            if self.ready.is_empty() && !self.exhausted {
                self.ahead = (2 * self.ahead).min(AHEAD_AT_MOST);
            }
            self.ready.extend(block);
        }
    }

    /// Puts a batch at the head, because it has waited already.
    pub(crate) fn put_first(&mut self, batch: Batch) {
        self.ready.push_front(batch);
    }

    /// Puts a batch before those that were planned after it: each connector may have a limit of its own, and the one
    /// that has waited longest is the first that accepts again.
    pub(crate) fn put_back(&mut self, batch: Batch) {
        let later = self.ready.iter().position(|other| other.turn >= batch.turn);
        self.ready.insert(later.unwrap_or(self.ready.len()), batch);
    }

    /// Puts a batch that failed behind the others that failed: they take turns, before batches that were never sent.
    pub(crate) fn put_behind_failed(&mut self, batch: Batch) {
        let behind = self.ready.iter().rposition(Batch::has_failed).map_or(0, |last| last + 1);
        self.ready.insert(behind, batch);
    }

    /// Moves the first batch that has not failed to the head, if there is one.
    pub(crate) fn bring_fresh_forward(&mut self) {
        let fresh = self.ready.iter().position(|batch| !batch.has_failed());
        if let Some(batch) = fresh.and_then(|at| self.ready.remove(at)) {
            self.ready.push_front(batch);
        }
    }

    /// Keeps a batch back until `due`.
    pub(crate) fn delay(&mut self, batch: Batch, due: Instant) {
        self.delayed.entry(due).or_default().push(batch);
    }

    /// Moves batches whose delay is over at `now` to the head, before batches that were never sent.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry()
            && *first.key() <= now
        {
            first.remove().into_iter().for_each(|batch| self.ready.push_front(batch));
        }
    }

    /// When the next delayed batch becomes ready.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|(due, _)| *due)
    }

    /// The batch to be sent next.
    pub(crate) fn first(&self) -> Option<&Batch> {
        self.ready.front()
    }

    /// Takes the batch to be sent next.
    pub(crate) fn take_first(&mut self) -> Option<Batch> {
        self.ready.pop_front()
    }

    /// Whether nothing is left, not even planned batches.
    pub(crate) fn is_empty(&self) -> bool {
        self.exhausted && self.ready.is_empty() && self.intended.is_none() && self.delayed.is_empty()
    }

    /// Whether `is_so` holds for every batch that is left, and no more are planned.
    pub(crate) fn all(&self, is_so: impl FnMut(&Batch) -> bool) -> bool {
        let is_all_ready = self.exhausted && self.intended.is_none();
        is_all_ready && self.ready.iter().chain(self.delayed.values().flatten()).all(is_so)
    }

    /// Takes everything that was intended, and drops what was only planned.
    pub(crate) fn drain(&mut self) -> Vec<Batch> {
        self.exhausted = true;
        let intended = self.intended.take().into_iter().flat_map(|(_, block)| block);
        let delayed = std::mem::take(&mut self.delayed).into_values().flatten();
        self.ready.drain(..).chain(intended).chain(delayed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::ConnectorId;

    #[test]
    fn only_the_acknowledgment_of_its_own_intent_releases_a_block() {
        let planned = (0..2)
            .map(|row| plan::Batch { connector: ConnectorId::for_tests(0), rows: vec![RowId::new(row)] });
        let mut queue = Queue::new(planned);
        queue.write_ahead(|rows| {
            assert_eq!(rows.len(), 2);
            5
        });
        queue.acknowledge(4);
        assert!(queue.first().is_none(), "an earlier event is durable, the intent is not");
        queue.acknowledge(5);
        assert!(queue.first().is_some());
    }

    #[test]
    fn batches_that_are_put_back_keep_their_turns() {
        let planned = (0..5).map(|row| plan::Batch {
            connector: ConnectorId::for_tests(row % 3),
            rows: vec![RowId::new(row)],
        });
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut queue = Queue::new(planned.clone());
            queue.write_ahead(|_| 1);
            queue.acknowledge(1);
            let mut sent: Vec<_> = (0..3).map(|_| queue.take_first()).collect();
            order.iter().for_each(|&at| queue.put_back(sent[at].take().expect("sent once")));
            let rows: Vec<u32> = queue.drain().iter().map(|batch| batch.rows[0].get()).collect();
            assert_eq!(rows, [0, 1, 2, 3, 4], "refused in the order {order:?}");
        }
    }
}
