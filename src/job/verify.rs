//! `verify`: compares a report with the service, and writes into the report what was seen.
//!
//! Must not change anything at the service.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::clock::wall_clock;
use super::lanes;
use super::reading::{self, Reader};
use super::same_target;
use super::settings;
use super::status;
use crate::aws::Environment;
use crate::cli::VerifyArgs;
use crate::cli::exit::ExitStatus;
use crate::files;
use crate::input::{Input, RowId, Source, Standing, Status};
use crate::inventory::{Answers, Found, Lister, Purpose, look_up};
use crate::report::{self, Seen};
use crate::terminal::Screen;
use crate::text::counted;

/// Differences that are shown; the report has all.
const SHOWN: usize = 20;

/// What was seen.
pub(super) struct Verification {
    /// How many numbers, by word.
    words: BTreeMap<&'static str, u64>,
    /// Rows that were `unknown`, and what became of them.
    settled: BTreeMap<Status, u64>,
    /// The rows that contradict the report, in words.
    differences: Vec<String>,
    requests: u64,
}

/// Runs the command.
///
/// # Errors
/// If the file is not a report, is of another account or region, or the service cannot be asked.
pub(super) fn execute(args: VerifyArgs, env: &Environment, screen: &Screen) -> anyhow::Result<ExitStatus> {
    let report = &args.report;
    anyhow::ensure!(report != Path::new("-"), "`verify` updates the report, so it needs a file: name it");
    status::check_written(report)?;
    status::check_finished(report)?;
    let accounts = args.lanes.accounts.clone();
    let columns = settings::columns_and_lanes(args.columns, args.lanes, &args.reading.aws);
    let (service, pool) = reading::settings(args.reading, accounts);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let source = Source::open(report)?;
    let is_called = |standing| matches!(standing, Standing::Finished | Standing::Pending { .. });
    let (has_lanes, read) = (Input::has_lanes(&source, &columns)?, || Input::read(&source, &columns));
    let (input, lanes) = lanes::open(has_lanes, read, &service, is_called, env, &runtime)?;
    anyhow::ensure!(input.layout.is_report(), "`{}` is not a chime-sweep report", source.name());
    same_target::check(&source, report, &columns, &lanes, &input.rows, None)?;
    lanes.hold(&input);
    let reader = Reader { lanes: &lanes, pool: &pool, runtime: &runtime, screen };
    let verification = verify(&reader, report, &source, &input, args.recheck_after)?;
    screen.say_with(&verification, || Some(("verified", verification.json())));
    Ok(if verification.is_as_reported() { ExitStatus::Success } else { ExitStatus::SomeRowsFailed })
}

/// Compares `input`, which is the report at `path`, with the service, and writes what was seen into it. What contradicts it
/// is asked for again after some time, because the service may show an old state.
///
/// # Errors
/// If the service cannot be asked, or the report cannot be written; it is unchanged then.
pub(super) fn verify(
    reader: &Reader<'_>,
    path: &Path,
    source: &Source,
    input: &Input,
    recheck_after: Duration,
) -> anyhow::Result<Verification> {
    let (rows, action) = (&input.rows, input.layout.action);
    let is_verified =
        |row: &RowId| matches!(rows.standing(*row), Standing::Finished | Standing::Pending { .. });
    // Whether a number that is on no connector is in the deletion queue, or gone, matters to a release.
    let purpose = Purpose { in_detail: !action.needs_connector(), ..Purpose::default() };
    let judged = |row, found: &Found<&str>| Seen::of(action, rows.standing(row), found);
    let look = async |lane, lister: &mut Lister<'_>| {
        let first = look_up(lister, rows, lane, rows.ids().filter(is_verified), purpose).await?;
        let doubtful = first.rows().filter(|(row, found)| judged(*row, found).may_be_old());
        let again: Vec<_> = doubtful.map(|(row, _)| row).collect();
        if !again.is_empty() {
            tokio::time::sleep(recheck_after).await;
        }
        let second = look_up(lister, rows, lane, again.into_iter(), purpose).await?;
        Ok((first, second, lister.progress().requests))
    };
    let (mut first, mut second, mut requests) = (Vec::new(), Vec::new(), 0);
    for (of_first, of_second, asked) in reader.read(look)? {
        first.push(of_first);
        second.push(of_second);
        requests += asked;
    }
    let (first, second) = (Answers::join(first), Answers::join(second));
    let seen = |row| second.found(row).or_else(|| first.found(row)).map(|found| judged(row, &found));
    files::replace(path, |file| report::annotate(file, source, input, wall_clock(), seen))?;
    let mut verification =
        Verification { words: BTreeMap::new(), settled: BTreeMap::new(), differences: Vec::new(), requests };
    for row in rows.ids() {
        let Some(seen) = seen(row) else { continue };
        *verification.words.entry(seen.word).or_default() += 1;
        if let Some((status, ..)) = seen.settles {
            *verification.settled.entry(status).or_default() += 1;
        }
        if seen.differs {
            let connector = rows.connector(row).map_or("", |id| rows.connector_name(id));
            let number = rows.number(row).map(|number| number.masked().to_string()).unwrap_or_default();
            verification.differences.push(format!(
                "line {}: {number} of {}: the report says that it was {}, but it is {}",
                rows.line(row),
                connector.escape_debug(),
                action.done(),
                seen.in_words()
            ));
        }
    }
    Ok(verification)
}

impl Verification {
    /// Whether nothing contradicts the report.
    pub(super) fn is_as_reported(&self) -> bool {
        self.differences.is_empty()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "numbers": self.words,
            "settled": self.settled,
            "differences": self.differences,
            "requests": self.requests,
        })
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words.iter().map(|(word, numbers)| format!("{} {word}", HumanCount(*numbers)));
        let words: Vec<_> = words.collect();
        write!(f, "verified: {}; {}", words.join(", "), counted(self.requests, "request"))?;
        for (status, rows) in &self.settled {
            write!(f, "\n{} settled: unknown before, {status} now", counted(*rows, "row"))?;
        }
        for difference in self.differences.iter().take(SHOWN) {
            write!(f, "\n{difference}")?;
        }
        if self.is_as_reported() {
            return f.write_str("\nreport and service agree");
        }
        if let Some(more) = self.differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            write!(f, "\n… and {} more", HumanCount(more as u64))?;
        }
        f.write_str("\nto send such a row again: clear its status in the report, then `chime-sweep rerun`")
    }
}
