//! A job of a seed: its input and what each row asks for, what goes wrong, the settings, and what ends its processes.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use chime_sweep::action::Action;
use chime_sweep::event::StopReason;
use chime_sweep::pool::PoolSettings;
use chime_sweep::pool::pace::{PaceSettings, Rate};
use fastrand::Rng;
use jiff::Timestamp;

/// A number of a connector: the indexes of lane and connector, and the digits.
pub(crate) type Key = (usize, usize, u64);

/// Who calls in a lane, and in which region; of a job without lanes, the first.
pub(crate) const LANES: [(&str, &str); 2] = [("night", "us-east-1"), ("day", "us-west-2")];

/// Keys that expire, and those that come after them. Each is its own secret.
pub(crate) const KEYS: [&str; 2] = ["AKIDEVENING", "AKIDMORNING"];

/// What must become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Send(Key),
    Duplicate,
    Invalid,
    /// Nothing: it is a comment, or empty.
    Ignored,
}

/// What ends a process before its time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    KilledAt(Duration),
    /// While it writes this group of events, from 0.
    KilledWriting(u32),
    /// When the report is in place, before the journal is removed.
    KilledAfterReport,
    Stopped(Duration, StopReason),
}

pub(crate) struct Case {
    pub(crate) rng: Rng,
    /// With their line ends, header first.
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) delimiter: u8,
    /// By record, without the header.
    pub(crate) wants: Vec<Want>,
    pub(crate) has_lanes: bool,
    /// The connectors and numbers that belong together at the beginning; `None` for all.
    pub(crate) held: Option<BTreeSet<(usize, u64)>>,
    /// The scenario in TOML.
    pub(crate) scenario: String,
    /// What goes wrong.
    pub(crate) kinds: BTreeSet<&'static str>,
    pub(crate) kills: u32,
    pub(crate) reruns: u32,
}

