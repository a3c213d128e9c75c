//! Lists and look-ups under a paused clock, against an account in memory.

mod lister;
mod look_up;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};

use super::*;
use crate::aws::protocol::listing::{Listed, NumberFilter, Page, Query};
use crate::aws::protocol::{ApiError, ErrorKind};
use crate::pool::pace::PaceSettings;
use crate::pool::{PoolSettings, Renewal};

const LATENCY: Duration = Duration::from_millis(50);

/// An account, and how its service behaves.
struct Account {
    numbers: Vec<Value>,
    connectors: Vec<&'static str>,
    /// The most entries of a page.
    page: usize,
    /// The next requests fail with these, or do not.
    failures: RefCell<VecDeque<Option<ApiError>>>,
    renewals: RefCell<VecDeque<Renewal>>,
    /// Every page but the last has this token.
    token: Option<&'static str>,
    seen: RefCell<Vec<Query>>,
    settings: PoolSettings,
    shown: Cell<u64>,
}

fn number(n: usize) -> String {
    format!("+1206555{n:04}")
}

/// A number with these associations.
fn entry(n: usize, associations: &[(&str, &str)]) -> Value {
    let association = |(name, id): &(&str, &str)| json!({ "Name": name, "Value": id, "AssociatedTimestamp": "2024-01-31T12:00:00.000Z" });
    let status = if associations.is_empty() { "Unassigned" } else { "Assigned" };
    let associations: Vec<_> = associations.iter().map(association).collect();
    json!({ "E164PhoneNumber": number(n), "Status": status, "Associations": associations })
}

fn on(n: usize, connector: &str) -> Value {
    entry(n, &[("VoiceConnectorId", connector)])
}

fn error(kind: ErrorKind, status: Option<u16>, code: &str) -> ApiError {
    ApiError { kind, status, code: code.into(), message: "of +12065550100".into(), request_id: None }
}

impl Account {
    fn new(numbers: Vec<Value>, connectors: &[&'static str]) -> Self {
        Self {
            numbers,
            connectors: connectors.to_vec(),
            page: 100,
            failures: RefCell::default(),
            renewals: RefCell::default(),
            token: None,
            seen: RefCell::default(),
            settings: PoolSettings {
                action: crate::action::Action::Disassociate,
                doubts_list: false,
                concurrency: NonZeroUsize::MIN,
                pace: PaceSettings { seed: 7, ..PaceSettings::default() },
                max_attempts: NonZeroU32::MIN,
                failed: Arc::default(),
                max_failures: None,
                give_up_after: Duration::from_secs(1800),
                patience: Duration::from_secs(120),
                stop_at: None,
                keys_are_fixed: false,
                not_found_is_success: false,
            },
            shown: Cell::default(),
        }
    }

    fn failing(self, failures: impl IntoIterator<Item = ApiError>) -> Self {
        self.failures.borrow_mut().extend(failures.into_iter().map(Some));
        self
    }

    fn answer(&self, query: &Query) -> Result<Page, ApiError> {
        self.seen.borrow_mut().push(query.clone());
        if let Some(error) = self.failures.borrow_mut().pop_front().flatten() {
            return Err(error);
        }
        let not_found = || error(ErrorKind::NotFound, Some(404), "NotFoundException");
        let all: Vec<Value> = match &query.what {
            Listed::Number(number) => {
                let number = number.e164().to_string();
                let found = self.numbers.iter().find(|entry| entry["E164PhoneNumber"] == number);
                vec![found.ok_or_else(not_found)?.clone()]
            }
            Listed::Connectors => {
                self.connectors.iter().map(|id| json!({ "VoiceConnectorId": id })).collect()
            }
            Listed::Numbers(NumberFilter { on: None, status, .. }) => {
                let fits = |entry: &&Value| status.is_none_or(|status| entry["Status"] == status);
                self.numbers.iter().filter(fits).cloned().collect()
            }
            Listed::Numbers(NumberFilter { on: Some((_, id)), .. }) => {
                if !self.connectors.contains(&&**id) {
                    return Err(not_found());
                }
                let is_on = |entry: &&Value| {
                    entry["Associations"]
                        .as_array()
                        .is_some_and(|all| all.iter().any(|it| it["Value"] == **id))
                };
                self.numbers.iter().filter(is_on).cloned().collect()
            }
        };
        let start: usize = query.next_token.as_ref().map_or(0, |token| token.parse().unwrap_or(0));
        let end = all.len().min(start + self.page.min(query.page_size.into()));
        let next_token =
            (end < all.len()).then(|| self.token.map_or_else(|| end.to_string().into(), Into::into));
        Ok(Page { items: all[start..end].to_vec(), next_token })
    }

    /// Does something with a lister of this account; also returns how long it took.
    fn with<T>(&self, work: impl AsyncFnOnce(&mut Lister<'_>) -> T) -> (T, Duration) {
        runtime().block_on(async {
            let ask = |query: Query| async move {
                sleep(LATENCY).await;
                self.answer(&query)
            };
            let renew = || async { self.renewals.borrow_mut().pop_front().unwrap_or(Renewal::Nothing) };
            let show = |progress: &Progress| self.shown.set(progress.numbers);
            let mut lister = Lister::new(&self.settings, ask, renew, || Timestamp::UNIX_EPOCH, show);
            let start = Instant::now();
            (work(&mut lister).await, start.elapsed())
        })
    }

    fn requests(&self) -> usize {
        self.seen.borrow().len()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}
