//! The data that the template shows, apart from what it takes from the summary itself.
//!
//! Must not escape anything: the template does.

use std::borrow::Borrow;
use std::time::Duration;

use askama::Template;
use base64::Engine;
use indicatif::HumanCount;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::chart::{self, Chart, Percent, ended};
use super::rows::{Gathered, Row};
use crate::report::summary::masked::masked;
use crate::report::summary::text::worst_first;
use crate::report::summary::{Counts, ErrorCount, Lane, OfConnector, Summary};
use crate::report::timeline::Timeline;
use crate::text::{self, counted};

/// Connectors, accounts and regions that are shown at once; the others that are shown unfold.
const FIRST: usize = 10;

/// Connectors shown; the JSON has all.
const CONNECTORS: usize = 50;

/// Accounts and regions shown.
const LANES: usize = 50;

/// Codes shown.
const CODES: usize = 30;

/// Rows that are folded together where there are no scripts. The script has pages of its own.
const PART: usize = 100;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page<'a> {
    summary: &'a Summary,
    counts: &'a Counts,
    headline: String,
    /// The day of the run, or of the rows that are settled; and from when to when that was.
    time: Option<(String, String)>,
    timeline: Option<&'a Timeline>,
    chart: Option<Chart>,
    /// By code, the most frequent first.
    errors: Vec<(&'a str, &'a ErrorCount)>,
    most_errors: u64,
    /// The accounts and regions, the worst first, if there are several; and how many are not shown.
    lanes: Vec<&'a Lane>,
    more_lanes: usize,
    /// By name, the worst first; and those that are not shown.
    connectors: Vec<(&'a str, &'a OfConnector)>,
    more_connectors: Vec<(&'a str, &'a OfConnector)>,
    rows: Vec<&'a Row>,
    statuses: Vec<&'static str>,
    has_full_numbers: bool,
}

/// A part of an outcome.
struct Part {
    name: &'static str,
    class: String,
    count: HumanCount,
    start: Percent,
    width: Percent,
}

impl<'a> Page<'a> {
    pub(super) fn of(summary: &'a Summary, gathered: &'a Gathered) -> Self {
        let run = summary.run.as_ref();
        let time = run.map(|run| (run.started_at, ended(run))).or(gathered.time);
        let timeline = run.and_then(|run| run.timeline.as_ref());
        let chart = match (run, timeline) {
            (Some(run), Some(timeline)) => chart::requests(run, timeline),
            _ => chart::settled(gathered),
        };
        let errors = worst_first(&summary.counted.errors, |error| error.rows);
        let mut connectors = worst_first(&summary.counted.connectors, |it| it.counts.trouble());
        let more_connectors = connectors.split_off(CONNECTORS.min(connectors.len()));
        let mut lanes = Lane::worst_first(run.map(|run| &*run.lanes).unwrap_or_default());
        let more_lanes = lanes.split_off(LANES.min(lanes.len())).len();
        let rows = gathered.rows();
        let mut statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        Self {
            summary,
            counts: &summary.counted.rows,
            headline: headline(summary),
            time: time.map(|(begin, end)| (date(begin), period(begin, end))),
            timeline,
            chart,
            most_errors: errors.first().map_or(1, |(_, error)| error.rows),
            errors,
            lanes,
            more_lanes,
            connectors,
            more_connectors,
            rows,
            statuses,
            has_full_numbers: gathered.has_full_numbers(),
        }
    }
}

// The template passes numbers by reference.

/// `9,700`.
fn count(number: impl Borrow<u64>) -> HumanCount {
    HumanCount(*number.borrow())
}

