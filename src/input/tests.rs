mod reports;

use std::io::Read;

use proptest::prelude::*;

use super::Standing::{Duplicate, Finished, Invalid, Kept, Pending};
use super::connector::ConnectorError;
use super::dialect::{Dialect, field_starts};
use super::*;
use crate::action::Action;

fn read_with(csv: &[u8], options: &InputOptions) -> Result<Input, InputError> {
    Input::read(&Source::from_bytes("numbers.csv", csv.to_vec()), options)
}

fn read(csv: impl AsRef<[u8]>) -> Input {
    read_with(csv.as_ref(), &InputOptions::default()).unwrap()
}

fn refusal(csv: impl AsRef<[u8]>, options: &InputOptions) -> String {
    read_with(csv.as_ref(), options).unwrap_err().to_string()
}

fn fixture(name: &str) -> Source {
    Source::open(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/input").join(name)).unwrap()
}

fn connector_column(name: &str) -> InputOptions {
    InputOptions { connector_column: Some(name.into()), ..InputOptions::default() }
}

fn connector(id: &str) -> InputOptions {
    InputOptions { connector: Some(id.into()), ..InputOptions::default() }
}

/// Number and connector of each row, and the line it is on.
fn table(input: &Input) -> Vec<(String, String, u64)> {
    let rows = &input.rows;
    let row = |row| {
        let number = rows.number(row).map_or(String::new(), |number| number.e164().to_string());
        let connector = rows.connector(row).map_or("", |id| rows.connector_name(id));
        (number, connector.to_owned(), rows.line(row))
    };
    rows.ids().map(row).collect()
}

#[test]
fn columns_are_found_by_their_headers() {
    for header in [
        "voice_connector_id,phone_number",
        "VoiceConnectorId,E164PhoneNumber",
        "Voice-Connector ID, PHONE NUMBER ",
        "\"connector\",\"phone\"",
        "connector_id,number",
        "vc_id,e164",
        "\u{feff}Connector,PhoneNumberId",
        "\u{feff}\"vc-id\",\"Phone\"",
        "voice_connector_id;phone_number",
        "voice_connector_id\tphone_number",
        "vc_id;phone;\"a, b, c, d\"",
    ] {
        let row = if header.contains(';') {
            "vc;+12065550100"
        } else if header.contains('\t') {
            "vc\t+12065550100"
        } else {
            "vc,+12065550100"
        };
        let row = if header.ends_with("d\"") { format!("{row};") } else { row.into() };
        let input = read(format!("{header}\n{row}\n"));
        assert_eq!(table(&input), [("+12065550100".into(), "vc".into(), 2)], "{header}");
    }
}

#[test]
fn columns_can_be_named() {
    let csv = b"phone,ID,id,connector\n+12065550100,a,b,c\n";
    for (name, expected) in [("ID", "a"), ("id", "b"), ("Connector", "c")] {
        let input = read_with(csv, &connector_column(name)).unwrap();
        assert_eq!(table(&input)[0].1, expected, "{name}");
    }
    let input = read_with(b"phone\n+12065550100\n", &connector("vc")).unwrap();
    assert_eq!(table(&input), [("+12065550100".into(), "vc".into(), 2)]);
    let options = InputOptions { delimiter: Some(b'|'), ..InputOptions::default() };
    let input = read_with(b"phone|connector|a,b,c\n+12065550100|vc|\n", &options).unwrap();
    assert_eq!(table(&input), [("+12065550100".into(), "vc".into(), 2)]);
}

#[test]
fn an_unclear_header_is_refused() {
    let none = InputOptions::default();
    let both = InputOptions { connector_column: Some("phone".into()), ..InputOptions::default() };
    let delimiter = InputOptions { delimiter: Some(b'"'), ..InputOptions::default() };
    for (csv, options, expected) in [
        (&b""[..], &none, "is empty"),
        (b"\xef\xbb\xbf\n\n", &none, "is empty"),
        (
            b"phone,note\n",
            &none,
            "no column for the voice connector: name it with `--connector-column`, or all rows' with `--connector`; its headers are `phone`, `note`",
        ),
        (b"vc_id,note,2024\n", &none, "no column for the phone number: name it with `--number-column`"),
        (b"vc_id,phone,number\n", &none, "several columns for the phone number"),
        (b"phone,ID,id\n", &connector_column("Id"), "several columns for the voice connector"),
        (
            b"phone,vc_id\n",
            &connector_column("desk"),
            "no column `desk`: name one of its headers, or its position; its headers are `phone`, `vc_id`",
        ),
        (b"phone,vc_id\n", &both, "column `phone` of `numbers.csv` cannot be both"),
        (b"phone,vc_id\n", &connector("vc"), "`--connector` is given, and column `vc_id`"),
        (b"phone\n", &connector(" "), "` ` is not a voice connector's id"),
        (b"vc,+12065550100\nvc,+12065550101\n", &none, "numbers.csv:1: the first line looks like a row"),
        (b"\n+12065550100\n", &connector("vc"), "numbers.csv:2: the first line looks like a row"),
        (b"vc_id,phone,caf\xe9\n", &none, "numbers.csv:1: the header is not UTF-8"),
        (b"\xff\xfev\0c\0", &none, "is saved as UTF-16"),
        (b"\xfe\xff\0v\0c", &none, "is saved as UTF-16"),
        (b"v\0c\0_\0", &none, "is saved as UTF-16"),
        (b"PK\x03\x04\x14", &none, "is an Excel workbook"),
        (b"phone,vc_id\n", &delimiter, "'\"' cannot be the delimiter"),
        (b"phone,vc_id\na,b\n\nc,\"d\n\ne,f", &none, "numbers.csv:4: a quote opens here"),
        (b"phone,vc_id\r\na,\"b\r\nc\",\"d\r\n", &none, "numbers.csv:3: a quote opens here"),
        (b"phone,\"vc_id\n", &none, "numbers.csv:1: a quote opens here"),
    ] {
        let message = refusal(csv, options);
        assert!(message.contains(expected), "{message}");
    }
    let directory = Source::open(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_err().to_string();
    assert!(directory.contains("is a directory"), "{directory}");
    let missing = Source::open(std::path::Path::new("no/such.csv")).unwrap_err().to_string();
    assert_eq!(missing, "cannot open `no/such.csv`");
}

#[test]
fn a_header_alone_is_an_input_of_no_rows() {
    for csv in ["phone,vc_id", "phone,vc_id\n", "\n\nphone,vc_id\r\n\r\n"] {
        assert!(read(csv).rows.is_empty(), "{csv:?}");
    }
}

#[test]
fn lines_are_counted_as_in_an_editor() {
    for (csv, expected) in [
        ("phone,vc_id\na,b\nc,d\n", vec![2, 3]),
        ("phone,vc_id\r\na,b\r\nc,d", vec![2, 3]),
        ("phone,vc_id\ra,b\rc,d\r", vec![2, 3]),
        ("\nphone,vc_id\n\n\na,b\n\nc,d\ne,f\n", vec![5, 7, 8]),
        ("phone,vc_id\r\n\r\na,b\r\n\r\n\r\nc,d\r\n", vec![3, 6]),
        ("phone,vc_id\r\ra,b\r\r\n\nc,d", vec![3, 6]),
        ("phone,vc_id\na,\"b\n\n\"\nc,d\r\ne,f", vec![2, 5, 6]),
        ("\u{feff}phone,vc_id\r\n\"a\",\"\r\n\"\r\nc,d", vec![2, 4]),
    ] {
        let input = read(csv);
        let lines: Vec<_> = input.rows.ids().map(|row| input.rows.line(row)).collect();
        assert_eq!(lines, expected, "{csv:?}");
    }
}

#[test]
fn a_character_in_two_fields_is_broken() {
    let bytes = b"name,vc_id,phone\nx\xc3,\xa9,12065550100\n\xc3\xa9,v,12065550101\n".to_vec();
    let input = Input::read(&Source::from_bytes("x", bytes), &InputOptions::default()).unwrap();
    let standings: Vec<_> = input.rows.ids().map(|row| input.rows.standing(row)).collect();
    assert_eq!(standings, [Invalid, Pending { unanswered: false }]);
}

#[test]
fn every_damage_has_its_code_and_line() {
    let source = fixture("damaged.csv");
    let input = Input::read(&source, &InputOptions::default()).unwrap();
    let mut records = Records::open(&source, input.layout.dialect).unwrap();
    let mut found = Vec::new();
    records.next().unwrap();
    while let Some(record) = records.next().unwrap() {
        if let Verdict::Invalid(error) = judge(&input.layout, record.fields) {
            found.push(format!("{} {}: {error}", record.line, error.code()));
        }
    }
    assert_eq!(
        found,
        [
            "3 RaggedRow: the row has 2 fields, the header 3; after correcting it, clear its status",
            "4 RaggedRow: the row has 4 fields, the header 3",
            "6 EmptyConnector: the voice connector is empty",
            "7 InvalidConnector: `..` is not a voice connector's id",
            "8 InvalidNumber: the phone number is empty",
            "9 SpreadsheetDamage: `1.20656E+10` is in a spreadsheet's scientific notation, which loses digits: export the column as text",
            "10 SpreadsheetDamage: `12065550106.0` has decimal places, which a spreadsheet adds to numbers: export the column as text",
            "11 InvalidNumber: `555-0107` has separators but no leading `+`, so its country code is not certain",
            "12 InvalidNumber: `+1 (0)206 555 0108` has a 0 in parentheses, which may or may not be part of the number",
            "13 InvalidNumber: `+1206555010012345` is too long for an E.164 number, which has 2 to 15 digits",
            "17 InvalidNumber: `1 206 555 0110` has separators but no leading `+`, so its country code is not certain",
        ]
    );
    let standings: Vec<_> = input.rows.ids().map(|row| input.rows.standing(row)).collect();
    let pending = Pending { unanswered: false };
    assert_eq!(input.rows.count(Invalid), found.len());
    assert_eq!([standings[0], standings[12], standings[14]], [pending, pending, Duplicate]);
    assert_eq!(input.rows.duplicate_of(RowId::new(14)), Some(RowId::new(0)));
    assert_eq!(input.rows.line(RowId::new(14)), 18);
    assert_eq!(input.invalid.len(), 5);
    assert_eq!((input.invalid[1].line, input.invalid[1].code), (4, "RaggedRow"));
}

#[test]
fn a_long_cell_is_cut_in_messages() {
    let input = read(format!("phone,vc_id\n{},vc\n", "é".repeat(50)));
    assert_eq!(input.rows.standing(RowId::new(0)), Invalid);
    let error = RowError::Connector {
        text: "éééééééééééééééééééééééééééééééééééééééé+",
        error: ConnectorError::NotAnId,
    };
    assert_eq!(
        error.to_string(),
        "`éééééééééééééééééééééééééééééééééééééééé...` is not a voice connector's id"
    );
}

#[test]
fn the_first_of_equal_rows_counts_and_a_finished_one_before_it() {
    let header = "vc_id,phone,status,error_code,error_message,attempts,request_id,completed_at";
    let input = read(format!(
        "{header}\na,20,failed,,,1,,\nb,+20,failed,,,1,,\na,%2B20,,,,,,\na, +2-0,succeeded,,,,,\na,20,succeeded,,,,,\nb,20,invalid,,,,,\n"
    ));
    let standings: Vec<_> = input.rows.ids().map(|row| input.rows.standing(row)).collect();
    assert_eq!(
        standings,
        [Kept, Pending { unanswered: false }, Pending { unanswered: false }, Finished, Finished, Duplicate]
    );
    let firsts: Vec<_> = input.rows.ids().map(|row| input.rows.duplicate_of(row).map(RowId::get)).collect();
    assert_eq!(firsts, [None, None, None, None, None, Some(1)]);
    assert_eq!(input.rows.suspect_of(RowId::new(0)), Some(RowId::new(3)));
}

#[test]
#[rustfmt::skip]
fn equal_rows_of_a_report_are_duplicates_only_if_their_keys_say_so() {
    let (sent, unanswered) = (Pending { unanswered: false }, Pending { unanswered: true });
    // The status of each row, with `+` if its key fits and `-` if it has none.
    let table: [(&str, &[Standing]); 13] = [
        ("+succeeded +failed", &[Finished, Duplicate]),
        ("+failed +succeeded", &[Duplicate, Finished]),
        ("+succeeded -failed", &[Finished, Kept]),
        ("-succeeded +failed", &[Finished, sent]),
        ("-succeeded -failed -unknown -not_attempted", &[Finished, Kept, Kept, Kept]),
        ("-failed -unknown", &[Kept, Kept]),
        ("-succeeded -duplicate", &[Finished, Duplicate]),
        ("-succeeded +duplicate", &[Finished, Duplicate]),
        ("-failed -duplicate -", &[sent, Duplicate, Duplicate]),
        ("+failed +unknown +unknown", &[Duplicate, unanswered, Duplicate]),
        ("+succeeded -invalid -", &[Finished, sent, Duplicate]),
        ("+succeeded +", &[Finished, Duplicate]),
        ("- -", &[sent, Duplicate]),
    ];
    for (statuses, expected) in table {
        let key = RowKey::new(Action::Disassociate, "a", crate::number::PhoneNumber::parse("+20").unwrap()).as_str().to_owned();
        let rows = statuses.split(' ').map(|status| match status.split_at(1) {
            ("+", status) => format!("a,+20,{status},,,{key}\n"),
            (_, status) => format!("a,+20,{status},,,\n"),
        });
        let input = read(format!("vc_id,phone,status,error_code,error_message,row_key\n{}", rows.collect::<String>()));
        let standings: Vec<_> = input.rows.ids().map(|row| input.rows.standing(row)).collect();
        assert_eq!(standings, expected, "{statuses}");
    }
}

#[test]
fn a_number_under_two_connectors_is_worth_a_warning() {
    assert_eq!(read("vc_id,phone\na,20\na,21\na,20\nb,22\n").rows.shared_numbers(), []);
    let input = read("vc_id,phone\na,20\nb,21\na,20\n\nb,20\nc,20\nc,+21\n");
    let lines = |(row, earlier): &(RowId, RowId)| (input.rows.line(*earlier), input.rows.line(*row));
    let shared: Vec<_> = input.rows.shared_numbers().iter().map(lines).collect();
    assert_eq!(shared, [(2, 6), (2, 7), (3, 8)]);
}

#[test]
fn a_padded_row_stays_invalid_until_it_is_touched() {
    let header = "vc_id,phone,note,status,error_code,error_message,attempts,request_id,completed_at";
    for (row, stays) in [
        ("a,20,,invalid,RaggedRow,,0,,", true),
        ("a,20,x,invalid,RaggedRow,,0,,", false),
        ("a,20,,,RaggedRow,,0,,", false),
        ("a,20,,invalid,,,0,,", false),
        ("a,20,,invalid,InvalidNumber,,0,,", false),
    ] {
        let input = read(format!("{header}\n{row}\n"));
        assert_eq!(input.rows.standing(RowId::new(0)) == Invalid, stays, "{row}");
    }
}

#[test]
fn a_file_and_the_same_bytes_in_memory_are_one_input() {
    let options = InputOptions::default();
    for name in ["numbers.csv", "excel.csv", "damaged.csv"] {
        let source = fixture(name);
        let mut bytes = Vec::new();
        source.reader().unwrap().read_to_end(&mut bytes).unwrap();
        let [from_file, again, from_memory] =
            [Input::read(&source, &options), Input::read(&source, &options), read_with(&bytes, &options)]
                .map(Result::unwrap);
        assert_eq!(table(&from_file), table(&from_memory));
        assert_eq!(from_file.digest, from_memory.digest);
        assert_eq!(from_file.digest, again.digest);
    }
    // `printf 'phone,vc_id\n' | xxhsum -H2`
    assert_eq!(&*read("phone,vc_id\n").digest, "6f845543ef1001a671f788113280a72c");
}

#[test]
fn the_example_is_as_advertised() {
    let input = Input::read(&fixture("numbers.csv"), &InputOptions::default()).unwrap();
    let counts = [Pending { unanswered: false }, Invalid, Duplicate];
    assert_eq!(counts.map(|standing| input.rows.count(standing)), [199, 0, 1]);
    assert_eq!(input.rows.connector_count(), 4);
    let excel = Input::read(&fixture("excel.csv"), &InputOptions::default()).unwrap();
    assert_eq!((excel.rows.len(), excel.rows.count(Invalid)), (6, 1));
    let only = Input::read(&fixture("numbers-only.csv"), &connector("abcdef1ghij2klmno3pqr4")).unwrap();
    assert_eq!((only.rows.len(), only.rows.count(Invalid)), (6, 0));
}

/// Text in which every character matters to csv.
pub(crate) fn nasty() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 14] = [
        b",",
        b"\"",
        b"\n",
        b"\r\n",
        b"\r",
        b"a",
        b"+12065550100",
        b"succeeded",
        b"invalid",
        b"RaggedRow",
        b"\xe9",
        b";",
        b"\xef\xbb\xbf",
        b"\"x,\ny\"",
    ];
    let piece = prop::sample::select(&PIECES[..]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), nasty in nasty()) {
        for bytes in [bytes, nasty] {
            let _ = read_with(&bytes, &InputOptions::default());
            let _ = read_with(&[b"phone,vc_id\n", &bytes[..]].concat(), &InputOptions::default());
        }
    }

    #[test]
    fn fields_are_cut_where_csv_cuts_them(bytes in nasty()) {
        let source = Source::from_bytes("x", bytes);
        let dialect = Dialect::candidates(&source, Some(b',')).unwrap()[0];
        let (mut records, mut splitter) = (Records::open(&source, dialect).unwrap(), dialect.splitter());
        while let Ok(Some(record)) = records.next() {
            let raw = [record.raw, b","].concat();
            field_starts(&mut splitter, b"\"open"); // what it has read before does not matter
            let starts = field_starts(&mut splitter, &raw);
            prop_assert_eq!(starts.len(), record.fields.len() + 1);
            prop_assert_eq!(starts.last(), Some(&raw.len()));
            for (span, field) in starts.windows(2).zip(record.fields) {
                // Alone, between other fields, the piece reads as the field did.
                let alone = [b"x,", &raw[span[0]..span[1]], b"x"].concat();
                let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(&alone[..]);
                let read = csv.byte_records().next().unwrap().unwrap();
                prop_assert_eq!(&read[1], field);
            }
        }
    }

    /// The lines are those that `str::lines` counts, once a lone `\r` is a `\n`.
    #[test]
    fn records_are_the_source_in_pieces(bytes in nasty()) {
        let source = Source::from_bytes("x", [b"a\n", &bytes[..]].concat());
        let dialect = Dialect::candidates(&source, Some(b',')).unwrap()[0];
        let mut records = Records::open(&source, dialect).unwrap();
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\r', "\n");
        let text = format!("a\n{text}\n");
        while let Ok(Some(record)) = records.next() {
            let raw = String::from_utf8_lossy(record.raw).replace("\r\n", "\n").replace('\r', "\n");
            let before = usize::try_from(record.line).unwrap() - 1;
            let rest: String = text.split_inclusive('\n').skip(before).collect();
            prop_assert!(rest.starts_with(&format!("{raw}\n")), "line {}: {raw:?}", record.line);
        }
    }
}
