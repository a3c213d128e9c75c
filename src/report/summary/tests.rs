use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::counts::ErrorCount;
use super::*;
use crate::action::Action;
use crate::event::StopReason;
use crate::input::Status;
use crate::input::{InputOptions, RowId, Source};
use crate::report;
use crate::report::timeline::Recorder;
use crate::report::{Places, RowResult};

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
fn run() -> Run {
    let (at, now) = (Timestamp::from_second(1_700_000_000).unwrap(), std::time::Instant::now());
    let cause = crate::event::Cause { code: "".into(), text: "".into() };
    let awaited = crate::event::Awaited { until: now, cause };
    let mut recorder = Recorder::new(at, now);
    recorder.apply(&crate::event::Event::Attempt(crate::event::AttemptOutcome::Answered), now);
    recorder.apply(&crate::event::Event::CredentialsAwaited(Some(awaited)), now);
    Run {
        target: "the simulator".into(),
        region: Some("us-east-1".into()),
        caller: None,
        started_at: at,
        elapsed: Duration::from_millis(90_500),
        stopped: Some(StopReason::Deadline),
        last_error: Some("Http503: Service Unavailable".into()),
        requests: 2_000,
        throttled: 31,
        rate_found: Some(20.25),
        lanes: Vec::new(),
        timeline: Some(recorder.finish(now + Duration::from_secs(9))),
    }
}

/// What was done in two accounts and regions, of which the first stopped early.
fn lanes() -> Vec<Lane> {
    let lane = |name: &str, account: &str, succeeded| Lane {
        name: name.into(),
        account_id: Some(account.into()),
        region: Some("us-east-1".into()),
        target: "chime.test (us-east-1)".into(),
        rows: 12_000,
        succeeded,
        failed: 3,
        unknown: 0,
        requests: 241,
        throttled: 0,
        rate_found: None,
        elapsed: Duration::from_millis(30_250),
        stopped: None,
        last_error: None,
    };
    let refused = Lane {
        unknown: 40,
        throttled: 12,
        rate_found: Some(9.75),
        stopped: Some(StopReason::Credentials),
        last_error: Some("ExpiredToken: the token has expired".into()),
        ..lane("dev us-east-1", "111122223333", 1_000)
    };
    vec![lane("prod us-east-1", "999988887777", 11_997), refused]
}

fn summary(counted: Counted, run: Option<Run>) -> Summary {
    Summary {
        action: Action::Disassociate,
        version: VERSION,
        report: "numbers.report.csv".into(),
        simulated: false,
        all_succeeded: counted.all_succeeded(),
        next_command: (!counted.all_succeeded()).then(|| "chime-sweep rerun numbers.report.csv".into()),
        counted,
        run,
    }
}

/// What is counted of a report with these rows.
fn counted(rows: &str) -> Counted {
    let csv = format!(
        "voice_connector_id,phone_number,status,error_code,error_message,attempts,request_id,completed_at\n{rows}"
    );
    let mut counted = Counted::default();
    let source = Source::from_bytes("numbers.report.csv", csv.into());
    report::read(&source, &InputOptions::default(), |row| counted.add(&row)).unwrap();
    counted
}

fn some() -> Counted {
    counted(
        "vc1,+12065550100,succeeded,,,1,r1,2023-11-14T22:13:20Z\n\
         vc1,+12065550101,failed,PhoneNumberAssociationsExist,+12065550101 is in use,1,r2,2023-11-14T22:13:20Z\n\
         vc2,+12065550102,unknown,Timeout,no answer,5,,2023-11-14T22:13:20Z\n\
         vc2,+12065550103,not_attempted,Deadline,not sent,0,,\n\
         vc2,1.2E+10,invalid,SpreadsheetDamage,line 6: `1.2E+10` is,0,,\n\
         vc1,+12065550100,duplicate,,line 7: same,0,,\n\
         vc2,+12065550104,,,,0,,\n",
    )
}

