//! A service with a token bucket, on virtual time, and a pool in front of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::super::{Pace, PaceSettings, Permit, Rate, Wait};
use super::eta::Looks;
use super::{origin, seconds};
use crate::event::{self, AttemptOutcome, Event as Told, Phase, Settlement};
use crate::input::{LaneId, RowId};
use crate::pool::events::{differ, moved};
use crate::pool::retry;
use crate::terminal::tally::Tally;

const CONCURRENCY: u32 = 256;
const LATENCY: f64 = 0.05;
/// The latency is uniform within this share of it.
const LATENCY_SPREAD: f64 = 0.4;
/// Rows in a batch.
const ROWS: u32 = 7;
/// A service and a job. Rates are requests/s, times seconds from the start.
#[derive(Clone)]
pub(super) struct Scenario {
    pub(super) rate: f64,
    pub(super) burst: f64,
    /// Each has a bucket of its own with that rate and burst; requests are planned for them in turn.
    pub(super) connectors: u32,
    /// What another client takes from each bucket, at even intervals, while there is a token.
    pub(super) others: f64,
    /// From then on the limit is that.
    pub(super) change: Option<(f64, f64)>,
    pub(super) outage: Option<(f64, f64)>,
    /// Share of the requests that is refused whatever the pace.
    pub(super) noise: f64,
    /// Whether such a refusal takes a token.
    pub(super) noise_takes: bool,
    /// Share of the granted requests that end in an error all the same.
    pub(super) errors: f64,
    pub(super) requests: u32,
    pub(super) latency: f64,
    /// Share of the latency that is over when a request arrives.
    pub(super) there: f64,
    pub(super) settings: PaceSettings,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Outcome {
    /// Ideal time / time.
    pub(super) efficiency: f64,
    /// Share of the requests sent.
    pub(super) throttled: f64,
    pub(super) lost: u32,
    /// 429s and errors within 10 s of the change, or from the beginning of the outage on.
    pub(super) wasted: u32,
    /// From the change (or the outage's end) until the pace was within 15 % of the limit (or a request was granted).
    pub(super) settled: Option<f64>,
    pub(super) found: Option<f64>,
    /// What was shown as left.
    pub(super) looks: Looks,
}

impl Scenario {
    pub(super) fn steady(rate: f64, requests: u32) -> Self {
        let settings = PaceSettings::default();
        Self {
            rate,
            burst: rate,
            connectors: 1,
            others: 0.0,
            change: None,
            outage: None,
            noise: 0.0,
            noise_takes: false,
            errors: 0.0,
            requests,
            latency: LATENCY,
            there: 0.5,
            settings,
        }
    }

    fn limit(&self, t: f64) -> f64 {
        self.change.filter(|(from, _)| t >= *from).map_or(self.rate, |(_, rate)| rate)
    }

    /// Nobody can be faster: the burst at once, every other token when it comes.
    fn ideal(&self) -> f64 {
        let requests = f64::from(self.requests);
        let sends = requests / (1.0 - self.noise);
        let tokens = if self.noise_takes { sends } else { requests };
        let needed = (tokens / f64::from(self.connectors) - self.burst).max(0.0);
        let first = self.rate - self.others;
        let refill = match self.change {
            Some((from, rate)) if needed > from * first => {
                from + (needed - from * first) / (rate - self.others)
            }
            _ => needed / first,
        };
        // The bucket is full again after an outage.
        let outage = self
            .outage
            .filter(|(from, _)| refill > *from)
            .map_or(0.0, |(from, until)| (until - from) - (self.burst / self.rate).min(until - from));
        let ceiling = match self.settings.rate {
            Rate::Auto => 0.0,
            Rate::Fixed(rate) => (requests - 1.0) / rate,
        };
        ((refill + outage).max(ceiling) + self.latency).max(sends * self.latency / f64::from(CONCURRENCY))
    }

    /// When the limit changed or the outage was over.
    pub(super) fn upset(&self) -> f64 {
        self.change.map(|(at, _)| at).or(self.outage.map(|(_, until)| until)).unwrap_or(0.0)
    }

    pub(super) fn run(&self, seed: u32) -> Outcome {
        Simulation::new(self.clone(), seed).run()
    }
}

/// A request that is not done: its place in the plan, and its attempts so far.
#[derive(Clone, Copy)]
struct Batch {
    turn: u32,
    attempts: u32,
}

/// Tokens, when they were counted, and when another client takes one.
#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: f64,
    taken_at: f64,
}

