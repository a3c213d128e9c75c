//! Rows → batches: which numbers go together, and in which order.
//!
//! A batch is for one connector, because a request is. Must not know when a batch is sent, or how it ends.

mod selection;

use std::collections::VecDeque;
use std::num::NonZeroU32;

use crate::input::{ConnectorId, LaneId, RowId, Rows, Standing};
pub use selection::{Choice, Selection};
pub(crate) use selection::{LeftOut, UnknownConnector};

/// The rows of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Their connector.
    pub connector: ConnectorId,
    /// The rows, in the input's order; at least one, and at most the plan's batch size.
    pub rows: Vec<RowId>,
}

/// What is to be sent: rows by connector, in the input's order. 8 bytes a row.
#[derive(Debug, Clone)]
pub struct Plan {
    rows: Vec<(ConnectorId, RowId)>,
    batch_size: NonZeroU32,
}

impl Plan {
    /// Plans the pending rows that `include` accepts.
    #[must_use]
    pub fn new(rows: &Rows, include: impl Fn(RowId) -> bool, batch_size: NonZeroU32) -> Self {
        let is_pending = |row: &RowId| matches!(rows.standing(*row), Standing::Pending { .. });
        let wanted = rows.ids().filter(is_pending).filter(|row| include(*row));
        let mut rows: Vec<_> = wanted.filter_map(|row| Some((rows.connector(row)?, row))).collect();
        rows.sort_unstable();
        Self { rows, batch_size }
    }

