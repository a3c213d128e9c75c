//! The pool: sends batches, as fast as the pace allows and at most `concurrency` at a time, and emits what happens.
//!
//! It keeps no results: what is settled leaves it as an event. Nothing is sent before its intent is acknowledged. Must
//! not know the journal, the report, a terminal or the network: requests are sent by the function it is given.

pub mod batch;
pub mod dispatch;
pub mod gate;
pub mod next;
pub mod outage;
pub mod pace;
pub mod queue;
pub mod replies;
pub mod retry;
pub mod scope;
pub mod split;
pub mod stop;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::api::{ApiError, BatchReply, ErrorKind};
use crate::event::StopReason;
use crate::pool::dispatch::Dispatcher;
use crate::pool::gate::Renewal;
use crate::pool::next::{Next, Submission};
use crate::pool::pace::PaceSettings;
use crate::pool::retry::RetryPolicy;

/// How the pool works.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Requests in flight at most.
    pub concurrency: NonZeroUsize,
    /// How fast.
    pub pace: PaceSettings,
    /// How often a batch is sent, and after which backoff.
    pub retry: RetryPolicy,
    /// Rows that may fail before the run stops.
    pub max_failures: Option<u64>,
    /// How long the service may go without one success before the run stops.
    pub give_up_after: Duration,
}

/// How a run of the pool ended.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PoolEnd {
    /// Why it ended before its work was done, if it did.
    pub stop: Option<StopReason>,
    /// The limit that the service was found to have, in requests per second.
    pub rate_found: Option<f64>,
}

/// What ended: a request, or a renewal of the credentials.
enum Ended {
    Request(Result<BatchReply, ApiError>),
    Renewal(Renewal),
}

/// Runs until everything is settled, or until `stop` (or the run itself) says so.
///
/// `submit` sends one batch; `renew` re-reads the credentials after the service refused them; `wall` reads the wall
/// clock, for what is shown and recorded. Returns at once if the stop is an abort; what is in flight is dropped then.
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
        let reason = *stop.borrow_and_update();
        if let Some(reason) = reason {
            dispatcher.stop(reason, wall());
        }
        if dispatcher.is_aborted() {
            return dispatcher.end();
        }
        let until = match dispatcher.next(Instant::now().into_std(), wall()) {
            Next::Done(end) => return end,
            Next::Send(flight, submission) => {
                // The one concurrent line: everything else happens in this loop, one thing after another.
                let request = submit(submission);
                // Boxed: the runtime moves a task's memory more than once, and this is most of it.
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
        let awaits = dispatcher.awaits_acknowledgement();
        tokio::select! {
            Some(ended) = under_way.join_next_with_id() => {
                let (now, at) = (Instant::now().into_std(), wall());
                match ended {
                    Ok((_, Ended::Renewal(renewal))) => dispatcher.renewed(renewal, now),
                    Ok((id, Ended::Request(result))) => dispatcher.ended(id, result, now, at),
                    Err(error) => dispatcher.ended(error.id(), Err(broken_down(&error)), now, at),
                }
            }
            () = dispatcher.acknowledged(), if awaits => {}
            Ok(()) = stop.changed() => {}
            () = sleep_until(until), if until.is_some() => {}
            else => return dispatcher.end(),
        }
    }
}

/// A request that broke down inside this program: nobody knows what it did.
fn broken_down(error: &JoinError) -> ApiError {
    ApiError {
        kind: ErrorKind::NoAnswer,
        status: None,
        code: "InternalError".into(),
        message: format!("the request broke down inside chime-sweep: {error}").into(),
        request_id: None,
    }
}

async fn sleep_until(until: Option<std::time::Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
