//! What the template shows, in its words.
//!
//! Must not escape anything: the template does.

use std::time::Duration;

use askama::Template;
use base64::Engine;
use indicatif::HumanCount;
use sha2::{Digest, Sha256};

use super::chart::{self, Chart, Percent, day, ended};
use super::rows::{Gathered, Row};
use crate::report::summary::masked::masked;
use crate::report::summary::text::{STILL_BILLED, worst_first};
use crate::report::summary::{Counts, Run, Summary};
use crate::report::timeline::Timeline;
use crate::text::{counted, span};

/// Connectors shown; the JSON has all.
const CONNECTORS: usize = 50;

/// Codes shown.
const CODES: usize = 30;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page<'a> {
    summary: &'a Summary,
    headline: String,
    lead: String,
    parts: Vec<Part>,
    facts: Vec<(&'static str, String)>,
    chart: Option<Chart>,
    /// If the run tells of them.
    pauses: Option<Vec<String>>,
    errors: Vec<Error>,
    errors_rest: Option<String>,
    connectors: Vec<Connector>,
    /// How many more, and how many of them with rows that did not succeed.
    connectors_rest: Option<(String, HumanCount)>,
    rows: Vec<&'a Row>,
    /// If not all are shown: how many are, and of how many.
    cut: Option<[HumanCount; 2]>,
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

struct Error {
    code: String,
    rows: String,
    share: Percent,
    hint: Option<&'static str>,
    example: String,
}

struct Connector {
    name: String,
    total: HumanCount,
    succeeded: HumanCount,
    trouble: HumanCount,
    parts: Vec<Part>,
}

impl<'a> Page<'a> {
    pub fn of(summary: &'a Summary, gathered: &'a Gathered) -> Self {
        let run = summary.run.as_ref();
        let timeline = run.and_then(|run| run.timeline.as_ref());
        let chart = match (run, timeline) {
            (Some(run), Some(timeline)) => chart::requests(run, timeline),
            _ => chart::settled(gathered),
        };
        let rows = gathered.rows();
        let trouble = summary.counted.rows.trouble();
        let cut = (trouble > rows.len() as u64).then(|| [rows.len() as u64, trouble].map(HumanCount));
        let mut statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let (errors, errors_rest) = errors(summary);
        let (connectors, connectors_rest) = connectors(summary);
        Self {
            summary,
            headline: headline(summary),
            lead: lead(summary),
            parts: parts(&summary.counted.rows),
            facts: run.map(facts).unwrap_or_default(),
            chart,
            pauses: timeline.map(pauses),
            errors,
            errors_rest,
            connectors,
            connectors_rest,
            rows,
            cut,
            statuses,
            has_full_numbers: gathered.has_full_numbers(),
        }
    }
}

/// As a content security policy names a text that may be used.
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
        None => trouble,
        Some(_) => format!("Stopped early: {trouble}"),
    }
}

fn lead(summary: &Summary) -> String {
    let mut parts = vec![summary.report.display().to_string()];
    if let Some(run) = &summary.run {
        parts.push(run.target.clone());
        if let Some(reason) = run.stopped {
            parts.insert(0, format!("The run stopped because {}", reason.because()));
        }
    }
    parts.join(" · ")
}

#[expect(clippy::cast_precision_loss, reason = "shares")]
fn parts(counts: &Counts) -> Vec<Part> {
    let total = counts.total.max(1) as f64;
    let mut start = 0.0;
    let named = counts.named().into_iter().filter(|(_, count)| *count > 0);
    let part = named.map(|(name, count)| {
        let class = if name == "without a status" { "no_status".to_owned() } else { name.replace(' ', "_") };
        let part = Part {
            name,
            class,
            count: HumanCount(count),
            start: Percent(start),
            width: Percent(100.0 * count as f64 / total),
        };
        start += part.width.0;
        part
    });
    part.collect()
}

impl Part {
    /// Never 100 % of what is not all, nor 0 % of what is something.
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
fn label(parts: &[Part]) -> String {
    let words: Vec<_> = parts.iter().map(|part| format!("{} {}", part.count, part.name)).collect();
    words.join(", ")
}

fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Started", run.started_at.strftime("%-d %b, %H:%M").to_string()),
        ("Took", if run.elapsed.as_millis() < 500 { "under a second".to_owned() } else { span(run.elapsed) }),
        ("Requests", HumanCount(run.requests).to_string()),
        ("A second", format!("{:.1}", run.rate())),
        (
            "Throttled",
            match run.throttled {
                0 => "none".to_owned(),
                _ => format!("{} ({:.1} %)", HumanCount(run.throttled), run.throttled_percent()),
            },
        ),
    ];
    facts.extend(run.rate_found.map(|found| ("Limit found", format!("{found:.1} a second"))));
    facts
}

fn pauses(timeline: &Timeline) -> Vec<String> {
    let mut lines: Vec<_> = timeline
        .pauses
        .iter()
        .map(|pause| {
            let length = span(Duration::try_from_secs_f64(pause.seconds).unwrap_or_default());
            format!("{}, for {length}: {}.", pause.at.strftime("%H:%M:%S"), pause.kind.in_words())
        })
        .collect();
    if timeline.pauses_left_out > 0 {
        lines.push(format!("… and {}", counted(timeline.pauses_left_out, "more pause")));
    }
    lines
}

#[expect(clippy::cast_precision_loss, reason = "shares")]
fn errors(summary: &Summary) -> (Vec<Error>, Option<String>) {
    let all = worst_first(&summary.counted.errors, |error| error.rows);
    let most = all.first().map_or(1, |(_, error)| error.rows).max(1) as f64;
    let shown = all.iter().take(CODES).map(|(code, error)| {
        let number = error.number.iter().map(|number| format!(", number {number}"));
        let request = Some(&error.request_id).filter(|id| !id.is_empty()).map(|id| format!(", request {id}"));
        let line = format!("line {}", error.line);
        let message = error.example.strip_prefix(&format!("{line}: ")).unwrap_or(&error.example);
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        let example =
            ["Such as ".to_owned(), line].into_iter().chain(number).chain(request).chain([message]).collect();
        Error {
            code: if code.is_empty() { "(no code)".to_owned() } else { masked(code) },
            rows: counted(error.rows, "row"),
            share: Percent(100.0 * error.rows as f64 / most),
            hint: error.hint,
            example,
        }
    });
    let rest = all.len().saturating_sub(CODES) as u64;
    (shown.collect(), (rest > 0).then(|| counted(rest, "more code")))
}

fn connectors(summary: &Summary) -> (Vec<Connector>, Option<(String, HumanCount)>) {
    let all = worst_first(&summary.counted.connectors, Counts::trouble);
    let shown = all.iter().take(CONNECTORS).map(|(name, counts)| Connector {
        name: masked(name),
        total: HumanCount(counts.total),
        succeeded: HumanCount(counts.succeeded),
        trouble: HumanCount(counts.trouble()),
        parts: parts(counts),
    });
    let rest = all.get(CONNECTORS..).unwrap_or_default();
    let troubled = HumanCount(rest.iter().filter(|(_, counts)| counts.trouble() > 0).count() as u64);
    let rest = (!rest.is_empty()).then(|| (counted(rest.len() as u64, "more connector"), troubled));
    (shown.collect(), rest)
}
