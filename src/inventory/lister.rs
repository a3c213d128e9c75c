//! Reads lists page by page: paced, retried, and to their end.
//!
//! One request at a time. A 429 slows the pace; what got no answer is sent again, because reading twice does no harm,
//! until the run's rules give up. Must not interpret what is listed.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{self, sleep_until};
use twox_hash::XxHash3_128;

use super::error::ListError;
use crate::aws::protocol::listing::{Listed, Page, Query};
use crate::aws::protocol::{ApiError, ErrorKind};
use crate::event::{Awaited, Cause, Phase, Stop, StopReason};
use crate::pool::pace::{Pace, Permit, Wait};
use crate::pool::{CredentialGate, Pass, PoolSettings, Renewal, StopRules, retry};

/// The most entries of a page; older documents of AWS say 99.
const PAGE: u8 = 100;
const OLD_PAGE: u8 = 99;

/// When to look again where nothing says when.
const LOOK: Duration = Duration::from_secs(1);

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// How far the lists have been read, and what holds them up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Requests sent.
    pub(crate) requests: u64,
    /// Requests that the service throttled.
    pub(crate) throttled: u64,
    /// Requests without an answer yet: at most one.
    pub(crate) in_flight: u64,
    /// Pages of numbers.
    pub(crate) pages: u64,
    /// Numbers on these pages.
    pub(crate) numbers: u64,
    /// The state of the pace.
    pub(crate) phase: Option<Phase>,
    /// The service's limit that was found, in requests/s.
    pub(crate) limit: Option<f64>,
    /// If the credentials were refused: when to look for new ones, and why.
    pub(crate) awaited: Option<Awaited>,
}

impl Progress {
    /// Of several lanes as one; its state is that of the first that is not held up.
    pub(crate) fn sum(lanes: &[Self]) -> Self {
        let count = |of: fn(&Self) -> u64| lanes.iter().map(of).sum();
        let is_held =
            |lane: &&Self| lane.awaited.is_some() || matches!(lane.phase, Some(Phase::Outage { .. }));
        let first = lanes.iter().find(|lane| !is_held(lane)).or(lanes.first()).cloned().unwrap_or_default();
        Self {
            requests: count(|lane| lane.requests),
            throttled: count(|lane| lane.throttled),
            in_flight: count(|lane| lane.in_flight),
            pages: count(|lane| lane.pages),
            numbers: count(|lane| lane.numbers),
            ..first
        }
    }
}

/// Reads lists.
pub(crate) struct Lister<'a> {
    ask: Box<dyn Fn(Query) -> Answer<'a, Result<Page, ApiError>> + 'a>,
    renew: Box<dyn Fn() -> Answer<'a, Renewal> + 'a>,
    wall: fn() -> Timestamp,
    show: Box<dyn FnMut(&Progress) + 'a>,
    pace: Pace,
    gate: CredentialGate,
    rules: StopRules,
    jitter: fastrand::Rng,
    page_size: u8,
    /// Whether a page of this size was accepted.
    is_size_known: bool,
    is_outage: bool,
    /// The last failure, until the service answers.
    cause: Option<Cause>,
    progress: Progress,
}

impl<'a> Lister<'a> {
    /// A lister that keeps to the pace and the stop rules of `settings`. `ask` sends one request; `renew` re-reads the
    /// credentials after the service refused them; `wall` reads the wall clock; `show` is called with the
    /// progress.
    pub(crate) fn new<A, R>(
        settings: &PoolSettings,
        ask: impl Fn(Query) -> A + 'a,
        renew: impl Fn() -> R + 'a,
        wall: fn() -> Timestamp,
        show: impl FnMut(&Progress) + 'a,
    ) -> Self
    where
        A: Future<Output = Result<Page, ApiError>> + 'a,
        R: Future<Output = Renewal> + 'a,
    {
        Self {
            ask: Box::new(move |query| Box::pin(ask(query))),
            renew: Box::new(move || Box::pin(renew())),
            wall,
            show: Box::new(show),
            pace: Pace::new(&settings.pace, now()),
            gate: CredentialGate::new(settings.action, settings.keys_are_fixed),
            rules: StopRules::new(settings),
            jitter: fastrand::Rng::with_seed(settings.pace.seed),
            page_size: PAGE,
            is_size_known: false,
            is_outage: false,
            cause: None,
            progress: Progress::default(),
        }
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Reads a list, from its beginning or `from` a page on, until it ends or `take` breaks off. Returns the token of the
    /// next page; `None` if the list has ended.
    ///
    /// # Errors
    /// If any page cannot be read: what was taken so far is then not the whole list.
    pub(crate) async fn pages(
        &mut self,
        what: &Listed,
        from: Option<Box<str>>,
        mut take: impl FnMut(&[Value]) -> ControlFlow<()>,
    ) -> Result<Option<Box<str>>, ListError> {
        let (mut token, mut tokens) = (from, HashSet::new());
        loop {
            let page = self.page(what, token).await?;
            let flow = take(&page.items);
            match page.next_token {
                Some(next) if !tokens.insert(XxHash3_128::oneshot(next.as_bytes())) => {
                    return Err(ListError::repeated(what));
                }
                Some(next) if flow.is_continue() => token = Some(next),
                next => return Ok(next),
            }
        }
    }

    /// Reads one page, or one number.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn page(
        &mut self,
        what: &Listed,
        next_token: Option<Box<str>>,
    ) -> Result<Page, ListError> {
        let mut query = Query { what: what.clone(), page_size: self.page_size, next_token };
        let mut page = self.call(&query).await;
        let is_list = !matches!(what, Listed::Number(_));
        let is_bad = |error: &ApiError| error.kind == ErrorKind::BadRequest;
        if let Err(ListError::Refused { error, .. }) = &page
            && is_list
            && is_bad(error)
            && !self.is_size_known
            && self.page_size == PAGE
        {
            (self.page_size, query.page_size) = (OLD_PAGE, OLD_PAGE);
            page = self.call(&query).await;
        }
        let page = page?;
        self.is_size_known |= is_list;
        if matches!(what, Listed::Numbers(_)) {
            self.progress.pages += 1;
            self.progress.numbers += page.items.len() as u64;
        }
        self.show(now());
        Ok(page)
    }

