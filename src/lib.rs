//! Removes phone numbers from Amazon Chime SDK Voice Connectors in bulk, and reports the true outcome of every row; lists
//! them, looks where they are before and after, puts them back, and releases them.
//!
//! ```text
//!  CSV ─► input ─► plan ─► pool ──events──► journal ─► history ─► reconcile ─► report CSV
//!                    ▲       │  ▲             │           │
//!                    │       │  └──── ack ────┘           │
//!                    └───────│────── outstanding ─────────┘
//!                            ▼
//!                         client ─► reqwest ─► the service (or the simulator on loopback)
//!                  the same events ─► tally, progress (they only watch)
//! ```
//!
//! What is done with the numbers is an [`Action`](action::Action): all actions share this path. Before it, `inventory` may
//! look where the numbers are, and settle rows by that; after it, `verify` adds to the report what it sees.
//!
//! **The journal is the truth; the report is a pure function of input and journal.** The pool keeps no results: it
//! emits events, an event that matters is durable before anyone acts on it, and the report is computed from input and
//! journal at the end. A normal finish, a resumed run and a run after `kill -9` share one code path.
//!
//! Policy (plan, retry, pacing, replay, reconcile, signing) is synchronous, pure, and takes the time as an argument;
//! async code is a thin shell. The modules are declared in the order of the flow, and a module imports only from those
//! before it.

pub mod text;
pub mod hint;
pub mod files;
pub(crate) mod shell;
pub mod number;
pub mod region;
pub mod action;
pub mod input;
pub mod plan;
pub mod aws;
pub mod simulator;
pub mod event;
pub mod pool;
pub(crate) mod inventory;
pub mod journal;
pub mod report;
pub mod terminal;
pub mod cli;
pub mod job;
