//! The simulated service as a function from HTTP message to [`Answer`].
//!
//! The stages are in the real service's order: an outage hides everything, then signature, rate limit, call; a fault
//! hits before or after the call's change. Must not read a clock, sleep or open a socket.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use jiff::Timestamp;
use serde::Serialize;

use super::bucket::{Bucket, RetryAfter};
use super::call::{Body, Call, parameter, subjects};
use super::faults::{self, Answer, Attempt, Delivery};
use super::ledger::{Action, Ledger};
use super::operations;
use super::scenario::Scenario;
use super::seed;
use super::signature::{self, Verifier};
use super::sts;
use super::wire::{Refusal, Stamp, reply, to_json};
use super::world::{Cause, World};
use crate::number::PhoneNumber;

/// What the service has seen and done, for tests and for users who want to check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that arrived, except those about the simulator itself.
    pub requests: u64,
    /// Replies by HTTP status. A request whose connection was broken has none.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that the rate limit refused.
    pub throttled: u64,
    /// Disassociations that were made.
    pub applied: u64,
    /// Changes that were made, by what was done.
    pub changes: BTreeMap<Action, u64>,
    /// Requests that a fault or an outage hit, by its name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The most requests that were waiting for their reply at one time.
    pub max_in_flight: u32,
    /// Requests by second since the first one.
    pub per_second: Vec<u32>,
}

/// The simulated service.
pub(crate) struct Service {
    scenario: Scenario,
    verifier: Verifier,
    /// By connector if each has a limit of its own, else a single one.
    buckets: HashMap<String, Bucket>,
    world: World,
    /// How often each batch, and each page, was seen.
    attempts: HashMap<u64, u32>,
    tally: Tally,
    /// When the first request arrived.
    started: Option<Duration>,
}

