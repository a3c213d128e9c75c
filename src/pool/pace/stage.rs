//! The three ways to send: at the start, feeling for the limit, and at it.
//!
//! Must not decide what a refusal means: that is [`adaptive`](super::adaptive)'s. Times are seconds since the pace
//! began, rates are requests/s.

use super::limit::{Feedback, Limit, NO_LIMIT};
use super::noise::Noisy;

/// The start: 20/s, doubled every three round trips. How many requests follow the first one that is refused, before the
/// refusal is known, depends on nothing but that ratio …
pub(super) const START_RATE: f64 = 20.0;
const ROUND_TRIPS_PER_DOUBLING: f64 = 3.0;
/// … where a round trip includes what timers add: [`EARLY`](super::adaptive::EARLY) and a millisecond.
const TIMERS: f64 = 0.003;
/// Far services do not slow it down further: within a second, 1,000/s are passed, which is any limit worth pacing for.
const SLOWEST_DOUBLING: f64 = 0.15;
/// Requests in flight at the start: answers must keep up, or the first 429 would be followed by a crowd of them.
const START_WINDOW: usize = 16;
const WINDOW_PER_GRANT: usize = 2;
/// With a rate remembered, start above: too high costs one round of 429s, too low costs the whole job.
const ABOVE_REMEMBERED: f64 = 1.5;
/// A full bucket of one second's worth lasts 2 s at 1.5 times its refill. No 429 until then: the limit has risen, or the
/// bucket is larger; one of two seconds' worth ends before the next doubling does.
const REMEMBERED_FOR: f64 = 2.5;
const REMEMBERED_DOUBLING: f64 = 1.0;
/// A refusal after fewer grants than this may be chance: the start goes on at half the rate, but not more often than that.
const FEW_GRANTS: f64 = 5.0;
const MOST_HALVINGS: u32 = 3;
/// A job of fewer requests is small. Others may meet any limit worth pacing for within their first second.
const SMALL_JOB: usize = 1_000;
/// Exponents beyond this say nothing more, and would overflow one day.
const MOST_DOUBLINGS: f64 = 30.0;

#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    /// No refusal yet.
    Start(Start),
    /// After a refusal that measured nothing: one request, then faster, to the next refusal.
    Probe(Probe),
    /// At an estimate.
    Paced(Paced),
    /// Among refusals that do not depend on the pace.
    Noisy(Noisy),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) since: f64,
    pub(super) window: usize,
    pub(super) opening: Opening,
    /// The most that the rate of an unknown limit is doubled to.
    fastest: f64,
    /// When the first of them began, if it was halved; how often; and how many requests had been granted then.
    pub(super) began: f64,
    halvings: u32,
    granted_before: f64,
    /// How often the rate of an unknown limit had doubled at that time, and how long the next doubling takes.
    doublings: f64,
    counted_at: f64,
    doubling_seconds: f64,
    /// Mean time from sending to an answer, and the number of answers.
    delay: f64,
    answers: f64,
}

