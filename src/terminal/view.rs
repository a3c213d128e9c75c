//! Formats a tally as text, and fits it into the width of a terminal.
//!
//! Pure: no line is wider than the given width. Must not print.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use console::style;
use indicatif::HumanCount;

use super::states::{self, Clock};
use crate::event::Phase;
use crate::terminal::tally::Tally;
use crate::text::counted;

/// The separator between two parts of a line.
const BETWEEN: &str = " · ";

/// How many error codes are named; the rest are counted.
const CODES: usize = 3;

/// How many accounts and regions that are held up are named on one line.
const HELD: usize = 3;

/// How many of the rows are settled, as a bar; none while the count of the rows is not known.
pub(super) fn bar(tally: &Tally, width: usize) -> Option<String> {
    let rows = Some(tally.rows).filter(|rows| *rows > 0 && tally.listed.is_none())?;
    let (settled, columns) = (tally.settled().min(rows), width.checked_sub(5)?);
    let part = |of: u64| u64::try_from(u128::from(settled) * u128::from(of) / u128::from(rows)).unwrap_or(of);
    let done = usize::try_from(part(columns as u64)).unwrap_or(columns);
    let (done, left) = ("━".repeat(done), "─".repeat(columns - done));
    Some(format!("{}{} {:>3}%", style(done).for_stderr().cyan(), style(left).for_stderr().blue(), part(100)))
}

/// The lines below the bar: how far the run is, how fast, and what holds it back; then its accounts and regions. There are
/// no more lines of these than fit into `height`, and none is wider than `width`.
pub(super) fn lines(tally: &Tally, clock: &Clock, width: usize, height: usize) -> Vec<String> {
    let mut lines = fit(&counts(tally), width);
    lines.extend(fit(&pace(tally, clock), width));
    if tally.lanes.is_empty() || tally.stopping.is_some() {
        lines.extend(states::state(tally, clock).iter().flat_map(|state| wrap(state, width)));
    } else {
        let room = height.saturating_sub(lines.len());
        lines.extend(lanes(tally, clock, room).iter().map(|line| truncated(line, width)));
    }
    lines
}

/// At most so many accounts and regions, a line each: first those that are held up, then those that have most to do.
fn lanes(tally: &Tally, clock: &Clock, room: usize) -> Vec<String> {
    let mut at_work: Vec<_> = tally.lanes.iter().filter(|lane| lane.settled() < lane.rows).collect();
    at_work.sort_by_key(|lane| (states::state(lane, clock).is_none(), Reverse(lane.rows - lane.settled())));
    let shown = if at_work.len() > room { room.saturating_sub(1) } else { room };
    let mut lines: Vec<_> = at_work.iter().take(shown).map(|lane| lane_line(lane, clock)).collect();
    let rest = at_work.len().saturating_sub(shown) as u64;
    lines.extend(Some(more(rest)).filter(|_| rest > 0 && room > 0));
    lines
}

fn more(count: u64) -> String {
    match count {
        1 => "… and 1 more account and region".to_owned(),
        count => format!("… and {} more accounts and regions", HumanCount(count)),
    }
}

/// What holds it up comes first: the end of a line may not fit.
fn lane_line(lane: &Tally, clock: &Clock) -> String {
    let counts = format!("{} of {}", HumanCount(lane.settled()), HumanCount(lane.rows));
    let failed = lane.failed + lane.unknown;
    let failed = (failed > 0).then(|| format!("{} failed", HumanCount(failed)));
    let state = states::state(lane, clock);
    let pace = state.is_none().then(|| format!("{:.1} requests/s", lane.request_rate(clock.now)));
    let parts = [state, Some(counts), failed, pace, states::end(lane, clock)];
    format!("{}: {}", lane.name, parts.into_iter().flatten().collect::<Vec<_>>().join(BETWEEN))
}

