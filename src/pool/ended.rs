//! What happens when a request ends: rows are settled, and batches are sent again.
//!
//! Must not decide when anything is sent.

use std::time::Instant;

use jiff::Timestamp;
use tokio::task::{Id, JoinError};

use crate::aws::protocol::{ApiError, BatchReply, ErrorKind};
use crate::event::{AttemptOutcome, Event};
use crate::pool::batch::Batch;
use crate::pool::credential_gate::Renewal;
use crate::pool::dispatcher::{Dispatcher, Flight};
use crate::pool::pace::Permit;

/// What ended.
pub(crate) enum Ended {
    Request(Result<BatchReply, ApiError>),
    Renewal(Renewal),
}

impl Dispatcher<'_> {
    /// A request or a renewal of the credentials ended.
    pub(crate) fn ended(&mut self, ended: Result<(Id, Ended), JoinError>, now: Instant, at: Timestamp) {
        let (task, result) = match ended {
            Ok((_, Ended::Renewal(renewal))) => return self.gate.renewed(renewal, now),
            Ok((task, Ended::Request(result))) => (task, result),
            Err(error) => (error.id(), Err(broken_down(&error))),
        };
        let Some(flight) = self.flights.remove(&task) else {
            return self.gate.renewed(Renewal::Nothing, now); // the renewal task failed
        };
        let outcome = match &result {
            Ok(_) => AttemptOutcome::Answered,
            Err(ApiError { kind: ErrorKind::Throttled { .. }, .. }) => AttemptOutcome::Throttled,
            Err(_) => AttemptOutcome::Failed,
        };
        self.events.emit(Event::Attempt(outcome));
        match result {
            Ok(reply) => self.answered(flight, reply, now, at),
            Err(error) => self.erred(flight, error, now, at),
        }
    }

    fn answered(&mut self, flight: Flight, reply: BatchReply, now: Instant, at: Timestamp) {
        let Flight { mut batch, permit } = flight;
        self.served(&mut batch, permit, now);
        self.connectors.worked(batch.connector);
        self.splits.accepted(batch.half_of);
        match self.replies.answered(batch, reply, at) {
            Ok((settled, again)) => {
                self.settle(settled);
                again.into_iter().for_each(|batch| self.again(batch, now, at));
            }
            Err(batch) => self.halve(batch, at),
        }
    }

    /// The service processed the request: it did not just throttle it or refuse the credentials.
    fn served(&mut self, batch: &mut Batch, permit: Permit, now: Instant) {
        self.pace.on_success(now, permit);
        self.service_answered(batch);
        self.stop_rules.answered();
        self.gate.accepted();
    }

    fn erred(&mut self, flight: Flight, mut error: ApiError, now: Instant, at: Timestamp) {
        let Flight { mut batch, permit } = flight;
        tracing::debug!(
            code = &*error.code,
            status = error.status,
            rows = batch.rows.len(),
            "attempt failed"
        );
        if error.kind == ErrorKind::Credentials && self.connectors.is_denied_alone(batch.connector, &error) {
            error.kind = ErrorKind::Forbidden;
        }
        match error.kind {
            ErrorKind::Throttled { retry_after } => {
                self.pace.on_throttled(now, permit, retry_after);
                self.service_answered(&mut batch);
                self.stop_rules.trouble(now, false);
                self.queue.put_back(batch);
            }
            ErrorKind::Credentials | ErrorKind::ClockSkew { .. } => {
                self.pace.on_abandoned(now, permit);
                self.stop_rules.trouble(now, false);
                if error.kind == ErrorKind::Credentials {
                    self.gate.refused(&error);
                }
                self.queue.put_back(batch);
            }
            ErrorKind::Unreachable | ErrorKind::NoAnswer | ErrorKind::Unavailable { .. } => {
                self.pace.on_error(now, permit);
                self.stop_rules.trouble(now, error.needs_person());
                batch.unanswered |= error.kind.is_silent();
                batch.last_error = Some(Box::new(error));
                self.failed(batch, now, at);
            }
            ErrorKind::Rejected if error.status.is_none() => {
                self.pace.on_abandoned(now, permit);
                batch.last_error = Some(Box::new(error));
                self.give_up(batch, at);
            }
            ErrorKind::BadRequest
            | ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Rejected => {
                if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound)
                    && self.replies.action.needs_connector()
                {
                    error = error.of_connector();
                }
                self.served(&mut batch, permit, now);
                self.refused(batch, &error, now, at);
            }
        }
    }

    /// The service refused the request.
    fn refused(&mut self, mut batch: Batch, error: &ApiError, now: Instant, at: Timestamp) {
        batch.attempts += 1;
        batch.last_error = Some(Box::new(error.clone()));
        match error.kind {
            ErrorKind::BadRequest => self.halve(batch, at),
            ErrorKind::Conflict => {
                batch.failures += 1;
                self.again(batch, now, at);
            }
            // Settled before the connector is closed: of a connector that is refused, the first request counts.
            ErrorKind::Forbidden | ErrorKind::NotFound => {
                let connector = batch.connector;
                self.give_up(batch, at);
                if self.replies.action.needs_connector() && self.connectors.close(connector, error) {
                    tracing::warn!(
                        connector = self.replies.rows.connector_name(connector),
                        code = &*error.code,
                        "the service refuses this connector: its other numbers are not sent"
                    );
                }
            }
            _ => self.give_up(batch, at),
        }
    }

    /// Replaces a batch with its two halves, or settles its only row.
    fn halve(&mut self, batch: Batch, at: Timestamp) {
        match self.splits.halve(batch) {
            Ok(halves) => halves.into_iter().rev().for_each(|half| self.queue.put_first(half)),
            Err(batch) => self.give_up(batch, at),
        }
    }
}

/// The error for a request whose task failed inside this program: whether it was sent is unknown.
fn broken_down(error: &JoinError) -> ApiError {
    ApiError {
        kind: ErrorKind::NoAnswer,
        status: None,
        code: "InternalError".into(),
        message: format!("the request failed inside chime-sweep: {error}").into(),
        request_id: None,
    }
}
