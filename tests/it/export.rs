//! `chime-sweep export`: what the account has, as an input.

use std::fs;

use super::harness::{Ended, Fake, Job, Service, rows};

const WORLD: &str = "[[connector]]\nid = 'one'\nfirst = '+12065550100'\ncount = 150\n\
                     [[connector]]\nid = 'two'\nnumbers = ['+442079460000', '+12065559999']\n";

fn export(job: &Job, url: &str, more: &str) -> Ended {
    job.command(&format!("export --endpoint-url {url} {more}"))
}

#[test]
fn a_run_takes_what_is_exported_as_it_is() {
    let service = Service::playing(WORLD);
    let mut job = Job::on(&service, "");
    job.input = "list.csv";
    let ended = export(&job, &service.url(), "-o list.csv");
    ended.exits(0).same("stdout", ended.stdout.as_str(), "");
    ended.says_all(&["152 numbers on connectors", "2 requests", "next: chime-sweep plan list.csv"]);
    let exported = job.read("list.csv");
    let listed = rows(&exported);
    assert_eq!(listed.len(), 152);
    let first = &listed[0];
    for (column, cell) in [
        ("voice_connector_id", "one"),
        ("phone_number", "+12065550100"),
        ("status", "Assigned"),
        ("product_type", "VoiceConnector"),
        ("region", "us-east-1"),
        ("account_id", ""),
        ("note", ""),
    ] {
        assert_eq!(first[column], cell, "{column}");
    }
    job.command("plan list.csv").exits(0).prints("to remove   152 numbers").prints("two: 2");
    job.sweep("").exits(0);
    let report = job.read("list.report.csv");
    assert!(rows(&report).iter().all(|row| row["status"] == "succeeded"), "{report}");
    assert_eq!(service.applied().len(), 152);
    // Its report is found to be one, although it has two columns `status`, `region` and `account_id`.
    job.command(&format!("rerun list.report.csv --yes --endpoint-url {}", service.url())).exits(0);
    assert_eq!(service.applied().len(), 152, "nothing was left to send");
    job.command("summary list.report.csv").exits(0).prints("152");
    // What is listed now is on no connector.
    let ended = export(&job, &service.url(), "--connector one --connector two");
    ended.exits(0).same("rows", rows(&ended.stdout).len(), 0);
    let ended = export(&job, &service.url(), "--unassigned");
    ended.exits(0).same("rows", rows(&ended.stdout).len(), 152).says("152 on no connector");
}

#[test]
fn without_a_file_it_goes_to_standard_output() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "");
    for (more, count) in [
        ("", 152),
        ("-o -", 152),
        ("--connector two", 2),
        ("--connector two --connector one --connector two", 152),
    ] {
        let ended = export(&job, &service.url(), more);
        ended.exits(0).same(more, rows(&ended.stdout).len(), count);
    }
    for (date, count) in [("2024-02-01", 152), ("2024-01-31", 0), ("2024-01-31T13:00:00Z", 152)] {
        let ended = export(&job, &service.url(), &format!("--associated-before {date}"));
        ended.exits(0).same(date, rows(&ended.stdout).len(), count);
    }
    export(&job, &service.url(), "--associated-before 1.2.2024").exits(2).says("expected a date");
    export(&job, &service.url(), "--unassigned --connector one").exits(2);
    assert_eq!(job.files(), ["numbers.csv"]);
}

#[test]
fn a_file_is_replaced_only_if_the_user_says_so() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "precious\n");
    let ended = export(&job, &service.url(), "-o numbers.csv");
    ended.exits(1).says_all(&["`numbers.csv` exists already", "--overwrite"]);
    assert_eq!((job.read("numbers.csv").as_str(), service.requests()), ("precious\n", 0));
    export(&job, &service.url(), "-o numbers.csv --overwrite").exits(0);
    assert_eq!(rows(&job.read("numbers.csv")).len(), 152);
}

#[test]
fn an_export_can_be_rehearsed() {
    let job = Job::new("");
    job.write("world.toml", WORLD);
    let ended = job.command("export --simulate --scenario world.toml");
    ended.exits(0).same("rows", rows(&ended.stdout).len(), 152);
    assert!(rows(&ended.stdout).iter().all(|row| row["region"].is_empty()));
}

