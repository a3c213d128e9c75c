//! The steps of a job, in order: `run`, `rerun`, `undo` and `release`.
//!
//! Must not know how any step works.

use std::num::NonZeroU32;

use super::checking;
use super::clock::wall_clock;
use super::continuing::{self, Next};
use super::end::tell_hook;
use super::existing::UnfinishedRun;
use super::failure::{UsageError, exit_status, explained, nothing_sent};
use super::prepare::Run;
use super::settings::JobSettings;
use super::status;
use crate::aws::Environment;
use crate::cli::exit::ExitStatus;
use crate::plan::{Plan, Selection};
use crate::report::summary::Counts;
use crate::terminal::Screen;

/// Runs the job.
///
/// # Errors
/// If the job fails; the error says what is safe.
pub(super) fn execute(
    settings: &JobSettings,
    env: &Environment,
    screen: &Screen,
) -> anyhow::Result<ExitStatus> {
    let could_not_begin = |error| {
        let error = nothing_sent(error);
        if exit_status(&error) == ExitStatus::Error {
            tell_hook(settings, ExitStatus::Error, &explained(&error), Counts::default(), None);
        }
        error
    };
    let decided;
    let settings = if settings.report.unfinished == UnfinishedRun::Continue {
        match continuing::decide(settings).map_err(could_not_begin)? {
            Next::Run(settings) => decided = settings,
            Next::Nothing(report, summary) => {
                return continuing::finish(settings, screen, &report, &summary).map_err(could_not_begin);
            }
        }
        &*decided
    } else {
        settings
    };
    let run = Run::open(settings, env, screen).map_err(could_not_begin)?;
    let existing = run.look().map_err(could_not_begin)?;
    let (rows, choice) = (&run.input.rows, existing.choice(&settings.choice));
    let selection = Selection::new(&choice, rows);
    let selection = selection.map_err(|error| could_not_begin(UsageError::from(error).into()))?;
    let is_chosen = |row| existing.is_outstanding(row) && selection.left_out(row).is_none();
    let earlier = existing.earlier(rows, settings.other_target);
    let check = run.check(&is_chosen, &earlier.in_doubt).map_err(could_not_begin)?;
    let is_to_be_sent = |row| is_chosen(row) && !check.as_ref().is_some_and(|check| check.settles(row));
    let most = run.input.layout.action.batch_limit().unwrap_or(NonZeroU32::MAX);
    let plan = Plan::new(rows, is_to_be_sent, settings.batch_size.min(most));
    run.ask(&plan, &existing, &selection, check.as_ref()).map_err(could_not_begin)?;
    let started_at = wall_clock();
    let session = status::session(settings, plan.number_count(), choice, started_at);
    let (mut journal, input) = existing.begin(session, &run.source).map_err(could_not_begin)?;
    if let Some(check) = &check {
        journal.append(&checking::entries(check))?;
    }
    let (end, worked) = run.work(&plan, &earlier, &mut journal, started_at);
    drop(plan); // frees memory for the report
    let finished = run.finish(end, &worked, journal, &input, &selection);
    run.tell_end(&worked, &finished);
    finished.map(|finished| finished.status)
}
