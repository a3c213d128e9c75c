//! The channel from the pool to the consumer that records its events, and the acknowledgments back.
//!
//! Events are taken in groups, so that they share a wake-up and a write. Must not know what the events mean, except
//! which ones are urgent.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use tokio::sync::watch;

use super::events::Event;

/// Creates a channel for events with acknowledgment.
#[must_use]
pub fn channel() -> (Outbox, Inbox) {
    let ((events, taken_events), (urgent, is_urgent)) = (mpsc::channel(), mpsc::channel());
    let (acknowledged, durable) = watch::channel(0);
    let inbox = Inbox { events: taken_events, is_urgent, taken: 0, acknowledged };
    (Outbox { events, urgent, sent: 0, durable }, inbox)
}

/// The pool's end: events go out, acknowledgments come back.
#[derive(Debug)]
pub struct Outbox {
    events: Sender<Event>,
    /// Signals an urgent event: the consumer waits for this while it gathers a group, and not for each event.
    urgent: Sender<()>,
    sent: u64,
    durable: watch::Receiver<u64>,
}

/// The consumer's end.
#[derive(Debug)]
pub struct Inbox {
    events: Receiver<Event>,
    is_urgent: Receiver<()>,
    taken: u64,
    acknowledged: watch::Sender<u64>,
}

/// The consumer is gone: it failed to make an event durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events are no longer recorded")]
pub struct ConsumerGone;

impl Outbox {
    /// Emits an event; returns its number, counted from 1.
    ///
    /// # Errors
    /// If the consumer is gone.
    pub fn emit(&mut self, event: Event) -> Result<u64, ConsumerGone> {
        let is_urgent = event.is_urgent();
        self.events.send(event).map_err(|_| ConsumerGone)?;
        if is_urgent {
            self.urgent.send(()).map_err(|_| ConsumerGone)?;
        }
        self.sent += 1;
        Ok(self.sent)
    }

    /// The number of the last durable event; all events before it are durable too.
    pub fn durable(&mut self) -> u64 {
        *self.durable.borrow_and_update()
    }

    /// Waits until [`Self::durable`] has grown. Cancel safe.
    ///
    /// # Errors
    /// If the consumer is gone.
    pub async fn acknowledged(&mut self) -> Result<(), ConsumerGone> {
        self.durable.changed().await.map_err(|_| ConsumerGone)
    }
}

impl Inbox {
    /// Takes the next group of events, in order: waits for the first, then until one is urgent, the sender is gone,
    /// or `gather` has passed. `None` if the sender is gone and everything was taken.
    pub fn take(&mut self, gather: Duration) -> Option<Vec<Event>> {
        let mut group = vec![self.events.recv().ok()?];
        let _ = self.is_urgent.recv_timeout(gather); // all three outcomes end the group
        group.extend(self.events.try_iter());
        self.taken += group.len() as u64;
        Some(group)
    }

    /// Takes the events that are available. `None` if the sender is gone and everything was taken.
    #[cfg(test)]
    pub(crate) fn try_take(&mut self) -> Option<Vec<Event>> {
        let is_closed = self.is_urgent.try_recv() == Err(mpsc::TryRecvError::Disconnected);
        let group: Vec<Event> = self.events.try_iter().collect();
        self.taken += group.len() as u64;
        (!is_closed || !group.is_empty()).then_some(group)
    }

    /// Acknowledges all events taken so far.
    pub fn acknowledge(&self) {
        self.acknowledged.send_replace(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AttemptOutcome;
    use crate::input::RowId;

    /// Longer than any test: a test that waits this long is stuck.
    const FOR_EVER: Duration = Duration::from_secs(3600);

    fn attempt() -> Event {
        Event::Attempt(AttemptOutcome::Answered)
    }

    fn intent() -> Event {
        Event::Intent { rows: vec![RowId::new(0)] }
    }

    #[test]
    fn a_group_ends_at_an_urgent_event_when_the_sender_is_gone_or_at_a_timeout() {
        let (mut outbox, mut inbox) = channel();
        outbox.emit(attempt()).expect("listens");
        assert_eq!(outbox.emit(intent()), Ok(2));
        assert_eq!(inbox.take(FOR_EVER), Some(vec![attempt(), intent()]), "urgent");
        outbox.emit(attempt()).expect("listens");
        assert_eq!(inbox.take(Duration::ZERO), Some(vec![attempt()]), "no longer urgent, but the time is up");
        outbox.emit(attempt()).expect("listens");
        drop(outbox);
        assert_eq!(inbox.take(FOR_EVER), Some(vec![attempt()]), "what was sent before the end is taken");
        assert_eq!(inbox.take(FOR_EVER), None);
    }

    #[test]
    fn an_urgent_event_or_the_end_wakes_the_consumer() {
        let (mut outbox, mut inbox) = channel();
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| {
                let mut all = 0;
                while let Some(group) = inbox.take(FOR_EVER) {
                    inbox.acknowledge();
                    all += group.len();
                }
                all
            });
            for n in 1..=100 {
                outbox.emit(attempt()).expect("listens");
                assert_eq!(outbox.emit(intent()), Ok(2 * n));
                while outbox.durable() < 2 * n {
                    std::thread::yield_now();
                }
            }
            outbox.emit(attempt()).expect("listens");
            drop(outbox);
            assert_eq!(taking.join().expect("no panic"), 201);
        });
    }

    #[test]
    fn sending_fails_once_the_consumer_is_gone() {
        let (mut outbox, inbox) = channel();
        drop(inbox);
        assert_eq!(outbox.emit(intent()), Err(ConsumerGone));
    }
}
