//! Shows what is about to happen, and asks for consent.
//!
//! Removing a number from its connector breaks its calls, so it must be hard to do by accident and easy on purpose.
//! Must not send anything.

use std::io::{self, BufRead, IsTerminal};

use indicatif::HumanCount;

use crate::action::Action;
use crate::hint::Hint;
use crate::terminal::Screen;
use crate::terminal::overview::Overview;
use crate::text::{counted, escaped};

/// The user did not consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no terminal to ask on.
    #[error("this needs confirmation, but there is no terminal to ask on; nothing was sent")]
    NobodyToAsk,
    /// The answer was not yes.
    #[error("not confirmed; nothing was sent")]
    Declined,
    /// The answer was a yes, or a count, but not the count.
    #[error("not confirmed: the answer was not {}, the count of the numbers; nothing was sent", HumanCount(*.0))]
    Miscounted(u64),
    /// `--yes` alone is not enough to lose numbers.
    #[error("this would {verb} {}, and --yes alone does not confirm that; nothing was sent", counted(*.numbers, "number"))]
    Uncounted {
        /// What would be done.
        verb: &'static str,
        /// How many there are.
        numbers: u64,
    },
    /// The count that was given is another one.
    #[error("this would {verb} {}, but --confirm-count is {}; nothing was sent", counted(*.numbers, "number"), HumanCount(*.given))]
    OtherCount {
        /// What would be done.
        verb: &'static str,
        /// How many there are.
        numbers: u64,
        /// How many were expected.
        given: u64,
    },
}

impl Hint for Refused {
    fn hint(&self) -> Option<&str> {
        match self {
            Self::NobodyToAsk => Some("use --yes in a script, or --simulate to rehearse without AWS"),
            Self::Uncounted { .. } => Some("if that is the number you expect, give it with --confirm-count"),
            Self::OtherCount { .. } => {
                Some("see above what was found, and compare it with the list you expect")
            }
            Self::Declined | Self::Miscounted(_) => None,
        }
    }
}

/// Up to this many numbers, a yes is enough. For more, the answer is their count: it cannot be typed by accident, and a
/// user who types it has read it.
const YES_UP_TO: u64 = 1_000;

/// Shows what is about to happen and asks, on a terminal. The default is no, and what was typed before the question
/// does not count as an answer.
///
/// # Errors
/// If there is no terminal, or the answer is not the expected one.
pub(crate) fn ask(overview: &Overview<'_>, screen: &Screen, stdin_is_input: bool) -> Result<(), Refused> {
    if stdin_is_input || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Refused::NobodyToAsk);
    }
    forget_what_was_typed();
    let (action, numbers) = (overview.action(), overview.numbers());
    screen.ask(format_args!("{overview}\n\n{} ", question(action, numbers, overview.forgets.is_some())));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    screen.log(format_args!("answered: {}", escaped(answer.trim())));
    match read {
        Ok(_) => judge(action, numbers, &answer),
        Err(_) => Err(Refused::Declined),
    }
}

/// Whether the count has to be given.
fn needs_count(action: Action, numbers: u64) -> bool {
    numbers > YES_UP_TO || action == Action::Delete && numbers > 0
}

/// Checks the count that was given with `--yes`: of the numbers that are sent, or of those that the run, which is continued,
/// was to send when it `began`. A script gives the same count again.
///
/// # Errors
/// If it is another one, or is missing where numbers may be lost for good.
pub(crate) fn check_count(
    overview: &Overview<'_>,
    began: Option<u64>,
    confirmed: Option<u64>,
) -> Result<(), Refused> {
    let (action, numbers) = (overview.action(), overview.numbers());
    match confirmed {
        Some(count) if count == numbers || Some(count) == began => Ok(()),
        None if action != Action::Delete => Ok(()),
        None => Err(Refused::Uncounted { verb: action.verb(), numbers }),
        Some(given) => Err(Refused::OtherCount { verb: action.verb(), numbers, given }),
    }
}

fn question(action: Action, numbers: u64, forgets: bool) -> String {
    let count = HumanCount(numbers);
    let forget = if forgets { "The record of that run will be lost. " } else { "" };
    let (calls, verb) = (action.consequence(), action.verb());
    let verb = verb[..1].to_uppercase() + &verb[1..];
    match numbers {
        0 => format!("{forget}Delete its journal? [y/N]"),
        _ if !needs_count(action, numbers) => {
            format!("{forget}{calls} {verb} {}? [y/N]", counted(numbers, "number"))
        }
        _ => format!(
            "{forget}{calls} {verb} {}?\nType {count} to confirm, or anything else to cancel:",
            counted(numbers, "number")
        ),
    }
}

fn judge(action: Action, numbers: u64, answer: &str) -> Result<(), Refused> {
    let answer = answer.trim().to_ascii_lowercase();
    let is_yes = matches!(&*answer, "y" | "yes");
    let is_count = answer == numbers.to_string() || answer == HumanCount(numbers).to_string();
    match !needs_count(action, numbers) {
        true if is_yes => Ok(()),
        false if is_count => Ok(()),
        // The user meant to confirm, and needs to know why nothing happens.
        false if is_yes || answer.starts_with(|c: char| c.is_ascii_digit()) => {
            Err(Refused::Miscounted(numbers))
        }
        _ => Err(Refused::Declined),
    }
}

/// Discards keys that were pressed while the file was read, such as one Enter too many on the command line.
#[cfg(unix)]
fn forget_what_was_typed() {
    use rustix::termios::{QueueSelector, tcflush};
    if let Err(error) = tcflush(io::stdin(), QueueSelector::IFlush) {
        tracing::debug!(%error, "cannot discard what was typed before the question");
    }
}

#[cfg(not(unix))]
fn forget_what_was_typed() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_asked_for() {
        assert_eq!(
            question(Action::Disassociate, 0, true),
            "The record of that run will be lost. Delete its journal? [y/N]"
        );
        assert!(question(Action::Disassociate, 2, true).starts_with("The record of that run"));
        assert!(!question(Action::Disassociate, 2, false).contains("that run"));
    }

    #[test]
    fn a_big_job_needs_its_count_as_the_answer() {
        for (numbers, answer, expected) in [
            (1, "y\n", Ok(())),
            (1_000, " YES \n", Ok(())),
            (1_000, "\n", Err(Refused::Declined)),
            (1_000, "1000\n", Err(Refused::Declined)),
            (1_001, "y\n", Err(Refused::Miscounted(1_001))),
            (1_001, "yes\n", Err(Refused::Miscounted(1_001))),
            (1_001, "1,001\n", Ok(())),
            (1_001, "1001", Ok(())),
            (1_001, "1000\n", Err(Refused::Miscounted(1_001))),
            (1_001, "n\n", Err(Refused::Declined)),
            (1_001, "", Err(Refused::Declined)),
        ] {
            assert_eq!(judge(Action::Disassociate, numbers, answer), expected, "{numbers} {answer:?}");
            let typed = question(Action::Disassociate, numbers, false).contains("Type ");
            assert_eq!(typed, numbers > 1_000);
        }
    }

    #[test]
    fn what_may_be_lost_for_good_always_needs_its_count() {
        assert_eq!(judge(Action::Delete, 2, "y\n"), Err(Refused::Miscounted(2)));
        assert_eq!(judge(Action::Delete, 2, "2\n"), Ok(()));
        assert!(question(Action::Delete, 2, false).contains("Release 2 numbers?\nType 2 to confirm"));
        assert!(question(Action::Associate, 2, false).ends_with("Put back 2 numbers? [y/N]"));
    }
}
