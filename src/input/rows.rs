//! The rows of an input in 17 bytes each: what to send, not the text of the file.
//!
//! Must not keep a row's text: a million rows have to fit beside the rest of the run.

use std::num::NonZeroU32;

use indexmap::{Equivalent, IndexSet};

use serde::{Deserialize, Serialize};

use super::lane::{LaneId, LaneName, Lanes};
use super::row::{Trace, Verdict};
use super::row_key::RowKey;
use crate::action::Action;
use crate::number::PhoneNumber;

/// How many rows of a kind are shown as examples: what a person reads before opening the report.
pub(crate) const EXAMPLES: usize = 5;

/// The index of a row of the input, from 0. The header does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId(u32);

/// The index of a connector of the input, from 0, in order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorId(NonZeroU32); // the index plus one, so that a row without a connector takes no more space

/// What the input says about a row, before this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It can be sent.
    Pending {
        /// An earlier report says `unknown`: it may be done already.
        unanswered: bool,
    },
    /// An earlier report says `succeeded`. It is not sent again.
    Finished,
    /// It cannot be sent.
    Invalid,
    /// It may have been changed since an earlier report was written. It is not sent, and keeps its status.
    Kept,
    /// Another row has the same connector and number, and comes first or is finished.
    Duplicate,
    /// It is empty or a comment, and asks for nothing.
    Ignored,
    /// Another process takes it, and reports it.
    Elsewhere,
}

/// The rows of an input.
#[derive(Debug, Default)]
pub struct Rows {
    // One vector per field: a vector of structs would take 50 % more memory.
    numbers: Vec<Option<PhoneNumber>>,
    connectors: Vec<Option<ConnectorId>>,
    lines: Vec<u32>,
    standings: Vec<Standing>,
    names: IndexSet<(LaneId, Box<str>)>,
    lanes: Lanes,
    /// What shows that a row is as it was; emptied once the rows are compared.
    traces: Vec<Trace>,
    /// (row, the row it repeats), in the order of rows.
    duplicates: Vec<(RowId, RowId)>,
    /// (row, another row that was sent for the same number, and should not have been), in the order of rows.
    suspects: Vec<(RowId, RowId)>,
    /// (pending row, an earlier row with the same number under another connector). Legal, but rarely intended.
    shared: Vec<(RowId, RowId)>,
}

/// The input has more rows or lines than fit in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl RowId {
    /// The row with this index, from 0.
    #[must_use]
    pub fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its index, from 0.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl From<u32> for RowId {
    fn from(index: u32) -> Self {
        Self(index)
    }
}

impl From<RowId> for u32 {
    fn from(row: RowId) -> Self {
        row.0
    }
}

impl ConnectorId {
    pub(crate) fn new(index: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(index: u32) -> Self {
        Self::new(index)
    }

    /// Its index, from 0.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get() - 1
    }
}

/// A connector's id, to look it up among those of its lane.
#[derive(Hash)]
struct Named<'a>(LaneId, &'a str);

impl Equivalent<(LaneId, Box<str>)> for Named<'_> {
    fn equivalent(&self, (lane, name): &(LaneId, Box<str>)) -> bool {
        self.0 == *lane && self.1 == &**name
    }
}

/// What becomes of rows with the same connector and number.
#[derive(Default)]
struct Equal {
    /// The one that is sent.
    first: Option<RowId>,
    duplicates: Vec<(RowId, RowId)>,
    suspects: Vec<(RowId, RowId)>,
}

impl Rows {
    /// Adds the next row, which begins on `line`.
    pub(super) fn push(&mut self, verdict: &Verdict<'_>, line: u64) -> Result<(), TooMany> {
        self.lines.push(u32::try_from(line).map_err(|_| TooMany)?);
        let (standing, connector, number, trace) = match *verdict {
            Verdict::Pending { lane, connector, number, unanswered, trace } => {
                (Standing::Pending { unanswered }, Some((lane, connector)), Some(number), trace)
            }
            Verdict::Finished { connector, number, trace } => (Standing::Finished, connector, number, trace),
            Verdict::Kept(..) => (Standing::Kept, None, None, Trace::Nothing),
            Verdict::Invalid(_) => (Standing::Invalid, None, None, Trace::Nothing),
            Verdict::Ignored => (Standing::Ignored, None, None, Trace::Nothing),
        };
        let connector = connector.map(|(of, name)| {
            let of = self.lanes.add(of);
            let known = self.names.get_index_of(&Named(of, name));
            let index = known.unwrap_or_else(|| self.names.insert_full((of, name.into())).0);
            // There are no more connectors than rows.
            ConnectorId::new(u32::try_from(index).unwrap_or(u32::MAX))
        });
        self.numbers.push(number);
        self.connectors.push(connector);
        self.standings.push(standing);
        self.traces.push(trace);
        Ok(())
    }

