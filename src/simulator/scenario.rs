//! What the simulated service is like and what goes wrong, as written in a TOML file.
//!
//! Every default is harmless: an empty file is a service without limits and faults that knows every number. Unknown
//! keys are refused, so that a misspelled setting is not silently ignored. Times are counted from the first request.
//! Must not decide anything: each setting is implemented by the module that it configures.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use super::bucket::Throttle;
use super::faults::{Fault, Outage};
use super::keys::{ACCESS_KEY_ID, Key};
use super::lane::{Lane, Latency, Settings};
use super::ledger::Action;
use super::role::RoleArn;
use super::values::{Share, duration, numbers, optional_duration, optional_number, signed_duration};
use crate::number::PhoneNumber;

/// The service's largest page.
const PAGE: usize = 100;

/// A scenario. Durations are written `250ms`, `10s`, `1h 30m`; numbers `+12065550100`; shares 0 to 1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// For the reader.
    pub(super) description: String,
    /// The seed of all random choices.
    pub(super) seed: u64,
    /// The service's clock minus the real one, such as `-10m`.
    #[serde(deserialize_with = "signed_duration")]
    pub(super) clock_offset: SignedDuration,
    /// The region that requests must be signed for; any if absent.
    pub(super) region: Option<String>,
    /// How long an answer takes.
    pub(super) latency: Latency,
    /// The rate limit; none if absent.
    pub(super) throttle: Option<Throttle>,
    /// Overrides of latency, rate limit, faults and outages for some accounts and regions.
    #[serde(rename = "lane")]
    lanes: Vec<Spanned<Lane>>,
    /// The access keys that are known; only [`ACCESS_KEY_ID`] if this is empty. Those of
    /// [`keys_of`](super::keys_of) any account are known besides.
    #[serde(rename = "key")]
    pub(super) keys: Vec<Key>,
    /// What STS answers.
    pub(super) sts: Sts,
    /// The connectors that exist, with their numbers. If this is empty, the world is open: every connector
    /// exists, and a number that no table names is wherever a call needs it to be: on the connector it is asked for
    /// until it is disassociated, unassigned for `associate` and `delete`, in the deletion queue for `restore`.
    #[serde(rename = "connector")]
    pub(super) connectors: Vec<Holding>,
    /// The connector groups that exist, with their numbers.
    #[serde(rename = "group")]
    pub(super) groups: Vec<Holding>,
    /// SIP rules, with their numbers: `disassociate` refuses these.
    #[serde(rename = "sip_rule")]
    pub(super) sip_rules: Vec<Holding>,
    /// Numbers of the account that are associated with nothing. These tables have no `id`.
    pub(super) unassigned: Vec<Holding>,
    /// Numbers that are in the deletion queue. These tables have no `id`.
    pub(super) deleted: Vec<Holding>,
    /// Connectors that answer 403 `ForbiddenException`.
    pub(super) forbidden: HashSet<String>,
    /// Connectors that answer 404 `NotFoundException`.
    pub(super) missing: HashSet<String>,
    /// Numbers that make the whole call fail with 400 `BadRequestException`.
    #[serde(deserialize_with = "numbers")]
    pub(super) poison: HashSet<PhoneNumber>,
    /// The most entries on a page, 1 to 100 (the default); a larger `max-results` is answered with 400
    /// `BadRequestException`.
    pub(super) page_limit: Option<usize>,
    /// Whether every page of a listing is the first one, with the same `NextToken`.
    pub(super) repeat_token: bool,
    /// How long a listing shows a number as it was before a change. As long, `delete` still finds an association that
    /// was removed.
    #[serde(deserialize_with = "duration")]
    pub(super) stale_listing: Duration,
    /// The most numbers in a call that changes something; more are answered with 400 `BadRequestException`.
    pub(super) batch_limit: Option<usize>,
    /// Numbers that are refused inside a 200 answer; the first rule that matches applies.
    #[serde(rename = "number_error")]
    pub(super) number_errors: Vec<NumberErrorRule>,
    /// The answer for a number that is not associated (any more), or is already as the call would make it.
    pub(super) unassociated: Unassociated,
    /// How `PhoneNumberId` is written in an answer.
    pub(super) id_form: IdForm,
    /// Numbers that are listed as refused (`Forbidden`) in every 200 answer, requested or not.
    #[serde(deserialize_with = "numbers")]
    pub(super) strangers: Vec<PhoneNumber>,
    /// What goes wrong with single batches; the first fault that matches applies.
    #[serde(rename = "fault")]
    pub(super) faults: Vec<Fault>,
    /// What goes wrong with every request for a while.
    #[serde(rename = "outage")]
    pub(super) outages: Vec<Outage>,
    /// What a job against this scenario should end with; the simulator itself ignores it.
    pub expect: Option<Expect>,
}

