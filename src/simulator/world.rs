//! The simulated account: connectors, the numbers associated with them, and a ledger of every change that was made.
//!
//! Must not know of faults: what is written here has happened, whatever the client was told.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Serialize, Serializer};

use super::scenario::Connector;
use super::wire::e164;
use crate::number::PhoneNumber;

/// A connector's place in its world; only [`World::connector`] gives one out.
pub(super) type Index = usize;

#[derive(Debug, Default)]
pub(super) struct World {
    /// Whether connectors and numbers come into being when they are asked for.
    open: bool,
    connectors: Vec<Holdings>,
    indices: HashMap<Arc<str>, Index>,
    changes: Vec<Change>,
}

/// A connector, and every number that it has, had, or was asked for.
#[derive(Debug)]
struct Holdings {
    name: Arc<str>,
    numbers: HashMap<PhoneNumber, Record>,
}

/// Small, because a rehearsal may have a million: looking them up is most of the simulator's work.
#[derive(Debug, Default)]
struct Record {
    asked: u16,
    applied: u16,
    associated: bool,
}

#[derive(Debug)]
struct Change {
    number: PhoneNumber,
    by: Cause,
}

/// The call that asks for a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause {
    pub(super) connector: Index,
    /// The `n` of request id `sim-n`.
    pub(super) request: u64,
    /// Which attempt at its batch it is, from 1.
    pub(super) attempt: u32,
}

/// What really happened to the numbers, whatever the client was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Every disassociation that was made, in order.
    pub applications: Vec<Application>,
    /// Every number that is associated, was, or was asked for; in order of connector and number.
    pub numbers: Vec<NumberRecord>,
}

/// A disassociation that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Application {
    /// The connector's id.
    #[serde(serialize_with = "text")]
    pub connector: Arc<str>,
    /// The number.
    #[serde(serialize_with = "e164")]
    pub number: PhoneNumber,
    /// The request that made it: the `n` of request id `sim-n`.
    pub request: u64,
    /// Which attempt at its batch that was, from 1.
    pub attempt: u32,
}

/// What became of a number of a connector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NumberRecord {
    /// The connector's id.
    #[serde(serialize_with = "text")]
    pub connector: Arc<str>,
    /// The number.
    #[serde(serialize_with = "e164")]
    pub number: PhoneNumber,
    /// How many disassociate calls that reached the account named it (at most 65,535 are counted).
    pub asked: u16,
    /// How often it was disassociated.
    pub applied: u16,
    /// Whether it is associated now.
    pub associated: bool,
}

impl Record {
    const ASSOCIATED: Self = Self { asked: 0, applied: 0, associated: true };
}

impl World {
    /// An open world if there are no connectors.
    pub(super) fn new(connectors: &[Connector]) -> Self {
        let mut world = Self { open: connectors.is_empty(), ..Self::default() };
        for connector in connectors {
            let numbers = connector.numbers.iter().map(|number| (*number, Record::ASSOCIATED)).collect();
            world.add(&connector.id, numbers);
        }
        world
    }

    fn add(&mut self, id: &str, numbers: HashMap<PhoneNumber, Record>) -> Index {
        let name: Arc<str> = id.into();
        let index = self.connectors.len();
        self.indices.insert(Arc::clone(&name), index);
        self.connectors.push(Holdings { name, numbers });
        index
    }

    /// The connector of this id, if it exists; in an open world it does.
    pub(super) fn connector(&mut self, id: &str) -> Option<Index> {
        let known = self.indices.get(id).copied();
        if known.is_none() && self.open { Some(self.add(id, HashMap::new())) } else { known }
    }

    /// The connectors' ids.
    pub(super) fn connectors(&self) -> impl ExactSizeIterator<Item = &str> {
        self.connectors.iter().map(|connector| &*connector.name)
    }

