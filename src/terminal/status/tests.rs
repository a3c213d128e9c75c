//! What there can be of a job, at a fixed time.

use std::borrow::Cow;
use std::io;

use super::*;
use crate::event::{Outcome, Settlement};
use crate::input::RowId;
use crate::journal::entry::{Entry, Session};

const SERVICE: &str = "https://voice-chime.us-east-1.amazonaws.com (us-east-1)";

fn now() -> ZonedDateTime {
    "2026-11-23T22:31:00[UTC]".parse().expect("a time")
}

/// So many minutes and seconds after 22:00.
fn at(minute: i64, second: i64) -> Timestamp {
    let start: Timestamp = "2026-11-23T22:00:00Z".parse().expect("a time");
    start + jiff::SignedDuration::from_secs(60 * minute + second)
}

fn session() -> Session {
    let command = "chime-sweep run numbers.csv --resume";
    Session {
        pid: Some(4711),
        host: Some("night".into()),
        numbers: Some(180_000),
        command: Some(command.into()),
        directory: Some("/srv".into()),
        ..Session::at(at(0, 0))
    }
}

fn settled((minute, second): (i64, i64), rows: u32, outcome: Outcome) -> Entry<'static> {
    Entry::Settled(Cow::Owned(Settlement {
        rows: (0..rows).map(RowId::new).collect(),
        outcome,
        code: if outcome == Outcome::Succeeded { "" } else { "Forbidden" }.into(),
        message: "".into(),
        attempts: 1,
        request_id: None,
        at: at(minute, second),
    }))
}

/// Half of a job is done.
fn half(more: impl IntoIterator<Item = Entry<'static>>) -> Progress {
    let mut progress = Progress::default();
    let entries = [
        Entry::Session(session()),
        settled((10, 0), 89_988, Outcome::Succeeded),
        settled((10, 0), 12, Outcome::Failed),
        settled((30, 30), 3000, Outcome::Succeeded),
    ];
    entries.into_iter().chain(more).for_each(|entry| progress.apply(&entry));
    progress
}

fn state(minute: i64, is: State) -> [Entry<'static>; 1] {
    [Entry::State { is, at: at(minute, 0) }]
}

fn unfinished(owner: Owner, progress: Progress) -> Unfinished {
    Unfinished { owner, target: Some(SERVICE.to_owned()), progress, in_doubt: 0, elsewhere: None }
}

fn status(found: Unfinished) -> Status {
    let is_gone = matches!(found.owner, Owner::Gone);
    let next_command = is_gone.then(|| "chime-sweep run numbers.csv --resume".to_owned());
    Status { report: "numbers.report.csv".into(), found: Found::Unfinished(Box::new(found)), next_command }
}

fn running(progress: Progress) -> Status {
    status(unfinished(Owner::AtWork, progress))
}

fn cut_short() -> Status {
    status(Unfinished { in_doubt: 1450, ..unfinished(Owner::Gone, half([])) })
}

fn finished(rows: Counts, stopped_because: Option<&str>) -> Status {
    let all_succeeded = rows.succeeded + rows.duplicate == rows.total;
    let stopped_because = stopped_because.map(str::to_owned);
    let (stopped_early, simulated) = (rows.not_attempted > 0, rows.duplicate > 0);
    let found = Found::Finished(Finished { rows, all_succeeded, stopped_early, stopped_because, simulated });
    let next_command = (!all_succeeded).then(|| "chime-sweep rerun numbers.report.csv".to_owned());
    Status { report: "numbers.report.csv".into(), found, next_command }
}

/// The line of the screen that begins with this label.
fn value(status: &Status, label: &str) -> String {
    let text = status.text(&now());
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{label:<12}")));
    line.unwrap_or("absent").to_owned()
}

#[test]
fn the_documentation_shows_these_screens() {
    for status in [running(half([])), cut_short()] {
        let screen = format!("$ chime-sweep status numbers.report.csv\n{}\n```", status.text(&now()));
        assert!(include_str!("../../../docs/unattended.md").contains(&screen), "{screen}");
    }
}

