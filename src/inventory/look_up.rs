//! Looks up where the numbers of rows are, with as few requests as that takes.
//!
//! 1. The unassigned numbers, if the rows' should be among them.
//! 2. The whole inventory, for as many pages as there are connectors and hundreds of rows. If it ends by then,
//!    everything is known.
//! 3. Else each connector that still has open rows, for at most a page per open row.
//! 4. What is still open, unless it is enough that the numbers are not on their connectors: the rest of the inventory, for as
//!    many pages as there are open rows; then each number by itself. That is at most twice what the better of the two takes.
//!
//! Whether a connector exists is seen from its numbers, from the service's answer to its list, or else from the list of
//! connectors. Must not keep a list: it is read page by page.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use indexmap::IndexSet;
use serde_json::Value;

use super::error::ListError;
use super::found::{Answers, Asked, Found};
use super::lister::Lister;
use crate::aws::protocol::listing::{Holder, Listed, ListedNumber, NumberFilter, connector_id};
use crate::input::{ConnectorId, LaneId, RowId, Rows};
use crate::number::PhoneNumber;

/// The rows of a page.
const PAGE: usize = 100;

/// What a look-up is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Purpose {
    /// It matters where a number is that is not on its row's connector.
    pub(crate) in_detail: bool,
    /// It matters whether the rows' connectors exist.
    pub(crate) connectors: bool,
    /// The numbers should be unassigned.
    pub(crate) unassigned: bool,
}

/// Looks up the numbers of the rows that are `asked`, as far as they are in the `lane` that the lister reads; rows without
/// a valid number and connector are left out.
///
/// # Errors
/// If the service cannot be asked; then nothing is known.
pub(crate) async fn look_up(
    lister: &mut Lister<'_>,
    rows: &Rows,
    lane: LaneId,
    asked: impl Iterator<Item = RowId>,
    purpose: Purpose,
) -> Result<Answers, ListError> {
    let mut search = Search::new(rows, lane, asked);
    let budget = search.connectors.len() + search.asked.len().div_ceil(PAGE);
    if search.open > 0 && purpose.unassigned {
        let unassigned = NumberFilter { status: Some("Unassigned"), ..NumberFilter::default() };
        search.read(lister, &Listed::Numbers(unassigned), None, None, budget).await?;
    }
    if search.open > 0 {
        let all = Listed::Numbers(NumberFilter::default());
        let mut next = search.read(lister, &all, None, None, budget).await?;
        if next.is_some() && search.open > 0 {
            search.connectors_of_open_rows(lister).await?;
            if !purpose.in_detail && search.open > budget {
                search.one_by_one(lister, Search::is_unlisted).await?;
                search.settle(Found::NotOnConnector);
            } else if search.open > budget {
                let most = search.open;
                next = search.read(lister, &all, next, None, most).await?;
            }
            if next.is_some() {
                search.one_by_one(lister, |_, _| true).await?;
            }
        }
        search.settle(Found::NotInAccount);
    }
    if purpose.connectors {
        search.list_connectors(lister).await?;
    }
    Ok(search.answers())
}

/// What is known so far.
struct Search<'a> {
    rows: &'a Rows,
    lane: LaneId,
    /// In the order of numbers.
    asked: Vec<Asked>,
    /// How many of them are not found yet.
    open: usize,
    /// What is known of the connectors of these rows.
    connectors: BTreeMap<ConnectorId, Connector>,
    ids: IndexSet<Box<str>>,
}

#[derive(Default)]
struct Connector {
    /// Its rows that are not found yet.
    open: usize,
    /// `None` as long as it is not known.
    exists: Option<bool>,
    /// Whether all its numbers were listed: what is open is not on it.
    is_listed: bool,
}

impl<'a> Search<'a> {
    fn new(rows: &'a Rows, lane: LaneId, asked: impl Iterator<Item = RowId>) -> Self {
        let of_row = |row| {
            let connector = rows.connector(row).filter(|connector| rows.lane(*connector) == lane)?;
            Some(Asked { number: rows.number(row)?, connector, row, found: None })
        };
        let mut asked: Vec<_> = asked.filter_map(of_row).collect();
        asked.sort_unstable_by_key(|asked| (asked.number, asked.row));
        let mut connectors: BTreeMap<_, Connector> = BTreeMap::new();
        asked.iter().for_each(|asked| connectors.entry(asked.connector).or_default().open += 1);
        Self { rows, lane, open: asked.len(), asked, connectors, ids: IndexSet::new() }
    }

