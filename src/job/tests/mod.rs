//! Whole jobs under a paused clock: the core of the simulated service; the real check for existing files, pool, journal
//! and report; and a process that may die at any append to the journal.

mod wire;
mod audit;
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
use crate::aws::endpoint::{Endpoint, Variant};
use crate::aws::protocol::ErrorKind;
use crate::cli::{Cli, Command};
use crate::event::{self, Inbox, StopReason};
use crate::input::{Input, LaneId, RowId, Source, Standing};
use crate::inventory::{Check, Lister, Rules};
use crate::job::existing::{Existing, ExistingReport};
use crate::job::settings::JobSettings;
use crate::job::{checking, finish};
use crate::journal::entry::{self, Entry};
use crate::journal::writer::Journal;
use crate::number::PhoneNumber;
use crate::plan::Plan;
use crate::pool::{self, Dispatcher, Renewal, Submission};
use crate::region::Region;
use crate::report::reconcile::Unsent;
use crate::report::{self, Places, RowResult};
use crate::simulator::{self, Ledger, Scenario};
use audit::Truth;
use wire::Wire;

/// How long a list may show a number where it was.
const RECHECK_AFTER: Duration = Duration::from_secs(10);

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
    /// What is done; it can be changed between jobs.
    pub(super) action: Action,
    /// Whether the next session is a `rerun` of the report.
    pub(super) reruns: bool,
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
    /// The numbers that were not settled when it began to send.
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
    pub(super) fn new(action: Action, csv: &[u8], scenario: Scenario, args: &[&str]) -> Self {
        // In memory if there is a file system in memory: the tests sync thousands of times.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        std::fs::write(folder.path().join("numbers.csv"), csv).expect("writes");
        Self {
            folder,
            action,
            reruns: false,
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
        let time = "2026-11-23T22:00:00[UTC]".parse().expect("a time");
        let mut settings = JobSettings::of_run(args, None, &time).expect("resolves");
        settings.columns.action = Some(self.action).filter(|_| !self.reruns);
        settings.pool.action = self.action;
        let most = self.action.batch_limit().unwrap_or(settings.batch_size);
        settings.batch_size = settings.batch_size.min(most);
        if self.reruns {
            settings.input.clone_from(&settings.report.path);
            settings.report.existing = ExistingReport::Update;
        }
        settings
    }

    /// One process from its start to its end.
    pub(super) fn session(&self, end: Option<End>) -> Session {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(self.live(end))
    }

    #[expect(clippy::too_many_lines, reason = "a process, from its start to its end")]
    async fn live(&self, end: Option<End>) -> Session {
        let settings = self.settings();
        let source = Source::open(&settings.input).expect("opens");
        let input = Input::read(&source, &settings.columns).expect("reads");
        let rows = &input.rows;
        assert_eq!(input.layout.action, self.action);
        let existing =
            Existing::look(&settings.report, &input, "a trial".to_owned(), None, Vec::new()).expect("looks");
        let start = tokio::time::Instant::now();
        let before = *self.clock.lock().expect("no panic");
        let wire = || Wire {
            service: Arc::clone(&self.service),
            keys: self.keys.lock().expect("no panic").clone(),
            start: (before, start),
        };
        let earlier = existing.in_doubt(rows);
        let mut session = Session {
            in_doubt: rows.ids().filter(|row| earlier.get(*row)).map(RowId::get).collect(),
            ..Session::default()
        };
        let check = if settings.check || self.action.looks_first() {
            let (ask, renew) = (async |query| wire().read(&query).await, async || Renewal::Nothing);
            let mut lister = Lister::new(&settings.pool, ask, renew, wall, |_| {});
            let rules = Rules { action: self.action, not_found_is_success: false };
            let is_pending = |row: &RowId| matches!(rows.standing(*row), Standing::Pending { .. });
            let wanted = || rows.ids().filter(is_pending).filter(|row| existing.is_outstanding(*row));
            let lane = LaneId::default();
            let answers =
                checking::look(&mut lister, rules, rows, lane, wanted, &earlier, Some(RECHECK_AFTER));
            let answers = answers.await.expect("looks");
            Some(Check::new(rules, rows, &answers, &earlier, lister.progress().requests, wall()))
        } else {
            None
        };
        let is_open = |row| existing.is_outstanding(row) && !check.as_ref().is_some_and(|it| it.settles(row));
        let outstanding: HashSet<RowId> = rows.ids().filter(|row| is_open(*row)).collect();
        let plan = Plan::new(rows, |row| outstanding.contains(&row), settings.batch_size);
        session.outstanding = outstanding.iter().filter_map(|row| rows.number(*row)).collect();
        let (mut journal, source) = existing.begin(entry::Session::at(wall()), &source).expect("begins");
        let death = if let Some(End::Dies(death)) = end { Some(death) } else { None };
        let path = settings.report.journal();
        let mut disk = Disk { journal: &mut journal, path: &path, death, appends: Vec::new() };
        let entries = check.as_ref().map_or_else(Vec::new, checking::entries);
        if !disk.append(&entries).await {
            session.appends = disk.appends;
            return session;
        }

        let (outbox, inbox) = event::channel();
        let (stop, stopped) = watch::channel(None);
        let sent = Mutex::new(Vec::new());
        let submit = |submission: Submission| {
            sent.lock().expect("no panic").push((start.elapsed(), submission.numbers.clone()));
            wire().submit(self.action, submission)
        };
        let stops = async {
            if let Some(End::Stops(after, reason)) = end {
                tokio::time::sleep(after).await;
                stop.send_replace(Some(reason));
            }
            std::future::pending::<()>().await;
        };
        let dispatcher =
            Dispatcher::new(rows, plan.batches(), &earlier, &settings.pool, outbox, start.into_std());
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
        let end = {
            let mut recorded = std::pin::pin!(disk.record(inbox));
            tokio::select! {
                biased;
                () = &mut recorded => None, // the process dies, with whatever is in flight
                end = work => {
                    recorded.await;
                    Some(end)
                }
            }
        };
        session.appends = disk.appends;
        session.renewals = renewals.into_inner().expect("no panic");
        session.sent = sent.into_inner().expect("no panic");
        *self.clock.lock().expect("no panic") += start.elapsed();
        if let Some(end) = end.filter(|end| !end.stop.as_ref().is_some_and(|stop| stop.reason.is_abort())) {
            let unsent = |_| Unsent { stop: end.stop.as_ref(), selection: None };
            finish::finish(journal, &settings.report.path, &source, &input, Places::default(), unsent)
                .expect("finishes");
            session.finished = true;
        }
        session
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.service.lock().expect("no panic").ledger()
    }

    /// The report's rows, as fields.
    pub(super) fn report(&self) -> Vec<Vec<String>> {
        self.table().split_off(1)
    }

    fn table(&self) -> Vec<Vec<String>> {
        let bytes = std::fs::read(self.path("report.csv")).expect("there is a report");
        let reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(&*bytes);
        let records = reader.into_byte_records().map(|record| record.expect("a record"));
        records
            .map(|record| record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect())
            .collect()
    }

    /// A column of the report's own, if it has it: these come last, even in a row with more fields than the header.
    pub(super) fn column(&self, name: &str) -> Vec<String> {
        let table = self.table();
        let Some(from_end) = table[0].iter().rev().position(|header| header == name) else {
            return Vec::new();
        };
        let from_end = from_end + 1;
        table[1..].iter().map(|row| row[row.len() - from_end].clone()).collect()
    }

    /// The status of each row.
    pub(super) fn statuses(&self) -> Vec<String> {
        self.column("status")
    }

    /// The first row whose status the ledger contradicts.
    pub(super) fn lie(&self) -> Option<String> {
        let truth = Truth::of(&self.ledger(), self.action);
        let rows = self.report().into_iter().zip(self.statuses());
        let mut lies = rows.filter(|(row, status)| {
            !truth.allows(row[0].trim(), row[1].trim().trim_start_matches('+'), status)
        });
        lies.next().map(|(row, status)| format!("{row:?} is not {status}"))
    }
}

