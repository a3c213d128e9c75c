//! A job of a seed: its input and what each row asks for, the service's faults, the settings, and what disturbs it.

use std::collections::{BTreeSet, HashSet};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chime_sweep::action::Action;
use chime_sweep::event::StopReason;
use chime_sweep::pool::PoolSettings;
use chime_sweep::pool::pace::{PaceSettings, Rate};
use chime_sweep::simulator::Scenario;
use fastrand::Rng;
use jiff::Timestamp;

/// A number of a connector: the indexes of lane and connector, and the digits.
pub(crate) type Key = (usize, usize, u64);

/// Who calls in a lane, and in which region; of a job without lanes, the first.
pub(crate) const LANES: [(&str, &str); 2] = [("night", "us-east-1"), ("day", "us-west-2")];

const BASE: u64 = 12_065_550_000;

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
    /// It dies at this moment.
    KilledAt(Duration),
    /// It dies while it writes this group of events, from 0.
    KilledWriting(u32),
    /// It dies when the report is in place, before the journal is removed.
    KilledAfterReport,
    /// It is asked to stop.
    Stopped(Duration, StopReason),
}

pub(crate) struct Case {
    pub(crate) rng: Rng,
    /// The records with their terminators, header first.
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) delimiter: u8,
    /// By record, without the header.
    pub(crate) wants: Vec<Want>,
    pub(crate) has_lanes: bool,
    /// The numbers that were on their connectors at the beginning; `None` for all.
    pub(crate) held: Option<HashSet<Key>>,
    pub(crate) toml: String,
    /// What goes wrong.
    pub(crate) kinds: BTreeSet<&'static str>,
    /// When other keys are there.
    pub(crate) renewed_at: Duration,
    pub(crate) kills: u32,
    pub(crate) reruns: u32,
}