/// `2 min`.
fn span(seconds: impl Borrow<f64>) -> String {
    text::span(Duration::try_from_secs_f64(*seconds.borrow()).unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(rows: impl Borrow<u64>, most: impl Borrow<u64>) -> Percent {
    Percent(100.0 * *rows.borrow() as f64 / *most.borrow() as f64)
}

fn first<T>(all: &[T]) -> &[T] {
    &all[..FIRST.min(all.len())]
}

fn rest<T>(all: &[T]) -> &[T] {
    &all[FIRST.min(all.len())..]
}

/// `24 November 2026`.
fn date(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

/// `24 November 2026, 01:11:00 to 07:58:12 UTC`.
fn period(begin: Timestamp, end: Timestamp) -> String {
    let (first, last) = (date(begin), date(end));
    let day = if first == last { String::new() } else { format!("{last}, ") };
    format!("{first}, {} to {day}{} UTC", begin.strftime("%H:%M:%S"), end.strftime("%H:%M:%S"))
}

/// The parts of a message, and whether each is code: between backticks.
fn spans(text: &(impl AsRef<str> + ?Sized)) -> impl Iterator<Item = (bool, &str)> {
    text.as_ref().split('`').enumerate().map(|(at, part)| (at % 2 == 1, part))
}

/// `Lines 2 to 140: 100 rows`.
fn lines(part: &[&Row]) -> String {
    let line = |row: Option<&&Row>| HumanCount(row.map_or(0, |row| row.line));
    format!("Lines {} to {}: {}", line(part.first()), line(part.last()), counted(part.len() as u64, "row"))
}

/// The hash by which a content security policy allows an inline text.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
}

fn headline(summary: &Summary) -> String {
    let counts = &summary.counted.rows;
    let trouble =
        format!("{} of {} did not succeed", HumanCount(counts.trouble()), counted(counts.total, "row"));
    let stopped = summary.run.as_ref().and_then(|run| run.stopped);
    match stopped {
        _ if counts.total == 0 => "The report has no rows".to_owned(),
        _ if summary.all_succeeded && counts.total == 1 => "The one row succeeded".to_owned(),
        _ if summary.all_succeeded => format!("All {} succeeded", counted(counts.total, "row")),
        _ if counts.trouble() == 0 => {
            "Every row succeeded, but some numbers were seen where they had been".to_owned()
        }
        None => trouble,
        Some(_) => format!("Stopped early: {trouble}"),
    }
}

fn parts(counts: &Counts) -> Vec<Part> {
    let mut start = 0.0;
    let named = counts.named().into_iter().filter(|(_, count)| *count > 0);
    let part = named.map(|(name, count)| {
        let class = if name == "without a status" { "no_status".to_owned() } else { name.replace(' ', "_") };
        let part = Part {
            name,
            class,
            count: HumanCount(count),
            start: Percent(start),
            width: share(count, counts.total),
        };
        start += part.width.0;
        part
    });
    part.collect()
}

impl Part {
    /// Rounding never turns a part into 100 %, nor a small part into 0 %.
    fn share(&self) -> String {
        match self.width.0 {
            100.0 => "100 %".to_owned(),
            percent if percent > 99.9 => "> 99.9 %".to_owned(),
            percent if percent < 0.1 => "< 0.1 %".to_owned(),
            percent => format!("{percent:.1} %"),
        }
    }
}

fn meaning(name: &str) -> &'static str {
    match name {
        "succeeded" => "the number is off its connector",
        "failed" => "refused, or the service was never reached: nothing was changed",
        "unknown" => "no definite answer: it may have happened; a rerun finds out",
        "not attempted" => "the run ended before their turn",
        "invalid" => "the row cannot be sent as it stands",
        "duplicate" => "an earlier row is the same",
        _ => "emptied or changed by hand; a rerun sends them",
    }
}

/// `9,700 succeeded, 12 failed`.
fn label(counts: &Counts) -> String {
    let words = parts(counts).into_iter().map(|part| format!("{} {}", part.count, part.name));
    words.collect::<Vec<_>>().join(", ")
}

/// The first row with this error, in words.
fn example(error: &ErrorCount) -> String {
    let line = format!("line {}", error.line);
    let message = error.example.strip_prefix(&format!("{line}: ")).unwrap_or(&error.example);
    let number = error.number.iter().map(|number| format!(", number {number}"));
    let request = Some(&error.request_id).filter(|id| !id.is_empty()).map(|id| format!(", request {id}"));
    let message = Some(message).filter(|message| !message.is_empty()).map(|message| format!(": {message}"));
    [format!("Such as {line}")].into_iter().chain(number).chain(request).chain(message).collect()
}

fn in_trouble(connectors: &[(&str, &OfConnector)]) -> u64 {
    connectors.iter().filter(|(_, it)| it.counts.trouble() > 0).count() as u64
}