/// What STS answers to `AssumeRole`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sts {
    /// How long the keys of a role last; as long as the request says (`DurationSeconds`, or 1 hour) if absent.
    #[serde(deserialize_with = "optional_duration")]
    pub(super) keys_last: Option<Duration>,
    /// The ARNs of the roles that cannot be assumed, as if they did not exist: 403 `AccessDenied`.
    pub(super) denied: HashSet<RoleArn>,
}

/// Numbers that are in one place, such as on a connector, and the place's id. A number may be in two of them: on a
/// connector and on a SIP rule.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Holding {
    /// The id.
    pub(super) id: String,
    /// The numbers.
    #[serde(deserialize_with = "numbers")]
    pub(super) numbers: Vec<PhoneNumber>,
    /// A file with more numbers, one a line, beside the scenario.
    pub(super) numbers_file: Option<PathBuf>,
    /// The first of `count` consecutive numbers.
    #[serde(deserialize_with = "optional_number")]
    pub(super) first: Option<PhoneNumber>,
    /// How many numbers there are from `first` on.
    pub(super) count: u64,
    /// What a listing says of these numbers.
    pub(super) details: Details,
}

/// What a listing says of a number. Absent, it follows from the number and its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Details {
    /// `Name`; none.
    pub(super) name: Option<String>,
    /// `Country`: `US` for a number that begins with +1, or none.
    pub(super) country: Option<String>,
    /// `Type`: `TollFree` for +1 800 and its like, or `Local`.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// `ProductType`: `SipMediaApplicationDialIn` for a number of a SIP rule, or `VoiceConnector`.
    pub(super) product_type: Option<String>,
}

/// Numbers that are refused inside a 200 answer to a call that changes something; `restore`, which is about one number,
/// is refused as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberErrorRule {
    /// `ErrorCode`, such as `Throttled`.
    pub(super) code: String,
    /// `ErrorMessage`.
    #[serde(default)]
    pub(super) message: String,
    /// The numbers.
    #[serde(default, deserialize_with = "numbers")]
    pub(super) numbers: HashSet<PhoneNumber>,
    /// The share of all numbers that are also refused; the seed chooses which.
    #[serde(default)]
    pub(super) p: Share,
    /// Only for this connector.
    pub(super) connector: Option<String>,
    /// Only when this is done; always if absent.
    pub(super) operation: Option<Action>,
    /// How often a number is refused before it is accepted; always if absent.
    pub(super) times: Option<u32>,
}

/// The answer for a number that is not associated, or on which the change was made before. The service's own answer is
/// not known: a job must work with either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unassociated {
    /// `NotFound`, or `PhoneNumberAssociationsExist` if `associate` finds it on that very connector.
    #[default]
    NotFound,
    /// No error: it counts as done.
    Accepted,
}

/// How `PhoneNumberId` is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum IdForm {
    /// `+12065550100`.
    #[default]
    Plus,
    /// `12065550100`.
    Bare,
    /// `%2B12065550100`.
    Percent,
}

/// What a job against the scenario should end with, in rows by status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the report's statuses")]
pub struct Expect {
    /// The input, beside the scenario.
    pub input: String,
    /// Arguments besides the input.
    pub args: Vec<String>,
    /// The exit code.
    pub exit: i32,
    pub succeeded: u64,
    pub failed: u64,
    pub unknown: u64,
    pub not_attempted: u64,
    pub invalid: u64,
    pub duplicate: u64,
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The text is not TOML, is not a scenario, or contradicts itself.
    #[error("{place}: {message}")]
    Invalid {
        /// The file and, if known, the line.
        place: String,
        /// What is wrong there.
        message: String,
    },
    /// A file that the scenario names cannot be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ScenarioError {
    fn at(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self::Invalid { place: format!("{}:{line}", file.display()), message: message.into() }
    }
}

