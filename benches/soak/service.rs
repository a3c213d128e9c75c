//! The service as the job calls it, without a socket; and what the job was told, read without the job's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use chime_sweep::action::Action;
use chime_sweep::aws::endpoint::{Endpoint, Variant};
use chime_sweep::aws::protocol::{ApiError, BatchReply, ErrorKind, reply, request, sigv4};
use chime_sweep::pool::{Renewal, Submission};
use chime_sweep::region::Region;
use chime_sweep::simulator::{ACCESS_KEY_ID, Delivery, SECRET_ACCESS_KEY, Scenario, Service, keys_of};
use http::Response;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::case::{Case, KEYS, Key, LANES, Want};

const TIMEOUT: Duration = Duration::from_secs(60);

/// When other keys are there.
const RENEWED: Duration = Duration::from_secs(500);

/// What happened to a number.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(crate) struct Seen {
    pub(crate) sent: u32,
    in_flight: u32,
    /// Whether a request had no answer that says what became of the number.
    pub(crate) silent: bool,
    /// Whether the job was told that it is done, and may not have forgotten it.
    pub(crate) done: bool,
    /// The codes with which it was refused.
    pub(crate) codes: BTreeSet<String>,
    /// Whether the journal says that it may be sent, and not what became of it.
    pub(crate) is_intended: bool,
    /// Whether it was so when a process ended.
    pub(crate) in_doubt: bool,
    /// Whether the journal says what became of it.
    pub(crate) settled: bool,
}

impl Seen {
    /// Whether the job is not finished with it.
    pub(crate) fn is_open(&self) -> bool {
        self.is_intended || self.in_flight > 0
    }
}

/// The service, and what is known about its numbers.
pub(crate) struct Watched {
    pub(crate) service: Service,
    pub(crate) seen: BTreeMap<Key, Seen>,
    /// The codes with which requests were refused, by lane and connector.
    pub(crate) refused: BTreeMap<(usize, usize), BTreeSet<String>>,
    pub(crate) contradictions: Vec<String>,
    pub(crate) requests: u64,
    /// The index of the keys in use.
    key: usize,
}

pub(crate) struct Wire {
    watched: Mutex<Watched>,
    endpoints: [Endpoint; 2],
    has_lanes: bool,
    expire: bool,
    start: Instant,
}

impl Wire {
    pub(crate) fn new(case: &Case) -> Self {
        let scenario = Scenario::from_toml(&case.scenario, Path::new("soak.toml"));
        let send =
            |want: &Want| if let Want::Send(key) = want { Some((*key, Seen::default())) } else { None };
        let watched = Watched {
            service: Service::new(scenario.unwrap_or_else(|error| panic!("{error}\n{}", case.scenario))),
            seen: case.wants.iter().filter_map(send).collect(),
            refused: BTreeMap::new(),
            contradictions: Vec::new(),
            requests: 0,
            key: 0,
        };
        let region = |(_, region)| Region::parse(region).unwrap();
        Self {
            watched: Mutex::new(watched),
            endpoints: LANES.map(|lane| Endpoint::of_region(region(lane), Variant::default()).unwrap()),
            has_lanes: case.has_lanes,
            expire: case.kinds.contains("expired keys"),
            start: Instant::now(),
        }
    }

    pub(crate) fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap()
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::constant(1_795_471_200, 0) + self.elapsed()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn renew(&self) -> Renewal {
        let key = usize::from(self.elapsed() >= RENEWED);
        let was = std::mem::replace(&mut self.watched().key, key);
        if key > was { Renewal::Fresh } else { Renewal::Nothing }
    }

    fn credentials(&self, lane: usize) -> Credentials {
        let key = KEYS[self.watched().key];
        let (id, secret) = match (self.has_lanes, self.expire) {
            (true, _) => keys_of(LANES[lane].0),
            (_, true) => (key.to_owned(), key),
            _ => (ACCESS_KEY_ID.to_owned(), SECRET_ACCESS_KEY),
        };
        Credentials::new(id, secret, None, None, "soak")
    }

