//! Counts over time as a chart: where its parts are in the plot, its words, and the same counts as a table.
//!
//! The template draws it and the style sheet colors it. Must not count anything; at most it divides by time.

use std::fmt;
use std::time::Duration;

use indicatif::HumanCount;
use jiff::Timestamp;

use super::rows::Gathered;
use crate::report::summary::Run;
use crate::report::timeline::Timeline;
use crate::text::{counted, span};

/// A share of the whole: of a bar, or of the plot's width or height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0)
    }
}

/// A chart with all its texts. Positions are relative to the plot's upper left corner.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub caption: String,
    /// For readers who cannot see it.
    pub label: String,
    /// Class and name.
    pub legend: Vec<(&'static str, &'static str)>,
    pub areas: Vec<Area>,
    /// Pieces of the line through the columns: from x and y, to x and y.
    pub line: Vec<[Percent; 4]>,
    pub limit: Option<(Percent, String)>,
    /// The marks of the vertical axis.
    pub values: Vec<(Percent, String)>,
    /// The marks of the horizontal axis.
    pub times: Vec<(Percent, String)>,
    pub columns: [&'static str; 3],
    pub table: Vec<(String, [String; 3])>,
}

/// A part of a column, or a pause.
#[derive(Debug, Clone)]
pub(super) struct Area {
    pub class: &'static str,
    pub x: Percent,
    pub y: Percent,
    pub width: Percent,
    pub height: Percent,
}

/// What a chart shows, in stacked columns over time.
#[derive(Debug, Default)]
struct Data {
    span: (Timestamp, Timestamp),
    /// The length of a column, in seconds.
    interval: f64,
    /// What a count is divided by: the seconds of the interval, for a rate.
    divisor: f64,
    /// Where each column begins, and its parts from the bottom up.
    counts: Vec<(Timestamp, [u64; 3])>,
    /// Times without requests: from when, for how many seconds.
    pauses: Vec<(Timestamp, f64)>,
    line: Vec<(Timestamp, f64)>,
    limit: Option<(f64, String)>,
}

/// The classes of a column's parts.
const PARTS: [&str; 3] = ["k-answered", "k-throttled", "k-failed"];

/// The most marks on an axis: what fits on a phone.
const MARKS: f64 = 4.0;

/// Round steps between clock times, in seconds.
const STEPS: [f64; 19] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0,
    21_600.0, 43_200.0, 86_400.0, 604_800.0,
];

/// Requests over time.
pub(super) fn requests(run: &Run, timeline: &Timeline) -> Option<Chart> {
    let interval = timeline.interval_seconds.max(0.001);
    let of_requests = timeline.intervals.iter().map(|it| (it.at, it.requests));
    let counts: Vec<_> =
        of_requests.clone().map(|(at, it)| (at, [it.answered, it.throttled, it.failed])).collect();
    let first = counts.first().map(|(at, _)| (*at).min(run.started_at))?;
    let line: Vec<_> = of_requests.filter_map(|(at, it)| Some((at, it.pace?))).collect();
    let mut legend = vec![("k-answered", "answered")];
    legend.extend((run.throttled > 0).then_some(("k-throttled", "throttled (429)")));
    legend.extend(counts.iter().any(|(_, it)| it[2] > 0).then_some(("k-failed", "failed")));
    legend.extend((!line.is_empty()).then_some(("k-pace", "pace kept")));
    legend.extend((!timeline.pauses.is_empty()).then_some(("k-pause", "pause")));
    let label = format!(
        "Requests a second over {}: {} in all, {} throttled, {}",
        span(run.elapsed),
        HumanCount(run.requests),
        HumanCount(run.throttled),
        counted(timeline.pauses.len() as u64, "pause")
    );
    let data = Data {
        span: (first, ended(run).max(first)),
        interval,
        divisor: interval,
        counts,
        pauses: timeline.pauses.iter().map(|pause| (pause.at, pause.seconds)).collect(),
        line,
        limit: run.rate_found.map(|found| (found, format!("limit found: {found:.1}/s"))),
    };
    data.chart("Requests a second".to_owned(), label, legend, ["Answered", "Throttled", "Failed"])
}

