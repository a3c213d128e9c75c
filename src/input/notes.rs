//! What is odd about an input although its rows can be sent: a person decides whether it is right.
//!
//! Must not change what is sent.

use super::header::{Header, Layout};
use super::reader::Record;
use super::row::Verdict;
use super::status::text;
use crate::number::PhoneNumber;
use crate::text::plain;

/// How many rows are searched for numbers in other columns: parsing every cell would take longer than the rest.
const SAMPLE: u32 = 1_000;

/// The fewest digits of a number that is not an extension or a service.
const WHOLE: u64 = 1_000_000;

/// How an input is understood, and what is odd about it.
#[derive(Debug, Default)]
pub struct Notes {
    /// The header of the column with the connectors, in backticks; `None` if one was given for all rows.
    pub connector_column: Option<String>,
    /// The header of the column with the numbers, in backticks.
    pub number_column: String,
    /// Other columns that are full of numbers.
    pub other_columns: Vec<String>,
    /// Columns that are called `region`, but have no AWS region.
    pub other_regions: Vec<String>,
    /// Columns that seem to name several accounts, and are not used.
    pub other_accounts: Vec<String>,
    /// Rows that have a cell of several lines.
    pub multiline: u64,
    /// Numbers that have fewer than 7 digits.
    pub short: u64,
    /// Numbers that have 10 digits and no `+`: their country code may be missing.
    pub without_plus: u64,
}

/// Takes notes while an input is read.
pub(super) struct NoteTaker {
    notes: Notes,
    rows: u32,
    others: Vec<Other>,
}

/// Another column of the input.
struct Other {
    at: usize,
    header: String,
    /// Whether its header is about phones: then a number needs no `+` to count.
    is_about_phones: bool,
    numbers: u32,
    /// Whether it is called `region`, but has no AWS region; and whether it has anything.
    is_other_region: bool,
    has_text: bool,
    /// If it is called `account`, but is not used: its first two different cells.
    accounts: Option<Vec<String>>,
}

impl NoteTaker {
    pub(super) fn new(header: &Header<'_>, layout: &Layout) -> Self {
        let connector = layout.connector.column();
        let is_chosen = |at: usize| at == layout.number || connector == Some(at);
        let other_regions = header.other_regions();
        let is_other_region = |at: usize| other_regions.contains(&at) && layout.lane.region != Some(at);
        let accounts = if layout.lane.who.is_none() { header.accounts() } else { Vec::new() };
        let others = header.own_columns().into_iter().filter(|at| !is_chosen(*at)).map(|at| {
            let (header, lower) = (header.shown(at), header.shown(at).to_lowercase());
            let is_about_phones =
                ["phone", "number", "tel", "mobile", "e164"].iter().any(|word| lower.contains(word));
            let accounts = accounts.contains(&at).then(Vec::new);
            Other {
                at,
                header,
                is_about_phones,
                numbers: 0,
                is_other_region: is_other_region(at),
                has_text: false,
                accounts,
            }
        });
        let notes = Notes {
            connector_column: connector.map(|column| header.shown(column)),
            number_column: header.shown(layout.number),
            ..Notes::default()
        };
        Self { notes, rows: 0, others: others.collect() }
    }

    pub(super) fn add(&mut self, layout: &Layout, record: &Record<'_>, verdict: &Verdict<'_>) {
        let notes = &mut self.notes;
        notes.multiline += u64::from(record.spans_lines);
        let Verdict::Pending { number, .. } = *verdict else { return };
        let cell = |at| plain(text(record.fields.get(at).unwrap_or_default()));
        let has_plus = |cell: &str| cell.contains(['+', '＋']) || cell.starts_with("%2");
        notes.short += u64::from(number.digits() < WHOLE);
        let is_ten_digits = (1_000_000_000..10_000_000_000).contains(&number.digits());
        notes.without_plus += u64::from(is_ten_digits && !has_plus(cell(layout.number)));
        if self.rows < SAMPLE {
            self.rows += 1;
            for other in &mut self.others {
                let cell = cell(other.at);
                other.has_text |= !cell.is_empty();
                if let Some(accounts) = other.accounts.as_mut().filter(|_| !cell.is_empty())
                    && accounts.len() < 2
                    && accounts.iter().all(|account| account != cell)
                {
                    accounts.push(cell.to_owned());
                }
                let looks_right = other.is_about_phones || has_plus(cell);
                let found =
                    PhoneNumber::parse(cell).ok().filter(|found| looks_right && found.digits() >= WHOLE);
                other.numbers += u32::from(found.is_some_and(|found| found != number));
            }
        }
    }

    pub(super) fn finish(self) -> Notes {
        let headers = |is_meant: &dyn Fn(&Other) -> bool| {
            let meant = self.others.iter().filter(|other| is_meant(other));
            meant.map(|other| other.header.clone()).collect()
        };
        let is_full = |other: &Other| other.numbers > 0 && other.numbers >= self.rows.div_ceil(2);
        let other_columns = headers(&is_full);
        let other_regions = headers(&|other| other.is_other_region && other.has_text);
        let other_accounts =
            headers(&|other| other.accounts.as_ref().is_some_and(|accounts| accounts.len() > 1));
        Notes { other_columns, other_regions, other_accounts, ..self.notes }
    }
}

impl Notes {
    /// What a person should look at, one line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let Self { number_column, other_columns, short, without_plus, .. } = self;
        let numbers = |count: &u64| match count {
            1 => "1 number has".to_owned(),
            count => format!("{count} numbers have"),
        };
        let other = other_columns.iter().map(|column| {
            format!("column {column} is full of numbers, too: --number-column chooses it instead of {number_column}")
        });
        let regions = self.other_regions.iter().map(|column| {
            format!("column {column} is not used: nothing in it looks like an AWS region, such as us-east-1")
        });
        let accounts = self.other_accounts.iter().map(|column| {
            format!("column {column} is not used, and all rows are sent to one account: --accounts FILE would use it")
        });
        let short = Some(short).filter(|count| **count > 0);
        let short = short.map(|count| format!("{} fewer than 7 digits", numbers(count)));
        let without_plus = Some(without_plus).filter(|count| **count > 0).map(|count| {
            format!("{} 10 digits and no `+`: the first digits are taken for a country code", numbers(count))
        });
        other.chain(regions).chain(accounts).chain(short).chain(without_plus).collect()
    }
}
