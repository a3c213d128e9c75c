//! The service as the job calls it, without a socket; and what the job was told, read without the job's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use aws_credential_types::Credentials;
use chime_sweep::action::Action;
use chime_sweep::aws::endpoint::{Endpoint, Variant};
use chime_sweep::aws::protocol::{ApiError, BatchReply, ErrorKind, reply, request, sigv4};
use chime_sweep::pool::{Renewal, Submission};
use chime_sweep::region::Region;
use chime_sweep::simulator::{self, Delivery, Ledger, Service};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::case::{Case, KEYS, Key, LANES};

const TIMEOUT: Duration = Duration::from_secs(60);

/// What happened to a number.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sent: u32,
    in_flight: u32,
    /// A request had no answer that says what became of the number.
    pub(crate) silent: bool,
    /// The job was told that it is done.
    pub(crate) done: bool,
    /// The codes with which it was refused.
    pub(crate) codes: BTreeSet<String>,
    /// It may be sent, and has no outcome.
    pub(crate) is_intended: bool,
    /// So it was when a process died.
    pub(crate) in_doubt: bool,
    /// The job promises to remember its outcome.
    pub(crate) settled: bool,
}

pub(crate) struct Watched {
    pub(crate) service: Service,
    pub(crate) seen: BTreeMap<Key, Seen>,
    /// The codes with which requests of a connector were refused.
    pub(crate) closed: BTreeMap<(usize, usize), BTreeSet<String>>,
    pub(crate) contradictions: Vec<String>,
    pub(crate) requests: u64,
    /// The index of the keys in use.
    key: usize,
}

pub(crate) struct Wire {
    watched: Mutex<Watched>,
    endpoints: [Endpoint; 2],
    has_lanes: bool,
    uses_keys: bool,
    renewed_at: Duration,
    start: Instant,
}

/// The wall clock at the start of a job.
pub(crate) fn evening() -> Timestamp {
    Timestamp::from_second(1_795_471_200).expect("in range")
}

impl Wire {
    pub(crate) fn new(case: &Case) -> Self {
        let endpoint = |(_, region)| {
            Endpoint::of_region(Region::parse(region).expect("a region"), Variant::default())
                .expect("an endpoint")
        };
        let wanted = case.wants.iter().filter_map(|want| match want {
            crate::case::Want::Send(key) => Some((*key, Seen::default())),
            _ => None,
        });
        let watched = Watched {
            service: Service::new(case.scenario()),
            seen: wanted.collect(),
            closed: BTreeMap::new(),
            contradictions: Vec::new(),
            requests: 0,
            key: 0,
        };
        Self {
            watched: Mutex::new(watched),
            endpoints: LANES.map(endpoint),
            has_lanes: case.has_lanes,
            uses_keys: case.kinds.contains("expired keys"),
            renewed_at: case.renewed_at,
            start: Instant::now(),
        }
    }

