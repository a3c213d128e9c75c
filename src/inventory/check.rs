//! What follows from where a number is, before anything is sent: whether its row is sent, or is settled by looking.
//!
//! Must not ask the service, and must not send anything.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use indicatif::HumanCount;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::found::{Answers, Found};
use crate::action::Action;
use crate::event::{Outcome, Settlement};
use crate::input::{RowFlags, RowId, Rows};

/// Where a job's numbers are, and what follows from that.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The rows by where their numbers were before anything was sent, as a report says it.
    pub(crate) places: BTreeMap<String, Vec<RowId>>,
    /// What is settled by looking.
    pub(crate) settled: Vec<Settlement>,
    /// The rows that are.
    is_settled: RowFlags,
    /// By kind of place: how many rows, the first of them, and whether such rows are sent.
    kinds: Vec<Kind>,
    /// The connectors that do not exist.
    missing: Vec<String>,
    /// Requests that it took.
    requests: u64,
}

#[derive(Debug)]
struct Kind {
    place: &'static str,
    in_words: &'static str,
    rows: u64,
    first: RowId,
    is_sent: bool,
    /// What the numbers are on, and how many of them.
    ids: BTreeMap<String, u64>,
}

/// What is to be done about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Send,
    Settle(Outcome, &'static str, String),
}

/// How a row is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// What is to be done with the numbers.
    pub(crate) action: Action,
    /// A number that is not there needs nothing done.
    pub(crate) not_found_is_success: bool,
}

/// Ids that are named of what numbers are on.
const NAMED: usize = 5;

/// Why a row that was in doubt has succeeded.
pub(crate) const WORKED: &str = "an earlier attempt, whose answer was lost, worked";

/// How a report says that a number is on the row's connector, and that it is in the deletion queue.
pub(crate) const ON_CONNECTOR: &str = "on_connector";
pub(crate) const IN_DELETION_QUEUE: &str = "in_deletion_queue";

impl Rules {
    /// What is to be done about a number that is `found` there. `in_doubt`: an earlier attempt may have worked.
    fn judge(self, found: &Found<&str>, in_doubt: bool) -> Verdict {
        use Found::{
            InDeletionQueue, InGroup, NotInAccount, NotOnConnector, OnAnother, OnConnector, OnOther,
            OnSipRule, Unassigned,
        };
        use Outcome::{Failed, Succeeded};
        let done = || match in_doubt {
            true => Verdict::Settle(Succeeded, "", format!("found {found}: {WORKED}")),
            false => Verdict::Settle(Succeeded, "AlreadyDone", format!("not sent: found {found}")),
        };
        let refused = |code| Verdict::Settle(Failed, code, format!("not sent: found {found}"));
        let absent = || match (in_doubt, self.not_found_is_success) {
            (true, _) => done(),
            (false, true) => Verdict::Settle(Succeeded, "NotFound", format!("not sent: found {found}")),
            (false, false) => refused("NotFound"),
        };
        let held = |found: &Found<&str>| match found {
            InGroup(..) => "VoiceConnectorGroupAssociationsExist",
            _ => "PhoneNumberAssociationsExist",
        };
        match (self.action, found) {
            (Action::Disassociate, OnConnector)
            | (Action::Associate, Unassigned | NotOnConnector)
            | (Action::Delete, Unassigned)
            | (Action::Restore, _) => Verdict::Send,
            (Action::Associate, OnConnector) | (Action::Delete, InDeletionQueue) => done(),
            (Action::Disassociate, InGroup(_, true) | OnSipRule(_, true))
            | (Action::Associate | Action::Delete, OnAnother(_) | InGroup(..) | OnSipRule(..) | OnOther(_))
            | (Action::Delete, OnConnector) => refused(held(found)),
            (Action::Disassociate, InGroup(..) | OnSipRule(..)) if !in_doubt => refused(held(found)),
            (Action::Associate, InDeletionQueue) => refused("InDeletionQueue"),
            (Action::Associate, NotInAccount) => refused("NotFound"),
            (Action::Disassociate | Action::Delete, _) => absent(),
        }
    }
}

