//! The input of `undo` and `release`: the numbers of a report that the report's own run has changed.
//!
//! What is not certain is left out, and counted: a row that was edited since, and a success that the run only found.
//! Must not ask the service.

use std::collections::HashSet;
use std::path::Path;

use anyhow::bail;

use crate::action::Action;
use crate::hint::Hinted;
use crate::input::{Header, Input, InputOptions, LaneName, Source, Status, Verdict, Who, judge};
use crate::inventory::ON_CONNECTOR;
use crate::number::PhoneNumber;
use crate::report;
use crate::text::counted;

/// An input that was taken from another file.
#[derive(Debug)]
pub(crate) struct Derived {
    /// Connectors and numbers, in the file's order.
    pub(crate) source: Source,
    /// What was left out, in words.
    pub(crate) left_out: Vec<String>,
    /// Whether everything was.
    pub(crate) is_empty: bool,
}

/// Rows that are left out, by reason.
#[derive(Default)]
struct LeftOut {
    edited: u64,
    found_done: u64,
    of_another_action: u64,
    without_connector: u64,
    on_connector: u64,
    not_valid: u64,
    repeated: u64,
}

/// The rows of `file`, which is read with these `options`, that `action` is to be done with.
///
/// # Errors
/// If the file cannot be read, or has no such row.
pub(crate) fn derive(file: &Source, options: &InputOptions, action: Action) -> anyhow::Result<Derived> {
    let derived = collect(file, options, action)?;
    if derived.is_empty {
        let why = if derived.left_out.is_empty() {
            "no row succeeded".to_owned()
        } else {
            derived.left_out.join("; ")
        };
        bail!(Hinted::new(
            format!("`{}` has no number to {}", file.name(), action.verb()),
            format!("only what a run has changed can be taken further; here: {why}")
        ));
    }
    Ok(derived)
}

/// The same, if need be of no rows.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn collect(file: &Source, options: &InputOptions, action: Action) -> anyhow::Result<Derived> {
    let lane = Header::read(file, options)?.0.layout(options)?.lane;
    let who = lane.who.map(|_| if lane.who_is == Who::Account { "account" } else { "profile" });
    let region = lane.region.map(|_| "region");
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["voice_connector_id", "phone_number"].into_iter().chain(who).chain(region))?;
    let mut left_out = LeftOut::default();
    let mut rows = 0_u64;
    let (mut taken, mut repeated) = (HashSet::new(), 0_u64);
    let mut take = |of: LaneName<'_>, connector: &str, number: &str| {
        // What was on one connector after the other is released and restored once.
        let is_repeated = |number| !taken.insert((of.to_string(), number));
        if !action.needs_connector() && PhoneNumber::parse(number).is_ok_and(is_repeated) {
            repeated += 1;
            return Ok(());
        }
        rows += 1;
        csv.write_record(
            [connector, number].into_iter().chain(who.map(|_| of.who)).chain(region.map(|_| of.region)),
        )
    };
    match Input::is_report(file)? {
        true => of_report(file, options, action, &mut take, &mut left_out)?,
        false if action == Action::Delete => of_export(file, options, &mut take, &mut left_out)?,
        false => bail!("`{}` is not a chime-sweep report", file.name()),
    }
    left_out.repeated = repeated;
    let left_out = left_out.in_words(action);
    let bytes = csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(Derived { source: Source::from_bytes(file.name(), bytes), left_out, is_empty: rows == 0 })
}

/// What a run that is continued has kept of its input, which was taken from `file`: the file may have been edited since.
#[must_use]
pub(crate) fn kept(copy: &Path, file: &Source) -> Option<Derived> {
    let source = Source::open(copy).ok()?.named(file.name());
    Some(Derived { source, left_out: Vec::new(), is_empty: false })
}

