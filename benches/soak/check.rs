//! Compares a report with the input, with what the job was told, and with the service's ledger.

use std::collections::HashMap;

use chime_sweep::report::summary::Counts;
use chime_sweep::simulator;

use crate::case::{Case, Key, LANES, Want};
use crate::service::Watched;

/// What contradicts what. `is_complete`: the job says that nothing stopped it.
pub(crate) fn contradictions(
    case: &Case,
    watched: &Watched,
    report: &[u8],
    counts: Counts,
    is_complete: bool,
) -> Vec<String> {
    let mut found = watched.contradictions.clone();
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.flexible(true).has_headers(false).delimiter(case.delimiter).from_reader(report);
    let records: Vec<csv::ByteRecord> =
        reader.into_byte_records().map(|record| record.expect("a record")).collect();
    if records.len() != case.records.len() {
        found.push(format!("{} records of the input, {} in the report", case.records.len(), records.len()));
        return found;
    }
    let from_end = |name: &str| {
        let at = records[0].iter().rev().position(|header| header == name.as_bytes());
        at.map_or_else(|| panic!("no column {name}"), |at| at + 1)
    };
    let [status, code, attempts] = ["status", "error_code", "attempts"].map(from_end);
    let applied = applied(case, watched);
    let mut own = Counts::default();
    let lines =
        case.records.iter().zip(&records).zip(std::iter::once(None).chain(case.wants.iter().map(Some)));
    for (line, ((raw, record), want)) in lines.enumerate() {
        let cell = |from_end: usize| String::from_utf8_lossy(&record[record.len() - from_end]).into_owned();
        let (status, code) = (cell(status), cell(code));
        let mut wrong = |why: &str| {
            let raw = String::from_utf8_lossy(raw);
            found.push(format!("record {line} {raw:?} is `{status}` `{code}`: {why}"));
        };
        let start = usize::try_from(record.position().expect("read").byte()).expect("short");
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        // After `\r\n`, the reader's position is that of the `\n`.
        let written = report.get(start..).unwrap_or_default();
        let written = written.strip_prefix(b"\n").unwrap_or(written).strip_prefix(text);
        if written.and_then(<[u8]>::first) != Some(&case.delimiter) {
            wrong("the input's bytes are not repeated");
        }
        let Some(want) = want else { continue };
        count(&mut own, &status);
        let key = match (want, &*status) {
            (Want::Send(key), _) => key,
            (Want::Duplicate, "duplicate") | (Want::Invalid, "invalid") | (Want::Ignored, "") => continue,
            _ => {
                wrong(&format!("it is {want:?}"));
                continue;
            }
        };
        let (seen, (applied, is_associated)) =
            (&watched.seen[key], applied.get(key).copied().unwrap_or_default());
        let was_held = case.held.as_ref().is_none_or(|held| held.contains(key));
        if seen.is_intended {
            wrong("it is neither settled nor released");
        }
        if cell(attempts).parse::<u32>().map_or(true, |attempts| attempts > seen.sent) {
            wrong(&format!("it was sent {} times, not {}", seen.sent, cell(attempts)));
        }
        match &*status {
            "succeeded" if is_associated || applied != u32::from(was_held) => {
                wrong(&format!("it was removed {applied} times, and is there: {is_associated}"));
            }
            "succeeded" => {}
            _ if seen.done => wrong("the job was told that it is done"),
            "unknown" if !seen.silent && !seen.in_doubt => wrong("every request was answered"),
            "unknown" => {}
            "failed" | "not_attempted" if applied > 0 => wrong("it was removed"),
            "failed" | "not_attempted" if seen.silent => wrong("a request was never answered"),
            "not_attempted" if is_complete => wrong("nothing stopped the run"),
            "not_attempted" => {}
            "failed" => {
                let closed = watched.closed.get(&(key.0, key.1));
                if !seen.codes.contains(&code) && !closed.is_some_and(|codes| codes.contains(&code)) {
                    wrong(&format!("it was refused with {:?}", seen.codes));
                }
            }
            _ => wrong("it can be sent"),
        }
    }
    if own != counts {
        found.push(format!("the summary counts {counts:?}, the report has {own:?}"));
    }
    found
}

/// How often each number was removed, and whether it is on its connector.
fn applied(case: &Case, watched: &Watched) -> HashMap<Key, (u32, bool)> {
    let ledger = watched.service.ledger();
    let lane_of = |account: &str| LANES.iter().position(|(who, _)| simulator::account_of(who) == *account);
    let records = ledger.numbers.iter().map(|record| {
        let lane = if case.has_lanes { lane_of(&record.account).expect("a lane") } else { 0 };
        let connector = record.connector.trim_start_matches("vc").parse().expect("an index");
        ((lane, connector, record.number.digits()), (record.applied, record.associated))
    });
    records.collect()
}

fn count(counts: &mut Counts, status: &str) {
    let of = match status {
        "succeeded" => &mut counts.succeeded,
        "failed" => &mut counts.failed,
        "unknown" => &mut counts.unknown,
        "not_attempted" => &mut counts.not_attempted,
        "invalid" => &mut counts.invalid,
        "duplicate" => &mut counts.duplicate,
        _ => return,
    };
    *of += 1;
    counts.total += 1;
}
