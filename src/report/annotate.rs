//! A report → the same report with what the service was seen to have, and with the `unknown` rows settled by that.
//!
//! Must not change anything else in it: every other byte is as it was.

use std::borrow::Cow;
use std::io::{BufWriter, Write};

use jiff::Timestamp;

use super::cell::armed;
use super::seen::Seen;
use super::write::{Cells, Lines, ReportError};
use crate::input::{Column, Input, Records, RowId, Source, Standing};

/// Writes the report `input`, which was read from `source`, with what was `seen` of its rows `at` that time.
///
/// # Errors
/// If the source cannot be read or is no longer the same, or `out` cannot be written. What is in `out` then is not
/// a report.
pub fn annotate(
    out: impl Write,
    source: &Source,
    input: &Input,
    at: Timestamp,
    seen: impl Fn(RowId) -> Option<Seen>,
) -> Result<(), ReportError> {
    let changed = || ReportError::Changed { name: source.name().into() };
    let layout = &input.layout;
    let mut lines = Lines::new(BufWriter::new(out), layout, true);
    let mut records = Records::open(source, layout.dialect)?;
    let at = format!("{at:.0}");

    lines.out.write_all(records.preamble())?;
    let header = records.next()?.ok_or_else(changed)?;
    let names = Column::ALL.map(|column| column.name().as_bytes().into());
    lines.write(&header, layout.prior(header.fields).as_ref(), &names)?;
    let mut ids = input.rows.ids();
    while let Some(record) = records.next()? {
        let row = ids.next().ok_or_else(changed)?;
        let prior = layout.prior(record.fields);
        let mut cells = prior
            .as_ref()
            .map_or_else(Cells::default, |prior| Column::ALL.map(|column| prior.cell(column).into()));
        let seen = seen(row).filter(|_| input.rows.standing(row) != Standing::Ignored);
        if let Some(Seen { word, settles, .. }) = &seen {
            let mut set = |column: Column, cell: Cow<'_, str>| {
                cells[column as usize] = cell.into_owned().into_bytes().into();
            };
            set(Column::Verified, (*word).into());
            set(Column::VerifiedAt, at.as_str().into());
            if let Some((status, code, message)) = settles {
                set(Column::Status, status.as_str().into());
                set(Column::ErrorCode, (*code).into());
                set(Column::ErrorMessage, armed(message));
                set(Column::CompletedAt, at.as_str().into());
            }
        }
        lines.write(&record, prior.as_ref(), &cells)?;
    }
    lines.out.flush()?;
    if ids.next().is_some() || records.digest() != input.digest {
        return Err(changed());
    }
    Ok(())
}
