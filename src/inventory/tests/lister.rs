//! Every page or nothing, at the service's pace.

use std::ops::ControlFlow;

use super::*;
use crate::event::StopReason;
use crate::hint::Hint as _;
use crate::pool::pace::Rate;

fn all() -> Listed {
    Listed::Numbers(NumberFilter::default())
}

/// Lists all numbers, and counts them.
fn list(account: &Account) -> (Result<usize, ListError>, Duration) {
    account.with(async |lister| {
        let mut numbers = 0;
        let take = |items: &[Value]| {
            numbers += items.len();
            ControlFlow::Continue(())
        };
        lister.pages(&all(), None, take).await.map(|_| numbers)
    })
}

fn account_of(numbers: usize) -> Account {
    Account::new((0..numbers).map(|n| on(n, "vc")).collect(), &["vc"])
}

fn stopped(error: &ListError) -> Option<StopReason> {
    if let ListError::Stopped(stop) = error { Some(stop.reason) } else { None }
}

fn no_answer() -> ApiError {
    error(ErrorKind::NoAnswer, Some(500), "ServiceFailureException")
}

fn throttled() -> ApiError {
    error(ErrorKind::Throttled { retry_after: None }, Some(429), "ThrottledClientException")
}

fn refused() -> ApiError {
    error(ErrorKind::Credentials, Some(403), "ExpiredTokenException")
}

fn bad_request() -> ApiError {
    error(ErrorKind::BadRequest, Some(400), "BadRequestException")
}

#[test]
fn every_page_is_read() {
    let account = account_of(250);
    assert_eq!(list(&account).0.unwrap(), 250);
    let tokens = account.seen.borrow().iter().map(|query| query.next_token.clone()).collect::<Vec<_>>();
    assert_eq!(tokens, [None, Some("100".into()), Some("200".into())]);
    assert_eq!(account.shown.get(), 250);
}

#[test]
fn a_token_that_comes_twice_is_an_error() {
    let account = Account { token: Some("0"), ..account_of(250) };
    let error = list(&account).0.unwrap_err();
    assert!(matches!(error, ListError::Repeated { .. }), "{error}");
    assert_eq!(account.requests(), 2);
}

#[test]
fn what_passes_is_waited_for() {
    for (failures, least) in [
        (vec![no_answer()], 0.0),
        (vec![no_answer(), no_answer(), throttled(), no_answer()], 0.1),
        (vec![throttled(), throttled()], 0.1),
        (
            vec![error(ErrorKind::Throttled { retry_after: Some(Duration::from_secs(90)) }, Some(429), "")],
            90.0,
        ),
        (vec![error(ErrorKind::Unavailable { retry_after: Duration::from_secs(60) }, Some(503), "")], 60.0),
    ] {
        let count = failures.len();
        let account = account_of(150).failing(failures.clone());
        let (listed, took) = list(&account);
        assert_eq!(listed.unwrap(), 150, "{failures:?}");
        assert_eq!(account.requests(), 2 + count, "{failures:?}");
        assert!((least..200.0).contains(&took.as_secs_f64()), "{failures:?}: {took:?}");
    }
}

#[test]
fn it_gives_up_after_a_time_without_an_answer() {
    let unreachable = error(ErrorKind::Unreachable, None, "NameNotResolved");
    for (failure, seconds, reason) in [
        (no_answer(), 1800, StopReason::GaveUp),
        (throttled(), 1800, StopReason::GaveUp),
        (unreachable, 120, StopReason::NeverReached),
    ] {
        let account = account_of(1).failing(std::iter::repeat_n(failure.clone(), 100_000));
        let (listed, took) = list(&account);
        let error = listed.unwrap_err();
        assert_eq!(stopped(&error), Some(reason), "{failure:?}");
        let said = error.to_string();
        assert!(
            said.contains(&*failure.code) && said.contains("…0100") && !said.contains("2065550"),
            "{said}"
        );
        let late = took.as_secs_f64() - f64::from(seconds);
        assert!((0.0..1.0).contains(&late), "{failure:?}: {took:?}");
        assert!(account.requests() < 1000, "{failure:?}: {}", account.requests());
    }
}

