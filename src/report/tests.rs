mod any_edit;
mod edited;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::action::Action;
use crate::files::replace;
use crate::input::InputOptions;
use crate::input::tests::nasty;
use crate::input::{Column, Input, Records, RowId, RowKey, Source, Standing, Status};
use crate::number::PhoneNumber;

/// The columns of an older report.
const SIX: &str = "status,error_code,error_message,attempts,request_id,completed_at";
/// Those that came later.
const MORE: &str = "action,account_id,region,row_key";

/// The cells of a valid row in the later columns.
fn more(connector: &str, number: &str) -> String {
    format!(
        "disassociate,,,{}",
        RowKey::new(Action::Disassociate, connector, PhoneNumber::parse(number).unwrap()).as_str()
    )
}

/// The cells of a row without a key.
const NO_KEY: &str = "disassociate,,,";

fn read(source: &Source) -> Input {
    Input::read(source, &InputOptions::default()).unwrap()
}

fn report_on<'a>(csv: &[u8], result_of: impl FnMut(RowId) -> RowResult<'a>) -> (Vec<u8>, Vec<Status>) {
    let source = Source::from_bytes("numbers.csv", csv.to_vec());
    let mut out = Vec::new();
    let mut statuses = Vec::new();
    write(&mut out, &source, &read(&source), &Places::default(), result_of, |row| statuses.push(row.status))
        .unwrap();
    (out, statuses)
}

fn counted(statuses: &[Status]) -> [usize; 6] {
    Status::ALL.map(|status| statuses.iter().filter(|other| **other == status).count())
}

fn text(csv: &str, result_of: impl FnMut(RowId) -> RowResult<'static>) -> String {
    String::from_utf8(report_on(csv.as_bytes(), result_of).0).unwrap()
}

fn waiting(_: RowId) -> RowResult<'static> {
    RowResult::NOT_ATTEMPTED
}

/// Succeeded, failed, unknown, succeeded, ….
fn in_turn(row: RowId) -> RowResult<'static> {
    let status = [Status::Succeeded, Status::Failed, Status::Unknown][row.get() as usize % 3];
    let code = if status == Status::Succeeded { "" } else { "Forbidden" }.into();
    let completed_at = Some(Timestamp::from_second(1_700_000_000).unwrap());
    let message = "=no, \"never\"\n".into();
    RowResult { status, code, message, attempts: 2, request_id: "r", completed_at, before: "" }
}

#[test]
fn a_row_is_its_own_bytes_and_its_outcome() {
    let csv = "\u{feff}Phone;\"VC id\";note\r\n\r\n+20;vc; \"as is\" \r\n\"+21\";vc;\"a\r\nb\"\r\n20;vc;\r\n+22;vc;x";
    let ten = format!("{SIX},{MORE}").replace(',', ";");
    let [number_20, number_21, number_22] =
        ["20", "21", "22"].map(|number| more("vc", number).replace(',', ";"));
    let (out, statuses) = report_on(csv.as_bytes(), in_turn);
    let done = "2;r;2023-11-14T22:13:20Z";
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!(
            "\u{feff}Phone;\"VC id\";note;{ten}\r\n\
             +20;vc; \"as is\" ;succeeded;;\"'=no, \"\"never\"\" \";{done};{number_20}\r\n\
             \"+21\";vc;\"a\r\nb\";failed;Forbidden;\"'=no, \"\"never\"\" \";{done};{number_21}\r\n\
             20;vc;;duplicate;;line 6: same connector and number as line 3;0;;;{number_20}\r\n\
             +22;vc;x;succeeded;;\"'=no, \"\"never\"\" \";{done};{number_22}\r\n"
        )
    );
    assert_eq!(counted(&statuses), [2, 1, 0, 0, 0, 1]);
}

#[test]
fn a_header_alone_gives_a_header() {
    assert_eq!(text("vc_id,phone", waiting), format!("vc_id,phone,{SIX},{MORE}\n"));
    assert_eq!(text("vc_id,phone\r", waiting), format!("vc_id,phone,{SIX},{MORE}\r"));
}

#[test]
fn a_ragged_row_keeps_its_fields_and_its_cells_can_be_found_again() {
    let short = "line 2: the row has 1 field, the header 3; after correcting it, clear its status";
    let long = "line 3: the row has 4 fields, the header 3";
    let report = text("vc_id,phone,note\nvc\nvc,+20,a,b\n", waiting);
    let expected = format!(
        "vc_id,phone,note,{SIX},{MORE}\n\
         vc,,,invalid,RaggedRow,\"{short}\",0,,,{NO_KEY}\n\
         vc,+20,a,b,invalid,RaggedRow,\"{long}\",0,,,{NO_KEY}\n"
    );
    assert_eq!(report, expected);
    assert_eq!(text(&report, waiting), expected);
    // Corrected by hand, one with a field more and one with a field less.
    let corrected = expected.replace("vc,,,invalid", "vc,+21,c,invalid").replace("a,b,", "ab,");
    assert_eq!(text(&corrected, waiting).matches(",not_attempted,,,0,,,disassociate").count(), 2);
}

