//! Whether the end that is shown is the true one.
//!
//! Off by `x` means: what was shown as left differs from what was left, in truth, by `x` times that. Not by `x` times the
//! whole job: whoever reads "10 min left" plans ten minutes. Within the last ten seconds it is `x` times ten seconds.
//! Likewise for the last twenty requests of a service that grants less than two a second.
//!
//! After an upset the rate of the last minute takes that minute to be the present one.
//!
//! `cargo test --lib right_again -- --nocapture` prints a table, and so does that of the targets.

use super::simulation::Scenario;

/// Shorter rests are not told more exactly, in seconds and in requests.
const SHORT: f64 = 10.0;
const SHORT_REQUESTS: f64 = 20.0;
const SEEDS: u32 = 5;
/// What is off by more is wrong.
const WRONG: f64 = 0.15;
/// Of the time after an upset, once it is right again, an end is shown in this share.
const SHOWN_AGAIN: f64 = 0.85;

/// What was shown as left from a fifth of the rows on, at each moment at which something happened. Seconds.
#[derive(Clone, Default)]
pub(super) struct Looks {
    at: Vec<(f64, Option<f64>)>,
    /// When the job was over.
    pub(super) end: f64,
    /// The last limit, in requests/s.
    pub(super) limit: f64,
}

/// Without the looks, which are many.
impl std::fmt::Debug for Looks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} off, {:.3} shown", self.most_off(0.0), self.shown(0.0))
    }
}

impl Looks {
    pub(super) fn look(&mut self, at: f64, left: Option<f64>) {
        self.at.push((at, left));
    }

    fn off(&self, at: f64, left: f64) -> f64 {
        let truth = self.end - at;
        (left - truth).abs() / truth.max(SHORT).max(SHORT_REQUESTS / self.limit)
    }

    /// The most that it was off from a moment on.
    pub(super) fn most_off(&self, from: f64) -> f64 {
        let errors = self.at.iter().filter(|(at, _)| *at >= from);
        errors.filter_map(|(at, left)| Some(self.off(*at, (*left)?))).fold(0.0, f64::max)
    }

    /// Of the time from a moment on, the share in which an end was shown.
    pub(super) fn shown(&self, from: f64) -> f64 {
        let ends = self.at.iter().skip(1).map(|(at, _)| *at).chain([self.end]);
        let spans = self.at.iter().zip(ends).map(|((at, left), end)| (end - at.max(from), left));
        let (mut shown, mut all) = (0.0, 0.0);
        for (span, left) in spans.filter(|(span, _)| *span > 0.0) {
            all += span;
            shown += if left.is_some() { span } else { 0.0 };
        }
        shown / all
    }

    /// How long after a moment it was last wrong.
    pub(super) fn right_after(&self, moment: f64) -> f64 {
        let wrong = |(at, left): &(f64, Option<f64>)| left.is_some_and(|left| self.off(*at, left) > WRONG);
        self.at.iter().rev().find(|look| wrong(look)).map_or(0.0, |(at, _)| (at - moment).max(0.0))
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what --nocapture is for")]
fn after_an_upset_the_end_is_right_again_in_time() {
    let mut misses = Vec::new();
    let mut check = |name: &str, scenario: &Scenario, within: f64| {
        let upset = scenario.upset();
        let outcomes: Vec<_> = (1..=SEEDS).map(|seed| scenario.run(seed).looks).collect();
        let right = outcomes.iter().map(|looks| looks.right_after(upset)).fold(0.0, f64::max);
        let shown = outcomes.iter().map(|looks| looks.shown(upset + within)).fold(1.0, f64::min);
        let off = outcomes.iter().map(|looks| looks.most_off(upset + within)).fold(0.0, f64::max);
        let rest = outcomes.iter().map(|looks| looks.end - upset).fold(f64::INFINITY, f64::min);
        let row = format!(
            "{:>4}/s {name:<16} right after {right:5.1} s of {rest:5.0} s (at most {within:4.1}), then off {:4.1} %, shown {shown:.3}",
            scenario.rate,
            100.0 * off
        );
        println!("{row}");
        assert!(rest > 1.5 * within, "nothing is left to be right about: {row}");
        if off > WRONG || shown.is_nan() || shown < SHOWN_AGAIN {
            misses.push(row);
        }
    };
    for (rate, requests, falls, rises, outage) in
        [(2.0, 2_400, 65.0, 150.0, 25.0), (10.0, 6_000, 65.0, 90.0, 25.0), (50.0, 30_000, 65.0, 85.0, 25.0)]
    {
        let steady = Scenario::steady(rate, requests);
        let at = f64::from(requests) / 4.0 / rate;
        check("falls to 0.3", &Scenario { change: Some((at, 0.3 * rate)), ..steady.clone() }, falls);
        check("triples", &Scenario { change: Some((at, 3.0 * rate)), ..steady.clone() }, rises);
        check("outage of 60 s", &Scenario { outage: Some((at, at + 60.0)), ..steady }, outage);
    }
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}
