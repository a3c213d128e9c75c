//! What is about to happen, and the question whether it may.
//!
//! Removing a number from its connector breaks its calls: hard to do by accident, easy to do on purpose. Must not send
//! anything.

use std::io::{self, BufRead, IsTerminal};

use indicatif::HumanCount;

use crate::overview::Overview;
use crate::progress::Screen;

/// The user did not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There was nobody to ask.
    #[error(
        "removing numbers needs consent, and there is no terminal to ask at; nothing was sent\n\
         hint: `--yes` answers for a script, `--simulate` rehearses without AWS"
    )]
    NobodyToAsk,
    /// The answer was not yes.
    #[error("not agreed to; nothing was sent")]
    Declined,
}

/// Shows what is about to happen and asks, on a terminal. The default is no.
///
/// # Errors
/// If there is no terminal, or the answer is not yes.
pub fn ask(overview: &Overview, screen: &Screen, stdin_is_input: bool) -> Result<(), Refused> {
    if stdin_is_input || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Refused::NobodyToAsk);
    }
    screen.ask(format_args!(
        "{overview}\n\nCalls to these numbers will no longer be connected. Remove {} numbers? [y/N] ",
        HumanCount(overview.numbers)
    ));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(Refused::Declined),
    }
}
