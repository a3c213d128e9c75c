//! A summary as an HTML page: one file, which loads nothing and runs only its own short script.
//!
//! The template escapes all text from outside, and the page's policy forbids what is not its own. Must not
//! count anything: it shows what the summary has counted.

mod rows;
mod chart;
mod view;
mod file;
#[cfg(test)]
mod tests;

pub use file::{check, write};
pub use rows::Gathered;