impl Case {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let has_lanes = rng.u32(..4) == 0;
        let mut case = Self {
            has_lanes,
            records: Vec::new(),
            delimiter: *pick(&mut rng, b",,,;\t|"),
            wants: Vec::new(),
            held: None,
            toml: String::new(),
            kinds: BTreeSet::new(),
            renewed_at: Duration::from_secs(rng.u64(..3_000)),
            kills: *pick(&mut rng, &[0, 0, 1, 1, 2, 3]),
            reruns: *pick(&mut rng, &[0, 0, 1, 2]),
            rng,
        };
        case.write_input();
        case.write_scenario();
        case
    }

    pub(crate) fn scenario(&self) -> Scenario {
        Scenario::from_toml(&self.toml, Path::new("soak.toml")).expect("a scenario")
    }

    fn write_input(&mut self) {
        let rng = &mut self.rng;
        let most = *pick(rng, &[10, 60, 300]);
        let (rows, connectors) = (rng.usize(1..=most), rng.usize(1..=5));
        let names = pick(rng, &[["connector", "number"], ["Voice_Connector-ID", "E164 Phone Number"]]);
        let mut columns = names.to_vec();
        columns.extend(["team"].into_iter().filter(|_| rng.bool()));
        columns.extend(["profile", "region"].into_iter().filter(|_| self.has_lanes));
        rng.shuffle(&mut columns);
        let line_end = *pick(rng, &["\n", "\n", "\r\n"]);
        let preamble = *pick(rng, &["", "", "\u{feff}"]);
        let delimiter = char::from(self.delimiter);
        let header = columns.join(&delimiter.to_string());
        self.records.push([preamble, &header, line_end].concat().into_bytes());
        let (mut seen, mut sent) = (HashSet::new(), Vec::new());
        for row in 0..rows as u64 {
            let lane = if self.has_lanes { rng.usize(..2) } else { 0 };
            let mut key = (lane, rng.usize(..connectors), BASE + row);
            if !sent.is_empty() && rng.u32(..12) == 0 {
                key = *pick(rng, &sent); // a duplicate, or on another connector
                key.1 = if rng.bool() { key.1 } else { rng.usize(..connectors) };
            }
            let mut want = Want::Send(key);
            let spoilt = if rng.u32(..15) == 0 { rng.usize(..7) } else { 99 };
            let mut cells: Vec<Vec<u8>> = Vec::new();
            for (at, column) in columns.iter().enumerate() {
                let text = match *column {
                    "team" => pick(rng, &["", "a, b", "say \"hi\"", "two\nlines", "=1+1", "é"]).to_string(),
                    "profile" => LANES[key.0].0.to_owned(),
                    "region" => LANES[key.0].1.to_owned(),
                    name if name == names[0] && spoilt == 0 => String::new(),
                    name if name == names[0] => format!("vc{}", key.1),
                    _ if spoilt == 1 => pick(rng, &["twelve", "", "2.0655E+10", "0012"]).to_string(),
                    _ if rng.u32(..9) == 0 => format!(" +1 (206) 555-{:04}", key.2 - BASE),
                    _ => format!("{}{}", if rng.bool() { "+" } else { "" }, key.2),
                };
                let mut text = text.into_bytes();
                if spoilt == 2 && *column == names[1] {
                    text.push(0xff);
                }
                if text.iter().any(|byte| b",;\t|\"\n".contains(byte)) || rng.u32(..20) == 0 {
                    let quoted = text.iter().flat_map(|byte| vec![*byte; 1 + usize::from(*byte == b'"')]);
                    text = [b"\"".to_vec(), quoted.collect(), b"\"".to_vec()].concat();
                }
                if !(spoilt == 3 && at + 1 == columns.len()) {
                    cells.push(text);
                }
            }
            match spoilt {
                0..=3 => want = Want::Invalid,
                4 => (cells, want) = (vec![Vec::new(); columns.len()], Want::Ignored),
                5 => (cells, want) = (vec![b"# a comment".to_vec()], Want::Ignored),
                6 => {
                    cells.push(b"more".to_vec());
                    want = Want::Invalid;
                }
                _ => {}
            }
            if want == Want::Send(key) {
                let is_new = seen.insert(key);
                want = if is_new { want } else { Want::Duplicate };
                sent.extend(is_new.then_some(key));
            }
            let mut record = cells.join(&self.delimiter);
            record.extend_from_slice(line_end.as_bytes());
            self.records.push(record);
            self.wants.push(want);
        }
        if let Some(last) = self.records.last_mut().filter(|last| last.len() > 2 && rng.u32(..4) == 0) {
            last.truncate(last.len() - line_end.len());
        }
        if rng.u32(..4) == 0 {
            let are_missing = rng.usize(1..=10);
            self.held = Some(seen.into_iter().collect::<BTreeSet<_>>().into_iter().collect());
            self.held.iter_mut().for_each(|held| held.retain(|key| key.2 as usize % 11 < are_missing));
        }
    }

    fn write_scenario(&mut self) {
        let Self { rng, kinds, .. } = self;
        let mut lines = vec![format!("seed = {}", rng.u32(..))];
        let mut tables = Vec::new();
        let number = |rng: &mut Rng| format!("\"+{}\"", BASE + rng.u64(..100));
        let mut add = |kind, is_there: bool| is_there && kinds.insert(kind) | true;
        if add("poison", rng.u32(..8) == 0) {
            lines.push(format!("poison = [{}]", number(rng)));
        }
        if add("missing connector", rng.u32(..12) == 0) {
            lines.push("missing = [\"vc1\"]".to_owned());
        }
        if add("forbidden connector", rng.u32(..12) == 0) {
            lines.push("forbidden = [\"vc2\"]".to_owned());
        }
        if add("strangers", rng.u32(..12) == 0) {
            lines.push("strangers = [\"+12065559999\"]".to_owned()); // of a row, it would be a lie
        }
        if add("batch limit", rng.u32(..12) == 0) {
            lines.push(format!("batch_limit = {}", rng.u32(3..20)));
        }
        if rng.u32(..5) == 0 {
            lines.push("unassociated = \"accepted\"".to_owned());
        }
        lines.push(format!("id_form = \"{}\"", pick(rng, &["plus", "bare", "percent"])));
        let mean = *pick(rng, &[5, 30, 200, 3_000]);
        tables.push(format!("[latency]\nmean = \"{mean}ms\"\njitter = \"{}ms\"", rng.u32(..=mean)));
        if add("slow replies", rng.u32(..12) == 0) {
            tables.pop();
            tables.push("[latency]\nmean = \"35s\"\njitter = \"33s\"".to_owned());
        }
        if add("429 of a bucket", rng.bool()) {
            let (rate, burst) = (*pick(rng, &[1, 2, 5, 10, 50]), rng.u32(1..20));
            let retry_after = pick(rng, &["silent", "silent", "seconds", "milliseconds"]);
            tables.push(format!(
                "[throttle]\nrate = {rate}\nburst = {burst}\nretry_after = \"{retry_after}\"\nper_connector = {}",
                rng.bool()
            ));
        }
        for _ in 0..*pick(rng, &[0, 1, 1, 2, 3]) {
            let (kind, effect) = pick(rng, &EFFECTS);
            add(kind, true);
            let attempts = pick(rng, &["", "attempts = [1]", "attempts = [1, 2]"]);
            let p = rng.u32(1..60);
            tables.push(format!("[[fault]]\n{effect}\np = 0.{p:02}\n{attempts}"));
        }
        if add("refused numbers", rng.u32(..3) == 0) {
            let code = pick(rng, &["Forbidden", "Throttled", "ServiceFailure", "Odd", "BadRequest"]);
            let times = pick(rng, &["", "times = 1", "times = 2"]);
            tables.push(format!("[[number_error]]\ncode = \"{code}\"\np = 0.{:02}\n{times}", rng.u32(1..50)));
        }
        for _ in 0..*pick(rng, &[0, 0, 0, 1, 2]) {
            let from = rng.u64(..60_000);
            let to = from + pick(rng, &[2_000, 60_000, 2_400_000]);
            let does = pick(
                rng,
                &[
                    "does = \"reset\"",
                    "does = \"stall\"",
                    "does.error = { status = 503 }",
                    "does.html = { status = 502 }",
                ],
            );
            add("outage", true);
            tables.push(format!("[[outage]]\nfrom = \"{from}ms\"\nto = \"{to}ms\"\n{does}"));
        }
        if !self.has_lanes && add("expired keys", rng.u32(..8) == 0) {
            let after = if rng.bool() { "requests = 7" } else { "expires_after = \"9s\"" };
            let key = |id, after: &str| {
                format!("[[key]]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{id}\"\n{after}")
            };
            tables.extend([key(KEYS[0], after), key(KEYS[1], "")]);
        }
        if let Some(held) = &self.held {
            add("numbers elsewhere", true);
            for connector in 0..5 {
                let there: BTreeSet<_> =
                    held.iter().filter(|key| key.1 == connector).map(|key| key.2).collect();
                let there: String = there.iter().map(|digits| format!("\"+{digits}\",")).collect();
                tables.push(format!("[[connector]]\nid = \"vc{connector}\"\nnumbers = [{there}]"));
            }
            // In a closed world every account has the same numbers.
            let everywhere = |held: &HashSet<Key>| {
                held.iter().flat_map(|key| [(0, key.1, key.2), (1, key.1, key.2)]).collect()
            };
            self.held = Some(everywhere(held));
        }
        self.toml = [lines, tables].concat().join("\n");
    }

    /// How a process works.
    pub(crate) fn settings(&mut self, now: Timestamp) -> (NonZeroU32, PoolSettings) {
        let rng = &mut self.rng;
        let rate = if rng.bool() { Rate::Auto } else { Rate::Fixed(*pick(rng, &[1.0, 5.0, 20.0, 100.0])) };
        let some = |rng: &mut Rng, of: u32| rng.u32(..of) == 0;
        let settings = PoolSettings {
            action: Action::Disassociate,
            concurrency: NonZeroUsize::new(*pick(rng, &[1, 2, 4, 16, 256])).expect("more than 0"),
            pace: PaceSettings { rate, seed: rng.u64(..), ..PaceSettings::default() },
            max_attempts: NonZeroU32::new(rng.u32(1..=5)).expect("more than 0"),
            max_failures: some(rng, 8).then(|| rng.u64(..20)),
            failed: Arc::default(),
            doubts_list: some(rng, 4),
            give_up_after: Duration::from_secs(*pick(rng, &[60, 600, 3_600])),
            patience: Duration::from_secs(120),
            stop_at: some(rng, 12).then(|| now + Duration::from_millis(rng.u64(..60_000))),
            keys_are_fixed: some(rng, 4),
            not_found_is_success: some(rng, 4),
        };
        (NonZeroU32::new(*pick(rng, &[1, 5, 10, 50])).expect("more than 0"), settings)
    }

    /// What ends the next process, if something does.
    pub(crate) fn end(&mut self) -> Option<End> {
        let rng = &mut self.rng;
        // As many of any magnitude, from a millisecond to a quarter of an hour.
        let moment = |rng: &mut Rng| Duration::from_secs_f64(0.001 * 900_000_f64.powf(rng.f64()));
        if self.kills > 0 {
            self.kills -= 1;
            return Some(match rng.u32(..10) {
                0 => End::KilledAfterReport,
                1..5 => End::KilledWriting(rng.u32(..*pick(&mut rng.clone(), &[3, 20]))),
                _ => End::KilledAt(moment(rng)),
            });
        }
        let reasons = [StopReason::Interrupted, StopReason::Deadline, StopReason::Aborted];
        (rng.u32(..6) == 0).then(|| End::Stopped(moment(rng), *pick(rng, &reasons)))
    }
}