impl Case {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut case = Self {
            records: Vec::new(),
            delimiter: *pick(&mut rng, b",,,;\t|"),
            wants: Vec::new(),
            has_lanes: rng.u32(..4) == 0,
            held: None,
            scenario: format!("seed = {}\n", rng.u32(..)),
            kinds: BTreeSet::new(),
            kills: *pick(&mut rng, &[0, 0, 1, 1, 2, 3]),
            reruns: *pick(&mut rng, &[0, 0, 1, 2]),
            rng,
        };
        case.write_input();
        case.write_scenario();
        case
    }

    fn write_input(&mut self) {
        let rng = &mut self.rng;
        let most = *pick(rng, &[10, 60, 300]);
        let (rows, connectors) = (rng.u64(1..=most), rng.usize(1..=5));
        let mut columns = vec!["connector", "Phone_Number"];
        columns.extend(["team"].into_iter().filter(|_| rng.bool()));
        columns.extend(["profile", "region"].into_iter().filter(|_| self.has_lanes));
        rng.shuffle(&mut columns);
        let (preamble, line_end) = (*pick(rng, &["", "\u{feff}"]), *pick(rng, &["\n", "\r\n"]));
        let header = columns.join(&char::from(self.delimiter).to_string());
        self.records.push([preamble, &header, line_end].concat().into_bytes());
        let mut sent = Vec::new();
        for row in 0..rows {
            let mut key = (usize::from(self.has_lanes && rng.bool()), rng.usize(..connectors), BASE + row);
            if !sent.is_empty() && rng.u32(..12) == 0 {
                key = *pick(rng, &sent); // a duplicate, or on another connector
                key.1 = if rng.bool() { key.1 } else { rng.usize(..connectors) };
            }
            let spoilt = rng.u32(..100);
            let cells = columns.iter().map(|column| cell(rng, column, key, spoilt));
            let mut cells: Vec<_> = cells.collect();
            let want = match spoilt {
                0..=2 => Want::Invalid, // by its cell
                3 | 4 => {
                    cells.resize(cells.len() - 1 + 2 * (spoilt as usize - 3), b"more".to_vec());
                    Want::Invalid
                }
                5 | 6 => {
                    cells = if spoilt == 5 {
                        vec![b"# a comment".to_vec()]
                    } else {
                        vec![Vec::new(); cells.len()]
                    };
                    Want::Ignored
                }
                _ if sent.contains(&key) => Want::Duplicate,
                _ => Want::Send(key),
            };
            sent.extend((want == Want::Send(key)).then_some(key));
            self.records.push([cells.join(&self.delimiter), line_end.into()].concat());
            self.wants.push(want);
        }
        if rng.u32(..4) == 0 {
            let share = rng.u64(2..=11);
            let held = sent.iter().map(|key| (key.1, key.2)).filter(|(_, digits)| digits % 11 < share);
            self.held = Some(held.collect());
            self.kinds.insert("numbers elsewhere");
        }
        self.kinds.extend(self.has_lanes.then_some("two lanes"));
    }

    fn write_scenario(&mut self) {
        for fault in include_str!("faults.txt").split("# ").skip(1) {
            let (kind, texts) = fault.split_once('\n').unwrap();
            let (one_in, kind) = kind.split_once(' ').unwrap();
            let texts: Vec<_> = texts.lines().collect();
            if self.rng.u32(..one_in.parse::<u32>().unwrap()) == 0
                && !(self.has_lanes && kind == "expired keys")
            {
                let p = format!("0.{:02}", self.rng.u32(1..60));
                let text = pick(&mut self.rng, &texts).replace("$p", &p).replace(" / ", "\n");
                self.scenario.extend([&*text, "\n"]);
                self.kinds.insert(kind);
            }
        }
        for connector in 0..self.held.as_ref().map_or(0, |_| 5) {
            let numbers = self.held.iter().flatten().filter(|(its, _)| *its == connector);
            let numbers: Vec<_> = numbers.map(|(_, digits)| format!("\"+{digits}\"")).collect();
            let numbers = numbers.join(",");
            let table = format!("[[connector]]\nid = \"vc{connector}\"\nnumbers = [{numbers}]\n");
            self.scenario.push_str(&table);
        }
    }

    /// How the next process works, and the size of its batches.
    pub(crate) fn settings(&mut self, now: Timestamp) -> (PoolSettings, NonZeroU32) {
        let rng = &mut self.rng;
        let one_in = |rng: &mut Rng, of: u32| rng.u32(..of) == 0;
        let rate =
            *pick(rng, &[Rate::Auto, Rate::Auto, Rate::Fixed(2.0), Rate::Fixed(20.0), Rate::Fixed(100.0)]);
        let settings = PoolSettings {
            action: Action::Disassociate,
            concurrency: NonZeroUsize::new(*pick(rng, &[1, 2, 4, 16, 256])).unwrap(),
            pace: PaceSettings { rate, seed: rng.u64(..), ..PaceSettings::default() },
            max_attempts: NonZeroU32::new(rng.u32(1..=5)).unwrap(),
            max_failures: one_in(rng, 8).then(|| rng.u64(..20)),
            failed: Arc::default(),
            doubts_list: one_in(rng, 4),
            give_up_after: Duration::from_secs(*pick(rng, &[60, 600, 3_600])),
            patience: Duration::from_secs(120),
            stop_at: one_in(rng, 12).then(|| now + Duration::from_millis(rng.u64(..60_000))),
            keys_are_fixed: one_in(rng, 4),
            not_found_is_success: one_in(rng, 4),
        };
        (settings, NonZeroU32::new(*pick(rng, &[1, 5, 10, 50])).unwrap())
    }

    /// What ends the next process, if something does.
    pub(crate) fn end(&mut self) -> Option<End> {
        let rng = &mut self.rng;
        // Of any magnitude, from a millisecond to a quarter of an hour.
        let moment = Duration::from_secs_f64(0.001 * 900_000_f64.powf(rng.f64()));
        if self.kills > 0 {
            self.kills -= 1;
            return Some(match rng.u32(..10) {
                0 => End::KilledAfterReport,
                1..5 => End::KilledWriting(rng.u32(..8)),
                _ => End::KilledAt(moment),
            });
        }
        let reasons = [StopReason::Interrupted, StopReason::Deadline, StopReason::Aborted];
        (rng.u32(..6) == 0).then(|| End::Stopped(moment, *pick(rng, &reasons)))
    }
}

const BASE: u64 = 12_065_550_000;

fn cell(rng: &mut Rng, column: &str, key: Key, spoilt: u32) -> Vec<u8> {
    let (text, broken) = match column {
        "team" => (pick(rng, &["", "a, b", "say \"hi\"", "two\nlines", "=1+1", "é"]).to_string(), ""),
        "profile" => (LANES[key.0].0.to_owned(), ""),
        "region" => (LANES[key.0].1.to_owned(), ""),
        "connector" if spoilt == 0 => (String::new(), ""),
        "connector" => (format!("vc{}", key.1), ""),
        _ if spoilt == 1 => (pick(rng, &["twelve", "", "2.0655E+10", "0012"]).to_string(), ""),
        _ => match rng.u32(..9) {
            0 => (format!(" +1 (206) 555-{:04}", key.2 - BASE), "+"),
            1..5 => (key.2.to_string(), "+"),
            _ => (format!("+{}", key.2), "+"),
        },
    };
    let mut text = text.into_bytes();
    text.extend((spoilt == 2 && broken == "+").then_some(0xff));
    if text.iter().any(|byte| b",;\t|\"\n".contains(byte)) || rng.u32(..20) == 0 {
        text = [
            b"\"",
            &*text.iter().flat_map(|byte| [*byte].repeat(1 + usize::from(*byte == b'"'))).collect::<Vec<_>>(),
            b"\"",
        ]
        .concat();
    }
    text
}

pub(crate) fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
