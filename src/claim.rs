//! Whether the report is this run's to write: what is there already, and whose it is.
//!
//! Nothing is overwritten that is not ours, and a run that was cut short is neither forgotten nor taken up unasked.
//! Must not send anything.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::HumanCount;
use jiff::Timestamp;

use crate::digest::Digest;
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

/// Why the report is not this run's to write.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// A report is there.
    #[error(
        "the report `{}` is there already\n\
         hint: `chime-sweep rerun {}` tries its failed rows again; --output names another file; --overwrite replaces it",
        .0.display(), .0.display()
    )]
    ReportExists(PathBuf),
    /// A file is there that is no report.
    #[error("`{}` is no report of chime-sweep, and is not overwritten\nhint: --output names another file", .0.display())]
    NotAReport(PathBuf),
    /// A folder is there.
    #[error("the report `{}` is a directory\nhint: --output names a file in it", .0.display())]
    Directory(PathBuf),
    /// It cannot be found out what is there.
    #[error("cannot look at `{}`", .path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A run was cut short.
    #[error(
        "a run of this job{} was cut short: {} of {} rows are settled and kept in `{}`\n\
         hint: --resume goes on with the rest; --discard forgets what was done",
        since(*begun), HumanCount(*settled), HumanCount(*rows), journal.display()
    )]
    CutShort {
        /// Its journal.
        journal: PathBuf,
        /// Rows that it settled.
        settled: u64,
        /// The input's rows.
        rows: u64,
        /// When it began.
        begun: Option<Timestamp>,
    },
    /// The journal is about other rows.
    #[error(
        "the input has changed since the run that `{}` is about\n\
         hint: restore the input and --resume, or --discard to forget {} settled rows", journal.display(), HumanCount(*settled)
    )]
    InputChanged {
        /// The journal.
        journal: PathBuf,
        /// Rows that it settled.
        settled: u64,
    },
    /// The journal is about another service.
    #[error(
        "the run that `{}` is about worked on {theirs}, and this one would on {ours}\n\
         hint: name the same endpoint and region, or --discard to forget that run", journal.display()
    )]
    OtherTarget {
        /// The journal.
        journal: PathBuf,
        /// Its target.
        theirs: String,
        /// This run's.
        ours: String,
    },
    /// The input is the report of a rehearsal, and this is no rehearsal.
    #[error(
        "`{input}` is the report of a rehearsal: {} of its rows succeeded on the simulator, and nowhere else\n\
         hint: `run` the file that was rehearsed, or rehearse again with --simulate", HumanCount(*rows)
    )]
    Rehearsed {
        /// The input.
        input: String,
        /// Its rows that are not done in truth.
        rows: u64,
    },
    /// The input cannot be read once more.
    #[error(transparent)]
    Input(#[from] report::ReadError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn since(begun: Option<Timestamp>) -> String {
    begun.map(|begun| format!(", begun {begun:.0},")).unwrap_or_default()
}

/// Refuses to take a rehearsal's successes for removed numbers: they would stay where they are, and nobody would know.
///
/// # Errors
/// If a row of the report `source` succeeded on the simulator.
pub fn check_not_rehearsed(source: &Source, options: &InputOptions) -> Result<(), ClaimError> {
    let mut rows = 0;
    report::read(source, options, |row| {
        rows += u64::from(row.status == Some(Status::Succeeded) && row.is_simulated());
    })?;
    match rows {
        0 => Ok(()),
        rows => Err(ClaimError::Rehearsed { input: source.name().to_owned(), rows }),
    }
}

impl Claim {
    /// Looks at what is there for this job.
    ///
    /// # Errors
    /// If something is there that the settings do not say what to do about.
    pub fn of(settings: &JobSettings, input: &Input, target: &str) -> Result<Self, ClaimError> {
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
    ) -> Result<Option<(Journal, History)>, ClaimError> {
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
        let (journal_path, settled, rows) =
            (self.path.clone(), history.settled(), history.header.rows.into());
        if settings.leftover == Leftover::Ask {
            return Err(ClaimError::CutShort { journal: journal_path, settled, rows, begun: history.begun });
        }
        if !same_input {
            return Err(ClaimError::InputChanged { journal: journal_path, settled });
        }
        if history.header.target != self.header.target {
            let (theirs, ours) = (history.header.target, self.header.target.clone());
            return Err(ClaimError::OtherTarget { journal: journal_path, theirs, ours });
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
fn check_report(settings: &JobSettings) -> Result<(), ClaimError> {
    let path = &settings.report;
    if settings.existing == ExistingReport::Update || !path.try_exists().map_err(unreadable(path))? {
        return Ok(());
    }
    if path.is_dir() {
        return Err(ClaimError::Directory(path.clone()));
    }
    if !report::is_report(path).map_err(unreadable(path))? {
        return Err(ClaimError::NotAReport(path.clone()));
    }
    match settings.existing {
        ExistingReport::Keep => Err(ClaimError::ReportExists(path.clone())),
        ExistingReport::Replace | ExistingReport::Update => Ok(()),
    }
}

/// Whether the report is in its place, and only the journal's removal was left to do.
fn is_complete(history: &History, report: &Path) -> Result<bool, ClaimError> {
    let Some(expected) = &history.reported else { return Ok(false) };
    match File::open(report).and_then(Digest::of) {
        Ok(digest) => Ok(*digest == **expected),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(report)(error)),
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ClaimError {
    let path = path.to_owned();
    move |source| ClaimError::Unreadable { path, source }
}
