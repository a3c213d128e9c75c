mod lanes;

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::screen::{Cadence, now};
use super::states::{self, Clock, state};
use super::{record, view};
use crate::event::{AttemptOutcome, Awaited, Cause, Event, Outcome, Phase, Settlement, StopReason};
use crate::input::{LaneId, RowId};
use crate::terminal::tally::Tally;
use crate::text::span;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn awaited(until: Instant) -> Awaited {
    let cause = Cause { code: "CredentialsRefused".into(), text: "ExpiredToken: it has expired".into() };
    Awaited { until, cause }
}

/// Seconds since the run started.
const LASTED: u64 = 10_000;

/// 02:11:00 in Berlin, hours into a run of which 4,120 of 9,812 rows are settled.
fn night() -> (Tally, Clock) {
    let started = now();
    let clock = Clock {
        now: started + seconds(LASTED),
        wall: "2026-11-24T02:11:00+01:00[+01:00]".parse().expect("a time"),
    };
    let mut tally = Tally::new(9_812, started);
    answered_lately(&mut tally, started);
    tally.succeeded = 4_100;
    tally.failed = 18;
    tally.unknown = 2;
    for (code, rows) in [("Forbidden", 12), ("NotFound", 4), ("Timeout", 2), ("AccessDenied", 1), ("X", 1)] {
        tally.failed_by_code.insert(code.into(), rows);
    }
    tally.in_flight = 3;
    tally.throttled = 31;
    tally.retries = 2;
    tally.limit = Some(9.84);
    tally.phase = Some(Phase::Paced { rate: 9.5 });
    (tally, clock)
}

/// An answer every four seconds, for ten rows each.
fn answered_lately(tally: &mut Tally, started: Instant) {
    let settled = Settlement {
        rows: (0..10).map(RowId::new).collect(),
        outcome: Outcome::Succeeded,
        code: "".into(),
        message: "".into(),
        attempts: 1,
        request_id: None,
        at: Timestamp::UNIX_EPOCH,
    };
    for answer in 0..400 {
        let at = started + seconds(LASTED - 4 * (399 - answer));
        tally.apply(LaneId::default(), &Event::Attempt(AttemptOutcome::Answered), at);
        tally.apply(LaneId::default(), &Event::Settled(settled.clone()), at);
    }
}

/// Each state of a run and its text; `night` is at 02:11.
fn states() -> Vec<(&'static str, Tally, &'static str)> {
    let with = |change: &dyn Fn(&mut Tally, Instant)| {
        let (mut tally, clock) = night();
        change(&mut tally, clock.now);
        tally
    };
    vec![
        ("paced", with(&|_, _| {}), ""),
        (
            "throttled",
            with(&|tally, now| {
                tally.phase = Some(Phase::Throttled { until: now + Duration::from_millis(2_400) });
            }),
            "paused: throttled by the service, next request in 3 s",
        ),
        (
            "throttled",
            with(&|tally, now| {
                tally.phase = Some(Phase::Throttled { until: now + Duration::from_millis(900) });
            }),
            "", // short enough to be part of the pace
        ),
        (
            "outage",
            with(&|tally, now| {
                tally.phase = Some(Phase::Outage {
                    since: now.checked_sub(seconds(95)).expect("hours into it"),
                    next_probe: None,
                });
            }),
            "service unavailable since 02:09; probing until it recovers",
        ),
        (
            "outage",
            with(&|tally, now| {
                tally.phase = Some(Phase::Outage {
                    since: now.checked_sub(seconds(8_000)).expect("hours into it"),
                    next_probe: Some(now + seconds(9)),
                });
            }),
            "service unavailable since Mon 23:57; probing until it recovers, next probe in 9 s",
        ),
        (
            "credentials_refused",
            with(&|tally, now| tally.credentials_awaited = Some(awaited(now + seconds(20)))),
            "paused: credentials refused, waiting for new ones, checking again in 20 s",
        ),
        (
            "credentials_refused",
            with(&|tally, now| tally.credentials_awaited = Some(awaited(now))),
            "paused: credentials refused, waiting for new ones, checking now",
        ),
        (
            "stopping",
            with(&|tally, _| tally.stopping = Some(StopReason::Interrupted)),
            "stopping: waiting for 3 requests in flight; it was interrupted; another Ctrl-C ends the run at once, without a \
             report and with their rows in doubt",
        ),
        (
            "stopping",
            with(&|tally, _| {
                tally.in_flight = 0;
                tally.stopping = Some(StopReason::Interrupted);
            }),
            "stopping: it was interrupted",
        ),
    ]
}

/// The clock of a tally of [`states`].
fn clock_of(tally: &Tally) -> Clock {
    Clock { now: tally.started + seconds(LASTED), ..night().1 }
}

#[test]
fn every_state_has_a_text() {
    for (word, tally, text) in states() {
        assert_eq!(serde_json::json!(states::state_word(&tally)), word, "{text}");
        assert_eq!(state(&tally, &clock_of(&tally)).unwrap_or_default(), text);
    }
}