/// A journal that is written until the process dies.
struct Disk<'a> {
    journal: &'a mut Journal,
    path: &'a Path,
    death: Option<Death>,
    /// The sizes of the lines of each append.
    appends: Vec<Vec<usize>>,
}

impl Disk<'_> {
    /// Whether the process survives it.
    async fn append(&mut self, entries: &[Entry<'_>]) -> bool {
        if entries.is_empty() {
            return true;
        }
        tokio::time::sleep(SYNC).await;
        let lines: Vec<Vec<u8>> = entries.iter().map(line).collect();
        self.appends.push(lines.iter().map(Vec::len).collect());
        let Some(death) = self.death.filter(|death| death.append < self.appends.len()) else {
            self.journal.append(entries).expect("appends");
            return true;
        };
        let lines = lines.concat();
        let cut = match death.bytes {
            Cut::At(bytes) => bytes.min(lines.len()),
            Cut::Part(part) => lines.len() * usize::from(part) / 255,
        };
        let mut file = std::fs::OpenOptions::new().append(true).open(self.path).expect("opens");
        file.write_all(&lines[..cut]).expect("writes");
        false
    }

    /// Writes what the pool emits, and acknowledges it, until the pool ends or the process dies.
    async fn record(&mut self, mut inbox: Inbox) {
        while let Some(events) = inbox.try_take() {
            let entries: Vec<Entry<'_>> = events.iter().filter_map(|(_, event)| Entry::of(event)).collect();
            if entries.is_empty() {
                tokio::time::sleep(SYNC).await;
            } else if !self.append(&entries).await {
                return;
            }
            inbox.acknowledge();
        }
    }
}

fn line(entry: &Entry<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    entry.write_line(&mut line);
    line
}

fn wall() -> Timestamp {
    "2026-11-23T22:00:00Z".parse().expect("in range")
}
