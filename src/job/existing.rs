//! Checks for what an earlier run of a job left: a report, or the journal of a run that was cut short.
//!
//! Other files are never overwritten, and a run that was cut short is not discarded or resumed unless the user says so.
//! Must not send anything.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::HumanCount;

use super::same_job::{check_shard, differing};
use super::shell::quoted_path;
use crate::event::Outcome;
use crate::files::{self, Digest};
use crate::hint::Hinted;
use crate::input::{Input, LaneId, RowFlags, RowId, Rows, Source, Standing};
use crate::journal::copy;
use crate::journal::entry::{Entry, Header, LaneTarget, Session};
use crate::journal::history::{History, Replayed};
use crate::journal::writer::Journal;
use crate::plan::Choice;
use crate::report;
use crate::text::counted;

/// Where the report goes, and what to do with files that already exist.
#[derive(Debug, Clone)]
pub struct ReportSettings {
    /// The report.
    pub path: PathBuf,
    /// What to do with an existing report.
    pub existing: ExistingReport,
    /// What to do with the journal of a run that was cut short.
    pub unfinished: UnfinishedRun,
}

impl ReportSettings {
    /// The journal of this report.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        journal_of(&self.path)
    }

    /// The report, and what is beside it.
    #[must_use]
    pub(super) fn files(&self) -> [PathBuf; 3] {
        [self.path.clone(), self.journal(), self.input_copy()]
    }

    /// The run's own copy of its input.
    #[must_use]
    pub(super) fn input_copy(&self) -> PathBuf {
        copy::path_of(&self.journal())
    }
}

/// The journal of the run that is to write this report.
#[must_use]
pub(super) fn journal_of(report: &Path) -> PathBuf {
    files::beside(report, ".journal")
}

/// What to do with an existing report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingReport {
    /// Keep it, and do not run.
    Keep,
    /// Replace it, if it is a report.
    Replace,
    /// Update it: it is the input.
    Update,
}

/// What to do with the journal of a run that was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfinishedRun {
    /// Report it as an error, and do nothing.
    Ask,
    /// Continue from it.
    Resume,
    /// Delete it, once the user has consented.
    Discard,
    /// Continue from whatever is there: `continuing` decides what that means.
    Continue,
}

/// What a job starts from: nothing, or a run that was cut short.
#[derive(Debug)]
pub struct Existing {
    header: Header,
    path: PathBuf,
    /// The report, and what to do with an existing one.
    report: (PathBuf, ExistingReport),
    unfinished: Option<(Journal, History)>,
    /// A run that is to be forgotten.
    discarded: Option<(Journal, History)>,
}

/// What earlier runs tell about a run.
#[derive(Debug)]
pub(super) struct Earlier {
    /// The rows for which an attempt may have succeeded.
    pub(super) in_doubt: RowFlags,
    /// By the index of a lane, whether any row of it has succeeded.
    succeeded: Vec<bool>,
}

impl Earlier {
    /// Whether any row of the lane has succeeded.
    pub(super) fn has_succeeded(&self, lane: LaneId) -> bool {
        self.succeeded.get(lane.index()).is_some_and(|succeeded| *succeeded)
    }
}

impl Existing {
    /// Checks for an existing report and journal. `target` names the service in words, and `account_id` its account, if
    /// it is known.
    ///
    /// # Errors
    /// If a file exists and the settings do not say what to do with it.
    pub fn look(
        settings: &ReportSettings,
        input: &Input,
        target: String,
        account_id: Option<String>,
        lanes: Vec<LaneTarget>,
    ) -> anyhow::Result<Self> {
        let digest = input.digest.to_string();
        let action = input.layout.action;
        let mut header = Header::new(digest, input.rows.len(), target, account_id, action);
        header.lanes = lanes;
        header.shard = input.part.map(|part| part.shard.to_string());
        let path = settings.journal();
        files::check_regular("the journal", &path, "move it away, or name another report with --output")?;
        let report = (settings.path.clone(), settings.existing);
        let mut existing = Self { header, path, report, unfinished: None, discarded: None };
        if let Some((journal, replayed)) = Journal::open(&existing.path, input.rows.len())? {
            existing.judge(settings, journal, replayed)?;
        }
        if existing.unfinished.is_none() {
            check_report(settings)?;
        }
        Ok(existing)
    }

