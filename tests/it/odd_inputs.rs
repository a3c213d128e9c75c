//! Inputs as people and spreadsheets make them: nothing wrong is sent, nothing vanishes, and what is harmless is no
//! trouble.

use super::harness::{Ended, Job, Service, all_at_once, skipped};

const ID: &str = "abcdef1ghij2klmno3pqr4";

/// One connector with the numbers +12065550100 to …0199.
const WORLD: &str = "[[connector]]\nid = \"abcdef1ghij2klmno3pqr4\"\nfirst = \"+12065550100\"\ncount = 100\n";

/// Runs a file, in which `ID` stands for the connector, against that world.
fn sweep(file: &str, more: &str) -> (Service, Ended, Job) {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, file.replace("ID", ID));
    let ended = job.sweep(more);
    (service, ended, job)
}

#[test]
fn a_stray_quote_does_not_hide_rows() {
    all_at_once(
        &[
            (
                "voice_connector_id,phone_number,note\nID,+12065550102,\"urgent\nID,+12065550103,none\n\
                 ID,+12065550104,\"call first\"\nID,+12065550105,z\n",
                "numbers.csv:2: a quote opens here and closes below, and line 3 within it looks like a row",
            ),
            (
                "vc_id,phone,\"note\nID,+12065550102,x\nID,+12065550103,\"y\"\n",
                "numbers.csv:1: a quote opens here and closes below, and line 2",
            ),
            (
                "note,vc_id,phone\n\"urgent,ID,+12065550102\n\"none\",ID,+12065550103\n",
                "numbers.csv:2: a quote opens here and closes below, and line 2",
            ),
        ],
        |(file, message)| {
            let (service, ended, job) = sweep(file, "");
            ended.refused(&job, message).says("nothing was sent").same("requests", service.requests(), 0);
        },
    );
    let (service, ended, job) =
        sweep("vc_id,phone,note\nID,+12065550102,\"12 Main St\n10115, Berlin\"\nID,+12065550103,\n", "");
    ended.exits(0).statuses(&["succeeded"; 2]).same("applied", service.applied().len(), 2);
    let plan = job.command("plan numbers.csv");
    plan.check(plan.stdout.contains("note        1 row with a cell of several lines"), "it is not counted");
    // Nor in a report that is only summed up.
    let (_, ended, job) = sweep("vc_id,phone,note\nID,+12065550102,urgent\nID,+12065550103,\"none\"\n", "");
    let report = ended.report.clone().unwrap_or_default().replace("urgent", "\"urgent");
    job.write("numbers.report.csv", report);
    job.command("summary numbers.report.csv").exits(1).says("numbers.report.csv:2: a quote opens here");
}

#[test]
fn the_plan_names_the_columns_and_what_is_odd() {
    all_at_once::<(&str, &str, &[&str])>(
        &[
            (
                "Connector,Old Number,Number\nID,+12065550100,+12065550900\n",
                "",
                &[
                    "columns     connector `Connector`, number `Number`; line 2 has abcdef1ghij2klmno3pqr4 and …0900",
                    "warning     column `Old Number` is full of numbers, too",
                ],
            ),
            (
                "vc_id,phone\nID,+12065550100\n\"ID\",911\n",
                "",
                &["warning     1 number has fewer than 7 digits"],
            ),
            (
                "vc_id,phone\nID,2065550100\nID,2065550101\n",
                "",
                &["warning     2 numbers have 10 digits and no `+`"],
            ),
            ("vc_id,phone\nVC,+12065550100\n", "", &["1 connector is not like an id of AWS", "`VC`"]),
            ("vc_id,phone,phone\nID,x,+12065550109\n", "--number-column 3", &["…0109"]),
            (
                "Voice Connector,Voice Connector Id,phone\nMain,ID,+12065550109\n",
                "",
                &["`Voice Connector Id`"],
            ),
            (
                "PhoneNumberId,E164PhoneNumber,Voice Connector\n%2B1,+12065550109,ID\n",
                "",
                &["`E164PhoneNumber`"],
            ),
            (
                "Voice Connector|Telephone Number|a;b;c;d;e\nID|+12065550109|\n",
                "",
                &["`Telephone Number`", "…0109"],
            ),
            (
                "\u{feff}\u{feff}vc_id,pho\u{200b}ne\nID,+12065550109\n",
                "",
                &["number `pho\\u{200b}ne`", "…0109"],
            ),
        ],
        |(file, options, lines)| {
            let job = Job::new(file.replace("ID", ID));
            let plan = job.command(&format!("plan numbers.csv {options}"));
            plan.exits(0);
            for line in *lines {
                plan.check(plan.stdout.contains(line), line);
            }
            plan.check(!plan.stdout.contains("5550"), "a whole number is shown");
        },
    );
    let (_, ended, _) = sweep("Connector,Old Number,Number\nID,+12065550100,+12065550101\n", "");
    ended.exits(0).says("number `Number`; line 2 has").says("column `Old Number` is full of numbers, too");
}

