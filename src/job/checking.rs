//! Asks the service where the numbers of a job are, before it begins.
//!
//! Must not decide what follows: `inventory` does.

use std::borrow::Cow;
use std::time::Duration;

use super::clock::wall_clock;
use super::reading::Reader;
use crate::action::Action;
use crate::input::{RowFlags, RowId, Rows};
use crate::inventory::{Check, ListError, Lister, Purpose, Rules, look_up};
use crate::journal::entry::Entry;

/// Looks up the numbers of the rows that `wanted` lists. What was removed a moment ago may still be listed on its
/// connector, and what was restored in the deletion queue, so such numbers are looked up again `recheck_after` some time.
///
/// # Errors
/// If the service cannot be asked.
pub(super) fn check<I: Iterator<Item = RowId>>(
    reader: &Reader<'_>,
    rules: Rules,
    rows: &Rows,
    wanted: impl Fn() -> I,
    in_doubt: &RowFlags,
    recheck_after: Duration,
) -> anyhow::Result<Check> {
    reader.read(async |lister: &mut Lister<'_>| {
        look(lister, rules, rows, wanted, in_doubt, recheck_after).await
    })
}

/// The same, with a lister.
pub(super) async fn look<I: Iterator<Item = RowId>>(
    lister: &mut Lister<'_>,
    rules: Rules,
    rows: &Rows,
    wanted: impl Fn() -> I,
    in_doubt: &RowFlags,
    recheck_after: Duration,
) -> Result<Check, ListError> {
    let on_connector = rules.action.needs_connector();
    let purpose = Purpose { in_detail: true, connectors: on_connector, unassigned: !on_connector };
    let mut look = async || {
        let answers = look_up(lister, rows, wanted(), purpose).await?;
        let requests = lister.progress().requests;
        Ok(Check::new(rules, rows, &answers, in_doubt, requests, wall_clock()))
    };
    let check = look().await?;
    let is_there = |place| check.places.contains_key(place);
    let may_be_old = match rules.action {
        Action::Delete => check.has_any_on_connector(),
        Action::Associate => is_there("on_connector") || is_there("in_deletion_queue"),
        Action::Disassociate | Action::Restore => false,
    };
    if may_be_old {
        tokio::time::sleep(recheck_after).await;
        return look().await;
    }
    Ok(check)
}

/// What is written to the journal of it, before anything is sent.
pub(super) fn entries(check: &Check) -> Vec<Entry<'_>> {
    let places =
        check.places.iter().map(|(place, rows)| Entry::Found { place: place.into(), rows: rows.into() });
    let settled = check.settled.iter().map(|settlement| Entry::Settled(Cow::Borrowed(settlement)));
    places.chain(settled).collect()
}