#[test]
fn a_summary_says_what_happened_what_is_safe_and_how_to_continue() {
    insta::assert_snapshot!(summary(some(), Some(run())), @r"
    stopped early: it reached its time limit (--stop-at or --max-duration); last error: Http503: Service Unavailable
    7 rows in numbers.report.csv
              1  succeeded
              1  failed
              1  unknown: no definite answer, it may have happened; a rerun finds out
              1  not attempted: never sent, nothing was changed
              1  invalid
              1  duplicate
              1  without a status: a rerun sends them
    by connector
      vc2: 1 unknown, 1 not attempted, 1 without a status; errors: Deadline 1, Timeout 1
      vc1: 1 succeeded, 1 failed, 1 duplicate; errors: PhoneNumberAssociationsExist 1
    by error
              1  Deadline: not sent
                 such as line 5, number …0103
                 hint: these were not sent: rerun sends them
              1  PhoneNumberAssociationsExist: …0101 is in use
                 such as line 3, number …0101, request r2
                 hint: something else still uses the number, such as a SIP rule or a user: remove that association, then rerun
              1  SpreadsheetDamage: `1.2E+10` is
                 such as line 6
                 hint: a spreadsheet has rewritten the number: take the column from its source again, as text; the lost digits cannot be recovered from this file
              1  Timeout: no answer
                 such as line 4, number …0102
                 hint: there was no definite answer: rerun to find out what happened and to continue
    2,000 requests in 91 s, 22.1 a second, 31 throttled (1.6 %); limit found: 20.2 requests a second
    note: a number that was removed from its connector stays in the account's inventory, and is billed, until `chime-sweep release` puts it into the deletion queue

    all of this is in the report; what succeeded is not sent again
    to continue with the rest: chime-sweep rerun numbers.report.csv
    ");
}

#[test]
fn accounts_and_regions_are_listed_and_what_stopped_early_comes_first() {
    let several = Run { lanes: lanes(), ..run() };
    let text = summary(some(), Some(several)).to_string();
    let from = text.find("by account and region").unwrap();
    insta::assert_snapshot!(text[from..text.find("by connector").unwrap()].trim_end());
    let many = (0..30).map(|n| Lane { name: format!("p{n}"), ..lanes()[0].clone() }).collect();
    let text = summary(some(), Some(Run { lanes: many, ..run() })).to_string();
    assert!(text.contains("\n  … and 20 more accounts and regions, which did not stop early\n"), "{text}");
}

#[test]
fn a_summary_of_a_hundred_thousand_connectors_is_short() {
    let mut many = Counted::default();
    for connector in 0..100_000_u32 {
        let mut of_connector = OfConnector::default();
        match connector % 10_000 == 77 {
            true => of_connector.add(Some(Status::Failed), Some("NotFound")),
            false => of_connector.add(Some(Status::Succeeded), None),
        }
        many.connectors.insert(format!("vc{connector:06}").into(), of_connector);
        let error = ErrorCount {
            rows: 1,
            example: "x".into(),
            request_id: "".into(),
            line: 2,
            number: None,
            hint: None,
        };
        many.errors.insert(format!("Code{connector}").into(), error);
    }
    let text = summary(many, None).to_string();
    assert!(text.lines().count() < 50, "{text}");
    assert!(
        text.contains(
            "\n  vc000077: 1 failed; errors: NotFound 1\n  vc010077: 1 failed; errors: NotFound 1\n"
        ),
        "{text}"
    );
    assert!(text.contains("… and 99,992 more connectors, 2 with problems"), "{text}");
}

#[test]
fn no_whole_number_is_shown() {
    let rows = "+12065550109,+12065550108,failed,X,\"+1 206 555 0108, (12065550108) is not\",1,r,\n";
    let summary = summary(counted(rows), None);
    let text = summary.to_string();
    assert!(text.contains("…0108, (…0108) is not") && text.contains("  …0109: 1 failed"), "{text}");
    assert!(!text.contains("5550108") && !text.contains("555 0108"), "{text}");
}

#[test]
fn each_json_is_as_the_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let several = Run { lanes: lanes(), ..run() };
    let all = [
        summary(some(), Some(several)),
        summary(some(), Some(run())),
        summary(some(), None),
        summary(Counted::default(), None),
    ];
    for summary in &all {
        let json = serde_json::to_value(summary).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&json)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{json:#}");
        all_are_described(&json, &schema, &schema);
    }
    let mut json = serde_json::to_value(&all[0]).unwrap();
    json["requests"] = json!(-1);
    assert!(!validator.is_valid(&json), "it forbids something");
    // What the readers of version 1 have.
    for field in ["started_at", "elapsed_seconds", "stopped", "target", "requests", "throttled", "rate_found"]
    {
        assert!(!serde_json::to_value(&all[0]).unwrap()[field].is_null(), "{field}");
    }
}

