//! Rows that ask for nothing: those of empty cells, as spreadsheets leave them below a table, comments, and the numbers
//! of an export that are on no connector.
//!
//! Must not accept a row that has anything to send, or that was sent.

use csv::ByteRecord;

use super::column::Prior;
use super::connector::is_error_value;
use super::header::Layout;
use super::status::{Said, Status};

/// Whether the row's own cells are empty or are a comment: `# …`, or `#…` and nothing else. `#N/A` is not a comment, nor
/// is `#12` in the first of several cells. In an export, also whether the row has a note in place of a connector.
///
/// A row with a status other than `invalid`, or with any other word in its place, is not ignored: its cells were emptied
/// afterwards.
pub(crate) fn is_ignored(layout: &Layout, row: &ByteRecord) -> bool {
    let begins_with_text =
        row.get(0).and_then(<[u8]>::first).is_some_and(|byte| byte.is_ascii_graphic() && *byte != b'#');
    let cell = |at: usize| row.get(at).unwrap_or_default().trim_ascii();
    let has_note = layout.note.is_some_and(|at| !cell(at).is_empty());
    let is_on_nothing = has_note
        && layout.action.needs_connector()
        && layout.connector.column().is_some_and(|at| cell(at).is_empty());
    if begins_with_text && !layout.is_report() && !is_on_nothing {
        return false; // nearly every row
    }
    let prior = layout.prior(row);
    let said = prior.as_ref().map_or(Said::Nothing, Prior::said);
    let has_status = !matches!(said, Said::Nothing | Said::Status(Status::Invalid));
    let is_own = |at: &usize| prior.as_ref().is_none_or(|prior| !prior.contains(*at));
    let mut own = (0..row.len()).filter(is_own).filter_map(|at| row.get(at)).map(String::from_utf8_lossy);
    let first = own.next().unwrap_or_default();
    let others_are_empty = own.all(|cell| cell.trim().is_empty());
    let is_comment = || match first.strip_prefix('#') {
        Some(rest) if rest.starts_with([' ', '\t', '#']) => true,
        Some(_) => others_are_empty && !is_error_value(first.trim()),
        None => false,
    };
    !has_status && (is_on_nothing || others_are_empty && first.trim().is_empty() || is_comment())
}
