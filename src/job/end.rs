//! The end of a run: its report, what is derived from it, and the hooks.
//!
//! Must not send anything to the service, except to verify the report.

use super::clock::wall_clock;
use super::failure::{explained, with_note};
use super::finish;
use super::hook::{self, Ending, Pause};
use super::next_steps;
use super::prepare::Run;
use super::record;
use super::settings::JobSettings;
use super::shell::quoted_path;
use super::verify::{self, Verification};
use super::work::Worked;
use crate::action::Action;
use crate::cli::exit::ExitStatus;
use crate::event::StopReason;
use crate::input::{Input, Source, Standing};
use crate::journal::writer::Journal;
use crate::plan::Selection;
use crate::pool::PoolEnd;
use crate::report::reconcile::Unsent;
use crate::report::summary::{self, Counted, Counts, Summary};

/// How a job ended.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// `None` if there is no report.
    pub(super) summary: Option<Summary>,
    /// The user asked for it to end at once.
    pub(super) is_aborted: bool,
}

impl Run<'_> {
    /// Writes the report and prints its summary.
    pub(super) fn finish(
        &self,
        ends: anyhow::Result<Vec<PoolEnd>>,
        worked: &Worked,
        mut journal: Journal,
        input: &Source,
        selection: &Selection<'_>,
    ) -> anyhow::Result<Finished> {
        let settings = self.settings;
        let kept = || next_steps::kept(settings, &worked.tally);
        let ends = ends.map_err(|error| with_note(error, kept()))?;
        let stopped = ends.iter().filter_map(|end| Some(end.stop.as_ref()?.reason)).max();
        if stopped.is_some_and(StopReason::is_abort) {
            let is_aborted = matches!(stopped, Some(StopReason::Aborted | StopReason::Killed));
            let text = if is_aborted {
                let in_doubt = journal.history(self.input.rows.len())?.in_doubt();
                next_steps::aborted(settings, &worked.tally, in_doubt)
            } else {
                kept()
            };
            self.screen.say(&text);
            self.screen.say_though_quiet(&text);
            return Ok(Finished { status: ExitStatus::of_run(stopped, false), summary: None, is_aborted });
        }
        let report = &settings.report.path;
        let rows = &self.input.rows;
        let stop_of = |row| ends.get(rows.lane_of(row)?.index())?.stop.as_ref();
        let unsent = |row| Unsent { selection: Some(selection), stop: stop_of(row) };
        let counted = finish::finish(journal, report, input, &self.input, self.lanes.places(), unsent)
            .map_err(|error| with_note(error, kept()))?;
        for (lane, service) in self.lanes.iter() {
            if let Some(rate) = ends.get(lane.index()).and_then(|end| end.rate_found) {
                service.remember_rate(rate, wall_clock());
            }
        }
        // A call that is repeated may be refused, whether or not the first one worked: only a look can tell.
        let must_look =
            self.input.layout.action != Action::Disassociate && stopped.is_none() && counted.rows.unknown > 0;
        let verified = (settings.verify || must_look).then(|| self.verify()).transpose();
        let (counted, is_as_reported) = match &verified {
            Ok(Some(verified)) => {
                (Counted::of(&Source::open(report)?, &self.columns)?, verified.is_as_reported())
            }
            Ok(None) => (counted, true),
            Err(_) => (counted, false),
        };
        let summary = self.summary(worked, &ends, counted, is_as_reported);
        let all_succeeded = summary.all_succeeded;
        record::add(self.record.clone(), settings, &self.by, &summary);
        self.screen.say_with(&summary, || Some(("summary", serde_json::to_value(&summary).ok()?)));
        summary.in_short().iter().for_each(|text| self.screen.say_though_quiet(text));
        Source::open(report)
            .map_err(anyhow::Error::from)
            .and_then(|written| settings.outputs.write(&summary, &written, &self.columns))
            .map_err(|error| with_note(error, format!("the report was written: `{}`", report.display())))?;
        verified.map_err(|error| {
            let report = quoted_path(report);
            with_note(
                error,
                format!("the report is complete: {report}\nto verify it: chime-sweep verify {report}"),
            )
        })?;
        let status = ExitStatus::of_run(stopped, all_succeeded);
        Ok(Finished { status, summary: Some(summary), is_aborted: false })
    }

    fn summary(&self, worked: &Worked, ends: &[PoolEnd], counted: Counted, is_as_reported: bool) -> Summary {
        let (settings, service) = (self.settings, self.lanes.only());
        let first_stop = ends.iter().filter_map(|end| end.stop.as_ref()).max_by_key(|stop| stop.reason);
        let all_succeeded = counted.all_succeeded() && is_as_reported;
        Summary {
            version: summary::VERSION,
            report: settings.report.path.clone(),
            simulated: self.is_simulated(),
            action: self.input.layout.action,
            next_command: (!counted.all_succeeded()).then(|| next_steps::rerun(settings)),
            all_succeeded,
            counted,
            run: Some(summary::Run {
                target: self.lanes.target(),
                region: service.and_then(|service| service.region.clone()),
                caller: service.and_then(|service| service.caller().cloned()),
                started_at: worked.started_at,
                elapsed: worked.elapsed,
                stopped: first_stop.map(|stop| stop.reason),
                last_error: first_stop.and_then(|stop| Some(stop.cause.as_ref()?.text.clone())),
                requests: worked.tally.requests,
                throttled: worked.tally.throttled,
                rate_found: service.and_then(|_| ends.first()?.rate_found),
                lanes: self.lanes_of_summary(worked, ends),
                timeline: Some(worked.timeline.clone()),
            }),
        }
    }

    /// What each lane did, if the input names them.
    fn lanes_of_summary(&self, worked: &Worked, ends: &[PoolEnd]) -> Vec<summary::Lane> {
        let lanes = self.lanes.iter().filter_map(|(lane, service)| {
            let (tally, end) = (worked.tally.lanes.get(lane.index())?, ends.get(lane.index())?);
            let stop = end.stop.as_ref().filter(|_| tally.settled() < tally.rows);
            Some(summary::Lane {
                name: self.lanes.name(lane).to_owned(),
                account_id: service.account_id().map(str::to_owned),
                region: service.region.clone(),
                target: service.target.clone(),
                rows: tally.rows,
                succeeded: tally.succeeded,
                failed: tally.failed,
                unknown: tally.unknown,
                requests: tally.requests,
                throttled: tally.throttled,
                rate_found: end.rate_found,
                elapsed: tally.lasted(),
                stopped: stop.map(|stop| stop.reason),
                last_error: stop.and_then(|stop| Some(stop.cause.as_ref()?.text.clone())),
            })
        });
        lanes.collect()
    }

    /// Compares the report that was just written with the service.
    pub(super) fn verify(&self) -> anyhow::Result<Verification> {
        let report = &self.settings.report.path;
        let source = Source::open(report)?;
        let input = Input::read(&source, &self.columns)?;
        let verified = verify::verify(&self.reader(), report, &source, &input, self.settings.recheck_after)?;
        self.screen.say_with(&verified, || Some(("verified", verified.json())));
        Ok(verified)
    }

    /// Runs the command of `--on-pause`, if there is one.
    pub(super) async fn tell_pause(&self, begins: bool, pause: Pause) {
        let Some(settings) = &self.settings.on_pause else { return };
        hook::run_for_pause(settings, begins, &pause, self.is_simulated()).await;
    }

    /// Runs the command of `--on-finish` after a run that had begun.
    pub(super) fn tell_end(&self, worked: &Worked, finished: &anyhow::Result<Finished>) {
        let (exit, summary, text) = match finished {
            Ok(finished) if finished.is_aborted => return,
            Ok(Finished { status, summary: Some(summary), .. }) => {
                (*status, Some(summary), summary.to_string())
            }
            Ok(finished) => (finished.status, None, next_steps::kept(self.settings, &worked.tally)),
            Err(error) => (ExitStatus::Error, None, explained(error)),
        };
        let tally = &worked.tally;
        let settled = Counts {
            total: u64::from(self.input.rows.len())
                - (self.input.rows.count(Standing::Ignored) + self.input.rows.count(Standing::Elsewhere))
                    as u64,
            succeeded: tally.succeeded,
            failed: tally.failed,
            unknown: tally.unknown,
            not_attempted: tally.rows.saturating_sub(tally.settled()),
            ..Counts::default()
        };
        let rows = summary.map_or(settled, |summary| summary.counted.rows);
        tell_hook(self.settings, exit, &text, rows, summary);
    }
}

/// Runs the command of `--on-finish`, if there is one.
pub(super) fn tell_hook(
    settings: &JobSettings,
    exit: ExitStatus,
    text: &str,
    rows: Counts,
    summary: Option<&Summary>,
) {
    let Some(hook) = &settings.on_finish else { return };
    let (outputs, simulated) = (&settings.outputs, settings.service.choice.is_simulated());
    hook::run(hook, &Ending { exit, rows, summary, text, outputs, simulated });
}
