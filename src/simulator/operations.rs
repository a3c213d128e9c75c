//! The operations of the service: how each is called, and what it does.
//!
//! Must not know of faults, signatures or rates.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::call::{CREATED, Call, decode, exact_number, parameter};
use super::scenario::Unassociated;
use super::sts::ACCOUNT;
use super::wire::Refusal;
use crate::number::PhoneNumber;

/// The region of connectors, unless the scenario names one.
const REGION: &str = "us-east-1";

/// An operation of the service.
pub(super) struct Operation {
    method: &'static str,
    /// `*` stands for an id.
    path: &'static str,
    /// The query's `operation`.
    name: Option<&'static str>,
    /// Whether the scenario's faults apply to it.
    pub(super) has_faults: bool,
    /// Performs it, and returns the reply's body.
    pub(super) run: Run,
}

type Run = fn(&mut Call<'_>) -> Result<Value, Refusal>;

/// Every operation that the service has.
static OPERATIONS: [Operation; 5] = [
    Operation { has_faults: true, ..post("/voice-connectors/*", "disassociate-phone-numbers", disassociate) },
    post("/voice-connectors/*", "associate-phone-numbers", associate),
    get("/voice-connectors", list_connectors),
    get("/phone-numbers", list_numbers),
    get("/phone-numbers/*", get_number),
];

const fn get(path: &'static str, run: Run) -> Operation {
    Operation { method: "GET", path, name: None, has_faults: false, run }
}

const fn post(path: &'static str, name: &'static str, run: Run) -> Operation {
    Operation { method: "POST", path, name: Some(name), has_faults: false, run }
}

/// Finds the operation, and the id in its path.
///
/// # Errors
/// The service's refusal if there is none.
pub(super) fn find(request: &Request<Bytes>) -> Result<(&'static Operation, Cow<'_, str>), Refusal> {
    let mut segments = request.uri().path().split('/').skip(1);
    let collection = segments.next().unwrap_or_default();
    let id = decode(segments.next().unwrap_or_default());
    let path = format!("/{collection}{}", if id.trim().is_empty() { "" } else { "/*" });
    let name = parameter(request.uri(), "operation");
    let is_it = |it: &&Operation| {
        it.method == request.method().as_str() && it.path == path && it.name == name.as_deref()
    };
    let found = OPERATIONS.iter().find(is_it).filter(|_| segments.next().is_none());
    found
        .map(|operation| (operation, id))
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "UnknownOperationException", ""))
}

/// The id of the connector in a request's path, whether or not there is such an operation; empty if there is none.
pub(super) fn connector(request: &Request<Bytes>) -> Cow<'_, str> {
    let rest = request.uri().path().strip_prefix("/voice-connectors/").unwrap_or_default();
    decode(rest.split('/').next().unwrap_or_default())
}

fn disassociate(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let (index, numbers) = call.admit()?;
    let mut errors = Vec::new();
    for number in numbers {
        let times = call.world.ask(index, *number);
        if let Some(rule) = call.number_error(*number, times) {
            errors.push(call.error(*number, &rule.code, &rule.message));
        } else if !call.world.disassociate(index, *number, call.request, call.attempt)
            && call.scenario.unassociated == Unassociated::NotFound
        {
            let message = "the phone number is not associated with the voice connector";
            errors.push(call.error(*number, "NotFound", message));
        }
    }
    let stranger =
        |number: &PhoneNumber| call.error(*number, "Forbidden", "a number that this answer should not name");
    errors.extend(call.scenario.strangers.iter().map(stranger));
    Ok(json!({ "PhoneNumberErrors": errors }))
}

fn associate(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let (index, numbers) = call.admit()?;
    let force = call.body.force == Some(true);
    let mut errors = Vec::new();
    for number in numbers {
        if let Err(code) = call.world.associate(index, *number, force) {
            errors.push(call.error(*number, code, "the phone number cannot be associated"));
        }
    }
    Ok(json!({ "PhoneNumberErrors": errors }))
}

fn list_connectors(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let (limit, after) = call.page()?;
    let region = call.scenario.region.as_deref().unwrap_or(REGION);
    let connector = |id: &str| {
        json!({
            "VoiceConnectorId": id,
            "AwsRegion": region,
            "Name": id,
            "OutboundHostName": format!("{id}.voiceconnector.invalid"),
            "RequireEncryption": true,
            "CreatedTimestamp": CREATED,
            "UpdatedTimestamp": CREATED,
            "VoiceConnectorArn": format!("arn:aws:chime:{region}:{ACCOUNT}:vc/{id}"),
        })
    };
    let start = usize::try_from(after).unwrap_or(usize::MAX);
    let mut connectors = call.world.connectors().skip(start);
    let page: Vec<Value> = connectors.by_ref().take(limit).map(connector).collect();
    let token = connectors.next().map(|_| format!("sim-{}", start.saturating_add(limit)));
    Ok(page_of("VoiceConnectors", &page, token))
}

/// The numbers of a connector, or of the account.
fn list_numbers(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let (limit, after) = call.page()?;
    let holder = match parameter(call.uri, "filter-name").as_deref() {
        None => None,
        Some("VoiceConnectorId") => parameter(call.uri, "filter-value"),
        Some(_) => {
            return Err(Refusal::bad_request("the simulator supports only the filter `VoiceConnectorId`"));
        }
    };
    let holder = holder.map(|id| call.connector(&id)).transpose()?;
    let (numbers, more) = call.world.page(holder, after, limit);
    let token = numbers.last().filter(|_| more).map(|last| format!("sim-{}", last.digits()));
    let numbers: Vec<Value> = numbers.into_iter().map(|number| call.number(number)).collect();
    Ok(page_of("PhoneNumbers", &numbers, token))
}

fn get_number(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let number = exact_number(call.id.strip_prefix("%2B").unwrap_or(call.id));
    let number = number.filter(|number| call.world.knows(*number));
    let number = number.ok_or_else(|| Refusal::not_found("the phone number does not exist"))?;
    Ok(json!({ "PhoneNumber": call.number(number) }))
}

fn page_of(name: &str, entries: &[Value], next_token: Option<String>) -> Value {
    let mut page = json!({ name: entries });
    if let Some(token) = next_token {
        page["NextToken"] = token.into();
    }
    page
}
