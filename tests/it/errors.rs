//! What each error says: where, why, what is safe, and what to do next.

use std::fs::OpenOptions;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::harness::{Ended, Job, Service, csv};

/// A job without a terminal that ends with an error.
struct Case {
    name: &'static str,
    arguments: &'static str,
    code: i32,
    /// The files besides the input.
    before: fn(&Job),
    /// With keys, a region and a service at `SERVICE`.
    with_service: bool,
}

/// Exit code 1, without earlier files or a service.
const fn case(name: &'static str, arguments: &'static str) -> Case {
    Case { name, arguments, code: 1, before: |_| {}, with_service: false }
}

impl Case {
    const fn with(self, before: fn(&Job)) -> Self {
        Self { before, ..self }
    }

    const fn usage(self) -> Self {
        Self { code: 2, ..self }
    }

    const fn served(self) -> Self {
        Self { with_service: true, ..self }
    }
}

const ROW: &str = "connector,phone\nvc,+12065550100\n";
const REPORT: &str = "connector,phone,status,error_code,error_message,attempts,request_id,completed_at\n\
                      vc,+12065550100,failed,Forbidden,no,1,r,2026-11-23T21:00:00Z\n";

const INPUT: [Case; 15] = [
    case("input_missing", "run missing.csv --yes"),
    case("input_folder", "run folder --yes").with(|job| job.write("folder/x", "")),
    case("input_empty", "run numbers.csv --yes").with(|job| job.write("numbers.csv", "")),
    case("input_without_header", "run numbers.csv --yes")
        .with(|job| job.write("numbers.csv", "vc,+12065550100\n")),
    case("input_without_header_named", "run numbers.csv --number-column phone --yes")
        .with(|job| job.write("numbers.csv", "vc,+12065550100\n")),
    case("header_ambiguous", "run numbers.csv --yes")
        .with(|job| job.write("numbers.csv", "phone,number,connector\n")),
    case("header_unknown", "run numbers.csv --yes").with(|job| job.write("numbers.csv", "a,b\n1,2\n")),
    case("header_not_there", "run numbers.csv --number-column msisdn --yes"),
    case("header_both", "run numbers.csv --connector-column phone --yes"),
    case("connector_twice", "run numbers.csv --connector vc --yes"),
    case("quote_unclosed", "run numbers.csv --yes")
        .with(|job| job.write("numbers.csv", "connector,phone\nvc,+12065550100\nvc,\"+12065550101\nvc,1\n")),
    case("input_utf16", "run numbers.csv --yes").with(|job| job.write("numbers.csv", b"\xff\xfea\0,\0")),
    case("input_workbook", "run numbers.xlsx --yes").with(|job| job.write("numbers.xlsx", b"PK\x03\x04..")),
    case("plan_of_a_workbook", "plan numbers.xlsx").with(|job| job.write("numbers.xlsx", b"PK\x03\x04..")),
    // Root may read everything, but a link to itself cannot be read by anyone.
    case("input_unreadable", "run loop.csv --yes")
        .with(|job| symlink("loop.csv", job.path("loop.csv")).expect("links")),
];

const OUTPUT: [Case; 11] = [
    case("rehearsal_in_earnest", "rerun numbers.csv --yes --endpoint-url https://chime.invalid")
        .with(|job| {
            job.write("numbers.csv", REPORT.replace("failed,Forbidden,no,1,r", "succeeded,,,1,sim-1"));
        })
        .served(),
    case("report_of_stdin", "run - --yes"),
    case("rerun_of_stdin", "rerun - --yes"),
    case("rerun_of_no_report", "rerun numbers.csv --yes"),
    case("report_is_input", "run numbers.csv --output numbers.csv --yes"),
    case("report_exists", "run numbers.csv --yes SERVICE")
        .with(|job| job.write("numbers.report.csv", REPORT))
        .served(),
    case("report_is_foreign", "run numbers.csv --output other.csv --overwrite --yes SERVICE")
        .with(|job| job.write("other.csv", "dear all\n"))
        .served(),
    case("report_folder_missing", "run numbers.csv --output nowhere/report.csv --yes SERVICE").served(),
    case("report_is_a_folder", "run numbers.csv --output folder --yes SERVICE")
        .with(|job| job.write("folder/x", ""))
        .served(),
    case("summary_is_foreign", "run numbers.csv --summary-json other.json --yes")
        .with(|job| job.write("other.json", "{}")),
    case("summary_folder_missing", "run numbers.csv --summary-json nowhere/s.json --yes"),
];

