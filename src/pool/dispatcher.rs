//! What to do next: the one place that decides which batch is sent, and when.
//!
//! A state machine without I/O: the shell around it (the pool's `run`) sends, sleeps and waits as it decides. Must not
//! read a clock, spawn tasks, or know what records its events.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::Id;

use crate::aws::protocol::ApiError;
use crate::event::{Event, Outbox, Phase, Settlement, Stop, StopReason};
use crate::input::{RowFlags, Rows};
use crate::number::PhoneNumber;
use crate::plan;
use crate::pool::batch::Batch;
use crate::pool::connectors::Connectors;
use crate::pool::credential_gate::{CredentialGate, Pass};
use crate::pool::events::Events;
use crate::pool::outage::Outage;
use crate::pool::pace::{Pace, PaceSettings, Permit, Wait};
use crate::pool::queue::Queue;
use crate::pool::replies::Replies;
use crate::pool::retry;
use crate::pool::settings::{PoolEnd, PoolSettings};
use crate::pool::split::Splits;
use crate::pool::stop_rules::StopRules;

/// The state of a run: what is to be sent, and what holds it back.
pub struct Dispatcher<'a> {
    pub(super) replies: Replies<'a>,
    pub(super) queue: Queue<'a>,
    /// The requests in flight, by their task.
    pub(super) flights: HashMap<Id, Flight>,
    concurrency: usize,
    pub(super) pace: Pace,
    pub(super) gate: CredentialGate,
    outage: Outage,
    pub(super) connectors: Connectors,
    pub(super) splits: Splits,
    max_attempts: u32,
    jitter: fastrand::Rng,
    pub(super) stop_rules: StopRules,
    pub(super) stop: Option<Stop>,
    pub(super) events: Events,
}

/// A batch that is in flight.
pub(crate) struct Flight {
    pub(super) batch: Batch,
    pub(super) permit: Permit,
}

/// What the shell must do next.
pub(crate) enum Next {
    /// Send this, then call [`Dispatcher::departed`].
    Send(Flight, Submission),
    /// Re-read the credentials, and report the result.
    Renew,
    /// Wait for an answer, an acknowledgment or a stop, until this moment at most.
    Wait(Option<Instant>),
    /// Nothing is left to do or to wait for.
    Done(PoolEnd),
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The connector's id.
    pub connector: Box<str>,
    /// Its numbers, each once.
    pub numbers: Vec<PhoneNumber>,
}

impl<'a> Dispatcher<'a> {
    /// Starts with everything in `planned` still to be sent. `earlier` marks rows that an earlier run may have sent.
    #[must_use]
    pub fn new(
        rows: &'a Rows,
        planned: impl Iterator<Item = plan::Batch> + Send + 'a,
        earlier: &'a RowFlags,
        settings: &PoolSettings,
        outbox: Outbox,
        now: Instant,
    ) -> Self {
        let pace = PaceSettings { requests: planned.size_hint().1, ..settings.pace.clone() };
        Self {
            replies: Replies {
                action: settings.action,
                not_found_is_success: settings.not_found_is_success,
                rows,
                earlier,
            },
            queue: Queue::new(planned),
            flights: HashMap::new(),
            concurrency: settings.concurrency.get(),
            pace: Pace::new(&pace, now),
            gate: CredentialGate::new(settings.action, settings.keys_are_fixed),
            outage: Outage::default(),
            connectors: Connectors::default(),
            splits: Splits::default(),
            max_attempts: settings.max_attempts.get(),
            jitter: fastrand::Rng::with_seed(settings.pace.seed),
            stop_rules: StopRules::new(settings),
            stop: None,
            events: Events::new(outbox),
        }
    }

