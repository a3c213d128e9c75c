//! What follows from each reply of the service.

use super::*;

/// One batch of two rows, 0 and 1, against a script of replies: what the rows are, and how many requests it took.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_reply_leads_to_the_expected_outcomes() {
    type Reply = fn() -> Result<BatchReply, ApiError>;
    type Case<'a> = (&'a str, &'a [Reply], [(Outcome, &'a str, u32); 2], usize);
    use Outcome::{Failed, Succeeded, Unknown};
    let succeeded = |attempts| (Succeeded, "", attempts);
    let table: Vec<Case<'_>> = vec![
        ("200", &[ok], [succeeded(1), succeeded(1)], 1),
        (
            "200 with a number refused",
            &[|| with_errors(&[(Some(1), "Forbidden")])],
            [succeeded(1), (Failed, "Forbidden", 1)],
            1,
        ),
        (
            "200 with a passing error for a number: only that one goes again",
            &[|| with_errors(&[(Some(1), "Throttled")]), ok],
            [succeeded(1), succeeded(2)],
            2,
        ),
        (
            "200 with a passing error that does not pass",
            &[|| with_errors(&[(Some(1), "ServiceUnavailable")])],
            [succeeded(1), (Failed, "ServiceUnavailable", 3)],
            3,
        ),
        (
            "200 with NotFound",
            &[|| with_errors(&[(Some(0), "NotFound")])],
            [(Failed, "NotFound", 1), succeeded(1)],
            1,
        ),
        (
            "NotFound after an attempt without an answer: that attempt worked",
            &[no_answer, || with_errors(&[(Some(0), "NotFound"), (Some(1), "NotFound")])],
            [succeeded(2), succeeded(2)],
            2,
        ),
        (
            "another refusal after an attempt without an answer says nothing about it",
            &[no_answer, || with_errors(&[(Some(0), "Forbidden")])],
            [(Unknown, "Forbidden", 2), succeeded(2)],
            2,
        ),
        (
            "200 with a number that was not asked for",
            &[|| with_errors(&[(Some(77), "Forbidden")])],
            [succeeded(1); 2],
            1,
        ),
        ("no answer, then one", &[no_answer, ok], [succeeded(2), succeeded(2)], 2),
        ("never an answer", &[no_answer], [(Unknown, "Timeout", 3); 2], 3),
        (
            "never reached",
            &[|| error(ErrorKind::Unreachable, "ConnectionRefused")],
            [(Failed, "ConnectionRefused", 3); 2],
            3,
        ),
        (
            "reached once, then no more",
            &[no_answer, || error(ErrorKind::Unreachable, "ConnectionRefused")],
            [(Unknown, "ConnectionRefused", 3); 2],
            3,
        ),
        ("409, then 200", &[|| error(ErrorKind::Conflict, "Conflict"), ok], [succeeded(2); 2], 2),
        ("409 forever", &[|| error(ErrorKind::Conflict, "Conflict")], [(Failed, "Conflict", 3); 2], 3),
        (
            "429 costs no attempt",
            &[|| throttled(None), || throttled(Some(2)), || throttled(None), || throttled(None), ok],
            [succeeded(1); 2],
            5,
        ),
        (
            "403 for the connector",
            &[|| error(ErrorKind::Forbidden, "Forbidden")],
            [(Failed, "ForbiddenException", 1); 2],
            1,
        ),
        ("404", &[|| error(ErrorKind::NotFound, "NotFound")], [(Failed, "NotFoundException", 1); 2], 1),
        (
            "404 after an attempt without an answer",
            &[no_answer, || error(ErrorKind::NotFound, "NotFound")],
            [(Unknown, "NotFoundException", 2); 2],
            2,
        ),
        ("anything else", &[|| error(ErrorKind::Rejected, "Teapot")], [(Failed, "Teapot", 1); 2], 1),
        (
            "a clock that was wrong",
            &[|| error(ErrorKind::ClockSkew { offset_seconds: 9 }, "Skew"), ok],
            [succeeded(1); 2],
            2,
        ),
    ];
    for (name, script, rows, requests) in table {
        let morning = morning(Night::of(&[2]), |_, submission| {
            // The script is indexed by request, so that a batch that shrinks continues in it.
            let _ = submission;
            NTH.with(|nth| {
                let reply = script[nth.get().min(script.len() - 1)]();
                nth.set(nth.get() + 1);
                reply
            })
        });
        NTH.with(|nth| nth.set(0));
        assert_eq!([morning.row(0), morning.row(1)].map(Option::unwrap), rows, "{name}");
        assert_eq!(morning.seen.len(), requests, "{name}");
    }
}

