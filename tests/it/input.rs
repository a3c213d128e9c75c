//! Which files and rows are valid, and what happens to invalid ones.

use super::harness::{Ended, Job, Service, all_at_once, csv, number};

/// The columns that a report adds.
const ADDED: [&str; 10] = [
    "status",
    "error_code",
    "error_message",
    "attempts",
    "request_id",
    "completed_at",
    "action",
    "account_id",
    "region",
    "row_key",
];

/// Runs a file against a service without faults.
fn sweep(file: impl AsRef<[u8]>, more: &str) -> (Service, Ended, Job) {
    let service = Service::playing("");
    let job = Job::on(&service, file);
    let ended = job.sweep(more);
    (service, ended, job)
}

#[test]
fn the_two_columns_are_found_by_many_names() {
    all_at_once(
        &[
            ("voice_connector_id", "phone_number"),
            ("VoiceConnectorId", "E164PhoneNumber"),
            ("Voice Connector-ID", "PHONE NUMBER"),
            ("connector", "PhoneNumberId"),
            ("connector_id", "phone"),
            ("vc_id", "number"),
            ("VC ID", "e.164"),
        ],
        |(connector, number)| {
            let named = if *number == "e.164" { "--number-column e.164" } else { "" };
            let file = format!("note,{number},{connector}\nx,+12065550100,vc\n");
            let (service, ended, _) = sweep(file, named);
            ended.exits(0).statuses(&["succeeded"]);
            ended.same("applied", service.is_gone("vc", "+12065550100"), true);
        },
    );
}

#[test]
fn options_say_where_the_columns_are() {
    all_at_once(
        &[
            ("a,b\nvc,+12065550100\n", "--connector-column a --number-column b"),
            ("a,b\nvc,+12065550100\n", "--connector-column A --number-column B"),
            ("phone\n+12065550100\n", "--connector vc"),
            ("connector|phone|a;b,c\nvc|+12065550100|;,;,\n", "--delimiter |"),
            ("connector\tphone\nvc\t+12065550100\n", "--delimiter tab"),
            ("phone,number,connector\n,+12065550100,vc\n", "--number-column number"),
        ],
        |(file, options)| {
            let (service, ended, _) = sweep(file, options);
            ended.exits(0).same("gone", service.is_gone("vc", "+12065550100"), true);
        },
    );
}

#[test]
fn every_dialect_is_kept_byte_for_byte() {
    let records = [
        "note,connector,phone,\"last, \"\"one\"\"\"",
        "\" two\nlines \",vc,+12065550100,ü",
        ",vc,12065550101,",
    ];
    all_at_once(
        &[
            (",", "\n", ""),
            (",", "\r\n", ""),
            (",", "\n", "\u{feff}"),
            (";", "\n", ""),
            ("\t", "\r\n", "\u{feff}"),
        ],
        |(delimiter, line_end, mark)| {
            let [header, first, second] = records.map(|record| record.replace(',', delimiter));
            let file = [*mark, &header, line_end, &first, line_end, &second, line_end].concat();
            let (service, ended, _) = sweep(&file, "");
            ended.exits(0).same("applied", service.applied(), ["+12065550100", "+12065550101"]);
            let (time, rows) = (&ended.rows()[0]["completed_at"], ended.rows());
            let added = |row: usize| {
                let cells = [
                    "",
                    "succeeded",
                    "",
                    "",
                    "1",
                    "sim-1",
                    time,
                    "disassociate",
                    "",
                    "us-east-1",
                    &rows[row]["row_key"],
                ];
                cells.join(delimiter)
            };
            let columns = ["", &ADDED.join(delimiter)].join(delimiter);
            let lines = [header + &columns, first + &added(0), second + &added(1)];
            let expected = lines.iter().fold((*mark).to_owned(), |report, line| report + line + line_end);
            ended.same("report", ended.report.as_deref(), Some(expected.as_str()));
        },
    );
}