    /// Asks to disassociate a number. `refuse` is told the how many-th time it is asked for, from 1, and may prevent it.
    /// `Ok(false)` if the number is not associated with the connector.
    ///
    /// # Errors
    /// What `refuse` said.
    pub(super) fn disassociate<R>(
        &mut self,
        by: Cause,
        number: PhoneNumber,
        refuse: impl FnOnce(u32) -> Option<R>,
    ) -> Result<bool, R> {
        let numbers = &mut self.connectors[by.connector].numbers;
        let record = if self.open {
            Some(numbers.entry(number).or_insert(Record::ASSOCIATED))
        } else {
            numbers.get_mut(&number)
        };
        let Some(record) = record else { return refuse(1).map_or(Ok(false), Err) };
        record.asked = record.asked.saturating_add(1);
        if let Some(refusal) = refuse(u32::from(record.asked)) {
            return Err(refusal);
        }
        if record.associated {
            record.associated = false;
            record.applied = record.applied.saturating_add(1);
            self.changes.push(Change { number, by });
            return Ok(true);
        }
        Ok(false)
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
        let holders: Vec<Index> = self.holders(number).collect();
        if !self.open && !self.knows(number) {
            return Err("NotFound");
        }
        if !force && holders.iter().any(|holder| *holder != connector) {
            return Err("PhoneNumberAssociationsExist");
        }
        for holder in holders {
            self.connectors[holder].numbers.entry(number).or_default().associated = false;
        }
        self.connectors[connector].numbers.entry(number).or_default().associated = true;
        Ok(())
    }

    /// The connectors that a number is associated with.
    fn holders(&self, number: PhoneNumber) -> impl Iterator<Item = Index> {
        let holds =
            move |holdings: &Holdings| holdings.numbers.get(&number).is_some_and(|record| record.associated);
        self.connectors
            .iter()
            .enumerate()
            .filter(move |(_, holdings)| holds(holdings))
            .map(|(index, _)| index)
    }

    /// The ids of the connectors that a number is associated with.
    pub(super) fn holder_ids(&self, number: PhoneNumber) -> impl Iterator<Item = &str> {
        self.holders(number).map(|index| &*self.connectors[index].name)
    }

    /// Whether a number is in the account.
    pub(super) fn knows(&self, number: PhoneNumber) -> bool {
        self.connectors.iter().any(|connector| connector.numbers.contains_key(&number))
    }

    /// At most `limit` numbers after `after`, in order, and whether there are more: those associated with a
    /// connector, or all.
    pub(super) fn page(
        &self,
        holder: Option<Index>,
        after: Option<PhoneNumber>,
        limit: usize,
    ) -> (Vec<PhoneNumber>, bool) {
        let mut first = BTreeSet::new();
        let shelves = self
            .connectors
            .iter()
            .enumerate()
            .filter(|(index, _)| holder.is_none_or(|holder| holder == *index));
        for (number, record) in shelves.flat_map(|(_, holdings)| &holdings.numbers) {
            if (record.associated || holder.is_none()) && after.is_none_or(|after| *number > after) {
                first.insert(*number);
                if first.len() > limit + 1 {
                    first.pop_last();
                }
            }
        }
        let more = first.len() > limit;
        (first.into_iter().take(limit).collect(), more)
    }

    /// How many disassociations were made.
    pub(super) fn applied(&self) -> u64 {
        self.changes.len() as u64
    }

    pub(super) fn ledger(&self) -> Ledger {
        let applications = self.changes.iter().map(|Change { number, by }| Application {
            connector: Arc::clone(&self.connectors[by.connector].name),
            number: *number,
            request: by.request,
            attempt: by.attempt,
        });
        let numbers = self.connectors.iter().flat_map(|connector| {
            connector.numbers.iter().map(|(number, record)| NumberRecord {
                connector: Arc::clone(&connector.name),
                number: *number,
                asked: record.asked,
                applied: record.applied,
                associated: record.associated,
            })
        });
        let mut ledger = Ledger { applications: applications.collect(), numbers: numbers.collect() };
        ledger.numbers.sort_unstable();
        ledger
    }
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
