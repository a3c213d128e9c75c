//! What goes wrong: which fault hits which batch, and what it makes of the reply.
//!
//! Chance depends on the seed, the fault, the batch and the attempt; scripts name a batch and an attempt. Must not
//! depend on the order in which requests arrive.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use serde::Deserialize;

use super::seed;
use super::values::{Share, duration, http_error, optional_number};
use super::wire::{Refusal, Stamp, reply};
use crate::number::PhoneNumber;

/// What the simulated service does with a request, and after how long.
#[derive(Debug)]
pub struct Answer {
    /// Counted from the request's arrival.
    pub delay: Duration,
    /// What happens then.
    pub delivery: Delivery,
}

/// What reaches the client.
#[derive(Debug)]
pub enum Delivery {
    /// A whole reply.
    Reply(Response<Bytes>),
    /// The connection is closed without a byte.
    Drop,
    /// The connection is reset (RST) without a byte.
    Reset,
    /// Nothing at all, ever.
    Stall,
    /// The connection is closed after so many bytes of the body; `Content-Length` promised all of it.
    Cut(Response<Bytes>, usize),
    /// One byte of the body at a time, with this pause before each.
    Drip(Response<Bytes>, Duration),
    /// The body goes on with so many bytes of white space.
    Flood(Response<Bytes>, u64),
}

/// What goes wrong, as a scenario writes it: `does = "reset"`, `does.error = { status = 503 }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// The connection is closed without a byte.
    Drop,
    /// The connection is reset without a byte.
    Reset,
    /// No answer, ever.
    Stall,
    /// The connection is closed in the middle of the reply's body.
    Cut,
    /// The reply is whole for HTTP, but its JSON ends in the middle.
    Truncated,
    /// `{}`: no `PhoneNumberErrors`.
    MissingKey,
    /// 200 with bytes that are neither JSON nor UTF-8.
    Garbage,
    /// 200 with a body of this size.
    Flood {
        /// In bytes.
        bytes: u64,
    },
    /// The reply's body comes a byte at a time.
    Drip {
        /// The pause before each byte.
        #[serde(deserialize_with = "duration")]
        every: Duration,
    },
    /// A load balancer's page, without the service's headers.
    Html {
        /// 502, 503 or 504, as a rule.
        #[serde(deserialize_with = "http_error")]
        status: StatusCode,
    },
    /// An error as the service writes it.
    Error {
        /// The status, 400 to 599.
        #[serde(deserialize_with = "http_error")]
        status: StatusCode,
        /// The error's name; the model's name for the status if absent.
        code: Option<String>,
        /// The error's message.
        #[serde(default)]
        message: String,
    },
    /// 307 to another place.
    Redirect {
        /// `Location`.
        location: String,
    },
}

/// What goes wrong with single batches of the disassociate call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub does: Effect,
    /// Whether the change is made before (and the client not told). No, unless the effect is one that alters the
    /// reply to a change that was made: `cut`, `truncated`, `missing-key`, `drip`.
    pub applied: Option<bool>,
    /// The share of the attempts that are hit; all if absent.
    #[serde(default = "all")]
    pub p: Share,
    /// Only batches of this connector.
    pub connector: Option<String>,
    /// Only batches with this number among theirs.
    #[serde(default, deserialize_with = "optional_number")]
    pub number: Option<PhoneNumber>,
    /// Only these attempts, counted from 1 for every set of numbers of a connector; all if absent. Attempts that end
    /// in the signature check, the rate limit or an outage do not count.
    #[serde(default)]
    pub attempts: Vec<u32>,
}

/// What goes wrong with every request for a while, whatever it asks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// From when.
    #[serde(deserialize_with = "duration")]
    pub from: Duration,
    /// Until when.
    #[serde(deserialize_with = "duration")]
    pub to: Duration,
    /// What happens. Nothing is applied.
    pub does: Effect,
}

/// An attempt at a batch.
pub(super) struct Attempt<'a> {
    pub(super) connector: &'a str,
    pub(super) numbers: &'a [super::wire::Asked],
    /// Identifies connector and numbers, whatever their order.
    pub(super) batch: u64,
    /// From 1.
    pub(super) nth: u32,
}

fn all() -> Share {
    Share::ALL
}