/// Those that expire, and those that come after them. Each is its own secret.
pub(crate) const KEYS: [&str; 2] = ["AKIDEVENING", "AKIDMORNING"];

const EFFECTS: [(&str, &str); 20] = [
    ("lost reply", "does = \"drop\"\napplied = true"),
    ("lost reply", "does = \"reset\"\napplied = true"),
    ("lost reply", "does = \"stall\"\napplied = true"),
    ("lost reply", "does = \"cut\""),
    ("lost reply", "does.error = { status = 500 }\napplied = true"),
    ("lost reply", "does.html = { status = 504 }\napplied = true"),
    ("lost request", "does = \"drop\""),
    ("garbled reply", "does = \"truncated\""),
    ("garbled reply", "does = \"missing-key\""),
    ("garbled reply", "does = \"garbage\"\napplied = true"),
    ("garbled reply", "does.flood = { bytes = 1000 }"),
    ("slow replies", "does.drip = { every = \"100ms\" }"),
    ("503", "does.error = { status = 503 }"),
    ("503", "does.error = { status = 503 }"),
    ("429 at random", "does.error = { status = 429 }"),
    ("429 at random", "does.error = { status = 429 }"),
    ("refused request", "does.error = { status = 409 }"),
    ("refused request", "does.error = { status = 400 }"),
    ("refused request", "does.error = { status = 403 }"),
    ("stranger's reply", "does.redirect = { location = \"http://127.0.0.1:1/\" }"),
];

pub(crate) fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
