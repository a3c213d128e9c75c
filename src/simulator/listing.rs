//! The operations that read the account: pages of numbers and connectors, and one number.
//!
//! Must not change anything, and must not know of faults, signatures or rates.

use serde_json::{Value, json};

use super::call::{Call, no_number, parameter};
use super::line::{CREATED, Line, State};
use super::wire::Refusal;
use super::world::World;

/// `ListVoiceConnectors`.
pub(super) fn connectors(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let (after, limit) = page(call)?;
    let World { account, region, .. } = &*call.world;
    let connector = |id: &str| {
        json!({
            "VoiceConnectorId": id,
            "AwsRegion": **region,
            "Name": id,
            "OutboundHostName": format!("{id}.voiceconnector.invalid"),
            "RequireEncryption": true,
            "CreatedTimestamp": CREATED,
            "UpdatedTimestamp": CREATED,
            "VoiceConnectorArn": format!("arn:aws:chime:{region}:{account}:vc/{id}"),
        })
    };
    let start = usize::try_from(after).unwrap_or(usize::MAX);
    let mut connectors = call.world.connectors().skip(start);
    let page: Vec<Value> = connectors.by_ref().take(limit).map(connector).collect();
    let next = connectors.next().map(|_| after.saturating_add(limit as u64));
    Ok(page_of(call, "VoiceConnectors", &page, next))
}

/// `ListPhoneNumbers`: what all of its filters let through. A connector must exist, a group or a SIP rule need not.
pub(super) fn numbers(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let (after, limit) = page(call)?;
    let filter = |name| parameter(call.uri, name);
    let place = match (filter("filter-name"), filter("filter-value")) {
        (None, None) => None,
        (Some(name), Some(value))
            if ["VoiceConnectorId", "VoiceConnectorGroupId", "SipRuleId"].contains(&&*name) =>
        {
            Some((name, value))
        }
        _ => return Err(Refusal::bad_request("Value at 'filterName' or 'filterValue' is not valid")),
    };
    let (status, product) = (filter("status"), filter("product-type"));
    let connector = place.as_ref().filter(|(name, _)| name == "VoiceConnectorId");
    let connector = connector.map(|(_, id)| call.connector(id)).transpose()?;
    let fits = |line: &Line, state: &State| {
        place.as_ref().is_none_or(|(name, value)| state.associations().any(|it| it == (&**name, &**value)))
            && status.as_ref().is_none_or(|status| status == state.status())
            && product.as_ref().is_none_or(|product| product == line.product_type(state))
    };
    let (lines, more) = call.world.page(connector, (after, limit), call.cause.elapsed, fits);
    let next = lines.last().filter(|_| more).map(|(last, _)| last.number.digits());
    let shape = |(line, state): &(&Line, &State)| line.shape(&call.number_id(line.number), state);
    let numbers: Vec<Value> = lines.iter().map(shape).collect();
    Ok(page_of(call, "PhoneNumbers", &numbers, next))
}

/// `GetPhoneNumber`.
pub(super) fn number(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.number(*call.numbers.first().ok_or_else(no_number)?)
}

/// The requested page: what it comes after, which is the value in `next-token`, and its size.
fn page(call: &Call<'_>) -> Result<(u64, usize), Refusal> {
    let most = call.scenario.page_limit();
    let limit = parameter(call.uri, "max-results").map_or(Ok(most), |text| text.parse());
    let limit = limit.ok().filter(|limit| (1..=most).contains(limit));
    let limit = limit
        .ok_or_else(|| Refusal::bad_request(format!("Value at 'maxResults' must be between 1 and {most}")))?;
    let token = parameter(call.uri, "next-token").unwrap_or("sim-0".into());
    let after = token.strip_prefix("sim-").and_then(|n| n.parse().ok());
    let wrong = || Refusal::bad_request("Value at 'nextToken' is not a token of this service");
    Ok((after.ok_or_else(wrong)?, limit))
}

fn page_of(call: &Call<'_>, name: &str, entries: &[Value], next: Option<u64>) -> Value {
    let mut page = json!({ name: entries });
    if let Some(next) = if call.scenario.repeat_token { Some(0) } else { next } {
        page["NextToken"] = format!("sim-{next}").into();
    }
    page
}
