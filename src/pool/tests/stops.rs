//! What delays a run, and what ends it early.

use super::*;

#[test]
fn a_run_in_which_every_connector_is_forbidden_stops() {
    let morning = morning(Night::of(&[100; 9]), |_, _| error(ErrorKind::Forbidden, "Forbidden"));
    assert_eq!(morning.stop(), Some(StopReason::Forbidden));
    assert!(morning.seen.len() <= 8);
    assert!(morning.outcomes()["not attempted"] >= 700, "{:?}", morning.outcomes());
}

#[test]
fn credentials_that_never_worked_stop_the_run_at_once() {
    let morning =
        morning(Night::of(&[100]), |_, _| error(ErrorKind::Credentials, "UnrecognizedClientException"));
    assert_eq!(morning.stop(), Some(StopReason::Credentials));
    assert!(morning.took < Duration::from_secs(1));
    assert_eq!(morning.outcomes(), BTreeMap::from([("not attempted".into(), 100)]));
}

#[test]
fn credentials_that_expire_are_awaited_and_no_row_is_lost() {
    let night =
        Night { renewals: vec![Renewal::Nothing, Renewal::Nothing, Renewal::Fresh], ..Night::of(&[100]) };
    let renewed = std::cell::Cell::new(false);
    let start = std::cell::Cell::new(None);
    let morning = morning(night, |_, _| {
        let now = Instant::now();
        let since = now - *start.get().get_or_insert(now);
        if start.get().is_none() {
            start.set(Some(now));
        }
        renewed.set(since > Duration::from_secs(55));
        let expired = since > Duration::from_millis(40) && !renewed.get();
        if expired { error(ErrorKind::Credentials, "ExpiredTokenException") } else { ok() }
    });
    assert!(morning.all_succeeded(), "{:?}", morning.outcomes());
    assert!((60..62).contains(&morning.took.as_secs()), "{:?}", morning.took);
    assert!(morning.events.iter().any(|event| matches!(event, Event::CredentialsAwaited(Some(_)))));
    assert!(morning.events.contains(&Event::CredentialsAwaited(None)));
    assert!(morning.row(99).is_some_and(|(_, _, attempts)| attempts == 1), "a refusal is not an attempt");
}

#[test]
fn a_run_whose_credentials_are_never_renewed_gives_up() {
    let morning = morning(Night::of(&[100]), |_, submission| match submission.numbers[0] == number(0) {
        true => ok(),
        false => error(ErrorKind::Credentials, "ExpiredTokenException"),
    });
    assert_eq!(morning.stop(), Some(StopReason::GaveUp));
    assert_eq!(morning.stopped().0, "CredentialsRefused");
    let words = "; last error: ExpiredTokenException: scripted";
    assert!(morning.stopped().1.ends_with(words), "{}", morning.stopped().1);
    let pauses = morning.events.iter().filter(|event| matches!(event, Event::CredentialsAwaited(None)));
    assert_eq!(pauses.count(), 0, "it is one pause");
    assert!((1800..1801).contains(&morning.took.as_secs()), "{:?}", morning.took);
    assert_eq!(morning.outcomes(), BTreeMap::from([("Succeeded".into(), 10), ("not attempted".into(), 90)]));
    assert!(morning.seen.len() < 80, "one probe in 60 s: {}", morning.seen.len());
}

#[test]
fn a_denied_action_is_not_called_a_matter_of_keys() {
    let night =
        Night { stops: vec![(Duration::from_secs(100), StopReason::Interrupted)], ..Night::of(&[100]) };
    let morning = morning(night, |_, submission| match submission.numbers[0] == number(0) {
        true => ok(),
        false => error(ErrorKind::Credentials, "AccessDeniedException"),
    });
    assert_eq!(morning.stop(), Some(StopReason::Interrupted));
    let (code, because) = morning.stopped();
    assert_eq!(code, "AccessDenied");
    assert_eq!(because, "it was interrupted; last error: AccessDeniedException: scripted");
}

/// A wall clock that shows another time than the seconds that passed.
fn wall(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).expect("in range")
}

fn seconds(elapsed: Duration) -> i64 {
    i64::try_from(elapsed.as_secs()).expect("a short night")
}