    pub(crate) async fn submit(&self, lane: usize, submission: Submission) -> Result<BatchReply, ApiError> {
        let Submission { connector, numbers } = submission;
        let endpoint = &self.endpoints[lane];
        let mut request = request::of_action(endpoint, Action::Disassociate, &connector, &numbers).unwrap();
        sigv4::sign(&mut request, LANES[lane].1, &self.credentials(lane), self.now()).unwrap();
        let connector = index(&connector);
        let keys: Vec<Key> = numbers.iter().map(|number| (lane, connector, number.digits())).collect();
        self.watched().sent(&keys);
        let answer = self.watched().service.answer(&request, self.now(), self.elapsed());
        let (whole, took) = match answer.delivery {
            Delivery::Reply(response) => (Some(response), Duration::ZERO),
            Delivery::Drip(response, every) => {
                let bytes = u32::try_from(response.body().len()).unwrap();
                (Some(response), every * bytes)
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
            let code = if took < TIMEOUT { "ConnectionLost" } else { "Timeout" }.into();
            let kind = ErrorKind::NoAnswer;
            return Err(ApiError { kind, status: None, code, message: "no answer".into(), request_id: None });
        };
        let (head, body) = response.into_parts();
        reply::interpret(head.status, &head.headers, &body, self.now(), reply::batch)
    }
}

/// Of a connector, by its id.
pub(crate) fn index(connector: &str) -> usize {
    connector.strip_prefix("vc").unwrap().parse().unwrap()
}

impl Watched {
    fn sent(&mut self, keys: &[Key]) {
        self.requests += 1;
        for key in keys {
            let Some(seen) = self.seen.get_mut(key) else {
                self.contradictions.push(format!("{key:?} was sent, and no row asks for it"));
                continue;
            };
            seen.sent += 1;
            seen.in_flight += 1;
            if seen.done || seen.settled {
                self.contradictions.push(format!("{key:?} was sent again after it was done or settled"));
            }
        }
    }

    fn told(&mut self, keys: &[Key], response: Option<&Response<Bytes>>) {
        let status = response.map_or(0, |response| response.status().as_u16());
        let json = response.and_then(|response| serde_json::from_slice::<Value>(response.body()).ok());
        let errors = json.as_ref().and_then(|json| json["PhoneNumberErrors"].as_array());
        let digits = |id: &str| id.trim_start_matches("%2B").trim_start_matches('+').parse::<u64>().unwrap();
        let code = |error: &Value| {
            let text = |key| error[key].as_str().unwrap().to_owned();
            (digits(&text("PhoneNumberId")), text("ErrorCode"))
        };
        let errors = errors.map(|errors| errors.iter().map(code).collect::<BTreeMap<_, _>>());
        let name = response.and_then(|response| response.headers().get("x-amzn-errortype")?.to_str().ok());
        for key in keys {
            let Some(seen) = self.seen.get_mut(key) else { continue };
            seen.in_flight -= 1;
            match (status, &errors) {
                (200, Some(errors)) => match errors.get(&key.2) {
                    Some(code) => _ = seen.codes.insert(code.clone()),
                    None => seen.done = true,
                },
                (300..500, _) => {
                    let code = name.map_or_else(|| format!("Http{status}"), str::to_owned);
                    self.refused.entry((key.0, key.1)).or_default().insert(code);
                }
                _ => seen.silent = true,
            }
        }
    }

    /// A process ended. `is_lost`: it was killed, and what is not settled is lost.
    pub(crate) fn ended(&mut self, is_lost: bool) {
        for seen in self.seen.values_mut() {
            let forgets = is_lost && seen.done && !seen.settled;
            seen.silent |= seen.in_flight > 0 || forgets;
            seen.done &= !forgets;
            seen.in_doubt |= seen.is_intended;
            (seen.in_flight, seen.is_intended) = (0, false);
        }
    }
}
