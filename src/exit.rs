//! Exit codes. Decided once, from how the run ended. Must not end the process: only `main` does.

use std::process::ExitCode;

use crate::event::StopReason;

/// How a command ended, for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: every row succeeded, or is a duplicate of one that did.
    Success,
    /// 1: the job could not run, or its report could not be written.
    Error,
    /// 2: the command was not understood, or not consented to. (Also what clap exits with.)
    Usage,
    /// 3: the job finished, and some rows did not succeed.
    SomeRowsFailed,
    /// 4: the job stopped before its end; the rest of the rows was not attempted.
    StoppedEarly,
    /// 130: interrupted with Ctrl-C.
    Interrupted,
    /// 143: terminated by SIGTERM or SIGHUP.
    Terminated,
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

    /// What it means, and what to do.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "every row succeeded, or is a duplicate of one that did",
            Self::Error => "the job could not run, or its report could not be written",
            Self::Usage => "the command was not understood, or not agreed to; nothing was sent",
            Self::SomeRowsFailed => "finished, and some rows did not succeed",
            Self::StoppedEarly => {
                "stopped early: credentials refused, time over, too many failures, or no service"
            }
            Self::Interrupted => "interrupted with Ctrl-C",
            Self::Terminated => "terminated by SIGTERM or SIGHUP",
        }
    }

    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::SomeRowsFailed => 3,
            Self::StoppedEarly => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Its name, for the command of `--on-finish`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "succeeded",
            Self::Error => "error",
            Self::Usage => "usage",
            Self::SomeRowsFailed => "some_failed",
            Self::StoppedEarly => "stopped_early",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// The status of a run that ended by `stop`, or finished if that is `None`, with all rows well or not.
    #[must_use]
    pub fn of_run(stop: Option<StopReason>, all_succeeded: bool) -> Self {
        match stop {
            _ if all_succeeded => Self::Success,
            None => Self::SomeRowsFailed,
            Some(StopReason::Interrupted | StopReason::Aborted) => Self::Interrupted,
            Some(StopReason::Terminated | StopReason::Killed) => Self::Terminated,
            Some(
                StopReason::Deadline
                | StopReason::TooManyFailures
                | StopReason::GaveUp
                | StopReason::Forbidden
                | StopReason::Untrusted
                | StopReason::Credentials
                | StopReason::JournalFailed,
            ) => Self::StoppedEarly,
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
