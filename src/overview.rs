//! What a run would do, in short: for `plan`, and for the question before a run.
//!
//! Must not print.

use std::cmp::Reverse;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use indicatif::HumanCount;

use crate::aws::credentials::Identity;
use crate::input::{ConnectorId, EXAMPLES, Input, Rows, Source, Standing};
use crate::plan::Plan;
use crate::text::{counted, span};

/// What would be sent, and what would not.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The file.
    pub input: String,
    /// The folder that it is in.
    pub folder: Option<String>,
    /// How long ago it was changed: last month's file is the wrong one.
    pub changed: Option<Duration>,
    /// Where the numbers would be removed, if that is known.
    pub target: Option<String>,
    /// Who would remove them, if that is known.
    pub identity: Option<Identity>,
    /// After which time the run stops, done or not.
    pub time_limit: Option<Duration>,
    /// Rows of the file.
    pub rows: u64,
    /// Numbers to be removed.
    pub numbers: u64,
    /// Requests, if none has to be repeated.
    pub requests: u64,
    /// The connectors whose numbers are to be removed.
    pub connectors: Connectors,
    /// Rows that cannot be sent as they are.
    pub invalid: u64,
    /// Rows that repeat an earlier one.
    pub duplicate: u64,
    /// Rows that are done already, in this job or the one whose report this is.
    pub done: u64,
}

/// Connectors with how many numbers each has: all, if they are few, else the ends of the list. The one that should not be
/// there is most often a small one.
#[derive(Debug, Clone)]
pub struct Connectors {
    /// How many there are.
    pub count: u64,
    /// The largest, in falling order.
    pub largest: Vec<(Box<str>, u64)>,
    /// Those between: how many, and the most and the fewest numbers that one has.
    pub others: Option<(u64, u64, u64)>,
    /// The smallest, in falling order.
    pub smallest: Vec<(Box<str>, u64)>,
}

impl Connectors {
    fn of(plan: &Plan, rows: &Rows) -> Self {
        let mut all: Vec<_> = plan.connectors().collect();
        all.sort_by_key(|(_, numbers)| Reverse(*numbers));
        let (large, middle, small) = match all.len() {
            0..=NAMED => (&all[..], &[][..], &[][..]),
            count => {
                let (large, rest) = all.split_at(NAMED / 2);
                let (middle, small) = rest.split_at(count - NAMED);
                (large, middle, small)
            }
        };
        let named = |&(id, numbers): &(ConnectorId, u32)| (rows.connector_name(id).into(), numbers.into());
        let others = match middle {
            [(_, most), .., (_, fewest)] | [(_, most @ fewest)] => {
                Some((middle.len() as u64, (*most).into(), (*fewest).into()))
            }
            [] => None,
        };
        Self {
            count: all.len() as u64,
            largest: large.iter().map(named).collect(),
            others,
            smallest: small.iter().map(named).collect(),
        }
    }
}

impl Overview {
    /// Counts the rows of `input` under `plan`. `settled` rows were done by the run that is resumed.
    #[must_use]
    pub fn new(source: &Source, input: &Input, plan: &Plan, target: Option<&str>, settled: u64) -> Self {
        let count = |standing| input.rows.count(standing) as u64;
        Self {
            input: source.name().to_owned(),
            folder: None,
            changed: None,
            target: target.map(str::to_owned),
            identity: None,
            time_limit: None,
            rows: input.rows.len().into(),
            numbers: plan.number_count() as u64,
            requests: plan.batch_count() as u64,
            connectors: Connectors::of(plan, &input.rows),
            invalid: count(Standing::Invalid),
            duplicate: count(Standing::Duplicate),
            done: count(Standing::Finished) + settled,
        }
    }

    /// The same with what tells the right file and account from the wrong ones. `changed`: how long ago the file was.
    #[must_use]
    pub fn placed(self, path: &Path, changed: Option<Duration>, identity: Option<Identity>) -> Self {
        let folder = path.canonicalize().ok();
        let folder = folder.as_deref().and_then(Path::parent).map(|folder| folder.display().to_string());
        Self { folder, changed, identity, ..self }
    }

    /// The same with what a person wants to know before the evening: the bad rows, and how long it will take.
    #[must_use]
    pub fn with_details<'a>(&'a self, input: &'a Input, rate: Option<f64>) -> impl fmt::Display + 'a {
        Details { overview: self, input, rate }
    }
}

struct Details<'a> {
    overview: &'a Overview,
    input: &'a Input,
    rate: Option<f64>,
}

