//! When the next request may go out.
//!
//! Two bounds and a breaker, in this order: the hard ceiling of `--rate N` (`ceiling`), the limit that the service is
//! found to have (`adaptive`), and nothing but single probes while everything fails (`breaker`). A 429 never sends a
//! request into a private backoff: the request goes back to its place in the queue, and the pace slows down.
//!
//! Must not sleep, read a clock, or know of batches and attempts. One dispatcher owns a [`Pace`], asks before every
//! request, and **asks again after every answer**: a slot that was promised earlier is void.
//!
//! Where it does not work well: jobs of less than about 20 requests or 10 s, limits under one request/s, services
//! without any burst at 25 requests/s or more, and fixed windows of about 10 s without `Retry-After`.

mod evidence;
mod limit;
mod noise;
mod stage;
mod adaptive;
mod breaker;
mod ceiling;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use adaptive::Adaptive;
use breaker::Breaker;
use ceiling::Ceiling;
use limit::{MIN_RATE, NO_LIMIT};
use stage::{Opening, START_RATE, Stage, fastest_start};

use crate::event::Phase;

/// More than this cannot be left to others.
const MOST_HEADROOM: f64 = 0.9;
/// Seconds since the beginning (32 years) beyond which no instant is named, so that adding them cannot overflow.
const END_OF_TIME: f64 = 1e9;

/// How fast to send, as the user has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// Find the service's limit.
    Auto,
    /// Requests/s, finite and above zero: never more. A lower limit of the service is found and kept all the same.
    Fixed(f64),
}

/// What shapes a [`Pace`].
#[derive(Debug, Clone)]
pub struct PaceSettings {
    /// The ceiling.
    pub rate: Rate,
    /// The share of the found limit that is left to the account's other users: 0 to 0.9. At 0 two jobs on one account
    /// do not share fairly; 0.03 costs nothing that could be measured.
    pub headroom: f64,
    /// [`Pace::found`] of an earlier run against the same endpoint, account and region, in requests/s.
    pub remembered: Option<f64>,
    /// How many requests the job has, not counting repeated ones, if that is known. A small job need not start fast.
    pub requests: Option<usize>,
    /// For the jitter of an outage's probes.
    pub seed: u64,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self { rate: Rate::Auto, headroom: 0.03, remembered: None, requests: None, seed: 0 }
    }
}

/// Paces a job. Every request takes a [`Permit`] and gives it back with exactly one of the `on_…` calls.
#[derive(Debug)]
pub struct Pace {
    /// Times inside are seconds since then.
    origin: Instant,
    ceiling: Option<Ceiling>,
    adaptive: Adaptive,
    breaker: Breaker,
    jitter: fastrand::Rng,
    sent: i64,
}

/// One request may go out, and has been counted. Give it back when the request has ended, however it ended.
#[derive(Debug)]
#[must_use = "a permit that is not given back keeps an outage's probe in flight for ever"]
pub struct Permit {
    seq: i64,
    sent_at: f64,
}

/// Why no request may go out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Ask again then (later than now), or after the next answer, whichever comes first.
    Until(Instant),
    /// Ask again after the next answer. Never said when nothing is in flight.
    ForAnswer,
}

#[expect(clippy::needless_pass_by_value, reason = "a permit is given back once, and then it is gone")]
impl Pace {
    /// Settings out of their bounds are moved into them.
    #[must_use]
    pub fn new(settings: &PaceSettings, now: Instant) -> Self {
        let positive = |rate: &f64| rate.is_finite() && *rate > 0.0;
        let headroom =
            if settings.headroom.is_nan() { 0.0 } else { settings.headroom.clamp(0.0, MOST_HEADROOM) };
        let opening = match settings.remembered.filter(positive) {
            Some(rate) => Opening::Remembered(rate.clamp(MIN_RATE, NO_LIMIT)),
            None => match settings.rate {
                Rate::Fixed(rate) if positive(&rate) => Opening::Told(rate.clamp(MIN_RATE, NO_LIMIT)),
                Rate::Fixed(_) | Rate::Auto => Opening::Unknown(START_RATE),
            },
        };
        Self {
            origin: now,
            ceiling: match settings.rate {
                Rate::Auto => None,
                Rate::Fixed(rate) => Some(Ceiling::new(rate)),
            },
            adaptive: Adaptive::new(0.0, headroom, opening, fastest_start(settings.requests)),
            breaker: Breaker::new(0.0),
            jitter: fastrand::Rng::with_seed(settings.seed),
            sent: 0,
        }
    }

