//! One of the accounts and regions of a job, for `plan` and for the question before a run.
//!
//! Must not print.

use indicatif::HumanCount;

use crate::aws::credentials::Identity;

/// An account and region, and what would be sent there.
#[derive(Debug)]
pub(crate) struct LaneOverview<'a> {
    /// As the input names it.
    pub(crate) name: String,
    /// The identity that would call it, if that is known.
    pub(crate) identity: Option<&'a Identity>,
    /// Numbers that are sent.
    pub(crate) numbers: u64,
}

impl LaneOverview<'_> {
    pub(super) fn line(&self) -> String {
        let identity =
            self.identity.map(|identity| format!(" as {}, {}", identity.account(), identity.credentials));
        format!("            {}: {}{}", self.name, HumanCount(self.numbers), identity.unwrap_or_default())
    }
}
