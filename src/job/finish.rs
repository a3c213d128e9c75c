//! Finishes a run: folds the journal into the report, puts the report in place, then removes the journal.
//!
//! In this order, so that a crash at any moment leaves the journal, or the report, or both. Must not decide what a
//! row's status is.

use std::path::Path;

use crate::files::{self, Digesting};
use crate::input::{Input, Source};
use crate::journal::entry::Entry;
use crate::journal::history::History;
use crate::journal::writer::Journal;
use crate::report::reconcile::{self, Unsent};
use crate::report::summary::Counted;
use crate::report::{self, Place};

/// Writes the report, removes the journal, and counts the report's rows.
///
/// # Errors
/// If the report cannot be written or the journal cannot be read.
pub fn finish(
    mut journal: Journal,
    report: &Path,
    source: &Source,
    input: &Input,
    place: Place<'_>,
    unsent: Unsent<'_>,
) -> anyhow::Result<Counted> {
    let history = journal.history(input.rows.len())?;
    let counted =
        files::replace(report, |file| write(file, &mut journal, &history, source, input, place, unsent))?;
    if let Err(error) = journal.remove() {
        // The report is complete and the journal says so: the next run removes the journal.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the report is complete, but its journal could not be removed"
        );
    }
    Ok(counted)
}

/// Records the report's hash in the journal before the report is put in place: if the process crashes between that and
/// the removal of the journal, the journal says that nothing is left to do. The entry has no effect until a report with
/// this hash is synced and in place.
fn write(
    file: &mut std::fs::File,
    journal: &mut Journal,
    history: &History,
    source: &Source,
    input: &Input,
    place: Place<'_>,
    unsent: Unsent<'_>,
) -> Result<Counted, Box<dyn std::error::Error + Send + Sync>> {
    let mut counted = Counted::default();
    let mut out = Digesting::new(file);
    let place = Place { looked: history.has_looked(), ..place };
    let result_of = |row| reconcile::result_of(history, row, unsent);
    report::write(&mut out, source, input, place, result_of, |row| counted.add_written(&row, input))?;
    journal.append(&[Entry::Reported { xxh3: out.digest.finish().into_string().into() }])?;
    Ok(counted)
}