impl Check {
    /// Judges the `rows` whose numbers were looked up. `in_doubt` marks those for which an earlier attempt may have worked.
    pub(crate) fn new(
        rules: Rules,
        rows: &Rows,
        answers: &Answers,
        in_doubt: &RowFlags,
        requests: u64,
        at: Timestamp,
    ) -> Self {
        let missing = answers.missing();
        let mut check = Self {
            requests,
            missing: missing.iter().map(|id| rows.connector_name(*id).to_owned()).collect(),
            ..Self::default()
        };
        let mut settled: BTreeMap<(Outcome, &str, String), Vec<RowId>> = BTreeMap::new();
        for (row, found) in answers.rows() {
            let doubt = in_doubt.get(row);
            if !doubt {
                check.places.entry(place(&found)).or_default().push(row);
            }
            let is_missing = rows.connector(row).is_some_and(|id| missing.binary_search(&id).is_ok());
            let verdict = match rules.judge(&found, doubt) {
                // It cannot be put where nothing is, and is on nothing that is not there.
                Verdict::Send | Verdict::Settle(Outcome::Failed, "NotFound", _) if is_missing => {
                    Verdict::Settle(Outcome::Failed, "NotFoundException", format!("not sent: found {found}"))
                }
                verdict => verdict,
            };
            check.count(row, &found, verdict == Verdict::Send);
            if let Verdict::Settle(outcome, code, mut message) = verdict {
                if is_missing {
                    message += "; the connector does not exist in this account and region";
                }
                check.is_settled.set(row);
                settled.entry((outcome, code, message)).or_default().push(row);
            }
        }
        let settlement = |((outcome, code, message), rows): ((_, &str, String), _)| Settlement {
            rows,
            outcome,
            code: code.into(),
            message: message.into(),
            attempts: 0,
            request_id: None,
            at,
        };
        check.settled = settled.into_iter().map(settlement).collect();
        check
    }

    fn count(&mut self, row: RowId, found: &Found<&str>, is_sent: bool) {
        let (place, in_words) = kind(found);
        let known = self.kinds.iter().position(|kind| kind.place == place && kind.is_sent == is_sent);
        let index = known.unwrap_or_else(|| {
            let ids = BTreeMap::new();
            self.kinds.push(Kind { place, in_words, rows: 0, first: row, is_sent, ids });
            self.kinds.len() - 1
        });
        let kind = &mut self.kinds[index];
        kind.rows += 1;
        id(found).into_iter().for_each(|id| *kind.ids.entry(id.to_owned()).or_default() += 1);
    }

    /// Whether the row is settled by looking, and is not sent.
    pub(crate) fn settles(&self, row: RowId) -> bool {
        self.is_settled.get(row)
    }

    /// Whether all that was looked up is as it should be.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.settled.iter().all(|settlement| settlement.outcome == Outcome::Succeeded)
    }

    /// Whether any number was found at such a kind of place, perhaps only because the list is old.
    pub(crate) fn has_any(&self, place: &str) -> bool {
        self.kinds.iter().any(|kind| kind.place == place)
    }

    /// For people: what was found, a line each.
    pub(crate) fn lines(&self, rows: &Rows) -> Vec<String> {
        let kind = |kind: &Kind| {
            let what = if kind.is_sent { "" } else { ", not sent" };
            let first = match kind.is_sent {
                true => String::new(),
                false => {
                    format!(" (line {}{})", rows.line(kind.first), if kind.rows > 1 { ", …" } else { "" })
                }
            };
            format!("found       {} {}{}{what}{first}", HumanCount(kind.rows), kind.in_words, kind.named())
        };
        let missing =
            |id: &String| format!("missing     connector {} does not exist here", id.escape_debug());
        self.kinds.iter().map(kind).chain(self.missing.iter().map(missing)).collect()
    }

    /// For programs.
    pub(crate) fn json(&self, rows: &Rows) -> Value {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        self.kinds.iter().for_each(|kind| *counts.entry(kind.place).or_default() += kind.rows);
        let settled = self.settled.iter().flat_map(|settlement| {
            settlement.rows.iter().map(|row| {
                json!({ "line": rows.line(*row), "code": settlement.code, "message": settlement.message })
            })
        });
        json!({
            "numbers": counts,
            "not_sent": settled.collect::<Vec<_>>(),
            "missing_connectors": self.missing,
            "requests": self.requests,
        })
    }
}

impl Kind {
    /// What the numbers are on: the ids with the most of them.
    fn named(&self) -> String {
        let mut ids: Vec<_> = self.ids.iter().collect();
        ids.sort_by_key(|(_, numbers)| Reverse(**numbers));
        let more = if ids.len() > NAMED { ", …" } else { "" };
        let named = ids.iter().take(NAMED);
        let named: Vec<_> =
            named.map(|(id, numbers)| format!("{}: {}", id.escape_debug(), HumanCount(**numbers))).collect();
        if named.is_empty() { String::new() } else { format!(" ({}{more})", named.join(", ")) }
    }
}

