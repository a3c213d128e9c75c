//! Whole jobs under a paused clock: the core of the simulated service; the real check for existing files, pool, journal
//! and report; and a process that may die at any append to the journal.

mod crash;
mod times;
mod truth;

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use clap::Parser;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::action::Action;
use crate::aws::endpoint::{Endpoint, Region, Variant};
use crate::aws::protocol::{ApiError, BatchReply, ErrorKind, reply, request, sigv4};
use crate::cli::{Cli, Command};
use crate::event::{self, Inbox, StopReason};
use crate::input::{Input, RowId, Source};
use crate::job::existing::Existing;
use crate::job::finish;
use crate::job::settings::JobSettings;
use crate::journal::entry::{self, Entry};
use crate::journal::writer::Journal;
use crate::number::PhoneNumber;
use crate::plan::Plan;
use crate::pool::{self, Dispatcher, Renewal, Submission};
use crate::report::reconcile::Unsent;
use crate::report::{self, Place, RowResult};
use crate::simulator::{self, Delivery, Ledger, Scenario};

/// How long an append takes. If it took no time, an early acknowledgment would not be noticed.
const SYNC: Duration = Duration::from_millis(3);

/// Where a process dies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Death {
    /// At this append of the session, from 0.
    append: usize,
    /// How much of the append reaches the disk.
    bytes: Cut,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    /// From the start.
    At(usize),
    /// 0 to 255 for none to all.
    Part(u8),
}

/// How a session ends, if not by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Dies(Death),
    Stops(Duration, StopReason),
}

/// A job, its service, and the directory with its files.
pub(super) struct Trial {
    folder: TempDir,
    args: Vec<String>,
    service: Arc<Mutex<simulator::Service>>,
    /// New keys, and when they become available.
    renewal: Option<(Duration, Credentials)>,
    /// What requests are signed with.
    keys: Mutex<Credentials>,
    /// How long the sessions so far took.
    clock: Mutex<Duration>,
}

/// The result of one process.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Each request: when it was sent, and its numbers.
    sent: Vec<(Duration, Vec<PhoneNumber>)>,
    /// The numbers that were not settled when it began.
    outstanding: HashSet<PhoneNumber>,
    /// The sizes of the lines of each append.
    appends: Vec<Vec<usize>>,
    /// Rows that the journal left in doubt when it began.
    in_doubt: HashSet<u32>,
    /// When it checked for new keys.
    renewals: Vec<Duration>,
    finished: bool,
}

