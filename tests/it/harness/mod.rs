//! A small language for jobs: a directory, a CSV file, a command, and its result.
//!
//! Every command runs in its own directory with an environment that has nothing of the machine's. A failed check
//! prints the command, what it wrote, and its report. Nothing here must depend on how fast the machine is.

mod ended;
mod fake;
mod job;
mod running;
mod service;
#[cfg(unix)]
mod terminal;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

pub use ended::Ended;
pub use fake::Fake;
pub use job::Job;
pub use running::Running;
pub use service::Service;
#[cfg(unix)]
pub use terminal::{Terminal, Typed};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_chime-sweep");

/// What takes this long hangs, even on the slowest machine.
const HANGS: Duration = Duration::from_secs(600);

/// A row of a report: header → cell.
pub type Row = BTreeMap<String, String>;

/// `count` rows of connector `vc`.
pub fn csv(count: usize) -> String {
    csv_of(count, |_| "vc".to_owned())
}

/// `count` rows of the connectors `vc0`, `vc1` and `vc2` in turn.
pub fn csv_of_three(count: usize) -> String {
    csv_of(count, |n| format!("vc{}", n % 3))
}

fn csv_of(count: usize, connector: impl Fn(usize) -> String) -> String {
    (0..count).fold("voice_connector_id,phone_number\n".to_owned(), |mut csv, n| {
        let _ = writeln!(csv, "{},{}", connector(n), number(n));
        csv
    })
}

/// The number of row `n` of [`csv`], from 0.
pub fn number(n: usize) -> String {
    format!("+1206555{n:04}")
}

/// The rows of a CSV file whose fields are separated by what follows its first header.
pub fn rows(text: &str) -> Vec<Row> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = header.bytes().find(|byte| matches!(byte, b',' | b';' | b'\t')).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let names: Vec<_> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let row = |record: csv::StringRecord| {
        names.iter().cloned().zip(record.iter().map(str::to_owned)).collect::<Row>()
    };
    reader.records().map(|record| row(record.expect("a record"))).collect()
}

/// Checks each case of a table in a thread of its own: most of a job is waiting.
pub fn all_at_once<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| cases.iter().for_each(|case| drop(scope.spawn(|| check(case)))));
}

/// Says why a test did nothing.
#[expect(clippy::print_stderr, reason = "the user who runs the tests must see it")]
pub fn skipped(because: &str) {
    eprintln!("skipped: {because}");
}

/// Waits until `condition` holds.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "another process is waited for, whose time is real")]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANGS, "timed out waiting until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
