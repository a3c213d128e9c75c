//! What is there already for a job: a report, or the journal of a run that was cut short.
//!
//! Nothing is overwritten that is not ours, and a run that was cut short is neither discarded nor resumed unasked.
//! Must not send anything.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::HumanCount;
use jiff::Timestamp;

use crate::files::Digest;
use crate::hint::Hinted;
use crate::input::Status;
use crate::input::{Input, InputOptions, RowFlags, RowId, Rows, Source, Standing};
use crate::journal::entry::{Entry, Header};
use crate::journal::history::{History, Replayed};
use crate::journal::writer::Journal;
use crate::report;

/// Where the report goes, and what may be done about what is there already.
#[derive(Debug, Clone)]
pub struct ReportSettings {
    /// The report.
    pub path: PathBuf,
    /// What to do about a report.
    pub existing: ExistingReport,
    /// What to do about the journal of a run that was cut short.
    pub unfinished: UnfinishedRun,
}

impl ReportSettings {
    /// The journal of this report.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".journal");
        path.into()
    }
}

/// What may be done about a report that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingReport {
    /// Nothing: it is somebody's result.
    Keep,
    /// It may be replaced, if it is a report.
    Replace,
    /// It is the input, and is brought up to date.
    Update,
}

/// What to do with the journal of a run that was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfinishedRun {
    /// Say what it is, and do nothing.
    Ask,
    /// Go on from it.
    Resume,
    /// Delete it.
    Discard,
}

/// What a job starts from: nothing, or a run that was cut short.
#[derive(Debug)]
pub struct Existing {
    header: Header,
    path: PathBuf,
    unfinished: Option<(Journal, History)>,
}

/// Refuses to take a rehearsal's successes for removed numbers: they would stay where they are, and nobody would know.
///
/// # Errors
/// If a row of the report `source` succeeded on the simulator.
pub fn check_not_rehearsed(source: &Source, options: &InputOptions) -> anyhow::Result<()> {
    let mut rows = 0;
    report::read(source, options, |row| {
        rows += u64::from(row.status == Some(Status::Succeeded) && row.is_simulated());
    })?;
    match rows {
        0 => Ok(()),
        rows => bail!(Hinted::new(
            format!(
                "`{}` is the report of a rehearsal: {} of its rows succeeded on the simulator, and nowhere else",
                source.name(),
                HumanCount(rows)
            ),
            "`run` the file that was rehearsed, or rehearse again with --simulate"
        )),
    }
}

impl Existing {
    /// Looks at what is there. `target`: where the numbers are to be removed, in words.
    ///
    /// # Errors
    /// If something is there that the settings do not say what to do about.
    pub fn look(settings: &ReportSettings, input: &Input, target: &str) -> anyhow::Result<Self> {
        let header = Header::new(input.digest.to_string(), input.rows.len(), target.to_owned());
        let path = settings.journal();
        let mut existing = Self { header, path, unfinished: None };
        if let Some((journal, replayed)) = Journal::open(&existing.path)? {
            existing.unfinished = existing.judge(settings, journal, replayed)?;
        }
        if existing.unfinished.is_none() {
            check_report(settings)?;
        }
        Ok(existing)
    }