fn truncated(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// Everything on one line, for output that is not a terminal.
pub(super) fn line(tally: &Tally, clock: &Clock) -> String {
    let state = match tally.lanes.is_empty() || tally.stopping.is_some() {
        true => states::state(tally, clock).into_iter().collect(),
        false => held(tally, clock),
    };
    let parts = [counts(tally), pace(tally, clock), state];
    parts.concat().join(BETWEEN)
}

/// The accounts and regions that are held up: the first of them, and the count of the others.
fn held(tally: &Tally, clock: &Clock) -> Vec<String> {
    let at_work = tally.lanes.iter().filter(|lane| lane.settled() < lane.rows);
    let mut held: Vec<_> =
        at_work.filter_map(|lane| Some(format!("{}: {}", lane.name, states::state(lane, clock)?))).collect();
    let rest = held.len().saturating_sub(HELD) as u64;
    held.truncate(HELD);
    held.extend((rest > 0).then(|| format!("{} held up", more(rest))));
    held
}

fn counts(tally: &Tally) -> Vec<String> {
    if let Some((pages, numbers)) = tally.listed {
        return vec![format!("{} listed", counted(numbers, "number")), counted(pages, "page")];
    }
    let mut parts = vec![
        format!("{} of {} rows", HumanCount(tally.settled()), HumanCount(tally.rows)),
        format!("{} succeeded", HumanCount(tally.succeeded)),
    ];
    if tally.failed + tally.unknown == 0 {
        parts.push("0 failed".to_owned());
        return parts;
    }
    if tally.failed > 0 {
        parts.push(format!("{} failed", HumanCount(tally.failed)));
    }
    if tally.unknown > 0 {
        parts.push(format!("{} unknown", HumanCount(tally.unknown)));
    }
    if let Some(last) = parts.last_mut().filter(|_| !tally.failed_by_code.is_empty()) {
        let _ = write!(last, " ({})", codes(&tally.failed_by_code));
    }
    parts
}

/// `Forbidden 12, NotFound 3`: the most frequent first.
pub(super) fn codes(failed_by_code: &BTreeMap<Box<str>, u64>) -> String {
    let mut codes: Vec<_> = failed_by_code.iter().map(|(code, rows)| (&**code, *rows)).collect();
    codes.sort_by_key(|&(code, rows)| (Reverse(rows), code));
    let mut named: Vec<String> = codes
        .iter()
        .take(CODES)
        .map(|(code, rows)| format!("{} {}", plain(code), HumanCount(*rows)))
        .collect();
    let rest: u64 = codes.iter().skip(CODES).map(|(_, rows)| rows).sum();
    if rest > 0 {
        named.push(format!("others {}", HumanCount(rest)));
    }
    named.join(", ")
}

fn pace(tally: &Tally, clock: &Clock) -> Vec<String> {
    let mut parts = vec![format!("{:.1} requests/s", tally.request_rate(clock.now))];
    match (tally.limit, tally.phase) {
        (Some(limit), _) => parts.push(format!("limit found: {limit:.1}/s")),
        (None, Some(Phase::Probing)) => parts.push("probing for the limit".to_owned()),
        _ => {}
    }
    parts.push(format!("{} in flight", HumanCount(tally.in_flight)));
    parts.push(format!("{} throttled", HumanCount(tally.throttled)));
    if tally.retries > 0 {
        parts.push(counted(tally.retries, "retry").replace("retrys", "retries"));
    }
    parts.extend(states::end(tally, clock));
    parts.extend(states::stop(tally, clock));
    parts
}

/// Puts as many parts on a line as fit; wraps a part that is too long for one line at its spaces.
fn fit(parts: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width_of(line) + width_of(BETWEEN) + width_of(part) <= width => {
                line.push_str(BETWEEN);
                line.push_str(part);
            }
            _ => lines.extend(wrap(part, width)),
        }
    }
    lines
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width_of(line) + 1 + width_of(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(truncated(word, width)),
        }
    }
    lines
}

fn width_of(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Removes control characters, which a terminal would obey: the name comes from the service.
fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_control()).collect()
}