#[test]
fn a_time_of_day_is_the_wall_clocks() {
    const END: i64 = 600;
    type Wall = fn(Duration) -> Timestamp;
    let table: [(&str, Wall, u64); 5] = [
        ("a steady clock", |elapsed| wall(seconds(elapsed)), 600),
        (
            "five hours of sleep, of which the run notices a second",
            |elapsed| wall(seconds(elapsed) + if elapsed.as_secs() >= 200 { 5 * 3600 } else { 0 }),
            200,
        ),
        (
            "set forward, not as far as the end",
            |elapsed| wall(seconds(elapsed) + if elapsed.as_secs() >= 60 { 300 } else { 0 }),
            300,
        ),
        ("set back", |elapsed| wall(seconds(elapsed) - if elapsed.as_secs() >= 60 { 300 } else { 0 }), 900),
        (
            "set back and forth",
            |elapsed| match elapsed.as_secs() {
                60..120 => wall(seconds(elapsed) - 300),
                120..180 => wall(seconds(elapsed) + 300),
                _ => wall(seconds(elapsed)),
            },
            600,
        ),
    ];
    for (name, clock, took) in table {
        let mut night = Night { wall: clock, ..Night::of(&[1_000]) };
        night.batch_size = 1;
        night.settings.pace.rate = pace::Rate::Fixed(1.0);
        night.settings.stop_at = Some(wall(END));
        let morning = morning(night, |_, _| ok());
        assert_eq!(morning.stop(), Some(StopReason::Deadline), "{name}");
        assert!((took..=took + 1).contains(&morning.took.as_secs()), "{name}: {:?}", morning.took);
        let last = morning.seen.last().map(|seen| clock(seen.at));
        assert!(last < Some(wall(END)) && last.is_some(), "{name}: {last:?}");
    }
}

/// The moment passes while nothing is under way.
#[test]
fn a_pause_does_not_outlast_the_time_of_day() {
    for (reply, code) in [
        ((|| throttled(Some(3600))) as fn() -> Result<BatchReply, ApiError>, "Deadline"),
        (|| error(ErrorKind::Unreachable, "ConnectionRefused"), "ConnectionRefused"),
    ] {
        let mut night = Night { wall: |elapsed| wall(5 * seconds(elapsed)), ..Night::of(&[400]) };
        night.settings.stop_at = Some(wall(500));
        let morning = morning(night, |_, _| reply());
        assert_eq!((morning.stop(), morning.stopped().0), (Some(StopReason::Deadline), code));
        assert!((100..=101).contains(&morning.took.as_secs()), "{:?}", morning.took);
    }
}

#[test]
fn an_outage_costs_time_and_no_attempts() {
    let start = std::cell::Cell::new(None);
    let morning = morning(Night::of(&[400]), |_, _| {
        let now = Instant::now();
        let since = now - *start.get().get_or_insert(now);
        if start.get().is_none() {
            start.set(Some(now));
        }
        let out = (Duration::from_millis(100)..Duration::from_secs(600)).contains(&since);
        if out { error(ErrorKind::Unreachable, "ConnectionRefused") } else { ok() }
    });
    assert!(morning.all_succeeded(), "{:?}", morning.outcomes());
    assert!(morning.took < Duration::from_secs(620), "{:?}", morning.took);
    assert!(morning.seen.len() < 40 + 20 + 90, "{} requests", morning.seen.len());
}

/// With a single batch left, the failure that uses up its attempts is also the one that shows the outage.
#[test]
fn the_last_batch_survives_an_outage_too() {
    let mut night = Night::of(&[20]);
    night.settings.concurrency = NonZeroUsize::MIN;
    night.settings.max_attempts = NonZeroU32::new(5).expect("positive");
    let morning = morning(night, |nth, submission| match submission.numbers[0] == number(10) && nth <= 9 {
        true => error(ErrorKind::Unreachable, "ConnectionRefused"),
        false => ok(),
    });
    assert!(morning.all_succeeded(), "{:?}", morning.outcomes());
}

#[test]
fn an_endless_outage_stops_the_run() {
    let morning = morning(Night::of(&[400]), |_, _| no_answer());
    assert_eq!(morning.stop(), Some(StopReason::GaveUp));
    let outcomes = morning.outcomes();
    assert!(outcomes["Unknown"] >= 50, "what was sent may have worked: {outcomes:?}");
    assert!(outcomes["not attempted"] >= 300, "what was not sent was not attempted: {outcomes:?}");
}

#[test]
fn endless_throttling_stops_the_run_and_uses_up_no_attempts() {
    let morning = morning(Night::of(&[40]), |_, _| throttled(Some(60)));
    assert_eq!(morning.stop(), Some(StopReason::GaveUp));
    assert_eq!(morning.outcomes(), BTreeMap::from([("not attempted".into(), 40)]));
}

#[test]
fn retry_after_pauses_all_requests() {
    let first = std::cell::Cell::new(true);
    let morning =
        morning(Night::of(&[100]), |_, _| if first.replace(false) { throttled(Some(20)) } else { ok() });
    assert!(morning.all_succeeded());
    let early = morning.seen.iter().filter(|seen| seen.at < Duration::from_secs(20)).count();
    assert!(early <= 4, "only requests already in flight: {early}");
}

#[test]
fn a_stop_lets_what_is_in_flight_finish_and_sends_nothing_more() {
    let night =
        Night { stops: vec![(Duration::from_millis(120), StopReason::Interrupted)], ..Night::of(&[400]) };
    let morning = morning(night, |_, _| ok());
    assert_eq!(morning.stop(), Some(StopReason::Interrupted));
    assert!(morning.seen.iter().all(|seen| seen.at <= Duration::from_millis(120)));
    let sent: usize = morning.seen.iter().map(|seen| seen.numbers.len()).sum();
    assert_eq!(
        morning.outcomes(),
        BTreeMap::from([("Succeeded".into(), sent), ("not attempted".into(), 400 - sent)])
    );
    assert!(
        (0..400).all(|row| !morning.history.is_in_doubt(RowId::new(row))),
        "what was not sent is not in doubt"
    );
}

