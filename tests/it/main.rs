//! End-to-end tests: the real binary, real files, real sockets on loopback.
//!
//! The service is the embedded simulator, started in the test's own process, so that its ledger can be compared with
//! the report that the binary wrote. Nothing here may reach further than loopback.

#![allow(unreachable_pub, reason = "a test binary has no public interface")]
#![cfg(test)]

mod harness;

#[cfg(unix)]
mod accounts;
mod after;
mod aws;
#[cfg(unix)]
mod check;
mod command_line;
#[cfg(unix)]
mod consent;
#[cfg(unix)]
mod continues;
#[cfg(unix)]
mod durability;
mod edited;
#[cfg(unix)]
mod export;
#[cfg(unix)]
mod errors;
mod input;
mod meant;
mod memory;
#[cfg(unix)]
mod merge;
mod odd_inputs;
mod profiles;
mod readme;
#[cfg(unix)]
mod release;
mod replies;
mod report;
#[cfg(unix)]
mod resume;
mod scenarios;
#[cfg(unix)]
mod screen;
#[cfg(unix)]
mod shard;
#[cfg(unix)]
mod simulate;
mod some_rows;
mod spreadsheet;
#[cfg(unix)]
mod status;
mod summary;
mod tidy;
#[cfg(unix)]
mod undo;
#[cfg(unix)]
mod unattended;
mod verify;
#[cfg(unix)]
mod width;
#[cfg(unix)]
mod lanes;
mod limits;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod wrong_account;
mod wrong_list;
