//! Formats progress and messages for programs: one JSON object per line. Must not print.
//!
//! Every line has `timestamp`, `level` and `message`, like those of the log. Fields are only ever added.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::states::{Clock, state_word};
use crate::event::State;
use crate::terminal::tally::Tally;

/// A message for people, or an error.
#[derive(Serialize)]
pub(super) struct Said<'a> {
    pub(crate) timestamp: Timestamp,
    pub(crate) level: &'a str,
    pub(crate) message: &'a str,
    /// The same for programs, where there is more to it than text.
    #[serde(flatten)]
    pub(crate) fields: BTreeMap<&'static str, serde_json::Value>,
}

#[derive(Serialize)]
struct Progress<'a> {
    timestamp: Timestamp,
    level: &'a str,
    message: &'a str,
    state: State,
    rows: u64,
    settled: u64,
    succeeded: u64,
    failed: u64,
    unknown: u64,
    failed_by_code: &'a BTreeMap<Box<str>, u64>,
    requests: u64,
    in_flight: u64,
    throttled: u64,
    retries: u64,
    requests_per_second: f64,
    limit_per_second: Option<f64>,
    seconds_left: Option<u64>,
    /// Only of a command that lists numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers_listed: Option<u64>,
    /// Of each account and region, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lanes: Vec<Lane<'a>>,
}

#[derive(Serialize)]
struct Lane<'a> {
    name: &'a str,
    state: State,
    rows: u64,
    settled: u64,
    failed: u64,
    unknown: u64,
    limit_per_second: Option<f64>,
}

/// A line without its line ending. Text and numbers always serialize.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

fn lane(tally: &Tally) -> Lane<'_> {
    Lane {
        name: &tally.name,
        state: state_word(tally),
        rows: tally.rows,
        settled: tally.settled(),
        failed: tally.failed,
        unknown: tally.unknown,
        limit_per_second: tally.limit.map(tenths),
    }
}

pub(super) fn progress(tally: &Tally, clock: &Clock) -> String {
    json(&Progress {
        timestamp: clock.wall.timestamp(),
        level: "INFO",
        message: "progress",
        state: state_word(tally),
        rows: tally.rows,
        settled: tally.settled(),
        succeeded: tally.succeeded,
        failed: tally.failed,
        unknown: tally.unknown,
        failed_by_code: &tally.failed_by_code,
        requests: tally.requests,
        in_flight: tally.in_flight,
        throttled: tally.throttled,
        retries: tally.retries,
        requests_per_second: tenths(tally.request_rate(clock.now)),
        limit_per_second: tally.limit.map(tenths),
        seconds_left: tally.remaining(clock.now).map(|left| left.as_secs()),
        numbers_listed: tally.listed.map(|(_, numbers)| numbers),
        lanes: tally.lanes.iter().filter(|lane| lane.rows > 0).map(lane).collect(),
    })
}
