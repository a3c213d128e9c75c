//! An outage costs time but no attempts; a batch that the service can never answer uses up only its own attempts.

use std::cell::{Cell, RefCell};

use super::*;

type Reply = fn() -> Result<BatchReply, ApiError>;

fn unavailable() -> Result<BatchReply, ApiError> {
    error(ErrorKind::NoAnswer, "Http503")
}

fn refused() -> Result<BatchReply, ApiError> {
    error(ErrorKind::Unreachable, "ConnectionRefused")
}

fn no_such_host() -> Result<BatchReply, ApiError> {
    error(ErrorKind::Unreachable, "ConnectFailed")
}

/// By a proxy that blocks the batch.
fn blocked() -> Result<BatchReply, ApiError> {
    let blocked = error(ErrorKind::Unreachable, "Http403");
    blocked.map_err(|error| ApiError { status: Some(403), ..error })
}

/// Time since it was first asked.
#[derive(Default)]
struct Clock(Cell<Option<Instant>>);

impl Clock {
    fn elapsed(&self) -> Duration {
        let now = Instant::now();
        let start = self.0.get().unwrap_or(now);
        self.0.set(Some(start));
        now - start
    }
}

fn night(rows: u32, max_attempts: u32, concurrency: usize) -> Night {
    let mut night = Night::of(&[rows]);
    night.settings.max_attempts = NonZeroU32::new(max_attempts).expect("positive");
    night.settings.concurrency = NonZeroUsize::new(concurrency).expect("positive");
    night
}

const FAILURES: [(&str, Reply, u64); 4] = [
    ("503", unavailable, 50),
    ("refused connection", refused, 50),
    ("a name that does not resolve", no_such_host, 50),
    ("half-open connections", no_answer, 4_000),
];

#[test]
fn an_outage_uses_up_no_attempts() {
    for (name, failure, patience) in FAILURES {
        for (from, to) in [(0, 20_000), (110, 30_000), (700, 25_000)] {
            for (max_attempts, concurrency) in [(1, 1), (1, 4), (5, 4), (1, 16)] {
                let patience = Duration::from_millis(patience);
                let night = Night { patience, ..night(400, max_attempts, concurrency) };
                let clock = Clock::default();
                let out = Duration::from_millis(from)..Duration::from_millis(to);
                let morning =
                    morning(night, |_, _| if out.contains(&clock.elapsed()) { failure() } else { ok() });
                let case = format!("{name}, {out:?}, {max_attempts} attempts, {concurrency} at once");
                assert!(morning.all_succeeded(), "{case}: {:?}", morning.outcomes());
                assert!((0..400).all(|row| morning.row(row) == Some((Outcome::Succeeded, "", 1))), "{case}");
                assert_eq!(morning.stop(), None, "{case}");
                assert!(morning.took < out.end + Duration::from_secs(90), "{case}: {:?}", morning.took);
                assert!(morning.seen.len() < 40 + 16 + 150, "{case}: {} requests", morning.seen.len());
            }
        }
    }
}

/// Fewer batches are left than it takes to notice an outage.
#[test]
fn an_outage_at_the_end_uses_up_no_attempts() {
    for (name, failure, patience) in FAILURES {
        for (left, max_attempts) in [(2, 1), (3, 1), (4, 1), (2, 5), (1, 1)] {
            if left == 1 && failure().is_err_and(|error| error.kind == ErrorKind::NoAnswer) {
                continue; // an outage cannot be detected: see below
            }
            let night = Night { patience: Duration::from_millis(patience), ..night(100, max_attempts, 1) };
            let back = Cell::new(None);
            let answered = Cell::new(0);
            let morning = morning(night, |_, _| {
                if answered.get() == 10 - left && back.get().is_none() {
                    back.set(Some(Instant::now() + Duration::from_secs(60)));
                }
                if answered.get() == 10 - left && back.get().is_some_and(|back| Instant::now() < back) {
                    return failure();
                }
                answered.set(answered.get() + 1);
                ok()
            });
            let case = format!("{name}, {left} left, {max_attempts} attempts");
            assert!(morning.all_succeeded(), "{case}: {:?}", morning.outcomes());
            assert!(morning.took > Duration::from_secs(60), "{case}");
            assert!((0..100).all(|row| morning.row(row).is_some_and(|(_, _, n)| n == 1)), "{case}");
        }
    }
}