#[test]
fn whatever_the_account_has_is_listed_in_pages_of_99() {
    let rest = "[[group]]\nid = 'g'\nnumbers = ['+12065551001']\n\
                [[sip_rule]]\nid = 's'\nnumbers = ['+12065551002']\n\
                [[unassigned]]\nnumbers = ['+12065551003', '+18005550100']\ndetails.name = 'Old Desk'\n\
                [[deleted]]\nnumbers = ['+12065551004']\n";
    let service = Service::playing(&format!("page_limit = 99\n{WORLD}{rest}"));
    let job = Job::on(&service, "");
    let ended = export(&job, &service.url(), "");
    ended.exits(0).says(
        "152 numbers on connectors, 2 on no connector, 3 that no connector's call can remove; 3 requests",
    );
    let listed = rows(&ended.stdout);
    assert_eq!(listed.len(), 157);
    for (number, column, cell) in [
        ("+12065551001", "group_id", "g"),
        ("+12065551001", "note", "not for this call: in connector group g"),
        ("+12065551002", "product_type", "SipMediaApplicationDialIn"),
        ("+12065551002", "note", "not for this call: on SIP rule s"),
        ("+18005550100", "type", "TollFree"),
        ("+18005550100", "name", "Old Desk"),
        ("+12065551004", "note", "in the deletion queue"),
        ("+12065551004", "status", "DeleteInProgress"),
    ] {
        let row = listed.iter().find(|row| row["phone_number"] == number).expect(number);
        assert_eq!((&*row[column], &*row["voice_connector_id"]), (cell, ""), "{number} {column}");
    }
    for (more, count) in
        [("--unassigned", 2), ("--name-like DESK", 2), ("--connector two --name-like desk", 0)]
    {
        let ended = export(&job, &service.url(), more);
        ended.exits(0).same(more, rows(&ended.stdout).len(), count);
    }
    let service = Service::playing(&format!("repeat_token = true\n{WORLD}"));
    export(&job, &service.url(), "").exits(1).says("the same page token twice");
}

