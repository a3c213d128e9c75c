//! The pool: sends batches, as fast as the pace allows and at most `concurrency` at a time, and emits what happens.
//!
//! It keeps no results: settled rows leave it as events. Nothing is sent before its intent is acknowledged. Must not
//! know the journal, the report, a terminal or the network: requests are sent by a function that the caller passes in.
//!
//! Each file imports only from the files declared before it.

pub mod pace;
pub(crate) mod retry;
mod settings;
mod batch;
mod replies;
mod split;
mod queue;
mod outage;
mod credential_gate;
mod connectors;
mod stop_rules;
mod events;
mod dispatcher;
mod ended;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::aws::protocol::{ApiError, BatchReply};
use crate::event::StopReason;
pub use credential_gate::Renewal;
pub(crate) use credential_gate::{CredentialGate, Pass};
use dispatcher::Next;
pub use dispatcher::{Dispatcher, Submission};
use ended::Ended;
pub use settings::{PoolEnd, PoolSettings};
pub(crate) use stop_rules::StopRules;

/// Runs until everything is settled, or until `stop` or the run's own rules end it.
///
/// `submit` sends one batch; `renew` re-reads the credentials after the service refused them; `wall` reads the wall
/// clock, for events. If the stop is an abort, returns at once and drops the requests in flight.
pub async fn run<S, SF, R, RF>(
    mut dispatcher: Dispatcher<'_>,
    submit: S,
    renew: R,
    mut stop: watch::Receiver<Option<StopReason>>,
    wall: impl Fn() -> Timestamp,
) -> PoolEnd
where
    S: Fn(Submission) -> SF,
    SF: Future<Output = Result<BatchReply, ApiError>> + Send + 'static,
    R: Fn() -> RF,
    RF: Future<Output = Renewal> + Send + 'static,
{
    let mut under_way: JoinSet<Ended> = JoinSet::new();
    loop {
        if let Some(reason) = *stop.borrow_and_update() {
            dispatcher.stop(reason, wall());
        }
        let until = match dispatcher.next(Instant::now().into_std(), wall()) {
            Next::Done(end) => return end,
            Next::Send(flight, submission) => {
                // The one concurrent line: everything else happens in this loop, one thing after another.
                let request = submit(submission);
                // Boxed, because the runtime moves a task's memory more than once, and the request is most of it.
                let task = under_way.spawn(Box::pin(async { Ended::Request(request.await) }));
                dispatcher.departed(task.id(), flight);
                continue;
            }
            Next::Renew => {
                let renewal = renew();
                under_way.spawn(async { Ended::Renewal(renewal.await) });
                continue;
            }
            Next::Wait(until) => until,
        };
        tokio::select! {
            biased; // the same order every time, so that a simulation can be repeated
            Some(ended) = under_way.join_next_with_id() => {
                dispatcher.ended(ended, Instant::now().into_std(), wall());
            }
            () = dispatcher.acknowledged() => {}
            Ok(()) = stop.changed() => {}
            () = due(until) => {}
        }
    }
}

async fn due(until: Option<std::time::Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