    /// Reads a list of numbers, of at most `most` pages, until nothing is open. `of`: the connector whose list it is.
    /// Returns the token of the next page.
    async fn read(
        &mut self,
        lister: &mut Lister<'_>,
        what: &Listed,
        from: Option<Box<str>>,
        of: Option<ConnectorId>,
        most: usize,
    ) -> Result<Option<Box<str>>, ListError> {
        let mut pages = 0;
        let take = |items: &[Value]| {
            pages += 1;
            items.iter().for_each(|item| self.saw(item, None, of));
            let is_done = match of {
                None => self.open == 0,
                Some(connector) => self.open_rows(connector) == 0,
            };
            if is_done || pages >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        lister.pages(what, from, take).await
    }

    /// A number was listed; `asked`: the number itself, if it was asked for by itself.
    fn saw(&mut self, item: &Value, asked: Option<PhoneNumber>, of: Option<ConnectorId>) {
        let listed = ListedNumber::read(item);
        let seen = listed.on(Holder::Connector);
        let seen =
            seen.filter_map(|association| self.rows.connector_named(self.lane, &association.value)).chain(of);
        for connector in seen {
            if let Some(connector) = self.connectors.get_mut(&connector) {
                connector.exists = Some(true);
            }
        }
        let Some(number) = asked.or(listed.e164()) else { return };
        let of = of.map(|connector| self.rows.connector_name(connector));
        let first = self.asked.partition_point(|asked| asked.number < number);
        let rows = self.asked[first..].iter_mut().take_while(|asked| asked.number == number);
        for asked in rows.filter(|asked| asked.found.is_none()) {
            let found = Found::of(&listed, self.rows.connector_name(asked.connector), of);
            // There are no more ids than fit: each has a row.
            let index = |id: &str| u32::try_from(self.ids.insert_full(id.into()).0).unwrap_or(u32::MAX);
            asked.found = Some(found.map(index));
            self.open -= 1;
            if let Some(connector) = self.connectors.get_mut(&asked.connector) {
                connector.open -= 1;
            }
        }
    }

    fn open_rows(&self, connector: ConnectorId) -> usize {
        self.connectors.get(&connector).map_or(0, |connector| connector.open)
    }

    /// Lists each connector that has open rows.
    async fn connectors_of_open_rows(&mut self, lister: &mut Lister<'_>) -> Result<(), ListError> {
        let connectors: Vec<_> = self.connectors.keys().copied().collect();
        for connector in connectors {
            let open = self.open_rows(connector);
            let id = self.rows.connector_name(connector);
            // A number that is to be released need not have had one.
            if open == 0 || id.is_empty() {
                continue;
            }
            let id = id.into();
            let what =
                Listed::Numbers(NumberFilter { on: Some((Holder::Connector, id)), ..Default::default() });
            let read = self.read(lister, &what, None, Some(connector), open).await;
            let known = self.connectors.entry(connector).or_default();
            match read {
                Ok(next) => known.is_listed = next.is_none(),
                Err(error) if error.is_about_nothing() && known.exists.is_none() => {
                    (known.exists, known.is_listed) = (Some(false), true);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a row is open, and its connector was not listed to its end.
    fn is_unlisted(&self, asked: &Asked) -> bool {
        let is_listed = self.connectors.get(&asked.connector).is_some_and(|connector| connector.is_listed);
        asked.found.is_none() && !is_listed
    }

    /// Asks for each open number that is `wanted`.
    async fn one_by_one(
        &mut self,
        lister: &mut Lister<'_>,
        wanted: impl Fn(&Self, &Asked) -> bool,
    ) -> Result<(), ListError> {
        for index in 0..self.asked.len() {
            let asked = &self.asked[index];
            if asked.found.is_some() || !wanted(self, asked) {
                continue;
            }
            let number = asked.number;
            match lister.page(&Listed::Number(number), None).await {
                Ok(page) => page.items.iter().for_each(|item| self.saw(item, Some(number), None)),
                Err(error) if error.is_about_nothing() => {
                    self.asked[index].found = Some(Found::NotInAccount);
                    self.open -= 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Settles what is still open.
    fn settle(&mut self, found: Found<u32>) {
        self.asked.iter_mut().for_each(|asked| _ = asked.found.get_or_insert(found));
        self.open = 0;
    }

    /// Finds out whether the connectors exist of which nothing was seen. It takes an action of its own in IAM; where that
    /// is denied, it stays open whether they exist.
    async fn list_connectors(&mut self, lister: &mut Lister<'_>) -> Result<(), ListError> {
        if self.connectors.values().all(|connector| connector.exists.is_some()) {
            return Ok(());
        }
        let take = |items: &[Value]| {
            for id in items.iter().map(connector_id) {
                let connector = self.rows.connector_named(self.lane, &id);
                if let Some(connector) = connector.and_then(|id| self.connectors.get_mut(&id)) {
                    connector.exists = Some(true);
                }
            }
            ControlFlow::Continue(())
        };
        match lister.pages(&Listed::Connectors, None, take).await {
            Err(ListError::Denied { hint, .. }) => {
                tracing::warn!(hint, "cannot tell whether all connectors exist");
                return Ok(());
            }
            read => read?,
        };
        self.connectors.values_mut().for_each(|connector| _ = connector.exists.get_or_insert(false));
        Ok(())
    }

    fn answers(mut self) -> Answers {
        self.asked.sort_unstable_by_key(|asked| asked.row);
        let is_missing = |connector: &Connector| connector.exists == Some(false);
        let missing = self.connectors.iter().filter(|(_, connector)| is_missing(connector));
        let missing = missing.map(|(id, _)| *id).collect();
        Answers { asked: self.asked, ids: self.ids, missing }
    }
}
