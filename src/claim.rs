//! Whether the report is this run's to write: what is there already, and whose it is.
//!
//! Nothing is overwritten that is not ours, and a run that was cut short is neither forgotten nor taken up unasked.
//! Must not send anything.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::HumanCount;
use jiff::Timestamp;

use crate::digest::Digest;
use crate::hint::Hinted;
use crate::input::{Input, InputOptions, RowFlags, RowId, Rows, Source, Standing};
use crate::journal::entry::{Entry, Header};
use crate::journal::history::{History, Replayed};
use crate::journal::writer::{Journal, JournalError};
use crate::report;
use crate::settings::{ExistingReport, JobSettings, Leftover};
use crate::status::Status;

/// A claim on a report: a job that is new, or one that goes on.
#[derive(Debug)]
pub struct Claim {
    header: Header,
    path: PathBuf,
    leftover: Option<(Journal, History)>,
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

impl Claim {
    /// Looks at what is there for this job.
    ///
    /// # Errors
    /// If something is there that the settings do not say what to do about.
    pub fn of(settings: &JobSettings, input: &Input, target: &str) -> anyhow::Result<Self> {
        let digest = input.digest.to_string();
        let header = Header::new(digest, input.rows.len(), target.to_owned());
        let path = settings.journal();
        let mut claim = Self { header, path, leftover: None };
        if let Some((journal, replayed)) = Journal::open(&claim.path)? {
            claim.leftover = claim.consider(settings, journal, replayed)?;
        }
        if claim.leftover.is_none() {
            check_report(settings)?;
        }
        Ok(claim)
    }

    fn consider(
        &self,
        settings: &JobSettings,
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
        let goes_on = settings.leftover == Leftover::Resume && same_input;
        if settings.leftover == Leftover::Discard || !goes_on && is_complete(&history, &settings.report)? {
            journal.remove()?;
            return Ok(None);
        }
        let (own, settled) = (self.path.display(), HumanCount(history.settled()));
        if settings.leftover == Leftover::Ask {
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
        self.leftover.as_ref().is_none_or(|(_, history)| history.outcome(row).is_none())
    }

    /// The rows of which an attempt of an earlier run may have worked.
    #[must_use]
    pub fn in_doubt(&self, rows: &Rows) -> RowFlags {
        let mut flags = RowFlags::default();
        for row in rows.ids() {
            let unanswered = matches!(rows.standing(row), Standing::Pending { unanswered: true });
            if unanswered || self.leftover.as_ref().is_some_and(|(_, history)| history.is_in_doubt(row)) {
                flags.set(row);
            }
        }
        flags
    }

    /// Rows that were settled before.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.leftover.as_ref().map_or(0, |(_, history)| history.settled())
    }

    /// Begins: from here on the job is recorded.
    ///
    /// # Errors
    /// If the journal cannot be created or written.
    pub fn begin(self, at: Timestamp) -> Result<Journal, JournalError> {
        let session = Entry::Session { at };
        match self.leftover {
            None => Journal::create(&self.path, &[Entry::Header(self.header), session]),
            Some((mut journal, _)) => journal.note(&[session]).map(|()| journal),
        }
    }
}

/// A report may be replaced only if the settings say so, and another file never.
fn check_report(settings: &JobSettings) -> anyhow::Result<()> {
    let (path, shown) = (&settings.report, settings.report.display());
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