/// Two pages of odd numbers; the second is what the test says.
fn odd(second: (u16, &'static str)) -> Fake {
    Fake::start(move |request| {
        if request.contains("next-token=t%2F2") {
            return (second.0, second.1.to_owned());
        }
        let on = |name: &str, value: &str| {
            format!(r#"[{{"Name":"{name}","Value":"{value}","AssociatedTimestamp":"2024-01-31T12:00:00Z"}}]"#)
        };
        let number = |n: u32, name: &str, on: &str| {
            format!(
                r#"{{"E164PhoneNumber":"+1206555{n:04}","Name":"{name}","Status":"x","Associations":{on}}}"#
            )
        };
        let numbers = [
            number(1, "=cmd", &on("VoiceConnectorId", "vc")),
            number(2, "", &on("SipRuleId", "rule")),
            number(3, "", &on("VoiceConnectorGroupId", "group")),
            number(4, "", "[]"),
        ];
        (200, format!(r#"{{"PhoneNumbers":[{}],"NextToken":"t/2"}}"#, numbers.join(",")))
    })
}

const LAST: &str = r#"{"PhoneNumbers":[{"PhoneNumberId":"soon","Status":"AcquireInProgress"}]}"#;

#[test]
fn numbers_on_no_connector_are_listed_and_passed_over() {
    let fake = odd((200, LAST));
    let mut job = Job::new("").with_keys();
    job.input = "list.csv";
    let ended = export(&job, fake.url(), "-o list.csv");
    ended.exits(0).says("1 number on connectors, 2 on no connector, 2 that no connector's call can remove");
    let listed = rows(&job.read("list.csv"));
    let cells: Vec<_> = listed.iter().map(|row| [&*row["voice_connector_id"], &*row["note"]]).collect();
    let expected = [
        ["vc", ""],
        ["", "not for this call: on SIP rule rule"],
        ["", "not for this call: in connector group group"],
        ["", "on no connector"],
        ["", "on no connector"],
    ];
    assert_eq!(cells, expected);
    assert_eq!((&*listed[0]["name"], &*listed[1]["sip_rule_id"]), ("'=cmd", "rule"));
    assert_eq!((&*listed[4]["phone_number"], &*listed[4]["status"]), ("soon", "AcquireInProgress"));
    let plan = job.command("plan list.csv");
    plan.exits(0)
        .prints("to remove   1 number")
        .prints("not sent    4 on no connector, or not for this call");
    plan.check(!plan.stdout.contains("invalid"), "an error wall");
    let service = Service::playing("");
    let ended = job.at(&service.url()).sweep("");
    ended.exits(0).statuses(&["succeeded", "", "", "", ""]);
    // An emptied connector is a mistake, unless a note says why there is none.
    let job =
        Job::new("voice_connector_id,phone_number,status,associated_at,note\n,+12065550001,Assigned,,\n");
    job.command("plan numbers.csv").exits(3).prints("EmptyConnector");
}

#[test]
fn it_is_every_page_or_nothing() {
    const DENIED: &str = r#"{"Code":"AccessDeniedException","Message":"User: arn:aws:iam::123456789012:user/x is not authorized to perform: chime:ListPhoneNumbers"}"#;
    const GONE: &str = r#"{"Code":"NotFoundException","Message":"no +12065550100 here"}"#;
    let again = r#"{"PhoneNumbers":[],"NextToken":"t/2"}"#;
    for (second, code, says) in [
        ((403, DENIED), 1, &["hint: the IAM action `chime:ListPhoneNumbers` is needed", "user/x"][..]),
        ((404, GONE), 1, &["refuses to list the account's numbers: NotFoundException: no +…0100 here"]),
        ((200, again), 1, &["the same page token twice"]),
        ((200, "{}"), 4, &["--give-up-after", "GarbledReply"]),
        ((503, ""), 4, &["--give-up-after", "Http503"]),
    ] {
        let fake = odd(second);
        let job = Job::new("").with_keys();
        let ended = export(&job, fake.url(), "-o list.csv --give-up-after 1s");
        ended.exits(code).says_all(says).says("nothing was changed, and no file was written");
        ended.same("files", job.files(), ["numbers.csv"]);
    }
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "");
    let ended = export(&job, &service.url(), "--connector one --connector three");
    ended.exits(1).says("refuses to list the numbers of connector `three`: NotFoundException");
    ended.same("stdout", ended.stdout.as_str(), "");
}

#[test]
fn a_throttled_service_is_listed_at_its_pace() {
    let service = Service::playing(
        "[throttle]\nrate = 20\nburst = 2\n[[connector]]\nid = 'vc'\nfirst = '+12065550000'\ncount = 1500\n",
    );
    let job = Job::on(&service, "");
    let ended = export(&job, &service.url(), "");
    ended.exits(0).same("rows", rows(&ended.stdout).len(), 1500);
    ended.same("served", service.replies(200), 15);
    // The search for the limit costs a few; without a pace it would be hundreds.
    ended.check(service.replies(429) < 15, &format!("{} requests were throttled", service.replies(429)));
}

#[test]
fn credentials_that_never_worked_end_it() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "").env("AWS_SECRET_ACCESS_KEY", "wrong");
    let ended = export(&job, &service.url(), "-o list.csv");
    ended.exits(4).says_all(&["the service refused the credentials", "no file was written"]);
    ended.same("files", job.files(), ["numbers.csv"]);
}

#[test]
fn a_signal_ends_it_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let service = Service::playing(&format!("[latency]\nmean = '50s'\n{WORLD}"));
        let job = Job::on(&service, "");
        let running = job.start(&format!("export --endpoint-url {} -o list.csv", service.url()));
        service.wait_for_requests(1);
        running.signal(signal);
        running.end().exits(code).says("no file was written");
        assert_eq!(job.files(), ["numbers.csv"]);
    }
}

#[test]
fn progress_is_json_where_it_is_asked_for() {
    let service = Service::playing(WORLD);
    let job = Job::on(&service, "");
    let ended = export(&job, &service.url(), "-o list.csv --log-format json");
    ended.exits(0);
    for line in ended.stderr.lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        ended.check(parsed.is_ok(), line);
    }
    let list = fs::metadata(job.path("list.csv")).expect("a file");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&list.permissions()) & 0o777, 0o600);
}
