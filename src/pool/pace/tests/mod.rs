//! What needs more than one part: a simulated service, and random callers.

mod adaptive;
mod eta;
mod properties;
mod simulation;
mod table;
mod targets;

use std::time::{Duration, Instant};

use super::stage::{START_RATE, Start, fastest_start};
use super::{Adaptive, Opening, Pace, PaceSettings, Permit, Phase, Rate, Wait};

/// Tests need some instant to count from; no result depends on which.
#[expect(clippy::disallowed_methods, reason = "there is no other way to make an Instant")]
fn origin() -> Instant {
    Instant::now()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn until(wait: Result<Permit, Wait>) -> Instant {
    match wait {
        Err(Wait::Until(at)) => at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn retry_after_stops_everybody_even_an_outages_probes() {
    let start = origin();
    let mut pace = Pace::new(&PaceSettings::default(), start);
    let now = start + seconds(0.05);
    let permit = pace.try_acquire(start, 0).unwrap();
    pace.on_throttled(now, permit, Some(seconds(60.0)));
    let due = start + seconds(60.05);
    let near = |at: Instant| at.max(due).duration_since(at.min(due)) <= seconds(0.003);
    assert!(near(until(pace.try_acquire(now, 0))));
    assert!(matches!(pace.phase(now), Phase::Throttled { until } if near(until)));
    for _ in 0..5 {
        let permit = pace.sent(1.0);
        pace.on_error(start + seconds(1.0), permit);
    }
    assert!(matches!(pace.phase(now), Phase::Outage { next_probe: Some(at), .. } if near(at)));
    assert!(near(until(pace.try_acquire(start + seconds(2.0), 0))));
    let probe = pace.try_acquire(start + seconds(60.1), 0).unwrap();
    assert!(pace.probe_in_flight());
    assert_eq!(pace.try_acquire(start + seconds(60.2), 1).unwrap_err(), Wait::ForAnswer);
    pace.on_throttled(start + seconds(60.2), probe, None);
    assert!(!matches!(pace.phase(start + seconds(60.2)), Phase::Outage { .. }), "a 429 is a sign of life");
}

#[test]
fn a_lost_permit_does_not_hold_up_an_outages_probes_for_ever() {
    let start = origin();
    let mut pace = Pace::new(&PaceSettings::default(), start);
    for _ in 0..5 {
        let permit = pace.sent(0.0);
        pace.on_error(start, permit);
    }
    drop(pace.try_acquire(start + seconds(1.0), 0).unwrap());
    assert_eq!(pace.try_acquire(start + seconds(2.0), 1).unwrap_err(), Wait::ForAnswer);
    assert!(pace.try_acquire(start + seconds(2.0), 0).is_ok());
}

#[test]
fn the_start_waits_for_answers() {
    let start = origin();
    let mut pace = Pace::new(&PaceSettings::default(), start);
    let mut permits: Vec<Permit> = (1..=16).map(|_| pace.sent(0.0)).collect();
    let later = start + seconds(5.0);
    assert_eq!(pace.try_acquire(later, 16).unwrap_err(), Wait::ForAnswer);
    pace.on_success(later, permits.pop().unwrap());
    assert!(pace.try_acquire(later, 17).is_ok(), "an answer makes room for two more");
    assert_eq!(pace.try_acquire(later, 18).unwrap_err(), Wait::ForAnswer);
}

#[test]
fn a_small_job_starts_no_faster_than_it_needs_to() {
    for (requests, expected) in [(Some(0), 20.0), (Some(30), 30.0), (Some(1_000), 1_280.0), (None, 1_280.0)] {
        let start = Start::new(0.0, Opening::Unknown(START_RATE), fastest_start(requests));
        assert!((start.rate(0.9) - expected).abs() < 1e-6, "{requests:?}: {}", start.rate(0.9));
    }
}

#[test]
fn the_first_request_goes_at_once_and_the_second_as_the_settings_say() {
    let with = |change: fn(&mut PaceSettings)| {
        let mut settings = PaceSettings::default();
        change(&mut settings);
        let start = origin();
        let mut pace = Pace::new(&settings, start);
        drop(pace.try_acquire(start, 0));
        (until(pace.try_acquire(start, 1)) - start).as_secs_f64()
    };
    for (gap, expected) in [
        (with(|_| ()), 0.048),
        (with(|settings| settings.remembered = Some(1.0)), 1.0 / 1.5 - 0.002),
        (with(|settings| settings.remembered = Some(f64::NAN)), 0.048),
        (with(|settings| settings.rate = Rate::Fixed(0.2)), 4.998),
        (with(|settings| settings.rate = Rate::Fixed(200.0)), 0.003),
    ] {
        assert!((gap - expected).abs() < 1e-6, "{gap}, not {expected}");
    }
}

#[test]
fn two_refusals_at_one_moment_are_one_piece_of_news() {
    let mut adaptive = Adaptive::new(0.0, 0.03, Opening::Unknown(10.0), f64::INFINITY);
    adaptive.refused(0.0, 1, 0.0, None);
    let due = adaptive.due();
    assert!(due >= 0.19, "{due}");
    adaptive.refused(0.0, 2, 0.0, None);
    assert!(adaptive.due() >= due);
}