    /// Decides what to do next. Called again whenever that has been done.
    pub(crate) fn next(&mut self, now: Instant, at: Timestamp) -> Next {
        let forbidden = self.connectors.are_all_forbidden().then_some(StopReason::Forbidden);
        if let Some(reason) = forbidden.or(self.stop_rules.reason(now, at)) {
            self.stop(reason, at);
        }
        let next = if self.stop.is_none() { self.decide(now, at) } else { Next::Wait(None) };
        self.events.show(self.pace.phase(now), self.pace.found(), self.gate.awaits(), self.outage.cause());
        if self.events.is_broken {
            self.stop(StopReason::JournalFailed, at);
        }
        match (self.reason(), next) {
            (None, Next::Wait(until)) => {
                let moments = [until, self.queue.due(), self.stop_rules.look_at(now)];
                Next::Wait(moments.into_iter().flatten().min())
            }
            (None, next) => next,
            (Some(StopReason::JournalFailed), _) => Next::Done(self.end()),
            (Some(_), _) => {
                self.retire_queue(at);
                let is_over = self.flights.is_empty() || self.reason().is_some_and(StopReason::is_abort);
                if is_over { Next::Done(self.end()) } else { Next::Wait(None) }
            }
        }
    }

    fn decide(&mut self, now: Instant, at: Timestamp) -> Next {
        self.queue.wake(now);
        self.settle_first(at);
        self.queue.write_ahead(|rows| self.events.emit(Event::Intent { rows }));
        let in_flight = self.flights.len();
        if in_flight == 0 && self.queue.is_empty() {
            return Next::Done(self.end());
        }
        if in_flight >= self.concurrency || self.queue.first().is_none() {
            return Next::Wait(None);
        }
        if let Some(until) = self.outage.rest_until.filter(|until| now < *until) {
            return Next::Wait(Some(until));
        }
        match self.gate.pass(now, in_flight) {
            Pass::Go => {}
            Pass::Renew => return Next::Renew,
            Pass::Wait(until) => return Next::Wait(until),
            Pass::Never => {
                self.stop(StopReason::Credentials, at);
                return Next::Wait(None);
            }
        }
        match self.pace.try_acquire(now, in_flight) {
            Ok(permit) => self.send(permit),
            Err(Wait::Until(until)) => Next::Wait(Some(until)),
            Err(Wait::ForAnswer) => Next::Wait(None),
        }
    }

    /// Brings forward the batch to be sent next, and settles batches that will not be sent: their connector was
    /// refused, or their last failure turned out to count and used up their attempts.
    fn settle_first(&mut self, at: Timestamp) {
        loop {
            if self.queue.first().is_some_and(|first| self.outage.wants_fresh(first)) {
                self.queue.bring_fresh_forward();
            }
            let Some(mut first) = self.queue.take_first() else { return };
            if self.outage.counts(&first, self.is_alone()) {
                first.count();
            }
            if let Some(error) = self.connectors.closed(first.connector) {
                first.last_error = Some(Box::new(error.clone()));
            } else if first.failures < self.max_attempts {
                return self.queue.put_first(first);
            }
            self.give_up(first, at);
        }
    }

    /// Whether every batch in the queue or in flight has failed while the service was available.
    fn is_alone(&self) -> bool {
        let has_failed = |batch: &Batch| self.outage.has_failed_by_itself(batch);
        self.queue.all(has_failed) && self.flights.values().all(|flight| has_failed(&flight.batch))
    }

    fn send(&mut self, permit: Permit) -> Next {
        let Some(mut batch) = self.queue.take_first() else { return Next::Wait(None) };
        if let Some(rest) = self.splits.cut(&mut batch) {
            self.queue.put_first(rest);
        }
        self.events.emit(Event::Sent { again: batch.last_error.is_some() });
        let connector = self.replies.rows.connector_name(batch.connector).into();
        let submission = Submission { connector, numbers: self.replies.numbers(&batch) };
        self.outage.sent(&mut batch);
        Next::Send(Flight { batch, permit }, submission)
    }

    /// The request from [`Next::Send`] is being sent by this task.
    pub(crate) fn departed(&mut self, task: Id, flight: Flight) {
        self.flights.insert(task, flight);
    }