/// What a report must have done before `action` can be done.
fn undoes(action: Action) -> &'static [Action] {
    match action {
        Action::Associate => &[Action::Disassociate, Action::Restore],
        Action::Delete => &[Action::Disassociate],
        Action::Restore => &[Action::Delete],
        Action::Disassociate => &[],
    }
}

fn of_report(
    report: &Source,
    options: &InputOptions,
    action: Action,
    take: &mut impl FnMut(LaneName<'_>, &str, &str) -> csv::Result<()>,
    left_out: &mut LeftOut,
) -> anyhow::Result<()> {
    let mut taken = Ok(());
    report::read(report, options, |row| {
        if row.status != Some(Status::Succeeded) || taken.is_err() {
            return;
        }
        let was_on_connector = row.before.is_empty() || row.before == ON_CONNECTOR;
        let reason = match row.action.unwrap_or_default() {
            did if !undoes(action).contains(&did) => &mut left_out.of_another_action,
            _ if !row.is_untouched() => &mut left_out.edited,
            did if !row.code.is_empty() || did == Action::Disassociate && !was_on_connector => {
                &mut left_out.found_done
            }
            _ if action.needs_connector() && row.connector.is_empty() => &mut left_out.without_connector,
            _ => return taken = take(row.lane, &row.connector, &row.number),
        };
        *reason += 1;
    })?;
    Ok(taken?)
}

/// Of a list of numbers, those without a connector.
fn of_export(
    file: &Source,
    options: &InputOptions,
    take: &mut impl FnMut(LaneName<'_>, &str, &str) -> csv::Result<()>,
    left_out: &mut LeftOut,
) -> anyhow::Result<()> {
    let options = InputOptions { action: Some(Action::Delete), ..options.clone() };
    let (header, mut records) = Header::read(file, &options)?;
    let layout = header.layout(&options)?;
    while let Some(record) = records.next()? {
        match judge(&layout, record.fields) {
            Verdict::Pending { lane, connector: "", number, .. } => {
                take(lane, "", &number.e164().to_string())?;
            }
            Verdict::Pending { .. } => left_out.on_connector += 1,
            Verdict::Ignored => {}
            _ => left_out.not_valid += 1,
        }
    }
    Ok(())
}

impl LeftOut {
    fn in_words(&self, action: Action) -> Vec<String> {
        let done = undoes(action).first().map_or("changed", |action| action.done());
        let reasons = [
            (self.edited, "was edited after it was reported".to_owned()),
            (self.found_done, format!("was not {done} by this report: there was nothing left to do")),
            (self.of_another_action, "is of another action".to_owned()),
            (self.without_connector, "names no connector".to_owned()),
            (self.on_connector, "is on a connector".to_owned()),
            (self.not_valid, "is not valid".to_owned()),
            (self.repeated, "repeats a number".to_owned()),
        ];
        let reasons = reasons.into_iter().filter(|(rows, _)| *rows > 0);
        reasons.map(|(rows, why)| format!("{}: each {why}", counted(rows, "row"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of the two has been removed from its connector.
    #[test]
    fn a_number_that_was_on_two_connectors_is_released_once() {
        let report = "connector,number,status,error_code,error_message,attempts,request_id,completed_at,action\n\
                      a,+12065550100,succeeded,,,1,,,disassociate\nb,12065550100,succeeded,,,1,,,disassociate\n\
                      b,+12065550101,succeeded,,,1,,,disassociate\n";
        let report = Source::from_bytes("report", report.as_bytes().to_vec());
        for (action, rows) in [(Action::Delete, 2), (Action::Associate, 3)] {
            let derived = derive(&report, &InputOptions::default(), action).unwrap();
            let options = InputOptions { action: Some(action), ..InputOptions::default() };
            assert_eq!(Input::read(&derived.source, &options).unwrap().rows.len(), rows);
            let left_out: Vec<_> =
                (rows == 2).then(|| "1 row: each repeats a number".to_owned()).into_iter().collect();
            assert_eq!(derived.left_out, left_out);
        }
    }
}
