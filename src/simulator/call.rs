//! A call that passed the checks: what it asks for, and what all operations have in common.
//!
//! Must not know of faults, signatures or rates.

use std::borrow::Cow;

use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Value, json};

use super::scenario::{IdForm, NumberErrorRule, Scenario};
use super::seed;
use super::wire::Refusal;
use super::world::{Index, World};
use crate::number::PhoneNumber;

/// When everything in the simulated account was created.
pub(super) const CREATED: &str = "2024-01-31T12:00:00.000Z";
/// The maximum and default number of entries on a page.
const PAGE: usize = 100;

/// The body of any operation.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    #[serde(rename = "E164PhoneNumbers", deserialize_with = "exact_numbers")]
    numbers: Option<Vec<PhoneNumber>>,
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

    /// The batch of an operation that needs one.
    pub(super) fn numbers(&self) -> Result<&[PhoneNumber], Refusal> {
        let none = || Refusal::bad_request("Value at 'e164PhoneNumbers' must not be null");
        self.numbers.as_deref().ok_or_else(none)
    }
}

/// A call that operates on the account.
pub(super) struct Call<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) world: &'a mut World,
    pub(super) uri: &'a Uri,
    /// The id in the path.
    pub(super) id: &'a str,
    pub(super) body: &'a Body,
    /// The `n` of request id `sim-n`.
    pub(super) request: u64,
    /// Which attempt at its batch it is, from 1.
    pub(super) attempt: u32,
}

impl<'a> Call<'a> {
    /// The requested page of a list: its size, and the value in `next-token`.
    pub(super) fn page(&self) -> Result<(usize, u64), Refusal> {
        let limit = parameter(self.uri, "max-results").map_or(Ok(PAGE), |text| text.parse());
        let limit = limit.ok().filter(|limit| (1..=PAGE).contains(limit));
        let limit =
            limit.ok_or_else(|| Refusal::bad_request("Value at 'maxResults' must be between 1 and 100"))?;
        let token = parameter(self.uri, "next-token").unwrap_or("sim-0".into());
        let after = token.strip_prefix("sim-").and_then(|n| n.parse().ok());
        let wrong = || Refusal::bad_request("Value at 'nextToken' is not a token of this service");
        Ok((limit, after.ok_or_else(wrong)?))
    }

    /// The connector and the numbers of a batch, unless the call as a whole is refused.
    pub(super) fn admit(&mut self) -> Result<(Index, &'a [PhoneNumber]), Refusal> {
        let (scenario, numbers) = (self.scenario, self.body.numbers()?);
        if scenario.forbidden.contains(self.id) {
            return Err(Refusal::named(StatusCode::FORBIDDEN, "the voice connector is not yours"));
        }
        let index = self.connector(self.id)?;
        if let Some(limit) = scenario.batch_limit.filter(|limit| numbers.len() > *limit) {
            return Err(Refusal::bad_request(format!(
                "Member must have length less than or equal to {limit}"
            )));
        }
        if numbers.iter().any(|number| scenario.poison.contains(number)) {
            return Err(Refusal::bad_request("a phone number of the request is invalid"));
        }
        Ok((index, numbers))
    }

    pub(super) fn connector(&mut self, id: &str) -> Result<Index, Refusal> {
        let known = if self.scenario.missing.contains(id) { None } else { self.world.connector(id) };
        known.ok_or_else(|| Refusal::not_found("the voice connector does not exist"))
    }

    /// The rule, if any, that refuses a number on its `times`-th request.
    pub(super) fn number_error(&self, number: PhoneNumber, times: u32) -> Option<&'a NumberErrorRule> {
        let Self { scenario, id, .. } = self;
        let digits = number.digits();
        let draw = |index| seed::chance(scenario.seed, format_args!("number {index} {id} {digits}"));
        let fits = |(index, rule): &(usize, &NumberErrorRule)| {
            rule.connector.as_ref().is_none_or(|only| only == id)
                && rule.times.is_none_or(|most| times <= most)
                && (rule.numbers.contains(&number) || rule.p.holds(|| draw(*index)))
        };
        scenario.number_errors.iter().enumerate().find(fits).map(|(_, rule)| rule)
    }

    /// `PhoneNumberError`.
    pub(super) fn error(&self, number: PhoneNumber, code: &str, message: &str) -> Value {
        let digits = number.digits();
        let id = match self.scenario.id_form {
            IdForm::Plus => format!("+{digits}"),
            IdForm::Bare => digits.to_string(),
            IdForm::Percent => format!("%2B{digits}"),
        };
        json!({ "PhoneNumberId": id, "ErrorCode": code, "ErrorMessage": message })
    }

    /// `PhoneNumber`.
    pub(super) fn number(&self, number: PhoneNumber) -> Value {
        let association =
            |id| json!({ "Name": "VoiceConnectorId", "Value": id, "AssociatedTimestamp": CREATED });
        let associations: Vec<Value> = self.world.holder_ids(number).map(association).collect();
        let number = number.e164().to_string();
        json!({
            "PhoneNumberId": number,
            "E164PhoneNumber": number,
            "Type": "Local",
            "ProductType": "VoiceConnector",
            "Status": if associations.is_empty() { "Unassigned" } else { "Assigned" },
            "Associations": associations,
            "CreatedTimestamp": CREATED,
            "UpdatedTimestamp": CREATED,
        })
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

/// Exactly what the service's pattern accepts, unlike the more lenient [`PhoneNumber::parse`].
pub(super) fn exact_number(text: &str) -> Option<PhoneNumber> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let fits = digits.bytes().all(|byte| byte.is_ascii_digit());
    PhoneNumber::parse(digits).ok().filter(|_| fits)
}
