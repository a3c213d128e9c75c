//! Compares reports with the simulated service's ledger.

use std::collections::{HashMap, HashSet};

use crate::action::Action;
use crate::number::PhoneNumber;
use crate::simulator::{self, Ledger};

/// What happened to numbers, by connector and digits; where an action needs no connector, the connector is empty.
pub(super) struct Truth {
    action: Action,
    /// How often it was done.
    pub(super) done: HashMap<(String, String), u32>,
    /// Where it is as if it had been done.
    as_done: HashSet<(String, String)>,
}

impl Truth {
    pub(super) fn of(ledger: &Ledger, action: Action) -> Self {
        let key = |connector: Option<&str>, number: PhoneNumber| {
            let connector = connector.filter(|_| action.needs_connector()).unwrap_or_default();
            (connector.to_owned(), number.digits().to_string())
        };
        let (mut done, did) = (HashMap::new(), of_simulator(action));
        for made in ledger.applications.iter().filter(|made| made.action == did) {
            *done.entry(key(made.connector.as_deref(), made.number)).or_default() += 1;
        }
        let off = ledger.numbers.iter().filter(|it| !it.associated);
        let off = off.map(|it| key(Some(&it.connector), it.number));
        let places = ledger.inventory.iter().filter(|it| match action {
            Action::Disassociate => false,
            Action::Associate => it.connector.is_some(),
            Action::Delete => it.status == "DeleteInProgress",
            Action::Restore => it.status != "DeleteInProgress",
        });
        let places = places.map(|it| key(it.connector.as_deref(), it.number));
        let as_done = off.filter(|_| action == Action::Disassociate).chain(places).collect();
        Self { action, done, as_done }
    }

    /// Whether a report may say this of a row.
    pub(super) fn allows(&self, connector: &str, digits: &str, status: &str) -> bool {
        let connector = if self.action.needs_connector() { connector } else { "" };
        let key = (connector.to_owned(), digits.to_owned());
        match status {
            "succeeded" => self.as_done.contains(&key),
            "failed" | "not_attempted" => !self.done.contains_key(&key),
            "unknown" | "duplicate" | "invalid" => true,
            _ => false,
        }
    }
}

fn of_simulator(action: Action) -> simulator::Action {
    match action {
        Action::Disassociate => simulator::Action::Disassociate,
        Action::Associate => simulator::Action::Associate,
        Action::Delete => simulator::Action::Delete,
        Action::Restore => simulator::Action::Restore,
    }
}
