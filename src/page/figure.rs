//! A chart with its words: what it shows for those who do not see it, and the same counts as a table.
//!
//! Must not count; it divides by time at most.

use indicatif::HumanCount;
use jiff::Timestamp;

use super::chart::{self, Columns};
use super::rows::Gathered;
use super::view::{day, ended};
use crate::progress::{counted, span};
use crate::summary::Run;
use crate::timeline::Timeline;

/// A chart with all that is said of it.
pub(super) struct Figure {
    pub caption: String,
    pub label: String,
    pub legend: Vec<(&'static str, &'static str)>,
    pub wide: String,
    pub narrow: String,
    pub columns: [&'static str; 3],
    pub table: Vec<(String, [String; 3])>,
}

/// Requests over time.
#[expect(clippy::cast_precision_loss, reason = "rates")]
pub(super) fn requests(run: &Run, timeline: &Timeline) -> anyhow::Result<Option<Figure>> {
    let interval = timeline.interval_seconds.max(0.001);
    if timeline.intervals.len() < 2 {
        return Ok(None);
    }
    let rates = |counts: [u64; 3]| counts.map(|count| count as f64 / interval);
    let counts: Vec<_> = timeline
        .intervals
        .iter()
        .map(|it| (it.at, [it.requests.answered, it.requests.throttled, it.requests.failed]))
        .collect();
    let pace = timeline.intervals.iter().filter_map(|it| Some((it.at, it.requests.pace?)));
    let limit = run.rate_found.map(|found| (found, format!("limit found: {found:.1}/s")));
    let mut legend =
        vec![("k-answered", "answered"), ("k-throttled", "throttled (429)"), ("k-failed", "failed")];
    legend.retain(|(class, _)| match *class {
        "k-throttled" => run.throttled > 0,
        "k-failed" => timeline.intervals.iter().any(|it| it.requests.failed > 0),
        _ => true,
    });
    let line: Vec<_> = pace.collect();
    legend.extend((!line.is_empty()).then_some(("k-pace", "pace kept")));
    legend.extend((!timeline.pauses.is_empty()).then_some(("k-pause", "pause")));
    let first = counts.first().map_or(run.started_at, |(at, _)| (*at).min(run.started_at));
    let columns = Columns {
        span: (first, ended(run).max(first)),
        interval,
        parts: counts.iter().map(|(at, counts)| (*at, rates(*counts))).collect(),
        pauses: timeline.pauses.iter().map(|pause| (pause.at, pause.seconds)).collect(),
        line,
        limit,
    };
    let label = format!(
        "Requests a second over {}: {} in all, {} throttled, {}",
        span(run.elapsed),
        HumanCount(run.requests),
        HumanCount(run.throttled),
        counted(timeline.pauses.len() as u64, "pause")
    );
    figure("Requests a second", label, legend, ["Answered", "Throttled", "Failed"], &columns, &counts)
        .map(Some)
}

/// Rows over time, which is what a report tells by itself.
#[expect(clippy::cast_precision_loss, reason = "counts in a chart")]
pub(super) fn settled(gathered: &Gathered) -> anyhow::Result<Option<Figure>> {
    let counts: Vec<_> = gathered
        .settled
        .intervals()
        .map(|(at, settled)| (at, [settled.succeeded, settled.unknown, settled.failed]))
        .collect();
    let interval = gathered.settled.interval_seconds();
    let (Some((first, _)), Some((last, _)), true) = (counts.first(), counts.last(), counts.len() > 1) else {
        return Ok(None);
    };
    let end = last.checked_add(std::time::Duration::from_secs_f64(interval)).unwrap_or(*last);
    let columns = Columns {
        span: (*first, end),
        interval,
        parts: counts.iter().map(|(at, counts)| (*at, counts.map(|count| count as f64))).collect(),
        pauses: Vec::new(),
        line: Vec::new(),
        limit: None,
    };
    let length =
        if interval < 1.5 { "second".to_owned() } else { span(std::time::Duration::from_secs_f64(interval)) };
    let caption = format!("Rows settled in each {length}");
    let rows: u64 = counts.iter().map(|(_, counts)| counts.iter().sum::<u64>()).sum();
    let label = format!("{caption}, from {} to {}: {}", day(*first), day(end), counted(rows, "row"));
    let legend = vec![("k-answered", "succeeded"), ("k-throttled", "unknown"), ("k-failed", "failed")];
    figure(&caption, label, legend, ["Succeeded", "Unknown", "Failed"], &columns, &counts).map(Some)
}

fn figure(
    caption: &str,
    label: String,
    legend: Vec<(&'static str, &'static str)>,
    columns: [&'static str; 3],
    chart: &Columns,
    counts: &[(Timestamp, [u64; 3])],
) -> anyhow::Result<Figure> {
    Ok(Figure {
        caption: caption.to_owned(),
        label,
        legend,
        wide: chart::draw(chart, chart::WIDE)?,
        narrow: chart::draw(chart, chart::NARROW)?,
        columns,
        table: counts
            .iter()
            .map(|(at, counts)| {
                (at.strftime("%d %b %H:%M:%S").to_string(), counts.map(|count| HumanCount(count).to_string()))
            })
            .collect(),
    })
}
