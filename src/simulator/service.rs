//! The simulated service as a function from HTTP message to [`Answer`].
//!
//! The order of the stages is the service's: an outage hides everything, then signature, rate limit, call; a fault
//! strikes before or after the call's change. Must not read a clock, sleep or open a socket.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;
use http::header::HeaderValue;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;

use super::bucket::Bucket;
use super::faults::{self, Answer, Attempt, Delivery};
use super::operations::{Call, Operation, batch_body, route};
use super::scenario::{RetryAfter, Scenario};
use super::seed;
use super::signature::Verifier;
use super::wire::{Asked, Refusal, Stamp, json, reply};
use super::world::{Ledger, World};

/// The most seconds that [`Tally::per_second`] covers: two days.
const SECONDS: usize = 172_800;

/// What the service has seen and done, for tests and for whoever wonders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that arrived, questions to the simulator itself aside.
    pub requests: u64,
    /// Replies by HTTP status. A request whose connection was broken has none.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that the rate limit refused.
    pub throttled: u64,
    /// Disassociations that were made.
    pub applied: u64,
    /// Requests that a fault or an outage hit, by its name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The most requests that were waiting for their reply at one time.
    pub max_in_flight: u32,
    /// Requests by second since the first one.
    pub per_second: Vec<u32>,
}

/// The simulated service.
#[derive(Debug)]
pub struct Service {
    scenario: Scenario,
    verifier: Verifier,
    bucket: Option<Bucket>,
    world: World,
    /// How often each batch was seen.
    attempts: HashMap<u64, u32>,
    tally: Tally,
    /// When the first request arrived.
    started: Option<Duration>,
    /// The last `Date`, by its second.
    date: (i64, HeaderValue),
}

/// A request on its way through the stages.
struct Arrival<'a> {
    request: &'a Request<Bytes>,
    now: Timestamp,
    elapsed: Duration,
    n: u64,
    stamp: Stamp,
}

