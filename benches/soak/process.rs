//! A job from its first process to its last report, under a paused clock. Processes die, and what they had not synced is
//! lost from a random byte on.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chime_sweep::event::{self, Event, Inbox, OfLane, State, StopReason};
use chime_sweep::input::{Input, InputOptions, RowFlags, RowId, Source};
use chime_sweep::job::existing::{Existing, ExistingReport, ReportSettings, UnfinishedRun};
use chime_sweep::job::finish::finish;
use chime_sweep::journal::entry::{Entry, Session};
use chime_sweep::journal::writer::Journal;
use chime_sweep::plan::Plan;
use chime_sweep::pool::{self, Dispatcher, PoolEnd, PoolSettings};
use chime_sweep::report::Places;
use chime_sweep::report::reconcile::Unsent;
use chime_sweep::report::summary::Counts;
use fastrand::Rng;
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::case::{Case, End, LANES, Want, pick};
use crate::service::{Seen, Wire};

/// No process takes longer: the slowest service, one number and request at a time, needs two days.
const BOUND: Duration = Duration::from_hours(30 * 24);

pub(crate) struct Job {
    pub(crate) case: Case,
    pub(crate) wire: Arc<Wire>,
    folder: TempDir,
    /// How much of the journal a crash cannot take.
    synced: u64,
    is_rerun: bool,
    /// What was done, and how often.
    pub(crate) figures: BTreeMap<&'static str, u64>,
}

/// How a process ended.
enum Ended {
    Killed,
    Aborted,
    /// With its report, these counts, and whether nothing stopped it.
    Finished(Counts, bool),
}

