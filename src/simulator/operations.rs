//! The operations of the service: how each is called.
//!
//! Must not know of faults, signatures or rates.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::Value;

use super::call::{Call, decode, parameter};
use super::ledger::Action;
use super::wire::Refusal;
use super::{changes, listing};

/// An operation of the service.
pub(super) struct Operation {
    method: &'static str,
    /// `*` stands for an id.
    path: &'static str,
    /// The query's `operation`.
    name: Option<&'static str>,
    /// What it does.
    pub(super) action: Action,
    /// Performs it, and returns the reply's body.
    pub(super) run: Run,
}

type Run = fn(&mut Call<'_>) -> Result<Value, Refusal>;

/// The operations that the simulator has.
static OPERATIONS: [Operation; 8] = [
    post("/voice-connectors/*", "disassociate-phone-numbers", Action::Disassociate, changes::disassociate),
    post(
        "/voice-connector-groups/*",
        "disassociate-phone-numbers",
        Action::Disassociate,
        changes::disassociate_from_group,
    ),
    post("/voice-connectors/*", "associate-phone-numbers", Action::Associate, changes::associate),
    post("/phone-numbers", "batch-delete", Action::Delete, changes::delete),
    post("/phone-numbers/*", "restore", Action::Restore, changes::restore),
    get("/voice-connectors", listing::connectors),
    get("/phone-numbers", listing::numbers),
    get("/phone-numbers/*", listing::number),
];

const fn get(path: &'static str, run: Run) -> Operation {
    Operation { method: "GET", path, name: None, action: Action::List, run }
}

const fn post(path: &'static str, name: &'static str, action: Action, run: Run) -> Operation {
    Operation { method: "POST", path, name: Some(name), action, run }
}

/// Finds the operation, and the id in its path.
///
/// # Errors
/// The service's refusal if there is none.
pub(super) fn find(request: &Request<Bytes>) -> Result<(&'static Operation, Cow<'_, str>), Refusal> {
    let mut segments = request.uri().path().split('/').skip(1);
    let collection = segments.next().unwrap_or_default();
    let id = decode(segments.next().unwrap_or_default());
    let path = format!("/{collection}{}", if id.trim().is_empty() { "" } else { "/*" });
    let name = parameter(request.uri(), "operation");
    let is_it = |it: &&Operation| {
        it.method == request.method().as_str() && it.path == path && it.name == name.as_deref()
    };
    let found = OPERATIONS.iter().find(is_it).filter(|_| segments.next().is_none());
    found
        .map(|operation| (operation, id))
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "UnknownOperationException", ""))
}

/// The id of the connector in a request's path, whether or not there is such an operation; empty if there is none.
pub(super) fn connector(request: &Request<Bytes>) -> Cow<'_, str> {
    let rest = request.uri().path().strip_prefix("/voice-connectors/").unwrap_or_default();
    decode(rest.split('/').next().unwrap_or_default())
}
