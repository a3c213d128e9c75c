//! A summary for people: short whatever the size of the job, with the problems first.
//!
//! Must not show a whole phone number.

use std::cmp::Reverse;
use std::fmt;

use indicatif::HumanCount;

use super::counts::{Counted, ErrorCount};
use super::json::{Lane, Run, Summary};
use super::masked::masked;
use crate::action::Action;
use crate::text::{counted, span};

/// Codes, accounts and regions shown; the JSON has all.
const SHOWN: usize = 10;

/// Connectors shown.
const CONNECTORS: usize = 8;

impl Summary {
    /// What an operator should not have to learn from the bill, or from AWS; `None` if nothing has changed there.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let has_changed = self.counted.rows.succeeded > 0 && !self.simulated;
        Some(match has_changed.then_some(self.action)? {
            Action::Disassociate => "a number that was removed from its connector stays in the account's inventory, \
                                     and is billed, until `chime-sweep release` puts it into the deletion queue"
                .to_owned(),
            Action::Delete => format!(
                "released numbers go back to AWS after seven days; until then `chime-sweep undo {}` restores them",
                self.report.display()
            ),
            Action::Associate | Action::Restore => return None,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lines(self).join("\n"))
    }
}

impl Summary {
    /// Why the run stopped early, or what is left, in two lines; `None` if everything succeeded.
    #[must_use]
    pub(crate) fn in_short(&self) -> Option<String> {
        let command = self.next_command.as_ref()?;
        let because = self.run.as_ref().and_then(Run::stopped_because);
        let stopped = because.map(|because| format!("stopped early: {because}; ")).unwrap_or_default();
        let counts = self.counted.rows.named().into_iter().filter(|(_, count)| *count > 0);
        let counts: Vec<_> = counts.map(|(name, count)| format!("{} {name}", HumanCount(count))).collect();
        let rows = counted(self.counted.rows.total, "row");
        Some(format!("{stopped}{rows}: {}\nto continue with the rest: {command}", counts.join(", ")))
    }
}

fn lines(summary: &Summary) -> Vec<String> {
    let rows = &summary.counted.rows;
    let mut lines = Vec::new();
    if summary.simulated {
        lines.push("SIMULATED: nothing was changed at AWS".to_owned());
    }
    if let Some(because) = summary.run.as_ref().and_then(Run::stopped_because) {
        lines.push(format!("stopped early: {because}"));
    }
    if let Some((run, caller)) = summary.run.as_ref().and_then(|run| Some((run, run.caller.as_ref()?))) {
        lines.push(format!("account {} ({}), {}", caller.account_id, caller.arn, run.target));
    }
    lines.push(format!("{} in {}", counted(rows.total, "row"), summary.report.display()));
    for (name, count) in rows.named().into_iter().filter(|(_, count)| *count > 0) {
        lines.push(format!("  {:>9}  {name}{}", HumanCount(count).to_string(), meaning(name)));
    }
    lines.extend(summary.run.iter().flat_map(|run| accounts(&run.lanes)));
    lines.extend(connectors(&summary.counted));
    lines.extend(errors(&summary.counted));
    match &summary.run {
        Some(run) => lines.extend(pace(run)),
        None => lines.push("only the run knows the pace: its --summary-json file has it".to_owned()),
    }
    lines.extend(summary.note().map(|note| format!("note: {note}")));
    if let Some(command) = &summary.next_command {
        lines.push("\nall of this is in the report; what succeeded is not sent again".to_owned());
        lines.push(format!("to continue with the rest: {command}"));
    }
    lines
}