/// Rows over time: all that a report alone can show.
pub(super) fn settled(gathered: &Gathered) -> Option<Chart> {
    let interval = gathered.settled.interval_seconds();
    let length = Duration::from_secs_f64(interval);
    let counts: Vec<_> =
        gathered.settled.intervals().map(|(at, it)| (at, [it.succeeded, it.unknown, it.failed])).collect();
    let (first, last) = (counts.first()?.0, counts.last()?.0);
    let end = last.checked_add(length).unwrap_or(last);
    let each = if interval < 1.5 { "second".to_owned() } else { span(length) };
    let caption = format!("Rows settled in each {each}");
    let rows: u64 = counts.iter().flat_map(|(_, counts)| counts).sum();
    let label = format!("{caption}, from {} to {}: {}", day(first), day(end), counted(rows, "row"));
    let legend = PARTS.into_iter().zip(["succeeded", "unknown", "failed"]).collect();
    let data = Data { span: (first, end), interval, divisor: 1.0, counts, ..Data::default() };
    data.chart(caption, label, legend, ["Succeeded", "Unknown", "Failed"])
}

impl Data {
    /// Needs at least two columns.
    #[expect(clippy::cast_precision_loss, reason = "counts in a chart")]
    fn chart(
        self,
        caption: String,
        label: String,
        legend: Vec<(&'static str, &'static str)>,
        columns: [&'static str; 3],
    ) -> Option<Chart> {
        if self.counts.len() < 2 {
            return None;
        }
        let heights = |counts: [u64; 3]| counts.map(|count| count as f64 / self.divisor);
        let highest = self.counts.iter().map(|(_, counts)| heights(*counts).iter().sum());
        let highest = highest.chain(self.limit.iter().map(|(limit, _)| *limit)).fold(0.0, f64::max);
        let step = nice(highest / MARKS);
        let top = ((highest * 1.08 / step).ceil() * step).max(step);
        let (from, to) = (seconds(self.span.0), seconds(self.span.1));
        let x = |second: f64| 100.0 * ((second - from) / (to - from).max(0.001)).clamp(0.0, 1.0);
        let y = |value: f64| 100.0 * (1.0 - value / top);
        let area = |class, at: Timestamp, length, (bottom, height)| {
            let (left, upper) = (x(seconds(at)), y(bottom + height));
            let (width, height) = (x(seconds(at) + length) - left, y(bottom) - upper);
            let [x, y, width, height] = [left, upper, width, height].map(Percent);
            Area { class, x, y, width, height }
        };
        let pauses = self.pauses.iter().map(|(at, length)| area("k-pause", *at, *length, (0.0, top)));
        let parts = self.counts.iter().flat_map(|(at, counts)| {
            let [low, middle, high] = heights(*counts);
            let stacked = [(0.0, low), (low, middle), (low + middle, high)].into_iter().zip(PARTS);
            let drawn = stacked.filter(|((_, height), _)| *height > 0.0);
            drawn.map(|(part, class)| area(class, *at, self.interval, part))
        });
        let points: Vec<_> = self.line.iter().map(|(at, pace)| [x(seconds(*at)), y(*pace)]).collect();
        let times = ticks(from, to);
        let with_seconds = times.windows(2).all(|two| two[1] - two[0] < 60.0);
        let values = std::iter::successors(Some(0.0), |value| Some(value + step));
        let rows = self.counts.iter().map(|(at, counts)| {
            (at.strftime("%d %b %H:%M:%S").to_string(), counts.map(|count| HumanCount(count).to_string()))
        });
        Some(Chart {
            caption,
            label,
            legend,
            areas: pauses.chain(parts).collect(),
            line: points
                .windows(2)
                .map(|two| [two[0][0], two[0][1], two[1][0], two[1][1]].map(Percent))
                .collect(),
            values: values.take_while(|it| *it <= top).map(|it| (Percent(y(it)), short(it))).collect(),
            times: times.iter().map(|it| (Percent(x(*it)), clock(*it, with_seconds))).collect(),
            columns,
            table: rows.collect(),
            limit: self.limit.as_ref().map(|(limit, name)| (Percent(y(*limit)), name.clone())),
        })
    }
}

pub(super) fn ended(run: &Run) -> Timestamp {
    run.started_at.checked_add(run.elapsed).unwrap_or(run.started_at)
}

pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds, for people")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1e3
}

