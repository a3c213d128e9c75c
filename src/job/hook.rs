//! Runs the commands of `--on-finish` and `--on-pause`. A command is told what happened and cannot change it.
//!
//! It gets this process's environment and what happened, but no credentials: those are only in this process's memory. Must
//! not fail the run, or delay its end by more than the command's time limit.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use super::outputs::Outputs;
use super::signals;
use crate::cli::exit::ExitStatus;
use crate::cli::results;
use crate::event::{Event, OfLane};
use crate::report::summary::{Counts, Summary};
use crate::shell::Shell;

/// The longest text that fits into a variable on every system; standard input gets all of it.
const LONGEST: usize = 16 * 1024;

/// An outage that is over before this is not told: the command may wake a person.
const SHORT: Duration = Duration::from_secs(30);

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookSettings {
    /// The command line, for the shell.
    pub(crate) command: String,
    /// How long it may take.
    pub(crate) time_limit: Duration,
}

/// How a run ended, for the command.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    /// The exit status of this process.
    pub(crate) exit: ExitStatus,
    /// The rows.
    pub(crate) rows: Counts,
    /// The summary, if there is a report.
    pub(crate) summary: Option<&'a Summary>,
    /// The summary as text, or what is kept if there is no report.
    pub(crate) text: &'a str,
    /// The outputs besides the report; they exist if the report does.
    pub(crate) outputs: &'a Outputs,
    /// Whether nothing was sent to AWS.
    pub(crate) simulated: bool,
}

/// What holds a run back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    /// `credentials` or `outage`.
    pub(crate) reason: &'static str,
    /// In words, with the service's own.
    pub(crate) cause: Box<str>,
}

impl Pause {
    /// The pause after an event of the same lane, if it was `pause` before it.
    fn after(pause: Option<Self>, event: &Event) -> Option<Self> {
        let (reason, cause) = match event {
            Event::CredentialsAwaited(awaited) => {
                ("credentials", awaited.as_ref().map(|awaited| &awaited.cause))
            }
            Event::Unavailable(cause) => ("outage", cause.as_ref()),
            _ => return pause,
        };
        match cause {
            Some(cause) => Some(Self { reason, cause: cause.text.clone() }),
            None => pause.filter(|pause| pause.reason != reason),
        }
    }

    /// The same with the name of its lane.
    fn of_lane(self, name: &str) -> Self {
        let cause = if name.is_empty() { self.cause } else { format!("{name}: {}", self.cause).into() };
        Self { cause, ..self }
    }
}

/// What holds up each lane of a run.
pub(crate) struct Pauses {
    names: Vec<String>,
    lanes: Vec<Option<Pause>>,
    first: watch::Sender<Option<Pause>>,
}

impl Pauses {
    /// Nothing holds up the lanes of these names. The receiver is told of the first pause that there is.
    pub(crate) fn of(names: &[String]) -> (Self, watch::Receiver<Option<Pause>>) {
        let (first, receiver) = watch::channel(None);
        (Self { names: names.to_vec(), lanes: vec![None; names.len()], first }, receiver)
    }

    pub(crate) fn apply(&mut self, events: &[OfLane]) {
        for (lane, event) in events {
            if let Some(pause) = self.lanes.get_mut(lane.index()) {
                *pause = Pause::after(pause.take(), event);
            }
        }
        let mut lanes = self.lanes.iter().zip(&self.names);
        let first = lanes.find_map(|(pause, name)| Some(pause.clone()?.of_lane(name)));
        self.first.send_if_modified(|old| std::mem::replace(old, first.clone()) != first);
    }
}

/// Tells that a run is held back (`true`), and that it continues, until it is dropped; never returns.
pub(crate) async fn watch_pauses<T: Future<Output = ()>>(
    mut pauses: watch::Receiver<Option<Pause>>,
    tell: impl Fn(bool, Pause) -> T,
) -> Infallible {
    let mut told: Option<Pause> = None;
    loop {
        let pause = pauses.borrow_and_update().clone();
        match (&told, pause) {
            (Some(old), None) => {
                tell(false, old.clone()).await;
                told = None;
            }
            (old, Some(new)) if old.as_ref().is_none_or(|old| old.reason != new.reason) => {
                let reason = new.reason;
                let ended = pauses.wait_for(|now| now.as_ref().is_none_or(|now| now.reason != reason));
                if reason == "outage" && tokio::time::timeout(SHORT, ended).await.is_ok() {
                    continue;
                }
                tell(true, new.clone()).await;
                told = Some(new);
                continue; // it may have ended in the meantime
            }
            _ => {}
        }
        if pauses.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Runs the command for a pause, or for its end. Its failure is a warning.
pub(crate) async fn run_for_pause(settings: &HookSettings, begins: bool, pause: &Pause, simulated: bool) {
    let text = match (begins, pause.reason) {
        (true, "credentials") => format!("paused: the service refuses the credentials; {}", pause.cause),
        (true, _) => format!("paused: the service is unavailable; {}", pause.cause),
        (false, _) => format!("the run continues; it was held back by {}", pause.cause),
    };
    let variables = [
        ("EVENT", if begins { "pause" } else { "resume" }.into()),
        ("REASON", pause.reason.into()),
        ("SUMMARY", fitting(&text).into()),
        ("SIMULATED", simulated.to_string().into()),
    ];
    warn_of("--on-pause", run_with(settings, variables.into(), &text).await);
}

/// Runs the command at the end of a run. Its failure is a warning.
pub(crate) fn run(settings: &HookSettings, ending: &Ending<'_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = run_with(settings, variables(ending), ending.text);
    warn_of("--on-finish", runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run)));
}