impl Scenario {
    /// Parses a scenario. `file` is where the text is from: messages show it, and files named in the text are
    /// relative to it.
    ///
    /// # Errors
    /// If the text is not a scenario, if it contradicts itself, or if a file that it names cannot be read.
    pub fn from_toml(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        let at = |span: Option<Range<usize>>, message: &str| {
            let before = span.and_then(|span| text.get(..span.start)).unwrap_or("");
            ScenarioError::at(file, before.matches('\n').count() + 1, message)
        };
        let mut scenario: Self = toml::from_str(text).map_err(|error| at(error.span(), error.message()))?;
        for lane in &scenario.lanes {
            if let Some(message) = lane.get_ref().over(Settings::default()).contradiction() {
                return Err(at(Some(lane.span()), &message));
            }
        }
        if let Some(message) = scenario.contradiction() {
            return Err(ScenarioError::Invalid { place: file.display().to_string(), message });
        }
        let Self { connectors, groups, sip_rules, unassigned, deleted, .. } = &mut scenario;
        for holding in [connectors, groups, sip_rules, unassigned, deleted].into_iter().flatten() {
            holding.gather(file)?;
        }
        Ok(scenario)
    }

    /// The most entries on a page.
    pub(super) fn page_limit(&self) -> usize {
        self.page_limit.unwrap_or(PAGE)
    }

    /// The access keys that are known, besides those of any account.
    pub(super) fn keys(&self) -> Vec<Key> {
        if self.keys.is_empty() { vec![Key::usual(ACCESS_KEY_ID)] } else { self.keys.clone() }
    }

    /// What applies in an account and region.
    pub(super) fn settings(&self, account: &str, region: &str) -> Settings<'_> {
        let lanes = self.lanes.iter().map(Spanned::get_ref).filter(|lane| lane.fits(account, region));
        lanes.rev().fold(self.usual(), |settings, lane| lane.over(settings))
    }

    /// What applies where no `lane` says otherwise.
    fn usual(&self) -> Settings<'_> {
        let Self { latency, throttle, faults, outages, .. } = self;
        Settings { latency: *latency, throttle: throttle.as_ref(), faults, outages }
    }

    /// Describes two settings that contradict each other, if there are any.
    fn contradiction(&self) -> Option<String> {
        let tables =
            [("connector", &self.connectors), ("group", &self.groups), ("sip_rule", &self.sip_rules)];
        for (name, holdings) in tables {
            let ids: HashSet<&str> = holdings.iter().map(|holding| holding.id.as_str()).collect();
            if ids.len() < holdings.len() {
                return Some(format!("two `{name}` tables have the same id"));
            }
        }
        if self.unassigned.iter().chain(&self.deleted).any(|holding| !holding.id.is_empty()) {
            return Some("an `unassigned` or `deleted` table has no id".to_owned());
        }
        if self.page_limit.is_some_and(|limit| !(1..=PAGE).contains(&limit)) {
            return Some(format!("`page_limit` is not from 1 to {PAGE}"));
        }
        self.usual().contradiction()
    }
}

impl Holding {
    /// Adds the numbers of `numbers_file` and of the range to `numbers`.
    fn gather(&mut self, scenario: &Path) -> Result<(), ScenarioError> {
        if let Some(name) = &self.numbers_file {
            let file = scenario.with_file_name(name);
            let text = std::fs::read_to_string(&file)
                .map_err(|source| ScenarioError::Read { file: file.clone(), source })?;
            for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                self.numbers.push(PhoneNumber::parse(line).map_err(|error| {
                    ScenarioError::at(&file, index + 1, format!("this is not a phone number: it {error}"))
                })?);
            }
        }
        let first = self.first.map_or(u64::MAX, PhoneNumber::digits);
        let range = (0..self.count).map(|n| PhoneNumber::parse(&first.saturating_add(n).to_string()));
        self.numbers.extend(range.map_while(Result::ok));
        Ok(())
    }
}