    /// Every batch.
    pub fn batches(&self) -> impl Iterator<Item = Batch> + use<'_> {
        self.in_turns(self.groups().collect())
    }

    /// The batches of each lane of `rows`, by its index. At least one lane.
    pub fn batches_of_lanes(&self, rows: &Rows) -> Vec<impl Iterator<Item = Batch> + use<'_>> {
        let mut groups = vec![VecDeque::new(); rows.lanes().len().max(1)];
        for group in self.groups() {
            let lane = group.first().map_or_else(LaneId::default, |(connector, _)| rows.lane(*connector));
            groups[lane.index()].push_back(group);
        }
        groups.into_iter().map(|groups| self.in_turns(groups)).collect()
    }

    /// How many numbers are sent in each lane of `rows`, by its index.
    #[must_use]
    pub fn numbers_of_lanes(&self, rows: &Rows) -> Vec<u64> {
        let mut numbers = vec![0; rows.lanes().len()];
        for (connector, count) in self.connectors() {
            numbers[rows.lane(connector).index()] += u64::from(count);
        }
        numbers
    }

    /// The connectors take turns, one batch each, so that a slow or refused connector does not hold up the rest. The upper
    /// bound of the iterator's size hint is the number of batches.
    fn in_turns<'a>(
        &self,
        mut waiting: VecDeque<&'a [(ConnectorId, RowId)]>,
    ) -> impl Iterator<Item = Batch> + use<'a> {
        let batch_size = self.batch_size.get() as usize;
        let batches = waiting.iter().map(|group| group.len().div_ceil(batch_size)).sum();
        let in_turns = std::iter::from_fn(move || {
            let group = waiting.pop_front()?;
            let (batch, rest) = group.split_at(group.len().min(batch_size));
            if !rest.is_empty() {
                waiting.push_back(rest);
            }
            let (connector, _) = *batch.first()?;
            Some(Batch { connector, rows: batch.iter().map(|(_, row)| *row).collect() })
        });
        in_turns.take(batches)
    }

    /// The connectors and how many rows each has, in the order in which the input names them.
    pub fn connectors(&self) -> impl Iterator<Item = (ConnectorId, u32)> + use<'_> {
        // There are no more rows than a `RowId` counts.
        self.groups().filter_map(|group| Some((group.first()?.0, u32::try_from(group.len()).ok()?)))
    }

    /// The rows of each connector.
    fn groups(&self) -> impl Iterator<Item = &[(ConnectorId, RowId)]> {
        self.rows.chunk_by(|one, two| one.0 == two.0)
    }

    /// How many numbers are sent.
    #[must_use]
    pub fn number_count(&self) -> usize {
        self.rows.len()
    }

    /// How many requests the plan takes if each is sent once.
    #[must_use]
    pub fn batch_count(&self) -> usize {
        self.connectors().map(|(_, rows)| rows.div_ceil(self.batch_size.get()) as usize).sum()
    }

    /// The most numbers in a request.
    #[must_use]
    pub fn batch_size(&self) -> NonZeroU32 {
        self.batch_size
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::input::{Input, InputOptions, Source};

    /// Rows on these connectors, each with its own number; `-` makes the number invalid.
    fn rows(connectors: &[String]) -> Rows {
        let row = |(at, connector): (usize, &String)| format!("{connector},{}\n", 2_000_000 + at);
        let csv: String = connectors.iter().enumerate().map(row).collect();
        let csv = format!("vc_id,phone\n{}", csv.replace("-,", "vc,x"));
        Input::read(&Source::from_bytes("x", csv.into_bytes()), &InputOptions::default()).unwrap().rows
    }

    fn size(size: u32) -> NonZeroU32 {
        NonZeroU32::new(size).unwrap()
    }

    #[test]
    fn connectors_take_turns() {
        let rows = rows(&["a", "a", "b", "-", "a", "c", "a", "b", "a"].map(String::from));
        let plan = Plan::new(&rows, |row| row.get() != 8, size(2));
        let batches: Vec<_> = plan
            .batches()
            .map(|batch| {
                let ids: Vec<_> = batch.rows.iter().map(|row| row.get()).collect();
                format!("{}{ids:?}", rows.connector_name(batch.connector))
            })
            .collect();
        assert_eq!(batches, ["a[0, 1]", "b[2, 7]", "c[5]", "a[4, 6]"]);
        assert_eq!((plan.number_count(), plan.batch_count(), plan.batch_size()), (7, 4, size(2)));
        let sizes: Vec<_> = plan.connectors().map(|(id, rows)| (id.get(), rows)).collect();
        assert_eq!(sizes, [(0, 4), (1, 2), (2, 1)]);
    }

    #[test]
    fn a_plan_without_rows_has_no_batches() {
        let rows = rows(&["a".into()]);
        let plan = Plan::new(&rows, |_| false, size(10));
        assert_eq!((plan.batches().next(), plan.batch_count(), plan.connectors().count()), (None, 0, 0));
    }

    proptest! {
        #[test]
        fn each_row_is_sent_once(connectors in prop::collection::vec("[a-e-]", 0..60), batch_size in 1..9_u32) {
            let rows = rows(&connectors);
            let plan = Plan::new(&rows, |row| row.get() % 7 != 3, size(batch_size));
            let mut by_connector: BTreeMap<ConnectorId, Vec<RowId>> = BTreeMap::new();
            let mut turns: BTreeMap<ConnectorId, usize> = BTreeMap::new();
            let mut batches = 0;
            prop_assert_eq!(plan.batches().size_hint().1, Some(plan.batch_count()));
            for batch in plan.batches() {
                batches += 1;
                prop_assert!((1..=batch_size as usize).contains(&batch.rows.len()));
                // A connector has its next turn only when all that still have rows had theirs.
                let turn = turns.entry(batch.connector).or_default();
                *turn += 1;
                let turn = *turn;
                prop_assert!(turns.values().all(|other| *other <= turn));
                by_connector.entry(batch.connector).or_default().extend(batch.rows);
            }
            prop_assert_eq!(batches, plan.batch_count());
            let mut expected: BTreeMap<ConnectorId, Vec<RowId>> = BTreeMap::new();
            for row in rows.ids().filter(|row| row.get() % 7 != 3 && rows.number(*row).is_some()) {
                expected.entry(rows.connector(row).unwrap()).or_default().push(row);
            }
            prop_assert_eq!(by_connector, expected);
        }
    }
}
