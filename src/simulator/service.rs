//! The simulated service as a function from HTTP message to [`Answer`].
//!
//! The stages are in the real service's order: an outage hides everything, then signature, rate limit, call; a fault
//! hits before or after the call's change. Must not read a clock, sleep or open a socket.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use jiff::Timestamp;

use super::bucket::{Bucket, RetryAfter};
use super::call::{Body, Call, parameter, subjects};
use super::faults::{self, Answer, Attempt, Delivery};
use super::keys::ACCOUNT;
use super::lane::Settings;
use super::ledger::{Action, Ledger};
use super::operations;
use super::scenario::Scenario;
use super::seed;
use super::signature::{self, Authorization, Verifier};
use super::sts;
use super::tally::{Seen, Tally};
use super::wire::{Refusal, Stamp, reply, to_json};
use super::world::{Cause, World};
use crate::number::PhoneNumber;

/// The region that a ledger shows before the first request, unless the scenario names one.
const REGION: &str = "us-east-1";

/// The simulated service.
pub struct Service {
    scenario: Scenario,
    verifier: Verifier,
    /// By account and region.
    lanes: BTreeMap<(Arc<str>, Arc<str>), Lane>,
    tally: Tally,
    /// When the first request arrived.
    started: Option<Duration>,
}

/// The state of an account in a region.
#[derive(Default)]
struct Lane {
    /// By connector if each has a limit of its own, else a single one.
    buckets: HashMap<String, Bucket>,
    /// Made for the first request with a right signature.
    world: Option<World>,
    /// How often each batch, and each page, was seen.
    attempts: HashMap<u64, u32>,
    tally: Tally,
}

impl Service {
    /// A service at the start of a scenario.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self {
            verifier: Verifier::new(&scenario),
            lanes: BTreeMap::new(),
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
    pub fn answer(&mut self, request: &Request<Bytes>, now: Timestamp, elapsed: Duration) -> Answer {
        let now = now.saturating_add(self.scenario.clock_offset).unwrap_or(now);
        if let Some(question) = request.uri().path().strip_prefix("/_simulator/") {
            let response = self.introspect(question, &Stamp::new(now, 0));
            return Answer { delay: Duration::ZERO, delivery: Delivery::Reply(response) };
        }
        if request.uri().path() == "/" {
            let stamp = Stamp::new(now, 0);
            let response = sts::answer(request, &mut self.verifier, &self.scenario.sts, now, &stamp);
            return Answer { delay: Duration::ZERO, delivery: Delivery::Reply(response) };
        }
        let elapsed = elapsed.saturating_sub(*self.started.get_or_insert(elapsed));
        let authorization = Authorization::parse(request.headers());
        let (account, region) = authorization.as_ref().map_or(("", ""), Authorization::lane);
        let number = self.tally.requests + 1;
        let mut arrival = Arrival {
            scenario: &self.scenario,
            settings: self.scenario.settings(account, region),
            verifier: &mut self.verifier,
            lane: self.lanes.entry((account.into(), region.into())).or_default(),
            name: (account, region),
            number,
            now,
            elapsed,
            stamp: Stamp::new(now, number),
            seen: Seen::default(),
        };
        let answer = arrival.answer(request, authorization);
        let Arrival { lane, seen, .. } = arrival;
        self.tally.count(elapsed, &seen);
        lane.tally.count(elapsed, &seen);
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

    /// What was seen and done so far for an account and region.
    pub(super) fn tally_of(&self, account: &str, region: &str) -> Tally {
        self.lanes.get(&(account.into(), region.into())).map(|lane| lane.tally.clone()).unwrap_or_default()
    }

    /// Puts numbers on a connector, or into the account if there is none, as [`Simulator::hold`](super::Simulator::hold)
    /// says.
    pub(super) fn hold(
        &mut self,
        (account, region): (&str, &str),
        connector: Option<&str>,
        numbers: impl IntoIterator<Item = PhoneNumber>,
    ) {
        let lane = self.lanes.entry((account.into(), region.into())).or_default();
        let world = lane.world.get_or_insert_with(|| World::new(&self.scenario, (account, region)));
        let index = connector.map(|id| world.connector(id));
        for number in numbers {
            match index {
                None => world.suppose_unassigned(number),
                Some(index) => index.into_iter().for_each(|index| world.suppose(index, number)),
            }
        }
    }

    /// What happened to the numbers. Before anything could, it shows what the usual account has.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut worlds = self.lanes.values().filter_map(|lane| lane.world.as_ref()).peekable();
        if worlds.peek().is_none() {
            let region = self.scenario.region.as_deref().unwrap_or(REGION);
            return World::new(&self.scenario, (ACCOUNT, region)).ledger();
        }
        let mut ledger = Ledger::default();
        worlds.for_each(|world| ledger.extend(world.ledger()));
        ledger.applications.sort_by_key(|made| made.request);
        ledger
    }

