//! A job from its first process to its last report, under a paused clock; processes die, and what they had not synced is
//! lost from a random byte on.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
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
use tokio::time::sleep;

use crate::case::{Case, End, LANES, Want, pick};
use crate::service::{Seen, Wire};

/// Longer than any job takes.
const BOUND: Duration = Duration::from_hours(24);

pub(crate) struct Job {
    pub(crate) case: Case,
    pub(crate) wire: Arc<Wire>,
    folder: TempDir,
    /// How much of the journal no crash can take.
    synced: u64,
    reruns: bool,
    pub(crate) done: Figures,
}

/// What a job did, or all of them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Figures {
    pub(crate) processes: u64,
    pub(crate) kills: u64,
    pub(crate) resumes: u64,
    pub(crate) lost_bytes: u64,
    pub(crate) stops: u64,
    pub(crate) reports: u64,
    pub(crate) reruns: u64,
    pub(crate) hours: f64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: &Self) {
        self.processes += other.processes;
        self.kills += other.kills;
        self.resumes += other.resumes;
        self.lost_bytes += other.lost_bytes;
        self.stops += other.stops;
        self.reports += other.reports;
        self.reruns += other.reruns;
        self.hours += other.hours;
    }
}

/// How a process ended.
enum Ended {
    Killed,
    Aborted,
    /// With its report, and without a stop in any lane.
    Finished {
        counts: Counts,
        is_complete: bool,
    },
}

