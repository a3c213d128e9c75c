//! The operations that change something, each on the numbers of its call.
//!
//! Must not know of faults, signatures or rates.

use serde_json::{Value, json};

use super::call::{Call, no_number};
use super::scenario::Unassociated;
use super::wire::Refusal;
use crate::number::PhoneNumber;

/// What is wrong with a number, in the service's codes.
type Outcome = Result<(), &'static str>;

/// `DisassociatePhoneNumbersFromVoiceConnector`.
pub(super) fn disassociate(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let index = call.connector(call.id)?;
    call.admit()?;
    call.numbers.iter().for_each(|number| call.world.suppose(index, *number));
    Ok(each(call, |call, number| {
        let outcome = call.world.disassociate(index, number, call.cause);
        outcome.or_else(|code| unless_accepted(call, code, code == "NotFound"))
    }))
}

/// `DisassociatePhoneNumbersFromVoiceConnectorGroup`.
pub(super) fn disassociate_from_group(call: &mut Call<'_>) -> Result<Value, Refusal> {
    if call.scenario.groups.iter().all(|group| group.id != call.id) {
        return Err(Refusal::not_found("the voice connector group does not exist"));
    }
    call.admit()?;
    Ok(each(call, |call, number| {
        let outcome = call.world.leave_group(call.id, number, call.cause);
        outcome.or_else(|code| unless_accepted(call, code, code == "NotFound"))
    }))
}

/// `AssociatePhoneNumbersWithVoiceConnector`.
pub(super) fn associate(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let index = call.connector(call.id)?;
    call.admit()?;
    Ok(each(call, |call, number| {
        let outcome = call.world.associate(index, number, call.force, call.cause);
        outcome.or_else(|code| unless_accepted(call, code, call.world.holds(index, number)))
    }))
}

/// `BatchDeletePhoneNumber`.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.admit()?;
    Ok(each(call, |call, number| {
        let outcome = call.world.delete(number, call.cause);
        let is_deleted = call.world.number(number).is_some_and(|line| line.state.is_deleted);
        outcome.or_else(|code| unless_accepted(call, code, is_deleted))
    }))
}

/// `RestorePhoneNumber`.
pub(super) fn restore(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.admit()?;
    for number in call.numbers {
        if let Some(rule) = call.number_error(*number) {
            return Err(Refusal::of_number(&rule.code, &rule.message));
        }
        if call.world.restore(*number, call.cause) || call.scenario.unassociated == Unassociated::Accepted {
            return call.number(*number);
        }
    }
    Err(no_number())
}

/// A number's error, unless the number is already as the call would make it and the service does not mind.
fn unless_accepted(call: &Call<'_>, code: &'static str, is_done: bool) -> Outcome {
    if is_done && call.scenario.unassociated == Unassociated::Accepted { Ok(()) } else { Err(code) }
}

/// Changes each number, and writes the reply that says which could not be changed.
fn each<'a>(call: &mut Call<'a>, mut change: impl FnMut(&mut Call<'a>, PhoneNumber) -> Outcome) -> Value {
    let mut errors = Vec::new();
    for number in call.numbers {
        if let Some(rule) = call.number_error(*number) {
            errors.push(call.error(*number, &rule.code, &rule.message));
        } else if let Err(code) = change(call, *number) {
            errors.push(call.error(*number, code, message(code)));
        }
    }
    let stranger =
        |number: &PhoneNumber| call.error(*number, "Forbidden", "a number that this answer should not name");
    errors.extend(call.scenario.strangers.iter().map(stranger));
    json!({ "PhoneNumberErrors": errors })
}

fn message(code: &str) -> &'static str {
    match code {
        "BadRequest" => "the phone number is associated with a SIP rule",
        "PhoneNumberAssociationsExist" => "the phone number has an association",
        _ => "the phone number is not there",
    }
}
