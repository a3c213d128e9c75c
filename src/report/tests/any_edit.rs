//! Any edit of a report is safe.

use proptest::prelude::*;

use super::edited::{CONNECTOR, header, reported};
use super::*;
use crate::action::Action;
use crate::input::Standing;

/// A row of a report with any status and a valid or damaged number.
fn any_row() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let status = prop::sample::select(vec![
        "succeeded",
        "unknown",
        "failed",
        "not_attempted",
        "duplicate",
        "invalid",
        "",
        "hold",
        "Succeeded",
        "UNKNOWN\t",
    ]);
    let code = prop::sample::select(vec![
        "",
        "Forbidden",
        "RaggedRow",
        "SpreadsheetDamage",
        "Edited",
        "UnknownStatus",
    ]);
    (status, code, 20u32..26, any::<bool>()).prop_map(|(status, code, number, keyed)| {
        let mut row = reported(status);
        row[1] = format!("+{number}").into_bytes();
        row[4] = code.into();
        let key =
            RowKey::new(Action::Disassociate, CONNECTOR, PhoneNumber::parse(&format!("+{number}")).unwrap());
        row[12] = if keyed { key.as_str().into() } else { Vec::new() };
        row
    })
}

/// An edit of one place in a file.
fn any_edit() -> impl Strategy<Value = (prop::sample::Index, usize, &'static [u8])> {
    let pieces: Vec<&'static [u8]> = vec![
        b"",
        b",",
        b"\"",
        b"\n",
        b"\t",
        b" ",
        b"\xe9",
        b",,",
        b"succeeded",
        b"unknown",
        b"invalid",
        b"1.2E+9",
        b"x",
        b"\r\n",
        b"7",
    ];
    (any::<prop::sample::Index>(), 0usize..6, prop::sample::select(pieces))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Both passes agree, each row stays once, no row that succeeded is sent, and no doubt is lost.
    #[test]
    fn any_edit_of_a_report_is_safe(
        rows in prop::collection::vec(any_row(), 1..8),
        edits in prop::collection::vec(any_edit(), 0..5),
        bytes in prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..60)),
    ) {
        let mut csv = rows.iter().map(|row| row.join(&b',')).collect::<Vec<_>>().join(&b'\n');
        for (at, length, piece) in edits {
            let at = at.index(csv.len() + 1);
            csv.splice(at..(at + length).min(csv.len()), piece.iter().copied());
        }
        csv.extend(bytes.into_iter().flatten());
        let csv = [header().as_bytes(), b"\n", &csv].concat();
        let source = Source::from_bytes("r.csv", csv.clone());
        let Ok(input) = Input::read(&source, &InputOptions::default()) else { return Ok(()) };
        let mut sent = Vec::new();
        let mut out = Vec::new();
        let mut statuses = Vec::new();
        let result_of = |row| { sent.push(row); RowResult { status: Status::Failed, ..RowResult::NOT_ATTEMPTED } };
        write(&mut out, &source, &input, &Places::default(), result_of, |row| statuses.push(row.status)).expect("both passes agree");
        // Rows that ask for nothing have no status.
        let asks = |row: &RowId| input.rows.standing(*row) != Standing::Ignored;
        let asking = |records: Vec<(Vec<u8>, Vec<Vec<u8>>)>| -> Vec<_> {
            assert_eq!(records.len(), input.rows.ids().count());
            input.rows.ids().zip(records).filter(|(row, _)| asks(row)).map(|(_, record)| record).collect()
        };
        let (before, after) = (asking(records(&csv)), asking(records(&out)));
        prop_assert_eq!((before.len(), after.len()), (statuses.len(), statuses.len()));
        let planned: Vec<_> = input.rows.ids().filter(|row| matches!(input.rows.standing(*row), Standing::Pending { .. })).collect();
        prop_assert_eq!(&sent, &planned);
        for ((row, (_, fields)), status) in input.rows.ids().filter(asks).zip(&before).zip(&statuses) {
            // Where the header has it, and where the report put it in a row that has gained or lost a field.
            let cell = |at: Option<usize>| Some(String::from_utf8_lossy(fields.get(at?)?).trim().to_lowercase());
            let said = [cell(Some(3)), cell((fields.len() + 3).checked_sub(13))];
            let is_word = |word: &&String| Status::of(word).is_some();
            let mut words: Vec<_> = said.iter().flatten().filter(is_word).map(String::as_str).collect();
            words.dedup();
            let (standing, status) = (input.rows.standing(row), *status);
            match *words {
                ["succeeded"] => prop_assert_eq!((standing, status), (Standing::Finished, Status::Succeeded)),
                ["unknown"] => prop_assert!(
                    status == Status::Unknown || standing == Standing::Pending { unanswered: true }
                        || input.rows.duplicate_of(row).is_some_and(|first| {
                            matches!(input.rows.standing(first), Standing::Finished | Standing::Pending { unanswered: true })
                        }),
                    "{fields:?}: {standing:?}, {status}"
                ),
                _ if fields.len() == 13 && said[0].as_deref() == Some("hold") => {
                    prop_assert_eq!((standing, status), (Standing::Invalid, Status::Invalid));
                }
                _ => {}
            }
        }
        // The next rerun finds each row in the standing in which this one left it.
        let again = read(&Source::from_bytes("r.csv", out.clone()));
        for ((row, status), (_, cells)) in again.rows.ids().filter(asks).zip(&statuses).zip(&after) {
            let code = String::from_utf8_lossy(&cells[cells.len() - 9]);
            let standing = again.rows.standing(row);
            match status {
                Status::Succeeded => prop_assert_eq!(standing, Standing::Finished),
                Status::Unknown => prop_assert!(
                    matches!(standing, Standing::Kept | Standing::Pending { unanswered: true })
                        || again.rows.duplicate_of(row).is_some(),
                    "{standing:?}"
                ),
                Status::Invalid if ["Edited", "UnknownStatus"].contains(&&*code) => {
                    prop_assert_eq!(standing, Standing::Invalid);
                }
                _ => {}
            }
        }
        // Own cells are as they were, wherever the rows were whole.
        for ((_, before), (_, after)) in before.iter().zip(&after).filter(|((_, fields), _)| fields.len() == 13) {
            prop_assert_eq!(&before[..3], &after[..3]);
        }
    }
}