const JOURNAL: [Case; 6] = [
    case("journal_is_foreign", "run numbers.csv --yes SERVICE")
        .with(|job| job.write("numbers.report.csv.journal", "dear all\n"))
        .served(),
    case("journal_of_another_version", "run numbers.csv --resume --yes SERVICE")
        .with(|job| journal(job, |text| text.replace("\"version\":3", "\"version\":9")))
        .served(),
    case("journal_damaged", "run numbers.csv --resume --yes SERVICE")
        .with(|job| journal(job, |text| text.replacen("{\"intent\"", "#\"intent\"", 1)))
        .served(),
    case("journal_there", "run numbers.csv --yes SERVICE").with(|job| journal(job, |text| text)).served(),
    case("journal_of_another_input", "run numbers.csv --resume --yes SERVICE")
        .with(|job| journal(job, |text| text))
        .served(),
    case("journal_of_another_service", "run copy.csv --output numbers.report.csv --resume --yes SERVICE")
        .with(|job| {
            journal(job, |text| text);
            std::fs::copy(fixture("numbers.csv"), job.path("copy.csv")).expect("copies");
        })
        .served(),
];

const SETTINGS: [Case; 26] = [
    case("rate_bad", "run numbers.csv --rate fast").usage(),
    case("stop_at_bad", "run numbers.csv --stop-at 25:00").usage(),
    case("max_failures_bad", "run numbers.csv --max-failures 200%").usage(),
    case("headroom_bad", "run numbers.csv --headroom 99").usage(),
    case("concurrency_bad", "run numbers.csv --concurrency many").usage(),
    case("duration_bad", "run numbers.csv --max-duration 6").usage(),
    case("delimiter_bad", "run numbers.csv --delimiter ab").usage(),
    case("delimiter_impossible", "run numbers.csv --delimiter a --yes").usage(),
    case("concurrency_zero", "run numbers.csv --concurrency 0").usage(),
    case("simulate_with_region", "run numbers.csv --simulate --region us-east-1").usage(),
    case("resume_and_discard", "run numbers.csv --resume --discard").usage(),
    case("scenario_without_simulate", "run numbers.csv --scenario x.toml").usage(),
    case("option_unknown", "run numbers.csv --forse").usage(),
    case("input_not_named", "run").usage(),
    case("region_missing", "run numbers.csv --yes"),
    case("region_bad", "run numbers.csv --region us_east --yes"),
    case("credentials_missing", "run numbers.csv --region us-east-1 --yes"),
    case("profile_unknown", "run numbers.csv --profile nobody --yes"),
    case("endpoint_bad", "run numbers.csv --region us-east-1 --endpoint-url example --yes"),
    case("endpoint_in_clear", "run numbers.csv --region us-east-1 --endpoint-url http://192.0.2.1 --yes"),
    case(
        "certificates_missing",
        "run numbers.csv --ca-bundle none.pem --yes --endpoint-url https://127.0.0.1:9",
    )
    .served(),
    case(
        "certificates_bad",
        "run numbers.csv --ca-bundle numbers.csv --yes --endpoint-url https://127.0.0.1:9",
    )
    .served(),
    case("scenario_missing", "run numbers.csv --simulate --scenario none.toml"),
    case("scenario_bad", "run numbers.csv --simulate --scenario bad.toml")
        .with(|job| job.write("bad.toml", "seed = 1\n\n[latency]\nmean = \"soon\"\n")),
    case("simulator_in_public", "simulate --listen 0.0.0.0:0"),
    case("nobody_to_ask", "run numbers.csv SERVICE").usage().served(),
];

/// Both have a report: one stopped early, one finished without a success.
const SERVICE: [Case; 2] = [
    Case { code: 4, ..case("keys_wrong", "run numbers.csv --yes --max-duration 1s SERVICE").served() },
    Case {
        code: 3,
        ..case(
            "service_unreachable",
            "run numbers.csv --yes --region us-east-1 --endpoint-url http://127.0.0.1:9 --max-attempts 1 \
             --give-up-after 1s",
        )
        .served()
    },
];

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journal/v3").join(name)
}