impl Service {
    /// A service at the beginning of a scenario.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self {
            verifier: Verifier::new(&scenario),
            bucket: scenario.throttle.as_ref().map(Bucket::new),
            world: World::new(&scenario.connectors),
            attempts: HashMap::new(),
            tally: Tally::default(),
            started: None,
            date: (i64::MIN, HeaderValue::from_static("")),
            scenario,
        }
    }

    /// Answers a request. `now` is the real time, `elapsed` a monotonic one from any origin; a scenario's times count
    /// from the first request's `elapsed`.
    ///
    /// `GET /_simulator/tally` and `GET /_simulator/ledger` answer with [`Tally`] and [`Ledger`] in JSON, and take
    /// part in nothing else.
    pub fn answer(&mut self, request: &Request<Bytes>, now: Timestamp, elapsed: Duration) -> Answer {
        let now = now.saturating_add(self.scenario.clock_offset).unwrap_or(now);
        if let Some(question) = request.uri().path().strip_prefix("/_simulator/") {
            let stamp = self.stamp(now, 0);
            let response = self.introspect(question, &stamp);
            return Answer { delay: Duration::ZERO, delivery: Delivery::Reply(response) };
        }
        let elapsed = elapsed.saturating_sub(*self.started.get_or_insert(elapsed));
        let n = self.count(elapsed);
        let arrival = Arrival { request, now, elapsed, n, stamp: self.stamp(now, n) };
        let answer = self.serve(&arrival);
        self.tally.applied = self.world.applied();
        if let Some(status) = answer.delivery.status() {
            *self.tally.statuses.entry(status.as_u16()).or_default() += 1;
        }
        answer
    }

    /// Says that so many requests are waiting for their replies now.
    pub fn note_in_flight(&mut self, requests: u32) {
        self.tally.max_in_flight = self.tally.max_in_flight.max(requests);
    }

    /// What was seen and done so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What became of the numbers.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.world.ledger()
    }

    fn count(&mut self, elapsed: Duration) -> u64 {
        self.tally.requests += 1;
        let second = usize::try_from(elapsed.as_secs()).unwrap_or(SECONDS);
        if second < SECONDS {
            if self.tally.per_second.len() <= second {
                self.tally.per_second.resize(second + 1, 0);
            }
            self.tally.per_second[second] += 1;
        }
        self.tally.requests
    }

    fn stamp(&mut self, now: Timestamp, n: u64) -> Stamp {
        if self.date.0 != now.as_second() {
            let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
            let value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
            self.date = (now.as_second(), value);
        }
        let request_id =
            HeaderValue::try_from(format!("sim-{n}")).unwrap_or(HeaderValue::from_static("sim-"));
        Stamp { date: self.date.1.clone(), request_id }
    }

    fn introspect(&self, question: &str, stamp: &Stamp) -> Response<Bytes> {
        match question {
            "tally" => reply(StatusCode::OK, json(&self.tally), stamp),
            "ledger" => reply(StatusCode::OK, json(&self.ledger()), stamp),
            _ => Refusal::not_found("ask for `/_simulator/tally` or `/_simulator/ledger`").reply(stamp),
        }
    }

    fn serve(&mut self, arrival: &Arrival<'_>) -> Answer {
        if let Some(outage) = faults::outage(&self.scenario.outages, arrival.elapsed) {
            *self.tally.faults.entry(outage.does.name()).or_default() += 1;
            let unavailable = Refusal::named(StatusCode::SERVICE_UNAVAILABLE, "the service is in an outage")
                .reply(&arrival.stamp);
            let delivery = outage.does.deliver(unavailable, &arrival.stamp, arrival.n);
            return Answer { delay: Duration::ZERO, delivery };
        }
        let delivery = self.admit(arrival).and_then(|operation| self.perform(arrival, operation));
        let delivery = delivery.unwrap_or_else(|refusal| Delivery::Reply(refusal.reply(&arrival.stamp)));
        Answer { delay: self.delay(arrival.n), delivery }
    }

    /// Signature, rate limit, routing.
    fn admit<'a>(&mut self, arrival: &Arrival<'a>) -> Result<Operation<'a>, Refusal> {
        self.verifier.verify(arrival.request, arrival.now, arrival.elapsed)?;
        if let Some(Err(wait)) = self.bucket.as_mut().map(|bucket| bucket.take(arrival.elapsed)) {
            self.tally.throttled += 1;
            let mut refusal = Refusal::named(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
            let kind =
                self.scenario.throttle.as_ref().map_or(RetryAfter::Silent, |throttle| throttle.retry_after);
            refusal.retry_after = retry_after(kind, wait);
            return Err(refusal);
        }
        route(arrival.request.method(), arrival.request.uri())
    }

    fn perform(&mut self, arrival: &Arrival<'_>, operation: Operation<'_>) -> Result<Delivery, Refusal> {
        let mut call = Call { scenario: &self.scenario, world: &mut self.world, request: arrival.n };
        let body = match operation {
            Operation::Disassociate { connector } => {
                let body = batch_body(arrival.request.body())?;
                return Ok(self.disassociate(arrival, &connector, &body.numbers));
            }
            Operation::Associate { connector } => {
                call.associate(&connector, &batch_body(arrival.request.body())?)?
            }
            Operation::ListNumbers { holder, page } => call.list_numbers(holder.as_deref(), &page)?,
            Operation::GetNumber { id } => call.get_number(&id)?,
            Operation::ListConnectors { page } => call.list_connectors(&page),
        };
        Ok(Delivery::Reply(reply(StatusCode::OK, body, &arrival.stamp)))
    }

    /// The one call that the scenario's faults strike.
    fn disassociate(&mut self, arrival: &Arrival<'_>, connector: &str, numbers: &[Asked]) -> Delivery {
        let seed = self.scenario.seed;
        let batch = batch_key(connector, numbers);
        let attempt = self.attempts.entry(batch).or_insert(0);
        *attempt += 1;
        let attempt = Attempt { connector, numbers, batch, nth: *attempt };
        let fault = faults::choose(&self.scenario.faults, seed, &attempt);
        let answered = if fault.is_some_and(|fault| !fault.applies()) {
            Err(Refusal::named(StatusCode::SERVICE_UNAVAILABLE, ""))
        } else {
            let mut call = Call { scenario: &self.scenario, world: &mut self.world, request: arrival.n };
            call.disassociate(connector, numbers, attempt.nth)
        };
        let response = match answered {
            Ok(body) => reply(StatusCode::OK, body, &arrival.stamp),
            Err(refusal) => refusal.reply(&arrival.stamp),
        };
        let Some(fault) = fault else { return Delivery::Reply(response) };
        *self.tally.faults.entry(fault.does.name()).or_default() += 1;
        fault.does.deliver(response, &arrival.stamp, seed::bits(seed, (batch, attempt.nth)))
    }

    fn delay(&self, n: u64) -> Duration {
        let latency = self.scenario.latency;
        if latency.jitter.is_zero() {
            return latency.mean;
        }
        let spread = latency.jitter.mul_f64(2.0 * seed::chance(self.scenario.seed, n));
        latency.mean.saturating_sub(latency.jitter) + spread
    }
}

impl Delivery {
    /// The status of the reply, if there is one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Reply(response)
            | Self::Cut(response, _)
            | Self::Drip(response, _)
            | Self::Flood(response, _) => Some(response.status()),
            Self::Drop | Self::Reset | Self::Stall => None,
        }
    }
}

/// Identifies connector and numbers, whatever the order of the numbers.
fn batch_key(connector: &str, numbers: &[Asked]) -> u64 {
    let sum = numbers.iter().fold(0_u64, |sum, number| sum.wrapping_add(seed::bits(0, number.0)));
    seed::bits(sum, connector)
}

/// The header, and its value.
fn retry_after(kind: RetryAfter, wait: Duration) -> Option<(&'static str, u64)> {
    let (name, value) = match kind {
        RetryAfter::Silent => return None,
        RetryAfter::Seconds => ("retry-after", wait.as_nanos().div_ceil(1_000_000_000)),
        RetryAfter::Milliseconds => ("x-amz-retry-after", wait.as_nanos().div_ceil(1_000_000)),
    };
    Some((name, u64::try_from(value).unwrap_or(u64::MAX)))
}