#[test]
fn a_batch_that_is_never_answered_uses_up_its_attempts_while_others_work() {
    for (failure, outcome) in [(unavailable as Reply, Outcome::Unknown), (blocked, Outcome::Failed)] {
        for (max_attempts, concurrency) in [(1, 1), (5, 1), (1, 4), (5, 4), (5, 16)] {
            for poisoned in [vec![0], vec![200], vec![100, 110], (10..16).map(|batch| 10 * batch).collect()] {
                let clock = Clock::default();
                let morning = morning(night(600, max_attempts, concurrency), |_, submission| {
                    clock.elapsed();
                    let is_poisoned = poisoned.iter().any(|&row| submission.numbers[0] == number(row));
                    if is_poisoned { failure() } else { ok() }
                });
                let case = format!("{poisoned:?}, {max_attempts} attempts, {concurrency} at once");
                assert_eq!(morning.stop(), None, "{case}: {:?}", morning.outcomes());
                for row in 0..600 {
                    let is_poisoned = poisoned.contains(&(row / 10 * 10));
                    let expected = if is_poisoned { outcome } else { Outcome::Succeeded };
                    assert_eq!(
                        morning.row(row).map(|(outcome, ..)| outcome),
                        Some(expected),
                        "{case}: row {row}"
                    );
                    if is_poisoned {
                        assert_eq!(morning.row(row).map(|(.., n)| n), Some(max_attempts), "{case}: {row}");
                    }
                }
                assert!(morning.took < Duration::from_secs(300), "{case}: {:?}", morning.took);
                if poisoned.len() < 5 {
                    let is_poisoned =
                        |seen: &&Seen| poisoned.iter().any(|&row| seen.numbers[0] == number(row));
                    let requests = morning.seen.iter().filter(is_poisoned).count();
                    assert_eq!(requests, poisoned.len() * max_attempts as usize, "{case}");
                }
            }
        }
    }
}

/// With a single batch left, an outage looks like a batch that the service cannot answer, so its attempts count.
#[test]
fn the_only_batch_left_is_not_sent_forever() {
    for max_attempts in [1, 5, 8] {
        let morning = morning(night(50, max_attempts, 1), |_, submission| {
            if submission.numbers[0] == number(40) { unavailable() } else { ok() }
        });
        assert_eq!(morning.row(40), Some((Outcome::Unknown, "Http503", max_attempts)));
        assert_eq!(morning.stop(), None);
        assert_eq!(morning.seen.len(), 4 + max_attempts as usize);
    }
}

/// A failure followed by an answer was not an outage.
#[test]
fn a_failure_followed_by_an_answer_counts() {
    let turn = Cell::new(0);
    let failed = RefCell::new(Vec::new());
    let morning = morning(night(400, 1, 1), |_, submission| {
        turn.set(turn.get() + 1);
        if turn.get() % 4 == 0 {
            failed.borrow_mut().push(submission.numbers[0]);
            return unavailable();
        }
        ok()
    });
    assert_eq!(failed.borrow().len(), 10);
    assert_eq!(morning.outcomes(), BTreeMap::from([("Succeeded".into(), 300), ("Unknown".into(), 100)]));
}

#[test]
fn a_long_outage_puts_few_rows_in_doubt() {
    let clock = Clock::default();
    let out = Duration::from_secs(1)..Duration::from_secs(900);
    let morning =
        morning(night(2000, 5, 4), |_, _| if out.contains(&clock.elapsed()) { unavailable() } else { ok() });
    assert!(morning.all_succeeded());
    let mut doubtful: Vec<_> =
        morning.seen.iter().filter(|seen| out.contains(&seen.at)).map(|seen| seen.numbers[0]).collect();
    let probes = doubtful.len();
    doubtful.sort_unstable_by_key(|number| number.e164().to_string());
    doubtful.dedup();
    assert!(doubtful.len() <= 12 && probes > 60, "{} batches, {probes} probes", doubtful.len());
}

/// A 503 with `Retry-After`.
fn back_in(seconds: u64) -> Result<BatchReply, ApiError> {
    error(ErrorKind::Unavailable { retry_after: Duration::from_secs(seconds) }, "Http503")
}

#[test]
fn a_service_that_says_when_it_is_back_is_not_asked_before() {
    let first = Cell::new(true);
    let morning = morning(night(20, 5, 1), |nth, submission| {
        if submission.numbers[0] == number(0) && nth == 1 && first.replace(false) { back_in(7) } else { ok() }
    });
    assert!(morning.all_succeeded());
    let at: Vec<_> =
        morning.seen.iter().filter(|seen| seen.numbers[0] == number(0)).map(|seen| seen.at).collect();
    assert!(at[1] >= at[0] + Duration::from_secs(7), "{at:?}");
    assert!(morning.seen[1].at < Duration::from_secs(1), "the other batch does not wait: it may work");
}