impl Job {
    /// Needs tokio's clock.
    pub(crate) fn new(seed: u64) -> Self {
        let case = Case::new(seed);
        // In memory if there is a file system in memory: each process syncs many times.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        std::fs::write(folder.path().join("numbers.csv"), case.records.concat()).unwrap();
        let wire = Arc::new(Wire::new(&case));
        Self { case, wire, folder, synced: 0, is_rerun: false, figures: BTreeMap::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn count(&mut self, what: &'static str, times: u64) {
        *self.figures.entry(what).or_default() += times;
    }

    /// Runs the job and its reruns; `check` sees each report, what the summary counts, and whether nothing stopped it.
    pub(crate) async fn run(
        &mut self,
        mut check: impl FnMut(&mut Self, &[u8], Counts, bool),
    ) -> anyhow::Result<()> {
        for again in 0..=self.case.reruns {
            self.is_rerun = again > 0;
            self.count("reruns", u64::from(self.is_rerun));
            loop {
                self.count("processes", 1);
                self.count("resumes", u64::from(self.path("report.csv.journal").exists()));
                let end = self.case.end();
                let ended = timeout(BOUND, self.process(end)).await.context("it never ends")??;
                match ended {
                    Ended::Finished(counts, is_complete) => {
                        self.count("reports", 1);
                        check(self, &std::fs::read(self.path("report.csv"))?, counts, is_complete);
                        self.wire.watched().seen.values_mut().for_each(|seen| seen.settled = false);
                    }
                    ended => self.wire.watched().ended(matches!(ended, Ended::Killed)),
                }
                if !self.path("report.csv.journal").exists() {
                    break;
                }
                sleep(Duration::from_secs(self.case.rng.u64(..400))).await;
            }
        }
        Ok(())
    }

    async fn process(&mut self, end: Option<End>) -> anyhow::Result<Ended> {
        let report = ReportSettings {
            path: self.path("report.csv"),
            existing: if self.is_rerun { ExistingReport::Update } else { ExistingReport::Replace },
            unfinished: UnfinishedRun::Resume,
        };
        let source = Source::open(&self.path(if self.is_rerun { "report.csv" } else { "numbers.csv" }))?;
        let input = Input::read(&source, &InputOptions::default())?;
        let existing = Existing::look(&report, &input, "soak".to_owned(), None, Vec::new())?;
        let in_doubt = existing.in_doubt(&input.rows);
        let (settings, batch_size) = self.case.settings(self.wire.now());
        let plan = Plan::new(&input.rows, |row| existing.is_outstanding(row), batch_size);
        let path = report.journal();
        self.synced = if path.exists() { self.synced } else { 0 };
        let (mut journal, copy) = existing.begin(Session::at(self.wire.now()), &source)?;

        let rng = self.case.rng.fork();
        let mut disk =
            Disk { journal: &mut journal, wire: &self.wire, wants: &self.case.wants, rng, group: Vec::new() };
        let ends = live(&self.wire, &input, &plan, &in_doubt, &settings, end, &mut disk).await?;
        let group = disk.group;
        self.synced = self.synced.max(journal.synced());
        let Some(ends) = ends else {
            let mut file = OpenOptions::new().append(true).open(path)?;
            file.write_all(&group)?;
            let length = file.metadata()?.len();
            let cut = self.case.rng.u64(self.synced..=length);
            file.set_len(cut)?;
            self.count("kills", 1);
            self.count("lost bytes", length - cut);
            return Ok(Ended::Killed);
        };
        let stop = ends.iter().filter_map(|end| end.stop.as_ref()).max_by_key(|stop| stop.reason);
        self.count("early stops", u64::from(stop.is_some()));
        if stop.is_some_and(|stop| stop.reason.is_abort()) {
            return Ok(Ended::Aborted);
        }
        let files = ["report.csv.journal", "report.csv.journal.input"].map(|name| self.path(name));
        let kept = |path: &PathBuf| path.with_extension("kept");
        let dies = matches!(end, Some(End::KilledAfterReport));
        if dies {
            files.iter().try_for_each(|path| std::fs::hard_link(path, kept(path)))?;
            self.count("kills", 1);
        }
        let stop_of = |row| ends.get(input.rows.lane_of(row)?.index())?.stop.as_ref();
        let unsent = |row| Unsent { selection: None, stop: stop_of(row) };
        let counted = finish(journal, &report.path, &copy, &input, Places::default(), unsent)?;
        if dies {
            files.iter().try_for_each(|path| std::fs::rename(kept(path), path))?;
        }
        Ok(Ended::Finished(counted.rows, stop.is_none()))
    }
}

/// Runs the pool of each lane and records its events. `None` if the process is killed.
async fn live(
    wire: &Arc<Wire>,
    input: &Input,
    plan: &Plan,
    in_doubt: &RowFlags,
    settings: &PoolSettings,
    end: Option<End>,
    disk: &mut Disk<'_>,
) -> anyhow::Result<Option<Vec<PoolEnd>>> {
    let rows = &input.rows;
    let (outbox, inbox) = event::channel();
    let (stop, stopped) = watch::channel(None);
    let stop = &stop;
    let lanes = plan.batches_of_lanes(rows).into_iter().enumerate().map(|(at, batches)| {
        let own = rows.ids().filter_map(|row| rows.lane_of(row)).find(|lane| lane.index() == at);
        let name = rows.lanes().nth(at).unwrap_or_default();
        let lane = LANES.iter().position(|lane| *lane == (name.who, name.region)).unwrap_or(0);
        let (outbox, now) = (outbox.of_lane(own.unwrap_or_default()), Instant::now().into_std());
        let dispatcher = Dispatcher::new(rows, batches, in_doubt, settings, outbox, now);
        let submit = move |submission| {
            let wire = Arc::clone(wire);
            async move { wire.submit(lane, submission).await }
        };
        let stopped = stopped.clone();
        async move {
            let renew = || std::future::ready(wire.renew());
            let end = pool::run(dispatcher, submit, renew, stopped, || wire.now()).await;
            if end.stop.as_ref().is_some_and(|stop| stop.reason == StopReason::TooManyFailures) {
                stop.send_replace(Some(StopReason::TooManyFailures)); // the limit is that of all lanes
            }
            end
        }
    });
    let lanes: Vec<_> = lanes.collect();
    drop(outbox);
    let killed = async {
        match end {
            Some(End::KilledAt(at)) => return sleep(at).await,
            Some(End::Stopped(at, reason)) => {
                sleep(at).await;
                stop.send_replace(Some(reason));
            }
            _ => {}
        }
        std::future::pending::<()>().await;
    };
    let dies_at = if let Some(End::KilledWriting(at)) = end { Some(at) } else { None };
    let work = async {
        let mut recorded = std::pin::pin!(disk.record(inbox, dies_at));
        tokio::select! {
            biased;
            recorded = &mut recorded => recorded.map(|_| None),
            ends = join_all(lanes) => recorded.await.map(|survives| survives.then_some(ends)),
        }
    };
    tokio::select! {
        biased;
        () = killed => Ok(None),
        ends = work => ends,
    }
}

/// The journal, which takes its time.
struct Disk<'a> {
    journal: &'a mut Journal,
    wire: &'a Wire,
    wants: &'a [Want],
    rng: Rng,
    /// The lines that are being written.
    group: Vec<u8>,
}

impl Disk<'_> {
    /// Records what the pools emit until they end. `false` if the process dies while it writes the group `dies_at`.
    async fn record(&mut self, mut inbox: Inbox, dies_at: Option<u32>) -> anyhow::Result<bool> {
        let (mut groups, mut rest) = (0, 1);
        while let Some(group) = inbox.try_take() {
            if group.is_empty() {
                sleep(Duration::from_millis(rest)).await;
                rest = (2 * rest).min(1_000);
                continue;
            }
            let entries = group.iter().filter_map(|(_, event)| Entry::of(event));
            entries.for_each(|entry| entry.write_line(&mut self.group));
            self.watch(&group, false);
            sleep(Duration::from_millis(*pick(&mut self.rng, &[1, 3, 20, 100]))).await;
            if !self.group.is_empty() {
                if dies_at == Some(groups) {
                    return Ok(false);
                }
                groups += 1;
            }
            self.group.clear();
            let note = Entry::State { is: State::Paced, at: self.wire.now() };
            let note = Some(note).filter(|_| self.rng.u32(..4) == 0);
            self.journal.record_group(&inbox, &group, |_| note)?;
            self.watch(&group, true);
            rest = 1;
        }
        Ok(true)
    }

    fn watch(&self, group: &[OfLane], is_recorded: bool) {
        let mut watched = self.wire.watched();
        let mut each = |rows: &[RowId], change: fn(&mut Seen)| {
            for row in rows {
                if let Some(Want::Send(key)) = self.wants.get(row.get() as usize) {
                    watched.seen.get_mut(key).into_iter().for_each(change);
                }
            }
        };
        for (_, event) in group {
            match (is_recorded, event) {
                (false, Event::Intent { rows }) => each(rows, |seen| seen.is_intended = true),
                (true, Event::Released { rows }) => each(rows, |seen| seen.is_intended = false),
                (true, Event::Settled(settlement)) => {
                    each(&settlement.rows, |seen| (seen.is_intended, seen.settled) = (false, true));
                }
                _ => {}
            }
        }
    }
}
