//! What a report says of a number, compared with where the service has it.
//!
//! Must not ask the service, and must not write the report.

use crate::action::Action;
use crate::input::{Standing, Status};
use crate::inventory::{Found, WORKED};

/// What was seen of a row's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `verified`.
    pub word: &'static str,
    /// The report says that it succeeded, and the service has it where it would be if it had not.
    pub differs: bool,
    /// What became of a row that was `unknown`: its status, its error's code, and why.
    pub settles: Option<(Status, &'static str, String)>,
}

/// Whether a number that was seen so is where it should be after `action`.
pub(super) fn is_done(action: Action, word: &str) -> bool {
    match action {
        Action::Disassociate => word != "still_on",
        Action::Associate => word == "on",
        Action::Delete => matches!(word, "queued" | "gone"),
        Action::Restore => !matches!(word, "queued" | "gone"),
    }
}

impl Seen {
    /// Compares a row of this `standing`, in a report of this `action`, with where its number is.
    ///
    /// | `verified` | where the number is | is what it should be after |
    /// |---|---|---|
    /// | `off` | on nothing, or not on the row's connector and elsewhere was not asked | disassociate, restore |
    /// | `still_on`; `on` in the report of an undo | on the row's connector | associate, restore |
    /// | `moved` | on something else | disassociate, restore |
    /// | `queued` | in the deletion queue | disassociate, delete |
    /// | `gone` | not in the account | disassociate, delete |
    pub(crate) fn of(action: Action, standing: Standing, found: &Found<&str>) -> Self {
        let word = match found {
            found if found.is_on_connector() && action == Action::Associate => "on",
            found if found.is_on_connector() => "still_on",
            Found::InDeletionQueue => "queued",
            Found::NotInAccount => "gone",
            Found::Unassigned | Found::NotOnConnector => "off",
            _ => "moved",
        };
        let is_done = is_done(action, word);
        let settles = match (standing, is_done) {
            (Standing::Pending { unanswered: true }, true) => {
                let why = format!("verified: found {found}: {WORKED}");
                Some((Status::Succeeded, "", why))
            }
            (Standing::Pending { unanswered: true }, false) => {
                let why = format!("verified: found {found}: no attempt has worked; a rerun sends it again");
                Some((Status::Failed, "NotDone", why))
            }
            _ => None,
        };
        Self { word, differs: standing == Standing::Finished && !is_done, settles }
    }

    /// Where the number is, for people.
    pub(crate) fn in_words(&self) -> &'static str {
        match self.word {
            "on" | "still_on" => "on the connector",
            "moved" => "on something else",
            "queued" => "in the deletion queue",
            "gone" => "not in the account",
            _ => "not on the connector",
        }
    }

    /// Whether the service, which may show an old state for some seconds, is to be asked again.
    pub(crate) fn may_be_old(&self) -> bool {
        self.differs || self.settles.as_ref().is_some_and(|(status, ..)| *status == Status::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_a_word_and_may_contradict_the_report() {
        use Action::{Associate, Delete, Disassociate, Restore};
        // With the actions whose success it contradicts.
        let table: [(Found<&str>, &str, &[Action]); 9] = [
            (Found::OnConnector, "still_on", &[Disassociate, Delete]),
            (Found::OnAnother("b"), "moved", &[Associate, Delete]),
            (Found::Unassigned, "off", &[Associate, Delete]),
            (Found::NotOnConnector, "off", &[Associate, Delete]),
            (Found::InGroup("g", true), "still_on", &[Disassociate, Delete]),
            (Found::InGroup("g", false), "moved", &[Associate, Delete]),
            (Found::OnSipRule("s", false), "moved", &[Associate, Delete]),
            (Found::InDeletionQueue, "queued", &[Associate, Restore]),
            (Found::NotInAccount, "gone", &[Associate, Restore]),
        ];
        for (found, word, contradicted) in table {
            for action in Action::ALL {
                let word = if action == Associate && word == "still_on" { "on" } else { word };
                let is_wrong = contradicted.contains(&action);
                let seen = Seen::of(action, Standing::Finished, &found);
                assert_eq!(seen, Seen { word, differs: is_wrong, settles: None }, "{action} {found:?}");
                let seen = Seen::of(action, Standing::Pending { unanswered: true }, &found);
                let settled = seen.settles.as_ref().map(|(status, ..)| *status);
                let expected = if is_wrong { Status::Failed } else { Status::Succeeded };
                assert_eq!((seen.differs, settled), (false, Some(expected)), "{action} {found:?}");
                let seen = Seen::of(action, Standing::Pending { unanswered: false }, &found);
                assert_eq!(seen, Seen { word, differs: false, settles: None }, "{action} {found:?}");
            }
        }
    }
}
