//! Lanes: the accounts and regions in which the rows of an input are.
//!
//! The service's limit is that of an account in a region, so each lane is paced and may be held up by itself. Columns of
//! the input put a row into its lane; without them there is one. Must not know what an account's credentials are.

use std::fmt;

use indexmap::{Equivalent, IndexSet};

/// The index of a lane of the input, from 0, in order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LaneId(u32);

impl LaneId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX)) // there are no more lanes than rows
    }

    /// Its index, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A lane as the input's cells name it. What is empty is what it would be without the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LaneName<'a> {
    /// The profile, or with `--accounts` the account.
    pub who: &'a str,
    /// The region.
    pub region: &'a str,
}

/// `prod us-east-1`.
impl fmt::Display for LaneName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, region } = *self;
        let between = if who.is_empty() || region.is_empty() { "" } else { " " };
        write!(f, "{}{between}{}", who.escape_debug(), region.escape_debug())
    }
}

/// The lanes of an input.
#[derive(Debug, Default)]
pub(super) struct Lanes(IndexSet<(Box<str>, Box<str>)>);

impl Equivalent<(Box<str>, Box<str>)> for LaneName<'_> {
    fn equivalent(&self, (who, region): &(Box<str>, Box<str>)) -> bool {
        // Most inputs name no lanes. An empty text has no memory, and `==` would have libc look at its address.
        let is_same = |one: &str, two: &str| one.len() == two.len() && (one.is_empty() || one == two);
        is_same(self.who, who) && is_same(self.region, region)
    }
}

impl Lanes {
    pub(super) fn find(&self, name: LaneName<'_>) -> Option<LaneId> {
        self.0.get_index_of(&name).map(LaneId::new)
    }

    pub(super) fn add(&mut self, name: LaneName<'_>) -> LaneId {
        let known = self.find(name);
        known.unwrap_or_else(|| LaneId::new(self.0.insert_full((name.who.into(), name.region.into())).0))
    }

    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = LaneName<'_>> {
        self.0.iter().map(|(who, region)| LaneName { who, region })
    }
}
