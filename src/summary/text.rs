//! A summary for people: short whatever the job's size, the trouble first.
//!
//! Must not show a whole phone number.

use std::cmp::Reverse;
use std::fmt;

use indicatif::HumanCount;

use super::masked::masked;
use super::{Counts, ErrorCount, Run, Summary};
use crate::progress::{counted, span};

/// Connectors and codes shown; the JSON has all.
const SHOWN: usize = 10;

/// What no operator should learn from the bill.
pub const STILL_BILLED: &str = "a number that was removed from its connector stays in the account's inventory, and is billed, until it is released";

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Lines(self).to_string().trim_end())
    }
}

/// Each part ends its own lines, and whichever is the last must not.
struct Lines<'a>(&'a Summary);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

impl Summary {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "SIMULATED: no number was removed anywhere")?;
        }
        if let Some(reason) = self.run.as_ref().and_then(|run| run.stopped) {
            writeln!(f, "stopped early: {}", reason.because())?;
        }
        let rows = &self.counted.rows;
        writeln!(f, "{} in {}", counted(rows.total, "row"), self.report.display())?;
        for (name, count) in rows.named().into_iter().filter(|(_, count)| *count > 0) {
            let meaning = meaning(name).map(|text| format!(": {text}")).unwrap_or_default();
            writeln!(f, "  {:>9}  {name}{meaning}", HumanCount(count).to_string())?;
        }
        self.write_connectors(f)?;
        self.write_errors(f)?;
        match &self.run {
            Some(run) => write_pace(f, run)?,
            None => writeln!(f, "the pace is known to the run alone: its --summary-json file has it")?,
        }
        if rows.succeeded > 0 && !self.simulated {
            writeln!(f, "note: {STILL_BILLED}")?;
        }
        if let Some(command) = &self.next_command {
            writeln!(f, "\nall of this is in the report; what succeeded is not sent again")?;
            write!(f, "to go on with the rest: {command}")?;
        }
        Ok(())
    }
}

/// What a count means, where its name does not say it.
fn meaning(name: &str) -> Option<&'static str> {
    match name {
        "unknown" => Some("no definite answer, it may have happened; a rerun finds out"),
        "not attempted" => Some("never sent, nothing was changed"),
        "without a status" => Some("a rerun sends them"),
        _ => None,
    }
}

/// Connectors or codes, the worst first.
#[must_use]
pub fn worst_first<T>(
    all: &std::collections::BTreeMap<Box<str>, T>,
    rows: impl Fn(&T) -> u64,
) -> Vec<(&str, &T)> {
    let mut sorted: Vec<_> = all.iter().map(|(name, it)| (&**name, it)).collect();
    sorted.sort_by_key(|(_, it)| Reverse(rows(it)));
    sorted
}

impl Summary {
    fn write_connectors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = worst_first(&self.counted.connectors, Counts::trouble);
        if all.is_empty() {
            return Ok(());
        }
        writeln!(f, "by connector")?;
        for (name, counts) in all.iter().take(SHOWN) {
            let parts = counts.named().into_iter().filter(|(_, count)| *count > 0);
            let parts: Vec<_> = parts.map(|(name, count)| format!("{} {name}", HumanCount(count))).collect();
            writeln!(f, "  {}: {}", masked(name), parts.join(", "))?;
        }
        let rest = all.get(SHOWN..).unwrap_or_default();
        let troubled = rest.iter().filter(|(_, counts)| counts.trouble() > 0).count() as u64;
        match (rest.len() as u64, troubled) {
            (0, _) => Ok(()),
            (rest, 0) => writeln!(f, "  … and {}, all well", counted(rest, "more connector")),
            (rest, _) => {
                writeln!(
                    f,
                    "  … and {}, {} with trouble",
                    counted(rest, "more connector"),
                    HumanCount(troubled)
                )
            }
        }
    }

    fn write_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counted.errors.is_empty() {
            return Ok(());
        }
        writeln!(f, "by error")?;
        let errors = worst_first(&self.counted.errors, |error| error.rows);
        for (code, error) in errors.iter().take(SHOWN) {
            write_error(f, code, error)?;
        }
        match errors.len().saturating_sub(SHOWN) as u64 {
            0 => Ok(()),
            rest => writeln!(f, "  … and {}", counted(rest, "more error code")),
        }
    }
}

fn write_error(f: &mut fmt::Formatter<'_>, code: &str, error: &ErrorCount) -> fmt::Result {
    let code = if code.is_empty() { "(no code)".into() } else { masked(code) };
    write!(f, "  {:>9}  {code}", HumanCount(error.rows).to_string())?;
    if !error.example.is_empty() {
        write!(f, ": {}", without_line(&error.example))?;
    }
    write!(f, "\n             such as line {}", error.line)?;
    if let Some(number) = &error.number {
        write!(f, ", number {number}")?;
    }
    if !error.request_id.is_empty() {
        write!(f, ", request {}", error.request_id)?;
    }
    writeln!(f)?;
    error.hint.map_or(Ok(()), |hint| writeln!(f, "             hint: {hint}"))
}

/// `line 9: the connector is empty` → `the connector is empty`. Its line in the report follows, and that may be another.
fn without_line(message: &str) -> &str {
    let rest = message.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    rest.filter(|(line, _)| line.bytes().all(|byte| byte.is_ascii_digit())).map_or(message, |(_, rest)| rest)
}

fn write_pace(f: &mut fmt::Formatter<'_>, run: &Run) -> fmt::Result {
    if run.requests == 0 {
        return Ok(());
    }
    write!(f, "{} in ", counted(run.requests, "request"))?;
    // Of less than a second there is no pace to speak of.
    match run.elapsed.as_secs() {
        0 => write!(f, "less than a second")?,
        _ => write!(f, "{}, {:.1} a second", span(run.elapsed), run.rate())?,
    }
    match run.throttled {
        0 => write!(f, ", none throttled")?,
        throttled => write!(f, ", {} throttled ({:.1} %)", HumanCount(throttled), run.throttled_percent())?,
    }
    if let Some(found) = run.rate_found {
        write!(f, "; limit found: {found:.1} requests a second")?;
    }
    writeln!(f)
}
