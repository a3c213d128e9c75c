//! The rows of a report that a page shows, and its rows over time; gathered in one pass, in bounded memory.
//!
//! Must not write anything.

use std::ops::AddAssign;

use jiff::Timestamp;

use crate::input::Status;
use crate::number::PhoneNumber;
use crate::report::Reported;
use crate::report::summary::masked::masked;
use crate::report::timeline::Series;

/// The most rows shown: what a phone still loads at once. The report has all.
pub(super) const SHOWN: usize = 5_000;

/// A report's times are whole seconds.
const SECOND: u16 = 1_000;

/// A row that did not succeed, as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its line in the report.
    pub line: u64,
    /// Its connector.
    pub connector: String,
    /// Its number, masked or whole.
    pub number: String,
    /// Its status, in words.
    pub status: &'static str,
    /// `error_code`.
    pub code: String,
    /// `error_message`.
    pub message: String,
    /// `request_id`.
    pub request_id: String,
    /// `completed_at`.
    pub when: String,
}

/// Rows settled in an interval.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settled {
    pub succeeded: u64,
    pub unknown: u64,
    pub failed: u64,
}

impl AddAssign for Settled {
    fn add_assign(&mut self, other: Self) {
        self.succeeded += other.succeeded;
        self.unknown += other.unknown;
        self.failed += other.failed;
    }
}

/// What a page needs from a report.
#[derive(Debug)]
pub struct Gathered {
    full_numbers: bool,
    /// Rows with a problem, and rows that were not tried: a hundred thousand of the latter must not hide the former.
    troubled: Vec<Row>,
    waiting: Vec<Row>,
    /// Rows settled, by time.
    pub settled: Series<Settled>,
    /// When the first and the last were.
    pub(super) time: Option<(Timestamp, Timestamp)>,
}

impl Gathered {
    /// Starts empty.
    #[must_use]
    pub fn new(full_numbers: bool) -> Self {
        let (troubled, waiting) = (Vec::new(), Vec::new());
        Self { full_numbers, troubled, waiting, settled: Series::in_intervals_of(SECOND), time: None }
    }

    /// Adds a row.
    pub fn add(&mut self, row: &Reported<'_>) {
        self.add_time(row);
        let rows = match row.status {
            Some(Status::Succeeded | Status::Duplicate) => return,
            Some(Status::Failed | Status::Unknown | Status::Invalid) => &mut self.troubled,
            Some(Status::NotAttempted) | None => &mut self.waiting,
        };
        if rows.len() < SHOWN {
            let shown = shown(row, self.full_numbers);
            rows.push(shown);
        }
    }

    fn add_time(&mut self, row: &Reported<'_>) {
        let Ok(at) = row.completed_at.trim().parse::<Timestamp>() else { return };
        let (first, last) = self.time.unwrap_or((at, at));
        self.time = Some((first.min(at), last.max(at)));
        let settled = self.settled.at(at);
        *match row.status {
            Some(Status::Succeeded) => &mut settled.succeeded,
            Some(Status::Unknown) => &mut settled.unknown,
            _ => &mut settled.failed,
        } += 1;
    }

    /// The rows to show, in the report's order.
    #[must_use]
    pub fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<_> = self.troubled.iter().chain(&self.waiting).take(SHOWN).collect();
        rows.sort_by_key(|row| row.line);
        rows
    }

    /// Whether whole numbers are shown.
    #[must_use]
    pub fn has_full_numbers(&self) -> bool {
        self.full_numbers
    }
}

fn shown(row: &Reported<'_>, full_numbers: bool) -> Row {
    let text = |text: &str| if full_numbers { text.to_owned() } else { masked(text) };
    let number = match PhoneNumber::parse(&row.number) {
        Ok(number) if full_numbers => number.e164().to_string(),
        Ok(number) => number.masked().to_string(),
        Err(_) => text(&row.number),
    };
    let status = match row.status {
        Some(Status::NotAttempted) => "not attempted",
        Some(status) => status.as_str(),
        None => "without a status",
    };
    Row {
        line: row.line,
        connector: text(&row.connector),
        number,
        status,
        code: text(&row.code),
        message: text(&row.message),
        request_id: row.request_id.to_string(),
        when: row.completed_at.to_string(),
    }
}