    /// The journal, if it is to be resumed. It is removed if there is nothing in it to keep.
    fn judge(
        &self,
        settings: &ReportSettings,
        journal: Journal,
        replayed: Replayed,
    ) -> anyhow::Result<Option<(Journal, History)>> {
        let Some(history) = replayed.history else {
            journal.remove()?; // not even its header was complete: nothing had been sent
            return Ok(None);
        };
        let same_input =
            (&history.header.input_xxh3, history.header.rows) == (&self.header.input_xxh3, self.header.rows);
        // A report that is complete can be written again, and rows that it left out be sent; but not if it has taken
        // the place of its own input.
        let goes_on = settings.unfinished == UnfinishedRun::Resume && same_input;
        if settings.unfinished == UnfinishedRun::Discard || !goes_on && is_complete(&history, &settings.path)?
        {
            journal.remove()?;
            return Ok(None);
        }
        let (own, settled) = (self.path.display(), HumanCount(history.settled()));
        if settings.unfinished == UnfinishedRun::Ask {
            let begun = history.begun.map(|begun| format!(", begun {begun:.0},")).unwrap_or_default();
            bail!(Hinted::new(
                format!(
                    "a run of this job{begun} was cut short: {settled} of {} rows are settled and kept in `{own}`",
                    HumanCount(history.header.rows.into())
                ),
                "--resume goes on with the rest; --discard forgets what was done"
            ));
        }
        if !same_input {
            bail!(Hinted::new(
                format!("the input has changed since the run that `{own}` is about"),
                format!("restore the input and --resume, or --discard to forget {settled} settled rows")
            ));
        }
        if history.header.target != self.header.target {
            bail!(Hinted::new(
                format!(
                    "the run that `{own}` is about worked on {}, and this one would on {}",
                    history.header.target, self.header.target
                ),
                "name the same endpoint and region, or --discard to forget that run"
            ));
        }
        Ok(Some((journal, history)))
    }

    /// Whether the row, if it can be sent at all, is not settled yet.
    #[must_use]
    pub fn is_outstanding(&self, row: RowId) -> bool {
        self.unfinished.as_ref().is_none_or(|(_, history)| history.outcome(row).is_none())
    }

    /// The rows of which an attempt of an earlier run may have worked.
    #[must_use]
    pub fn in_doubt(&self, rows: &Rows) -> RowFlags {
        let mut flags = RowFlags::default();
        for row in rows.ids() {
            let unanswered = matches!(rows.standing(row), Standing::Pending { unanswered: true });
            if unanswered || self.unfinished.as_ref().is_some_and(|(_, history)| history.is_in_doubt(row)) {
                flags.set(row);
            }
        }
        flags
    }

    /// Rows that were settled before.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.unfinished.as_ref().map_or(0, |(_, history)| history.settled())
    }

    /// Begins: from here on the job is recorded.
    ///
    /// # Errors
    /// If the journal cannot be created or written.
    pub fn begin(self, at: Timestamp) -> anyhow::Result<Journal> {
        let session = Entry::Session { at };
        let Some((mut journal, _)) = self.unfinished else {
            return Ok(Journal::create(&self.path, &[Entry::Header(self.header), session])?);
        };
        journal.note(&[session])?;
        Ok(journal)
    }
}

/// A report may be replaced only if the settings say so, and another file never.
fn check_report(settings: &ReportSettings) -> anyhow::Result<()> {
    let (path, shown) = (&settings.path, settings.path.display());
    let looked = || format!("cannot look at `{shown}`");
    if settings.existing == ExistingReport::Update || !path.try_exists().with_context(looked)? {
        return Ok(());
    }
    if path.is_dir() {
        bail!(Hinted::new(format!("the report `{shown}` is a directory"), "--output names a file in it"));
    }
    if !report::is_report(path).with_context(looked)? {
        bail!(Hinted::new(
            format!("`{shown}` is no report of chime-sweep, and is not overwritten"),
            "--output names another file"
        ));
    }
    if settings.existing == ExistingReport::Keep {
        bail!(Hinted::new(
            format!("the report `{shown}` is there already"),
            format!(
                "`chime-sweep rerun {shown}` tries its failed rows again; --output names another file; \
                 --overwrite replaces it"
            )
        ));
    }
    Ok(())
}

/// Whether the report is in its place, and only the journal's removal was left to do.
fn is_complete(history: &History, report: &Path) -> anyhow::Result<bool> {
    let Some(expected) = &history.reported else { return Ok(false) };
    match File::open(report).and_then(Digest::of) {
        Ok(digest) => Ok(*digest == **expected),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot look at `{}`", report.display())),
    }
}
