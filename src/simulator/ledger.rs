//! What the simulator says about itself: every change that was made, and where each number is now.
//!
//! Must not decide anything: it is written by the account, and read by tests and by users who want to check.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::number::PhoneNumber;

/// What a call does to numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Takes them off a connector or a connector group.
    Disassociate,
    /// Puts them on a connector.
    Associate,
    /// Moves them to the deletion queue.
    Delete,
    /// Takes one out of the deletion queue.
    Restore,
    /// Nothing: reads of any kind.
    List,
}

/// What really happened to the numbers, whatever reply the client got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Every change that was made, in order.
    pub applications: Vec<Application>,
    /// Every number that is or was associated with a connector, or was requested to be off it; in order of account,
    /// region, connector and number.
    pub numbers: Vec<NumberRecord>,
    /// Every number of the accounts, in order of account, region and number.
    pub inventory: Vec<InventoryRecord>,
}

/// A change that was made to a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Application {
    /// The account.
    pub account: Arc<str>,
    /// The region.
    pub region: Arc<str>,
    /// What was done.
    pub action: Action,
    /// The id of the connector or group that it was done to; none for `delete` and `restore`.
    pub connector: Option<Arc<str>>,
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
    /// The account.
    pub account: Arc<str>,
    /// The region.
    pub region: Arc<str>,
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

/// Where a number of the account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InventoryRecord {
    /// The account.
    pub account: Arc<str>,
    /// The region.
    pub region: Arc<str>,
    /// The number.
    #[serde(serialize_with = "e164")]
    pub number: PhoneNumber,
    /// `Assigned`, `Unassigned` or `DeleteInProgress`.
    pub status: &'static str,
    /// The id of its connector; of the first, if it is on several, as it can be in an open world.
    pub connector: Option<Arc<str>>,
    /// The id of its connector group.
    pub group: Option<Arc<str>>,
    /// The id of its SIP rule.
    pub sip_rule: Option<Arc<str>>,
}

impl Ledger {
    /// What happened in an account and region.
    #[must_use]
    pub fn of(mut self, account: &str, region: &str) -> Self {
        let is_here = |a: &Arc<str>, r: &Arc<str>| (&**a, &**r) == (account, region);
        self.applications.retain(|made| is_here(&made.account, &made.region));
        self.numbers.retain(|record| is_here(&record.account, &record.region));
        self.inventory.retain(|record| is_here(&record.account, &record.region));
        self
    }

    /// Adds what happened elsewhere.
    pub(super) fn extend(&mut self, other: Self) {
        self.applications.extend(other.applications);
        self.numbers.extend(other.numbers);
        self.inventory.extend(other.inventory);
    }

    /// How often something was done to a number.
    #[must_use]
    pub fn count(&self, action: Action, number: PhoneNumber) -> usize {
        self.applications.iter().filter(|made| made.action == action && made.number == number).count()
    }

    /// Where a number is, if it is in the account.
    #[must_use]
    pub fn place(&self, number: PhoneNumber) -> Option<&InventoryRecord> {
        self.inventory.iter().find(|record| record.number == number)
    }
}

/// A number as `+` and its digits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn e164<S: Serializer>(number: &PhoneNumber, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&number.e164())
}