fn warn_of(option: &str, ran: anyhow::Result<()>) {
    if let Err(error) = ran {
        let error: &dyn std::error::Error = &*error;
        tracing::warn!(error, "the `{option}` command failed; the run is not affected");
    }
}

/// Runs the command until it ends or its time limit is reached.
async fn run_with(
    settings: &HookSettings,
    variables: Vec<(&str, OsString)>,
    text: &str,
) -> anyhow::Result<()> {
    let mut command = Shell::new(&settings.command, true);
    let variables = variables.into_iter().map(|(name, value)| (format!("{}{name}", results::PREFIX), value));
    command.command().envs(variables).stdin(Stdio::piped());
    let mut running = command.spawn().context("it cannot be started")?;
    let (text, stdin) = (format!("{}\n", text.trim_end()), running.stdin());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A command that does not read its input has not failed.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    };
    let (stop, mut stopped) = watch::channel(None);
    let cut_short = tokio::select! {
        biased;
        ended = async { tokio::join!(running.wait(), feed).0 } => {
            let status = ended.context("it cannot be waited for")?;
            ensure!(status.success(), "it failed: {status}");
            return Ok(());
        }
        () = tokio::time::sleep(settings.time_limit) => {
            format!("after {} s, which is its time limit", settings.time_limit.as_secs_f64())
        }
        _ = stopped.changed() => "by a signal to chime-sweep".to_owned(),
        never = signals::watch_for_stops(&stop) => match never {},
    };
    running.end().await;
    bail!("it was ended {cut_short}")
}

/// The variables that the command gets.
fn variables(ending: &Ending<'_>) -> Vec<(&'static str, OsString)> {
    let number = |count: u64| OsString::from(count.to_string());
    // The files exist only if there is a report.
    let file = |path: Option<&Path>| match path.filter(|_| ending.summary.is_some()) {
        Some(path) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).into_os_string(),
        None => OsString::new(),
    };
    let rows = &ending.rows;
    let next_command = ending.summary.and_then(|summary| summary.next_command.clone());
    let mut variables = vec![
        ("EVENT", "finish".into()),
        ("STATUS", ending.exit.name().into()),
        ("EXIT_CODE", number(ending.exit.code().into())),
        ("REPORT", file(ending.summary.map(|summary| summary.report.as_path()))),
        ("SUMMARY_JSON", file(ending.outputs.summary_json.as_deref())),
        ("HTML", file(ending.outputs.html.as_deref())),
        ("SUMMARY", fitting(ending.text).into()),
        ("NEXT_COMMAND", next_command.unwrap_or_default().into()),
        ("ROWS", number(rows.total)),
        ("SUCCEEDED", number(rows.succeeded)),
        ("FAILED", number(rows.failed)),
        ("UNKNOWN", number(rows.unknown)),
        ("NOT_ATTEMPTED", number(rows.not_attempted)),
        ("INVALID", number(rows.invalid)),
        ("DUPLICATE", number(rows.duplicate)),
        ("SIMULATED", ending.simulated.to_string().into()),
    ];
    if let Some(run) = ending.summary.and_then(|summary| summary.run.as_ref()) {
        variables.push(("REQUESTS", number(run.requests)));
        variables.push(("THROTTLED", number(run.throttled)));
        variables.push(("ELAPSED_SECONDS", number(run.elapsed.as_secs())));
    }
    variables
}

/// The beginning of a text: as much as fits into a variable.
fn fitting(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST)].replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_into_an_environment() {
        assert_eq!(fitting("short\0text"), "short\u{fffd}text");
        assert_eq!(fitting(""), "");
        assert_eq!(fitting(&"é".repeat(LONGEST)).len(), LONGEST);
    }
}
