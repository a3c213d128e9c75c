//! Describes what there is of a job: a run that is going on, one that was cut short, or a report.
//!
//! Pure: the time is an argument. Must not print.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use indicatif::HumanCount;
use jiff::civil::DateTime;
use jiff::{Timestamp, ZonedDateTime};
use serde_json::{Value, json};

use crate::event::{State, StopReason};
use crate::journal::look::Owner;
use crate::journal::progress::Progress;
use crate::report::summary::Counts;
use crate::report::summary::masked::masked;
use crate::terminal::view;
use crate::text::{counted, escaped, span};

/// What there is of a job.
#[derive(Debug)]
pub(crate) struct Status {
    /// The report.
    pub(crate) report: PathBuf,
    /// What there is.
    pub(crate) found: Found,
    /// The command that does the rest, if something is left that no process is doing.
    pub(crate) next_command: Option<String>,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Found {
    /// A journal.
    Unfinished(Box<Unfinished>),
    /// A report.
    Finished(Finished),
}

/// A run that is going on, or was cut short.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// Whether a process works on it.
    pub(crate) owner: Owner,
    /// The service that it calls; `None` if the journal has only begun.
    pub(crate) target: Option<String>,
    /// How far it is.
    pub(crate) progress: Progress,
    /// Rows that may have been sent without an answer, if no process works on it any more.
    pub(crate) in_doubt: u64,
    /// The machine that its process was started on, if that is not this one.
    pub(crate) elsewhere: Option<String>,
}

/// A report that is complete.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its rows.
    pub(crate) rows: Counts,
    /// Whether every row succeeded, or is a duplicate of one that did.
    pub(crate) all_succeeded: bool,
    /// Whether the run stopped before its end.
    pub(crate) stopped_early: bool,
    /// Why it did, if that is known.
    pub(crate) stopped_because: Option<String>,
    /// Whether it is the report of a rehearsal.
    pub(crate) simulated: bool,
}

impl Status {
    /// The screen.
    #[must_use]
    pub(crate) fn text(&self, now: &ZonedDateTime) -> String {
        let mut lines = vec![line("report", &self.report.display().to_string())];
        match &self.found {
            Found::Unfinished(run) => lines.extend(run.lines(now)),
            Found::Finished(report) => lines.extend(report.lines()),
        }
        lines.extend(self.next_command.as_ref().map(|command| line("to go on", command)));
        lines.join("\n")
    }

    /// The same for programs.
    #[must_use]
    pub(crate) fn json(&self, now: Timestamp) -> Value {
        let mut json = match &self.found {
            Found::Unfinished(run) => run.json(now),
            Found::Finished(report) => report.json(),
        };
        json["version"] = 1.into();
        json["report"] = self.report.display().to_string().into();
        json["next_command"] = self.next_command.clone().into();
        json
    }

    /// What there is instead of a report that is not there yet, in words.
    #[must_use]
    pub(crate) fn instead(&self, now: &ZonedDateTime) -> Option<String> {
        let Found::Unfinished(run) = &self.found else { return None };
        let (settled, report) = (run.settled(), self.report.display());
        let is = match &run.owner {
            Owner::AtWork => format!("its run is still going on{}", run.process(now)),
            Owner::Gone => "its run was cut short".to_owned(),
            Owner::Unclear(_) => "its run has not ended, or was cut short".to_owned(),
        };
        Some(format!("there is no report `{report}` yet: {is}; {settled} are settled"))
    }
}

