//! What is about to happen, and the question whether it may.
//!
//! Removing a number from its connector breaks its calls: hard to do by accident, easy to do on purpose. Must not send
//! anything.

use std::io::{self, BufRead, IsTerminal};

use indicatif::HumanCount;

use crate::hint::Hint;
use crate::terminal::Screen;
use crate::terminal::overview::Overview;
use crate::text::counted;

/// The user did not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There was nobody to ask.
    #[error("removing numbers needs consent, and there is no terminal to ask at; nothing was sent")]
    NobodyToAsk,
    /// The answer was not yes.
    #[error("not agreed to; nothing was sent")]
    Declined,
    /// The answer was a yes, or a count, but not the count.
    #[error("the answer was not {}, the count of the numbers: not agreed to; nothing was sent", HumanCount(*.0))]
    Miscounted(u64),
}

impl Hint for Refused {
    fn hint(&self) -> Option<&str> {
        (*self == Self::NobodyToAsk)
            .then_some("`--yes` answers for a script, `--simulate` rehearses without AWS")
    }
}

/// Numbers up to which a yes is enough. For more the answer is their count: it cannot be typed by accident, and whoever
/// types it has read it.
const YES_UP_TO: u64 = 1_000;

/// Shows what is about to happen and asks, on a terminal. The default is no, and what was typed before the question is
/// no answer to it.
///
/// # Errors
/// If there is no terminal, or the answer is not the one that agrees.
pub fn ask(overview: &Overview<'_>, screen: &Screen, stdin_is_input: bool) -> Result<(), Refused> {
    if stdin_is_input || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Refused::NobodyToAsk);
    }
    forget_what_was_typed();
    screen.ask(format_args!(
        "{overview}\n\nCalls to these numbers will no longer be connected. {} ",
        question(overview.numbers())
    ));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match read {
        Ok(_) => judge(overview.numbers(), &answer),
        Err(_) => Err(Refused::Declined),
    }
}

fn question(numbers: u64) -> String {
    let count = HumanCount(numbers);
    if numbers <= YES_UP_TO {
        format!("Remove {}? [y/N]", counted(numbers, "number"))
    } else {
        format!("Remove {count} numbers?\nType {count} to do it, anything else not to:")
    }
}

fn judge(numbers: u64, answer: &str) -> Result<(), Refused> {
    let answer = answer.trim().to_ascii_lowercase();
    let is_yes = matches!(&*answer, "y" | "yes");
    let is_count = answer == numbers.to_string() || answer == HumanCount(numbers).to_string();
    match numbers <= YES_UP_TO {
        true if is_yes => Ok(()),
        false if is_count => Ok(()),
        // Whoever typed this meant to agree, and would not know why nothing happens.
        false if is_yes || answer.starts_with(|c: char| c.is_ascii_digit()) => {
            Err(Refused::Miscounted(numbers))
        }
        _ => Err(Refused::Declined),
    }
}

/// A key pressed while the file was read, or an Enter too many on the command line.
#[cfg(unix)]
fn forget_what_was_typed() {
    use rustix::termios::{QueueSelector, tcflush};
    if let Err(error) = tcflush(io::stdin(), QueueSelector::IFlush) {
        tracing::debug!(%error, "what was typed ahead is not forgotten");
    }
}

#[cfg(not(unix))]
fn forget_what_was_typed() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_big_job_wants_its_count() {
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
            assert_eq!(judge(numbers, answer), expected, "{numbers} {answer:?}");
            let typed = question(numbers).contains("Type ");
            assert_eq!(typed, numbers > 1_000);
        }
    }
}
