//! The command of `--on-finish`: it hears how the run ended, and nothing that it does changes that.
//!
//! It gets this process's environment and the result; no credentials, which live in this process's memory only. Must not
//! fail the run, nor hold it up for longer than its time limit.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus as Ended, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::exit::ExitStatus;
use crate::settings::{JobSettings, OnFinish};
use crate::signals;
use crate::summary::{Counts, Summary};

/// What its variables begin with. Not `CHIME_SWEEP_`: the command may itself call chime-sweep.
const PREFIX: &str = "CHIME_SWEEP_RESULT_";

/// What an environment holds of a text on every system; standard input has all of it.
const LONGEST: usize = 16 * 1024;

/// How a run ended, for the command.
#[derive(Debug)]
pub struct Ending<'a> {
    /// What the process will say.
    pub exit: ExitStatus,
    /// The rows.
    pub rows: Counts,
    /// The summary, if there is a report.
    pub summary: Option<&'a Summary>,
    /// The summary, or what is kept, in words.
    pub text: &'a str,
}

/// Why the command did not work. Only ever a warning.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum FarewellError {
    #[error("it cannot be started")]
    Start(#[source] std::io::Error),
    #[error("it cannot be waited for")]
    Wait(#[source] std::io::Error),
    #[error("it failed: {0}")]
    Failed(Ended),
    #[error("it was ended after {} s, which is its time limit", .0.as_secs_f64())]
    TooLong(Duration),
    #[error("it was ended by a signal to chime-sweep")]
    Interrupted,
}

/// Runs the command to its end, or to the end of its time.
///
/// # Errors
/// If it does not end well.
pub async fn say(
    on_finish: &OnFinish,
    settings: &JobSettings,
    ending: &Ending<'_>,
) -> Result<(), FarewellError> {
    let mut command = shell(&on_finish.command);
    command.envs(variables(settings, ending)).stdin(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(FarewellError::Start)?;
    let (text, stdin) = (format!("{}\n", ending.text.trim_end()), child.stdin.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A command that does not read it is no less well.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    };
    let (stop, mut stopped) = watch::channel(None);
    let ended = tokio::select! {
        biased;
        ended = async { tokio::join!(child.wait(), feed).0 } => ended.map_err(FarewellError::Wait),
        () = tokio::time::sleep(on_finish.time_limit) => Err(FarewellError::TooLong(on_finish.time_limit)),
        _ = stopped.changed() => Err(FarewellError::Interrupted),
        never = signals::watch_for_stops(&stop, None) => match never {},
    };
    if ended.is_err() {
        end(&mut child).await;
    }
    match ended? {
        status if status.success() => Ok(()),
        status => Err(FarewellError::Failed(status)),
    }
}

#[cfg(unix)]
fn shell(text: &str) -> Command {
    let mut command = Command::new("sh");
    // A group of its own, so that its time limit is also that of whatever it starts.
    command.arg("-c").arg(text).process_group(0);
    command
}

#[cfg(windows)]
fn shell(text: &str) -> Command {
    let mut command = Command::new("cmd");
    // As it was typed: cmd has its own rules for quotes.
    command.arg("/C").raw_arg(text);
    command
}

async fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL); // it may be gone already
    }
    let _ = child.kill().await;
}

/// What the command finds in its environment.
fn variables(settings: &JobSettings, ending: &Ending<'_>) -> Vec<(String, OsString)> {
    let absolute =
        |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).into_os_string();
    let number = |count: u64| OsString::from(count.to_string());
    let optional = |path: Option<&Path>| path.map(absolute).unwrap_or_default();
    let written = ending.summary.is_some();
    let rows = &ending.rows;
    let mut variables = vec![
        ("STATUS", ending.exit.name().into()),
        ("EXIT_CODE", number(ending.exit.code().into())),
        ("REPORT", optional(Some(settings.report.as_path()).filter(|_| written))),
        ("SUMMARY_JSON", optional(settings.summary_json.as_deref().filter(|_| written))),
        ("HTML", optional(settings.html.as_deref().filter(|_| written))),
        ("SUMMARY", fitting(ending.text).into()),
        ("NEXT_COMMAND", ending.summary.and_then(|it| it.next_command.clone()).unwrap_or_default().into()),
        ("ROWS", number(rows.total)),
        ("SUCCEEDED", number(rows.succeeded)),
        ("FAILED", number(rows.failed)),
        ("UNKNOWN", number(rows.unknown)),
        ("NOT_ATTEMPTED", number(rows.not_attempted)),
        ("INVALID", number(rows.invalid)),
        ("DUPLICATE", number(rows.duplicate)),
        ("SIMULATED", if settings.service.is_simulated() { "true" } else { "false" }.into()),
    ];
    if let Some(run) = ending.summary.and_then(|summary| summary.run.as_ref()) {
        variables.push(("REQUESTS", number(run.requests)));
        variables.push(("THROTTLED", number(run.throttled)));
        variables.push(("ELAPSED_SECONDS", number(run.elapsed.as_secs())));
    }
    variables.into_iter().map(|(name, value)| (format!("{PREFIX}{name}"), value)).collect()
}

/// As much of a text as an environment takes.
fn fitting(text: &str) -> String {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= LONGEST).last();
    text[..end.unwrap_or(0)].replace('\0', "\u{fffd}")
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