#[test]
fn a_row_that_was_added_to_a_report_without_its_columns_loses_nothing() {
    let report = text(&format!("vc_id,phone,note,{SIX}\nvc,+20\na,b,c,d,e\nsucceeded,,,1,,\n"), waiting);
    let rows: Vec<_> =
        report.lines().skip(1).map(|row| row.split_once(",line").unwrap_or((row, "")).0).collect();
    assert!(report.contains("\nvc,+20,,invalid,RaggedRow,"), "{report}");
    assert!(report.contains("\na,b,c,d,e,invalid,RaggedRow,"), "{report}");
    // A report's cells alone: a finished row that has lost everything else.
    assert_eq!(rows[2], ",,,succeeded,,,1,,,disassociate,,,");
}

#[test]
fn a_rerun_keeps_what_is_finished_and_adds_up_the_attempts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/input/rerun.csv");
    let before = fs::read_to_string(&path).unwrap();
    let (out, statuses) = report_on(before.as_bytes(), |row| match row.get() {
        1 => RowResult {
            status: Status::Succeeded,
            attempts: 3,
            request_id: "req-9",
            ..RowResult::NOT_ATTEMPTED
        },
        _ => RowResult::NOT_ATTEMPTED,
    });
    let vc = "abcdef1ghij2klmno3pqr4";
    let expected = before
        .replace("failed,Forbidden,\"not yours, sorry\",2,req-2,2024-05-01T22:00:01Z", "succeeded,,,5,req-9,")
        .lines()
        .map(|line| match line.split(',').nth(1).unwrap() {
            "phone_number" => format!("{line},{MORE}\n"),
            number @ "+12065550104" => {
                format!("{vc},{number},corrected,not_attempted,,,0,,,{}\n", more(vc, number))
            }
            number @ "+12065550106" => format!("{vc},{number},,not_attempted,,,0,,,{}\n", more(vc, number)),
            number @ ("+12065550101" | "+12065550103") => format!("{line},{}\n", more(vc, number)),
            number if line.contains(",duplicate,") => format!("{line},{}\n", more(vc, number)),
            _ => format!("{line},{NO_KEY}\n"),
        })
        .collect::<String>();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(counted(&statuses), [3, 0, 1, 3, 2, 1]);
}

#[test]
fn the_columns_of_a_report_move_to_the_end() {
    let (more_20, columns) = (more("vc", "20"), format!("{SIX},{MORE}"));
    let csv =
        format!("vc_id,{SIX},phone\nvc,failed,x,\"a, b\",4,r,t,\"+20\"\nvc,succeeded,,\"a, b\",4,r,t,+21\n");
    let expected = format!(
        "vc_id,phone,{columns}\nvc,\"+20\",not_attempted,,,4,,,{more_20}\nvc,+21,succeeded,,\"a, b\",4,r,t,{NO_KEY}\n"
    );
    assert_eq!(text(&csv, waiting), expected);
    let expected = format!("vc_id,phone,{columns}\nvc,+20,not_attempted,,,1,,,{more_20}\n");
    for csv in [
        format!("{SIX},vc_id,phone\nfailed,,,1,,,vc,+20\n"),
        format!("{MORE},vc_id,phone,{SIX}\n{more_20},vc,+20,failed,,,1,,\n"),
        "row_key,vc_id,ATTEMPTS,phone,error_message,Error_Code, STATUS \n,vc,1,+20,,,failed\n".to_owned(),
    ] {
        assert_eq!(text(&csv, waiting), expected, "{csv}");
    }
    // Only the last run of the six is the report's; the other belongs to the user.
    let csv = format!("{SIX},vc_id,phone,{SIX}\nfailed,,,1,,,vc,+20,unknown,,,2,,\n");
    let expected = format!("{SIX},vc_id,phone,{columns}\nfailed,,,1,,,vc,+20,unknown,,,2,,,{NO_KEY}\n");
    assert_eq!(text(&csv, waiting), expected);
    // An older report's own columns are not the report's, whatever they are called.
    let csv = format!("vc_id,region,phone,{SIX}\nvc,north,+20,failed,,,2,,\n");
    let expected = format!("vc_id,region,phone,{columns}\nvc,north,+20,not_attempted,,,2,,,{more_20}\n");
    assert_eq!(text(&csv, waiting), expected);
    assert_eq!(text(&expected, waiting), expected);
    // Nor are an input's own columns that are called as those that a look adds, unless all three are there.
    let csv = format!("vc_id,before,phone,Verified,{SIX},{MORE}\nvc,noon,+20,yes,failed,,,2,,,{more_20}\n");
    let expected = csv.replace("failed,", "not_attempted,");
    assert_eq!(text(&csv, waiting), expected);
    let csv = format!(
        "before,vc_id,phone,{SIX},{MORE},verified,mine,verified_at\non,vc,+20,failed,,,2,,,{more_20},off,x,then\n"
    );
    let expected = format!(
        "vc_id,phone,mine,{SIX},{MORE},before,verified,verified_at\nvc,+20,x,not_attempted,,,2,,,{more_20},on,,\n"
    );
    assert_eq!(text(&csv, waiting), expected);
    let csv = format!("vc_id,region,phone,Region,{SIX}\nvc,north,+20,east,failed,,,2,,\n");
    assert!(text(&csv, waiting).contains("\nvc,north,+20,east,not_attempted,,,2,,,disassociate,,,"));
}