#[test]
fn standard_input_needs_a_name_for_the_report() {
    let service = Service::playing("");
    let job = Job::on(&service, "");
    let endpoint = format!("--yes --endpoint-url {}", service.url());
    let ended = job.command_with_stdin(&format!("run - {endpoint}"), csv(2).as_bytes());
    ended.refused(&job, "standard input has no name").same("requests", service.requests(), 0);

    let ended = job.command_with_stdin(&format!("run - --output out.csv {endpoint}"), csv(2).as_bytes());
    ended.exits(0).statuses(&["succeeded"; 2]).same("applied", service.applied(), [number(0), number(1)]);
    ended.same("files", job.files(), ["numbers.csv", "out.csv"]);
}

#[test]
fn a_bad_row_is_marked_and_the_job_continues() {
    let file: &[u8] = b"connector,phone,note\n\
        vc,+12065550100,fine\n\
        vc,+12065550101\n\
        vc,+12065550102,one,two\n\
        vc,+1206555010\xa03,x\n\
        ,+12065550104,x\n\
        ..,+12065550105,x\n\
        vc,,x\n\
        vc,1.20656E+10,x\n\
        vc,12065550106.0,x\n\
        vc,555-0107,x\n\
        vc,+1206555010012345,x\n\
        vc,1 (206) 555-0108,x\n\
        vc,+1 (206) 555-0100,again\n\
        vc,%2B12065550109,fine\n";
    let (service, ended, _) = sweep(file, "");
    ended.exits(3);
    let expected = [
        ("succeeded", "", ""),
        ("invalid", "RaggedRow", "line 3: the row has 2 fields, the header 3"),
        ("invalid", "RaggedRow", "line 4: the row has 4 fields, the header 3"),
        ("invalid", "BrokenUtf8", "line 5: the phone number is not UTF-8"),
        ("invalid", "EmptyConnector", "line 6: the voice connector is empty"),
        ("invalid", "InvalidConnector", "line 7: `..` is not a voice connector's id"),
        ("invalid", "InvalidNumber", "line 8: the phone number is empty"),
        ("invalid", "SpreadsheetDamage", "line 9: `1.20656E+10` is in a spreadsheet's scientific notation"),
        ("invalid", "SpreadsheetDamage", "line 10: `12065550106.0` has decimal places"),
        ("invalid", "InvalidNumber", "line 11: `555-0107` has separators but no leading `+`"),
        ("invalid", "InvalidNumber", "line 12: `+1206555010012345` is too long"),
        ("invalid", "InvalidNumber", "line 13: `1 (206) 555-0108` has separators but no leading `+`"),
        ("duplicate", "", "line 14: same connector and number as line 2"),
        ("succeeded", "", ""),
    ];
    // The row with too many fields keeps them, and its cells come last.
    let report = ended.report.clone().unwrap_or_default();
    let lines: Vec<_> = report.lines().skip(1).collect();
    ended.same("rows", lines.len(), expected.len());
    for (line, (status, code, message)) in lines.into_iter().zip(expected) {
        let found = [format!(",{status},{code},{message}"), format!(",{status},{code},\"{message}")];
        ended.check(found.iter().any(|found| line.contains(found)), &format!("{line:?}: {status} {message}"));
    }
    ended.same("applied", service.applied(), ["+12065550100", "+12065550109"]);
}

#[test]
fn broken_bytes_reach_the_report_as_they_are() {
    let service = Service::playing("");
    let job = Job::on(&service, b"connector,phone,note\nvc,+12065550100,caf\xe9\n");
    job.sweep("").exits(0);
    let report = std::fs::read(job.path("numbers.report.csv")).expect("a report");
    let row = b"\nvc,+12065550100,caf\xe9,succeeded,,";
    assert!(report.windows(row.len()).any(|bytes| bytes == row), "{}", report.escape_ascii());
}

#[test]
fn the_same_number_under_two_connectors_is_not_a_duplicate() {
    let (service, ended, _) = sweep("connector,phone\na,+12065550100\nb,+12065550100\na,12065550100\n", "");
    ended.exits(0).statuses(&["succeeded", "succeeded", "duplicate"]);
    ended.same("gone", ["a", "b"].map(|vc| service.is_gone(vc, "+12065550100")), [true; 2]);
    ended.same("applied", service.applied().len(), 2);
}

