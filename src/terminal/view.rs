//! Formats a tally as text, and fits it into the width of a terminal.
//!
//! Pure: no line is wider than the given width. Must not print.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::HumanCount;

use super::states::{self, Clock};
use crate::event::Phase;
use crate::terminal::tally::Tally;
use crate::text::counted;

/// The separator between two parts of a line.
const BETWEEN: &str = " · ";

/// How many error codes are named; the rest are counted.
const CODES: usize = 3;

/// The lines below the bar: how far the run is, how fast, and what holds it back. No line is wider than `width`.
pub(super) fn lines(tally: &Tally, clock: &Clock, width: usize) -> Vec<String> {
    let mut lines = fit(&counts(tally), width);
    lines.extend(fit(&pace(tally, clock), width));
    lines.extend(states::state(tally, clock).iter().flat_map(|state| wrap(state, width)));
    lines
}

/// Everything on one line, for output that is not a terminal.
pub(super) fn line(tally: &Tally, clock: &Clock) -> String {
    let parts = [counts(tally), pace(tally, clock), states::state(tally, clock).into_iter().collect()];
    parts.concat().join(BETWEEN)
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
    codes.sort_by_key(|&(code, rows)| (std::cmp::Reverse(rows), code));
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
            _ => lines.push(console::truncate_str(word, width, "…").into_owned()),
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
