//! A call that passed the checks: what it asks for, and what all operations have in common.
//!
//! Must not know of faults, signatures or rates.

use std::borrow::Cow;

use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Value, json};

use super::ledger::Action;
use super::scenario::{IdForm, NumberErrorRule, Scenario};
use super::seed;
use super::wire::Refusal;
use super::world::{Cause, Index, World};
use crate::number::PhoneNumber;

/// The body of any operation.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    #[serde(rename = "E164PhoneNumbers", deserialize_with = "exact_numbers")]
    numbers: Option<Vec<PhoneNumber>>,
    #[serde(rename = "PhoneNumberIds", deserialize_with = "numbers_of_ids")]
    ids: Option<Vec<PhoneNumber>>,
    #[serde(rename = "ForceAssociate")]
    pub(super) force: Option<bool>,
}

impl Body {
    /// Parses the body of a request.
    ///
    /// # Errors
    /// 400; the message contains no number.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes)
            .map_err(|error| Refusal::bad_request(format!("1 validation error detected: {error}")))
    }
}

/// The numbers that a call is about: its batch, or the one in its path.
///
/// # Errors
/// 400 if there is no batch, 404 if the path is not a number.
pub(super) fn subjects(action: Action, body: Body, id: &str) -> Result<Vec<PhoneNumber>, Refusal> {
    let null = |name: &str| Refusal::bad_request(format!("Value at '{name}' must not be null"));
    match action {
        Action::Disassociate | Action::Associate => body.numbers.ok_or_else(|| null("e164PhoneNumbers")),
        Action::Delete => body.ids.filter(|ids| !ids.is_empty()).ok_or_else(|| null("phoneNumberIds")),
        Action::Restore => Ok(vec![number_of_id(id).ok_or_else(no_number)?]),
        Action::List => Ok(number_of_id(id).into_iter().collect()),
    }
}

/// The refusal of a call about a number that the account does not have.
pub(super) fn no_number() -> Refusal {
    Refusal::not_found("the phone number does not exist")
}

/// A call that operates on the account.
pub(super) struct Call<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) world: &'a mut World,
    pub(super) action: Action,
    pub(super) uri: &'a Uri,
    /// The id in the path.
    pub(super) id: &'a str,
    /// The numbers that it is about.
    pub(super) numbers: &'a [PhoneNumber],
    /// `ForceAssociate`.
    pub(super) force: bool,
    pub(super) cause: Cause,
}

impl<'a> Call<'a> {
    /// Refuses the call as a whole, if it has too many numbers or a poisoned one.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        let (scenario, numbers) = (self.scenario, self.numbers);
        if let Some(limit) = scenario.batch_limit.filter(|limit| numbers.len() > *limit) {
            return Err(Refusal::bad_request(format!(
                "Member must have length less than or equal to {limit}"
            )));
        }
        if numbers.iter().any(|number| scenario.poison.contains(number)) {
            return Err(Refusal::bad_request("a phone number of the request is invalid"));
        }
        Ok(())
    }

    pub(super) fn connector(&mut self, id: &str) -> Result<Index, Refusal> {
        if self.scenario.forbidden.contains(id) {
            return Err(Refusal::named(StatusCode::FORBIDDEN, "the voice connector is not yours"));
        }
        let known = if self.scenario.missing.contains(id) { None } else { self.world.connector(id) };
        known.ok_or_else(|| Refusal::not_found("the voice connector does not exist"))
    }

    /// Counts a request for a number, and returns the rule that refuses it, if one does.
    pub(super) fn number_error(&mut self, number: PhoneNumber) -> Option<&'a NumberErrorRule> {
        let times = self.world.ask(self.action, self.id, number);
        let Self { scenario, id, .. } = self;
        let digits = number.digits();
        let draw = |index| seed::chance(scenario.seed, format_args!("number {index} {id} {digits}"));
        let fits = |(index, rule): &(usize, &NumberErrorRule)| {
            rule.connector.as_ref().is_none_or(|only| only == id)
                && rule.operation.is_none_or(|only| only == self.action)
                && rule.times.is_none_or(|most| times <= most)
                && (rule.numbers.contains(&number) || rule.p.holds(|| draw(*index)))
        };
        scenario.number_errors.iter().enumerate().find(fits).map(|(_, rule)| rule)
    }

    /// `PhoneNumberError`.
    pub(super) fn error(&self, number: PhoneNumber, code: &str, message: &str) -> Value {
        json!({ "PhoneNumberId": self.number_id(number), "ErrorCode": code, "ErrorMessage": message })
    }

    /// `PhoneNumberId`.
    pub(super) fn number_id(&self, number: PhoneNumber) -> String {
        let digits = number.digits();
        match self.scenario.id_form {
            IdForm::Plus => format!("+{digits}"),
            IdForm::Bare => digits.to_string(),
            IdForm::Percent => format!("%2B{digits}"),
        }
    }

    /// The reply about one number, if it is in the account.
    pub(super) fn number(&self, number: PhoneNumber) -> Result<Value, Refusal> {
        let line = self.world.number(number).ok_or_else(no_number)?;
        Ok(json!({ "PhoneNumber": line.shape(&self.number_id(number), &line.state) }))
    }
}

pub(super) fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

fn exact_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<PhoneNumber>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let numbers: Option<Vec<_>> = texts.iter().map(|text| exact_number(text)).collect();
    let pattern = r"Member must satisfy regular expression pattern: ^\+?[1-9]\d{1,14}$";
    numbers.ok_or_else(|| D::Error::custom(pattern)).map(Some)
}

fn numbers_of_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<PhoneNumber>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let numbers: Option<Vec<_>> = texts.iter().map(|text| number_of_id(text)).collect();
    numbers.ok_or_else(|| D::Error::custom("Member must be the id of a phone number")).map(Some)
}

/// The number of a `PhoneNumberId`, in any of its forms.
fn number_of_id(id: &str) -> Option<PhoneNumber> {
    exact_number(id.strip_prefix("%2B").unwrap_or(id))
}

/// Exactly what the service's pattern accepts, unlike the more lenient [`PhoneNumber::parse`].
fn exact_number(text: &str) -> Option<PhoneNumber> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let fits = digits.bytes().all(|byte| byte.is_ascii_digit());
    PhoneNumber::parse(digits).ok().filter(|_| fits)
}
