//! Asks the service where the numbers of a job are, before it begins.
//!
//! Must not decide what follows: `inventory` does.

use std::time::Duration;

use super::clock::wall_clock;
use super::reading::Reader;
use crate::action::Action;
use crate::input::{RowFlags, RowId, Rows};
use crate::inventory::{Check, Lister, Purpose, Rules, look_up};

/// Looks up the numbers of the rows that `wanted` lists. What was removed a moment ago may still be listed on its
/// connector, so what is to be released is looked up again
/// `recheck_after` some time.
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
    let on_connector = rules.action.needs_connector();
    let purpose = Purpose { in_detail: true, connectors: on_connector, unassigned: !on_connector };
    let look = async |lister: &mut Lister<'_>| {
        let mut look = async || {
            let answers = look_up(lister, rows, wanted(), purpose).await?;
            let requests = lister.progress().requests;
            Ok(Check::new(rules, rows, &answers, in_doubt, requests, wall_clock()))
        };
        let check = look().await?;
        if rules.action == Action::Delete && check.has_any_on_connector() {
            tokio::time::sleep(recheck_after).await;
            return look().await;
        }
        Ok(check)
    };
    reader.read(look)
}
