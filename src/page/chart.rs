//! Counts over time, drawn as SVG. The colours are names (`#0A0A01` …) that the page's style sheet turns into light or
//! dark ones.
//!
//! Must not know where the counts come from.

use std::ops::Range;

use anyhow::anyhow;
use jiff::Timestamp;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// Stacked columns over time.
#[derive(Debug, Clone)]
pub struct Columns {
    /// Where it begins and ends.
    pub span: (Timestamp, Timestamp),
    /// The length of a column, in seconds.
    pub interval: f64,
    /// The columns: where each begins, and its parts from the bottom up.
    pub parts: Vec<(Timestamp, [f64; 3])>,
    /// Times without requests: from when, for how many seconds.
    pub pauses: Vec<(Timestamp, f64)>,
    /// A line through the columns.
    pub line: Vec<(Timestamp, f64)>,
    /// A limit, and what it is.
    pub limit: Option<(f64, String)>,
}

/// In pixels: one for a desk, one for a phone. A picture that shrinks has letters that nobody can read.
pub const WIDE: (u32, u32) = (1040, 300);
/// See [`WIDE`].
pub const NARROW: (u32, u32) = (390, 250);

const PARTS: [RGBColor; 3] = [RGBColor(10, 10, 1), RGBColor(10, 10, 2), RGBColor(10, 10, 3)];
const TEXT: RGBColor = RGBColor(10, 10, 5);
const PAUSE: RGBColor = RGBColor(10, 10, 6);
const GRID: RGBColor = RGBColor(10, 10, 7);
const LIMIT: RGBColor = RGBColor(10, 10, 8);
const LINE: RGBColor = RGBColor(10, 10, 9);

/// Steps between times that a clock has, in seconds.
const STEPS: [f64; 19] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0,
    21_600.0, 43_200.0, 86_400.0, 604_800.0,
];

/// Pixels that a label of the time takes.
const LABEL_WIDTH: u32 = 92;

/// Draws it in this size.
///
/// # Errors
/// If the drawing library cannot.
pub fn draw(chart: &Columns, size: (u32, u32)) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw_on(&area, chart, size).map_err(|error| anyhow!("cannot draw the chart: {error}"))?;
    }
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_on(area: &DrawingArea<SVGBackend<'_>, Shift>, chart: &Columns, (width, _): (u32, u32)) -> Drawn {
    let (from, to) = (seconds(chart.span.0), seconds(chart.span.1));
    let highest = chart.parts.iter().map(|(_, parts)| parts.iter().sum::<f64>());
    let highest = highest.chain(chart.limit.iter().map(|(limit, _)| *limit)).fold(0.0, f64::max);
    let step = nice(highest / 4.0);
    let top = ((highest * 1.08 / step).ceil() * step).max(step);
    let times = ticks(from, to, f64::from(width / LABEL_WIDTH));
    let show_seconds = times.windows(2).all(|two| two[1] - two[0] < 60.0);
    let mut drawn = ChartBuilder::on(area)
        .margin_top(10)
        .margin_right(34) // half of the last label
        .x_label_area_size(28)
        .y_label_area_size(44)
        .build_cartesian_2d(Clock { span: (from, to), marks: times }, 0.0..top)?;
    drawn
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(("sans-serif", 13).into_font().color(&TEXT))
        .y_labels(5)
        .x_label_formatter(&|second| clock(*second, show_seconds))
        .y_label_formatter(&|value| short(*value))
        .draw()?;
    drawn.draw_series(chart.pauses.iter().map(|(at, length)| {
        let at = seconds(*at).max(from);
        Rectangle::new([(at, 0.0), ((at + length).min(to), top)], PAUSE.filled())
    }))?;
    for (at, parts) in &chart.parts {
        let (left, mut bottom) = (seconds(*at), 0.0);
        let right = (left + chart.interval).min(to);
        for (part, colour) in parts.iter().zip(PARTS).filter(|(part, _)| **part > 0.0) {
            let corners = [(left.max(from), bottom), (right, bottom + part)];
            drawn.draw_series([Rectangle::new(corners, colour.filled())])?;
            bottom += part;
        }
    }
    draw_lines(&mut drawn, chart, from, to)
}

/// The time, with marks where a clock has them.
struct Clock {
    span: (f64, f64),
    marks: Vec<f64>,
}