#[test]
fn what_is_not_one_number_is_not_sent() {
    let file = "vc_id,phone\nID,+1 206 555 0128-0137\nID,+1 206 555 0159-107\nID,+12065550138-39\n\
                ID,+12065550100 x12\nID,+1206555010\nID,=\"+12065550110\"\nID,tel:+12065550111\n";
    let (service, ended, _) = sweep(file, "");
    ended.exits(3).statuses(&[
        "invalid",
        "invalid",
        "invalid",
        "invalid",
        "invalid",
        "succeeded",
        "succeeded",
    ]);
    ended.same("applied", service.applied(), ["+12065550110", "+12065550111"]);
}

#[test]
fn what_is_not_a_connector_is_not_sent() {
    let file = "vc_id,phone\nID\u{200b},+12065550100\n#N/A,+12065550101\n\
                arn:aws:chime:us-east-1:123456789012:vc/ID,+12065550102\nhttps://x/ID,+12065550103\n\
                ID ID,+12065550104\n=A1,+12065550105\n";
    let (service, ended, _) = sweep(file, "");
    ended.exits(3).statuses(&["invalid"; 6]).same("requests", service.requests(), 0);
    let messages = ended.column("error_message");
    for (message, expected) in messages.iter().zip([
        "\\u{200b}` contains U+200B",
        "`#N/A` is a spreadsheet's error value",
        "the voice connector's id in it is `abcdef1ghij2klmno3pqr4`",
        "is a URL",
        "contains ' '",
        "is a formula",
    ]) {
        ended.check(message.contains(expected), &format!("{message}: {expected}"));
    }
}

#[test]
fn harmless_things_are_no_trouble() {
    let six = "status,error_code,error_message,attempts,request_id,completed_at";
    all_at_once(
        &[
            ("vc_id,phone,note\nID,+12065550100,\n,,\n,,\n , ,\n", ",,,,,,,,\n"),
            ("vc_id,phone\nID,+12065550100,\nID,+12065550101,,\n", "\nID,+12065550100,succeeded,"),
            ("sep=;\nvc_id;phone\nID;+12065550100\n", "sep=;\nvc_id;phone;status;"),
            ("\"sep=|\"\r\nvc_id|phone\r\nID|+12065550100\r\n", "\"sep=|\"\r\nvc_id|phone|status|"),
            ("\u{feff}sep=\t\nvc_id\tphone\nID\t+12065550100\n", "\u{feff}sep=\t\nvc_id\tphone\tstatus\t"),
            (
                "#TYPE System.Object\n\"vc_id\",\"phone\"\n\"ID\",\"+12065550100\"\n",
                "#TYPE System.Object\n\"vc_id\"",
            ),
            (
                "# by me, today\n# again\nvc_id,phone\nID,+12065550100\n",
                "# by me, today\n# again\nvc_id,phone,status",
            ),
            (
                "vc_id,phone\nID,+12065550100\n# done, all of it\n#end\n",
                "\n# done, all of it,,,,,,,,,,\n#end,,,,,,,,,,,\n",
            ),
            ("#,vc_id,phone\n1,ID,+12065550100\n", "#,vc_id,phone,status"),
            ("vc_id,phone\r\r\nID,+12065550100\r\r\n", "row_key\r\nID,+12065550100,succeeded"),
            ("\u{feff}\u{feff}vc_id,phone\nID,+12065550100\n", "\u{feff}\u{feff}vc_id,phone,status"),
            (
                "\u{feff}\u{feff}\"vc_id\",\"phone\"\nID,+12065550100\n",
                "\u{feff}\u{feff}\"vc_id\",\"phone\",status",
            ),
        ],
        |(file, kept)| {
            let (service, ended, job) = sweep(file, "");
            let report = ended.report.clone().unwrap_or_default();
            ended.exits(0).check(report.contains(&kept.replace("ID", ID)), kept);
            ended.check(service.is_gone(ID, "+12065550100"), "it is not sent").says_not("invalid");
            ended.check(report.replace([';', '|', '\t'], ",").contains(six), "the header");
            // The report is read as it was written.
            let again = job.rerun("");
            again.exits(0).same("again", again.report.as_deref(), Some(report.as_str()));
            job.command("summary numbers.report.csv").exits(0);
            ended.check(
                job.command("plan numbers.report.csv").exits(0).stdout.contains("0 numbers"),
                "all done",
            );
        },
    );
}

