//! What the service does with a call that got through: routing, validation, and the five operations.
//!
//! Must not know of faults, signatures or rates.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use super::scenario::{IdForm, NumberErrorRule, Scenario, Unassociated};
use super::seed;
use super::wire::{
    Asked, Association, BatchAnswer, BatchBody, ConnectorPage, ConnectorShape, NumberPage, NumberRefusal,
    NumberShape, OneNumber, Refusal, json,
};
use super::world::{Cause, Index, World};
use crate::number::PhoneNumber;

/// When everything in the simulated account was made.
const CREATED: &str = "2024-01-31T12:00:00.000Z";
/// The most and the usual number of entries on a page.
const PAGE: usize = 100;
/// The region of connectors, unless the scenario names one.
const REGION: &str = "us-east-1";

/// A call, as its method and address say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Disassociate { connector: Cow<'a, str> },
    Associate { connector: Cow<'a, str> },
    ListNumbers { holder: Option<Cow<'a, str>>, page: Page },
    GetNumber { id: Cow<'a, str> },
    ListConnectors { page: Page },
}

/// Which page of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    limit: usize,
    /// `next-token`.
    after: Option<u64>,
}

/// Finds the operation.
///
/// # Errors
/// The service's refusal if there is none, or if its parameters are wrong.
pub(super) fn route<'a>(method: &Method, uri: &'a Uri) -> Result<Operation<'a>, Refusal> {
    let mut segments = uri.path().split('/').skip(1);
    let (collection, id, rest) = (segments.next(), segments.next(), segments.next());
    let id = id.map(decode).filter(|id| !id.trim().is_empty());
    let operation = parameter(uri, "operation");
    match (method, collection, id, operation.as_deref(), rest) {
        (
            &Method::POST,
            Some("voice-connectors"),
            Some(connector),
            Some("disassociate-phone-numbers"),
            None,
        ) => Ok(Operation::Disassociate { connector }),
        (&Method::POST, Some("voice-connectors"), Some(connector), Some("associate-phone-numbers"), None) => {
            Ok(Operation::Associate { connector })
        }
        (&Method::GET, Some("voice-connectors"), None, None, None) => {
            Ok(Operation::ListConnectors { page: page(uri)? })
        }
        (&Method::GET, Some("phone-numbers"), None, None, None) => {
            let holder = match parameter(uri, "filter-name").as_deref() {
                None => None,
                Some("VoiceConnectorId") => parameter(uri, "filter-value"),
                Some(_) => {
                    return Err(Refusal::bad_request(
                        "the simulator knows the filter `VoiceConnectorId` only",
                    ));
                }
            };
            Ok(Operation::ListNumbers { holder, page: page(uri)? })
        }
        (&Method::GET, Some("phone-numbers"), Some(id), None, None) => Ok(Operation::GetNumber { id }),
        _ => Err(Refusal::new(StatusCode::NOT_FOUND, "UnknownOperationException", "")),
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

fn page(uri: &Uri) -> Result<Page, Refusal> {
    let limit = parameter(uri, "max-results").map_or(Ok(PAGE), |text| text.parse());
    let limit = limit.ok().filter(|limit| (1..=PAGE).contains(limit));
    let limit =
        limit.ok_or_else(|| Refusal::bad_request("Value at 'maxResults' must be between 1 and 100"))?;
    let after =
        parameter(uri, "next-token").map(|token| token.strip_prefix("sim-").and_then(|n| n.parse().ok()));
    if after == Some(None) {
        return Err(Refusal::bad_request("Value at 'nextToken' is not a token of this service"));
    }
    Ok(Page { limit, after: after.flatten() })
}

/// Parses the body of a batch operation.
///
/// # Errors
/// 400 for anything but a list of numbers of the service's pattern. The message names no number.
pub(super) fn batch_body(body: &[u8]) -> Result<BatchBody, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("1 validation error detected: {error}")))
}

/// A call at work on the account.
pub(super) struct Call<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) world: &'a mut World,
    /// The `n` of request id `sim-n`.
    pub(super) request: u64,
}

