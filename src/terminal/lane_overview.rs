//! The accounts and regions of a job, for `plan` and for the question before a run.
//!
//! Must not print.

use std::cmp::Reverse;

use indicatif::HumanCount;
use serde_json::json;

use super::largest;
use crate::aws::credentials::Identity;
use crate::input::{LaneName, Rows};
use crate::plan::Plan;
use crate::terminal::expected::Expected;

/// An account and region, and what would be sent there.
#[derive(Debug, Clone)]
pub(crate) struct LaneOverview<'a> {
    /// As the input names it.
    pub(crate) name: LaneName<'a>,
    /// The identity that would call it, if that is known.
    pub(crate) identity: Option<&'a Identity>,
    /// Numbers that are sent, and in how many requests.
    pub(crate) numbers: u64,
    pub(crate) requests: u64,
    /// The rate (requests/s) that an earlier run has found there.
    pub(crate) found: Option<f64>,
}

impl<'a> LaneOverview<'a> {
    /// Those of an input, by their index.
    pub(crate) fn all(plan: &Plan, rows: &'a Rows) -> Vec<Self> {
        let requests = plan.batches_of_lanes(rows).into_iter().map(|batches| batches.count() as u64);
        let lanes = rows.lanes().zip(plan.numbers_of_lanes(rows)).zip(requests);
        let lanes = lanes.map(|((name, numbers), requests)| {
            let (identity, found) = (None, None);
            Self { name, identity, numbers, requests, found }
        });
        lanes.collect()
    }

    /// How fast it will be, if others are `expected` to be so fast.
    pub(super) fn expected(&self, expected: Expected) -> Expected {
        match (expected, self.found) {
            (Expected::Assumed, Some(rate)) => Expected::Found(rate),
            _ => expected,
        }
    }

    /// Its region, if it is known.
    fn region(&self) -> Option<&str> {
        let named = Some(self.name.region).filter(|region| !region.is_empty());
        named.or_else(|| self.identity?.region_name.as_deref())
    }

    /// For programs.
    pub(super) fn json(&self) -> serde_json::Value {
        let caller = self.identity.and_then(|identity| identity.caller.as_ref().ok());
        json!({
            "name": self.name.to_string(),
            "account_id": caller.map(|caller| &caller.account_id),
            "arn": caller.map(|caller| &caller.arn),
            "region": self.region(),
            "numbers": self.numbers,
            "requests": self.requests,
        })
    }

    /// Whose credentials would be used. Where the account is not known, their source has to tell.
    fn account(&self) -> String {
        let Some(identity) = self.identity else { return String::new() };
        let credentials = identity.caller.is_err().then(|| format!(": {}", identity.credentials));
        let region = self.region().is_none().then(|| format!("; region: {}", identity.region));
        let parts = [Some(identity.account()), credentials, region];
        parts.into_iter().flatten().collect::<String>().replace('\n', "; ")
    }
}

/// The accounts and regions in columns: by name, or if they are many, the largest and the smallest.
pub(super) fn lines(lanes: &[LaneOverview<'_>]) -> Vec<String> {
    let mut lanes: Vec<_> = lanes.iter().collect();
    lanes.sort_by_key(|lane| (lane.name.who, lane.name.region));
    if lanes.len() > largest::NAMED {
        lanes.sort_by_key(|lane| Reverse(lane.numbers));
    }
    let who = |lane: &LaneOverview<'_>| lane.name.who.escape_debug().to_string();
    let region = |lane: &LaneOverview<'_>| lane.region().unwrap_or("(no region)").escape_debug().to_string();
    let count = |lane: &LaneOverview<'_>| HumanCount(lane.numbers).to_string();
    let width = |cell: fn(&LaneOverview<'_>) -> String| {
        lanes.iter().map(|lane| console::measure_text_width(&cell(lane))).max().unwrap_or_default()
    };
    let (who_width, region_width, count_width) = (width(who), width(region), width(count));
    let line = |lane: &&LaneOverview<'_>| {
        let (who, count, account) = (who(lane), count(lane), lane.account());
        // Without a column of profiles or accounts, there is none here.
        let who = if who_width > 0 { format!("{who:<who_width$}  ") } else { who };
        let region = region(lane);
        let numbers = if lane.numbers == 1 { "number" } else { "numbers" };
        let line = format!(
            "            {who}{region:<region_width$}  {count:>count_width$} {numbers:<7}  {account}"
        );
        line.trim_end().to_owned()
    };
    largest::lines(&lanes, |lane| lane.numbers, line)
}
