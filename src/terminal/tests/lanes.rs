//! Several accounts and regions at night: what is shown of each.

use super::*;

/// Rows in `prod us-east-1`, which is at work, and others that are held up, at work, or done.
fn side_by_side() -> (Tally, Clock) {
    let (mut tally, clock) = night();
    let (started, now) = (tally.started, clock.now);
    let lane = |name, rows, succeeded| {
        let mut lane = Tally::of_lane(name, rows, started);
        lane.succeeded = succeeded;
        lane
    };
    let mut at_work = lane("prod us-east-1", 6_000, 0);
    answered_lately(&mut at_work, started);
    (at_work.succeeded, at_work.failed, at_work.limit) = (2_000, 17, Some(9.84));
    let mut throttled = lane("prod eu-west-1", 900, 400);
    throttled.phase = Some(Phase::Throttled { until: now + seconds(90) });
    let mut refused = lane("development us-east-1", 2_000, 700);
    refused.credentials_awaited = Some(awaited(now + seconds(20)));
    let mut out = lane("development eu-west-1", 800, 0);
    out.phase = Some(Phase::Outage { since: now, next_probe: Some(now + seconds(9)) });
    let mut closed = lane("archive eu-west-1", 12, 4);
    closed.stopping = Some(StopReason::Credentials);
    tally.lanes = vec![at_work, throttled, refused, out, closed, lane("test us-east-1", 100, 100)];
    (tally, clock)
}

#[test]
fn what_is_held_up_is_shown_first_in_any_width_and_height() {
    let (tally, clock) = side_by_side();
    let shown: String = [(120, 20), (60, 20), (30, 20), (120, 5), (60, 4)]
        .map(|(width, height)| {
            let lines = view::lines(&tally, &clock, width, height);
            assert!(lines.iter().all(|line| console::measure_text_width(line) <= width), "{lines:?}");
            format!("{width} x {height}:\n{}\n", lines.join("\n"))
        })
        .concat();
    insta::assert_snapshot!(shown);
}

#[test]
fn a_plain_line_names_what_is_held_up() {
    let (mut tally, clock) = side_by_side();
    let held = view::line(&tally, &clock);
    tally.lanes.truncate(1);
    let at_work = view::line(&tally, &clock);
    tally.stopping = Some(StopReason::Interrupted);
    let stopping = view::line(&tally, &clock);
    insta::assert_snapshot!([held, at_work, stopping].join("\n"));
}

#[test]
fn a_record_has_the_state_of_each() {
    let (tally, clock) = side_by_side();
    let record: serde_json::Value = serde_json::from_str(&record::progress(&tally, &clock)).expect("JSON");
    let states = record["lanes"].as_array().expect("a list").iter();
    let states: Vec<_> = states.map(|lane| lane["state"].as_str().expect("a word")).collect();
    assert_eq!(states, ["starting", "throttled", "credentials_refused", "outage", "stopping", "starting"]);
    let at_work = serde_json::json!({
        "name": "prod us-east-1", "state": "starting", "rows": 6_000, "settled": 2_017, "failed": 17, "unknown": 0,
        "limit_per_second": 9.8,
    });
    assert_eq!(record["lanes"][0], at_work);
    let (single, clock) = night();
    assert!(!record::progress(&single, &clock).contains("lanes"));
}