impl Bucket {
    fn refill(&mut self, t: f64, scenario: &Scenario) {
        self.tokens = (self.tokens + (t - self.at) * scenario.limit(t)).min(scenario.burst);
        self.at = t;
    }

    /// Whether there was a token, which is gone then.
    fn take(&mut self, t: f64, scenario: &Scenario) -> bool {
        while self.taken_at <= t {
            self.refill(self.taken_at, scenario);
            self.tokens -= f64::from(u8::from(self.tokens >= 1.0));
            self.taken_at += 1.0 / scenario.others;
        }
        self.refill(t, scenario);
        let enough = self.tokens >= 1.0 - 1e-9;
        self.tokens -= f64::from(u8::from(enough));
        enough
    }
}

struct Request {
    batch: Batch,
    permit: Permit,
}

enum Reply {
    Granted,
    Refused,
    Failed,
}

enum Event {
    Arrives(Request, f64),
    Answers(Request, Reply),
    Retries(Batch),
}

struct Simulation {
    scenario: Scenario,
    start: Instant,
    rng: Rng,
    pace: Pace,
    max_attempts: u32,
    buckets: Vec<Bucket>,
    waiting: VecDeque<Batch>,
    events: BTreeMap<(Duration, u32), Event>,
    in_flight: usize,
    sent: u32,
    scheduled: u32,
    throttled: u32,
    outcome: Outcome,
    tally: Tally,
    shown: Option<Phase>,
    limit_shown: Option<f64>,
}

impl Simulation {
    fn new(scenario: Scenario, seed: u32) -> Self {
        let start = origin();
        let seed = u64::from(seed);
        let settings =
            PaceSettings { seed, requests: Some(scenario.requests as usize), ..scenario.settings.clone() };
        Self {
            pace: Pace::new(&settings, start),
            start,
            rng: Rng::with_seed(seed),
            max_attempts: 5,
            buckets: vec![
                Bucket { tokens: scenario.burst, at: 0.0, taken_at: 1.0 / scenario.others };
                scenario.connectors as usize
            ],
            waiting: (0..scenario.requests).map(|turn| Batch { turn, attempts: 0 }).collect(),
            events: BTreeMap::new(),
            in_flight: 0,
            sent: 0,
            scheduled: 0,
            throttled: 0,
            outcome: Outcome::default(),
            tally: Tally::new(u64::from(ROWS * scenario.requests), start),
            shown: None,
            limit_shown: None,
            scenario,
        }
    }

    fn run(mut self) -> Outcome {
        let mut now = Duration::ZERO;
        loop {
            let wake = self.dispatch(now);
            self.watch(now.as_secs_f64());
            self.look(now);
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            match (event, wake) {
                (None, None) => break,
                (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                    now = at;
                    let (_, event) = self.events.pop_first().unwrap();
                    self.happens(now, event);
                }
                (_, Some(wake)) => now = wake,
                (Some(_), None) => unreachable!(),
            }
        }
        assert!(self.waiting.is_empty() && self.in_flight == 0, "stuck after {now:?}");
        let mut outcome = self.outcome;
        outcome.looks.end = now.as_secs_f64();
        outcome.looks.limit = self.scenario.limit(outcome.looks.end);
        outcome.efficiency = self.scenario.ideal() / now.as_secs_f64();
        outcome.throttled = f64::from(self.throttled) / f64::from(self.sent);
        outcome.found = self.pace.found();
        outcome
    }

