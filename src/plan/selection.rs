//! Which of the rows that can be sent a run takes: those of some connectors, and only the first so many.
//!
//! Plan and report ask the same value, so that what is not planned has its reason. Must not know whether a row was sent.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::input::{ConnectorId, RowId, Rows, Standing};

/// What the user chose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// At most this many rows.
    pub limit: Option<NonZeroU32>,
    /// Only these connectors, unless it is empty.
    pub only: Vec<String>,
    /// Not these connectors.
    pub skip: Vec<String>,
}

impl Choice {
    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// The option that leaves a row out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftOut {
    Limit(NonZeroU32),
    OnlyConnector,
    SkipConnector,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "--limit {limit}"),
            Self::OnlyConnector => f.write_str("--only-connector"),
            Self::SkipConnector => f.write_str("--skip-connector"),
        }
    }
}

/// A connector was chosen that the input does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option} `{}`: the input has no such connector", .id.escape_debug())]
pub(crate) struct UnknownConnector {
    option: LeftOut,
    id: String,
}

/// A choice among the rows of an input.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    rows: &'a Rows,
    only: Vec<ConnectorId>,
    skip: Vec<ConnectorId>,
    /// The limit, and the first row beyond it.
    end: Option<(NonZeroU32, RowId)>,
}

impl<'a> Selection<'a> {
    /// The limit counts all rows that can be sent, in the input's order, also those that an earlier process of the same
    /// run has settled: a run that is resumed sends no more than it would have.
    ///
    /// # Errors
    /// If the input does not have a connector.
    pub(crate) fn new(choice: &Choice, rows: &'a Rows) -> Result<Self, UnknownConnector> {
        let named = |option, ids: &[String]| {
            let mut named = Vec::new();
            for id in ids {
                let found = named.len();
                named.extend(rows.connectors_named(id));
                if named.len() == found {
                    return Err(UnknownConnector { option, id: id.clone() });
                }
            }
            Ok(named)
        };
        let only = named(LeftOut::OnlyConnector, &choice.only)?;
        let skip = named(LeftOut::SkipConnector, &choice.skip)?;
        let mut selection = Self { rows, only, skip, end: None };
        selection.end = choice.limit.and_then(|limit| {
            let is_candidate = |row: &RowId| {
                matches!(rows.standing(*row), Standing::Pending { .. }) && selection.left_out(*row).is_none()
            };
            Some((limit, rows.ids().filter(is_candidate).nth(limit.get() as usize)?))
        });
        Ok(selection)
    }

    /// What leaves the row out, if it is left out.
    pub(crate) fn left_out(&self, row: RowId) -> Option<LeftOut> {
        let is_among = |chosen: &[ConnectorId]| {
            !chosen.is_empty() && self.rows.connector(row).is_some_and(|id| chosen.contains(&id))
        };
        if is_among(&self.skip) {
            return Some(LeftOut::SkipConnector);
        }
        if !self.only.is_empty() && !is_among(&self.only) {
            return Some(LeftOut::OnlyConnector);
        }
        self.end.filter(|(_, end)| row >= *end).map(|(limit, _)| LeftOut::Limit(limit))
    }

    /// What leaves out how many of the rows that could be sent and that `include` accepts.
    pub(crate) fn counts(&self, include: impl Fn(RowId) -> bool) -> Vec<(LeftOut, u64)> {
        let mut counts: Vec<(LeftOut, u64)> = Vec::new();
        let is_pending = |row: &RowId| matches!(self.rows.standing(*row), Standing::Pending { .. });
        let wanted = self.rows.ids().filter(is_pending).filter(|row| include(*row));
        for option in wanted.filter_map(|row| self.left_out(row)) {
            match counts.iter_mut().find(|(other, _)| *other == option) {
                Some((_, count)) => *count += 1,
                None => counts.push((option, 1)),
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Input, InputOptions, Source};

    /// A finished row of `a`, then pending rows `a b - a c b`, of which `-` is invalid.
    fn rows() -> Rows {
        let csv = "vc,phone,status,error_code,error_message\na,2000000,succeeded,,\n\
                   a,2000001,,,\nb,2000002,,,\nb,x,,,\na,2000003,,,\nc,2000004,,,\nb,2000005,,,\n"
            .replace("vc,phone", "vc_id,phone");
        Input::read(&Source::from_bytes("x", csv.into_bytes()), &InputOptions::default()).unwrap().rows
    }

    fn choice(limit: u32, only: &[&str], skip: &[&str]) -> Choice {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Choice { limit: NonZeroU32::new(limit), only: owned(only), skip: owned(skip) }
    }

    #[test]
    fn the_first_rows_of_the_chosen_connectors_are_taken() {
        let rows = rows();
        let (limit, only, skip) =
            (LeftOut::Limit(NonZeroU32::MIN), LeftOut::OnlyConnector, LeftOut::SkipConnector);
        for (choice, taken, counts) in [
            (choice(0, &[], &[]), "1 2 4 5 6", vec![]),
            (choice(1, &[], &[]), "1", vec![(limit, 4)]),
            (choice(5, &[], &[]), "1 2 4 5 6", vec![]),
            (choice(0, &["a", "c"], &[]), "1 4 5", vec![(only, 2)]),
            (choice(0, &[], &["b", "c"]), "1 4", vec![(skip, 3)]),
            (choice(1, &["b"], &[]), "2", vec![(only, 3), (limit, 1)]),
            (choice(1, &[], &["a"]), "2", vec![(skip, 2), (limit, 2)]),
            (choice(0, &["a"], &["a"]), "", vec![(skip, 2), (only, 3)]),
        ] {
            let selection = Selection::new(&choice, &rows).unwrap();
            let is_taken = |row: &RowId| {
                rows.standing(*row) == Standing::Pending { unanswered: false }
                    && selection.left_out(*row).is_none()
            };
            let ids: Vec<_> = rows.ids().filter(is_taken).map(|row| row.get().to_string()).collect();
            assert_eq!(ids.join(" "), taken, "{choice:?}");
            assert_eq!(selection.counts(|_| true), counts, "{choice:?}");
            assert_eq!(choice.is_everything(), counts.is_empty() && choice.limit.is_none());
        }
        let counts = Selection::new(&choice(1, &[], &[]), &rows).unwrap().counts(|row| row.get() != 5);
        assert_eq!(counts, [(limit, 3)]);
    }

    #[test]
    fn a_connector_that_the_input_does_not_have_is_named() {
        for (choice, text) in [
            (choice(0, &["a", "d"], &[]), "--only-connector `d`: the input has no such connector"),
            (choice(1, &[], &["A"]), "--skip-connector `A`: the input has no such connector"),
        ] {
            assert_eq!(Selection::new(&choice, &rows()).unwrap_err().to_string(), text);
        }
    }
}