    /// Finds the rows with equal numbers, once all rows are added.
    pub(super) fn compare(&mut self) {
        let numbered = |row| Some((self.number(row)?, self.connector(row), row));
        let mut rows: Vec<_> = self.ids().filter_map(numbered).collect();
        rows.sort_unstable();
        let traces = std::mem::take(&mut self.traces);
        let trace = &|row: RowId| traces.get(row.0 as usize).copied().unwrap_or(Trace::Nothing);
        let (mut duplicates, mut suspects, mut shared) = (Vec::new(), Vec::new(), Vec::new());
        let repeated = rows.chunk_by(|one, two| one.0 == two.0).filter(|rows| rows.len() > 1);
        for same_number in repeated {
            let mut sent = Vec::new();
            for same in same_number.chunk_by(|one, two| one.1 == two.1) {
                let same = self.compare_equal(same.iter().map(|(.., row)| *row), trace);
                sent.extend(same.first);
                duplicates.extend(same.duplicates);
                suspects.extend(same.suspects);
            }
            sent.sort_unstable();
            if let [first, others @ ..] = &*sent {
                shared.extend(others.iter().map(|row| (*row, *first)));
            }
        }
        duplicates.sort_unstable();
        suspects.sort_unstable();
        shared.sort_unstable();
        for (row, _) in &duplicates {
            self.standings[row.0 as usize] = Standing::Duplicate;
        }
        for (row, _) in &suspects {
            self.standings[row.0 as usize] = Standing::Kept;
        }
        (self.duplicates, self.suspects, self.shared) = (duplicates, suspects, shared);
    }

    /// Compares rows with the same connector and number.
    ///
    /// An earlier report says `duplicate` of every row that repeats another. If it says that several of them were to be
    /// sent, and not all have a key that fits, they were different once, such as before a spreadsheet rounded their
    /// numbers: those without a key are not sent. Nor is an open row ever the duplicate of a finished one unless both
    /// are as they were.
    fn compare_equal(
        &self,
        same: impl Iterator<Item = RowId> + Clone,
        trace: impl Fn(RowId) -> Trace,
    ) -> Equal {
        let is_finished = |row: RowId| self.standing(row) == Standing::Finished;
        let was_sent = |row: &RowId| matches!(trace(*row), Trace::Key | Trace::Nothing);
        let finished = || same.clone().filter(|row| is_finished(*row));
        let (finished, finished_with_key) =
            (finished().next(), finished().find(|row| trace(*row) == Trace::Key));
        let mut sent = same.clone().filter(was_sent);
        let (sent, also_sent) = (sent.next(), sent.next());
        let suspect = |row| {
            let other = if sent == Some(row) { also_sent } else { sent };
            other.filter(|_| trace(row) == Trace::Nothing)
        };
        let open = same.filter(|row| !is_finished(*row));
        let mut equal = Equal::default();
        equal.suspects.extend(open.clone().filter_map(|row| Some((row, suspect(row)?))));
        let open = open.filter(|row| suspect(*row).is_none());
        // If one is finished, the others need not be sent, not even an earlier one.
        let done = |row| match trace(row) {
            Trace::Key => finished_with_key,
            Trace::Repeat => finished_with_key.or(finished),
            Trace::New | Trace::Nothing => None,
        };
        let to_send = || open.clone().filter(|row| done(*row).is_none());
        // The doubt of one that is unknown must not be lost in a duplicate.
        let is_unanswered = |row: &RowId| self.standing(*row) == Standing::Pending { unanswered: true };
        equal.first = to_send().find(is_unanswered).or_else(|| to_send().next());
        let repeated = |row: RowId| done(row).or(equal.first).filter(|first| *first != row);
        equal.duplicates = open.clone().filter_map(|row| Some((row, repeated(row)?))).collect();
        equal
    }