impl Unfinished {
    fn lines(&self, now: &ZonedDateTime) -> Vec<String> {
        let progress = &self.progress;
        let mut lines = vec![line("status", &self.status(now))];
        lines.extend(progress.session.as_ref().map(|session| {
            let process = session.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
            let host = self.elsewhere.iter().map(|host| format!(" on {}", escaped(host)));
            let host: String = host.collect();
            line(
                "started",
                &format!("{} ({} ago){process}{host}", time(session.at, now), ago(session.at, now)),
            )
        }));
        lines.extend(self.target.as_ref().map(|target| line("service", target)));
        lines.push(line("settled", &self.outcomes()));
        match self.owner {
            Owner::AtWork => lines.extend(self.pace(now)),
            Owner::Gone | Owner::Unclear(_) if self.in_doubt > 0 => {
                lines
                    .push(line("in doubt", &format!("{} may have been sent", counted(self.in_doubt, "row"))));
            }
            Owner::Gone | Owner::Unclear(_) => {}
        }
        if let (Some(host), false) = (&self.elsewhere, matches!(self.owner, Owner::AtWork)) {
            lines.push(line(
                "warning",
                &format!("it ran on {}: check there that it has ended before you go on", escaped(host)),
            ));
        }
        lines
    }

    fn status(&self, now: &ZonedDateTime) -> String {
        let progress = &self.progress;
        match &self.owner {
            Owner::AtWork => "running".to_owned(),
            Owner::Gone => {
                let began = progress.session.as_ref().map(|session| session.at);
                let state = progress.state.map(|(_, at)| at);
                let after = [began, state, progress.last].into_iter().flatten().max();
                let after = after.map(|at| format!(" after {} ({} ago)", time(at, now), ago(at, now)));
                let why = progress.stopped.map(|reason| format!(": {}", reason.because()));
                format!("cut short{}{}", after.unwrap_or_default(), why.unwrap_or_default())
            }
            Owner::Unclear(error) => format!("running or cut short: its lock cannot be tried here ({error})"),
        }
    }

    fn settled(&self) -> String {
        let settled = HumanCount(self.progress.settled());
        match self.progress.rows() {
            Some(rows) => format!("{settled} of {}", counted(rows, "row")),
            None => format!("{settled} rows"),
        }
    }

    fn outcomes(&self) -> String {
        let (progress, settled) = (&self.progress, self.settled());
        let outcomes =
            [("succeeded", progress.succeeded), ("failed", progress.failed), ("unknown", progress.unknown)];
        let codes = match view::codes(&progress.failed_by_code) {
            codes if codes.is_empty() => codes,
            codes => format!(" ({codes})"),
        };
        match named(&outcomes) {
            outcomes if outcomes.is_empty() => settled,
            outcomes => format!("{settled}: {outcomes}{codes}"),
        }
    }

    fn process(&self, now: &ZonedDateTime) -> String {
        let Some(session) = &self.progress.session else { return String::new() };
        let process = session.pid.map(|pid| format!("process {pid}, ")).unwrap_or_default();
        format!(" ({process}since {})", time(session.at, now))
    }

    /// What it is doing, and how fast.
    fn pace(&self, now: &ZonedDateTime) -> Vec<String> {
        let (progress, at) = (&self.progress, now.timestamp());
        if let Some((does, why, since)) = self.held() {
            let since = format!("{} ({})", time(since, now), ago(since, now));
            return vec![line("state", &format!("{does} since {since}: {why}"))];
        }
        let Some(pace) = progress.pace(at) else { return Vec::new() };
        match (progress.left(at), progress.last) {
            (Some(left), _) => {
                // For the last minute or two, the time of day adds nothing.
                let done = at.checked_add(left).ok().filter(|_| left >= Duration::from_secs(100));
                let done = done.map(|done| format!(", done about {}", time(done, now))).unwrap_or_default();
                let pace = format!("{pace:.1} rows/s in the last minute");
                vec![line("pace", &pace), line("left", &format!("{}{done}", span(left)))]
            }
            (None, Some(last)) if pace <= 0.0 => {
                vec![line("pace", &format!("nothing settled since {} ({})", time(last, now), ago(last, now)))]
            }
            _ => vec![line("pace", &format!("{pace:.1} rows/s in the last minute"))],
        }
    }

