//! Reports that people and spreadsheets have edited: the table of `input::row`.

use super::*;
use crate::action::Action;

pub(super) const CONNECTOR: &str = "abcdef1ghij2klmno3pqr4";
const NUMBER: &str = "+12065550100";

/// What a rerun that removes every number it sends makes of a report of one row: whether it sends the row, and the
/// row's cells from `status` on.
fn rerun(header: &str, row: &[u8]) -> (bool, Vec<String>) {
    let csv = [header.as_bytes(), b"\n", row, b"\n"].concat();
    let mut sent = 0;
    let (report, _) = report_on(&csv, |_| {
        sent += 1;
        RowResult { status: Status::Succeeded, attempts: 1, ..RowResult::NOT_ATTEMPTED }
    });
    let cells = records(&report).remove(0).1;
    let cells = cells[cells.len() - Column::written(false).len()..].iter();
    (sent == 1, cells.map(|cell| String::from_utf8_lossy(cell).into_owned()).collect())
}

/// The same in a word.
fn result(header: &str, row: &[u8]) -> String {
    let (sent, cells) = rerun(header, row);
    match (sent, &*cells[0], &*cells[1]) {
        (true, "succeeded", "") => "sent".to_owned(),
        (false, "succeeded", _) => "done".to_owned(),
        (false, status, code) => {
            assert!(cells[2].is_ascii() && cells[2].starts_with("line 2: "), "{cells:?}");
            format!("{status} {code}")
        }
        other => panic!("{other:?}"),
    }
}

/// Edits of the cells of a row: connector, number, note, a report's ten.
type Edit = fn(&mut Vec<Vec<u8>>);

/// The edits of the table, in its order.
const EDITS: [(&str, Edit); 16] = [
    ("untouched", |_| {}),
    ("a note that is not UTF-8", |row| row[2] = b"caf\xe9".to_vec()),
    ("extra empty cells", |row| row.extend([Vec::new(), Vec::new()])),
    ("without its plus", |row| row[1] = b"12065550100".to_vec()),
    ("the number edited", |row| row[1] = b"+12065550101".to_vec()),
    ("the connector edited", |row| row[0] = b"b".to_vec()),
    ("the number rounded", |row| row[1] = b"12065600000".to_vec()),
    ("the number damaged", |row| row[1] = b"1.20656E+10".to_vec()),
    ("both damaged", |row| {
        row[0] = b"1.23456789012346E+019".to_vec();
        row[1] = b"1.20656E+10".to_vec();
    }),
    ("the number not UTF-8", |row| row[1].push(b'\xa0')),
    ("the connector not UTF-8", |row| row[0].push(b'\xe9')),
    ("cut before its key", |row| row.truncate(12)),
    ("cut after its status", |row| row.truncate(4)),
    ("own columns only", |row| row.truncate(3)),
    ("a field lost", |row| drop(row.remove(2))),
    ("a comma in its message", |row| row[5] = b"a, b".to_vec()),
];

/// The statuses of the table, each with the results of the edits.
#[rustfmt::skip]
const TABLE: [(&[&str], [&str; EDITS.len()]); 7] = [
    (&["succeeded", "SUCCEEDED", " Succeeded\t", "\u{a0}succeeded"], [
        "done", "done", "done", "done", "done", "done", "done", "done", "done", "done", "done", "done", "done",
        "sent", "done", "done",
    ]),
    (&["unknown", "Unknown "], [
        "sent", "sent", "sent", "sent", "unknown Edited", "unknown Edited", "unknown Edited",
        "unknown SpreadsheetDamage", "unknown SpreadsheetDamage", "unknown BrokenUtf8", "unknown BrokenUtf8",
        "sent", "sent", "sent", "unknown RaggedRow", "unknown RaggedRow",
    ]),
    (&["failed"], [
        "sent", "sent", "sent", "sent", "invalid Edited", "invalid Edited", "invalid Edited",
        "failed SpreadsheetDamage", "failed SpreadsheetDamage", "failed BrokenUtf8", "failed BrokenUtf8",
        "sent", "sent", "sent", "failed RaggedRow", "failed RaggedRow",
    ]),
    (&["not_attempted", "NOT_ATTEMPTED"], [
        "sent", "sent", "sent", "sent", "invalid Edited", "invalid Edited", "invalid Edited",
        "not_attempted SpreadsheetDamage", "not_attempted SpreadsheetDamage", "not_attempted BrokenUtf8",
        "not_attempted BrokenUtf8", "sent", "sent", "sent", "not_attempted RaggedRow",
        "not_attempted RaggedRow",
    ]),
    (&["duplicate", "invalid"], [
        "sent", "sent", "sent", "sent", "invalid Edited", "invalid Edited", "invalid Edited",
        "invalid SpreadsheetDamage", "invalid SpreadsheetDamage", "invalid BrokenUtf8", "invalid BrokenUtf8",
        "sent", "sent", "sent", "invalid RaggedRow", "invalid RaggedRow",
    ]),
    (&["", " "], [
        "sent", "sent", "sent", "sent", "sent", "sent", "sent", "invalid SpreadsheetDamage",
        "invalid SpreadsheetDamage", "invalid BrokenUtf8", "invalid BrokenUtf8", "invalid RaggedRow", "sent",
        "sent", "invalid RaggedRow", "invalid RaggedRow",
    ]),
    (&["hold", "KEEP", "done", "succeede\u{301}d", "succeeded?"], [
        "invalid UnknownStatus", "invalid UnknownStatus", "invalid UnknownStatus", "invalid UnknownStatus",
        "invalid UnknownStatus", "invalid UnknownStatus", "invalid UnknownStatus", "invalid UnknownStatus",
        "invalid UnknownStatus", "invalid UnknownStatus", "invalid UnknownStatus", "invalid UnknownStatus",
        "invalid RaggedRow", "sent", "invalid RaggedRow", "invalid RaggedRow",
    ]),
];

