//! The service: a simulator in this process. Must not be reached from elsewhere.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use chime_sweep::simulator::{Action, Ledger, NumberRecord, Scenario, Simulator, StartError, Tally};

use super::{Row, wait_until};

pub struct Service(Simulator);

impl Service {
    /// Starts one that plays a scenario, written in TOML.
    pub fn playing(scenario: &str) -> Self {
        Self::of(Scenario::from_toml(scenario, Path::new("scenario.toml")).expect("a scenario"))
    }

    pub fn of(scenario: Scenario) -> Self {
        Self::at(scenario, (Ipv4Addr::LOCALHOST, 0).into()).expect("a port on loopback")
    }

    fn at(scenario: Scenario, address: SocketAddr) -> Result<Self, StartError> {
        Simulator::start(scenario, address).map(Self)
    }

    /// Stops it; later another one plays a scenario in its place.
    pub fn stop(self) -> impl FnOnce(&str) -> Self {
        let address = self.url().trim_start_matches("http://").parse().expect("an address");
        drop(self);
        move |scenario| {
            let scenario = Scenario::from_toml(scenario, Path::new("scenario.toml")).expect("a scenario");
            let mut again = None;
            wait_until("the port is free", || {
                again = Self::at(scenario.clone(), address).ok();
                again.is_some()
            });
            again.expect("started")
        }
    }

    pub fn url(&self) -> String {
        self.0.url()
    }

    pub fn tally(&self) -> Tally {
        self.0.tally()
    }

    pub fn ledger(&self) -> Ledger {
        self.0.ledger()
    }

    /// What was done, in order, and with how many numbers each.
    pub fn changes(&self) -> Vec<(Action, usize)> {
        let mut changes: Vec<(Action, usize)> = Vec::new();
        for made in self.ledger().applications {
            match changes.last_mut() {
                Some((action, numbers)) if *action == made.action => *numbers += 1,
                _ => changes.push((made.action, 1)),
            }
        }
        changes
    }

    /// Where a number is now: a connector's id, or `nothing`, `queue` or `nowhere`.
    pub fn place(&self, number: &str) -> String {
        let inventory = self.ledger().inventory;
        let found = inventory.into_iter().find(|it| it.number.e164().to_string() == number);
        match found.map(|it| (it.status, it.connector)) {
            None => "nowhere".to_owned(),
            Some((_, Some(connector))) => connector.to_string(),
            Some(("DeleteInProgress", None)) => "queue".to_owned(),
            Some((_, None)) => "nothing".to_owned(),
        }
    }

    /// Requests that arrived.
    pub fn requests(&self) -> u64 {
        self.tally().requests
    }

    /// Waits until this many requests have arrived.
    #[track_caller]
    pub fn wait_for_requests(&self, requests: u64) {
        wait_until(&format!("{requests} requests have arrived"), || self.requests() >= requests);
    }

    /// Replies with this status.
    pub fn replies(&self, status: u16) -> u64 {
        self.tally().statuses.get(&status).copied().unwrap_or(0)
    }

    /// The numbers that were disassociated, in the order in which that happened.
    pub fn applied(&self) -> Vec<String> {
        let applications = self.ledger().applications.into_iter();
        let off = applications.filter(|made| made.action == Action::Disassociate);
        off.map(|made| made.number.e164().to_string()).collect()
    }

    /// How many calls that reached the account named this number.
    pub fn asked(&self, number: &str) -> u32 {
        let numbers = self.ledger().numbers;
        numbers.iter().filter(|it| it.number.e164().to_string() == number).map(|it| it.asked).sum()
    }

    /// Whether each number that was asked for was asked for once.
    pub fn asked_once(&self) -> bool {
        self.ledger().numbers.iter().all(|record| record.asked == 1)
    }

    /// Whether the number is off the connector.
    pub fn is_gone(&self, connector: &str, number: &str) -> bool {
        let is_it = |record: &&NumberRecord| {
            &*record.connector == connector && record.number.e164().to_string() == number
        };
        self.ledger().numbers.iter().find(is_it).is_some_and(|record| !record.associated)
    }

    /// The first row of a report that the ledger contradicts: `succeeded` means that the number is gone, `failed` and
    /// `not_attempted` that it is not.
    pub fn contradicts(&self, rows: &[Row]) -> Option<String> {
        let record = |record: NumberRecord| {
            ((record.connector.to_string(), record.number.e164().to_string()), !record.associated)
        };
        let gone: HashMap<_, _> = self.ledger().numbers.into_iter().map(record).collect();
        let is_wrong = |row: &&Row| {
            let connector = row.get("voice_connector_id").or_else(|| row.get("VoiceConnectorId"));
            let number = row.get("phone_number").or_else(|| row.get("PhoneNumber"));
            let key = (connector.expect("a connector").clone(), number.expect("a number").clone());
            let gone = gone.get(&key).copied().unwrap_or(false);
            match row["status"].as_str() {
                "succeeded" => !gone,
                "failed" | "not_attempted" => gone,
                _ => false,
            }
        };
        rows.iter().find(is_wrong).map(|row| format!("the ledger says otherwise: {row:?}"))
    }
}
