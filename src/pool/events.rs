//! What the pool emits: what happens, and the pool's state whenever it has changed.
//!
//! Must not know what records or displays it.

use crate::event::{Awaited, Cause, Event, Outbox, Phase};

/// The outbox, and the state that was shown last.
pub(crate) struct Events {
    outbox: Outbox,
    /// Whether events are no longer recorded.
    pub(crate) is_broken: bool,
    phase: Option<Phase>,
    limit: Option<f64>,
    awaits: Option<Awaited>,
    is_unavailable: bool,
}

impl Events {
    /// Nothing has been shown yet.
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { outbox, is_broken: false, phase: None, limit: None, awaits: None, is_unavailable: false }
    }

    /// Emits an event; returns its number.
    pub(crate) fn emit(&mut self, event: Event) -> u64 {
        self.outbox.emit(event).unwrap_or_else(|_| {
            self.is_broken = true;
            u64::MAX
        })
    }

    /// Waits until the event of this number is durable; returns the number of the last that is. Cancel safe.
    pub(crate) async fn durable(&mut self, number: u64) -> u64 {
        let durable = self.outbox.durable(number).await;
        self.is_broken |= durable.is_err();
        durable.unwrap_or_default()
    }

    /// Emits the pool's state if it changed: the pace's phase, the limit found, when it looks for credentials, and why
    /// everything fails.
    pub(crate) fn show(
        &mut self,
        phase: Phase,
        limit: Option<f64>,
        awaits: Option<Awaited>,
        unavailable: Option<&Cause>,
    ) {
        if self.phase.is_none_or(|shown| differ(shown, phase)) {
            self.phase = Some(phase);
            self.emit(Event::Phase(phase));
        }
        if let Some(limit) = limit.filter(|limit| self.limit.is_none_or(|shown| moved(shown, *limit))) {
            self.limit = Some(limit);
            self.emit(Event::LimitFound(limit));
        }
        if self.awaits != awaits {
            self.awaits.clone_from(&awaits);
            self.emit(Event::CredentialsAwaited(awaits));
        }
        if self.is_unavailable != unavailable.is_some() {
            self.is_unavailable = unavailable.is_some();
            self.emit(Event::Unavailable(unavailable.cloned()));
        }
    }
}

/// Whether the change is large enough to show. The pace changes slightly all the time.
pub(crate) fn differ(shown: Phase, phase: Phase) -> bool {
    match (shown, phase) {
        (Phase::Paced { rate: shown }, Phase::Paced { rate }) => (rate - shown).abs() > 0.05 * shown,
        _ => shown != phase,
    }
}

/// The same for the limit.
pub(crate) fn moved(shown: f64, limit: f64) -> bool {
    (limit - shown).abs() > 0.02 * shown
}