#[test]
fn every_answer_restarts_that_time() {
    let mut account = account_of(500);
    account.settings.give_up_after = Duration::from_secs(60);
    let rest = error(ErrorKind::Unavailable { retry_after: Duration::from_secs(40) }, Some(503), "");
    account.failures.borrow_mut().extend([Some(rest.clone()), None, Some(rest.clone()), None, Some(rest)]);
    let (listed, took) = list(&account);
    assert_eq!(listed.unwrap(), 500);
    assert!(took > Duration::from_secs(120), "{took:?}");
}

#[test]
fn refused_credentials_are_renewed_and_waited_for() {
    use Renewal::{Fresh, Nothing};
    for (before, refusals, renewals, reason, least) in [
        (0, 1, vec![Fresh], None, 0.0),
        (0, 1, vec![Nothing], Some(StopReason::Credentials), 0.0),
        (100, 1, vec![Nothing, Nothing, Fresh], None, 30.0),
        (100, 1000, vec![], Some(StopReason::GaveUp), 1800.0),
    ] {
        let account = account_of(before + 50);
        account.renewals.borrow_mut().extend(renewals.clone());
        let ((first, rest), took) = account.with(async |lister| {
            let first = match before {
                0 => None,
                _ => lister.page(&all(), None).await.expect("a page").next_token,
            };
            account.failures.borrow_mut().extend(std::iter::repeat_n(Some(refused()), refusals));
            let rest = lister.pages(&all(), first.clone(), |_| ControlFlow::Continue(())).await;
            (first, rest)
        });
        assert_eq!(first.is_some(), before > 0);
        assert_eq!(rest.as_ref().err().and_then(stopped), reason, "{renewals:?}");
        assert_eq!(rest.is_ok(), reason.is_none(), "{renewals:?}");
        assert!(took.as_secs_f64() >= least, "{renewals:?}: {took:?}");
    }
}

#[test]
fn a_denial_names_the_action_at_once() {
    let number = Listed::Number(crate::number::PhoneNumber::parse("+12065550100").unwrap());
    for (what, action) in [
        (all(), "chime:ListPhoneNumbers"),
        (number, "chime:GetPhoneNumber"),
        (Listed::Connectors, "chime:ListVoiceConnectors"),
    ] {
        for kind in [ErrorKind::Credentials, ErrorKind::Forbidden] {
            let denied = error(kind, Some(403), "AccessDeniedException");
            let account = account_of(1).failing([denied]);
            let (page, _) = account.with(async |lister| lister.page(&what, None).await);
            let error = page.unwrap_err();
            assert!(matches!(error, ListError::Denied { .. }), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains(action)), "{error}");
            assert_eq!(account.requests(), 1);
        }
    }
}

#[test]
fn a_page_of_100_that_is_refused_becomes_99_once() {
    for (before, failures, sizes) in [
        (0, 1, Some(vec![100, 99, 99])),
        (0, 2, None),
        (1, 1, None), // 100 was accepted: it is something else
    ] {
        let account = account_of(150);
        let (listed, _) = account.with(async |lister| {
            if before > 0 {
                lister.page(&all(), None).await.expect("a page");
            }
            account.failures.borrow_mut().extend(std::iter::repeat_n(Some(bad_request()), failures));
            lister.pages(&all(), None, |_| ControlFlow::Continue(())).await
        });
        let seen: Vec<_> = account.seen.borrow().iter().map(|query| query.page_size).collect();
        assert_eq!(listed.is_ok(), sizes.is_some());
        if let Some(sizes) = sizes {
            assert_eq!(seen, sizes);
        } else {
            assert_eq!(seen.len(), 2, "{seen:?}");
            let error = listed.unwrap_err().to_string();
            assert!(error.contains("BadRequestException: of +…0100"), "{error}");
        }
    }
}

#[test]
fn it_is_never_faster_than_the_rate() {
    let mut account = account_of(2_000);
    account.settings.pace.rate = Rate::Fixed(2.0);
    let (listed, took) = list(&account);
    assert_eq!(listed.unwrap(), 2_000);
    assert!((9.0..12.0).contains(&took.as_secs_f64()), "20 requests took {took:?}");
}
