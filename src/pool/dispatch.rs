//! What to do next: the one place that decides which batch is sent, when, and what its end leads to.
//!
//! A state machine without I/O: the shell around it (the pool's `run`) sends, sleeps and waits as it is told. Must not
//! read a clock, spawn, or know what records its events.

mod landing;

use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;
use tokio::task::Id;

use crate::event::{Event, Outbox, Phase, Settlement, StopReason};
use crate::input::{RowFlags, Rows};
use crate::plan::Batch;
use crate::pool::batch::Job;
use crate::pool::gate::{Gate, Pass, Renewal};
use crate::pool::next::{Flight, Next, Submission};
use crate::pool::outage::{Outage, Verdict};
use crate::pool::pace::{Pace, Permit, Wait};
use crate::pool::queue::Queue;
use crate::pool::replies::Replies;
use crate::pool::retry::RetryPolicy;
use crate::pool::scope::Connectors;
use crate::pool::split::Splits;
use crate::pool::stop::Watch;
use crate::pool::{PoolEnd, PoolSettings};

/// The state of a run: what is to be sent, and what holds it back.
pub struct Dispatcher<'a> {
    replies: Replies<'a>,
    queue: Queue<'a>,
    /// The requests in flight, by the task that each is.
    flights: HashMap<Id, Flight>,
    outage: Outage,
    concurrency: usize,
    connectors: Connectors,
    splits: Splits,
    gate: Gate,
    pace: Pace,
    retry: RetryPolicy,
    jitter: fastrand::Rng,
    watch: Watch,
    outbox: Outbox,
    shown: Shown,
    stop: Option<StopReason>,
}

impl<'a> Dispatcher<'a> {
    /// Starts with everything in `planned` to be sent. `earlier` marks rows that an earlier run may have sent.
    pub fn new(
        rows: &'a Rows,
        planned: impl Iterator<Item = Batch> + Send + 'a,
        earlier: RowFlags,
        settings: &PoolSettings,
        outbox: Outbox,
        now: Instant,
    ) -> Self {
        Self {
            replies: Replies { rows, earlier },
            queue: Queue::new(planned),
            flights: HashMap::new(),
            outage: Outage::default(),
            concurrency: settings.concurrency.get(),
            connectors: Connectors::default(),
            splits: Splits::default(),
            gate: Gate::default(),
            pace: Pace::new(&settings.pace, now),
            retry: settings.retry,
            jitter: fastrand::Rng::with_seed(settings.pace.seed),
            watch: Watch::new(settings.max_failures, settings.give_up_after),
            outbox,
            shown: Shown::default(),
            stop: None,
        }
    }

    /// Decides. To be asked again after whatever it asked for has happened.
    pub fn next(&mut self, now: Instant, at: Timestamp) -> Next {
        let forbidden = self.connectors.are_all_forbidden().then_some(StopReason::Forbidden);
        if let Some(reason) = forbidden.or(self.watch.reason(now)) {
            self.stop(reason, at);
        }
        let next = if self.stop.is_none() { self.decide(now, at) } else { Next::Wait(None) };
        self.show_changes(now);
        if self.stop.is_none() {
            return next;
        }
        self.retire_queue(at);
        if self.flights.is_empty() { Next::Done(self.end()) } else { Next::Wait(None) }
    }

    fn decide(&mut self, now: Instant, at: Timestamp) -> Next {
        self.write_ahead();
        self.queue.wake(now);
        self.settle_first(at);
        let give_up = self.watch.gives_up_at();
        if self.queue.first().is_none() {
            let is_idle = self.flights.is_empty() && self.queue.is_empty();
            return if is_idle {
                Next::Done(self.end())
            } else {
                Next::Wait(earlier(self.queue.due(), give_up))
            };
        }
        if let Some(until) = self.outage.rest_until(now) {
            return Next::Wait(earlier(Some(until), give_up));
        }
        if self.flights.len() >= self.concurrency {
            return Next::Wait(give_up);
        }
        match self.gate.pass(now, self.flights.len()) {
            Pass::Go => {}
            Pass::Renew => return Next::Renew,
            Pass::Wait(until) => return Next::Wait(earlier(until, give_up)),
            Pass::Never => {
                self.stop(StopReason::Credentials, at);
                return Next::Wait(None);
            }
        }
        match self.pace.try_acquire(now, self.flights.len()) {
            Ok(permit) => self.send(permit),
            Err(Wait::Until(until)) => Next::Wait(earlier(Some(until), give_up)),
            Err(Wait::ForAnswer) => Next::Wait(earlier(self.queue.due(), give_up)),
        }
    }

    fn send(&mut self, permit: Permit) -> Next {
        let Some(mut job) = self.queue.take_first() else { return Next::Wait(None) };
        if let Some(rest) = self.splits.cut(&mut job) {
            self.queue.put_first(rest);
        }
        self.emit(Event::Sent { again: job.last_error.is_some() });
        let connector = self.replies.rows.connector_name(job.connector).into();
        let submission = Submission { connector, numbers: self.replies.numbers(&job) };
        let request = self.outage.sent(&mut job);
        Next::Send(Flight { job, permit, request }, submission)
    }