/// What a count means, where its name does not say it.
fn meaning(name: &str) -> &'static str {
    match name {
        "unknown" => ": no definite answer, it may have happened; a rerun finds out",
        "not attempted" => ": never sent, nothing was changed",
        "without a status" => ": a rerun sends them",
        _ => "",
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

/// The accounts and regions of the input.
fn accounts(of_run: &[Lane]) -> Vec<String> {
    let all = Lane::worst_first(of_run);
    let mut lines = heading("by account and region", all.len());
    lines.extend(all.iter().take(SHOWN).map(|lane| format!("  {}", lane.in_words())));
    let rest = all.get(SHOWN..).unwrap_or_default();
    if !rest.is_empty() {
        let more = match rest.len() {
            1 => "1 more account and region".to_owned(),
            count => format!("{} more accounts and regions", HumanCount(count as u64)),
        };
        let stopped = rest.iter().filter(|lane| lane.stopped.is_some()).count() as u64;
        let state = match stopped {
            0 => "which did not stop early".to_owned(),
            stopped => format!("{} of which stopped early", HumanCount(stopped)),
        };
        lines.push(format!("  … and {more}, {state}"));
    }
    lines
}

impl Lane {
    /// Those that did not do everything come first.
    #[must_use]
    pub(crate) fn worst_first(lanes: &[Self]) -> Vec<&Self> {
        let mut all: Vec<_> = lanes.iter().collect();
        all.sort_by_key(|lane| (lane.stopped.is_none(), Reverse(lane.rows.saturating_sub(lane.succeeded))));
        all
    }

    /// Rows that were not sent, or not to the end.
    #[must_use]
    pub(crate) fn not_attempted(&self) -> u64 {
        self.rows.saturating_sub(self.succeeded + self.failed + self.unknown)
    }

    /// Why it ended early, in words.
    #[must_use]
    pub(crate) fn stopped_because(&self) -> Option<String> {
        let error = self.last_error.as_ref().map(|error| format!("; last error: {error}"));
        Some(self.stopped?.because().to_owned() + &error.unwrap_or_default())
    }

    /// What was done there, on one line.
    #[must_use]
    pub(crate) fn in_words(&self) -> String {
        let counts = [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.not_attempted(), "not attempted"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let mut parts: Vec<_> =
            counts.map(|(count, name)| format!("{} {name}", HumanCount(*count))).collect();
        parts.push(counted(self.requests, "request"));
        if self.throttled > 0 {
            parts.push(format!("{} throttled", HumanCount(self.throttled)));
        }
        parts.extend(self.rate_found.map(|found| format!("limit found: {found:.1} requests a second")));
        let account = self.account_id.as_ref().map(|id| format!(" (account {id})")).unwrap_or_default();
        let stopped = self.stopped_because().map(|because| format!("; stopped early: {because}"));
        format!("{}{account}: {}{}", self.name, parts.join(", "), stopped.unwrap_or_default())
    }
}

fn connectors(all: &Counted) -> Vec<String> {
    let all = worst_first(&all.connectors, |it| it.counts.trouble());
    let mut lines = heading("by connector", all.len());
    for (name, connector) in all.iter().take(CONNECTORS) {
        let parts = connector.counts.named().into_iter().filter(|(_, count)| *count > 0);
        let parts: Vec<_> = parts.map(|(name, count)| format!("{} {name}", HumanCount(count))).collect();
        let errors = Some(connector.errors_in_words()).filter(|errors| !errors.is_empty());
        let errors = errors.map(|errors| format!("; errors: {errors}")).unwrap_or_default();
        lines.push(format!("  {}: {}{errors}", masked(name), parts.join(", ")));
    }
    let rest = all.get(CONNECTORS..).unwrap_or_default();
    let troubled = rest.iter().filter(|(_, it)| it.counts.trouble() > 0).count() as u64;
    if !rest.is_empty() {
        let state = if troubled == 0 {
            "no problems".to_owned()
        } else {
            format!("{} with problems", HumanCount(troubled))
        };
        lines.push(format!("  … and {}, {state}", counted(rest.len() as u64, "more connector")));
    }
    lines
}

fn errors(all: &Counted) -> Vec<String> {
    let all = worst_first(&all.errors, |error| error.rows);
    let mut lines = heading("by error", all.len());
    lines.extend(all.iter().take(SHOWN).flat_map(|(code, error)| one_error(code, error)));
    if all.len() > SHOWN {
        lines.push(format!("  … and {}", counted((all.len() - SHOWN) as u64, "more error code")));
    }
    lines
}

fn heading(text: &str, entries: usize) -> Vec<String> {
    (entries > 0).then(|| text.to_owned()).into_iter().collect()
}

fn one_error(code: &str, error: &ErrorCount) -> Vec<String> {
    let code = if code.is_empty() { "(no code)".into() } else { masked(code) };
    let example = Some(without_line(&error.example)).filter(|text| !text.is_empty());
    let what: Vec<&str> = [Some(&*code), example].into_iter().flatten().collect();
    let number = error.number.as_ref().map(|number| format!("number {number}"));
    let request = Some(&error.request_id).filter(|id| !id.is_empty()).map(|id| format!("request {id}"));
    let place = [Some(format!("such as line {}", error.line)), number, request];
    let place: Vec<String> = place.into_iter().flatten().collect();
    let mut lines = vec![
        format!("  {:>9}  {}", HumanCount(error.rows).to_string(), what.join(": ")),
        format!("             {}", place.join(", ")),
    ];
    lines.extend(error.hint.iter().map(|hint| format!("             hint: {hint}")));
    lines
}

/// `line 9: the connector is empty` → `the connector is empty`. The line in the report follows; it may differ.
fn without_line(message: &str) -> &str {
    let rest = message.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    rest.filter(|(line, _)| line.bytes().all(|byte| byte.is_ascii_digit())).map_or(message, |(_, rest)| rest)
}

fn pace(run: &Run) -> Option<String> {
    let requests = Some(run.requests).filter(|requests| *requests > 0)?;
    // A pace over less than a second would mean nothing.
    let pace = match run.elapsed.as_secs() {
        0 => "less than a second".to_owned(),
        _ => format!("{}, {:.1} a second", span(run.elapsed), run.rate()),
    };
    let throttled = match run.throttled {
        0 => "none throttled".to_owned(),
        throttled => format!("{} throttled ({:.1} %)", HumanCount(throttled), run.throttled_percent()),
    };
    let found = run.rate_found.map(|found| format!("; limit found: {found:.1} requests a second"));
    Some(format!("{} in {pace}, {throttled}{}", counted(requests, "request"), found.unwrap_or_default()))
}