impl Ranged for Clock {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (left, right): (i32, i32)) -> i32 {
        let (from, to) = self.span;
        #[expect(clippy::cast_possible_truncation, reason = "a pixel")]
        let offset = ((value - from) / (to - from).max(0.001) * f64::from(right - left)).round() as i32;
        left + offset
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.span.0..self.span.1
    }
}

type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Clock, RangedCoordf64>>;

fn draw_lines(drawn: &mut Plane<'_, '_>, chart: &Columns, from: f64, to: f64) -> Drawn {
    let points = chart.line.iter().map(|(at, value)| (seconds(*at).max(from), *value));
    drawn.draw_series([PathElement::new(points.collect::<Vec<_>>(), LINE)])?;
    if let Some((limit, label)) = &chart.limit {
        drawn.draw_series([PathElement::new(vec![(from, *limit), (to, *limit)], LIMIT)])?;
        let style = ("sans-serif", 13).into_font().color(&LIMIT);
        let style = style.pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Bottom,
        ));
        drawn.draw_series([Text::new(label.clone(), (to, *limit), style)])?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds, for people")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1e3
}

/// The smallest of 1, 2, 2.5, 5, 10 … (or their tenths) that is not below `value`.
fn nice(value: f64) -> f64 {
    let magnitude = 10_f64.powf(value.max(0.01).log10().floor());
    [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .map(|step| step * magnitude)
        .find(|step| *step >= value)
        .unwrap_or(10.0 * magnitude)
}

/// Times of the clock between the two, `most` at most.
fn ticks(from: f64, to: f64, most: f64) -> Vec<f64> {
    let step = STEPS.into_iter().find(|step| (to - from) / step <= most);
    let step = step.unwrap_or_else(|| ((to - from) / most / 604_800.0).ceil() * 604_800.0);
    let first = (from / step).ceil() * step;
    std::iter::successors(Some(first), |at| Some(at + step)).take_while(|at| *at <= to).collect()
}

fn clock(second: f64, with_seconds: bool) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a time")]
    let time = Timestamp::from_millisecond((second * 1e3) as i64).unwrap_or_default();
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
    fn steps_are_those_of_a_clock_and_of_tens() {
        assert_eq!(ticks(3_590.0, 10_900.0, 4.0), [3_600.0, 7_200.0, 10_800.0]);
        assert_eq!(ticks(0.0, 1.0, 4.0), [0.0, 1.0], "two in one second would be labelled alike");
        assert!(ticks(0.0, 1e9, 4.0).len() <= 5, "years");
        for (value, expected) in
            [(0.0, 0.01), (0.3, 0.5), (1.0, 1.0), (3.0, 5.0), (7.0, 10.0), (120.0, 200.0)]
        {
            assert!((nice(value) - expected).abs() < 1e-9, "{value}");
        }
        assert_eq!([short(0.25), short(12.0), short(15_000.0), short(2e6)], ["0.25", "12", "15k", "2m"]);
        assert_eq!((clock(3_661.0, false), clock(3_661.0, true)), ("01:01".into(), "01:01:01".into()));
    }

    #[test]
    fn every_part_is_drawn_by_the_name_of_its_colour() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let chart = Columns {
            span: (at(0), at(100)),
            interval: 1.0,
            parts: vec![(at(1), [3.0, 2.0, 0.0]), (at(50), [0.0, 0.0, 1.0])],
            pauses: vec![(at(60), 20.0)],
            line: vec![(at(1), 4.0), (at(50), 4.5)],
            limit: Some((5.0, "limit <5>".into())),
        };
        for size in [WIDE, NARROW] {
            let svg = draw(&chart, size).expect("draws");
            for colour in [
                "#0A0A01",
                "#0A0A02",
                "#0A0A03",
                "#0A0A06",
                "#0A0A08",
                "#0A0A09",
                "00:01:00",
                "limit &lt;5&gt;",
            ] {
                assert!(svg.contains(colour), "{colour}: {svg}");
            }
            assert!(!svg.contains("style="), "the page's policy forbids styles: {svg}");
        }
        let empty = Columns { parts: vec![], pauses: vec![], line: vec![], limit: None, ..chart };
        assert!(draw(&empty, WIDE).is_ok());
    }
}
