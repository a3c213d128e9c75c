//! The value types of a scenario, each checked where it is parsed, so that an error shows the line.
//!
//! Must not know what the values are used for.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::number::PhoneNumber;

/// Requests per 1,000 seconds; may be 0. Written as requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Rate(pub(super) u64);

impl TryFrom<f64> for Rate {
    type Error = String;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked in the same line")]
    fn try_from(per_second: f64) -> Result<Self, String> {
        let checked =
            (0.0..=1_000_000.0).contains(&per_second).then_some((per_second * 1000.0).round() as u64);
        checked
            .map(Self)
            .ok_or_else(|| format!("`{per_second}` is not a rate from 0 to 1,000,000 requests/s"))
    }
}

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Share(f64);

impl Share {
    /// All of them.
    pub(super) fn all() -> Self {
        Self(1.0)
    }

    /// Whether a draw from `[0, 1)` falls into the share.
    pub(super) fn holds(self, draw: impl FnOnce() -> f64) -> bool {
        self.0 > 0.0 && draw() < self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        let checked = (0.0..=1.0).contains(&share).then_some(Self(share));
        checked.ok_or_else(|| format!("`{share}` is not a share from 0 to 1"))
    }
}

/// Text that `Debug` does not show.
#[derive(Clone, Deserialize)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    Duration::try_from(span(&text)?).map_err(|_| D::Error::custom(format!("`{text}` is negative")))
}

pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

pub(super) fn signed_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SignedDuration, D::Error> {
    span(&String::deserialize(deserializer)?)
}

fn span<E: serde::de::Error>(text: &str) -> Result<SignedDuration, E> {
    text.parse()
        .map_err(|_| E::custom(format!("`{text}` is not a duration such as `250ms`, `10s` or `1h 30m`")))
}

pub(super) fn numbers<'de, D: Deserializer<'de>, C: FromIterator<PhoneNumber>>(
    deserializer: D,
) -> Result<C, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parse = |(index, text): (usize, &String)| {
        PhoneNumber::parse(text).map_err(|error| {
            D::Error::custom(format!("entry {} is not a phone number: it {error}", index + 1))
        })
    };
    texts.iter().enumerate().map(parse).collect()
}

pub(super) fn optional_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PhoneNumber>, D::Error> {
    PhoneNumber::parse(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

pub(super) fn http_error<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let status = u16::deserialize(deserializer)?;
    let known = StatusCode::from_u16(status).ok().filter(|_| (400..600).contains(&status));
    known.ok_or_else(|| D::Error::custom(format!("`{status}` is not a status from 400 to 599")))
}