#[test]
fn what_is_known_of_account_and_region_is_kept() {
    let key = more("vc", "20").replace("disassociate,,,", "disassociate,123456789012,eu-west-2,");
    let csv = format!("vc_id,phone,{SIX},{MORE}\nvc,20,not_attempted,,,0,,,{key}\n");
    assert_eq!(text(&csv, waiting), csv);
}

#[test]
fn a_source_that_changed_gives_no_report() {
    let before = Source::from_bytes("numbers.csv", b"vc_id,phone\nvc,+20\nvc,1\n".to_vec());
    let input = read(&before);
    for after in
        ["vc_id,phone\nvc,+21\nvc,1\n", "vc_id,phone\nvc,+20\n", "vc_id,phone\nvc,+20\nvc,1\nvc,2\n", ""]
    {
        let after = Source::from_bytes("numbers.csv", after.into());
        let error = write(io::sink(), &after, &input, &Places::default(), waiting, |_| {}).unwrap_err();
        assert!(matches!(error, ReportError::Changed { .. }), "{error:?}");
    }
    // Even with the same digest a row never gets another row's verdict.
    let after = Source::from_bytes("numbers.csv", b"vc_id,phone\nvc,+20\nvc,+21\n".to_vec());
    let input = Input { digest: read(&after).digest, ..input };
    assert!(matches!(
        write(io::sink(), &after, &input, &Places::default(), waiting, |_| {}),
        Err(ReportError::Changed { .. })
    ));
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("numbers.report.csv");
    let source = Source::from_bytes("numbers.csv", b"vc_id,phone\nvc,+20\n".to_vec());
    let input = read(&source);
    fs::write(&path, "old").unwrap();
    fs::write(directory.path().join("numbers.report.csv.partial"), "left by a crash").unwrap();
    let error = replace(&path, |file| {
        write(file, &source, &input, &Places::default(), waiting, |_| {})?;
        Err::<(), _>(ReportError::Write(io::Error::other("disk full")))
    });
    let message = error.unwrap_err().to_string();
    assert!(message.ends_with("numbers.report.csv`; any previous content is unchanged"), "{message}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}

#[test]
#[cfg(unix)]
fn a_report_replaces_its_own_source_and_is_for_its_owner_alone() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("r.csv"), directory.path().join("link.csv"));
    fs::write(&path, "vc_id,phone\nvc,+20\n").unwrap();
    symlink(&path, &link).unwrap();
    let source = Source::open(&link).unwrap();
    let input = read(&source);
    let write_to = |file: &mut fs::File| {
        assert_eq!(fs::read_to_string(&path).unwrap(), "vc_id,phone\nvc,+20\n", "until it is whole");
        write(file, &source, &input, &Places::default(), waiting, |_| {})
    };
    replace(&link, write_to).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("vc_id,phone,{SIX},{MORE}\nvc,+20,not_attempted,,,0,,,{}\n", more("vc", "20"))
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
    for no_file in [directory.path(), Path::new("/dev/null"), &directory.path().join("no/such/report.csv")] {
        assert!(replace(no_file, |_| Ok::<_, io::Error>(())).is_err(), "{no_file:?}");
    }
}

/// The records after the header, with their bytes.
fn records(csv: &[u8]) -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let source = Source::from_bytes("x", csv.to_vec());
    let mut records = Records::open(&source, read(&source).layout.dialect).unwrap();
    let mut all = Vec::new();
    while let Some(record) = records.next().unwrap() {
        all.push((record.raw.to_vec(), record.fields.iter().map(<[u8]>::to_vec).collect()));
    }
    all.remove(0);
    all
}