pub(super) fn header() -> String {
    format!("vc_id,phone,note,{SIX},{MORE}")
}

/// A row of a report with this status, as it was written.
pub(super) fn reported(status: &str) -> Vec<Vec<u8>> {
    let key =
        RowKey::new(Action::Disassociate, CONNECTOR, PhoneNumber::parse(NUMBER).unwrap()).as_str().to_owned();
    let cells = [CONNECTOR, NUMBER, "n", status, "Code", "text", "1", "r", "", "disassociate", "", "", &key];
    cells.map(|cell| cell.as_bytes().to_vec()).into()
}

#[test]
fn every_edit_of_a_row_has_its_result() {
    let mut wrong = Vec::new();
    for (statuses, results) in TABLE {
        for (status, ((edit, apply), expected)) in
            statuses.iter().flat_map(|status| EDITS.iter().zip(results).map(move |it| (status, it)))
        {
            let mut row = reported(status);
            apply(&mut row);
            let row = row.join(&b',');
            let actual = result(&header(), &row);
            if actual != expected {
                wrong.push(format!("{status:?}, {edit}: {actual}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_row_that_was_always_invalid_may_be_corrected_freely() {
    for (number, expected) in [(NUMBER, "sent"), ("+23", "sent"), ("x", "invalid InvalidNumber")] {
        let row = format!("{CONNECTOR},{number},n,invalid,InvalidNumber,text,0,,,disassociate,,,");
        assert_eq!(result(&header(), row.as_bytes()), expected, "{number}");
    }
}

#[test]
fn a_key_and_an_action_are_read_as_people_leave_them() {
    for (status, column, cell, expected) in [
        ("failed", 12, &b" MNNPRFVFQV "[..], "sent"),
        ("failed", 12, b"Mnnprfvfqv", "sent"),
        ("failed", 12, b"", "sent"),
        ("failed", 12, b"\xff", "invalid Edited"),
        ("failed", 12, b"0", "invalid Edited"),
        ("unknown", 12, b"#N/A", "unknown Edited"),
        ("succeeded", 12, b"#N/A", "done"),
        ("", 12, b"#N/A", "sent"),
        ("failed", 9, b" Disassociate", "sent"),
        ("failed", 9, b"", "sent"),
        ("failed", 9, b"unassign", "failed UnknownAction"),
        ("unknown", 9, b"erase", "unknown UnknownAction"),
        ("", 9, b"unassign", "invalid UnknownAction"),
        ("failed", 9, b"\xff", "failed UnknownAction"),
        ("succeeded", 9, b"unassign", "done"),
    ] {
        let mut row = reported(status);
        row[column] = cell.into();
        assert_eq!(result(&header(), &row.join(&b',')), expected, "{status} {}", cell.escape_ascii());
    }
}

/// The connector of an older report, damaged, reported, and saved by a spreadsheet once more.
#[test]
fn damage_that_a_spreadsheet_has_expanded_is_not_sent() {
    let header = format!("vc_id,phone,note,{SIX}");
    for (damaged, expanded) in [
        ("1.23456789012346E+019,+12065550100", "12345678901234600000,+12065550100"),
        ("a,1.20656E+10", "a,12065600000"),
    ] {
        let row = format!("{damaged},n,unknown,Timeout,no answer,5,,");
        let (sent, cells) = rerun(&header, row.as_bytes());
        assert_eq!((sent, &*cells[0], &*cells[1]), (false, "unknown", "SpreadsheetDamage"));
        let row = format!("{expanded},n,{},{},\"{}\",5,,", cells[0], cells[1], cells[2]);
        let (sent, cells) = rerun(&header, row.as_bytes());
        assert_eq!((sent, &*cells[0], &*cells[1]), (false, "unknown", "SpreadsheetDamage"));
    }
}

/// Each step is a rerun, or an edit of the last report's row.
#[test]
fn what_is_not_sent_stays_so_until_its_status_is_cleared() {
    let again = |row: &[u8]| {
        let csv = [header().as_bytes(), b"\n", row, b"\n"].concat();
        let (report, statuses) = report_on(&csv, |_| RowResult {
            status: Status::Succeeded,
            attempts: 1,
            ..RowResult::NOT_ATTEMPTED
        });
        (records(&report).remove(0).0, statuses[0])
    };
    let replace = |row: &[u8], from: &str, to: &str| {
        let text = String::from_utf8(row.to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        text.replacen(from, to, 1).into_bytes()
    };
    let cleared = |row: &[u8], status: &str| replace(row, &format!(",n,{status},"), ",n,,");

    for (status, from, to, expected) in [
        ("hold", "x", "x", Status::Invalid),
        ("failed", NUMBER, "+23", Status::Invalid),
        ("unknown", NUMBER, "+23", Status::Unknown),
        ("unknown", NUMBER, "1.20656E+10", Status::Unknown),
        ("failed", NUMBER, "1.20656E+10", Status::Failed),
    ] {
        let mut row = reported(status).join(&b',');
        if from != to {
            row = replace(&row, from, to);
        }
        for _ in 0..3 {
            let (next, said) = again(&row);
            assert_eq!(said, expected, "{status} {to}");
            row = next;
        }
        // A spreadsheet that saves the damage again makes a number of it.
        if to.contains('E') {
            let (_, said) = again(&replace(&row, to, "12065600000"));
            assert_ne!(said, Status::Succeeded, "{status} {to}");
        }
        if to == "+23" {
            // Restored, it is sent; cleared, it is sent as it stands.
            assert_eq!(again(&replace(&row, to, from)).1, Status::Succeeded, "{status} {to}");
        }
        if !to.contains('E') {
            assert_eq!(again(&cleared(&row, expected.as_str())).1, Status::Succeeded, "{status} {to}");
        }
    }
}

#[test]
fn a_header_that_lacks_what_must_be_known_is_refused() {
    let ten = format!("{SIX},{MORE}");
    for (column, refused) in [
        ("status", true),
        ("error_code", true),
        ("error_message", true),
        ("attempts", false),
        ("request_id", false),
        ("completed_at", false),
        ("action", false),
        ("account_id", false),
        ("region", false),
        ("row_key", false),
    ] {
        let header = format!("vc_id,phone,{ten}").replace(&format!(",{column}"), "");
        let read = Input::read(&Source::from_bytes("r.csv", header.into()), &InputOptions::default());
        match read {
            Ok(input) => assert!(!refused && input.layout.is_report(), "{column}"),
            Err(error) => {
                let error = error.to_string();
                assert!(refused && error.contains(&format!("but not `{column}`")), "{error}");
            }
        }
    }
    for (header, expected) in [
        ("vc_id,phone,request_id,row_key", "but not `status`, `error_code`, `error_message`"),
        ("vc_id,phone,status,attempts,completed_at", "but not `error_code`, `error_message`"),
        ("status,vc_id,phone,status,error_code,x,error_message", "more than one column `status`"),
        ("vc_id,phone,status\na,+20,SUCCEEDED", "r.csv:2: `status` is `succeeded`, as in a report"),
    ] {
        let read = Input::read(&Source::from_bytes("r.csv", header.into()), &InputOptions::default());
        let error = read.unwrap_err().to_string();
        assert!(error.contains(expected), "{header}: {error}");
    }
    for header in
        ["vc_id,phone,status", "vc_id,phone,region,action,status\na,+20,n,x,Assigned", "vc_id,phone,attempts"]
    {
        assert!(!read(&Source::from_bytes("x.csv", header.into())).layout.is_report(), "{header}");
    }
}
