//! Callers and services that do anything at all.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{Pace, PaceSettings, Permit, Rate, Wait};
use super::origin;

#[derive(Debug, Clone)]
enum Step {
    Ask,
    /// Ask, and whenever that is refused wait as long as it takes.
    Insist,
    Answer(prop::sample::Index, Answer),
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Success,
    Throttled(Option<Duration>),
    Error,
    Abandoned,
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => Just(Duration::ZERO),
        4 => (0..100_000_u64).prop_map(Duration::from_micros),
        2 => (0..100_000_u64).prop_map(Duration::from_millis),
        1 => (0..100_000_u64).prop_map(Duration::from_secs),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(Duration, Step)>> {
    let answers = prop_oneof![
        4 => Just(Answer::Success),
        4 => prop::option::weighted(0.2, prop_oneof![durations(), Just(Duration::MAX)]).prop_map(Answer::Throttled),
        3 => Just(Answer::Error),
        1 => Just(Answer::Abandoned),
    ];
    let step = prop_oneof![
        3 => Just(Step::Ask),
        2 => Just(Step::Insist),
        5 => (any::<prop::sample::Index>(), answers).prop_map(|(permit, answer)| Step::Answer(permit, answer)),
    ];
    // Stretches of one answer are what opens the breaker and empties buckets.
    let pause = prop_oneof![6 => (0..50_u64).prop_map(Duration::from_millis), 1 => durations()];
    prop::collection::vec((pause, step, 1..12_usize), 1..60).prop_map(|stretches| {
        stretches.into_iter().flat_map(|(pause, step, times)| vec![(pause, step); times]).collect()
    })
}

fn settings() -> impl Strategy<Value = PaceSettings> {
    let rates = || prop_oneof![6 => 0.05..500.0, 1 => any::<f64>()];
    let rate = prop_oneof![Just(Rate::Auto), rates().prop_map(Rate::Fixed)];
    let headroom = prop_oneof![4 => Just(0.03), 1 => Just(0.0), 2 => 0.0..0.9, 1 => any::<f64>()];
    let remembered = prop::option::weighted(0.3, rates());
    let all = (rate, headroom, remembered, any::<Option<usize>>(), any::<u64>());
    all.prop_map(|(rate, headroom, remembered, requests, seed)| PaceSettings {
        rate,
        headroom,
        remembered,
        requests,
        seed,
    })
}

/// A caller that keeps the rules, and checks that the pace does.
struct Caller {
    pace: Pace,
    start: Instant,
    now: Instant,
    ceiling: Option<f64>,
    permits: Vec<Permit>,
    sends: Vec<Duration>,
}

impl Caller {
    fn new(settings: &PaceSettings) -> Self {
        let start = origin();
        let ceiling = match settings.rate {
            Rate::Fixed(rate) if rate.is_finite() && (1e-6..1e9).contains(&rate) => Some(rate),
            Rate::Auto | Rate::Fixed(_) => None,
        };
        let pace = Pace::new(settings, start);
        Self { pace, start, now: start, ceiling, permits: Vec::new(), sends: Vec::new() }
    }

    fn ask(&mut self) -> Result<(), Wait> {
        let outage = self.pace.breaker.outage().map(|outage| outage.since);
        let answer = self.pace.try_acquire(self.now, self.permits.len());
        match answer {
            Err(Wait::ForAnswer) => assert!(!self.permits.is_empty(), "waits for nobody"),
            Err(Wait::Until(at)) => assert!(at > self.now, "wait until {:?} ago", self.now - at),
            Ok(permit) => {
                let probes = |permit: &&Permit| outage.is_some_and(|since| permit.sent_at > since);
                assert_eq!(self.permits.iter().filter(probes).count(), 0, "two probes");
                assert_eq!(self.pace.probe_in_flight(), outage.is_some());
                self.permits.push(permit);
                self.sends.push(self.now - self.start);
                return Ok(());
            }
        }
        answer.map(|_| ())
    }

    /// Waiting as told must lead to a request: once for the pace, and once more for the ceiling.
    fn insist(&mut self) {
        let waits = if self.pace.ceiling.is_none() { 1 } else { 2 };
        for _ in 0..=waits {
            match self.ask() {
                Err(Wait::Until(at)) => self.now = at,
                Ok(()) | Err(Wait::ForAnswer) => return,
            }
        }
        panic!("told to wait again and again");
    }

    fn answer(&mut self, index: prop::sample::Index, answer: Answer) {
        if self.permits.is_empty() {
            return;
        }
        let permit = self.permits.swap_remove(index.index(self.permits.len()));
        match answer {
            Answer::Success => self.pace.on_success(self.now, permit),
            Answer::Throttled(retry_after) => self.pace.on_throttled(self.now, permit, retry_after),
            Answer::Error => self.pace.on_error(self.now, permit),
            Answer::Abandoned => self.pace.on_abandoned(self.now, permit),
        }
    }

    fn check(&self) {
        let t = self.pace.seconds(self.now);
        let rate = self.pace.adaptive.rate(t);
        assert!(rate.is_finite() && rate > 0.0, "pace {rate}");
        assert!(self.pace.adaptive.due().is_finite());
        assert!(self.pace.found().is_none_or(|found| found.is_finite() && found > 0.0));
        let _ = self.pace.phase(self.now);
    }

    /// At most `N · T + 2` in every window, of which only those that begin and end with a request matter: the first, one
    /// for a wake-up that was late, and those that time entitles to.
    fn check_ceiling(&self) {
        let Some(ceiling) = self.ceiling else { return };
        for (first, from) in self.sends.iter().enumerate() {
            for (more, until) in (0_u32..).zip(&self.sends[first..]) {
                let window = until.as_secs_f64() - from.as_secs_f64();
                assert!(
                    f64::from(more) <= 1.0 + ceiling * window * (1.0 + 1e-9) + 1e-6,
                    "{} in {window} s",
                    more + 1
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_the_rules(settings in settings(), steps in steps()) {
        let mut caller = Caller::new(&settings);
        for (pause, step) in steps {
            caller.now += pause;
            match step {
                Step::Ask => { let _ = caller.ask(); }
                Step::Insist => caller.insist(),
                Step::Answer(index, answer) => caller.answer(index, answer),
            }
            caller.check();
        }
        caller.check_ceiling();
        while let Some(permit) = caller.permits.pop() {
            caller.pace.on_abandoned(caller.now, permit);
        }
        caller.insist();
        prop_assert_eq!(caller.permits.len(), 1, "nothing is in flight, and nothing may be sent");
    }
}