/// The fault that hits an attempt, if any does.
pub(super) fn choose<'a>(faults: &'a [Fault], seed: u64, attempt: &Attempt<'_>) -> Option<&'a Fault> {
    let mut faults = faults.iter().zip(0_u64..);
    faults
        .find(|(fault, index)| {
            fault.fits(attempt) && fault.p.holds(seed::chance(seed, (index, attempt.batch, attempt.nth)))
        })
        .map(|(fault, _)| fault)
}

/// The outage at a time, if there is one.
pub(super) fn outage(outages: &[Outage], now: Duration) -> Option<&Outage> {
    outages.iter().find(|outage| (outage.from..outage.to).contains(&now))
}

impl Fault {
    fn fits(&self, attempt: &Attempt<'_>) -> bool {
        self.connector.as_ref().is_none_or(|connector| connector == attempt.connector)
            && (self.attempts.is_empty() || self.attempts.contains(&attempt.nth))
            && self.number.is_none_or(|number| attempt.numbers.iter().any(|asked| asked.0 == number))
    }

    /// Whether the change is made all the same.
    pub(super) fn applies(&self) -> bool {
        self.does.alters_the_reply() || self.applied == Some(true)
    }
}

impl Effect {
    /// Its name, in scenarios and tallies.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::Cut => "cut",
            Self::Truncated => "truncated",
            Self::MissingKey => "missing-key",
            Self::Garbage => "garbage",
            Self::Flood { .. } => "flood",
            Self::Drip { .. } => "drip",
            Self::Html { .. } => "html",
            Self::Error { .. } => "error",
            Self::Redirect { .. } => "redirect",
        }
    }

    /// Whether it needs the reply to a change that was made.
    pub(super) fn alters_the_reply(&self) -> bool {
        matches!(self, Self::Cut | Self::Truncated | Self::MissingKey | Self::Drip { .. })
    }

    /// What it makes of a reply. `draw` decides where the reply is cut.
    pub(super) fn deliver(&self, mut original: Response<Bytes>, stamp: &Stamp, draw: u64) -> Delivery {
        let place = usize::try_from(draw % (original.body().len().max(2) as u64 - 1)).unwrap_or(0) + 1;
        match self {
            Self::Drop => Delivery::Drop,
            Self::Reset => Delivery::Reset,
            Self::Stall => Delivery::Stall,
            Self::Cut => Delivery::Cut(original, place),
            Self::Truncated => {
                original.body_mut().truncate(place);
                Delivery::Reply(original)
            }
            Self::MissingKey => Delivery::Reply(original.map(|_| Bytes::from_static(b"{}"))),
            Self::Garbage => Delivery::Reply(ok(b"\x00\xff{\"PhoneNumberErrors\":\xfe", stamp)),
            Self::Flood { bytes } => Delivery::Flood(ok(b"{\"PhoneNumberErrors\":[", stamp), *bytes),
            Self::Drip { every } => Delivery::Drip(original, *every),
            Self::Html { status } => Delivery::Reply(page(*status, stamp)),
            Self::Error { status, code, message } => {
                let mut refusal = Refusal::named(*status, message.clone());
                if let Some(code) = code {
                    refusal.code = code.clone().into();
                }
                Delivery::Reply(refusal.reply(stamp))
            }
            Self::Redirect { location } => {
                let mut response = reply(StatusCode::TEMPORARY_REDIRECT, Bytes::new(), stamp);
                response
                    .headers_mut()
                    .extend(HeaderValue::from_str(location).ok().map(|location| (LOCATION, location)));
                Delivery::Reply(response)
            }
        }
    }
}

fn ok(body: &'static [u8], stamp: &Stamp) -> Response<Bytes> {
    reply(StatusCode::OK, Bytes::from_static(body), stamp)
}

/// A load balancer's error page: it knows neither the request's id nor the error's name.
fn page(status: StatusCode, stamp: &Stamp) -> Response<Bytes> {
    let reason = status.canonical_reason().unwrap_or("Error");
    let title = format!("{} {reason}", status.as_u16());
    let html = format!(
        "<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\r\n"
    );
    let mut response = Response::new(Bytes::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response.headers_mut().insert(DATE, stamp.date.clone());
    response
}