    fn introspect(&self, question: &str, stamp: &Stamp) -> Response<Bytes> {
        match question {
            "tally" => reply(StatusCode::OK, to_json(&self.tally), stamp),
            "ledger" => reply(StatusCode::OK, to_json(&self.ledger()), stamp),
            _ => Refusal::not_found("ask for `/_simulator/tally` or `/_simulator/ledger`").reply(stamp),
        }
    }
}

/// A request, and what decides how it is answered.
struct Arrival<'a> {
    scenario: &'a Scenario,
    settings: Settings<'a>,
    verifier: &'a mut Verifier,
    lane: &'a mut Lane,
    /// The account and region.
    name: (&'a str, &'a str),
    /// The `n` of request id `sim-n`.
    number: u64,
    /// What the service's clock shows.
    now: Timestamp,
    /// Since the first request.
    elapsed: Duration,
    stamp: Stamp,
    seen: Seen,
}

impl Arrival<'_> {
    fn answer(
        &mut self,
        request: &Request<Bytes>,
        authorization: Result<Authorization<'_>, Refusal>,
    ) -> Answer {
        let answer = if let Some(delivery) = self.outage() {
            Answer { delay: Duration::ZERO, delivery }
        } else {
            let delivery = authorization.and_then(|authorization| self.serve(request, &authorization));
            let delivery = delivery.unwrap_or_else(|refusal| Delivery::Reply(refusal.reply(&self.stamp)));
            Answer { delay: self.delay(), delivery }
        };
        self.seen.status = answer.delivery.status();
        self.seen.changes = self.lane.world.as_mut().map(World::take_changes).unwrap_or_default();
        answer
    }

    fn outage(&mut self) -> Option<Delivery> {
        let outage = faults::outage(self.settings.outages, self.elapsed)?;
        self.seen.fault = Some(outage.does.name());
        let unavailable = Refusal::named(StatusCode::SERVICE_UNAVAILABLE, "the service is in an outage");
        Some(outage.does.deliver(unavailable.reply(&self.stamp), &self.stamp, self.number))
    }

    fn serve(
        &mut self,
        request: &Request<Bytes>,
        authorization: &Authorization<'_>,
    ) -> Result<Delivery, Refusal> {
        let Self { scenario, settings, now, elapsed, .. } = *self;
        self.verifier.verify(request, authorization, (now, elapsed), signature::SERVICE)?;
        self.throttle(request)?;
        let (operation, id) = operations::find(request)?;
        let body = Body::parse(request.body())?;
        let (action, force) = (operation.action, body.force == Some(true));
        let numbers = subjects(action, body, &id)?;
        let batch = batch_key(action, &id, &numbers, request.uri());
        let nth = self.lane.attempts.entry(batch).or_insert(0);
        *nth += 1;
        let cause = Cause { request: self.number, attempt: *nth, now, elapsed };
        let listed = parameter(request.uri(), "filter-value").filter(|_| action == Action::List);
        let connector = listed.as_ref().unwrap_or(&id);
        let attempt = Attempt { action, connector, numbers: &numbers, batch, nth: *nth };
        let fault = faults::choose(settings.faults, scenario.seed, &attempt);
        let world = self.lane.world.get_or_insert_with(|| World::new(scenario, self.name));
        let uri = request.uri();
        let mut call = Call { scenario, world, action, uri, id: &id, numbers: &numbers, force, cause };
        let stamp = &self.stamp;
        let ok = |body| reply(StatusCode::OK, to_json(&body), stamp);
        let response = if fault.is_some_and(|fault| !fault.applies()) {
            Refusal::named(StatusCode::SERVICE_UNAVAILABLE, "").reply(stamp)
        } else {
            (operation.run)(&mut call).map_or_else(|refusal| refusal.reply(stamp), ok)
        };
        let Some(fault) = fault else { return Ok(Delivery::Reply(response)) };
        self.seen.fault = Some(fault.does.name());
        let draw = seed::bits(scenario.seed, format_args!("place {batch} {}", attempt.nth));
        Ok(fault.does.deliver(response, stamp, draw))
    }

    fn throttle(&mut self, request: &Request<Bytes>) -> Result<(), Refusal> {
        let Some(throttle) = self.settings.throttle else { return Ok(()) };
        let connector = Some(operations::connector(request)).filter(|_| throttle.per_connector);
        let bucket = self.lane.buckets.entry(connector.unwrap_or_default().into_owned());
        let bucket = bucket.or_insert_with(|| Bucket::new(throttle));
        let Err(wait) = bucket.take(self.elapsed) else { return Ok(()) };
        self.seen.throttled = true;
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
        let latency = self.settings.latency;
        let draw = seed::chance(self.scenario.seed, format_args!("latency {}", self.number));
        latency.mean.saturating_sub(latency.jitter) + latency.jitter.mul_f64(2.0 * draw)
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
