//! A number of the simulated account: where it is, where it was, and what a listing says of it.
//!
//! Must not decide whether a change is allowed: the account does.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ledger::InventoryRecord;
use super::scenario::Details;
use crate::number::PhoneNumber;

/// When everything in the simulated account was created.
pub(super) const CREATED: &str = "2024-01-31T12:00:00.000Z";

/// What follows the +1 of a toll-free number.
const TOLL_FREE: [&str; 7] = ["800", "833", "844", "855", "866", "877", "888"];

/// A number. Not `Debug`: it would show the whole number.
pub(super) struct Line {
    pub(super) number: PhoneNumber,
    pub(super) details: Arc<Details>,
    pub(super) state: State,
    /// Whether it is known where the number is, so that an open world no longer supposes that it is where a call needs
    /// it to be.
    pub(super) is_placed: bool,
    /// Its earlier states that listings show, each with the time until when they do, the earliest first.
    history: Vec<(Duration, State)>,
}

/// Where a number is.
#[derive(Clone, Default)]
pub(super) struct State {
    /// The ids of its connectors: one at most, except in an open world.
    pub(super) connectors: Vec<Arc<str>>,
    pub(super) group: Option<Arc<str>>,
    pub(super) sip_rule: Option<Arc<str>>,
    pub(super) is_deleted: bool,
    /// When it came there; none: [`CREATED`].
    pub(super) since: Option<Timestamp>,
}

impl Line {
    pub(super) fn new(number: PhoneNumber) -> Self {
        let (details, state) = Default::default();
        Self { number, details, state, is_placed: false, history: Vec::new() }
    }

    /// Changes where it is, at a time that clocks show as `now`. Listings are late by `stale`.
    pub(super) fn change(
        &mut self,
        (elapsed, stale): (Duration, Duration),
        now: Timestamp,
        change: impl FnOnce(&mut State),
    ) {
        self.history.push((elapsed.saturating_add(stale), self.state.clone()));
        self.history.retain(|(until, _)| *until > elapsed);
        change(&mut self.state);
        self.state.since = Some(now);
    }

    /// The state that a listing shows.
    pub(super) fn listed(&self, elapsed: Duration) -> &State {
        self.history.iter().find(|(until, _)| *until > elapsed).map_or(&self.state, |(_, before)| before)
    }

    /// `ProductType` of the number in a state.
    pub(super) fn product_type<'a>(&'a self, state: &State) -> &'a str {
        let usual = if state.sip_rule.is_some() { "SipMediaApplicationDialIn" } else { "VoiceConnector" };
        self.details.product_type.as_deref().unwrap_or(usual)
    }

    /// `PhoneNumber` in a state. `id` is its `PhoneNumberId`.
    pub(super) fn shape(&self, id: &str, state: &State) -> Value {
        let Details { name, country, kind, .. } = &*self.details;
        let digits = self.number.digits().to_string();
        let after_one = digits.strip_prefix('1');
        let is_free = after_one.is_some_and(|rest| TOLL_FREE.iter().any(|code| rest.starts_with(code)));
        let since = state.since.map_or(CREATED.to_owned(), |since| format!("{since:.3}"));
        let association =
            |(name, value)| json!({ "Name": name, "Value": value, "AssociatedTimestamp": since });
        let mut shape = json!({
            "PhoneNumberId": id,
            "E164PhoneNumber": self.number.e164().to_string(),
            "Type": kind.as_deref().unwrap_or(if is_free { "TollFree" } else { "Local" }),
            "ProductType": self.product_type(state),
            "Status": state.status(),
            "Associations": state.associations().map(association).collect::<Vec<_>>(),
            "CreatedTimestamp": CREATED,
            "UpdatedTimestamp": since,
        });
        let optional = [
            ("Name", name.as_deref()),
            ("Country", country.as_deref().or(after_one.map(|_| "US"))),
            ("DeletionTimestamp", state.is_deleted.then_some(&since)),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                shape[key] = value.into();
            }
        }
        shape
    }

    pub(super) fn record(&self, account: Arc<str>, region: Arc<str>) -> InventoryRecord {
        let State { connectors, group, sip_rule, .. } = self.state.clone();
        let (number, status, connector) = (self.number, self.state.status(), connectors.into_iter().next());
        InventoryRecord { account, region, number, status, connector, group, sip_rule }
    }
}

impl State {
    /// `Status`.
    pub(super) fn status(&self) -> &'static str {
        match (self.is_deleted, self.is_associated()) {
            (true, _) => "DeleteInProgress",
            (_, true) => "Assigned",
            (_, false) => "Unassigned",
        }
    }

    /// `Name` and `Value` of each of its associations.
    pub(super) fn associations(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let connectors = self.connectors.iter().map(|id| ("VoiceConnectorId", &**id));
        let group = self.group.as_deref().map(|id| ("VoiceConnectorGroupId", id));
        let sip_rule = self.sip_rule.as_deref().map(|id| ("SipRuleId", id));
        connectors.chain(group).chain(sip_rule)
    }

    pub(super) fn is_associated(&self) -> bool {
        self.associations().next().is_some()
    }
}
