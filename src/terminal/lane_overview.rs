//! The accounts and regions of a job, for `plan` and for the question before a run.
//!
//! Must not print.

use indicatif::HumanCount;
use serde_json::json;

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

/// The accounts and regions in columns, by name. Each is listed, however many there are: consent is to all of them.
pub(super) fn lines(lanes: &[LaneOverview<'_>]) -> Vec<String> {
    let mut lanes: Vec<_> = lanes.iter().collect();
    lanes.sort_by_key(|lane| (lane.name.who, lane.name.region));
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
    lanes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;
    use crate::aws::credentials::Caller;
    use crate::input::{Input, InputOptions, Source};
    use crate::terminal::overview::Overview;

    fn identity(account_id: &str, region: &str) -> Identity {
        let arn = format!("arn:aws:sts::{account_id}:assumed-role/phones/night");
        Identity {
            caller: Ok(Caller { account_id: account_id.into(), arn }),
            rates: None,
            credentials: "key …3456, of the profile `x`".into(),
            region: format!("{region} (--region)"),
            region_name: Some(region.into()),
            endpoint: "https://voice-chime.test".into(),
        }
    }

    /// What is shown of a plan of so many numbers in each of these profiles and regions.
    fn shown(
        of: &[(&str, &str, u32)],
        identities: &[Identity],
        found: Option<f64>,
        show: impl Fn(&Overview<'_>) -> String,
    ) -> String {
        let has_profiles = of.iter().any(|(profile, ..)| !profile.is_empty());
        let mut csv = format!("vc_id,phone,{},region\n", if has_profiles { "profile" } else { "note" });
        let mut number = 12_065_550_000_u64;
        for (profile, region, count) in of {
            for _ in 0..*count {
                number += 1;
                let _ = writeln!(csv, "vc,+{number},{profile},{region}");
            }
        }
        let source = Source::from_bytes("numbers.csv", csv.into_bytes());
        let input = Input::read(&source, &InputOptions::default()).expect("reads");
        let plan = Plan::new(&input.rows, |_| true, std::num::NonZeroU32::new(50).expect("not 0"));
        let mut lanes = LaneOverview::all(&plan, &input.rows);
        lanes.iter_mut().zip(identities).for_each(|(lane, identity)| lane.identity = Some(identity));
        lanes.iter_mut().take(1).for_each(|lane| lane.found = found);
        show(&Overview { lanes, ..Overview::of(Path::new("nowhere.csv"), &source, &input, &plan) })
    }

    #[test]
    fn a_few_accounts_and_regions_are_easy_to_compare() {
        let unknown = Identity {
            caller: Err("no credentials could be loaded".into()),
            credentials: "there is no profile `sandbox`\nhint: `aws configure list-profiles`".into(),
            ..identity("", "eu-west-1")
        };
        let of = [("production", "us-east-1", 1_203), ("sandbox", "eu-west-1", 1), ("dev", "", 40)];
        let all = [identity("999988887777", "us-east-1"), unknown, identity("111122223333", "eu-central-1")];
        insta::assert_snapshot!(shown(&of, &all, Some(2.5), |it| it.with_details(Expected::Assumed)));
        let json = shown(&of, &all, Some(2.5), |it| {
            let json = it.json(Expected::Assumed);
            format!("{:#}\n{}", json["lanes"], json["estimated_seconds"])
        });
        insta::assert_snapshot!(json);
        let typed = shown(&of, &all, Some(2.5), |it| it.with_details(Expected::Typed(5.0)));
        assert!(
            typed.contains("\ntime        about 5 s at 5 requests per second; production us-east-1 "),
            "{typed}"
        );
    }

    #[test]
    fn of_many_accounts_and_regions_each_is_listed() {
        let names: Vec<String> = (0..30).map(|n| format!("team-{n:02}")).collect();
        let of = (0..).zip(&names).map(|(n, name)| (&**name, "us-east-1", if n == 17 { 1 } else { 20 + n }));
        let all: Vec<_> =
            (0..30).map(|n| identity(&format!("{:012}", 111_122_220_000_u64 + n), "x")).collect();
        insta::assert_snapshot!(shown(&of.collect::<Vec<_>>(), &all, None, |it| it.to_string()));
    }

    #[test]
    fn regions_alone_have_no_column_of_profiles_and_a_rehearsal_no_accounts() {
        let shown = shown(&[("", "us-east-1", 2), ("", "eu-west-1", 12)], &[], None, |it| it.to_string());
        let lines = "own\n            eu-west-1  12 numbers\n            us-east-1   2 numbers\n";
        assert!(shown.contains(lines), "{shown}");
    }
}
