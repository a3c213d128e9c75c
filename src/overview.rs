//! What a run would do, in short: for `plan`, and for the question before a run.
//!
//! Must not print.

use std::fmt;
use std::time::Duration;

use indicatif::HumanCount;
use serde::Serialize;

use crate::input::{Input, Source, Standing};
use crate::plan::Plan;
use crate::progress::{counted, span};

/// What would be sent, and what would not.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// The file.
    pub input: String,
    /// Where the numbers would be removed, if that is known.
    pub target: Option<String>,
    /// Rows of the file.
    pub rows: u64,
    /// Numbers to be removed.
    pub numbers: u64,
    /// Requests, if none has to be repeated.
    pub requests: u64,
    /// The connectors whose numbers are to be removed, each with how many, in the order of the file.
    pub connectors: Vec<(Box<str>, u64)>,
    /// Rows that cannot be sent as they are.
    pub invalid: u64,
    /// Rows that repeat an earlier one.
    pub duplicate: u64,
    /// Rows that are done already, in this job or the one whose report this is.
    pub done: u64,
}

impl Overview {
    /// Counts the rows of `input` under `plan`. `settled` rows were done by the run that is resumed.
    #[must_use]
    pub fn new(source: &Source, input: &Input, plan: &Plan, target: Option<&str>, settled: u64) -> Self {
        let count = |standing| input.rows.count(standing) as u64;
        let connectors = plan.connectors();
        Self {
            input: source.name().to_owned(),
            target: target.map(str::to_owned),
            rows: input.rows.len().into(),
            numbers: plan.number_count() as u64,
            requests: plan.batch_count() as u64,
            connectors: connectors
                .map(|(id, count)| (input.rows.connector_name(id).into(), count.into()))
                .collect(),
            invalid: count(Standing::Invalid),
            duplicate: count(Standing::Duplicate),
            done: count(Standing::Finished) + settled,
        }
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

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.overview)?;
        for (line, code) in &self.input.invalid.examples {
            write!(f, "\ninvalid     line {line}: {code}")?;
        }
        if let Some(shared) = self.input.rows.shared_numbers() {
            let (earlier, own) = shared.example;
            write!(
                f,
                "\nwarning     {} numbers are on two connectors, such as lines {earlier} and {own}",
                shared.rows
            )?;
        }
        if let Some(rate) = self.rate {
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let seconds = self.overview.requests as f64 / rate;
            write!(
                f,
                "\ntime        about {} at {rate} requests a second",
                span(Duration::from_secs_f64(seconds))
            )?;
        }
        Ok(())
    }
}

/// Connectors that are named; the rest is counted.
const NAMED: usize = 10;

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "input       {}, {} rows", self.input, HumanCount(self.rows))?;
        if let Some(target) = &self.target {
            writeln!(f, "service     {target}")?;
        }
        let (numbers, requests) = (counted(self.numbers, "number"), counted(self.requests, "request"));
        writeln!(f, "to remove   {numbers}, in {requests}")?;
        let left_out =
            [("already done", self.done), ("invalid", self.invalid), ("duplicate", self.duplicate)];
        for (name, count) in left_out.into_iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "not sent    {} {name}", HumanCount(count))?;
        }
        write!(f, "connectors  {}", HumanCount(self.connectors.len() as u64))?;
        for (name, count) in self.connectors.iter().take(NAMED) {
            write!(f, "\n            {name}: {}", HumanCount(*count))?;
        }
        match self.connectors.len().saturating_sub(NAMED) {
            0 => Ok(()),
            rest => write!(f, "\n            … and {} more", HumanCount(rest as u64)),
        }
    }
}