    /// The service answered a batch's request, if only to refuse or to throttle it.
    pub(super) fn service_answered(&mut self, batch: &mut Batch) {
        self.outage.answered(batch);
    }

    /// A batch's request got no answer, or did not reach the service: its last error says which.
    pub(super) fn failed(&mut self, mut batch: Batch, now: Instant, at: Timestamp) {
        let is_outage = matches!(self.pace.phase(now), Phase::Outage { .. });
        let is_explained = self.outage.failed(&mut batch, is_outage, self.is_alone(), now);
        match self.stop {
            Some(_) => self.queue.put_first(batch), // retired with the rest
            None if is_explained => self.queue.put_behind_failed(batch),
            None => self.again(batch, now, at),
        }
    }

    /// Sends a batch again after a backoff, unless its attempts are used up.
    pub(super) fn again(&mut self, batch: Batch, now: Instant, at: Timestamp) {
        if batch.failures >= self.max_attempts {
            return self.give_up(batch, at);
        }
        let failures = batch.failures + u32::from(batch.failed_at.is_some());
        let backoff = retry::delay(failures, self.jitter.f64());
        let rest = |error: &ApiError| error.kind.rest().max(self.replies.action.rest(&error.code));
        let rest = batch.last_error.as_deref().map_or(Duration::ZERO, rest);
        self.queue.delay(batch, now + backoff.max(rest));
    }

    /// Waits until the intent that was emitted last is durable, and applies that. Cancel safe.
    pub(crate) async fn acknowledged(&mut self) {
        let durable = self.events.durable(self.queue.intent().unwrap_or(u64::MAX)).await;
        self.queue.acknowledge(durable);
    }

    /// Stops or escalates: nothing new is sent, and requests in flight may finish unless the reason is an abort.
    pub(crate) fn stop(&mut self, reason: StopReason, at: Timestamp) {
        if self.reason() < Some(reason) {
            // What held the run back when it was first stopped.
            let held_by = || self.gate.refusal().or(self.outage.cause()).cloned();
            let cause = match (self.stop.take(), reason) {
                (Some(stop), _) => stop.cause,
                (None, StopReason::WrongList) => self.stop_rules.wrong_list(),
                (None, _) => held_by(),
            };
            self.stop = Some(Stop { reason, cause });
            self.events.emit(Event::Stopped { reason, at });
        }
    }

    fn reason(&self) -> Option<StopReason> {
        self.stop.as_ref().map(|stop| stop.reason)
    }

    fn end(&self) -> PoolEnd {
        PoolEnd { stop: self.stop.clone(), rate_found: self.pace.found() }
    }

    pub(super) fn settle(&mut self, settlements: Vec<Settlement>) {
        for settlement in settlements {
            self.stop_rules.settled(&settlement);
            let connector = settlement.rows.first().and_then(|row| self.replies.rows.connector(*row));
            let is_closed = connector.is_some_and(|connector| self.connectors.closed(connector).is_some());
            if settlement.attempts > 0 && !is_closed {
                self.stop_rules.judged(&settlement);
            }
            self.events.emit(Event::Settled(settlement));
        }
    }

    /// Settles a batch with the error of its last attempt, or releases it if there is none.
    pub(super) fn give_up(&mut self, batch: Batch, at: Timestamp) {
        match &batch.last_error {
            Some(error) => self.settle(self.replies.refused(&batch.rows, &batch, error, at)),
            None => _ = self.events.emit(Event::Released { rows: batch.rows }),
        }
    }

    /// Retires the queue because the run stops: rows that may have been removed are `Unknown`, the rest were not sent.
    fn retire_queue(&mut self, at: Timestamp) {
        for mut batch in self.queue.drain() {
            if !self.outage.explains(&batch) {
                batch.count();
            }
            if !batch.unanswered {
                batch.last_error = None;
            }
            self.give_up(batch, at);
        }
    }
}
