//! The channel from the pool to the consumer that records its events, and the acknowledgments back.
//!
//! Events are taken in groups, so that they share a wake-up and a write. Several lanes share one channel, which tags each
//! event with its lane. Must not know what the events mean, except which ones are urgent.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::events::Event;
use crate::input::LaneId;

/// An event, and the lane that it is of.
pub type OfLane = (LaneId, Event);

/// Creates a channel for events with acknowledgment.
#[must_use]
pub fn channel() -> (Outbox, Inbox) {
    let ((events, taken_events), (urgent, is_urgent)) = (mpsc::channel(), mpsc::channel());
    let (acknowledged, durable) = watch::channel(0);
    let inbox = Inbox { events: taken_events, is_urgent, taken: 0, acknowledged };
    (Outbox { lane: LaneId::default(), events, urgent, sent: Arc::default(), durable }, inbox)
}

/// The pool's end: events go out, acknowledgments come back.
#[derive(Debug, Clone)]
pub struct Outbox {
    lane: LaneId,
    events: Sender<OfLane>,
    /// Signals an urgent event: the consumer waits for this while it gathers a group, and not for each event.
    urgent: Sender<()>,
    /// By all lanes; held while an event is sent, so that numbers are in the order of the channel.
    sent: Arc<Mutex<u64>>,
    durable: watch::Receiver<u64>,
}

/// The consumer's end.
#[derive(Debug)]
pub struct Inbox {
    events: Receiver<OfLane>,
    is_urgent: Receiver<()>,
    taken: u64,
    acknowledged: watch::Sender<u64>,
}

/// The consumer is gone: it failed to make an event durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events are no longer recorded")]
pub struct ConsumerGone;

impl Outbox {
    /// The outbox of another lane in the same channel.
    #[must_use]
    pub fn of_lane(&self, lane: LaneId) -> Self {
        Self { lane, ..self.clone() }
    }

    /// Emits an event; returns its number, counted from 1.
    ///
    /// # Errors
    /// If the consumer is gone.
    pub fn emit(&mut self, event: Event) -> Result<u64, ConsumerGone> {
        let is_urgent = event.is_urgent();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        self.events.send((self.lane, event)).map_err(|_| ConsumerGone)?;
        if is_urgent {
            self.urgent.send(()).map_err(|_| ConsumerGone)?;
        }
        *sent += 1;
        Ok(*sent)
    }

    /// Waits until the event of this number and all before it are durable; returns the number of the last that is.
    /// Cancel safe.
    ///
    /// # Errors
    /// If the consumer is gone.
    pub async fn durable(&mut self, number: u64) -> Result<u64, ConsumerGone> {
        self.durable
            .wait_for(|durable| *durable >= number)
            .await
            .map(|durable| *durable)
            .map_err(|_| ConsumerGone)
    }
}

impl Inbox {
    /// Takes the next group of events, in order: waits for the first, then until one is urgent, the sender is gone,
    /// or `gather` has passed. `None` if the sender is gone and everything was taken.
    pub fn take(&mut self, gather: Duration) -> Option<Vec<OfLane>> {
        let mut group = vec![self.events.recv().ok()?];
        let _ = self.is_urgent.recv_timeout(gather); // all three outcomes end the group
        group.extend(self.events.try_iter());
        self.taken += group.len() as u64;
        Some(group)
    }

    /// Takes the events that are available. `None` if the sender is gone and everything was taken.
    pub fn try_take(&mut self) -> Option<Vec<OfLane>> {
        let is_closed = self.is_urgent.try_recv() == Err(mpsc::TryRecvError::Disconnected);
        let group: Vec<_> = self.events.try_iter().collect();
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

    /// Of the first lane.
    fn group(events: &[Event]) -> Vec<OfLane> {
        events.iter().map(|event| (LaneId::default(), event.clone())).collect()
    }

    fn intent() -> Event {
        Event::Intent { rows: vec![RowId::new(0)] }
    }

    #[test]
    fn a_group_ends_at_an_urgent_event_when_the_sender_is_gone_or_at_a_timeout() {
        let (mut outbox, mut inbox) = channel();
        outbox.emit(attempt()).expect("listens");
        assert_eq!(outbox.emit(intent()), Ok(2));
        assert_eq!(inbox.take(FOR_EVER), Some(group(&[attempt(), intent()])), "urgent");
        outbox.emit(attempt()).expect("listens");
        assert_eq!(
            inbox.take(Duration::ZERO),
            Some(group(&[attempt()])),
            "no longer urgent, but the time is up"
        );
        outbox.emit(attempt()).expect("listens");
        drop(outbox);
        assert_eq!(inbox.take(FOR_EVER), Some(group(&[attempt()])), "what was sent before the end is taken");
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
                while *outbox.durable.borrow() < 2 * n {
                    std::thread::yield_now();
                }
            }
            outbox.emit(attempt()).expect("listens");
            drop(outbox);
            assert_eq!(taking.join().expect("no panic"), 201);
        });
    }

    #[test]
    fn lanes_share_one_count_and_each_event_has_its_lane() {
        let (mut first, mut inbox) = channel();
        let mut second = first.of_lane(LaneId::new(1));
        assert_eq!(
            [first.emit(attempt()), second.emit(intent()), first.emit(intent())],
            [Ok(1), Ok(2), Ok(3)]
        );
        let lanes =
            |group: Option<Vec<OfLane>>| group.map(|group| group.iter().map(|it| it.0.index()).collect());
        assert_eq!(lanes(inbox.take(FOR_EVER)), Some(vec![0, 1, 0]));
    }

    #[test]
    fn sending_fails_once_the_consumer_is_gone() {
        let (mut outbox, inbox) = channel();
        drop(inbox);
        assert_eq!(outbox.emit(intent()), Err(ConsumerGone));
    }
}
