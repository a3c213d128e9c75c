//! A run's work: the pool, and the journal's thread, which tells what happens once it is on disk.
//!
//! Must not decide what is sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::watch;
use tracing::Instrument as _;

use super::clock::{now, wall_clock};
use super::existing::Earlier;
use super::hook;
use super::prepare::Run;
use super::service::Service;
use super::signals;
use crate::event::{self, Event, OfLane, StopReason};
use crate::input::LaneId;
use crate::journal::entry::Entry;
use crate::journal::writer::Journal;
use crate::plan::Plan;
use crate::pool::pace::PaceSettings;
use crate::pool::{self, Dispatcher, PoolEnd, PoolSettings, Renewal, Submission};
use crate::report::timeline::{Recorder, Timeline};
use crate::terminal::Screen;
use crate::terminal::states::Changes;
use crate::terminal::tally::Tally;

/// What a job did.
pub(super) struct Worked {
    pub(super) started_at: Timestamp,
    pub(super) elapsed: Duration,
    pub(super) tally: Tally,
    pub(super) timeline: Timeline,
}

impl Run<'_> {
    /// Sends what is planned, records it in the journal, and shows progress.
    pub(super) fn work(
        &self,
        plan: &Plan,
        earlier: &Earlier,
        journal: &mut Journal,
        started_at: Timestamp,
    ) -> (anyhow::Result<Vec<PoolEnd>>, Worked) {
        let started = now();
        let mut tally = Tally::new(plan.number_count() as u64, started);
        if self.lanes.only().is_none() {
            let numbers = plan.numbers_of_lanes(&self.input.rows);
            tally.lanes = self
                .lanes
                .names()
                .iter()
                .zip(numbers)
                .map(|(name, numbers)| Tally::of_lane(name, numbers, started))
                .collect();
        }
        tally.stops_at.clone_from(&self.settings.stops_at);
        let tally = Arc::new(Mutex::new(tally));
        let mut timeline = Recorder::new(started_at, started);
        let mut states = Changes::default();
        let has_one_lane = self.lanes.only().is_some();
        let watch = |events: &[OfLane]| {
            let (mut tally, now) = (tally.lock().unwrap_or_else(PoisonError::into_inner), now());
            for (lane, event) in events {
                tally.apply(*lane, event, now);
                // What holds one lane back is no pause of the run.
                if has_one_lane || matches!(event, Event::Attempt(_)) {
                    timeline.apply(event, now);
                }
            }
            states.next(&tally).map(|is| Entry::State { is, at: wall_clock() })
        };
        let end = match self.screen.watch(Arc::clone(&tally)) {
            Ok(progress) => {
                let end = self.send(plan, earlier, journal, watch);
                progress.finish();
                end
            }
            Err(error) => Err(error.into()),
        };
        let (ended, tally) = (now(), tally.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let elapsed = ended.saturating_duration_since(started);
        (end, Worked { started_at, elapsed, tally, timeline: timeline.finish(ended) })
    }

    /// Runs the pool of each lane, and the journal's thread, which passes events to `watch` once they are on disk. Returns
    /// how each lane ended, by its index.
    pub(super) fn send(
        &self,
        plan: &Plan,
        earlier: &Earlier,
        journal: &mut Journal,
        mut watch: impl FnMut(&[OfLane]) -> Option<Entry<'static>> + Send,
    ) -> anyhow::Result<Vec<PoolEnd>> {
        let (rows, action) = (&self.input.rows, self.input.layout.action);
        let (outbox, inbox) = event::channel();
        let (stop, stopped) = watch::channel(None);
        let (mut held_up, pauses) = hook::Pauses::of(self.lanes.names());
        let observe = move |events: &[OfLane]| {
            held_up.apply(events);
            watch(events)
        };
        let mut batches: Vec<_> = plan.batches_of_lanes(rows).into_iter().map(Some).collect();
        let lanes = self.lanes.iter().filter_map(|(lane, service)| {
            let batches = batches.get_mut(lane.index())?.take()?;
            let own = self.pool_settings(plan, earlier, lane, service);
            let dispatcher =
                Dispatcher::new(rows, batches, &earlier.in_doubt, &own, outbox.of_lane(lane), now());
            let submit = |submission: Submission| {
                let client = Arc::clone(&service.client);
                async move { client.submit(action, &submission.connector, &submission.numbers).await }
            };
            let renew = || {
                let client = Arc::clone(&service.client);
                async move { if client.renew().await { Renewal::Fresh } else { Renewal::Nothing } }
            };
            let (stopped, stop) = (stopped.clone(), &stop);
            Some(async move {
                let work = pool::run(dispatcher, submit, renew, stopped, wall_clock);
                // What is logged says where it happens, if there are several.
                let end = match self.lanes.name(lane) {
                    "" => work.await,
                    name => work.instrument(tracing::warn_span!("account", name)).await,
                };
                if end.stop.as_ref().is_some_and(|stop| stop.reason == StopReason::TooManyFailures) {
                    signals::raise(stop, StopReason::TooManyFailures); // the limit is that of all lanes
                }
                (lane, end)
            })
        });
        let lanes: Vec<_> = lanes.collect();
        drop(outbox);
        std::thread::scope(|scope| {
            let writer = std::thread::Builder::new().name("journal".into());
            let writer = writer
                .spawn_scoped(scope, move || journal.record(inbox, observe))
                .context("cannot start the journal's thread")?;
            let ended = self.runtime.block_on(async {
                tokio::select! {
                    ended = join_all(lanes) => ended,
                    never = signals::watch_for_stops(&stop) => match never {},
                    never = hook::watch_pauses(pauses, |begins, pause| self.tell_pause(begins, pause)) => match never {},
                }
            });
            match writer.join() {
                Ok(recorded) => recorded?,
                Err(_panic) => anyhow::bail!("the journal's thread panicked"),
            }
            let mut ends = vec![PoolEnd::default(); self.lanes.names().len()];
            ended.into_iter().for_each(|(lane, end)| ends[lane.index()] = end);
            Ok(ends)
        })
    }
    /// How the pool works in a lane.
    fn pool_settings(&self, plan: &Plan, earlier: &Earlier, lane: LaneId, service: &Service) -> PoolSettings {
        let settings = self.settings;
        PoolSettings {
            action: self.input.layout.action,
            concurrency: service.concurrency,
            max_failures: settings.max_failures.map(|max| max.of(plan.number_count() as u64)),
            doubts_list: settings.max_failures.is_none() && !earlier.has_succeeded(lane),
            patience: if Screen::is_attended() { Duration::ZERO } else { settings.pool.patience },
            keys_are_fixed: service.keys_are_fixed,
            pace: PaceSettings {
                remembered: service.remembered_rate(wall_clock()),
                seed: settings.pool.pace.seed.wrapping_add(lane.index() as u64),
                ..settings.pool.pace.clone()
            },
            ..settings.pool.clone()
        }
    }
}