proptest! {
    #[test]
    fn no_row_is_lost_and_no_byte_changed(
        header in prop::sample::select(vec!["phone,vc_id\n", "\u{feff}vc_id,phone,\"no\nte\"\r\n", "phone,vc_id,a,b\r"]),
        rows in nasty(),
    ) {
        let csv = [header.as_bytes(), &rows].concat();
        let source = Source::from_bytes("x", csv.clone());
        prop_assume!(Input::read(&source, &InputOptions::default()).is_ok());
        let width = read(&source).layout.own_width();
        let before = records(&csv);
        let (report, statuses) = report_on(&csv, in_turn);
        let after = records(&report);
        prop_assert_eq!(statuses.len() + read(&source).rows.count(Standing::Ignored), before.len());
        prop_assert_eq!(after.len(), before.len());
        for ((raw_before, fields), (raw, reported)) in before.iter().zip(&after) {
            // Empty cells beyond the header's are dropped.
            let dropped = fields.iter().skip(width).rev().take_while(|field| field.is_empty()).count();
            prop_assert!(dropped > 0 || raw.starts_with(raw_before));
            let fields = &fields[..fields.len() - dropped];
            let own = fields.len().max(width);
            prop_assert_eq!(reported.len(), own + Column::written(false).len());
            prop_assert!(fields.iter().eq(reported.iter().take(fields.len())));
            prop_assert!(reported.iter().take(own).skip(fields.len()).all(Vec::is_empty));
        }
        // A report on the report: the same rows again, and from then on the same bytes.
        let (again, _) = report_on(&report, waiting);
        for ((_, one), (_, two)) in after.iter().zip(&records(&again)) {
            prop_assert_eq!(one.len(), two.len());
            prop_assert!(one.iter().zip(two).take(one.len() - Column::written(false).len()).all(|(one, two)| one == two));
        }
        let (and_again, _) = report_on(&again, waiting);
        prop_assert_eq!(and_again, again);
    }
}

/// Something takes the report's name after it was checked: the rename itself fails.
#[test]
fn a_report_that_cannot_take_its_name_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.csv");
    let failed = replace(&path, |file| {
        Write::write_all(file, b"all of it")?;
        fs::create_dir(&path)
    });
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("report.csv") && message.contains("unchanged"), "{message}");
    assert!(path.is_dir());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file remains");
}

#[test]
fn a_delimiter_that_is_in_the_words_of_a_report_leaves_them_whole() {
    let options =
        InputOptions { delimiter: Some(b'_'), connector: Some("a".into()), ..InputOptions::default() };
    let source = Source::from_bytes("numbers.csv", b"phone_note\n+20_x\n+21_y\n".to_vec());
    let input = Input::read(&source, &options).unwrap();
    let mut out = Vec::new();
    write(&mut out, &source, &input, &Places::default(), waiting, |_| {}).unwrap();
    let mut statuses = Vec::new();
    super::read(&Source::from_bytes("r.csv", out), &options, |row| statuses.push(row.status)).unwrap();
    assert_eq!(statuses, [Some(Status::NotAttempted); 2]);
}

proptest! {
    /// However an input is split, as long as equal rows stay together.
    #[test]
    fn the_reports_of_parts_are_merged_into_that_of_the_whole(
        header in prop::sample::select(vec!["phone,vc_id\n", "\u{feff}vc_id,phone,\"no\nte\"\r\n"]),
        rows in nasty(),
        parts in 1..4_u64,
        seed in any::<u64>(),
    ) {
        let csv = [header.as_bytes(), &rows].concat();
        let source = Source::from_bytes("x", csv.clone());
        prop_assume!(Input::read(&source, &InputOptions::default()).is_ok());
        let input = read(&source);
        let (whole, _) = report_on(&csv, in_turn);
        let whole_source = Source::from_bytes("whole", whole.clone());
        let mut records = Records::open(&whole_source, input.layout.dialect).unwrap();
        let (mut split, mut at) = (vec![Vec::new(); usize::try_from(parts).unwrap()], None);
        while let Some(record) = records.next().unwrap() {
            let line = [record.raw, if header.ends_with("\r\n") { b"\r\n" } else { b"\n" }].concat();
            let own: Vec<_> = record.fields.iter().take(2).collect();
            let hash = own.concat().iter().fold(seed, |hash, byte| hash.wrapping_mul(31) + u64::from(*byte));
            let part = usize::try_from(hash % parts).unwrap();
            match at {
                None => split.iter_mut().for_each(|part| part.extend(&line)),
                Some(_) => split[part].extend(&line),
            }
            at = Some(part);
        }
        let split: Vec<_> = split.into_iter().map(|part| Source::from_bytes("part", part)).collect();
        let mut merged = Vec::new();
        merge(&mut merged, &source, &input, &split, &InputOptions::default()).unwrap();
        prop_assert_eq!(merged, whole);
    }
}
