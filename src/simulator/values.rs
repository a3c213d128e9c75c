//! The values that a scenario is written in, each checked where it is read, so that a mistake is named with its line.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::number::PhoneNumber;

/// Requests a second, in steps of 0.001; may be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u64);

impl Rate {
    /// Requests in 1,000 seconds.
    #[must_use]
    pub fn per_1000s(self) -> u64 {
        self.0
    }

    /// The time between two requests, unless there are none.
    pub(super) fn interval(self) -> Option<Duration> {
        1_000_000_000_000_u64.checked_div(self.0).map(Duration::from_nanos)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let per_second = f64::deserialize(deserializer)?;
        if !(0.0..=1_000_000.0).contains(&per_second) {
            return Err(D::Error::custom(format!(
                "`{per_second}` is not a rate from 0 to 1,000,000 requests/s"
            )));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(Self((per_second * 1000.0).round() as u64))
    }
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Share(f64);

impl Share {
    /// All of them.
    pub(super) const ALL: Self = Self(1.0);

    /// Whether a draw from `[0, 1)` falls into the share.
    pub(super) fn holds(self, draw: f64) -> bool {
        draw < self.0
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(D::Error::custom(format!("`{share}` is not a share from 0 to 1")))
        }
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
        PhoneNumber::parse(text)
            .map_err(|error| D::Error::custom(format!("entry {} is no phone number: it {error}", index + 1)))
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