impl Call<'_> {
    /// Disassociates a batch, in its `attempt`-th attempt.
    pub(super) fn disassociate(
        &mut self,
        connector: &str,
        numbers: &[Asked],
        attempt: u32,
    ) -> Result<Bytes, Refusal> {
        let index = self.admit(connector, numbers)?;
        let scenario = self.scenario;
        let by = Cause { connector: index, request: self.request, attempt };
        let mut answer = BatchAnswer::default();
        for Asked(number) in numbers.iter().copied() {
            let refuse = |times| number_error(scenario, connector, number, times);
            let refused = match self.world.disassociate(by, number, refuse) {
                Err(rule) => Some((rule.code.as_str(), rule.message.as_str())),
                Ok(false) if scenario.unassociated == Unassociated::NotFound => {
                    Some(("NotFound", "the phone number is not associated with the voice connector"))
                }
                Ok(_) => None,
            };
            answer.errors.extend(refused.map(|(code, message)| self.refuse(number, code, message)));
        }
        for stranger in &scenario.strangers {
            answer.errors.push(self.refuse(
                *stranger,
                "Forbidden",
                "a number that this answer should not name",
            ));
        }
        if answer.errors.is_empty() {
            return Ok(Bytes::from_static(b"{\"PhoneNumberErrors\":[]}"));
        }
        Ok(json(&answer))
    }

    /// Associates a batch.
    pub(super) fn associate(&mut self, connector: &str, body: &BatchBody) -> Result<Bytes, Refusal> {
        let index = self.admit(connector, &body.numbers)?;
        let force = body.force == Some(true);
        let mut answer = BatchAnswer::default();
        for Asked(number) in body.numbers.iter().copied() {
            if let Err(code) = self.world.associate(index, number, force) {
                answer.errors.push(self.refuse(number, code, "the phone number cannot be associated"));
            }
        }
        Ok(json(&answer))
    }

    /// The connector, if the call as a whole may go on.
    fn admit(&mut self, connector: &str, numbers: &[Asked]) -> Result<Index, Refusal> {
        let scenario = self.scenario;
        if scenario.forbidden.contains(connector) {
            return Err(Refusal::named(StatusCode::FORBIDDEN, "the voice connector is not yours"));
        }
        let known = if scenario.missing.contains(connector) { None } else { self.world.connector(connector) };
        let index = known.ok_or_else(|| Refusal::not_found("the voice connector does not exist"))?;
        if let Some(limit) = scenario.batch_limit.filter(|limit| numbers.len() > *limit) {
            return Err(Refusal::bad_request(format!(
                "Member must have length less than or equal to {limit}"
            )));
        }
        if !scenario.poison.is_empty() && numbers.iter().any(|number| scenario.poison.contains(&number.0)) {
            return Err(Refusal::bad_request("a phone number of the request is invalid"));
        }
        Ok(index)
    }

    fn refuse<'b>(&self, number: PhoneNumber, code: &'b str, message: &'b str) -> NumberRefusal<'b> {
        let plus = number.e164().to_string();
        let id = match self.scenario.id_form {
            IdForm::Plus => plus,
            IdForm::Bare => plus.replace('+', ""),
            IdForm::Percent => plus.replace('+', "%2B"),
        };
        NumberRefusal { id, code, message }
    }

    /// Lists the numbers of a connector, or of the account.
    pub(super) fn list_numbers(&mut self, holder: Option<&str>, page: &Page) -> Result<Bytes, Refusal> {
        let holder = holder.map(|id| {
            self.world.connector(id).ok_or_else(|| Refusal::not_found("the voice connector does not exist"))
        });
        let after = page.after.and_then(|digits| PhoneNumber::parse(&digits.to_string()).ok());
        let (numbers, more) = self.world.page(holder.transpose()?, after, page.limit);
        let next_token =
            numbers.last().filter(|_| more).map(|last| last.e164().to_string().replace('+', "sim-"));
        Ok(json(&NumberPage {
            phone_numbers: numbers.into_iter().map(|number| self.number(number)).collect(),
            next_token,
        }))
    }

    /// Describes a number.
    pub(super) fn get_number(&self, id: &str) -> Result<Bytes, Refusal> {
        let number = Asked::parse(id.strip_prefix("%2B").unwrap_or(id)).map(|asked| asked.0);
        let number = number.filter(|number| self.world.knows(*number));
        let number = number.ok_or_else(|| Refusal::not_found("the phone number does not exist"))?;
        Ok(json(&OneNumber { phone_number: self.number(number) }))
    }

    fn number(&self, number: PhoneNumber) -> NumberShape {
        let association = |id: &str| Association {
            name: "VoiceConnectorId",
            value: id.to_owned(),
            associated_timestamp: CREATED,
        };
        let associations: Vec<Association> = self.world.holder_ids(number).map(association).collect();
        NumberShape {
            phone_number_id: number,
            e164: number,
            r#type: "Local",
            product_type: "VoiceConnector",
            status: if associations.is_empty() { "Unassigned" } else { "Assigned" },
            associations,
            created_timestamp: CREATED,
            updated_timestamp: CREATED,
        }
    }

    /// Lists the connectors.
    pub(super) fn list_connectors(&self, page: &Page) -> Bytes {
        let region = self.scenario.region.as_deref().unwrap_or(REGION);
        let connectors = self.world.connectors();
        let total = connectors.len();
        let start = usize::try_from(page.after.unwrap_or(0)).unwrap_or(usize::MAX).min(total);
        let end = (start + page.limit).min(total);
        let voice_connectors =
            connectors.skip(start).take(page.limit).map(|id| connector(id, region)).collect();
        json(&ConnectorPage { voice_connectors, next_token: (end < total).then(|| format!("sim-{end}")) })
    }
}

fn connector<'a>(id: &'a str, region: &'a str) -> ConnectorShape<'a> {
    ConnectorShape {
        voice_connector_id: id,
        aws_region: region,
        name: id,
        outbound_host_name: format!("{id}.voiceconnector.invalid"),
        require_encryption: true,
        created_timestamp: CREATED,
        updated_timestamp: CREATED,
        voice_connector_arn: format!("arn:aws:chime:{region}:000000000000:vc/{id}"),
    }
}

/// The rule that refuses a number which is asked for the `times`-th time.
fn number_error<'a>(
    scenario: &'a Scenario,
    connector: &str,
    number: PhoneNumber,
    times: u32,
) -> Option<&'a NumberErrorRule> {
    let mut rules = scenario.number_errors.iter().zip(0_u64..);
    let fits = |(rule, index): &(&NumberErrorRule, u64)| {
        rule.connector.as_ref().is_none_or(|only| only == connector)
            && rule.times.is_none_or(|most| times <= most)
            && (rule.numbers.contains(&number)
                || rule.p.holds(seed::chance(scenario.seed, (index, connector, number))))
    };
    rules.find(fits).map(|(rule, _)| rule)
}
