//! Finishes a run: folds the journal into the report, puts the report in place, then removes the journal.
//!
//! In this order, so that a crash at any moment leaves the journal, or the report, or both. Must not decide what a
//! row's status is.

use std::path::Path;

use crate::files::{self, Digesting};
use crate::input::{Input, RowId, Source};
use crate::journal::entry::Entry;
use crate::journal::history::History;
use crate::journal::writer::Journal;
use crate::report::reconcile::{self, Unsent};
use crate::report::summary::Counted;
use crate::report::{self, Places};

/// Writes the report, removes the journal, and counts the report's rows.
///
/// # Errors
/// If the report cannot be written or the journal cannot be read.
pub fn finish<'a>(
    mut journal: Journal,
    report: &Path,
    source: &Source,
    input: &Input,
    places: Places<'_>,
    unsent: impl Fn(RowId) -> Unsent<'a>,
) -> anyhow::Result<Counted> {
    let history = journal.history(input.rows.len())?;
    let counted =
        files::replace(report, |file| write(file, &mut journal, &history, source, input, places, unsent))?;
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
fn write<'a>(
    file: &mut std::fs::File,
    journal: &mut Journal,
    history: &History,
    source: &Source,
    input: &Input,
    places: Places<'_>,
    unsent: impl Fn(RowId) -> Unsent<'a>,
) -> Result<Counted, Box<dyn std::error::Error + Send + Sync>> {
    let mut counted = Counted::default();
    let mut out = Digesting::new(file);
    let places = Places { looked: history.has_looked(), ..places };
    let result_of = |row| reconcile::result_of(history, row, unsent(row));
    report::write(&mut out, source, input, &places, result_of, |row| counted.add_written(&row, input))?;
    journal.append(&[Entry::Reported { xxh3: out.digest.finish().into_string().into() }])?;
    Ok(counted)
}
