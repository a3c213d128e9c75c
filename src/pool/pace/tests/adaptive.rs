//! What refusals and outages make of an estimate.

use super::super::adaptive::Adaptive;
use super::super::limit::{Feedback, Limit};
use super::super::stage::{Belief, Opening, Paced, Probe, Stage};

const FEEDBACK: Feedback = Feedback { delay: 0.05, pause: 0.0 };

fn adaptive(stage: impl FnOnce(Limit) -> Stage) -> Adaptive {
    let mut adaptive = Adaptive::new(0.0, 0.03, Opening::Unknown(10.0), f64::INFINITY);
    let mark = adaptive.evidence.refused(1, 0.0);
    adaptive.evidence.push(mark);
    adaptive.stage = stage(Limit::measured(10.0, 50.0, FEEDBACK));
    adaptive
}

fn probe(limit: Limit) -> Stage {
    let (belief, rate, cap, next_raise) = (Belief::Limit(limit), 5.0, 10.0, 0.0);
    let (raised, began, silence, from) = (true, 0.0, 1.0, 0);
    Stage::Probe(Probe { belief, rate, cap, next_raise, raised, began, silence, from })
}

#[test]
fn an_outage_costs_the_marks_but_not_the_limit() {
    for stage in [probe, |limit| Stage::Paced(Paced::new(limit, 0.0))] {
        let mut adaptive = adaptive(stage);
        adaptive.resumed(60.0);
        assert!(adaptive.evidence.last().is_none());
        assert!(matches!(adaptive.stage, Stage::Paced(_)));
        assert_eq!(adaptive.limit(), Some(10.0));
    }
}

#[test]
fn a_probe_of_a_known_limit_finds_no_more_than_that() {
    for (seq, expected) in [(5, 4.0), (100, 10.0)] {
        let mut adaptive = adaptive(probe);
        adaptive.refused(1.05, seq, 1.0, None);
        assert_eq!(adaptive.limit(), Some(expected));
    }
}