    pub(crate) fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().expect("no panic")
    }

    pub(crate) fn now(&self) -> Timestamp {
        evening() + self.start.elapsed()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn renew(&self) -> Renewal {
        let key = usize::from(self.elapsed() >= self.renewed_at);
        let was = std::mem::replace(&mut self.watched().key, key);
        if key > was { Renewal::Fresh } else { Renewal::Nothing }
    }

    fn credentials(&self, lane: usize) -> Credentials {
        let (id, secret) = match (self.has_lanes, self.uses_keys) {
            (true, _) => simulator::keys_of(LANES[lane].0),
            (_, true) => {
                let id = KEYS[self.watched().key];
                (id.to_owned(), id)
            }
            _ => (simulator::ACCESS_KEY_ID.to_owned(), simulator::SECRET_ACCESS_KEY),
        };
        Credentials::new(id, secret, None, None, "soak")
    }

    pub(crate) async fn submit(&self, lane: usize, submission: Submission) -> Result<BatchReply, ApiError> {
        let Submission { connector, numbers } = submission;
        let endpoint = &self.endpoints[lane];
        let mut request =
            request::of_action(endpoint, Action::Disassociate, &connector, &numbers).expect("a request");
        let region = endpoint.region().as_str();
        sigv4::sign(&mut request, region, &self.credentials(lane), self.now()).expect("signs");
        let connector = connector.trim_start_matches("vc").parse().expect("an index");
        let keys: Vec<Key> = numbers.iter().map(|number| (lane, connector, number.digits())).collect();
        let answer = {
            let mut watched = self.watched();
            watched.sent(&keys);
            let (now, elapsed) = (self.now(), self.elapsed());
            watched.service.answer(&request, now, elapsed)
        };
        let (whole, took) = match answer.delivery {
            Delivery::Reply(response) => (Some(response), Duration::ZERO),
            Delivery::Drip(response, every) => {
                let took = every * u32::try_from(response.body().len()).expect("short");
                (Some(response), took)
            }
            Delivery::Stall => (None, TIMEOUT),
            Delivery::Drop | Delivery::Reset | Delivery::Cut(..) | Delivery::Flood(..) => {
                (None, Duration::ZERO)
            }
        };
        let took = took + answer.delay + Duration::from_millis(1);
        sleep(took.min(TIMEOUT)).await;
        let whole = whole.filter(|_| took < TIMEOUT);
        self.watched().told(&keys, whole.as_ref());
        let Some(response) = whole else {
            let code = if took < TIMEOUT { "ConnectionLost" } else { "Timeout" };
            let (kind, code, message) = (ErrorKind::NoAnswer, code.into(), "no answer".into());
            return Err(ApiError { kind, status: None, code, message, request_id: None });
        };
        let (head, body) = response.into_parts();
        reply::interpret(head.status, &head.headers, &body, self.now(), reply::batch)
    }
}

impl Watched {
    fn contradict(&mut self, text: String) {
        self.contradictions.push(text);
    }

    fn sent(&mut self, keys: &[Key]) {
        self.requests += 1;
        for key in keys {
            let Some(seen) = self.seen.get_mut(key) else {
                return self.contradict(format!("{key:?} was sent, and no row asks for it"));
            };
            seen.sent += 1;
            seen.in_flight += 1;
            if seen.done || seen.settled {
                self.contradict(format!("{key:?} was sent again after it was done or settled"));
            }
        }
    }

    fn told(&mut self, keys: &[Key], response: Option<&http::Response<bytes::Bytes>>) {
        let json: Option<serde_json::Value> =
            response.and_then(|response| serde_json::from_slice(response.body()).ok());
        let errors = json.as_ref().and_then(|json| json["PhoneNumberErrors"].as_array());
        let status = response.map_or(0, |response| response.status().as_u16());
        let by_number: Option<BTreeMap<String, &str>> = errors.filter(|_| status == 200).map(|errors| {
            let digits = |error: &serde_json::Value| {
                let id = error["PhoneNumberId"].as_str().expect("a text");
                id.trim_start_matches("%2B").trim_start_matches('+').to_owned()
            };
            errors.iter().map(|error| (digits(error), error["ErrorCode"].as_str().expect("a text"))).collect()
        });
        let refused = response.filter(|_| (300..500).contains(&status) && status != 408).map(|response| {
            let name = response.headers().get("x-amzn-errortype").and_then(|name| name.to_str().ok());
            name.map_or_else(
                || format!("Http{status}"),
                |name| name.split(':').next().unwrap_or(name).to_owned(),
            )
        });
        for key in keys {
            let Some(seen) = self.seen.get_mut(key) else { continue };
            seen.in_flight -= 1;
            match (&by_number, &refused) {
                (Some(errors), _) => match errors.get(&key.2.to_string()) {
                    Some(code) => _ = seen.codes.insert((*code).to_owned()),
                    None => seen.done = true,
                },
                (None, Some(code)) => {
                    seen.codes.insert(code.clone());
                    self.closed.entry((key.0, key.1)).or_default().insert(code.clone());
                }
                (None, None) => seen.silent = true,
            }
        }
    }

    /// The process ended. `forgets`: it was killed, and what is not settled is lost.
    pub(crate) fn ended(&mut self, forgets: bool) {
        for seen in self.seen.values_mut() {
            let is_lost = forgets && seen.done && !seen.settled;
            seen.silent |= seen.in_flight > 0 || is_lost;
            seen.done &= !is_lost;
            seen.in_doubt |= seen.is_intended;
            (seen.in_flight, seen.is_intended) = (0, false);
        }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.service.ledger()
    }
}