impl Service {
    /// A service at the start of a scenario.
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self {
            verifier: Verifier::new(&scenario),
            buckets: HashMap::new(),
            world: World::new(&scenario),
            attempts: HashMap::new(),
            tally: Tally::default(),
            started: None,
            scenario,
        }
    }

    /// Answers a request. `now` is the real time, `elapsed` a monotonic one from any origin; a scenario's times count
    /// from the first request's `elapsed`.
    ///
    /// `GET /_simulator/tally` and `GET /_simulator/ledger` answer with [`Tally`] and [`Ledger`] in JSON. They are not
    /// signed, counted, limited or hit by faults. `POST /` is STS: it is signed, and nothing else either.
    pub(crate) fn answer(&mut self, request: &Request<Bytes>, now: Timestamp, elapsed: Duration) -> Answer {
        let now = now.saturating_add(self.scenario.clock_offset).unwrap_or(now);
        if let Some(question) = request.uri().path().strip_prefix("/_simulator/") {
            let response = self.introspect(question, &Stamp::new(now, 0));
            return Answer { delay: Duration::ZERO, delivery: Delivery::Reply(response) };
        }
        if request.uri().path() == "/" {
            let verified = self.verifier.verify(request, now, Duration::ZERO, signature::STS);
            let response = sts::answer(request, verified, &Stamp::new(now, 0));
            return Answer { delay: Duration::ZERO, delivery: Delivery::Reply(response) };
        }
        let elapsed = elapsed.saturating_sub(*self.started.get_or_insert(elapsed));
        self.tally.count(elapsed);
        let stamp = Stamp::new(now, self.tally.requests);
        let answer = if let Some(delivery) = self.outage(elapsed, &stamp) {
            Answer { delay: Duration::ZERO, delivery }
        } else {
            let delivery = self.serve(request, now, elapsed, &stamp);
            let delivery = delivery.unwrap_or_else(|refusal| Delivery::Reply(refusal.reply(&stamp)));
            Answer { delay: self.delay(), delivery }
        };
        self.tally.changes.clone_from(self.world.applied());
        self.tally.applied = self.tally.changes.get(&Action::Disassociate).copied().unwrap_or(0);
        if let Some(status) = answer.delivery.status() {
            *self.tally.statuses.entry(status.as_u16()).or_default() += 1;
        }
        answer
    }

    /// Records how many requests are waiting for their replies now.
    pub(super) fn note_in_flight(&mut self, requests: u32) {
        self.tally.max_in_flight = self.tally.max_in_flight.max(requests);
    }

    /// What was seen and done so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Puts numbers on a connector, or into the account if there is none, as [`Simulator::hold`](super::Simulator::hold)
    /// says.
    pub(super) fn hold(&mut self, connector: Option<&str>, numbers: impl IntoIterator<Item = PhoneNumber>) {
        let index = connector.map(|id| self.world.connector(id));
        for number in numbers {
            match index {
                None => self.world.suppose_unassigned(number),
                Some(index) => index.into_iter().for_each(|index| self.world.suppose(index, number)),
            }
        }
    }

    /// What happened to the numbers.
    pub(crate) fn ledger(&self) -> Ledger {
        self.world.ledger()
    }

    fn introspect(&self, question: &str, stamp: &Stamp) -> Response<Bytes> {
        match question {
            "tally" => reply(StatusCode::OK, to_json(&self.tally), stamp),
            "ledger" => reply(StatusCode::OK, to_json(&self.ledger()), stamp),
            _ => Refusal::not_found("ask for `/_simulator/tally` or `/_simulator/ledger`").reply(stamp),
        }
    }

    fn outage(&mut self, elapsed: Duration, stamp: &Stamp) -> Option<Delivery> {
        let outage = faults::outage(&self.scenario.outages, elapsed)?;
        *self.tally.faults.entry(outage.does.name()).or_default() += 1;
        let unavailable = Refusal::named(StatusCode::SERVICE_UNAVAILABLE, "the service is in an outage");
        Some(outage.does.deliver(unavailable.reply(stamp), stamp, self.tally.requests))
    }

    fn serve(
        &mut self,
        request: &Request<Bytes>,
        now: Timestamp,
        elapsed: Duration,
        stamp: &Stamp,
    ) -> Result<Delivery, Refusal> {
        self.verifier.verify(request, now, elapsed, signature::SERVICE)?;
        self.throttle(request, elapsed)?;
        let (operation, id) = operations::find(request)?;
        let body = Body::parse(request.body())?;
        let (action, force) = (operation.action, body.force == Some(true));
        let numbers = subjects(action, body, &id)?;
        let batch = batch_key(action, &id, &numbers, request.uri());
        let nth = self.attempts.entry(batch).or_insert(0);
        *nth += 1;
        let cause = Cause { request: self.tally.requests, attempt: *nth, now, elapsed };
        let listed = parameter(request.uri(), "filter-value").filter(|_| action == Action::List);
        let connector = listed.as_ref().unwrap_or(&id);
        let attempt = Attempt { action, connector, numbers: &numbers, batch, nth: *nth };
        let fault = faults::choose(&self.scenario.faults, self.scenario.seed, &attempt);
        let mut call = Call {
            scenario: &self.scenario,
            world: &mut self.world,
            action,
            uri: request.uri(),
            id: &id,
            numbers: &numbers,
            force,
            cause,
        };
        let ok = |body| reply(StatusCode::OK, to_json(&body), stamp);
        let response = if fault.is_some_and(|fault| !fault.applies()) {
            Refusal::named(StatusCode::SERVICE_UNAVAILABLE, "").reply(stamp)
        } else {
            (operation.run)(&mut call).map_or_else(|refusal| refusal.reply(stamp), ok)
        };
        let Some(fault) = fault else { return Ok(Delivery::Reply(response)) };
        *self.tally.faults.entry(fault.does.name()).or_default() += 1;
        let draw = seed::bits(self.scenario.seed, format_args!("place {batch} {}", attempt.nth));
        Ok(fault.does.deliver(response, stamp, draw))
    }

    fn throttle(&mut self, request: &Request<Bytes>, elapsed: Duration) -> Result<(), Refusal> {
        let Some(throttle) = &self.scenario.throttle else { return Ok(()) };
        let connector = Some(operations::connector(request)).filter(|_| throttle.per_connector);
        let bucket = self.buckets.entry(connector.unwrap_or_default().into_owned());
        let bucket = bucket.or_insert_with(|| Bucket::new(throttle));
        let Err(wait) = bucket.take(elapsed) else { return Ok(()) };
        self.tally.throttled += 1;
        let mut refusal = Refusal::named(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        let header = match throttle.retry_after {
            RetryAfter::Silent => None,
            RetryAfter::Seconds => Some(("retry-after", 1_000_000_000)),
            RetryAfter::Milliseconds => Some(("x-amz-retry-after", 1_000_000)),
        };
        let units = |nanos| u64::try_from(wait.as_nanos().div_ceil(nanos)).unwrap_or(u64::MAX);
        refusal.retry_after = header.map(|(name, nanos)| (name, units(nanos)));
        Err(refusal)
    }

    fn delay(&self) -> Duration {
        let latency = self.scenario.latency;
        let draw = seed::chance(self.scenario.seed, format_args!("latency {}", self.tally.requests));
        latency.mean.saturating_sub(latency.jitter) + latency.jitter.mul_f64(2.0 * draw)
    }
}

impl Tally {
    fn count(&mut self, elapsed: Duration) {
        self.requests += 1;
        let second = usize::try_from(elapsed.as_secs()).unwrap_or(usize::MAX);
        if self.per_second.len() <= second {
            self.per_second.resize(second + 1, 0);
        }
        self.per_second[second] += 1;
    }
}

/// Identifies what a call does and to what, whatever the order of its numbers; a listing's page by its URI.
fn batch_key(action: Action, id: &str, numbers: &[PhoneNumber], uri: &Uri) -> u64 {
    let mut digits: Vec<u64> = numbers.iter().map(|number| number.digits()).collect();
    digits.sort_unstable();
    match action {
        Action::Disassociate => seed::bits(0, format_args!("{id} {digits:?}")),
        Action::List => seed::bits(0, format_args!("{action:?} {uri}")),
        _ => seed::bits(0, format_args!("{action:?} {id} {digits:?}")),
    }
}