/// A field that is not in the schema is undocumented.
fn all_are_described(json: &Value, schema: &Value, root: &Value) {
    let resolved = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    for (name, value) in json.as_object().into_iter().flatten() {
        let described = [schema, resolved].into_iter().find_map(|it| it["properties"].get(name));
        let described = described.or_else(|| resolved.get("additionalProperties"));
        all_are_described(value, described.unwrap_or_else(|| panic!("`{name}` is not described")), root);
    }
    for value in json.as_array().into_iter().flatten() {
        all_are_described(value, &resolved["items"], root);
    }
}

#[test]
fn a_run_is_read_back_if_it_is_about_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    let several = Run { lanes: lanes(), ..run() };
    let written = summary(some(), Some(several.clone()));
    write_json(&written, &path).unwrap();
    assert_eq!(read_run(&path, &written.counted.rows).unwrap(), (several, false));
    let error = read_run(&path, &Counts::default()).unwrap_err().to_string();
    assert!(error.contains("is about another run"), "{error}");
    for (content, message) in [("{}", "is not a run's summary"), ("nonsense", "is not a run's summary")] {
        std::fs::write(&path, content).unwrap();
        assert!(read_run(&path, &Counts::default()).unwrap_err().to_string().contains(message));
    }
    let mut later = serde_json::to_value(&written).unwrap();
    later["version"] = json!(2);
    std::fs::write(&path, later.to_string()).unwrap();
    assert!(read_run(&path, &written.counted.rows).unwrap_err().to_string().contains("has version 2"));
}

proptest! {
    /// The counts are the same while a report is written and when it is read again.
    #[test]
    fn a_summary_is_the_same_from_the_run_and_from_its_report(
        rows in prop::collection::vec((0..4_usize, 0..6_u64, 0..5_usize), 0..40),
    ) {
        let line = |(connector, number, _): &(usize, u64, usize)| {
            let number = if *number == 5 { "bad".to_owned() } else { format!("+1206555010{number}") };
            format!("{},{number}\n", ["a", "b", "c", ""][*connector])
        };
        let csv = format!("vc,number\n{}", rows.iter().map(line).collect::<String>());
        let options = InputOptions {
            connector_column: Some("vc".into()), number_column: Some("number".into()), ..InputOptions::default()
        };
        let source = Source::from_bytes("numbers.csv", csv.into_bytes());
        let input = crate::input::Input::read(&source, &options).unwrap();
        let result_of = |row: RowId| RowResult {
            status: Status::ALL[rows[row.get() as usize].2 % 4],
            code: ["", "NotFound", "=Odd", "Timeout", ""][rows[row.get() as usize].2].into(),
            message: "+12065550199 is gone".into(),
            attempts: 1,
            request_id: "r",
            completed_at: None,
            before: "",
        };
        let (mut written, mut counter) = (Vec::new(), Counted::default());
        report::write(&mut written, &source, &input, &Places::default(), result_of, |row| counter.add_written(&row, &input)).unwrap();
        let mut read = Counted::default();
        let source = Source::from_bytes("numbers.report.csv", written);
        report::read(&source, &options, |row| read.add(&row)).unwrap();
        prop_assert_eq!(&read, &counter);
        let sum: u64 = read.errors.values().map(|error| error.rows).sum();
        prop_assert_eq!(sum, read.rows.trouble());
        let by_connector: BTreeMap<_, _> = read.connectors.iter().map(|(name, it)| (name, it.counts.trouble())).collect();
        prop_assert_eq!(by_connector.values().sum::<u64>() + read.rows.invalid, read.rows.trouble());
    }
}
