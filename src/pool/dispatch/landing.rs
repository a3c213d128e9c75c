//! What the end of a request leads to: rows that are settled, and batches that go again.
//!
//! Must not decide when anything is sent.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::Id;

use super::Dispatcher;
use crate::api::{ApiError, BatchReply, ErrorKind};
use crate::event::{AttemptOutcome, Event};
use crate::pool::gate::Renewal;
use crate::pool::next::Flight;
use crate::pool::retry::ShouldAttempt;
use crate::pool::worker::{Job, Rest};

impl Dispatcher<'_> {
    /// A request ended; or, if the task is none, a renewal of the credentials that broke down.
    pub fn ended(&mut self, task: Id, result: Result<BatchReply, ApiError>, now: Instant, at: Timestamp) {
        let Some(flight) = self.flights.remove(&task) else {
            return self.renewed(Renewal::Nothing, now);
        };
        let outcome = match &result {
            Ok(_) => AttemptOutcome::Answered,
            Err(ApiError { kind: ErrorKind::Throttled { .. }, .. }) => AttemptOutcome::Throttled,
            Err(error) => AttemptOutcome::Failed(error.code.clone()),
        };
        self.emit(Event::Attempt(outcome));
        match result {
            Ok(reply) => self.answered(flight, reply, now, at),
            Err(error) => self.erred(flight, error, now, at),
        }
    }

    fn answered(&mut self, flight: Flight, reply: BatchReply, now: Instant, at: Timestamp) {
        self.pace.on_success(now, flight.permit);
        self.heard(flight.request, now, at);
        self.gate.accepted(flight.epoch);
        self.watch.worked();
        self.connectors.worked(flight.job.connector);
        if let Some(limit) = self.splits.accepted(flight.job.split) {
            tracing::warn!(limit, "the service refuses larger batches: this is the batch size from now on");
        }
        let mut job = flight.job;
        job.resolve(&self.blame);
        let answered = job.answered(reply, self.rows, &self.earlier, at);
        self.settle(answered.settled);
        match answered.rest {
            Rest::Nothing => {}
            Rest::Again(job) => self.again(job, now, at),
            Rest::Halve(job) => self.halve(job, at),
        }
    }

    fn erred(&mut self, flight: Flight, error: ApiError, now: Instant, at: Timestamp) {
        let Flight { mut job, permit, epoch, request } = flight;
        tracing::debug!(code = &*error.code, status = error.status, rows = job.rows.len(), "attempt failed");
        match error.kind {
            ErrorKind::Throttled { retry_after } => {
                self.pace.on_throttled(now, permit, retry_after);
                self.heard(request, now, at);
                self.watch.trouble(now);
                self.queue.put_first(job);
            }
            ErrorKind::Credentials if self.connectors.is_denied_alone(job.connector, &error) => {
                self.pace.on_success(now, permit);
                self.heard(request, now, at);
                self.refused(job, ApiError { kind: ErrorKind::Forbidden, ..error }, now, at);
            }
            ErrorKind::Credentials => {
                self.pace.on_abandoned(now, permit);
                self.watch.trouble(now);
                self.gate.refused(epoch);
                self.queue.put_first(job);
            }
            ErrorKind::ClockSkew { .. } => {
                self.pace.on_abandoned(now, permit);
                self.queue.put_first(job);
            }
            ErrorKind::Unreachable | ErrorKind::NoAnswer | ErrorKind::Unavailable { .. } => {
                self.pace.on_error(now, permit);
                self.watch.trouble(now);
                job.unanswered |= error.kind.is_silent();
                self.silent(job, request, error, now, at);
            }
            ErrorKind::Rejected if error.status.is_none() => {
                self.pace.on_abandoned(now, permit);
                self.settle(job.refused(&error, &self.earlier, at));
            }
            ErrorKind::BadRequest
            | ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Rejected => {
                self.pace.on_success(now, permit);
                self.heard(request, now, at);
                self.gate.accepted(epoch);
                self.refused(job, error, now, at);
            }
        }
    }

    /// The service answered, and not as asked.
    fn refused(&mut self, mut job: Job, error: ApiError, now: Instant, at: Timestamp) {
        self.watch.answered();
        job.resolve(&self.blame);
        match error.kind {
            ErrorKind::BadRequest => {
                job.count(error);
                return self.halve(job, at);
            }
            ErrorKind::Conflict => {
                job.count(error);
                return self.again(job, now, at);
            }
            ErrorKind::Forbidden => self.watch.forbidden(job.connector),
            _ => {}
        }
        job.attempts += 1;
        if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound)
            && self.connectors.close(job.connector, &error)
        {
            tracing::warn!(
                connector = self.rows.connector_name(job.connector),
                code = &*error.code,
                "the service refuses this connector: its other numbers are not sent"
            );
        }
        self.settle(job.refused(&error, &self.earlier, at));
    }

    /// Sends both halves of a batch instead of it, or settles the one row that is at fault.
    fn halve(&mut self, job: Job, at: Timestamp) {
        match self.splits.halve(job) {
            Ok(halves) if self.stop.is_none() => {
                halves.into_iter().rev().for_each(|half| self.queue.put_first(half));
            }
            Ok(halves) => halves.into_iter().for_each(|half| self.retire(half, at)),
            Err(job) => self.give_up(job, at),
        }
    }

    /// Sends a batch again after a backoff, unless its attempts are used up.
    pub(super) fn again(&mut self, mut job: Job, now: Instant, at: Timestamp) {
        if self.stop.is_some() {
            return self.retire(job, at);
        }
        job.resolve(&self.blame);
        match self.retry.next(job.failures_at_most(), self.jitter.f64()) {
            ShouldAttempt::YesAfter(delay) => self.delay(job, now, delay),
            ShouldAttempt::No if job.suspected.is_empty() => self.give_up(job, at),
            ShouldAttempt::No => self.held.push(job),
        }
    }

    /// Keeps a batch back for so long, or as long as the service asked for, if that is longer.
    pub(super) fn delay(&mut self, job: Job, now: Instant, delay: Duration) {
        let rest = job.last_error.as_ref().map_or(Duration::ZERO, |error| error.kind.rest());
        self.queue.delay(job, now + delay.max(rest));
    }

    /// Settles a batch with what its last attempt ended with.
    pub(super) fn give_up(&mut self, mut job: Job, at: Timestamp) {
        job.resolve(&self.blame);
        if let Some(error) = job.last_error.take() {
            self.settle(job.refused(&error, &self.earlier, at));
        } else {
            self.emit(Event::Released { rows: job.rows });
        }
    }

    /// Ends a batch because the run stops: what may have been done is `Unknown`, the rest was not sent.
    pub(super) fn retire(&mut self, job: Job, at: Timestamp) {
        if job.unanswered {
            self.give_up(job, at);
        } else {
            self.emit(Event::Released { rows: job.rows });
        }
    }

    pub(super) fn retire_queue(&mut self, at: Timestamp) {
        let mut released = Vec::new();
        for job in self.queue.drain().into_iter().chain(std::mem::take(&mut self.held)) {
            if job.unanswered {
                self.give_up(job, at);
            } else {
                released.extend(job.rows);
            }
        }
        if !released.is_empty() {
            self.emit(Event::Released { rows: released });
        }
    }
}
