//! Exit codes, decided in one place from how the run ended. Must not end the process: only `main` does.

use std::process::ExitCode;

use crate::event::StopReason;

/// How a command ended, for the shell: its value is the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Every row succeeded, or is a duplicate of one that did.
    Success = 0,
    /// The job could not run, or its report could not be written.
    Error = 1,
    /// The command was invalid, or the user did not consent. (clap exits with this code, too.)
    Usage = 2,
    /// The job finished, but some rows did not succeed. Of `plan`: some rows cannot be sent.
    SomeRowsFailed = 3,
    /// The job stopped before its end; the rest of the rows was not attempted.
    StoppedEarly = 4,
    /// Interrupted with Ctrl-C.
    Interrupted = 130,
    /// Terminated by SIGTERM or SIGHUP.
    Terminated = 143,
}

impl ExitStatus {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Error,
        Self::Usage,
        Self::SomeRowsFailed,
        Self::StoppedEarly,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Its name, for the command of `--on-finish`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// What it means, and what to do.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Success => ("succeeded", "every row succeeded, or is a duplicate of one that did"),
            Self::Error => ("error", "the job could not run, or its report could not be written"),
            Self::Usage => ("usage", "the command was invalid or not confirmed; nothing was sent"),
            Self::SomeRowsFailed => (
                "some_failed",
                "finished, but some rows did not succeed or were left out; from `plan`: some cannot be sent",
            ),
            Self::StoppedEarly => (
                "stopped_early",
                "stopped early: credentials refused, time limit, too many failures, wrong list, or no service",
            ),
            Self::Interrupted => ("interrupted", "interrupted with Ctrl-C"),
            Self::Terminated => ("terminated", "terminated by SIGTERM or SIGHUP"),
        }
    }

    /// The status of a run that was stopped by `stop`, or that finished if it is `None`.
    #[must_use]
    pub(crate) fn of_run(stop: Option<StopReason>, all_succeeded: bool) -> Self {
        match stop {
            _ if all_succeeded => Self::Success,
            None => Self::SomeRowsFailed,
            Some(StopReason::Interrupted | StopReason::Aborted) => Self::Interrupted,
            Some(StopReason::Terminated | StopReason::Killed) => Self::Terminated,
            Some(_) => Self::StoppedEarly,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_came_too_late_to_matter_is_a_success() {
        let table = [
            (None, true, 0),
            (None, false, 3),
            (Some(StopReason::Deadline), true, 0),
            (Some(StopReason::Deadline), false, 4),
            (Some(StopReason::JournalFailed), false, 4),
            (Some(StopReason::Interrupted), false, 130),
            (Some(StopReason::Aborted), false, 130),
            (Some(StopReason::Terminated), false, 143),
            (Some(StopReason::Killed), false, 143),
        ];
        for (stop, all_succeeded, code) in table {
            assert_eq!(ExitStatus::of_run(stop, all_succeeded).code(), code, "{stop:?} {all_succeeded}");
        }
    }
}