thread_local! {
    static NTH: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[test]
fn a_transient_error_sends_only_its_numbers_again() {
    let morning = morning(Night::of(&[10]), |nth, submission| match (nth, submission.numbers.len()) {
        (1, 10) => with_errors(&[(Some(3), "Throttled"), (Some(8), "ServiceFailure")]),
        _ => ok(),
    });
    assert!(morning.all_succeeded());
    assert_eq!(morning.seen[1].numbers, numbers(&[3, 8]));
}

#[test]
fn a_row_sent_by_an_earlier_run_that_is_not_found_has_succeeded() {
    let night = Night { earlier: vec![1, 2], ..Night::of(&[3]) };
    let morning = morning(night, |_, _| {
        with_errors(&[(Some(0), "NotFound"), (Some(1), "NotFound"), (Some(2), "Gone")])
    });
    assert_eq!(morning.row(0), Some((Outcome::Failed, "NotFound", 1)));
    assert_eq!(morning.row(1), Some((Outcome::Succeeded, "", 1)));
    assert_eq!(morning.row(2), Some((Outcome::Unknown, "Gone", 1)));
}

#[test]
fn a_bad_number_is_found_by_halving_and_the_other_numbers_succeed() {
    let poison = number(7);
    let morning = morning(Night::of(&[30]), |_, submission| match submission.numbers.contains(&poison) {
        true => error(ErrorKind::BadRequest, "BadRequestException"),
        false => ok(),
    });
    assert_eq!(morning.outcomes(), BTreeMap::from([("Failed".into(), 1), ("Succeeded".into(), 29)]));
    assert!(matches!(morning.row(7), Some((Outcome::Failed, "BadRequestException", _))));
    assert!(morning.seen.len() <= 2 + 2 * 4 + 1, "{} requests", morning.seen.len());
}

#[test]
fn a_limit_on_the_batch_size_is_learned() {
    let morning = morning(Night::of(&[200]), |_, submission| match submission.numbers.len() > 5 {
        true => error(ErrorKind::BadRequest, "BadRequestException"),
        false => ok(),
    });
    assert!(morning.all_succeeded());
    let refused = morning.seen.iter().filter(|seen| seen.numbers.len() > 5).count();
    assert!(refused <= 8, "{refused} requests were too large: the limit holds after the first few");
}

#[test]
fn the_number_of_an_error_that_names_none_is_found_by_halving() {
    let morning = morning(Night::of(&[8]), |_, submission| match submission.numbers.contains(&number(5)) {
        true => with_errors(&[(None, "Forbidden")]),
        false => ok(),
    });
    assert!(morning.all_succeeded() || matches!(morning.row(5), Some((Outcome::Unknown, "Forbidden", _))));
    assert_eq!(morning.outcomes().get("Succeeded"), Some(&7));
}

#[test]
fn a_refused_connector_gets_no_more_requests_and_the_others_continue() {
    for kind in [ErrorKind::Forbidden, ErrorKind::NotFound] {
        let morning = morning(Night::of(&[100, 100]), |_, submission| match &*submission.connector {
            "vc0" => error(kind.clone(), "Refused"),
            _ => ok(),
        });
        assert_eq!(morning.outcomes(), BTreeMap::from([("Failed".into(), 100), ("Succeeded".into(), 100)]));
        let sent = morning.seen.iter().filter(|seen| seen.connector == "vc0").count();
        assert!(sent <= 4, "{sent} requests for a connector that is refused");
        assert_eq!(morning.row(99), Some((Outcome::Failed, "Refused", 0)));
    }
}

#[test]
fn a_connector_that_a_policy_denies_does_not_hold_up_the_others() {
    let morning = morning(Night::of(&[100, 100]), |_, submission| match &*submission.connector {
        "vc1" => error(ErrorKind::Credentials, "AccessDeniedException"),
        _ => ok(),
    });
    assert_eq!(morning.stop(), None);
    assert!(morning.took < Duration::from_secs(5), "{:?}", morning.took);
    assert_eq!(morning.outcomes(), BTreeMap::from([("Failed".into(), 100), ("Succeeded".into(), 100)]));
}
