//! Where a number is, compared with where a row says it is.
//!
//! Must not decide what follows from that.

use std::fmt;

use indexmap::IndexSet;

use crate::aws::protocol::listing::{Holder, ListedNumber};
use crate::input::{ConnectorId, RowId};
use crate::number::PhoneNumber;

/// Where a row's number is. `I` is the id of what it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<I> {
    /// On the row's connector, and on nothing that keeps it there.
    OnConnector,
    /// On another connector.
    OnAnother(I),
    /// In the inventory, and on nothing.
    Unassigned,
    /// In a connector group; and whether it is on the row's connector, too. A connector's call cannot remove it.
    InGroup(I, bool),
    /// On a SIP rule; and whether it is on the row's connector, too. A connector's call cannot remove it.
    OnSipRule(I, bool),
    /// On something that this version does not know.
    OnOther(I),
    /// In the deletion queue.
    InDeletionQueue,
    /// Not in the account's inventory in this region.
    NotInAccount,
    /// Not on the row's connector. Where it is was not asked.
    NotOnConnector,
}

impl<I> Found<I> {
    /// Whether the row's connector has it, whatever else does.
    pub(crate) fn is_on_connector(&self) -> bool {
        matches!(self, Self::OnConnector | Self::InGroup(_, true) | Self::OnSipRule(_, true))
    }

    pub(super) fn map<J>(self, to: impl FnOnce(I) -> J) -> Found<J> {
        match self {
            Self::OnConnector => Found::OnConnector,
            Self::OnAnother(id) => Found::OnAnother(to(id)),
            Self::Unassigned => Found::Unassigned,
            Self::InGroup(id, too) => Found::InGroup(to(id), too),
            Self::OnSipRule(id, too) => Found::OnSipRule(to(id), too),
            Self::OnOther(id) => Found::OnOther(to(id)),
            Self::InDeletionQueue => Found::InDeletionQueue,
            Self::NotInAccount => Found::NotInAccount,
            Self::NotOnConnector => Found::NotOnConnector,
        }
    }
}

impl<'a> Found<&'a str> {
    /// Where a listed number is, for a row of this `connector`. `listed_at`: the connector whose list it is in.
    pub(super) fn of(number: &'a ListedNumber, connector: &str, listed_at: Option<&'a str>) -> Self {
        let first = |holder| number.on(holder).map(|association| &*association.value).next();
        let on_it = number.on(Holder::Connector).any(|association| &*association.value == connector)
            || listed_at == Some(connector);
        match (first(Holder::SipRule), first(Holder::Group), first(Holder::Connector).or(listed_at)) {
            (Some(rule), ..) => Self::OnSipRule(rule, on_it),
            (None, Some(group), _) => Self::InGroup(group, on_it),
            (None, None, Some(_)) if on_it => Self::OnConnector,
            (None, None, Some(other)) => Self::OnAnother(other),
            (None, None, None) => match number.on_something_else() {
                Some(other) => Self::OnOther(&other.value),
                None if number.is_being_deleted() => Self::InDeletionQueue,
                None => Self::Unassigned,
            },
        }
    }
}

impl fmt::Display for Found<&str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnConnector => f.write_str("on this connector"),
            Self::OnAnother(id) => write!(f, "on another connector, `{}`", id.escape_debug()),
            Self::Unassigned => f.write_str("on no connector"),
            Self::InGroup(id, _) => write!(f, "in connector group `{}`", id.escape_debug()),
            Self::OnSipRule(id, _) => write!(f, "on SIP rule `{}`", id.escape_debug()),
            Self::OnOther(id) => write!(f, "on `{}`", id.escape_debug()),
            Self::InDeletionQueue => f.write_str("in the deletion queue"),
            Self::NotInAccount => f.write_str("not in this account and region"),
            Self::NotOnConnector => f.write_str("not on this connector"),
        }
    }
}

/// A row that is looked up, in 24 bytes.
pub(super) struct Asked {
    pub(super) number: PhoneNumber,
    pub(super) connector: ConnectorId,
    pub(super) row: RowId,
    /// With the index of an id.
    pub(super) found: Option<Found<u32>>,
}

/// Where the numbers of rows are.
pub(crate) struct Answers {
    /// In the order of rows.
    pub(super) asked: Vec<Asked>,
    pub(super) ids: IndexSet<Box<str>>,
    pub(super) missing: Vec<ConnectorId>,
}

impl Answers {
    /// Those of several lanes as one.
    pub(crate) fn join(lanes: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self { asked: Vec::new(), ids: IndexSet::new(), missing: Vec::new() };
        for Self { asked, ids, missing } in lanes {
            let add = |id| u32::try_from(all.ids.insert_full(id).0).unwrap_or(u32::MAX);
            let indices: Vec<_> = ids.into_iter().map(add).collect();
            let known = |index: u32| indices.get(index as usize).copied().unwrap_or(u32::MAX);
            all.asked.extend(
                asked
                    .into_iter()
                    .map(|asked| Asked { found: asked.found.map(|found| found.map(known)), ..asked }),
            );
            all.missing.extend(missing);
        }
        all.asked.sort_unstable_by_key(|asked| asked.row);
        all.missing.sort_unstable();
        all
    }

    /// Where the row's number is; `None` if it was not asked.
    pub(crate) fn found(&self, row: RowId) -> Option<Found<&str>> {
        let at = self.asked.binary_search_by_key(&row, |asked| asked.row).ok()?;
        self.named(self.asked.get(at)?)
    }

    /// All of them, in the order of rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (RowId, Found<&str>)> {
        self.asked.iter().filter_map(|asked| Some((asked.row, self.named(asked)?)))
    }

    /// The rows' connectors that do not exist in this account and region, in order.
    pub(crate) fn missing(&self) -> &[ConnectorId] {
        &self.missing
    }

    fn named(&self, asked: &Asked) -> Option<Found<&str>> {
        let id = |index: u32| self.ids.get_index(index as usize).map_or("", |id| &**id);
        Some(asked.found?.map(id))
    }
}