/// The smallest of 1, 2, 2.5, 5, 10 … (or their tenths) that is not below `value`.
fn nice(value: f64) -> f64 {
    let magnitude = 10_f64.powf(value.max(0.01).log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0].into_iter().map(|step| step * magnitude).find(|step| *step >= value);
    step.unwrap_or(10.0 * magnitude)
}

/// Round clock times between the two.
fn ticks(from: f64, to: f64) -> Vec<f64> {
    let step = STEPS.into_iter().find(|step| (to - from) / step <= MARKS);
    let step = step.unwrap_or_else(|| ((to - from) / MARKS / 604_800.0).ceil() * 604_800.0);
    let first = (from / step).ceil() * step;
    std::iter::successors(Some(first), |at| Some(at + step)).take_while(|at| *at <= to).collect()
}

fn clock(second: f64, with_seconds: bool) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a time")]
    let time = Timestamp::from_second(second as i64).unwrap_or_default();
    time.strftime(if with_seconds { "%H:%M:%S" } else { "%H:%M" }).to_string()
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{}m", value / 1e6),
        _ if value >= 1e4 => format!("{}k", value / 1e3),
        _ => format!("{}", (value * 100.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_between_marks_are_round() {
        assert_eq!(ticks(3_590.0, 10_900.0), [3_600.0, 7_200.0, 10_800.0]);
        assert_eq!(ticks(0.0, 1.0), [0.0, 1.0], "two in one second would have the same label");
        assert!(ticks(0.0, 1e9).len() <= 5, "years");
        for (value, expected) in
            [(0.0, 0.01), (0.3, 0.5), (1.0, 1.0), (3.0, 5.0), (7.0, 10.0), (120.0, 200.0)]
        {
            assert!((nice(value) - expected).abs() < 1e-9, "{value}");
        }
        assert_eq!([short(0.25), short(12.0), short(15_000.0), short(2e6)], ["0.25", "12", "15k", "2m"]);
        assert_eq!((clock(3_661.0, false), clock(3_661.0, true)), ("01:01".into(), "01:01:01".into()));
    }

    #[test]
    fn every_part_has_its_place_and_its_class() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let data = Data {
            span: (at(0), at(100)),
            interval: 1.0,
            divisor: 1.0,
            counts: vec![(at(1), [3, 2, 0]), (at(50), [0, 0, 1])],
            pauses: vec![(at(60), 50.0)],
            line: vec![(at(1), 4.0), (at(50), 4.5)],
            limit: Some((5.0, "limit".into())),
        };
        let chart = data.chart("x".into(), "x".into(), vec![], ["a", "b", "c"]).expect("two columns");
        let drawn: Vec<_> = chart
            .areas
            .iter()
            .map(|it| (it.class, [it.x, it.y, it.width, it.height].map(|it| it.to_string()).join(" ")))
            .collect();
        assert_eq!(
            drawn,
            [
                ("k-pause", "60.00% 0.00% 40.00% 100.00%".into()),
                ("k-answered", "1.00% 50.00% 1.00% 50.00%".to_owned()),
                ("k-throttled", "1.00% 16.67% 1.00% 33.33%".into()),
                ("k-failed", "50.00% 83.33% 1.00% 16.67%".into()),
            ],
            "the highest column is five, the top of the axis six"
        );
        assert_eq!(chart.line.len(), 1);
        assert_eq!(chart.limit.map(|(y, _)| y.to_string()), Some("16.67%".into()));
        assert_eq!(chart.times.first(), Some(&(Percent(0.0), "00:00:00".to_owned())));
        let empty = Data { span: (at(0), at(100)), ..Data::default() };
        assert!(empty.chart("x".into(), "x".into(), vec![], ["a", "b", "c"]).is_none());
    }
}