#[test]
fn a_file_in_another_format_is_named() {
    all_at_once::<(&[u8], &str)>(
        &[
            (b"{\"PhoneNumbers\": [", "is JSON: convert it"),
            (b"<html><body><table>", "is HTML or XML"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook: save it as CSV"),
            (b"PK\x03\x04", "is an Excel workbook or another ZIP file: save it as CSV"),
            (b"\x1f\x8b\x08", "is compressed with gzip: decompress it"),
            (b"BZh91AY&SY", "is compressed with bzip2"),
            (b"\xfd7zXZ\x00", "is compressed with xz"),
            (b"\xff\xfev\0c\0", "is saved as UTF-16: save it as CSV in UTF-8"),
            (
                b"Export of Monday\n\nvc_id,phone\nvc,+12065550100\n",
                "numbers.csv:3: the header is on this line: delete what is above it",
            ),
            (
                b"vc_id,phone,phone\n",
                "columns for the phone number, 2 and 3: name one, by its header or its position",
            ),
        ],
        |(file, message)| {
            let service = Service::playing("");
            let job = Job::on(&service, file);
            job.sweep("").refused(&job, message).same("requests", service.requests(), 0);
        },
    );
}

#[test]
fn a_plan_shows_the_rows_that_cannot_be_sent() {
    let mut file = "vc_id,phone\nID,+12065550100\n".to_owned();
    (0..9).for_each(|_| file.push_str("ID,(206) 555-0107\n"));
    let job = Job::new(file.replace("ID", ID));
    let plan = job.command("plan numbers.csv");
    plan.exits(3).same(
        "lines",
        plan.stdout.matches("InvalidNumber: `(•••) •••-0107` has separators").count(),
        5,
    );
    plan.check(plan.stdout.contains("… and 4 more"), "the rest is counted");
    let all = job.command("plan numbers.csv --all");
    all.exits(3).same("lines", all.stdout.matches("InvalidNumber").count(), 9);
    let json = job.command("plan numbers.csv --json");
    let value: serde_json::Value = serde_json::from_str(&json.exits(3).stdout).expect("JSON");
    json.same("count", &value["invalid"], &serde_json::json!(9));
    json.same("rows", value["invalid_rows"].as_array().map(Vec::len), Some(9));
    json.same("line", &value["invalid_rows"][8]["line"], &serde_json::json!(11));
    json.same("column", &value["number_column"], &serde_json::json!("phone"));
    json.check(!json.stdout.contains("555"), "a whole number is shown");
    Job::new("vc_id,phone\nvc,+12065550100\n").command("plan numbers.csv --json").exits(0);
    // A report's row that was altered is not invalid, and is not sent either.
    let report = "vc_id,phone,status,error_code,error_message\nID,+1.2E+10,unknown,Timeout,\n";
    let altered = Job::new(report.replace("ID", ID)).command("plan numbers.csv --json");
    let value: serde_json::Value = serde_json::from_str(&altered.exits(3).stdout).expect("JSON");
    altered.same(
        "count",
        [&value["invalid"], &value["altered"]],
        [&serde_json::json!(0), &serde_json::json!(1)],
    );
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_not_opened() {
    let service = Service::playing("");
    let new = || Job::on(&service, super::harness::csv(1));
    let job = new();
    let made = std::process::Command::new("mkfifo").arg(job.path("pipe")).status();
    if !made.is_ok_and(|status| status.success()) {
        return skipped("there is no `mkfifo`");
    }
    std::os::unix::fs::symlink("nowhere.csv", job.path("link")).expect("a link");
    // Standard output is a pipe here.
    for (options, message) in [
        ("-o pipe", "the report `pipe` is a pipe, not a regular file"),
        ("-o link", "the report `link` is a symbolic link to a file that does not exist"),
        ("-o /dev/null", "the report `/dev/null` is a device"),
        ("--summary-json pipe", "`--summary-json` `pipe` is a pipe"),
        ("--summary-json link", "`--summary-json` `link` is a symbolic link"),
        ("--summary-json -", "`--summary-json` `-` is standard output"),
        ("--html pipe", "`--html` `pipe` is a pipe"),
        ("--html -", "`--html` `-` is standard output"),
        ("--html link", "`--html` `link` is a symbolic link"),
        ("--log-file pipe", "cannot open the log file `pipe`: it is a pipe"),
        ("--log-file -", "cannot open the log file `-`"),
    ] {
        let ended = job.sweep(options);
        ended.exits(1).says(message).same("files", job.files(), ["link", "numbers.csv", "pipe"]);
    }
    let ended = job.command("summary - --json");
    ended.exits(1).says("name its file");
    for output in ["-o /dev/stdout", "-o x.csv --summary-json /dev/stdout", "-o x.csv --html /dev/fd/1"] {
        let job = new();
        let script = format!("\"$0\" {} {output} | cat", job.run_arguments("--yes"));
        let piped = job.spawn(&mut job.prepare("sh", &["-c", &script, super::harness::BINARY])).end();
        piped.exits(0).says("is a pipe, not a regular file").same("files", job.files(), ["numbers.csv"]);
    }
    let long = job.sweep(&format!("--html {}", "a".repeat(250)));
    long.exits(1).says("File name too long").says("cannot be written").says("nothing was sent");
    // A journal that is none.
    let job = new();
    let made = std::process::Command::new("mkfifo").arg(job.path("numbers.report.csv.journal")).status();
    assert!(made.is_ok_and(|status| status.success()));
    job.sweep("").exits(1).says("the journal `numbers.report.csv.journal` is a pipe");
    assert_eq!(service.requests(), 0);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_written_is_found_before_the_run() {
    use std::os::unix::fs::PermissionsExt;

    let service = Service::playing("");
    let job = Job::on(&service, super::harness::csv(1));
    let locked = job.path("locked");
    std::fs::create_dir(&locked).expect("a folder");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).expect("my folder");
    if std::fs::write(locked.join("probe"), "").is_ok() {
        return skipped("this user may write everywhere");
    }
    for options in ["-o locked/r.csv", "--html locked/page.html", "--summary-json locked/s.json"] {
        job.sweep(options).exits(1).says("cannot be written").says("nothing was sent");
    }
    assert_eq!(service.requests(), 0);
}

#[test]
fn a_file_that_looks_like_an_option_gets_a_command_that_works() {
    let service =
        Service::playing("[[fault]]\ndoes.error = { status = 403, code = \"ForbiddenException\" }\n");
    let job = Job::on(&service, "");
    job.write("-d.csv", super::harness::csv(1));
    let endpoint = format!("--yes --endpoint-url {}", service.url());
    let ended = job.command(&format!("run {endpoint} -- -d.csv"));
    ended.exits(3).says("chime-sweep rerun ./-d.report.csv");
    job.command(&format!("rerun ./-d.report.csv {endpoint}")).exits(3);
    let again = job.command(&format!("run {endpoint} -- -d.csv"));
    again.exits(1).says("`chime-sweep rerun ./-d.report.csv`");
}
