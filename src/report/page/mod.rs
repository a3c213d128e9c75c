//! A summary as a page to look at: one file, which loads nothing and runs nothing but its own few lines.
//!
//! Everything from elsewhere passes the template's escaping, and the page's policy forbids what is not its own. Must not
//! count anything: it shows what the summary has counted.

mod rows;
mod chart;
mod view;
mod file;
#[cfg(test)]
mod tests;

pub use file::{check, write};
pub use rows::Gathered;
