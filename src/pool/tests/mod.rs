//! The pool under a paused clock, against a scripted service and a journal whose writes take time.

mod actions;
mod flow;
mod outages;
mod replies;
mod stops;
mod truth;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::pace::PaceSettings;
use super::*;
use crate::action::Action;
use crate::aws::protocol::{ErrorKind, NumberError};
use crate::event::{Event, Inbox, Outcome, channel};
use crate::input::{Input, InputOptions, RowFlags, RowId, Rows, Source};
use crate::journal::entry::{Entry, Header};
use crate::journal::history::History;
use crate::number::PhoneNumber;
use crate::plan::Plan;

/// How long the test's journal takes to make a group durable. At zero, acknowledging too early would not be noticed.
const SYNC: Duration = Duration::from_millis(3);

const LATENCY: Duration = Duration::from_millis(50);

fn number(row: u32) -> PhoneNumber {
    PhoneNumber::parse(&format!("+1206555{row:04}")).expect("a number")
}

fn numbers(rows: &[u32]) -> Vec<PhoneNumber> {
    rows.iter().map(|&row| number(row)).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "as the client gives it")]
fn ok() -> Result<BatchReply, ApiError> {
    Ok(BatchReply { request_id: Some("sim-1".into()), errors: Vec::new() })
}

#[expect(clippy::unnecessary_wraps, reason = "as the client gives it")]
fn with_errors(errors: &[(Option<u32>, &str)]) -> Result<BatchReply, ApiError> {
    let errors = errors.iter().map(|(row, code)| NumberError {
        number: row.map(number),
        code: (*code).into(),
        message: "refused".into(),
    });
    Ok(BatchReply { request_id: None, errors: errors.collect() })
}

fn error(kind: ErrorKind, code: &str) -> Result<BatchReply, ApiError> {
    let status = (!matches!(kind, ErrorKind::NoAnswer | ErrorKind::Unreachable)).then_some(444);
    Err(ApiError { kind, status, code: code.into(), message: "scripted".into(), request_id: None })
}

fn no_answer() -> Result<BatchReply, ApiError> {
    error(ErrorKind::NoAnswer, "Timeout")
}

fn throttled(after: Option<u64>) -> Result<BatchReply, ApiError> {
    error(ErrorKind::Throttled { retry_after: after.map(Duration::from_secs) }, "ThrottledClientException")
}

/// A request as the service saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    at: Duration,
    connector: String,
    numbers: Vec<PhoneNumber>,
}

/// A job and the service that it talks to.
struct Night {
    connectors: Vec<u32>,
    batch_size: u32,
    settings: PoolSettings,
    earlier: Vec<u32>,
    /// Stops from outside.
    stops: Vec<(Duration, StopReason)>,
    /// How long a request that ends with `Timeout` takes.
    patience: Duration,
    /// The result of each renewal of the credentials; after these, nothing new.
    renewals: Vec<Renewal>,
    /// What the wall clock shows after so much of the run.
    wall: fn(Duration) -> Timestamp,
}

/// The result of the job.
struct Morning {
    history: History,
    events: Vec<Event>,
    seen: Vec<Seen>,
    end: PoolEnd,
    took: Duration,
    most_in_flight: usize,
}

impl Night {
    /// One connector for each entry, which is how many numbers it has.
    fn of(connectors: &[u32]) -> Self {
        Self {
            connectors: connectors.to_vec(),
            batch_size: 10,
            settings: PoolSettings {
                action: Action::Disassociate,
                concurrency: NonZeroUsize::new(4).expect("positive"),
                pace: PaceSettings { seed: 7, ..PaceSettings::default() },
                max_attempts: NonZeroU32::new(3).expect("positive"),
                max_failures: None,
                doubts_list: true,
                give_up_after: Duration::from_secs(1800),
                patience: Duration::from_secs(120),
                stop_at: None,
                keys_are_fixed: false,
                not_found_is_success: false,
                failed: Arc::default(),
            },
            earlier: Vec::new(),
            stops: Vec::new(),
            patience: LATENCY,
            renewals: Vec::new(),
            wall: |_| Timestamp::UNIX_EPOCH,
        }
    }

    fn rows(&self) -> Rows {
        let connectors = self.connectors.iter().enumerate();
        let ids = connectors.flat_map(|(id, &count)| std::iter::repeat_n(format!("vc{id}"), count as usize));
        let lines = ids.zip(0..).map(|(id, row)| format!("{id},{}\n", number(row).e164()));
        let csv = ["connector,number\n".to_owned()].into_iter().chain(lines).collect::<String>();
        let source = Source::from_bytes("numbers.csv", csv.into_bytes());
        Input::read(&source, &InputOptions::default()).expect("an input").rows
    }

