//! The simulated account: connectors, the numbers associated with them, and a ledger of every change that was made.
//!
//! Must not know of faults: what is recorded here has happened, whatever reply the client got.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexSet;
use serde::{Serialize, Serializer};

use super::scenario::Connector;
use crate::number::PhoneNumber;

/// A connector's place in its world; only [`World::connector`] gives one out.
pub(super) type Index = usize;

/// Not `Debug`: it would show whole numbers.
#[derive(Default)]
pub(super) struct World {
    /// Whether connectors and numbers are created when they are first requested.
    open: bool,
    connectors: IndexSet<Arc<str>>,
    /// By connector and digits: every number that a connector has, had, or got a request for.
    numbers: BTreeMap<(Index, u64), NumberRecord>,
    applications: Vec<Application>,
}

/// What really happened to the numbers, whatever reply the client got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Every disassociation that was made, in order.
    pub applications: Vec<Application>,
    /// Every number that is or was associated, or was requested; in order of connector and number.
    pub numbers: Vec<NumberRecord>,
}

/// A disassociation that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Application {
    /// The connector's id.
    pub connector: Arc<str>,
    /// The number.
    #[serde(serialize_with = "e164")]
    pub number: PhoneNumber,
    /// The request that made it: the `n` of request id `sim-n`.
    pub request: u64,
    /// Which attempt at its batch that was, from 1.
    pub attempt: u32,
}

/// What happened to a number of a connector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NumberRecord {
    /// The connector's id.
    pub connector: Arc<str>,
    /// The number.
    #[serde(serialize_with = "e164")]
    pub number: PhoneNumber,
    /// How many disassociate calls that reached the account named it.
    pub asked: u32,
    /// How often it was disassociated.
    pub applied: u32,
    /// Whether it is associated now.
    pub associated: bool,
}

impl World {
    /// An open world if there are no connectors.
    pub(super) fn new(connectors: &[Connector]) -> Self {
        let mut world = Self { open: connectors.is_empty(), ..Self::default() };
        for connector in connectors {
            let (index, _) = world.connectors.insert_full(connector.id.as_str().into());
            for number in &connector.numbers {
                world.record(index, *number).associated = true;
            }
        }
        world
    }

    /// The record of a number of a connector; a new one is not associated.
    fn record(&mut self, connector: Index, number: PhoneNumber) -> &mut NumberRecord {
        self.numbers.entry((connector, number.digits())).or_insert_with(|| NumberRecord {
            connector: Arc::clone(&self.connectors[connector]),
            number,
            asked: 0,
            applied: 0,
            associated: false,
        })
    }

    fn holds(&self, connector: Index, number: PhoneNumber) -> bool {
        self.numbers.get(&(connector, number.digits())).is_some_and(|record| record.associated)
    }

    /// The connector of this id, if it exists; in an open world it does.
    pub(super) fn connector(&mut self, id: &str) -> Option<Index> {
        let known = self.connectors.get_index_of(id);
        known.or_else(|| self.open.then(|| self.connectors.insert_full(id.into()).0))
    }

    /// The connectors' ids.
    pub(super) fn connectors(&self) -> impl Iterator<Item = &str> {
        self.connectors.iter().map(|id| &**id)
    }

    /// Records a request to disassociate a number. Returns how many there have been for it, this one included.
    pub(super) fn ask(&mut self, connector: Index, number: PhoneNumber) -> u32 {
        let is_known = self.numbers.contains_key(&(connector, number.digits()));
        if !is_known && !self.open {
            return 1;
        }
        let record = self.record(connector, number);
        record.asked += 1;
        record.associated |= !is_known;
        record.asked
    }

    /// Disassociates a number, in this `request` and this `attempt` at its batch. `false` if it is not associated with
    /// the connector.
    pub(super) fn disassociate(
        &mut self,
        connector: Index,
        number: PhoneNumber,
        request: u64,
        attempt: u32,
    ) -> bool {
        if !self.holds(connector, number) {
            return false;
        }
        let record = self.record(connector, number);
        record.associated = false;
        record.applied += 1;
        let connector = Arc::clone(&record.connector);
        self.applications.push(Application { connector, number, request, attempt });
        true
    }

    /// Associates a number of the account, unless it is associated with another connector.
    ///
    /// # Errors
    /// The service's code for the number.
    pub(super) fn associate(
        &mut self,
        connector: Index,
        number: PhoneNumber,
        force: bool,
    ) -> Result<(), &'static str> {
        if !self.open && !self.knows(number) {
            return Err("NotFound");
        }
        let holders: Vec<Index> = self.holders(number).collect();
        if !force && holders.iter().any(|holder| *holder != connector) {
            return Err("PhoneNumberAssociationsExist");
        }
        for holder in holders {
            self.record(holder, number).associated = false;
        }
        self.record(connector, number).associated = true;
        Ok(())
    }

    /// The connectors that a number is associated with.
    fn holders(&self, number: PhoneNumber) -> impl Iterator<Item = Index> {
        (0..self.connectors.len()).filter(move |connector| self.holds(*connector, number))
    }

    /// The ids of the connectors that a number is associated with.
    pub(super) fn holder_ids(&self, number: PhoneNumber) -> impl Iterator<Item = &str> {
        self.holders(number).map(|connector| &*self.connectors[connector])
    }

    /// Whether a number is in the account.
    pub(super) fn knows(&self, number: PhoneNumber) -> bool {
        (0..self.connectors.len()).any(|connector| self.numbers.contains_key(&(connector, number.digits())))
    }

    /// At most `limit` numbers whose digits are more than `after`, in order, and whether there are more: those
    /// associated with a connector, or all.
    pub(super) fn page(&self, holder: Option<Index>, after: u64, limit: usize) -> (Vec<PhoneNumber>, bool) {
        let of_connector = |connector| {
            let records = self.numbers.range((connector, after.saturating_add(1))..(connector + 1, 0));
            let listed = records.filter(|(_, record)| record.associated || holder.is_none());
            listed.map(|(_, record)| record.number).take(limit + 1)
        };
        let connectors = holder.map_or(0..self.connectors.len(), |holder| holder..holder + 1);
        let numbers: BTreeSet<PhoneNumber> = connectors.flat_map(of_connector).collect();
        let more = numbers.len() > limit;
        (numbers.into_iter().take(limit).collect(), more)
    }

    /// How many disassociations were made.
    pub(super) fn applied(&self) -> u64 {
        self.applications.len() as u64
    }

    pub(super) fn ledger(&self) -> Ledger {
        let mut numbers: Vec<NumberRecord> = self.numbers.values().cloned().collect();
        numbers.sort_unstable();
        Ledger { applications: self.applications.clone(), numbers }
    }
}

/// A number as `+` and its digits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn e164<S: Serializer>(number: &PhoneNumber, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&number.e164())
}