/// What the service is taken to allow where nobody says: AWS publishes no limit, and this was seen.
const ASSUMED_RATE: f64 = 10.0;

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = &self.input.rows;
        writeln!(f, "{}", self.overview)?;
        let invalid = &self.input.invalid;
        for (line, code) in invalid {
            writeln!(f, "invalid     line {line}: {code}")?;
        }
        more(f, self.overview.invalid, invalid.len())?;
        for (row, first) in rows.duplicates().take(EXAMPLES) {
            writeln!(f, "duplicate   line {} is the same as line {}", rows.line(row), rows.line(first))?;
        }
        more(f, self.overview.duplicate, EXAMPLES)?;
        let shared = rows.shared_numbers();
        if !shared.is_empty() {
            let numbers = counted(shared.len() as u64, "number");
            writeln!(f, "warning     {numbers} listed under two connectors, which is seldom meant")?;
            for (row, earlier) in shared.iter().take(EXAMPLES) {
                writeln!(f, "            lines {} and {}", rows.line(*earlier), rows.line(*row))?;
            }
            more(f, shared.len() as u64, EXAMPLES)?;
        }
        if self.overview.requests == 0 {
            return f.write_str("time        none: there is nothing to send");
        }
        let rate = self.rate.unwrap_or(ASSUMED_RATE);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let time = Duration::try_from_secs_f64(self.overview.requests as f64 / rate).unwrap_or(Duration::MAX);
        let time = time.max(Duration::from_secs(1)); // nothing takes 0 s
        write!(f, "time        about {} at {rate} requests a second", span(time))?;
        match self.rate {
            Some(_) => Ok(()),
            None => write!(f, " (an assumption: AWS publishes no limit; --rate N for another)"),
        }
    }
}

/// How many there are beyond the examples.
fn more(f: &mut fmt::Formatter<'_>, all: u64, shown: usize) -> fmt::Result {
    match all.saturating_sub(shown as u64) {
        0 => Ok(()),
        rest => writeln!(f, "            … and {} more", HumanCount(rest)),
    }
}

/// Connectors that are named at most: half of them are the largest then, and half the smallest.
const NAMED: usize = 12;

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "input       {}, {}", self.input, counted(self.rows, "row"))?;
        if let Some(changed) = self.changed {
            write!(f, ", changed {} ago", span(changed))?;
        }
        if let Some(folder) = &self.folder {
            write!(f, "\nfolder      {folder}")?;
        }
        match (&self.identity, &self.target) {
            (Some(identity), None) => write!(f, "\n{identity}")?,
            (Some(Identity { credentials, region, .. }), Some(target)) => {
                write!(f, "\nservice     {target}\ncredentials {credentials}\nregion      {region}")?;
            }
            (None, Some(target)) => write!(f, "\nservice     {target}")?,
            (None, None) => {}
        }
        let (numbers, requests) = (counted(self.numbers, "number"), counted(self.requests, "request"));
        write!(f, "\nto remove   {numbers}, in {requests}")?;
        if let Some(limit) = self.time_limit {
            write!(f, "\ntime limit  {}, then it stops", span(limit))?;
        }
        let left_out =
            [("already done", self.done), ("invalid", self.invalid), ("duplicate", self.duplicate)];
        for (name, count) in left_out.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "\nnot sent    {} {name}", HumanCount(count))?;
        }
        write!(f, "\nconnectors  {}", self.connectors)
    }
}

impl fmt::Display for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write_one = |f: &mut fmt::Formatter<'_>, (name, count): &(Box<str>, u64)| {
            write!(f, "\n            {}: {}", name.escape_debug(), HumanCount(*count))
        };
        write!(f, "{}", HumanCount(self.count))?;
        self.largest.iter().try_for_each(|connector| write_one(f, connector))?;
        if let Some((others, most, fewest)) = self.others {
            write!(f, "\n            … {} more, each with {}", HumanCount(others), HumanCount(fewest))?;
            if fewest < most {
                write!(f, " to {}", HumanCount(most))?;
            }
            f.write_str(" …")?;
        }
        self.smallest.iter().try_for_each(|connector| write_one(f, connector))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::input::InputOptions;

    fn overview(csv: String) -> (Overview, Input) {
        let source = Source::from_bytes("numbers.csv", csv.into_bytes());
        let input = Input::read(&source, &InputOptions::default()).expect("reads");
        let plan = Plan::new(&input.rows, |_| true, std::num::NonZeroU32::new(50).expect("not 0"));
        (Overview::new(&source, &input, &plan, None, 0), input)
    }

    #[test]
    fn a_plan_names_lines_and_says_what_it_assumes() {
        let mut csv = "vc_id,phone\na,+12065550100\nb,+12065550100\nb,+12065550101\n".to_owned();
        (0..7).for_each(|_| csv.push_str("a,oops\n"));
        (0..8).for_each(|_| csv.push_str("b,12065550101\n"));
        let (overview, input) = overview(csv);
        insta::assert_snapshot!(overview.with_details(&input, None));
        let fixed = overview.with_details(&input, Some(0.5)).to_string();
        assert!(fixed.ends_with("time        about 4 s at 0.5 requests a second"), "{fixed}");
    }

    #[test]
    fn among_many_connectors_the_odd_one_is_seen() {
        let mut csv = "vc_id,phone\n".to_owned();
        for connector in 0..40_u64 {
            for number in 0..if connector == 17 { 1 } else { 10 + connector } {
                let _ = writeln!(csv, "vc-{connector},+1206{connector:03}{number:04}");
            }
        }
        let shown = overview(csv).0.to_string();
        assert!(shown.contains("vc-39: 49\n") && shown.ends_with("vc-17: 1"), "{shown}");
        assert!(shown.contains("… 28 more, each with 15 to 43 …"), "{shown}");
        assert_eq!(shown.lines().count(), 3 + 13, "{shown}");
    }
}