/// The time left is estimated from the rows that are being settled.
#[test]
fn no_time_left_is_shown_while_the_run_is_held_back() {
    for (word, tally, _) in states() {
        let moves = word == "paced";
        let shown = view::line(&tally, &clock_of(&tally));
        assert_eq!(shown.contains(" left, done about "), moves, "{shown}");
        let line = record::progress(&tally, &clock_of(&tally));
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["seconds_left"].is_u64(), moves, "{line}");
    }
}

#[test]
fn times_are_readable() {
    let table = [(0, "0 s"), (99, "99 s"), (100, "2 min"), (840, "14 min"), (11_100, "3 h 05 min")];
    for (time, text) in table {
        assert_eq!(span(seconds(time)), text);
    }
}

#[test]
fn the_view_fits_its_width() {
    let (tally, clock) = night();
    let shown: String = [20, 40, 80, 120]
        .map(|width| format!("{width}:\n{}\n", view::lines(&tally, &clock, width, 0).join("\n")))
        .concat();
    insta::assert_snapshot!(shown);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for (_, mut tally, _) in states() {
        tally.failed_by_code.insert("AnErrorWhoseNameIsWiderThanATerminal\x1b[2J\n".into(), 99);
        let clock = clock_of(&tally);
        for width in 1..=130 {
            for line in view::lines(&tally, &clock, width, 0) {
                assert!(console::measure_text_width(&line) <= width, "{width}: {line:?}");
                assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
            }
        }
    }
}

#[test]
fn a_plain_line_says_how_far_the_run_is_and_what_holds_it_back() {
    let (_, tally, _) = states().swap_remove(1);
    insta::assert_snapshot!(view::line(&tally, &clock_of(&tally)));
    let nothing = Tally::new(3, tally.started);
    let line = "0 of 3 rows · 0 succeeded · 0 failed · 0.0 requests/s · 0 in flight · 0 throttled";
    assert_eq!(view::line(&nothing, &clock_of(&nothing)), line);
}

#[test]
fn json_lines_parse_and_have_their_fields() {
    for (word, tally, _) in states() {
        let clock = clock_of(&tally);
        let line = record::progress(&tally, &clock);
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&value["state"], &value["message"]), (&word.into(), &"progress".into()));
        assert_eq!((&value["settled"], &value["rows"]), (&4_120.into(), &9_812.into()));
        assert_eq!(value["failed_by_code"]["Forbidden"], 12);
        assert_eq!(value["timestamp"], "2026-11-24T01:11:00Z");
    }
}

#[test]
fn lines_become_rare_in_a_long_run_but_announce_every_pause() {
    let (tally, _) = night();
    let mut cadence = Cadence::default();
    let due = (1..=8 * 3_600).filter(|at| cadence.is_due(&tally, seconds(*at))).count();
    assert_eq!(due, 11 + 18 + 470, "from 5 s, from 85 s, from 655 s");
    let mut cadence = Cadence { last: seconds(1_000), held: None };
    let (_, outage, _) = states().swap_remove(3);
    assert!(!cadence.is_due(&tally, seconds(1_001)));
    assert!(cadence.is_due(&outage, seconds(1_002)), "it begins");
    assert!(!cadence.is_due(&outage, seconds(1_003)));
    assert!(cadence.is_due(&tally, seconds(1_004)), "it is over");
}

#[test]
fn the_end_of_a_pause_is_said_once_with_how_long_it_took() {
    let (tally, clock) = night();
    let phase = Phase::Outage { since: clock.now, next_probe: None };
    let (mut outage, mut refused) = (tally.clone(), tally.clone());
    outage.phase = Some(phase);
    refused.credentials_awaited = Some(awaited(clock.now));
    let mut pause = None;
    for (tally, after, expected) in [
        (&tally, 0, None),
        (&outage, 1, None),
        (&outage, 2, None),
        (&tally, 13, Some("the service recovered after 13 s")),
        (&tally, 14, None),
        (&refused, 20, None),
        (&refused, 50, None),
        (
            &tally,
            60,
            Some(
                "the credentials are accepted again (last refusal: ExpiredToken: it has expired) after 40 s",
            ),
        ),
        (&tally, 61, None),
    ] {
        let said = states::ended(&mut pause, tally, clock.now + seconds(after));
        assert_eq!(said.as_deref(), expected, "{after}");
    }
}

#[test]
fn the_end_of_the_night_is_shown_with_its_zone() {
    let (mut tally, clock) = night();
    for (at, shown) in [
        ("2026-11-24T06:00:00+01:00[Europe/Berlin]", " · stops at 06:00 CET"),
        ("2026-11-25T06:00:00+01:00[Europe/Berlin]", " · stops at Wed 06:00 CET"),
    ] {
        tally.stops_at = Some(at.parse().expect("a time"));
        let line = view::line(&tally, &clock);
        assert!(line.ends_with(shown), "{line}");
    }
}