    /// What [`Next::Send`] gave is under way as this task.
    pub fn departed(&mut self, task: Id, flight: Flight) {
        self.flights.insert(task, flight);
    }

    /// Brings forward what is to be sent next, and settles what is not to be sent after all: its connector was refused,
    /// or its last attempt turned out to count.
    fn settle_first(&mut self, at: Timestamp) {
        if self.queue.first().is_some_and(|first| self.outage.wants_fresh(first)) {
            self.queue.bring_fresh_forward();
        }
        while let Some(mut first) = self.queue.take_first() {
            if self.outage.verdict(&first, self.is_alone()) == Some(Verdict::Counts) {
                first.count();
            }
            if let Some(error) = self.connectors.closed(first.connector) {
                let settled = self.replies.refused(&first, error, at);
                self.settle(settled);
            } else if self.retry.is_used_up(first.failures) {
                self.give_up(first, at);
            } else {
                return self.queue.put_first(first);
            }
            self.write_ahead();
        }
    }

    /// Whether every batch in the queue or in flight has failed while the service was there.
    fn is_alone(&self) -> bool {
        let has_failed = |job: &Job| self.outage.has_failed_by_itself(job);
        self.queue.all(has_failed) && self.flights.values().all(|flight| has_failed(&flight.job))
    }

    fn settle(&mut self, settlements: Vec<Settlement>) {
        for settlement in settlements {
            self.watch.settled(&settlement);
            self.emit(Event::Settled(settlement));
        }
    }

    fn write_ahead(&mut self) {
        if let Some(block) = self.queue.next_block() {
            let rows = block.iter().flat_map(|job| job.rows.iter().copied()).collect();
            let number = self.emit(Event::Intent { rows });
            self.queue.intend(number, block);
        }
    }

    /// Emits an event; returns its number.
    fn emit(&mut self, event: Event) -> u64 {
        self.outbox.emit(event).unwrap_or_else(|_| {
            self.stop = self.stop.max(Some(StopReason::JournalFailed));
            u64::MAX
        })
    }

    /// Waits for the next acknowledgement and takes it. Cancel safe.
    pub async fn acknowledged(&mut self) {
        match self.outbox.acknowledged().await {
            Ok(()) => self.queue.acknowledge(self.outbox.durable()),
            Err(_) => self.stop = self.stop.max(Some(StopReason::JournalFailed)),
        }
    }

    /// Whether an acknowledgement is awaited.
    #[must_use]
    pub fn awaits_acknowledgement(&self) -> bool {
        self.queue.awaits_acknowledgement()
    }

    /// A re-reading of the credentials ended.
    pub fn renewed(&mut self, renewal: Renewal, now: Instant) {
        self.gate.renewed(renewal, now);
    }

    /// Stops, or escalates: nothing new is sent, and what is in flight may finish unless the reason says otherwise.
    pub fn stop(&mut self, reason: StopReason, at: Timestamp) {
        if self.stop.is_none_or(|current| current < reason) {
            self.stop = Some(reason);
            self.emit(Event::Stopped { reason, at });
        }
    }

    /// Whether the run must end at once, whatever is in flight.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.stop.is_some_and(StopReason::is_abort)
    }

    /// How it ended.
    #[must_use]
    pub fn end(&self) -> PoolEnd {
        PoolEnd { stop: self.stop, rate_found: self.pace.found() }
    }

    fn show_changes(&mut self, now: Instant) {
        let phase = self.pace.phase(now);
        if self.shown.phase.is_none_or(|shown| differ(shown, phase)) {
            self.shown.phase = Some(phase);
            self.emit(Event::Phase(phase));
        }
        if let Some(limit) = self.pace.found()
            && self.shown.limit.is_none_or(|shown| moved(shown, limit))
        {
            self.shown.limit = Some(limit);
            self.emit(Event::LimitFound(limit));
        }
        let looks_at = self.gate.looks_at();
        if self.shown.looks_at != looks_at {
            self.shown.looks_at = looks_at;
            self.emit(Event::CredentialsAwaited(looks_at));
        }
    }
}

/// What those who watch were told last.
#[derive(Default)]
struct Shown {
    phase: Option<Phase>,
    limit: Option<f64>,
    looks_at: Option<Instant>,
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}

/// Whether somebody who watches should hear of the change. A pace creeps all the time.
pub(super) fn differ(shown: Phase, phase: Phase) -> bool {
    match (shown, phase) {
        (Phase::Paced { rate: shown }, Phase::Paced { rate }) => (rate - shown).abs() > 0.05 * shown,
        _ => shown != phase,
    }
}

/// Likewise, of the limit.
pub(super) fn moved(shown: f64, limit: f64) -> bool {
    (limit - shown).abs() > 0.02 * shown
}