impl Job {
    /// Needs tokio's clock.
    pub(crate) fn new(seed: u64) -> Self {
        let case = Case::new(seed);
        // In memory if there is a file system in memory: each process syncs many times.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        std::fs::write(folder.path().join("numbers.csv"), case.records.concat()).expect("writes");
        let wire = Wire::new(&case).into();
        Self { case, wire, folder, synced: 0, reruns: false, done: Figures::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the job and its reruns to their ends; `check` sees each report, and what its summary counts.
    pub(crate) async fn run(
        &mut self,
        mut check: impl FnMut(&mut Self, &[u8], Counts, bool),
    ) -> anyhow::Result<()> {
        for again in 0..=self.case.reruns {
            self.reruns = again > 0;
            self.done.reruns += u64::from(self.reruns);
            loop {
                let end = self.case.end();
                let resumes = self.path("report.csv.journal").exists();
                self.done.resumes += u64::from(resumes);
                self.done.processes += 1;
                let ended =
                    tokio::time::timeout(BOUND, self.process(end)).await.context("it never ends")??;
                let was_killed = match ended {
                    Ended::Killed => true,
                    Ended::Aborted => {
                        self.wire.watched().ended(false);
                        true
                    }
                    Ended::Finished { counts, is_complete } => {
                        self.done.reports += 1;
                        let report = std::fs::read(self.path("report.csv"))?;
                        self.wire.watched().ended(false);
                        check(self, &report, counts, is_complete);
                        self.wire.watched().seen.values_mut().for_each(|seen| seen.settled = false);
                        let was_killed = self.path("report.csv.journal").exists();
                        self.done.kills += u64::from(was_killed);
                        was_killed
                    }
                };
                if !was_killed {
                    break;
                }
                sleep(Duration::from_secs(self.case.rng.u64(..400))).await;
            }
        }
        self.done.hours = self.wire.elapsed().as_secs_f64() / 3600.0;
        Ok(())
    }

    async fn process(&mut self, end: Option<End>) -> anyhow::Result<Ended> {
        let report = ReportSettings {
            path: self.path("report.csv"),
            existing: if self.reruns { ExistingReport::Update } else { ExistingReport::Replace },
            unfinished: UnfinishedRun::Resume,
        };
        let journal_path = report.journal();
        let source = Source::open(&self.path(if self.reruns { "report.csv" } else { "numbers.csv" }))?;
        let input = Input::read(&source, &InputOptions::default())?;
        let rows = &input.rows;
        let existing = Existing::look(&report, &input, "soak".to_owned(), None, Vec::new())?;
        let in_doubt = existing.in_doubt(rows);
        let (batch_size, settings) = self.case.settings(self.wire.now());
        let plan = Plan::new(rows, |row| existing.is_outstanding(row), batch_size);
        if !journal_path.exists() {
            self.synced = 0;
        }
        let (mut journal, copy) = existing.begin(Session::at(self.wire.now()), &source)?;

        let (wire, rng, wants) = (Arc::clone(&self.wire), self.case.rng.fork(), &self.case.wants);
        let mut disk = Disk { journal: &mut journal, wire: &wire, wants, rng, group: Vec::new() };
        let ends = live(&wire, &input, &plan, &in_doubt, &settings, end, &mut disk).await?;
        let (group, synced) = (std::mem::take(&mut disk.group), journal.synced());
        self.synced = self.synced.max(synced);
        let Some(ends) = ends else {
            drop(journal);
            self.die(&journal_path, &group)?;
            return Ok(Ended::Killed);
        };
        let stops = || ends.iter().filter_map(|end| end.stop.as_ref());
        self.done.stops += u64::from(stops().next().is_some());
        if stops().any(|stop| stop.reason.is_abort()) {
            return Ok(Ended::Aborted);
        }
        let kept = ["report.csv.journal", "report.csv.journal.input"]
            .map(|name| (self.path(name), self.path(&format!("{name}.kept"))));
        let is_killed = matches!(end, Some(End::KilledAfterReport));
        if is_killed {
            kept.iter().try_for_each(|(path, kept)| std::fs::hard_link(path, kept))?;
        }
        let stop_of = |row| ends.get(rows.lane_of(row)?.index())?.stop.as_ref();
        let unsent = |row| Unsent { selection: None, stop: stop_of(row) };
        let counted = finish(journal, &report.path, &copy, &input, Places::default(), unsent)?;
        if is_killed {
            kept.iter().try_for_each(|(path, kept)| std::fs::rename(kept, path))?;
        }
        Ok(Ended::Finished { counts: counted.rows, is_complete: stops().next().is_none() })
    }

    /// Loses what is not synced, from a random byte on. `group` was being written.
    fn die(&mut self, journal: &Path, group: &[u8]) -> anyhow::Result<()> {
        self.done.kills += 1;
        self.wire.watched().ended(true);
        let mut file = OpenOptions::new().append(true).open(journal)?;
        file.write_all(group)?;
        let length = file.metadata()?.len();
        let cut = self.case.rng.u64(self.synced..=length);
        self.done.lost_bytes += length - cut;
        Ok(file.set_len(cut)?)
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
    let lane_of = |row| rows.lane_of(row);
    let lanes = plan.batches_of_lanes(rows).into_iter().enumerate().map(|(at, batches)| {
        let own = rows.ids().filter_map(lane_of).find(|lane| lane.index() == at).unwrap_or_default();
        let name = rows.lanes().nth(at).unwrap_or_default();
        let lane = LANES.iter().position(|lane| *lane == (name.who, name.region)).unwrap_or(0);
        let now = tokio::time::Instant::now().into_std();
        let dispatcher = Dispatcher::new(rows, batches, in_doubt, settings, outbox.of_lane(own), now);
        let submit = move |submission| {
            let wire = Arc::clone(wire);
            async move { wire.submit(lane, submission).await }
        };
        let renew = move || std::future::ready(wire.renew());
        let (stop, stopped) = (&stop, stopped.clone());
        async move {
            let end = pool::run(dispatcher, submit, renew, stopped, || wire.now()).await;
            if end.stop.as_ref().is_some_and(|stop| stop.reason == StopReason::TooManyFailures) {
                stop.send_replace(Some(StopReason::TooManyFailures)); // the limit is that of all lanes
            }
            end
        }
    });
    let lanes: Vec<_> = lanes.collect();
    drop(outbox);
    let disturb = async {
        match end {
            Some(End::KilledAt(at)) => return sleep(at).await,
            Some(End::Stopped(at, reason)) => {
                sleep(at).await;
                stop.send_replace(Some(reason));
            }
            _ => {}
        }
        std::future::pending().await
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
        () = disturb => Ok(None),
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
                rest = (2 * rest).min(200);
                continue;
            }
            rest = 1;
            self.group.clear();
            group
                .iter()
                .filter_map(|(_, event)| Entry::of(event))
                .for_each(|entry| entry.write_line(&mut self.group));
            self.watch(&group, false);
            sleep(Duration::from_millis(*pick(&mut self.rng, &[1, 3, 20, 100]))).await;
            if !self.group.is_empty() {
                if dies_at == Some(groups) {
                    return Ok(false);
                }
                groups += 1;
            }
            self.group.clear();
            let note = || Some(Entry::State { is: State::Paced, at: self.wire.now() });
            self.journal.record_group(&inbox, &group, |_| note().filter(|_| self.rng.u32(..4) == 0))?;
            self.watch(&group, true);
        }
        Ok(true)
    }

    fn watch(&self, group: &[OfLane], is_synced: bool) {
        let mut watched = self.wire.watched();
        let mut each = |rows: &[RowId], change: fn(&mut Seen)| {
            for row in rows {
                if let Some(Want::Send(key)) = self.wants.get(row.get() as usize) {
                    watched.seen.get_mut(key).into_iter().for_each(change);
                }
            }
        };
        for (_, event) in group {
            match event {
                Event::Intent { rows } if !is_synced => each(rows, |seen| seen.is_intended = true),
                Event::Released { rows } if is_synced => each(rows, |seen| seen.is_intended = false),
                Event::Settled(settlement) if is_synced => each(&settlement.rows, |seen| {
                    (seen.is_intended, seen.settled) = (false, true);
                }),
                _ => {}
            }
        }
    }
}