/// The kind of place: in a report, and for people.
fn kind(found: &Found<&str>) -> (&'static str, &'static str) {
    match found {
        Found::OnConnector => (ON_CONNECTOR, "on their connector"),
        Found::OnAnother(_) => ("on_another", "on another connector"),
        Found::Unassigned => ("unassigned", "on no connector"),
        Found::InGroup(..) => ("in_group", "in a connector group"),
        Found::OnSipRule(..) => ("on_sip_rule", "on a SIP rule"),
        Found::OnOther(_) => ("on_other", "on something else"),
        Found::InDeletionQueue => (IN_DELETION_QUEUE, "in the deletion queue"),
        Found::NotInAccount => ("not_in_account", "not in this account and region"),
        Found::NotOnConnector => ("not_on_connector", "not on their connector"),
    }
}

/// What a report says in its column `before`: the kind, and the id of what the number is on if it is not the row's.
fn place(found: &Found<&str>) -> String {
    let (kind, _) = kind(found);
    id(found).map_or_else(|| kind.to_owned(), |id| format!("{kind}:{id}"))
}

/// The id of what the number is on if it is not the row's connector.
fn id<'a>(found: &Found<&'a str>) -> Option<&'a str> {
    match found {
        Found::OnAnother(id) | Found::InGroup(id, _) | Found::OnSipRule(id, _) | Found::OnOther(id) => {
            Some(id)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each action.
    type Cases = [(Action, &'static str, &'static str); 3];

    /// A number that is there, for each action: sent, or settled with this outcome and code; then the same in doubt.
    #[test]
    fn each_place_means_something_for_each_action() {
        use Action::{Associate, Delete, Disassociate};
        let (rule, group) = ("PhoneNumberAssociationsExist", "VoiceConnectorGroupAssociationsExist");
        let table: [(Found<&str>, Cases); 9] = [
            (
                Found::OnConnector,
                [
                    (Disassociate, "send", "send"),
                    (Associate, "Succeeded AlreadyDone", "Succeeded "),
                    (Delete, rule, rule),
                ],
            ),
            (
                Found::OnAnother("b"),
                [(Disassociate, "NotFound", "Succeeded "), (Associate, rule, rule), (Delete, rule, rule)],
            ),
            (
                Found::Unassigned,
                [
                    (Disassociate, "NotFound", "Succeeded "),
                    (Associate, "send", "send"),
                    (Delete, "send", "send"),
                ],
            ),
            (
                Found::InGroup("g", true),
                [(Disassociate, group, group), (Associate, group, group), (Delete, group, group)],
            ),
            (
                Found::InGroup("g", false),
                [(Disassociate, group, "Succeeded "), (Associate, group, group), (Delete, group, group)],
            ),
            (
                Found::OnSipRule("s", true),
                [(Disassociate, rule, rule), (Associate, rule, rule), (Delete, rule, rule)],
            ),
            (
                Found::OnOther("o"),
                [(Disassociate, "NotFound", "Succeeded "), (Associate, rule, rule), (Delete, rule, rule)],
            ),
            (
                Found::InDeletionQueue,
                [
                    (Disassociate, "NotFound", "Succeeded "),
                    (Associate, "InDeletionQueue", "InDeletionQueue"),
                    (Delete, "Succeeded AlreadyDone", "Succeeded "),
                ],
            ),
            (
                Found::NotInAccount,
                [
                    (Disassociate, "NotFound", "Succeeded "),
                    (Associate, "NotFound", "NotFound"),
                    (Delete, "NotFound", "Succeeded "),
                ],
            ),
        ];
        for (found, rows) in table {
            for (action, sure, doubtful) in rows {
                for (in_doubt, expected) in [(false, sure), (true, doubtful)] {
                    let rules = Rules { action, not_found_is_success: false };
                    let verdict = match rules.judge(&found, in_doubt) {
                        Verdict::Send => "send".to_owned(),
                        Verdict::Settle(Outcome::Succeeded, code, _) => format!("Succeeded {code}"),
                        Verdict::Settle(_, code, _) => code.to_owned(),
                    };
                    assert_eq!(verdict, expected, "{action} {found:?}, in doubt: {in_doubt}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_can_count_as_done() {
        for (action, expected) in
            [(Action::Disassociate, Outcome::Succeeded), (Action::Associate, Outcome::Failed)]
        {
            let rules = Rules { action, not_found_is_success: true };
            let verdict = rules.judge(&Found::NotInAccount, false);
            assert!(
                matches!(verdict, Verdict::Settle(outcome, "NotFound", _) if outcome == expected),
                "{verdict:?}"
            );
        }
    }

    #[test]
    fn a_place_names_what_the_number_is_on() {
        assert_eq!(place(&Found::OnAnother("b")), "on_another:b");
        assert_eq!(place(&Found::OnConnector), "on_connector");
    }
}
