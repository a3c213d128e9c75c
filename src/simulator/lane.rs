//! What goes wrong in one account and region: the tables that override a scenario's settings for some of them.
//!
//! Must not keep state: what has happened in an account and region is the service's.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::bucket::Throttle;
use super::faults::{Fault, Outage};
use super::keys::{account_of, is_account};
use super::values::duration;

/// A table `[[lane]]`: settings for some accounts and regions. Of the tables that match, the first that has a setting
/// applies; if none has it, the scenario's own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Lane {
    /// The account's id, or the name of a profile in a rehearsal; any if absent.
    #[serde(deserialize_with = "account")]
    account: Option<String>,
    /// The region; any if absent.
    region: Option<String>,
    /// How long an answer takes.
    latency: Option<Latency>,
    /// The rate limit.
    throttle: Option<Throttle>,
    /// What goes wrong with single batches; `fault = []` for nothing.
    #[serde(rename = "fault")]
    faults: Option<Vec<Fault>>,
    /// What goes wrong with every request for a while; `outage = []` for nothing.
    #[serde(rename = "outage")]
    outages: Option<Vec<Outage>>,
}

/// What applies in one account and region.
#[derive(Clone, Copy, Default)]
pub(super) struct Settings<'a> {
    pub(super) latency: Latency,
    pub(super) throttle: Option<&'a Throttle>,
    pub(super) faults: &'a [Fault],
    pub(super) outages: &'a [Outage],
}

/// How long an answer takes: evenly distributed over `mean` ± `jitter`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Latency {
    /// The mean.
    #[serde(deserialize_with = "duration")]
    pub(super) mean: Duration,
    /// The largest difference from the mean.
    #[serde(deserialize_with = "duration")]
    pub(super) jitter: Duration,
}

impl Lane {
    /// Whether it is about this account and region.
    pub(super) fn fits(&self, account: &str, region: &str) -> bool {
        self.account.as_ref().is_none_or(|only| only == account)
            && self.region.as_ref().is_none_or(|only| only == region)
    }

    /// These settings with its own in their place.
    pub(super) fn over<'a>(&'a self, settings: Settings<'a>) -> Settings<'a> {
        Settings {
            latency: self.latency.unwrap_or(settings.latency),
            throttle: self.throttle.as_ref().or(settings.throttle),
            faults: self.faults.as_deref().unwrap_or(settings.faults),
            outages: self.outages.as_deref().unwrap_or(settings.outages),
        }
    }
}

impl Settings<'_> {
    /// Describes two of them that contradict each other, if there are any.
    pub(super) fn contradiction(&self) -> Option<String> {
        if self.latency.jitter > self.latency.mean {
            return Some("`latency.jitter` is more than `latency.mean`".to_owned());
        }
        if let Some(outage) = self.outages.iter().position(|outage| outage.from >= outage.to) {
            return Some(format!("`outage` {} ends before it begins", outage + 1));
        }
        let hides = |fault: &Fault| fault.applied == Some(false) && fault.does.alters_the_reply();
        let fault = self.faults.iter().position(hides)?;
        Some(format!(
            "`fault` {}: `{}` alters the reply to a call that was applied, so it cannot have `applied = false`",
            fault + 1,
            self.faults[fault].does.name()
        ))
    }
}

fn account<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_name = text.bytes().any(|byte| byte != b'-' && !byte.is_ascii_digit());
    match is_name || is_account(&text) {
        true => Ok(Some(account_of(&text))),
        false => Err(D::Error::custom(format!("`{text}` is not an account's id, which has 12 digits"))),
    }
}