#[test]
fn a_connector_of_any_characters_is_the_same_on_both_sides() {
    let (service, ended, _) = sweep("connector,phone\na/b%2f?é+&=,+12065550100\n", "");
    ended.exits(0).same("gone", service.is_gone("a/b%2f?é+&=", "+12065550100"), true);
}

#[test]
fn a_file_that_cannot_be_used_is_refused_before_anything_happens() {
    all_at_once::<(&[u8], &str, &str)>(
        &[
            (b"", "", "`numbers.csv` is empty"),
            (b"\n\n", "", "`numbers.csv` is empty"),
            (
                b"a,b\n1,2\n",
                "",
                "has no column for the phone number: name it with `--number-column`; its headers are `a`, `b`",
            ),
            (b"phone,x\n1,2\n", "", "no column for the voice connector"),
            (b"phone,number,vc_id\n1,2,3\n", "", "several columns for the phone number"),
            (b"vc,+12065550100\n", "", "looks like a row"),
            (b"connector,phone\nvc,+12065550100\n", "--connector vc", "names connectors too"),
            (b"connector,phone\nvc,+12065550100\n", "--number-column x", "has no column `x`"),
            (
                b"connector,phone\nvc,\"+12065550100\nvc,+12065550101\n",
                "",
                "numbers.csv:2: a quote opens here",
            ),
            (b"\xff\xfec\0o\0", "", "UTF-16"),
            (b"PK\x03\x04", "", "Excel"),
        ],
        |(file, options, message)| {
            let (service, ended, job) = sweep(file, options);
            ended.refused(&job, message).same("requests", service.requests(), 0);
        },
    );
}

#[test]
fn a_path_that_cannot_be_read_is_refused() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(1));
    let endpoint = format!("--yes --endpoint-url {}", service.url());
    job.command(&format!("run missing.csv {endpoint}")).refused(&job, "cannot open `missing.csv`");
    job.command(&format!("run . --output x.csv {endpoint}")).refused(&job, "is a directory");
    job.command(&format!("run numbers.csv --output no/x.csv {endpoint}")).refused(&job, "no/x.csv");
    assert_eq!(service.requests(), 0);
}

#[cfg(unix)]
#[test]
fn a_file_of_another_user_is_refused() {
    use super::harness::skipped;
    use std::os::unix::fs::PermissionsExt;

    let service = Service::playing("");
    let job = Job::on(&service, csv(1));
    let permissions = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(job.path("numbers.csv"), permissions).expect("my file");
    if std::fs::File::open(job.path("numbers.csv")).is_ok() {
        return skipped("this user may read everything");
    }
    job.sweep("").refused(&job, "cannot open `numbers.csv`").same("requests", service.requests(), 0);
}

#[test]
fn a_bad_input_never_overwrites_a_report() {
    let (service, ended, job) = sweep(csv(1), "");
    ended.exits(0);
    let before = job.read("numbers.report.csv");
    job.write("numbers.csv", "");
    job.sweep("--overwrite").exits(1).says("is empty");
    assert_eq!((job.read("numbers.report.csv"), service.requests()), (before, 1));
}

#[test]
fn a_header_alone_is_a_job_without_rows() {
    let (service, ended, job) = sweep("connector,phone\n", "");
    ended.exits(0).same("rows", ended.rows().len(), 0).same("requests", service.requests(), 0);
    ended.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
}

#[test]
fn a_plan_sends_and_writes_nothing() {
    let job = Job::new("connector,phone\na,+12065550100\nb,+12065550101\na,x\na,12065550100\n");
    let ended = job.command("plan numbers.csv --rate 2");
    ended.exits(3).same("files", job.files(), ["numbers.csv"]).same("stderr", ended.stderr.as_str(), "");
    for line in ["2 numbers, in 2 requests", "1 invalid", "1 duplicate", "invalid     line 4: InvalidNumber"]
    {
        ended.check(ended.stdout.contains(line), line);
    }
}
