//! The variables that tell the commands of `--on-finish` and `--on-pause` what happened, and the text of their help.
//!
//! Must not know their values.

use std::fmt::Write;

/// The prefix of the variables. Not `CHIME_SWEEP_` alone: the command may itself call chime-sweep.
pub(crate) const PREFIX: &str = "CHIME_SWEEP_RESULT_";

/// Those that `--on-finish` sets, and what they say.
pub(crate) const ON_FINISH: [(&str, &str); 19] = [
    ("EVENT", "finish"),
    ("STATUS", "succeeded, some_failed, stopped_early, interrupted, terminated or error"),
    ("EXIT_CODE", "the exit code of this run"),
    ("REPORT", "absolute path; empty if there is none, as are the next two"),
    ("SUMMARY_JSON", "the file of --summary-json"),
    ("HTML", "the file of --html"),
    ("SUMMARY", "the text that is also on standard input, or its first 16 KiB"),
    ("NEXT_COMMAND", "the command to go on with; empty if all is done"),
    ("ROWS", "count of the rows; those below are parts of it"),
    ("SUCCEEDED", "count"),
    ("FAILED", "count"),
    ("UNKNOWN", "count"),
    ("NOT_ATTEMPTED", "count"),
    ("INVALID", "count"),
    ("DUPLICATE", "count"),
    ("SIMULATED", "true or false"),
    ("REQUESTS", "count; not set if there is no report, as are the next two"),
    ("THROTTLED", "count of the requests that the service throttled"),
    ("ELAPSED_SECONDS", "how long the run took"),
];

/// Those that `--on-pause` sets, and what they say.
pub(crate) const ON_PAUSE: [(&str, &str); 4] = [
    ("EVENT", "pause or resume"),
    ("REASON", "credentials or outage"),
    ("SUMMARY", "the text that is also on standard input"),
    ("SIMULATED", "true or false"),
];

/// The long help of an option: what it does, and the variables.
pub(super) fn help(what: &str, variables: &[(&str, &str)]) -> String {
    let mut text = format!("{what}. Its variables, each after {PREFIX}:");
    for (name, meaning) in variables {
        let _ = write!(text, "\n  {name:<15}  {meaning}"); // writing to a string cannot fail
    }
    text
}
