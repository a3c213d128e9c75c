//! Six recorded calls-and-answers of the algorithm: `fixtures/pacing/traces.json`. Each call is an array of its name, its
//! arguments and what must be true after it:
//! `when: t, due` · `sent: t, seq, stage, next, limit` · `ok: t, sent_at, seq, stage, next, limit` ·
//! `throttle: t, sent_at, seq, retry_after, stage, next, limit` · `error: t, sent_at, seq, attempts, delay, stage, next, limit`.

use serde_json::Value;

use super::super::{Adaptive, Opening, Pace, PaceSettings, Permit, Stage};
use super::{origin, seconds};
use crate::pool::retry::RetryPolicy;

/// The traces were recorded with a slower start.
const FIRST_RATE: f64 = 10.0;
/// The traces' times are rounded to nanoseconds, and so are those of `Instant`; a rate is one over a difference of them.
const TOLERANCE: f64 = 1e-7;

fn assert_near(found: Option<f64>, expected: &Value, context: &str) {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() <= TOLERANCE * expected.abs().max(1.0), "{context}: {found}");
        }
        (found, expected) => assert_eq!(found, expected, "{context}"),
    }
}

fn replay(trace: &Value) {
    let start = origin();
    let mut pace = Pace::new(&PaceSettings::default(), start);
    let headroom = trace["headroom"].as_f64().unwrap();
    pace.adaptive = Adaptive::new(0.0, headroom, Opening::Unknown(FIRST_RATE));
    let mut permits: Vec<Option<Permit>> = Vec::new();
    for call in trace["calls"].as_array().unwrap() {
        let context = format!("{}: {call}", trace["name"]);
        let number = |index: usize| call[index].as_f64().unwrap();
        let now = start + seconds(number(1));
        let mut permit =
            |index: usize| permits[usize::try_from(call[index].as_u64().unwrap()).unwrap() - 1].take();
        match call[0].as_str().unwrap() {
            "when" => {
                let due = if pace.probe_in_flight() { f64::INFINITY } else { pace.due().max(number(1)) };
                assert_near(Some(due).filter(|due| due.is_finite()), &call[2], &context);
                continue;
            }
            "sent" => permits.push(Some(pace.sent(number(1)))),
            "ok" => pace.on_success(now, permit(3).unwrap()),
            "throttle" => pace.on_throttled(now, permit(3).unwrap(), call[4].as_f64().map(seconds)),
            "error" => {
                pace.failed(number(1), permit(3).unwrap(), 0.5);
                if pace.breaker.outage().is_none() {
                    let attempts = u32::try_from(call[4].as_u64().unwrap()).unwrap();
                    let delay = RetryPolicy::delay(attempts, 0.5);
                    assert_eq!(delay, seconds(number(5)), "{context}");
                }
            }
            other => panic!("no such call: `{other}`"),
        }
        let stage = match pace.adaptive.stage() {
            Stage::Start(_) => "start",
            Stage::Probe(_) => "probe",
            Stage::Paced(_) => "paced",
        };
        let [.., expected_stage, next, limit] = call.as_array().unwrap().as_slice() else { unreachable!() };
        assert_eq!(stage, expected_stage, "{context}");
        assert_near(Some(pace.adaptive.due() + 0.002), next, &context);
        assert_near(pace.found(), limit, &context);
    }
}

#[test]
fn recorded_traces_are_reproduced() {
    let traces = include_str!("../../../../fixtures/pacing/traces.json");
    let traces: Vec<Value> = serde_json::from_str(traces).unwrap();
    assert_eq!(traces.len(), 6);
    traces.iter().for_each(replay);
}