    /// Keeps the journal if it is to be resumed or discarded. Removes it if there is nothing in it to keep.
    fn judge(
        &mut self,
        settings: &ReportSettings,
        journal: Journal,
        replayed: Replayed,
    ) -> anyhow::Result<()> {
        let Some(history) = replayed.history else {
            return Ok(journal.remove()?); // not even its header was complete: nothing had been sent
        };
        let job =
            |header: &Header| (header.input_xxh3.clone(), header.rows, header.action, header.shard.clone());
        let same_input = job(&history.header) == job(&self.header);
        // A complete report can be written again, and the rows that it left out can be sent, unless it has replaced
        // its own input.
        let goes_on = settings.unfinished == UnfinishedRun::Resume && same_input;
        if !goes_on && is_complete(&history, &settings.path)? {
            return Ok(journal.remove()?);
        }
        if settings.unfinished == UnfinishedRun::Discard {
            self.discarded = Some((journal, history));
            return Ok(());
        }
        let (own, settled) = (self.path.display(), HumanCount(history.settled()));
        let (was, is) = (history.header.action, self.header.action);
        if was != is {
            bail!(Hinted::new(
                format!(
                    "the run recorded in `{own}` is to {} numbers, but this one would {} them",
                    was.verb(),
                    is.verb()
                ),
                format!("--output names another file; --discard drops {settled} settled rows of that run")
            ));
        }
        if settings.unfinished == UnfinishedRun::Ask {
            let begun = history.begun.map(|begun| format!(", started at {begun:.0},")).unwrap_or_default();
            bail!(Hinted::new(
                format!(
                    "a run of this job{begun} was cut short: {settled} of {} rows are settled and kept in `{own}`",
                    HumanCount(history.header.rows.into())
                ),
                "use --resume to continue it, or --discard to delete its journal"
            ));
        }
        check_shard(&self.path, &history.header, &self.header)?;
        if !same_input {
            let copy = settings.input_copy();
            let from = if copy.is_file() { format!(" from `{}`", copy.display()) } else { String::new() };
            bail!(Hinted::new(
                format!("the input has changed since the run recorded in `{own}`"),
                format!(
                    "restore the input{from} and use --resume, or use --discard to drop {settled} settled rows"
                )
            ));
        }
        if let Some((was, is)) = differing(&history.header, &self.header) {
            bail!(Hinted::new(
                format!("the run recorded in `{own}` used {was}, but this one would use {is}"),
                "use the same account, endpoint and region, or --discard to delete the journal of that run"
            ));
        }
        self.unfinished = Some((journal, history));
        Ok(())
    }

    /// What is forgotten if the run goes on, in words; `None` if nothing is. What a rehearsal has done is forgotten by
    /// another rehearsal without a word.
    #[must_use]
    pub(super) fn forgets(&self, is_simulated: bool) -> Option<String> {
        let (_, history) = self.discarded.as_ref()?;
        let is_rehearsal = is_simulated && history.header.target == self.header.target;
        let begun = history.begun.map(|begun| format!(" started at {begun:.0}")).unwrap_or_default();
        let doubts = match history.in_doubt() {
            0 => String::new(),
            doubts => format!(", and {} that may have been sent", counted(doubts, "row")),
        };
        let text = format!(
            "the only record of the run{begun} on {}: {} of {} are settled{doubts}",
            history.header.target,
            HumanCount(history.settled()),
            counted(history.header.rows.into(), "row"),
        );
        Some(text).filter(|_| !is_rehearsal)
    }

    /// Which rows are sent: as `typed`, or else those that the run that is resumed was to send. What was left out on
    /// purpose is not sent because a process was killed.
    #[must_use]
    pub(crate) fn choice(&self, typed: &Choice) -> Choice {
        let resumed = self.unfinished.as_ref().map(|(_, history)| &history.choice);
        resumed.filter(|_| typed.is_everything()).unwrap_or(typed).clone()
    }

    /// Whether the row, if it can be sent at all, is not settled yet.
    #[must_use]
    pub fn is_outstanding(&self, row: RowId) -> bool {
        self.unfinished.as_ref().is_none_or(|(_, history)| history.outcome(row).is_none())
    }

