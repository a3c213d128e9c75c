//! The embedded service: a loopback stand-in for the Amazon Chime SDK Voice API, on which users can
//! rehearse a job with its real input, and try the tool without an AWS account.
//!
//! ```text
//!  socket ─► server ─► service: outage? ─► signature ─► bucket ─► fault? ─► operations ─► world ─► fault? ─► Answer
//!                         └────── scenario (what goes wrong, when, to whom) ──────┘
//! ```
//!
//! `Service` is a pure function from HTTP message to `Answer`, with the time as an argument; [`Simulator`] puts it
//! behind a loopback socket, on a thread and a runtime of its own. What goes wrong is written in a [`Scenario`]. A
//! world is an account in a region with a number's whole life in it: on a connector, in a group, on a SIP rule,
//! unassigned, in the deletion queue. A request's signature says which account (that of the key) and which region it is
//! for; each has its own world, limit and attempts, made from the scenario when it is first called. STS lends the keys
//! of a role in any account.
//! Chance depends on the scenario's seed, the batch and how often that batch was seen, never on the order of arrival,
//! so that a rehearsal gives the same results at any concurrency.
//!
//! Must not listen anywhere but on loopback, and must not share protocol code with the client: it would repeat the
//! client's mistakes instead of finding them. Every request id begins with `sim-`, so that a simulated result cannot
//! be mistaken for a real one.

mod values;
mod seed;
mod wire;
mod ledger;
mod keys;
mod role;
mod faults;
mod bucket;
mod lane;
mod scenario;
mod signature;
mod line;
mod world;
mod call;
mod sts;
mod changes;
mod listing;
mod operations;
mod tally;
mod service;
mod server;

pub use faults::{Answer, Delivery};
pub use keys::{ACCESS_KEY_ID, ACCOUNT, SECRET_ACCESS_KEY, account_of, keys_of};
pub use ledger::{Action, Application, InventoryRecord, Ledger, NumberRecord};
pub use scenario::{Expect, Scenario, ScenarioError};
pub use server::{Simulator, StartError};
pub use service::Service;
pub use tally::Tally;

#[cfg(test)]
mod tests;
