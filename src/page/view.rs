//! What the template shows, in its words: everything is text by now.
//!
//! Must not escape anything itself, but for the chart, which its library has escaped.

use askama::Template;
use base64::Engine;
use indicatif::HumanCount;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::figure::{Figure, requests, settled};
use super::rows::{Gathered, Row, SHOWN};
use crate::progress::{counted, span};
use crate::summary::masked::masked;
use crate::summary::text::{STILL_BILLED, worst_first};
use crate::summary::{Counts, Run, Summary};
use crate::timeline::Timeline;

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
    style: &'static str,
    style_hash: String,
    script: &'static str,
    script_hash: String,
    version: &'static str,
    report: String,
    finished: Option<String>,
    simulated: bool,
    headline: String,
    lead: String,
    total: u64,
    parts: Vec<Part>,
    bar_label: String,
    next_command: Option<&'a str>,
    note: Option<&'static str>,
    time_title: &'static str,
    facts: Vec<(&'static str, String)>,
    chart: Option<Figure>,
    pauses: Vec<String>,
    known_to_run: bool,
    errors: Vec<Error>,
    errors_rest: Option<String>,
    connectors: Vec<Connector>,
    connectors_rest: Option<String>,
    rows: Vec<&'a Row>,
    rows_cut: Option<String>,
    statuses: Vec<&'static str>,
    numbers_note: &'static str,
}

/// A part of an outcome.
struct Part {
    name: &'static str,
    class: String,
    meaning: &'static str,
    count: u64,
    shown: String,
    share: String,
    start: f64,
    width: f64,
}

struct Error {
    code: String,
    rows: String,
    share: f64,
    hint: Option<&'static str>,
    example: String,
}

struct Connector {
    name: String,
    total: String,
    succeeded: String,
    trouble: String,
    parts: Vec<Part>,
    words: String,
}

impl<'a> Page<'a> {
    pub fn of(summary: &'a Summary, gathered: &'a Gathered) -> anyhow::Result<Self> {
        let counts = &summary.counted.rows;
        let run = summary.run.as_ref();
        let parts = parts(counts);
        let chart = match run.and_then(|run| Some((run, run.timeline.as_ref()?))) {
            Some((run, timeline)) => requests(run, timeline)?,
            None => settled(gathered)?,
        };
        let timeline = run.and_then(|run| run.timeline.as_ref());
        let rows = gathered.rows();
        let mut statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let (errors, errors_rest) = errors(summary);
        let (connectors, connectors_rest) = connectors(summary);
        Ok(Self {
            style: STYLE,
            style_hash: hash(STYLE),
            script: SCRIPT,
            script_hash: hash(SCRIPT),
            version: env!("CARGO_PKG_VERSION"),
            report: summary.report.display().to_string(),
            finished: run.map(|run| day(ended(run))),
            simulated: summary.simulated,
            headline: headline(summary),
            lead: lead(summary),
            total: counts.total,
            bar_label: label(&parts),
            parts,
            next_command: summary.next_command.as_deref(),
            note: (counts.succeeded > 0 && !summary.simulated).then_some(STILL_BILLED),
            time_title: if run.is_some() { "The run" } else { "Over time" },
            facts: run.map(facts).unwrap_or_default(),
            chart,
            pauses: timeline.map(pauses).unwrap_or_default(),
            known_to_run: timeline.is_some(),
            errors,
            errors_rest,
            connectors,
            connectors_rest,
            rows_cut: cut(counts.trouble(), rows.len()),
            rows,
            statuses,
            numbers_note: match gathered.has_full_numbers() {
                true => "It shows whole phone numbers: handle it as you handle the report.",
                false => "Phone numbers are cut to their last four digits; the report has them whole.",
            },
        })
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

pub(super) fn ended(run: &Run) -> Timestamp {
    run.started_at.checked_add(run.elapsed).unwrap_or(run.started_at)
}

pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

#[expect(clippy::cast_precision_loss, reason = "shares")]
fn parts(counts: &Counts) -> Vec<Part> {
    let total = counts.total.max(1) as f64;
    let mut start = 0.0;
    let mut parts = Vec::new();
    for (name, count) in counts.named().into_iter().filter(|(_, count)| *count > 0) {
        let width = 100.0 * count as f64 / total;
        parts.push(Part {
            name,
            class: match name {
                "without a status" => "no_status".to_owned(),
                name => name.replace(' ', "_"),
            },
            meaning: meaning(name),
            count,
            shown: HumanCount(count).to_string(),
            share: share(width),
            start,
            width,
        });
        start += width;
    }
    parts
}

/// Never 100 % of what is not all, nor 0 % of what is something.
fn share(percent: f64) -> String {
    match percent {
        100.0 => "100 %".to_owned(),
        _ if percent > 99.9 => "> 99.9 %".to_owned(),
        _ if percent < 0.1 => "< 0.1 %".to_owned(),
        _ => format!("{percent:.1} %"),
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
    let words: Vec<_> = parts.iter().map(|part| format!("{} {}", part.shown, part.name)).collect();
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
            let length = span(std::time::Duration::try_from_secs_f64(pause.seconds).unwrap_or_default());
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
            share: 100.0 * error.rows as f64 / most,
            hint: error.hint,
            example,
        }
    });
    let rest = all.len().saturating_sub(CODES) as u64;
    (shown.collect(), (rest > 0).then(|| format!("… and {}.", counted(rest, "more code"))))
}

fn connectors(summary: &Summary) -> (Vec<Connector>, Option<String>) {
    let all = worst_first(&summary.counted.connectors, Counts::trouble);
    let shown = all.iter().take(CONNECTORS).map(|(name, counts)| {
        let parts = parts(counts);
        Connector {
            name: masked(name),
            total: HumanCount(counts.total).to_string(),
            succeeded: HumanCount(counts.succeeded).to_string(),
            trouble: HumanCount(counts.trouble()).to_string(),
            words: label(&parts),
            parts,
        }
    });
    let rest = all.get(CONNECTORS..).unwrap_or_default();
    let troubled = rest.iter().filter(|(_, counts)| counts.trouble() > 0).count() as u64;
    let line = format!(
        "… and {}, {} of them with rows that did not succeed. The summary's JSON has all.",
        counted(rest.len() as u64, "more connector"),
        HumanCount(troubled)
    );
    (shown.collect(), (!rest.is_empty()).then_some(line))
}

fn cut(trouble: u64, shown: usize) -> Option<String> {
    (trouble > shown as u64).then(|| {
        format!(
            "Cut: the first {} of {} rows are here, those that wait for their turn last. The report has all.",
            HumanCount(SHOWN as u64),
            HumanCount(trouble)
        )
    })
}