    /// Takes leave to send one request now. `in_flight` counts the permits that have not been given back.
    ///
    /// # Errors
    /// When to ask again.
    pub fn try_acquire(&mut self, now: Instant, in_flight: usize) -> Result<Permit, Wait> {
        let t = self.seconds(now);
        if in_flight > 0 && (in_flight >= self.adaptive.window() || self.probe_in_flight()) {
            return Err(Wait::ForAnswer);
        }
        let due = self.due();
        if due > t {
            return Err(Wait::Until(self.instant(due).max(now + Duration::from_nanos(1))));
        }
        if let Some(ceiling) = &mut self.ceiling {
            let elapsed = now.saturating_duration_since(self.origin);
            ceiling.take(elapsed).map_err(|due| Wait::Until(self.origin + due))?;
        }
        Ok(self.sent(t))
    }

    /// An answer that used the service: 2xx, and 4xx which is not a throttle.
    pub fn on_success(&mut self, now: Instant, permit: Permit) {
        let t = self.seconds(now);
        self.adaptive.granted(t, permit.sent_at);
        self.end_outage(t);
    }

    /// 429. Put the batch back in its place in the queue; it has not used up an attempt.
    pub fn on_throttled(&mut self, now: Instant, permit: Permit, retry_after: Option<Duration>) {
        let t = self.seconds(now);
        self.end_outage(t);
        self.adaptive.refused(t, permit.seq, permit.sent_at, retry_after.map(|pause| pause.as_secs_f64()));
    }

    /// 5xx, a timeout, a lost connection.
    pub fn on_error(&mut self, now: Instant, permit: Permit) {
        let jitter = self.jitter.f64();
        self.breaker.failed(self.seconds(now), permit.seq, permit.sent_at, jitter);
    }

    /// The request ended without a word about the service's health: the run is being aborted, or the caller's
    /// credentials were refused.
    pub fn on_abandoned(&mut self, now: Instant, permit: Permit) {
        let jitter = self.jitter.f64();
        self.breaker.abandoned(self.seconds(now), permit.seq, jitter);
    }

    /// The limit as it was last measured, in requests/s: "the service grants about 9.7 requests/s". `None` as long as
    /// no measurement was needed. Worth remembering for the next run.
    #[must_use]
    pub fn found(&self) -> Option<f64> {
        self.adaptive.limit()
    }

    /// What it is doing.
    #[must_use]
    pub fn phase(&self, now: Instant) -> Phase {
        let t = self.seconds(now);
        if let Some(outage) = self.breaker.outage() {
            let next_probe = outage.probe.is_none().then(|| self.instant(self.due()));
            return Phase::Outage { since: self.instant(outage.since), next_probe };
        }
        let due = self.adaptive.due();
        if due > t && (self.adaptive.asked_until > t || self.adaptive.is_blocked()) {
            return Phase::Throttled { until: self.instant(due) };
        }
        match self.adaptive.stage {
            Stage::Start(_) => Phase::Starting,
            Stage::Probe(_) => Phase::Probing,
            Stage::Paced(_) | Stage::Noisy(_) => Phase::Paced { rate: self.adaptive.rate(t) },
        }
    }

    fn probe_in_flight(&self) -> bool {
        self.breaker.outage().is_some_and(|outage| outage.probe.is_some())
    }

    /// When the next request is due, the ceiling apart; may be past. `Retry-After` binds an outage's probes, too.
    fn due(&self) -> f64 {
        match self.breaker.outage() {
            None => self.adaptive.due(),
            Some(outage) => outage.next_probe.max(self.adaptive.asked_until),
        }
    }

    fn sent(&mut self, t: f64) -> Permit {
        self.sent += 1;
        if self.breaker.sent(self.sent) {
            self.adaptive.sent_in_outage(t);
        } else {
            self.adaptive.sent(t);
        }
        Permit { seq: self.sent, sent_at: t }
    }

    fn end_outage(&mut self, t: f64) {
        if self.breaker.alive(t) {
            self.adaptive.resumed(t);
        }
    }

    fn seconds(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.origin).as_secs_f64()
    }

    /// Rounded up: at the instant that was named, the wait is over.
    fn instant(&self, seconds: f64) -> Instant {
        self.origin + Duration::from_secs_f64(seconds.clamp(0.0, END_OF_TIME)) + Duration::from_nanos(1)
    }
}