#[test]
fn outage_probes_wait_as_long_as_the_service_asks() {
    let clock = Clock::default();
    let out = Duration::ZERO..Duration::from_secs(200);
    let morning =
        morning(night(200, 1, 1), |_, _| if out.contains(&clock.elapsed()) { back_in(60) } else { ok() });
    assert!(morning.all_succeeded(), "{:?}", morning.outcomes());
    let during = morning.seen.iter().filter(|seen| out.contains(&seen.at)).count();
    assert!((5..=9).contains(&during), "{during} requests");
    let night = Night { patience: LATENCY, ..night(200, 1, 1) };
    let settings = PoolSettings { give_up_after: Duration::from_secs(90), ..night.settings.clone() };
    let morning = super::morning(Night { settings, ..night }, |_, _| back_in(60));
    assert_eq!(morning.stop(), Some(StopReason::GaveUp));
    assert!((90..92).contains(&morning.took.as_secs()), "{:?}", morning.took);
}

#[test]
fn what_a_person_must_mend_stops_the_run_at_first_and_is_an_outage_later() {
    for code in ["CertificateNotTrusted", "NameNotResolved", "ProxyAuthenticationRequired"] {
        // On a terminal, and unattended.
        for (rows, patience) in [(400, 0), (400, 120), (10, 0), (10, 120)] {
            let mut never = night(rows, 1, 4);
            never.settings.patience = Duration::from_secs(patience);
            let never = morning(never, |_, _| error(ErrorKind::Unreachable, code));
            assert_eq!(never.outcomes(), BTreeMap::from([("not attempted".into(), rows as usize)]), "{code}");
            assert_eq!(never.stop(), Some(StopReason::NeverReached));
            let text = format!(
                "the service was never reached, and waiting does not help; last error: {code}: scripted"
            );
            assert_eq!(never.stopped(), (code, text));
            let took = never.took.as_secs();
            assert!((patience..=patience + 1).contains(&took) && never.seen.len() <= 40, "{took} s");
        }
        let clock = Clock::default();
        let out = Duration::from_millis(200)..Duration::from_secs(300);
        let later = morning(night(400, 1, 4), |_, _| match out.contains(&clock.elapsed()) {
            true => error(ErrorKind::Unreachable, code),
            false => ok(),
        });
        assert!(later.all_succeeded(), "{code}");
        let mut soon = night(10, 1, 1);
        soon.settings.patience = Duration::from_secs(120);
        let clock = Clock::default();
        let soon = morning(soon, |_, _| match clock.elapsed() < Duration::from_secs(60) {
            true => error(ErrorKind::Unreachable, code),
            false => ok(),
        });
        assert!(soon.all_succeeded(), "{code}: a network that comes up late");
    }
}

#[test]
fn the_rows_that_an_outage_leaves_have_its_cause_also_if_the_user_ends_it() {
    let at = Duration::from_secs(100);
    for (stops, reason) in
        [(vec![], StopReason::GaveUp), (vec![(at, StopReason::Interrupted)], StopReason::Interrupted)]
    {
        let night = Night { stops, ..night(400, 1, 4) };
        let clock = Clock::default();
        let morning = morning(night, |_, _| match clock.elapsed() < Duration::from_millis(200) {
            true => ok(),
            false => refused(),
        });
        assert_eq!(morning.stop(), Some(reason));
        let (code, because) = morning.stopped();
        assert_eq!(code, "ConnectionRefused");
        assert!(because.ends_with("; last error: ConnectionRefused: scripted"), "{because}");
        let told: Vec<_> = morning
            .events
            .iter()
            .filter_map(
                |event| if let Event::Unavailable(cause) = event { Some(cause.is_some()) } else { None },
            )
            .collect();
        assert_eq!(told, [true], "an outage is told once, with its cause");
    }
    // One failure is not what held the run back.
    let night = Night { stops: vec![(at, StopReason::Interrupted)], ..night(400, 5, 1) };
    let morning = morning(night, |nth, submission| match (nth, submission.numbers[0] == number(0)) {
        (1, true) => refused(),
        (_, true) => no_answer(),
        _ => throttled(Some(3600)),
    });
    assert_eq!(morning.stopped().0, "Interrupted");
}