#[test]
fn a_running_job_says_what_it_is_doing() {
    let stop = |reason| [Entry::Stopped { reason, at: at(30, 55) }];
    let table = [
        (
            "sending",
            running(half([])),
            "absent",
            "50.0 rows/s in the last minute",
            "29 min, done about 23:00",
        ),
        (
            "probing",
            running(half(state(20, State::Probing))),
            "absent",
            "50.0 rows/s in the last minute",
            "29 min, done about 23:00",
        ),
        (
            "throttled",
            running(half(state(26, State::Throttled))),
            "paused since 22:26 (5 min): throttled by the service",
            "absent",
            "absent",
        ),
        (
            "outage",
            running(half(state(26, State::Outage))),
            "paused since 22:26 (5 min): service unavailable, probing until it recovers",
            "absent",
            "absent",
        ),
        (
            "credentials",
            running(half(state(26, State::CredentialsRefused))),
            "paused since 22:26 (5 min): credentials refused, waiting for new ones",
            "absent",
            "absent",
        ),
        (
            "stopping",
            running(half(stop(StopReason::Interrupted))),
            "stopping since 22:30 (5 s): it was interrupted",
            "absent",
            "absent",
        ),
        (
            "nothing for long",
            running({
                let mut progress = Progress::default();
                progress.apply(&Entry::Session(session()));
                progress.apply(&settled((10, 0), 50, Outcome::Succeeded));
                progress
            }),
            "absent",
            "nothing settled since 22:10 (21 min)",
            "absent",
        ),
    ];
    for (what, status, state, pace, left) in table {
        let values = ["state", "pace", "left"].map(|label| value(&status, label));
        assert_eq!(values, [state, pace, left], "{what}");
        assert_eq!(value(&status, "status"), "running", "{what}");
        assert_eq!(value(&status, "to go on"), "absent", "{what}");
        let json = status.json(now().timestamp());
        assert_eq!(json["status"], "running", "{what}");
        assert_eq!(json["seconds_left"].is_u64(), left != "absent", "{what}");
    }
}

#[test]
fn a_run_that_ended_without_a_report_says_how() {
    let aborted = half([Entry::Stopped { reason: StopReason::Aborted, at: at(30, 40) }]);
    let elsewhere = Unfinished {
        elsewhere: Some("night\u{1b}".to_owned()),
        ..unfinished(Owner::Gone, half(state(20, State::Outage)))
    };
    let begun = Unfinished { target: None, ..unfinished(Owner::Gone, Progress::default()) };
    let unclear = unfinished(Owner::Unclear(io::Error::other("no locks")), half([]));
    let table = [
        ("killed", cut_short(), "cut short after 22:30 (30 s ago)", "absent"),
        (
            "aborted",
            status(unfinished(Owner::Gone, aborted)),
            "cut short after 22:30 (20 s ago): it was aborted",
            "absent",
        ),
        (
            "on another machine",
            status(elsewhere),
            "cut short after 22:30 (30 s ago)",
            "it ran on night\\u{1b}: check there that it has ended before you go on",
        ),
        ("just begun", status(begun), "cut short", "absent"),
        (
            "no locks",
            status(unclear),
            "running or cut short: its lock cannot be tried here (no locks)",
            "absent",
        ),
    ];
    for (what, status, is, warning) in table {
        assert_eq!([value(&status, "status"), value(&status, "warning")], [is, warning], "{what}");
        assert_eq!([value(&status, "pace"), value(&status, "left")], ["absent"; 2], "{what}");
        let json = status.json(now().timestamp());
        assert!(json["rows_per_second"].is_null() && json["state"].is_null(), "{what}: {json}");
    }
}

#[test]
fn a_report_says_how_its_run_ended() {
    let rows = Counts { total: 4, succeeded: 3, ..Counts::default() };
    let because = Some("it reached its time limit (+12065550100)");
    for (what, status, is, settled) in [
        (
            "all",
            finished(Counts { duplicate: 1, ..rows }, None),
            "finished: every row succeeded",
            "4 rows: 3 succeeded, 1 duplicate",
        ),
        (
            "some",
            finished(Counts { failed: 1, ..rows }, None),
            "finished: some rows did not succeed",
            "4 rows: 3 succeeded, 1 failed",
        ),
        (
            "stopped",
            finished(Counts { not_attempted: 1, ..rows }, because),
            "stopped early: it reached its time limit (…0100)",
            "4 rows: 3 succeeded, 1 not attempted",
        ),
    ] {
        assert_eq!([value(&status, "status"), value(&status, "settled")], [is, settled], "{what}");
        assert_eq!(value(&status, "service") == "absent", what != "all", "{what}");
        assert_eq!(status.instead(&now()), None, "{what}");
    }
}

#[test]
fn times_of_another_day_have_their_date() {
    let night: ZonedDateTime = "2026-11-24T00:31:00[UTC]".parse().expect("a time");
    let text = running(half([])).text(&night);
    assert!(text.contains("started     2026-11-23 22:00 (2 h 31 min ago), process 4711"), "{text}");
    let text = running(half([])).text(&now());
    assert!(!text.contains("2026"), "{text}");
}

#[test]
fn the_reference_documents_every_field() {
    for status in [running(half([])), finished(Counts::default(), None)] {
        let json = status.json(now().timestamp());
        for field in json.as_object().expect("an object").keys() {
            let section = include_str!("../../../docs/reference.md").split("## Status as JSON").nth(1);
            let section = section.and_then(|rest| rest.split("\n## ").next()).expect("a section");
            assert!(section.contains(&format!("`{field}`")), "{field}");
        }
    }
}