    /// Runs the job. `service` answers the `n`th request (from 1) for a batch that begins with a given number.
    async fn run(self, service: impl Fn(usize, &Submission) -> Result<BatchReply, ApiError>) -> Morning {
        let rows = self.rows();
        let plan = Plan::new(&rows, |_| true, NonZeroU32::new(self.batch_size).expect("positive"));
        let mut earlier = RowFlags::default();
        self.earlier.iter().for_each(|&row| earlier.set(RowId::new(row)));
        let (outbox, inbox) = channel();
        let start = Instant::now();
        let dispatcher =
            Dispatcher::new(&rows, plan.batches(), &earlier, &self.settings, outbox, start.into_std());
        let (stop, stopped) = watch::channel(None);
        let patience = self.patience;
        let log = Arc::new(Mutex::new((Vec::new(), HashMap::<_, usize>::new(), 0usize, 0usize)));
        let durable = Arc::new(Mutex::new(HashSet::new()));
        let submit = |submission: Submission| {
            let is_durable = |number| durable.lock().expect("no panic").contains(number);
            assert!(submission.numbers.iter().all(is_durable), "sent before its intent is durable");
            let log = Arc::clone(&log);
            let mut entry = log.lock().expect("no panic");
            let seen = Seen {
                at: start.elapsed(),
                connector: submission.connector.to_string(),
                numbers: submission.numbers.clone(),
            };
            entry.0.push(seen);
            let nth = entry.1.entry(submission.numbers[0]).or_default();
            *nth += 1;
            let reply = service(*nth, &submission);
            entry.2 += 1;
            entry.3 = entry.3.max(entry.2);
            drop(entry);
            async move {
                let timed_out = reply.as_ref().is_err_and(|error| &*error.code == "Timeout");
                tokio::time::sleep(if timed_out { patience } else { LATENCY }).await;
                log.lock().expect("no panic").2 -= 1;
                reply
            }
        };
        let renewals = Mutex::new(VecDeque::from(self.renewals));
        let renew = || {
            let renewal = renewals.lock().expect("no panic").pop_front().unwrap_or(Renewal::Nothing);
            async move { renewal }
        };
        let stops = async {
            for (at, reason) in self.stops {
                sleep_until(start + at).await;
                stop.send_replace(Some(reason));
            }
            std::future::pending::<()>().await;
        };
        let journal = tokio::task::spawn_local(record(inbox, rows.len(), Arc::clone(&durable)));
        let wall = || (self.wall)(start.elapsed());
        let end = tokio::select! {
            end = run(dispatcher, submit, renew, stopped, wall) => end,
            () = stops => unreachable!(),
        };
        let took = start.elapsed();
        let (history, events) = journal.await.expect("the journal ends");
        let log = log.lock().expect("no panic");
        Morning { history, events, seen: log.0.clone(), end, took, most_in_flight: log.3 }
    }
}

/// Replays every event through the same checks as a journal that is read. `durable`: the numbers whose intents it has
/// acknowledged.
async fn record(
    mut inbox: Inbox,
    rows: u32,
    durable: Arc<Mutex<HashSet<PhoneNumber>>>,
) -> (History, Vec<Event>) {
    let mut history =
        History::new(Header::new(String::new(), rows, String::new(), None, Action::Disassociate));
    let mut events = Vec::new();
    loop {
        let Some(group) = inbox.try_take() else { return (history, events) };
        tokio::time::sleep(SYNC).await; // more events may come while these are being written
        if group.is_empty() {
            continue;
        }
        for (_, event) in group {
            if let Event::Intent { rows } = &event {
                durable.lock().expect("no panic").extend(rows.iter().map(|row| number(row.get())));
            }
            if let Some(entry) = Entry::of(&event) {
                history.apply(entry).unwrap_or_else(|reason| panic!("{reason}: {event:?}"));
            }
            events.push(event);
        }
        inbox.acknowledge();
    }
}

impl Morning {
    /// `(outcome, code, attempts)` of a row; `None` if it was not attempted.
    fn row(&self, row: u32) -> Option<(Outcome, &str, u32)> {
        self.history
            .outcome(RowId::new(row))
            .map(|outcome| (outcome.outcome, &*outcome.code, outcome.attempts))
    }

    /// How many rows have each outcome.
    fn outcomes(&self) -> BTreeMap<String, usize> {
        let mut outcomes = BTreeMap::new();
        for row in 0..self.history.header.rows {
            let outcome =
                self.row(row).map_or("not attempted".to_owned(), |(outcome, ..)| format!("{outcome:?}"));
            *outcomes.entry(outcome).or_default() += 1;
        }
        outcomes
    }

    /// Why it ended early.
    fn stop(&self) -> Option<StopReason> {
        self.end.stop.as_ref().map(|stop| stop.reason)
    }

    /// The error of rows that were not sent, and why the run ended, in words.
    fn stopped(&self) -> (&str, String) {
        let stop = self.end.stop.as_ref().expect("it was stopped");
        (stop.code(), stop.because())
    }

    fn all_succeeded(&self) -> bool {
        self.outcomes().keys().eq(["Succeeded"])
    }
}

/// Runs a test's future under the paused clock.
fn paused<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), test)
}

fn morning(night: Night, service: impl Fn(usize, &Submission) -> Result<BatchReply, ApiError>) -> Morning {
    paused(night.run(service))
}