#[test]
fn a_stop_settles_what_was_sent_without_an_answer_as_unknown() {
    for (at, waits) in [(20, "for its answer"), (70, "for its next attempt")] {
        let stops = vec![(Duration::from_millis(at), StopReason::Terminated)];
        let morning = morning(Night { stops, ..Night::of(&[10]) }, |_, _| no_answer());
        assert_eq!(morning.outcomes(), BTreeMap::from([("Unknown".into(), 10)]), "{waits}");
        assert_eq!(morning.row(0), Some((Outcome::Unknown, "Timeout", 1)), "{waits}");
        assert_eq!(morning.stop(), Some(StopReason::Terminated));
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once_and_rows_in_flight_stay_in_doubt() {
    let at = Duration::from_millis;
    let stops = vec![(at(20), StopReason::Interrupted), (at(30), StopReason::Aborted)];
    let morning = morning(Night { stops, ..Night::of(&[10]) }, |_, _| ok());
    assert_eq!(morning.stop(), Some(StopReason::Aborted));
    assert!(morning.took < at(40));
    assert!(morning.history.is_in_doubt(RowId::new(0)));
}

#[test]
fn too_many_failures_stop_the_run() {
    let mut night = Night::of(&[400]);
    night.settings.max_failures = Some(15);
    let morning = morning(night, |_, _| error(ErrorKind::Rejected, "Teapot"));
    assert_eq!(morning.stop(), Some(StopReason::TooManyFailures));
    assert!((16..=80).contains(&morning.outcomes()["Failed"]), "{:?}", morning.outcomes());
}

#[test]
fn a_journal_that_fails_ends_the_run_at_once() {
    paused(async {
        let rows = Night::of(&[100]).rows();
        let plan = Plan::new(&rows, |_| true, NonZeroU32::MIN);
        let (outbox, inbox) = channel();
        drop(inbox);
        let (settings, none) = (Night::of(&[]).settings, RowFlags::default());
        let now = Instant::now().into_std();
        let dispatcher = Dispatcher::new(&rows, plan.batches(), &none, &settings, outbox, now);
        let (_stop, stopped) = watch::channel(None);
        let submit = |_| async { panic!("nothing may be sent without a record") };
        let end =
            run(dispatcher, submit, || async { Renewal::Nothing }, stopped, || Timestamp::UNIX_EPOCH).await;
        assert_eq!(end.stop, Some(StopReason::JournalFailed.into()));
    });
}

#[test]
fn a_request_that_panics_loses_no_rows() {
    let morning = paused(async {
        let night = Night::of(&[20]);
        let rows = night.rows();
        let plan = Plan::new(&rows, |_| true, NonZeroU32::new(10).expect("positive"));
        let (outbox, inbox) = channel();
        let journal = tokio::task::spawn_local(record(inbox, 20, Arc::default()));
        let (now, none) = (Instant::now().into_std(), RowFlags::default());
        let dispatcher = Dispatcher::new(&rows, plan.batches(), &none, &night.settings, outbox, now);
        let (_stop, stopped) = watch::channel(None);
        let submit = |submission: Submission| async move {
            assert!(submission.numbers[0] != number(0), "panics on purpose");
            ok()
        };
        run(dispatcher, submit, || async { Renewal::Nothing }, stopped, || Timestamp::UNIX_EPOCH).await;
        journal.await.expect("the journal ends").0
    });
    let outcome =
        |row| morning.outcome(RowId::new(row)).map(|outcome| (outcome.outcome, outcome.code.to_string()));
    assert_eq!(outcome(0), Some((Outcome::Unknown, "InternalError".into())));
    assert_eq!(outcome(10), Some((Outcome::Succeeded, String::new())));
}

#[test]
fn what_the_service_did_not_judge_shows_no_wrong_list() {
    type Reply<'a> = &'a dyn Fn() -> Result<BatchReply, ApiError>;
    let unknown = || error(ErrorKind::NotFound, "NotFoundException");
    let unsent =
        || Err(ApiError { status: None, ..error(ErrorKind::Rejected, "BadId").expect_err("an error") });
    let table: [(&str, &[u32], Reply<'_>, Option<StopReason>); 3] = [
        ("requests in flight for a connector that is closed already", &[1_000], &unknown, None),
        ("one request each", &[100, 100, 100], &unknown, Some(StopReason::WrongList)),
        ("requests that cannot be sent", &[1_000], &unsent, None),
    ];
    for (name, connectors, reply, expected) in table {
        let mut night = Night { batch_size: 100, ..Night::of(connectors) };
        night.settings.max_attempts = NonZeroU32::MIN;
        let morning = morning(night, |_, _| reply());
        assert_eq!(morning.stop(), expected, "{name}: {:?}", morning.outcomes());
        assert!(connectors.len() > 1 || morning.most_in_flight > 1, "{name}");
    }
}
