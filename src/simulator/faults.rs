//! What goes wrong: which fault hits which batch, and how it changes the reply.
//!
//! Chance depends on the seed, the fault, the batch and the attempt; scripts name a batch and an attempt. Must not
//! depend on the order in which requests arrive.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;

use super::ledger::Action;
use super::seed;
use super::values::{Share, duration, http_error, optional_number};
use super::wire::{Refusal, Stamp, page, reply, set};
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
    /// The connection is closed after this many bytes of the body, although `Content-Length` gives the full length.
    Cut(Response<Bytes>, usize),
    /// One byte of the body at a time, with this pause before each.
    Drip(Response<Bytes>, Duration),
    /// The body is followed by this many bytes of white space.
    Flood(Response<Bytes>, u64),
}

/// What goes wrong, as a scenario writes it: `does = "reset"`, `does.error = { status = 503 }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Effect {
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
    /// The reply's body is sent one byte at a time.
    Drip {
        /// The pause before each byte.
        #[serde(deserialize_with = "duration")]
        every: Duration,
    },
    /// A load balancer's page, without the service's headers.
    Html {
        /// Usually 502, 503 or 504.
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

/// What goes wrong with single calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// What happens.
    pub(super) does: Effect,
    /// Whether the change is made first, without the client learning of it. By default it is made only for effects that
    /// alter the reply to a change: `cut`, `truncated`, `missing-key`, `drip`.
    pub(super) applied: Option<bool>,
    /// The share of the attempts that are hit; all if absent.
    #[serde(default = "Share::all")]
    pub(super) p: Share,
    /// Only calls that do this; those that change something if absent.
    pub(super) operation: Option<Action>,
    /// Only batches of this connector, or listings of its numbers.
    pub(super) connector: Option<String>,
    /// Only calls that name this number.
    #[serde(default, deserialize_with = "optional_number")]
    pub(super) number: Option<PhoneNumber>,
    /// Only these attempts, counted from 1 for each set of numbers of a connector, and for each URI of a listing; all if
    /// absent. Attempts refused by
    /// the signature check, by the rate limit or in an outage do not count.
    #[serde(default)]
    pub(super) attempts: Vec<u32>,
}

/// What goes wrong with every request for a while, whatever its operation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outage {
    /// From when.
    #[serde(deserialize_with = "duration")]
    pub(super) from: Duration,
    /// Until when.
    #[serde(deserialize_with = "duration")]
    pub(super) to: Duration,
    /// What happens. No change is made.
    pub(super) does: Effect,
}

/// An attempt at a batch, or at another call.
pub(super) struct Attempt<'a> {
    pub(super) action: Action,
    pub(super) connector: &'a str,
    pub(super) numbers: &'a [PhoneNumber],
    /// Identifies action, connector and numbers, whatever their order; of a listing, the URI.
    pub(super) batch: u64,
    /// From 1.
    pub(super) nth: u32,
}

/// The fault that hits an attempt, if any does.
pub(super) fn choose<'a>(faults: &'a [Fault], seed: u64, attempt: &Attempt<'_>) -> Option<&'a Fault> {
    let Attempt { batch, nth, .. } = attempt;
    let hits = |(index, fault): &(usize, &Fault)| {
        let draw = || seed::chance(seed, format_args!("fault {index} {batch} {nth}"));
        fault.fits(attempt) && fault.p.holds(draw)
    };
    faults.iter().enumerate().find(hits).map(|(_, fault)| fault)
}

/// The outage at a time, if there is one.
pub(super) fn outage(outages: &[Outage], now: Duration) -> Option<&Outage> {
    outages.iter().find(|outage| (outage.from..outage.to).contains(&now))
}

impl Fault {
    fn fits(&self, attempt: &Attempt<'_>) -> bool {
        self.operation.map_or(attempt.action != Action::List, |only| only == attempt.action)
            && self.connector.as_ref().is_none_or(|connector| connector == attempt.connector)
            && (self.attempts.is_empty() || self.attempts.contains(&attempt.nth))
            && self.number.is_none_or(|number| attempt.numbers.contains(&number))
    }

    /// Whether the change is made despite the fault.
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

    /// Applies it to a reply. `draw` decides where the reply is cut.
    pub(super) fn deliver(&self, original: Response<Bytes>, stamp: &Stamp, draw: u64) -> Delivery {
        let place = usize::try_from(draw % (original.body().len().max(2) as u64 - 1)).unwrap_or(0) + 1;
        let ok = |body: &'static [u8]| reply(StatusCode::OK, Bytes::from_static(body), stamp);
        match self {
            Self::Drop => Delivery::Drop,
            Self::Reset => Delivery::Reset,
            Self::Stall => Delivery::Stall,
            Self::Cut => Delivery::Cut(original, place),
            Self::Truncated => Delivery::Reply(original.map(|body| body.slice(..place.min(body.len())))),
            Self::MissingKey => Delivery::Reply(original.map(|_| Bytes::from_static(b"{}"))),
            Self::Garbage => Delivery::Reply(ok(b"\x00\xff{\"PhoneNumberErrors\":\xfe")),
            Self::Flood { bytes } => Delivery::Flood(ok(b"{\"PhoneNumberErrors\":["), *bytes),
            Self::Drip { every } => Delivery::Drip(original, *every),
            Self::Html { status } => Delivery::Reply(page(*status, stamp)),
            Self::Error { status, code: None, message } => {
                Delivery::Reply(Refusal::named(*status, message).reply(stamp))
            }
            Self::Error { status, code: Some(code), message } => {
                Delivery::Reply(Refusal::new(*status, code, message).reply(stamp))
            }
            Self::Redirect { location } => {
                let mut response = reply(StatusCode::TEMPORARY_REDIRECT, Bytes::new(), stamp);
                set(&mut response, "location", location);
                Delivery::Reply(response)
            }
        }
    }
}

impl Delivery {
    /// The status of the reply, if there is one.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Reply(response)
            | Self::Cut(response, _)
            | Self::Drip(response, _)
            | Self::Flood(response, _) => Some(response.status()),
            Self::Drop | Self::Reset | Self::Stall => None,
        }
    }
}