    /// Leaves to other processes the rows that are not in a lane that `is_own` accepts, and all that ask for nothing.
    pub(super) fn keep(&mut self, is_own: impl Fn(Option<LaneId>) -> bool) {
        for row in self.ids() {
            if self.standing(row) == Standing::Ignored || !is_own(self.lane_of(row)) {
                self.standings[row.0 as usize] = Standing::Elsewhere;
            }
        }
        let Self { standings, duplicates, suspects, shared, .. } = self;
        for pairs in [duplicates, suspects, shared] {
            pairs.retain(|(row, _)| standings[row.0 as usize] != Standing::Elsewhere);
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> u32 {
        // A row has a line of its own, and lines are counted in 32 bits.
        u32::try_from(self.standings.len()).unwrap_or(u32::MAX)
    }

    /// Whether the input has a header only.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standings.is_empty()
    }

    /// Every row, in the input's order.
    pub fn ids(&self) -> impl Iterator<Item = RowId> + use<> {
        (0..self.len()).map(RowId)
    }

    /// The row's number; `None` if it has no valid one.
    #[must_use]
    pub fn number(&self, row: RowId) -> Option<PhoneNumber> {
        self.numbers.get(row.0 as usize).copied().flatten()
    }

    /// The row's connector; `None` if it has no valid one.
    #[must_use]
    pub fn connector(&self, row: RowId) -> Option<ConnectorId> {
        self.connectors.get(row.0 as usize).copied().flatten()
    }

    /// The row's `row_key` for this action; `None` if it has no valid connector and number.
    #[must_use]
    pub(crate) fn key(&self, action: Action, row: RowId) -> Option<RowKey> {
        Some(RowKey::new(action, self.connector_name(self.connector(row)?), self.number(row)?))
    }

    /// The connector's id as the service knows it.
    #[must_use]
    pub fn connector_name(&self, connector: ConnectorId) -> &str {
        self.names.get_index(connector.get() as usize).map_or("", |(_, name)| name)
    }

    /// The connector of this id in a lane, if the input names it.
    #[must_use]
    pub(crate) fn connector_named(&self, lane: LaneId, name: &str) -> Option<ConnectorId> {
        let index = self.names.get_index_of(&Named(lane, name))?;
        u32::try_from(index).ok().map(ConnectorId::new)
    }

    /// The connectors of this id, one in each lane that names it.
    pub(crate) fn connectors_named(&self, name: &str) -> impl Iterator<Item = ConnectorId> {
        let lanes = (0..self.lanes().len()).map(LaneId::new);
        lanes.filter_map(move |lane| self.connector_named(lane, name))
    }

    /// The connector's lane.
    #[must_use]
    pub fn lane(&self, connector: ConnectorId) -> LaneId {
        self.names.get_index(connector.get() as usize).map_or_else(LaneId::default, |(lane, _)| *lane)
    }

    /// The row's lane; `None` if it has no valid one.
    #[must_use]
    pub fn lane_of(&self, row: RowId) -> Option<LaneId> {
        Some(self.lane(self.connector(row)?))
    }

    /// The lanes in the order of their [`LaneId`]; none if no row has a valid one.
    #[must_use]
    pub fn lanes(&self) -> impl ExactSizeIterator<Item = LaneName<'_>> {
        self.lanes.names()
    }

    /// The lane of this name, if the input names it.
    #[must_use]
    pub(crate) fn lane_named(&self, name: LaneName<'_>) -> Option<LaneId> {
        self.lanes.find(name)
    }

    /// The ids of all connectors that the input names, in the order of their [`ConnectorId`].
    pub fn connector_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, name)| &**name)
    }

    /// The number of connectors that the input names.
    #[must_use]
    pub fn connector_count(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// What the input says about the row; `Invalid` for a row that is not in the input.
    #[must_use]
    pub fn standing(&self, row: RowId) -> Standing {
        self.standings.get(row.0 as usize).copied().unwrap_or(Standing::Invalid)
    }

    /// The number of rows of this standing.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        self.standings.iter().filter(|other| **other == standing).count()
    }

    /// The line on which the row begins, from 1.
    #[must_use]
    pub fn line(&self, row: RowId) -> u64 {
        self.lines.get(row.0 as usize).copied().map_or(0, u64::from)
    }

    /// The row that a duplicate repeats.
    #[must_use]
    pub fn duplicate_of(&self, row: RowId) -> Option<RowId> {
        let at = self.duplicates.binary_search_by_key(&row, |(duplicate, _)| *duplicate).ok()?;
        self.duplicates.get(at).map(|(_, first)| *first)
    }

    /// The row that was sent for the same connector and number as this one, which has been altered since.
    #[must_use]
    pub(crate) fn suspect_of(&self, row: RowId) -> Option<RowId> {
        let at = self.suspects.binary_search_by_key(&row, |(suspect, _)| *suspect).ok()?;
        self.suspects.get(at).map(|(_, other)| *other)
    }

    /// The duplicates in order, each with the row that it repeats.
    pub fn duplicates(&self) -> impl Iterator<Item = (RowId, RowId)> + use<'_> {
        self.duplicates.iter().copied()
    }

    /// (row, another row): they were reported as different, and are now equal; in the order of rows.
    #[must_use]
    pub(crate) fn suspects(&self) -> &[(RowId, RowId)] {
        &self.suspects
    }

    /// The pending rows whose number an earlier row has under another connector, in order, each with the earliest such
    /// row. This is legal, but rarely intended.
    #[must_use]
    pub fn shared_numbers(&self) -> &[(RowId, RowId)] {
        &self.shared
    }
}
