//! The embedded service: a loopback stand-in for the Amazon Chime SDK Voice API, on which a night's file can be
//! rehearsed and a newcomer can start without an AWS account.
//!
//! ```text
//!  socket ─► server ─► service: outage? ─► signature ─► bucket ─► fault? ─► operations ─► world ─► fault? ─► Answer
//!                         └────── scenario (what goes wrong, when, to whom) ──────┘
//! ```
//!
//! [`Service`] is a pure function from HTTP message to [`Answer`], with the time as an argument; [`Simulator`] puts it
//! behind a loopback socket, on a thread and a runtime of its own. What goes wrong is written in a [`Scenario`].
//! Chance depends on the scenario's seed, the batch and how often that batch was seen, never on the order of arrival,
//! so that a rehearsal can be repeated whatever the concurrency.
//!
//! Must not listen anywhere but on loopback, and must not share protocol code with the client: it would repeat the
//! client's mistakes instead of finding them. Every request id begins with `sim-`, so that a simulated result cannot
//! be mistaken for a real one.

mod bucket;
mod faults;
mod operations;
mod payload;
mod scenario;
mod seed;
mod server;
mod service;
mod signature;
mod values;
mod wire;
mod world;

pub use faults::{Answer, Delivery, Effect, Fault, Outage};
pub use scenario::{
    Connector, Expect, IdForm, Key, Latency, NumberErrorRule, RateChange, RetryAfter, Scenario,
    ScenarioError, Throttle, Unassociated,
};
pub use server::{Simulator, StartError};
pub use service::{Service, Tally};
pub use values::{Rate, Secret, Share};
pub use world::{Application, Ledger, NumberRecord};

/// The access key that every scenario accepts, unless it lists keys of its own.
pub const ACCESS_KEY_ID: &str = "AKIDSIMULATED";

/// The secret of [`ACCESS_KEY_ID`]. It opens nothing but a simulator.
pub const SECRET_ACCESS_KEY: &str = "simulated-secret-that-opens-nothing";

#[cfg(test)]
mod tests;
