//! The way from the pool to whoever records its events, and the acknowledgements back.
//!
//! Events cross in groups: a wake-up of the recorder for each would cost more than the recording. Must not know what
//! the events mean, but for those that somebody waits for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Event;

/// A channel for events with acknowledgement.
#[must_use]
pub fn channel() -> (Outbox, Inbox) {
    let shared = Arc::new(Shared::default());
    let (durable_sender, durable) = watch::channel(0);
    (Outbox { shared: Arc::clone(&shared), sent: 0, durable }, Inbox { shared, durable: durable_sender })
}

/// The pool's end: events go out, acknowledgements come back.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Shared>,
    sent: u64,
    durable: watch::Receiver<u64>,
}

/// The consumer's end.
#[derive(Debug)]
pub struct Inbox {
    shared: Arc<Shared>,
    durable: watch::Sender<u64>,
}

/// The consumer is gone: it failed to make an event durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events are no longer recorded")]
pub struct ConsumerGone;

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    events: Vec<Event>,
    /// One of them is urgent.
    urgent: bool,
    /// One of both ends is gone.
    closed: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_all();
    }
}

impl Outbox {
    /// Emits an event; returns its number, counted from 1.
    ///
    /// # Errors
    /// If the consumer is gone.
    pub fn emit(&mut self, event: Event) -> Result<u64, ConsumerGone> {
        let mut queue = self.shared.queue();
        if queue.closed {
            return Err(ConsumerGone);
        }
        // Whoever gathers a group is woken for its first event, and for the first that is urgent.
        let news = queue.events.is_empty() || (event.is_urgent() && !queue.urgent);
        queue.urgent |= event.is_urgent();
        queue.events.push(event);
        drop(queue);
        if news {
            self.shared.changed.notify_one();
        }
        self.sent += 1;
        Ok(self.sent)
    }

    /// The number of the last event that is durable, with all before it.
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

impl Drop for Outbox {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Inbox {
    /// Takes the next group of events, in order: waits for the first, and then until one is urgent, the sender is gone,
    /// or `gather` has passed. `false` if the sender is gone and everything was taken.
    ///
    /// `group` must be empty; its memory is used again.
    pub fn take(&self, gather: Duration, group: &mut Vec<Event>) -> bool {
        let Shared { queue, changed } = &*self.shared;
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = changed.wait_while(queue, |queue| queue.events.is_empty() && !queue.closed);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let gathered = changed.wait_timeout_while(waiting, gather, |queue| !queue.urgent && !queue.closed);
        let (mut queue, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        queue.urgent = false;
        std::mem::swap(&mut queue.events, group);
        !group.is_empty()
    }

    /// Takes what is there. `false` if the sender is gone and everything was taken.
    #[cfg(test)]
    pub(crate) fn try_take(&self, group: &mut Vec<Event>) -> bool {
        let mut queue = self.shared.queue();
        queue.urgent = false;
        std::mem::swap(&mut queue.events, group);
        !(queue.closed && group.is_empty())
    }

    /// Acknowledges all events up to number `last`, counted from 1.
    pub fn acknowledge(&self, last: u64) {
        self.durable.send_replace(last);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shared.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AttemptOutcome;
    use crate::input::RowId;

    /// Longer than any test: whoever waits for it is stuck.
    const FOR_EVER: Duration = Duration::from_secs(3600);

    fn attempt() -> Event {
        Event::Attempt(AttemptOutcome::Answered)
    }

    fn intent() -> Event {
        Event::Intent { rows: vec![RowId::new(0)] }
    }

    #[test]
    fn a_group_ends_with_an_urgent_event_with_the_sender_or_with_time() {
        let (mut outbox, inbox) = channel();
        let mut group = Vec::new();
        outbox.emit(attempt()).expect("listens");
        assert_eq!(outbox.emit(intent()), Ok(2));
        assert!(inbox.take(FOR_EVER, &mut group), "urgent");
        assert_eq!(std::mem::take(&mut group), [attempt(), intent()]);
        outbox.emit(attempt()).expect("listens");
        assert!(inbox.take(Duration::ZERO, &mut group), "urgency is over, time is up");
        assert_eq!(group.drain(..).count(), 1);
        outbox.emit(attempt()).expect("listens");
        drop(outbox);
        assert!(inbox.take(FOR_EVER, &mut group), "what was sent before the end is taken");
        group.clear();
        assert!(!inbox.take(FOR_EVER, &mut group));
    }

    #[test]
    fn whoever_waits_is_woken_by_urgency_and_by_the_end() {
        let (mut outbox, inbox) = channel();
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| {
                let (mut group, mut all) = (Vec::new(), Vec::new());
                while inbox.take(FOR_EVER, &mut group) {
                    inbox.acknowledge((all.len() + group.len()) as u64);
                    all.append(&mut group);
                }
                all.len()
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
    fn a_sender_notices_that_nobody_listens() {
        let (mut outbox, inbox) = channel();
        drop(inbox);
        assert_eq!(outbox.emit(intent()), Err(ConsumerGone));
    }
}