    /// Sends a request until there is an answer.
    async fn call(&mut self, query: &Query) -> Result<Page, ListError> {
        let (mut failures, mut rest_until) = (0, None);
        loop {
            let permit = self.turn(rest_until).await?;
            self.progress.requests += 1;
            self.progress.in_flight = 1;
            self.show(now());
            let result = (self.ask)(query.clone()).await;
            self.progress.in_flight = 0;
            let rest = match result {
                Ok(page) => {
                    self.served(permit);
                    return Ok(page);
                }
                Err(error) => self.failed(query, error, permit, &mut failures)?,
            };
            rest_until = Some(now() + rest);
        }
    }

    /// Waits until a request may go out.
    async fn turn(&mut self, rest_until: Option<Instant>) -> Result<Permit, ListError> {
        loop {
            let now = now();
            if let Some(reason) = self.rules.reason(now, (self.wall)()) {
                return Err(self.stopped(reason));
            }
            let until = match rest_until.filter(|until| now < *until) {
                Some(until) => until,
                None => match self.gate.pass(now, 0) {
                    Pass::Go => match self.pace.try_acquire(now, 0) {
                        Ok(permit) => return Ok(permit),
                        Err(Wait::Until(until)) => until,
                        Err(Wait::ForAnswer) => now + LOOK,
                    },
                    Pass::Renew => {
                        let renewal = (self.renew)().await;
                        self.gate.renewed(renewal, self::now());
                        continue;
                    }
                    Pass::Wait(until) => until.unwrap_or(now + LOOK),
                    Pass::Never => return Err(self.stopped(StopReason::Credentials)),
                },
            };
            self.show(now);
            let look = self.rules.look_at(now).unwrap_or(until);
            sleep_until(until.min(look).into()).await;
        }
    }

    /// The service processed the request.
    fn served(&mut self, permit: Permit) {
        self.pace.on_success(now(), permit);
        self.rules.answered();
        self.gate.accepted();
        (self.is_outage, self.cause) = (false, None);
    }

    /// A request failed: how long to wait before it is sent again.
    fn failed(
        &mut self,
        query: &Query,
        error: ApiError,
        permit: Permit,
        failures: &mut u32,
    ) -> Result<Duration, ListError> {
        tracing::debug!(code = &*error.code, status = error.status, "attempt failed");
        let now = now();
        let cause = Cause { code: error.code.clone(), text: error.masked().into() };
        match &error.kind {
            ErrorKind::Credentials | ErrorKind::Forbidden if error.is_denied() => {
                self.pace.on_abandoned(now, permit);
                return Err(ListError::denied(&query.what, &error));
            }
            ErrorKind::Throttled { retry_after } => {
                self.pace.on_throttled(now, permit, *retry_after);
                self.progress.throttled += 1;
                self.rules.trouble(now, false);
            }
            ErrorKind::Credentials | ErrorKind::ClockSkew { .. } => {
                self.pace.on_abandoned(now, permit);
                self.rules.trouble(now, false);
                if error.kind == ErrorKind::Credentials {
                    self.gate.refused(&error);
                }
            }
            ErrorKind::Unreachable | ErrorKind::NoAnswer | ErrorKind::Unavailable { .. } => {
                self.pace.on_error(now, permit);
                self.rules.trouble(now, error.needs_person());
                self.warn_of_outage(&cause);
                self.cause = Some(cause);
                *failures += 1;
                return Ok(retry::delay(*failures, self.jitter.f64()).max(error.kind.rest()));
            }
            _ => {
                match error.status {
                    Some(_) => self.served(permit),
                    None => self.pace.on_abandoned(now, permit), // it was not sent
                }
                return Err(ListError::refused(&query.what, error));
            }
        }
        self.cause = Some(cause);
        Ok(Duration::ZERO)
    }

    fn warn_of_outage(&mut self, cause: &Cause) {
        let is_outage = matches!(self.pace.phase(now()), Phase::Outage { .. });
        if is_outage && !self.is_outage {
            tracing::warn!(because = &*cause.text, "everything fails: probing until the service is back");
        }
        self.is_outage |= is_outage;
    }

    fn stopped(&self, reason: StopReason) -> ListError {
        let cause = self.gate.refusal().or(self.cause.as_ref()).cloned();
        ListError::Stopped(Stop { reason, cause })
    }

    fn show(&mut self, now: Instant) {
        self.progress.phase = Some(self.pace.phase(now));
        self.progress.limit = self.pace.found();
        self.progress.awaited = self.gate.awaits();
        (self.show)(&self.progress);
    }
}

fn now() -> Instant {
    time::Instant::now().into_std()
}