    /// Sends what may be sent; says when to wake, to the millisecond, as tokio's timers do.
    fn dispatch(&mut self, now: Duration) -> Option<Duration> {
        while self.in_flight < CONCURRENCY as usize && !self.waiting.is_empty() {
            match self.pace.try_acquire(self.start + now, self.in_flight) {
                Ok(permit) => {
                    let batch = self.waiting.pop_front().unwrap();
                    self.in_flight += 1;
                    self.sent += 1;
                    let latency =
                        self.scenario.latency * (1.0 + LATENCY_SPREAD * (2.0 * self.rng.f64() - 1.0));
                    let request = Request { batch, permit };
                    let there = self.scenario.there * latency;
                    self.schedule(now + seconds(there), Event::Arrives(request, latency - there));
                }
                Err(Wait::ForAnswer) => {
                    assert!(self.in_flight > 0, "waits for an answer that nobody will give");
                    return None;
                }
                Err(Wait::Until(at)) => {
                    let at = (at - self.start).as_secs_f64();
                    return Some(seconds((at * 1e3).ceil() / 1e3).max(now + Duration::from_millis(1)));
                }
            }
        }
        None
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    fn happens(&mut self, now: Duration, event: Event) {
        match event {
            Event::Arrives(request, latency) => {
                let reply = self.serve(now.as_secs_f64(), request.batch);
                self.schedule(now + seconds(latency), Event::Answers(request, reply));
            }
            Event::Answers(request, reply) => self.answered(now, request, &reply),
            Event::Retries(batch) => self.waiting.push_front(batch),
        }
    }

    fn serve(&mut self, t: f64, batch: Batch) -> Reply {
        if self.scenario.outage.is_some_and(|(from, until)| (from..until).contains(&t)) {
            return Reply::Failed;
        }
        let noise = self.scenario.noise > 0.0 && self.rng.f64() < self.scenario.noise;
        if noise && !self.scenario.noise_takes {
            return Reply::Refused;
        }
        if !self.buckets[(batch.turn % self.scenario.connectors) as usize].take(t, &self.scenario) || noise {
            return Reply::Refused;
        }
        if self.rng.f64() < self.scenario.errors { Reply::Failed } else { Reply::Granted }
    }

    fn answered(&mut self, now: Duration, Request { mut batch, permit }: Request, reply: &Reply) {
        self.in_flight -= 1;
        let (t, at) = (now.as_secs_f64(), self.start + now);
        match reply {
            Reply::Granted => {
                self.tell(&Told::Attempt(AttemptOutcome::Answered), now);
                self.tell(&Told::Settled(one_batch()), now);
                self.pace.on_success(at, permit);
                if let Some((_, until)) = self.scenario.outage.filter(|(_, until)| t > *until) {
                    self.outcome.settled.get_or_insert(t - until);
                }
            }
            Reply::Refused => {
                self.tell(&Told::Attempt(AttemptOutcome::Throttled), now);
                self.throttled += 1;
                self.waste(t);
                self.pace.on_throttled(at, permit, None);
                let later = self.waiting.iter().position(|other| other.turn >= batch.turn);
                self.waiting.insert(later.unwrap_or(self.waiting.len()), batch);
            }
            Reply::Failed => {
                self.tell(&Told::Attempt(AttemptOutcome::Failed), now);
                self.waste(t);
                batch.attempts += u32::from(!matches!(self.pace.phase(at), Phase::Outage { .. }));
                self.pace.on_error(at, permit);
                if batch.attempts >= self.max_attempts {
                    self.outcome.lost += 1;
                } else {
                    let delay = retry::delay(batch.attempts, self.rng.f64());
                    self.schedule(now + delay, Event::Retries(batch));
                }
            }
        }
    }

    fn tell(&mut self, event: &Told, now: Duration) {
        self.tally.apply(LaneId::default(), event, self.start + now);
    }

    /// Looks at what somebody who watches would see.
    fn look(&mut self, now: Duration) {
        let phase = self.pace.phase(self.start + now);
        if self.shown.is_none_or(|shown| differ(shown, phase)) {
            self.shown = Some(phase);
            self.tell(&Told::Phase(phase), now);
        }
        if let Some(limit) = self.pace.found()
            && self.limit_shown.is_none_or(|shown| moved(shown, limit))
        {
            self.limit_shown = Some(limit);
            self.tell(&Told::LimitFound(limit), now);
        }
        if 5 * self.tally.settled() >= self.tally.rows {
            let left = self.tally.remaining(self.start + now);
            self.outcome.looks.look(now.as_secs_f64(), left.map(|left| left.as_secs_f64()));
        }
    }

    fn waste(&mut self, t: f64) {
        let after_change = self.scenario.change.is_some_and(|(from, _)| (from..from + 10.0).contains(&t));
        let in_outage = self.scenario.outage.is_some_and(|(from, until)| (from..until + 0.1).contains(&t));
        self.outcome.wasted += u32::from(after_change || in_outage);
    }

    fn watch(&mut self, t: f64) {
        if let Some((from, limit)) = self.scenario.change
            && t > from
            && let Phase::Paced { rate } = self.pace.phase(self.start + seconds(t))
            && (rate / limit - 1.0).abs() < 0.15
        {
            self.outcome.settled.get_or_insert(t - from);
        }
    }
}

fn one_batch() -> Settlement {
    Settlement {
        rows: (0..ROWS).map(RowId::new).collect(),
        outcome: event::Outcome::Succeeded,
        code: "".into(),
        message: "".into(),
        attempts: 1,
        request_id: None,
        at: jiff::Timestamp::UNIX_EPOCH,
    }
}
