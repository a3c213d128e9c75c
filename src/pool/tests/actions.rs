//! What differs between the actions: what proves that an attempt without an answer worked, and what is waited for.

use super::*;

#[test]
fn each_action_has_its_own_proof_that_a_lost_attempt_worked() {
    use Outcome::{Succeeded, Unknown};
    for (action, code, outcome) in [
        (Action::Disassociate, "NotFound", Succeeded),
        (Action::Disassociate, "Gone", Unknown),
        (Action::Associate, "NotFound", Unknown),
        (Action::Associate, "PhoneNumberAssociationsExist", Unknown),
        (Action::Delete, "NotFound", Succeeded),
        (Action::Delete, "Gone", Succeeded),
        (Action::Delete, "Forbidden", Unknown),
        (Action::Restore, "NotFound", Unknown),
    ] {
        let mut night = Night::of(&[1]);
        night.settings.action = action;
        let script =
            |nth, _: &Submission| if nth == 1 { no_answer() } else { with_errors(&[(Some(0), code)]) };
        let morning = morning(night, script);
        let settled = morning.history.outcome(RowId::new(0)).expect("settled");
        assert_eq!(settled.outcome, outcome, "{action} {code}");
    }
}

#[test]
fn a_number_that_was_just_removed_is_released_ten_seconds_later() {
    let mut night = Night::of(&[2]);
    night.settings.action = Action::Delete;
    let exists = "PhoneNumberAssociationsExist";
    let script = |_, submission: &Submission| match submission.numbers.len() {
        2 => with_errors(&[(Some(1), exists)]),
        _ => ok(),
    };
    let morning = morning(night, script);
    assert!((0..2).all(|row| {
        morning.history.outcome(RowId::new(row)).is_some_and(|it| it.outcome == Outcome::Succeeded)
    }));
    let [first, second] = &morning.seen[..] else { panic!("{:?}", morning.seen) };
    assert_eq!(second.numbers, numbers(&[1]));
    assert!(second.at >= first.at + Duration::from_secs(10), "{:?}, {:?}", first.at, second.at);
}

#[test]
fn a_refusal_of_a_call_that_names_no_connector_closes_none() {
    let mut night = Night::of(&[30]);
    night.settings.action = Action::Delete;
    let script = |_, submission: &Submission| match submission.numbers[0] == number(0) {
        true => error(ErrorKind::NotFound, "NotFoundException"),
        false => ok(),
    };
    let morning = morning(night, script);
    let outcome = |row| morning.history.outcome(RowId::new(row)).map(|it| it.outcome);
    assert_eq!((outcome(0), outcome(29)), (Some(Outcome::Failed), Some(Outcome::Succeeded)));
}
