//! Compares a report with the input, with what the job was told, and with the service's ledger.

use std::collections::HashMap;

use chime_sweep::report::summary::Counts;
use chime_sweep::simulator::account_of;
use csv::{ByteRecord, ReaderBuilder};

use crate::case::{Case, Key, LANES, Want};
use crate::service::{Watched, index};

/// What contradicts what. `is_complete`: nothing stopped the run.
pub(crate) fn contradictions(
    case: &Case,
    watched: &Watched,
    report: &[u8],
    counts: Counts,
    is_complete: bool,
) -> Vec<String> {
    let mut found = watched.contradictions.clone();
    let mut reader = ReaderBuilder::new();
    let reader = reader.flexible(true).has_headers(false).delimiter(case.delimiter).from_reader(report);
    let records: Vec<ByteRecord> = reader.into_byte_records().map(Result::unwrap).collect();
    if records.len() != case.records.len() {
        found.push(format!("{} records of the input, {} in the report", case.records.len(), records.len()));
        return found;
    }
    let from_end =
        |name: &str| records[0].iter().rev().position(|header| header == name.as_bytes()).unwrap() + 1;
    let [status, code, attempts] = ["status", "error_code", "attempts"].map(from_end);
    let (removed, mut own) = (removed(case, watched), Counts::default());
    let wants = std::iter::once(None).chain(case.wants.iter().map(Some));
    for ((raw, record), want) in case.records.iter().zip(&records).zip(wants) {
        let cell = |from_end: usize| str::from_utf8(&record[record.len() - from_end]).unwrap();
        let (status, code) = (cell(status), cell(code));
        let start = usize::try_from(record.position().unwrap().byte()).unwrap();
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let written = report[start..].strip_prefix(b"\n").unwrap_or(&report[start..]); // the reader's line end is `\r`
        let is_repeated = written.strip_prefix(text).and_then(<[u8]>::first) == Some(&case.delimiter);
        let why = match want {
            _ if !is_repeated => Some("the input's bytes are not repeated".to_owned()),
            None => continue,
            Some(Want::Send(key)) => {
                let attempts = cell(attempts).parse().unwrap_or(u32::MAX);
                let was_held = case.held.as_ref().is_none_or(|held| held.contains(&(key.1, key.2)));
                let removed = removed.get(key).copied().unwrap_or((0, was_held));
                lie((status, code), attempts, *key, watched, removed, was_held, is_complete)
            }
            Some(want) => {
                let is_right = matches!(
                    (want, status),
                    (Want::Duplicate, "duplicate") | (Want::Invalid, "invalid") | (Want::Ignored, "")
                );
                (!is_right).then(|| format!("it is {want:?}"))
            }
        };
        let raw = String::from_utf8_lossy(raw);
        found.extend(why.map(|why| format!("{raw:?} is `{status}` `{code}`: {why}")));
        count(&mut own, status);
    }
    if own != counts {
        found.push(format!("the summary counts {counts:?}, the report has {own:?}"));
    }
    found
}

/// What contradicts what the report says of a row that can be sent.
fn lie(
    (status, code): (&str, &str),
    attempts: u32,
    key: Key,
    watched: &Watched,
    (removed, is_there): (u32, bool),
    was_held: bool,
    is_complete: bool,
) -> Option<String> {
    let seen = &watched.seen[&key];
    let refused = watched.refused.get(&(key.0, key.1)).is_some_and(|codes| codes.contains(code));
    let is_known = status == "failed" || status == "not_attempted";
    let why = match status {
        _ if seen.is_open() => "it is neither settled nor released",
        _ if attempts > seen.sent => "it was not sent that often",
        "succeeded" if is_there => "it is there",
        "succeeded" if removed != u32::from(was_held) => "it was not removed once",
        "succeeded" => return None,
        _ if seen.done => "the job was told that it is done",
        _ if is_known && removed > 0 => "it was removed",
        _ if is_known && seen.silent => "a request was never answered",
        "unknown" if !seen.silent && !seen.in_doubt => "every request was answered",
        "not_attempted" if is_complete => "nothing stopped the run",
        "failed" if !refused && !seen.codes.contains(code) => "it was not refused with that code",
        "unknown" | "not_attempted" | "failed" => return None,
        _ => "it can be sent",
    };
    Some(format!("{why}: removed {removed} times, {seen:?}"))
}

/// How often each number was removed, and whether it is on its connector.
fn removed(case: &Case, watched: &Watched) -> HashMap<Key, (u32, bool)> {
    let lane_of =
        |account: &str| LANES.iter().position(|(who, _)| case.has_lanes && account_of(who) == *account);
    let records = watched.service.ledger().numbers.into_iter().map(|record| {
        let key = (lane_of(&record.account).unwrap_or(0), index(&record.connector), record.number.digits());
        (key, (record.applied, record.associated))
    });
    records.collect()
}

fn count(counts: &mut Counts, status: &str) {
    let of_status = match status {
        "succeeded" => &mut counts.succeeded,
        "failed" => &mut counts.failed,
        "unknown" => &mut counts.unknown,
        "not_attempted" => &mut counts.not_attempted,
        "invalid" => &mut counts.invalid,
        "duplicate" => &mut counts.duplicate,
        _ => return,
    };
    *of_status += 1;
    counts.total += 1;
}