/// What is known at the start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Opening {
    /// Nothing: begin with so many requests/s.
    Unknown(f64),
    /// What the service granted in an earlier run.
    Remembered(f64),
    /// The user named a rate, and it is the ceiling.
    Told(f64),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) belief: Belief,
    pub(super) rate: f64,
    /// Where raising ends; at a known limit pacing goes on, above a guess it goes on more slowly.
    pub(super) cap: f64,
    pub(super) next_raise: f64,
    pub(super) raised: bool,
    pub(super) began: f64,
    /// For how long nothing had been granted when this began; 0 if something was.
    pub(super) silence: f64,
    /// The mark (in the evidence) that the next refusal is measured from.
    pub(super) from: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Belief {
    /// Nothing measured yet: a rate that the service most likely grants.
    Guess(f64),
    Limit(Limit),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Paced {
    pub(super) limit: Limit,
    /// Requests sent, and since when, in which only the pace held us back and no refusal came.
    pub(super) sends: f64,
    pub(super) since: f64,
}

impl Paced {
    pub(super) fn new(limit: Limit, now: f64) -> Self {
        Self { limit, sends: 0.0, since: now }
    }
}

/// A small job is over in a second at as many requests/s as it has. A faster start would only overrun the limit further.
#[expect(clippy::cast_precision_loss, reason = "a job has far fewer than 2^52 requests")]
pub(super) fn fastest_start(requests: Option<usize>) -> f64 {
    requests.filter(|n| *n < SMALL_JOB).map_or(f64::INFINITY, |n| START_RATE.max(n as f64))
}

impl Start {
    pub(super) fn new(now: f64, opening: Opening, fastest: f64) -> Self {
        Self {
            since: now,
            window: START_WINDOW,
            opening,
            fastest,
            began: now,
            halvings: 0,
            granted_before: 0.0,
            doublings: 0.0,
            counted_at: now,
            doubling_seconds: SLOWEST_DOUBLING,
            delay: 0.0,
            answers: 0.0,
        }
    }

    /// Whether the first refusal came so early that it says nothing: after `granted` requests since the run began.
    pub(super) fn may_be_chance(self, granted: f64) -> bool {
        let unknown = matches!(self.opening, Opening::Unknown(_));
        unknown && self.halvings < MOST_HALVINGS && granted - self.granted_before < FEW_GRANTS
    }

    /// Begins again at half the `rate`, at which a request was refused that may have been so by chance.
    pub(super) fn halved(self, now: f64, rate: f64, granted_before: f64) -> Self {
        let half = Self::new(now, Opening::Unknown(rate / 2.0), self.fastest);
        Self { halvings: self.halvings + 1, granted_before, began: self.began, ..half }
    }

    /// The same, from the beginning: after an outage.
    pub(super) fn again(self, now: f64) -> Self {
        Self { since: now, began: now, doublings: 0.0, counted_at: now, ..self }
    }

    /// An answer that is not a refusal came back after `delay`: more may be in flight.
    pub(super) fn answered(&mut self, now: f64, delay: f64) {
        self.window = self.window.saturating_add(WINDOW_PER_GRANT);
        self.doublings = self.doublings(now);
        self.counted_at = now;
        self.answers += 1.0;
        self.delay += (delay - self.delay) / self.answers;
        self.doubling_seconds = (ROUND_TRIPS_PER_DOUBLING * (self.delay + TIMERS)).min(SLOWEST_DOUBLING);
    }

    pub(super) fn rate(self, now: f64) -> f64 {
        match self.opening {
            Opening::Unknown(first) => (first * self.doublings(now).exp2()).min(self.fastest),
            Opening::Remembered(rate) => {
                let doublings = (now - self.since - REMEMBERED_FOR) / REMEMBERED_DOUBLING;
                ABOVE_REMEMBERED * rate * doublings.clamp(0.0, MOST_DOUBLINGS).exp2()
            }
            Opening::Told(rate) => rate,
        }
    }

    /// Also asked about the time before the last answer, where the present speed says too much: hence the lower bound.
    fn doublings(self, now: f64) -> f64 {
        (self.doublings + (now - self.counted_at) / self.doubling_seconds).clamp(0.0, MOST_DOUBLINGS)
    }
}

impl Probe {
    /// One feedback delay went by without a refusal: faster. After a long silence much faster, for a window has opened.
    pub(super) fn raised(self, now: f64, feedback: Feedback) -> Stage {
        let factor = if self.silence >= 3.0 { 4.0 } else { 1.5 };
        let next_raise = now + (1.2 * feedback.delay).max(0.5 * feedback.pause);
        let mut raised = Probe { rate: self.rate * factor, next_raise, raised: true, ..self };
        match self.belief {
            Belief::Guess(guess) => {
                if self.raised {
                    raised.rate = raised.rate.max(guess / 2.0);
                }
                if raised.rate >= self.cap {
                    (raised.rate, raised.cap) = (self.cap, (1.1 * self.cap).min(NO_LIMIT));
                }
                Stage::Probe(raised)
            }
            Belief::Limit(limit) if raised.rate >= self.cap => Stage::Paced(Paced::new(limit, now)),
            Belief::Limit(_) => Stage::Probe(raised),
        }
    }
}
