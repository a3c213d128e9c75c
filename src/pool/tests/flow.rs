//! What is sent, in which order, and how much at once.

use super::*;

#[test]
fn every_number_is_sent_once_in_batches_that_take_turns() {
    let morning = morning(Night::of(&[25, 5, 12]), |_, _| ok());
    assert!(morning.all_succeeded());
    assert_eq!(morning.stop(), None);
    let mut sent: Vec<_> = morning.seen.iter().flat_map(|seen| seen.numbers.clone()).collect();
    sent.sort();
    assert_eq!(sent, (0..42).map(number).collect::<Vec<_>>());
    let order: Vec<_> = morning.seen.iter().map(|seen| &*seen.connector).collect();
    assert_eq!(order, ["vc0", "vc1", "vc2", "vc0", "vc2", "vc0"]);
    assert_eq!(morning.row(0), Some((Outcome::Succeeded, "", 1)));
}

#[test]
fn nothing_is_sent_before_its_intent_is_durable() {
    let morning = morning(Night::of(&[300]), |_, _| ok());
    assert!(morning.seen[0].at >= SYNC, "{:?}", morning.seen[0].at);
    let Some(Event::Intent { rows }) = morning.events.first() else { panic!("{:?}", morning.events.first()) };
    assert_eq!(rows.len(), 80, "eight batches are written ahead at first");
}

#[test]
fn requests_in_flight_reach_the_concurrency_and_never_exceed_it() {
    let morning = morning(Night::of(&[4000]), |_, _| ok());
    assert_eq!(morning.most_in_flight, 4);
    let ideal = LATENCY * 100;
    assert!(
        morning.took < ideal.mul_f64(1.1),
        "{:?} for 400 requests, 4 at a time: neither the start nor intents may hold up",
        morning.took
    );
}

#[test]
fn an_empty_plan_is_done_at_once() {
    let morning = morning(Night::of(&[]), |_, _| ok());
    assert_eq!((morning.seen.len(), morning.end.stop), (0, None));
}

#[test]
fn a_small_job_is_spread_over_a_second() {
    let mut night = Night::of(&[300]);
    night.settings.concurrency = NonZeroUsize::new(64).expect("positive");
    let morning = morning(night, |_, _| ok());
    let sent_for = morning.seen[29].at.saturating_sub(morning.seen[0].at);
    assert!((0.9..1.1).contains(&sent_for.as_secs_f64()), "30 batches in {sent_for:?}");
}