    /// What holds it back, and since when.
    fn held(&self) -> Option<(&'static str, &'static str, Timestamp)> {
        let (state, since) = self.progress.state?;
        let (does, why) = match state {
            State::Starting | State::Probing | State::Paced => return None,
            State::Throttled => ("paused", "throttled by the service"),
            State::Outage => ("paused", "service unavailable, probing until it recovers"),
            State::CredentialsRefused => ("paused", "credentials refused, waiting for new ones"),
            State::Stopping => {
                ("stopping", self.progress.stopped.map_or("it ends early", StopReason::because))
            }
        };
        Some((does, why, since))
    }

    fn json(&self, now: Timestamp) -> Value {
        let progress = &self.progress;
        let is_running = matches!(self.owner, Owner::AtWork);
        let session = progress.session.as_ref();
        let (state, since) = progress.state.filter(|_| is_running).unzip();
        json!({
            "status": match self.owner {
                Owner::AtWork => "running",
                Owner::Gone => "cut_short",
                Owner::Unclear(_) => "unclear",
            },
            "pid": session.and_then(|session| session.pid),
            "host": session.and_then(|session| session.host.as_deref()),
            "started_at": session.map(|session| session.at),
            "service": self.target,
            "state": state,
            "state_since": since,
            "stopped": progress.stopped,
            "rows": progress.rows(),
            "settled": progress.settled(),
            "succeeded": progress.succeeded,
            "failed": progress.failed,
            "unknown": progress.unknown,
            "failed_by_code": progress.failed_by_code,
            "in_doubt": self.in_doubt,
            "last_settled_at": progress.last,
            "rows_per_second": progress.pace(now).filter(|_| is_running).map(|pace| (pace * 10.0).round() / 10.0),
            "seconds_left": progress.left(now).filter(|_| is_running).map(|left| left.as_secs()),
        })
    }
}

impl Finished {
    fn lines(&self) -> Vec<String> {
        let status = match (self.all_succeeded, self.stopped_early, &self.stopped_because) {
            (true, ..) => "finished: every row succeeded".to_owned(),
            (_, true, Some(because)) => format!("stopped early: {}", masked(because)),
            (_, true, None) => "stopped early".to_owned(),
            (_, false, _) => "finished: some rows did not succeed".to_owned(),
        };
        let rows = counted(self.rows.total, "row");
        let rows = match named(&self.rows.named()) {
            outcomes if outcomes.is_empty() => rows,
            outcomes => format!("{rows}: {outcomes}"),
        };
        let mut lines = vec![line("status", &status), line("settled", &rows)];
        if self.simulated {
            lines.insert(1, line("service", "the simulator: nothing was changed at AWS"));
        }
        lines
    }

    fn json(&self) -> Value {
        let rows = &self.rows;
        json!({
            "status": if self.stopped_early { "stopped_early" } else { "finished" },
            "stopped_because": self.stopped_because.as_deref().map(masked),
            "all_succeeded": self.all_succeeded,
            "simulated": self.simulated,
            "rows": rows.total,
            "succeeded": rows.succeeded,
            "failed": rows.failed,
            "unknown": rows.unknown,
            "not_attempted": rows.not_attempted,
            "invalid": rows.invalid,
            "duplicate": rows.duplicate,
            "no_status": rows.no_status,
        })
    }
}

fn line(label: &str, value: &str) -> String {
    format!("{label:<12}{value}")
}

/// `12 failed, 1 unknown`: those that there are.
fn named(counts: &[(&'static str, u64)]) -> String {
    let some = counts.iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| format!("{} {name}", HumanCount(*count))).collect::<Vec<_>>().join(", ")
}

/// The time of day, with the date if it is not today.
fn time(at: Timestamp, now: &ZonedDateTime) -> String {
    let at: DateTime = at.to_zoned_datetime(now.time_zone().clone()).datetime();
    at.strftime(if at.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
}

fn ago(at: Timestamp, now: &ZonedDateTime) -> String {
    span(Duration::try_from(now.timestamp().duration_since(at)).unwrap_or_default())
}
