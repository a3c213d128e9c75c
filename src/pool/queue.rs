//! The batches that are not in flight: planned, written ahead, ready, and delayed by a backoff.
//!
//! Intents are written ahead in blocks, so that no request waits for the disk. Must not decide what is sent when; it
//! only keeps the order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use crate::plan::Batch;
use crate::pool::worker::Job;

/// How many batches are written ahead: at first, and at most. Few are enough for a slow service, and leave few rows in
/// doubt after a crash; the number doubles whenever the pool has to wait for the disk.
const AHEAD_AT_FIRST: usize = 8;
const AHEAD_AT_MOST: usize = 1024;

/// What waits to be sent, in order.
pub struct Queue<'a> {
    planned: Box<dyn Iterator<Item = Batch> + Send + 'a>,
    exhausted: bool,
    /// Blocks whose intent is not acknowledged yet, each with the number of its event.
    intended: VecDeque<(u64, Vec<Job>)>,
    ready: VecDeque<Job>,
    delayed: BinaryHeap<Reverse<Delayed>>,
    delays: u64,
    ahead: usize,
}

impl<'a> Queue<'a> {
    /// Everything is planned, nothing is intended.
    pub fn new(planned: impl Iterator<Item = Batch> + Send + 'a) -> Self {
        Self {
            planned: Box::new(planned),
            exhausted: false,
            intended: VecDeque::new(),
            ready: VecDeque::new(),
            delayed: BinaryHeap::new(),
            delays: 0,
            ahead: AHEAD_AT_FIRST,
        }
    }

    /// The next block whose intent should be written now, if one should.
    pub fn next_block(&mut self) -> Option<Vec<Job>> {
        if self.exhausted || self.ready.len() >= self.ahead || !self.intended.is_empty() {
            return None;
        }
        let block: Vec<Job> = self
            .planned
            .by_ref()
            .take(self.ahead)
            .map(|batch| Job::new(batch.connector, batch.rows))
            .collect();
        self.exhausted = block.len() < self.ahead;
        (!block.is_empty()).then_some(block)
    }

    /// The intent of `block` was emitted as event `number`.
    pub fn intend(&mut self, number: u64, block: Vec<Job>) {
        self.intended.push_back((number, block));
    }

    /// All events up to number `durable` are durable: what they intend may be sent.
    pub fn acknowledge(&mut self, durable: u64) {
        while self.intended.front().is_some_and(|(number, _)| *number <= durable) {
            if self.ready.is_empty() && !self.exhausted {
                self.ahead = (2 * self.ahead).min(AHEAD_AT_MOST);
            }
            self.ready.extend(self.intended.pop_front().into_iter().flat_map(|(_, block)| block));
        }
    }

    /// Whether an acknowledgement is awaited.
    #[must_use]
    pub fn awaits_acknowledgement(&self) -> bool {
        !self.intended.is_empty()
    }

    /// Puts a batch at the head: it has waited already.
    pub fn put_first(&mut self, job: Job) {
        self.ready.push_front(job);
    }

    /// Puts a batch back whose probe failed in an outage, so that the next probe tries another one: a batch that can
    /// never be answered must not keep up the rest.
    ///
    /// If it may have been applied, it goes behind its like only: a probe should put no further rows in doubt. Now and
    /// then (`fresh`) one that was never sent is next all the same: the others may be what the service cannot answer.
    pub fn put_back(&mut self, job: Job, fresh: bool) {
        let doubtful = self.ready.iter().take_while(|ready| ready.unanswered).count();
        self.ready.insert(if job.unanswered { doubtful } else { self.ready.len() }, job);
        if fresh {
            self.bring_forward(|job| !job.unanswered);
        }
    }

    /// Makes the first batch that an outage was not blamed for the next one, if there is one: those that may themselves
    /// be what the service cannot answer must not follow each other, or they would look like the next outage.
    pub fn bring_unforgiven(&mut self) {
        self.bring_forward(|job| !job.forgiven);
    }

    fn bring_forward(&mut self, is_wanted: impl Fn(&Job) -> bool) {
        if let Some(job) = self.ready.iter().position(is_wanted).and_then(|at| self.ready.remove(at)) {
            self.ready.push_front(job);
        }
    }

    /// Keeps a batch back until `due`.
    pub fn delay(&mut self, job: Job, due: Instant) {
        self.delays += 1;
        self.delayed.push(Reverse(Delayed { due, order: self.delays, job }));
    }

    /// Makes ready what was delayed until `now` at most, before what was never sent.
    pub fn wake(&mut self, now: Instant) {
        while self.delayed.peek().is_some_and(|Reverse(delayed)| delayed.due <= now) {
            if let Some(Reverse(delayed)) = self.delayed.pop() {
                self.ready.push_front(delayed.job);
            }
        }
    }

    /// When the next delayed batch becomes ready.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.delayed.peek().map(|Reverse(delayed)| delayed.due)
    }

    /// The batch to be sent next.
    #[must_use]
    pub fn first(&self) -> Option<&Job> {
        self.ready.front()
    }

    /// Takes the batch to be sent next.
    pub fn take_first(&mut self) -> Option<Job> {
        self.ready.pop_front()
    }

    /// Whether nothing is left, planned or otherwise.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exhausted && self.ready.is_empty() && self.intended.is_empty() && self.delayed.is_empty()
    }

    /// Whether there is a batch that never failed while the service was there.
    #[must_use]
    pub fn has_innocent(&self) -> bool {
        let delayed = self.delayed.iter().map(|Reverse(delayed)| &delayed.job);
        !self.exhausted
            || !self.intended.is_empty()
            || self.ready.iter().chain(delayed).any(|job| job.failures == 0)
    }

    /// Takes everything that was intended; what is only planned stays unknown to everybody.
    pub fn drain(&mut self) -> Vec<Job> {
        self.exhausted = true;
        let intended = self.intended.drain(..).flat_map(|(_, block)| block);
        let delayed = self.delayed.drain().map(|Reverse(delayed)| delayed.job);
        self.ready.drain(..).chain(intended).chain(delayed).collect()
    }
}

struct Delayed {
    due: Instant,
    /// Keeps the order of batches that are due at the same moment.
    order: u64,
    job: Job,
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}