    /// What earlier runs tell about these rows; `other_target`: those in a report were elsewhere.
    #[must_use]
    pub(super) fn earlier(&self, rows: &Rows, other_target: bool) -> Earlier {
        let history = self.unfinished.as_ref().map(|(_, history)| history);
        let mut succeeded = vec![false; rows.lanes().len()];
        for row in rows.ids() {
            let of_history = || history.and_then(|history| Some(history.outcome(row)?.outcome));
            let of_report = rows.standing(row) == Standing::Finished && !other_target;
            if of_report || of_history() == Some(Outcome::Succeeded) {
                rows.lane_of(row).into_iter().for_each(|lane| succeeded[lane.index()] = true);
            }
        }
        Earlier { in_doubt: self.in_doubt(rows), succeeded }
    }

    /// The rows for which an attempt of an earlier run may have succeeded.
    #[must_use]
    pub fn in_doubt(&self, rows: &Rows) -> RowFlags {
        let mut flags = RowFlags::of_unanswered(rows);
        if let Some((_, history)) = &self.unfinished {
            rows.ids().filter(|row| history.is_in_doubt(*row)).for_each(|row| flags.set(row));
        }
        flags
    }

    /// How many numbers the run that is continued was to send when it began.
    #[must_use]
    pub(crate) fn numbers(&self) -> Option<u64> {
        self.unfinished.as_ref().and_then(|(_, history)| history.numbers)
    }

    /// The number of rows that an earlier run settled.
    #[must_use]
    pub(crate) fn settled(&self) -> u64 {
        self.unfinished.as_ref().map_or(0, |(_, history)| history.settled())
    }

    /// Starts the session: from here on, the job is recorded in the journal, and its input is the copy that is
    /// returned.
    ///
    /// # Errors
    /// If the journal or the copy cannot be created or written.
    pub fn begin(self, session: Session, source: &Source) -> anyhow::Result<(Journal, Source)> {
        if let Some((discarded, _)) = self.discarded {
            discarded.remove()?;
        }
        let (session, digest) = (Entry::Session(session), self.header.input_xxh3.clone());
        let keep = || copy::keep(&self.path, source, &digest).context("cannot keep a copy of the input");
        if let Some((mut journal, _)) = self.unfinished {
            let source = keep()?;
            journal.note(&[session])?;
            return Ok((journal, source));
        }
        let journal = Journal::create(&self.path, &[Entry::Header(self.header), session])?;
        match check_same(&self.report, &digest).and_then(|()| keep()) {
            Ok(source) => Ok((journal, source)),
            Err(error) => {
                journal.remove()?;
                Err(error)
            }
        }
    }
}

/// Checks, once this process alone has the journal, that no other has begun and ended since the report was looked at. One
/// that is the input has this `digest`.
fn check_same((report, existing): &(PathBuf, ExistingReport), digest: &str) -> anyhow::Result<()> {
    let is_same = match existing {
        ExistingReport::Keep => !report.exists(),
        ExistingReport::Replace => true,
        ExistingReport::Update => File::open(report).and_then(Digest::of).is_ok_and(|is| *is == *digest),
    };
    let shown = report.display();
    anyhow::ensure!(
        is_same,
        Hinted::new(
            format!("another process has written the report `{shown}` in the meantime"),
            "give the command again"
        )
    );
    Ok(())
}

/// Checks that the report may be written: a report is replaced only if the settings say so, any other file never.
///
/// # Errors
/// If it may not.
pub(super) fn check_report(settings: &ReportSettings) -> anyhow::Result<()> {
    let (path, shown) = (&settings.path, settings.path.display());
    let looked = || format!("cannot access `{shown}`");
    if settings.existing == ExistingReport::Update || !path.try_exists().with_context(looked)? {
        return Ok(());
    }
    if !report::is_report(path).with_context(looked)? {
        bail!(Hinted::new(
            format!("`{shown}` is not a chime-sweep report; it is not overwritten"),
            "--output names another file"
        ));
    }
    if settings.existing == ExistingReport::Keep {
        bail!(Hinted::new(
            format!("the report `{shown}` already exists"),
            format!(
                "`chime-sweep rerun {}` retries its failed rows; --output names another file; \
                 --overwrite replaces it",
                quoted_path(path)
            )
        ));
    }
    Ok(())
}

/// Whether the report is in place and only the journal had yet to be removed.
pub(super) fn is_complete(history: &History, report: &Path) -> anyhow::Result<bool> {
    let Some(expected) = &history.reported else { return Ok(false) };
    match File::open(report).and_then(Digest::of) {
        Ok(digest) => Ok(*digest == **expected),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot access `{}`", report.display())),
    }
}
