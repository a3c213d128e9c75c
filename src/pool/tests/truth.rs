//! Whatever happens, the outcome of every row is true.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// A service that records which numbers it removed, whatever it answered.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Works,
    AppliesAndLoses,
    Loses,
    Throttles,
    Refuses,
    Unreachable,
    PassingError,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever the service does and whenever the run stops: each row has at most one outcome, and it is true.
    #[test]
    fn the_outcomes_are_true(
        connectors in prop::collection::vec(0u32..40, 1..5),
        moods in prop::collection::vec(prop_oneof![
            6 => Just(Mood::Works),
            1 => Just(Mood::AppliesAndLoses),
            1 => Just(Mood::Loses),
            2 => Just(Mood::Throttles),
            1 => Just(Mood::Refuses),
            1 => Just(Mood::Unreachable),
            1 => Just(Mood::PassingError),
        ], 1..60),
        stop in prop::option::of(0u64..3000),
    ) {
        let removed = Mutex::new(HashSet::new());
        let turn = std::cell::Cell::new(0);
        let stops = stop.map(|at| (Duration::from_millis(at), StopReason::Interrupted)).into_iter().collect();
        let night = Night { stops, ..Night::of(&connectors) };
        let morning = morning(night, |_, submission| {
            let mood = moods[turn.get() % moods.len()];
            turn.set(turn.get() + 1);
            let mut removed = removed.lock().expect("no panic");
            let mut apply = |numbers: &[PhoneNumber]| -> Vec<NumberError> {
                let missing = numbers.iter().filter(|&&number| !removed.insert(number));
                missing.map(|&number| NumberError {
                    number: Some(number), code: "NotFound".into(), message: "gone".into(),
                }).collect()
            };
            match mood {
                Mood::Works => Ok(BatchReply { request_id: None, errors: apply(&submission.numbers) }),
                Mood::AppliesAndLoses => { apply(&submission.numbers); no_answer() }
                Mood::Loses => no_answer(),
                Mood::Throttles => throttled(None),
                Mood::Refuses => error(ErrorKind::Rejected, "Teapot"),
                Mood::Unreachable => error(ErrorKind::Unreachable, "ConnectionRefused"),
                Mood::PassingError => {
                    let (passing, rest) = submission.numbers.split_at(1);
                    let mut errors = apply(rest);
                    errors.push(NumberError { number: Some(passing[0]), code: "Throttled".into(), message: "".into() });
                    Ok(BatchReply { request_id: None, errors })
                }
            }
        });
        let removed = removed.into_inner().expect("no panic");
        for row in 0..connectors.iter().sum::<u32>() {
            let gone = removed.contains(&number(row));
            match morning.row(row).map(|(outcome, ..)| outcome) {
                Some(Outcome::Succeeded) => prop_assert!(gone, "row {row} is a success that did not happen"),
                Some(Outcome::Failed) | None => prop_assert!(!gone, "row {row} was removed, but has no such outcome"),
                Some(Outcome::Unknown) => {}
            }
            prop_assert!(!morning.history.is_in_doubt(RowId::new(row)), "row {row} was forgotten");
        }
        prop_assert!(morning.end.stop.is_none() || stop.is_some() || morning.stop() == Some(StopReason::GaveUp));
    }
}