impl Trial {
    pub(super) fn new(csv: &[u8], scenario: Scenario, args: &[&str]) -> Self {
        // In memory if there is a file system in memory: the tests sync thousands of times.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        std::fs::write(folder.path().join("numbers.csv"), csv).expect("writes");
        Self {
            folder,
            args: args.iter().map(ToString::to_string).collect(),
            service: Arc::new(Mutex::new(simulator::Service::new(scenario))),
            renewal: None,
            keys: Mutex::new(Credentials::new(
                simulator::ACCESS_KEY_ID,
                simulator::SECRET_ACCESS_KEY,
                None,
                None,
                "trial",
            )),
            clock: Mutex::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> JobSettings {
        let [input, report] = ["numbers.csv", "report.csv"].map(|name| self.path(name).display().to_string());
        let words = ["chime-sweep", "run", &input, "--output", &report, "--simulate", "--resume"];
        let cli = Cli::try_parse_from(words.into_iter().chain(self.args.iter().map(String::as_str)));
        let Command::Run(args) = cli.expect("parses").command else { panic!("not a run") };
        JobSettings::of_run(args, &"2026-11-23T22:00:00[UTC]".parse().expect("a time")).expect("resolves")
    }

    /// One process from its start to its end.
    pub(super) fn session(&self, end: Option<End>) -> Session {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(self.live(end))
    }

    async fn live(&self, end: Option<End>) -> Session {
        let settings = self.settings();
        let source = Source::open(&settings.input).expect("opens");
        let input = Input::read(&source, &settings.columns).expect("reads");
        let rows = &input.rows;
        let existing = Existing::look(&settings.report, &input, "a trial", None).expect("looks");
        let outstanding: HashSet<RowId> = rows.ids().filter(|row| existing.is_outstanding(*row)).collect();
        let plan = Plan::new(rows, |row| outstanding.contains(&row), settings.batch_size);
        let earlier = existing.in_doubt(rows);
        let mut session = Session {
            in_doubt: rows.ids().filter(|row| earlier.get(*row)).map(RowId::get).collect(),
            outstanding: outstanding.iter().filter_map(|row| rows.number(*row)).collect(),
            ..Session::default()
        };
        let (mut journal, source) = existing.begin(entry::Session::at(wall()), &source).expect("begins");

        let (outbox, inbox) = event::channel();
        let (stop, stopped) = watch::channel(None);
        let start = tokio::time::Instant::now();
        let before = *self.clock.lock().expect("no panic");
        let sent = Mutex::new(Vec::new());
        let submit = |submission: Submission| {
            let answer = self.exchange(&submission, before + start.elapsed());
            sent.lock().expect("no panic").push((start.elapsed(), submission.numbers));
            answer
        };
        let stops = async {
            if let Some(End::Stops(after, reason)) = end {
                tokio::time::sleep(after).await;
                stop.send_replace(Some(reason));
            }
            std::future::pending::<()>().await;
        };
        let death = if let Some(End::Dies(death)) = end { Some(death) } else { None };
        let dispatcher =
            Dispatcher::new(rows, plan.batches(), earlier, &settings.pool, outbox, start.into_std());
        let renewals = Mutex::new(Vec::new());
        let renew = || {
            renewals.lock().expect("no panic").push(start.elapsed());
            let due = self.renewal.as_ref().filter(|(at, _)| *at <= start.elapsed());
            due.iter().for_each(|(_, keys)| *self.keys.lock().expect("no panic") = keys.clone());
            let renewal = if due.is_some() { Renewal::Fresh } else { Renewal::Nothing };
            async move { renewal }
        };
        let work = async {
            tokio::select! {
                end = pool::run(dispatcher, submit, renew, stopped, || wall() + start.elapsed()) => end,
                () = stops => unreachable!("it waits forever"),
            }
        };
        let path = settings.report.journal();
        let (end, appends) = {
            let mut recorded = std::pin::pin!(record(&mut journal, &path, inbox, death));
            tokio::select! {
                biased;
                appends = &mut recorded => (None, appends), // the process dies, with whatever is in flight
                end = work => (Some(end), recorded.await),
            }
        };
        session.appends = appends;
        session.renewals = renewals.into_inner().expect("no panic");
        session.sent = sent.into_inner().expect("no panic");
        *self.clock.lock().expect("no panic") += start.elapsed();
        if let Some(end) = end.filter(|end| !end.stop.as_ref().is_some_and(|stop| stop.reason.is_abort())) {
            let place = Place::default();
            let unsent = Unsent { stop: end.stop.as_ref(), selection: None };
            finish::finish(journal, &settings.report.path, &source, &input, place, unsent).expect("finishes");
            session.finished = true;
        }
        session
    }

    /// Interprets the service's answer as [`Client`](crate::aws::client::Client) does, without the socket.
    fn exchange(
        &self,
        submission: &Submission,
        elapsed: Duration,
    ) -> impl Future<Output = Result<BatchReply, ApiError>> + Send + use<> {
        let region = Region::parse("us-east-1").expect("a region");
        let endpoint = Endpoint::of_region(region, Variant::default()).expect("an endpoint");
        let mut request =
            request::of_action(&endpoint, Action::Disassociate, &submission.connector, &submission.numbers)
                .expect("a request");
        let keys = self.keys.lock().expect("no panic").clone();
        sigv4::sign(&mut request, "us-east-1", &keys, wall()).expect("signs");
        let answer = self.service.lock().expect("no panic").answer(&request, wall(), elapsed);
        async move {
            tokio::time::sleep(answer.delay + Duration::from_millis(20)).await;
            match answer.delivery {
                Delivery::Reply(response) | Delivery::Drip(response, _) => {
                    let (head, body) = response.into_parts();
                    reply::interpret(head.status, &head.headers, &body, wall(), reply::batch)
                }
                Delivery::Stall => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    Err(no_answer("Timeout"))
                }
                Delivery::Drop | Delivery::Reset | Delivery::Cut(..) | Delivery::Flood(..) => {
                    Err(no_answer("ConnectionLost"))
                }
            }
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.service.lock().expect("no panic").ledger()
    }

    /// The report's rows, as fields.
    pub(super) fn report(&self) -> Vec<Vec<String>> {
        let bytes = std::fs::read(self.path("report.csv")).expect("there is a report");
        let reader = csv::ReaderBuilder::new().flexible(true).from_reader(&*bytes);
        let records = reader.into_byte_records().map(|record| record.expect("a record"));
        records
            .map(|record| record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect())
            .collect()
    }

    /// The status of each row.
    pub(super) fn statuses(&self) -> Vec<String> {
        self.report().into_iter().map(|row| row[row.len() - 10].clone()).collect()
    }
}

/// Writes what the pool emits, and acknowledges it, until the pool ends or the process dies. Returns the sizes of the
/// lines of each append.
async fn record(
    journal: &mut Journal,
    path: &Path,
    mut inbox: Inbox,
    death: Option<Death>,
) -> Vec<Vec<usize>> {
    let mut appends = Vec::new();
    while let Some(events) = inbox.try_take() {
        let entries: Vec<Entry<'_>> = events.iter().filter_map(Entry::of).collect();
        tokio::time::sleep(SYNC).await;
        if !entries.is_empty() {
            let lines: Vec<Vec<u8>> = entries.iter().map(line).collect();
            appends.push(lines.iter().map(Vec::len).collect());
            if let Some(death) = death.filter(|death| death.append < appends.len()) {
                let lines = lines.concat();
                let cut = match death.bytes {
                    Cut::At(bytes) => bytes.min(lines.len()),
                    Cut::Part(part) => lines.len() * usize::from(part) / 255,
                };
                let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("opens");
                file.write_all(&lines[..cut]).expect("writes");
                return appends;
            }
            journal.append(&entries).expect("appends");
        }
        inbox.acknowledge();
    }
    appends
}

fn line(entry: &Entry<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    entry.write_line(&mut line);
    line
}

fn no_answer(code: &str) -> ApiError {
    ApiError {
        kind: ErrorKind::NoAnswer,
        status: None,
        code: code.into(),
        message: "scripted".into(),
        request_id: None,
    }
}

fn wall() -> Timestamp {
    "2026-11-23T22:00:00Z".parse().expect("in range")
}
