//! Checks that a report is of the service that is called now: neither of a rehearsal, nor of another account or region.
//!
//! Must not look at what an earlier run has left beside the report: `existing` does.

use std::path::Path;

use anyhow::bail;
use indicatif::HumanCount;

use super::lanes::Lanes;
use super::service::Service;
use crate::hint::Hinted;
use crate::input::{InputOptions, Rows, Source, Status};
use crate::report;
use crate::report::summary::{Record, Recorded};

/// Checks the report `source`, which is at `path`. `other_target`: whether the user allows another account or region;
/// `None` if the command cannot be told so.
///
/// # Errors
/// If it is of another service, or cannot be read.
pub(super) fn check(
    source: &Source,
    path: &Path,
    options: &InputOptions,
    lanes: &Lanes,
    rows: &Rows,
    other_target: Option<bool>,
) -> anyhow::Result<()> {
    if lanes.iter().any(|(_, service)| !service.is_local()) {
        check_not_rehearsed(source, options)?;
    }
    if lanes.is_simulated() || other_target == Some(true) {
        return Ok(());
    }
    let instead = if other_target.is_some() { ", or --other-target if this is meant" } else { "" };
    check_same_target(source, options, &Record::of(path, &[])?, lanes, rows, instead)
}

/// Refuses the report of a rehearsal: its successes would count as removed numbers that are still on their connectors.
///
/// # Errors
/// If a row of the report `source` succeeded on the simulator.
fn check_not_rehearsed(source: &Source, options: &InputOptions) -> anyhow::Result<()> {
    let mut rows = 0;
    report::read(source, options, |row| {
        rows += u64::from(row.status == Some(Status::Succeeded) && row.is_simulated());
    })?;
    match rows {
        0 => Ok(()),
        rows => bail!(Hinted::new(
            format!(
                "`{}` is the report of a rehearsal: {} of its rows succeeded only on the simulator",
                source.name(),
                HumanCount(rows)
            ),
            "use `chime-sweep run` on the original file, or --simulate to rehearse again"
        )),
    }
}

/// Follows a target.
pub(super) fn of_account(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(", account {id}"))
}

/// Refuses to send the rows of the report `source` elsewhere than its earlier runs did, as far as its `record` and its
/// own columns tell: `NotFound` would then mean nothing. `instead` names what else the user can do.
///
/// # Errors
/// If they differ, or the report cannot be read.
fn check_same_target(
    source: &Source,
    options: &InputOptions,
    record: &Record,
    lanes: &Lanes,
    rows: &Rows,
    instead: &str,
) -> anyhow::Result<()> {
    let differs = |old: Option<&str>, new: Option<&str>| old.zip(new).is_some_and(|(old, new)| old != new);
    let here = |service: &Service| service.target.clone() + &of_account(service.account_id());
    let mut other = None;
    if let Some(Recorded { run, .. }) = record.runs.iter().rfind(|recorded| !recorded.simulated)
        && let Some(service) = lanes.only()
    {
        let account = run.caller.as_ref().map(|caller| &*caller.account_id);
        if run.target != service.target || differs(account, service.account_id()) {
            other = Some((run.target.clone() + &of_account(account), here(service)));
        }
    }
    report::read(source, options, |row| {
        let known = |cell: &str| Some(cell.to_owned()).filter(|cell| !cell.is_empty());
        // A spreadsheet may have rewritten an account's digits.
        let account = known(&row.account_id).filter(|id| id.len() == 12);
        // A row that names its region, and another one than the report, is not sent for that.
        let region = known(&row.region).filter(|_| row.lane.region.is_empty());
        let lane = rows.lane_named(row.lane).unwrap_or_default();
        let Some(service) = lanes.get(lane).filter(|_| row.status.is_some()) else { return };
        let place = service.place();
        if differs(account.as_deref(), place.account_id) || differs(region.as_deref(), place.region) {
            let was = || region.unwrap_or_default() + &of_account(account.as_deref());
            other.get_or_insert_with(|| (was(), here(service)));
        }
    })?;
    let Some((other, here)) = other else { return Ok(()) };
    let name = source.name();
    bail!(Hinted::new(
        format!("`{name}` is the report of a run on {other}, but this one would use {here}"),
        format!("use the same account, endpoint and region{instead}")
    ))
}
