//! Asks the service where the numbers of a job are, before it begins.
//!
//! Must not decide what follows: `inventory` does.

use std::borrow::Cow;
use std::time::Duration;

use super::clock::wall_clock;
use super::reading::Reader;
use crate::action::Action;
use crate::input::{Input, LaneId, RowFlags, RowId, Rows, Standing};
use crate::inventory::{
    Answers, Check, IN_DELETION_QUEUE, ListError, Lister, ON_CONNECTOR, Purpose, Rules, look_up,
};
use crate::journal::entry::Entry;

/// Looks up the numbers of the pending rows of `input` that are chosen. `in_doubt` marks those for which an earlier attempt
/// may have worked. What was removed a moment ago may still be listed on its connector, and what was restored in the
/// deletion queue: such numbers are looked up again after `recheck_after`, if that is given.
///
/// # Errors
/// If the service cannot be asked.
pub(super) fn check(
    reader: &Reader<'_>,
    rules: Rules,
    input: &Input,
    is_chosen: &dyn Fn(RowId) -> bool,
    in_doubt: &RowFlags,
    recheck_after: Option<Duration>,
) -> anyhow::Result<Check> {
    let rows = &input.rows;
    let is_pending = |row: &RowId| matches!(rows.standing(*row), Standing::Pending { .. });
    let wanted = || rows.ids().filter(is_pending).filter(|row| is_chosen(*row));
    reader.lanes.hold(input);
    let looked = reader.read(&async |lane, lister: &mut Lister<'_>| {
        let answers = look(lister, rules, rows, lane, wanted, in_doubt, recheck_after).await?;
        Ok((answers, lister.progress().requests))
    })?;
    let requests = looked.iter().map(|(_, requests)| requests).sum();
    let answers = Answers::join(looked.into_iter().map(|(answers, _)| answers));
    Ok(Check::new(rules, rows, &answers, in_doubt, requests, wall_clock()))
}

/// Looks up those of the rows that `wanted` lists which are in a lane, with its lister.
pub(super) async fn look<I: Iterator<Item = RowId>>(
    lister: &mut Lister<'_>,
    rules: Rules,
    rows: &Rows,
    lane: LaneId,
    wanted: impl Fn() -> I,
    in_doubt: &RowFlags,
    recheck_after: Option<Duration>,
) -> Result<Answers, ListError> {
    let on_connector = rules.action.needs_connector();
    let purpose = Purpose { in_detail: true, connectors: on_connector, unassigned: !on_connector };
    let answers = look_up(lister, rows, lane, wanted(), purpose).await?;
    let check = Check::new(rules, rows, &answers, in_doubt, 0, wall_clock());
    let is_sure = |place| check.places.contains_key(place);
    let may_be_old = match rules.action {
        Action::Delete => check.has_any(ON_CONNECTOR),
        Action::Associate => is_sure(ON_CONNECTOR) || is_sure(IN_DELETION_QUEUE),
        Action::Disassociate | Action::Restore => false,
    };
    if let Some(after) = recheck_after.filter(|_| may_be_old) {
        tokio::time::sleep(after).await;
        return look_up(lister, rows, lane, wanted(), purpose).await;
    }
    Ok(answers)
}

/// What is written to the journal of it, before anything is sent.
pub(super) fn entries(check: &Check) -> Vec<Entry<'_>> {
    let places =
        check.places.iter().map(|(place, rows)| Entry::Found { place: place.into(), rows: rows.into() });
    let settled = check.settled.iter().map(|settlement| Entry::Settled(Cow::Borrowed(settlement)));
    places.chain(settled).collect()
}