/// A journal of an earlier run, with this change.
fn journal(job: &Job, change: fn(String) -> String) {
    let text = std::fs::read_to_string(fixture("torn.journal")).expect("a journal");
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]).to_owned();
    job.write("numbers.report.csv.journal", change(whole));
}

fn provoke(case: &Case) -> Ended {
    let service = Service::playing("");
    let mut job = Job::new(ROW);
    if case.with_service {
        job = match case.name {
            "keys_wrong" => job.env("AWS_ACCESS_KEY_ID", "AKIDNOBODY").env("AWS_SECRET_ACCESS_KEY", "x"),
            _ => job.with_keys(),
        };
        job = job.env("AWS_REGION", "us-east-1");
    }
    if case.code == 2 {
        job = job.env("CHIME_SWEEP_NO_STS", ""); // clap would name it
    }
    (case.before)(&job);
    let ended = job.command(&case.arguments.replace("SERVICE", &format!("--endpoint-url {}", service.url())));
    ended.same("applied", service.applied().len(), 0);
    ended
}

/// Checks what holds for every error.
fn check(case: &Case, ended: &Ended) {
    let text = &ended.stderr;
    ended.exits(case.code).says_not("panicked").says_not("simulated-secret");
    for number in ["12065550100", "12065550101"] {
        ended.says_not(number);
    }
    if case.code == 1 {
        ended.check(text.contains("error: "), "it is not an error");
        let sends = !["plan", "simulate"].contains(&case.arguments.split(' ').next().unwrap_or_default());
        ended.check(!sends || text.contains("nothing was sent"), "it does not say what is safe");
    }
    let is_clap = case.code == 2 && text.contains("--help");
    let hints = [
        "hint: ",
        ": name ",
        ": save ",
        "--allow-http permits",
        "`https://",
        "as in `",
        "use `chime-sweep run`",
        "such as",
    ];
    // If fixing the cause is all there is to do, the error says what is wrong with which file.
    let causes = ["because: ", "bad.toml:4", "holds no PEM", "loopback only", "drop the option", "close it"];
    let helps = hints.iter().chain(&causes).any(|hint| text.contains(hint));
    ended.check(
        is_clap
            || helps
            || ["to continue with the rest", "to try the others again", "chime-sweep rerun"]
                .iter()
                .any(|it| text.contains(it)),
        "it does not say what to do",
    );
}

/// Removes ports, which differ from run to run.
fn normalised(ended: &Ended) -> String {
    let mut text = format!("$ {}\n[exit {}]\n{}", ended.command, ended.code.unwrap_or(-1), ended.stderr);
    for (from, to) in
        [("http://127.0.0.1:9 ", "http://127.0.0.1:<closed> "), ("http://127.0.0.1:9\n", "<closed>\n")]
    {
        text = text.replace(from, to);
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("http://127.0.0.1:") {
        let (before, after) = rest.split_at(at + "http://127.0.0.1:".len());
        out += before;
        out += "PORT";
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

#[track_caller]
fn snapshots(cases: &[Case]) {
    for case in cases {
        let ended = provoke(case);
        check(case, &ended);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(case.name, normalised(&ended));
        });
    }
}

#[test]
fn errors_of_the_input() {
    snapshots(&INPUT);
}

#[test]
fn errors_of_the_output() {
    snapshots(&OUTPUT);
}

#[test]
fn errors_of_a_journal() {
    snapshots(&JOURNAL);
}

#[test]
fn errors_of_the_settings() {
    snapshots(&SETTINGS);
}

/// These messages contain times and rates, so only their fixed parts are checked.
#[test]
fn errors_of_the_service_name_it_and_leave_a_report() {
    for case in &SERVICE {
        let ended = provoke(case);
        check(case, &ended);
        ended.statuses(&[if case.name == "keys_wrong" { "not_attempted" } else { "failed" }]);
    }
}

#[test]
fn a_report_that_another_run_holds() {
    let job = Job::new(csv(1)).with_keys();
    let journal = job.path("numbers.report.csv.journal");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(journal).expect("opens");
    file.lock().expect("locks");
    let ended = job.sweep("--endpoint-url http://127.0.0.1:9");
    ended
        .exits(1)
        .says("another chime-sweep process is working")
        .says("numbers.report.csv.journal")
        .says("hint: ");
    ended.says("nothing was sent");
}
