//! A run's work: the pool, and the journal's thread, which tells what happens once it is on disk.
//!
//! Must not decide what is sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::watch;

use super::clock::{now, wall_clock};
use super::existing::Earlier;
use super::hook::{self, Pause};
use super::prepare::Run;
use super::signals;
use crate::event::{self};
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
        earlier: Earlier,
        journal: &mut Journal,
        started_at: Timestamp,
    ) -> (anyhow::Result<PoolEnd>, Worked) {
        let started = now();
        let mut tally = Tally::new(plan.number_count() as u64, started);
        tally.stops_at.clone_from(&self.settings.stops_at);
        let tally = Arc::new(Mutex::new(tally));
        let mut timeline = Recorder::new(started_at, started);
        let mut states = Changes::default();
        let watch = |events: &[event::Event]| {
            let (mut tally, now) = (tally.lock().unwrap_or_else(PoisonError::into_inner), now());
            for event in events {
                tally.apply(event, now);
                timeline.apply(event, now);
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

    /// Runs the pool, and the journal's thread, which passes events to `watch` once they are on disk.
    pub(super) fn send(
        &self,
        plan: &Plan,
        earlier: Earlier,
        journal: &mut Journal,
        mut watch: impl FnMut(&[event::Event]) -> Option<Entry<'static>> + Send,
    ) -> anyhow::Result<PoolEnd> {
        let (settings, rows, action) = (self.settings, &self.input.rows, self.input.layout.action);
        let pool_settings = PoolSettings {
            action,
            max_failures: settings.max_failures.map(|max| max.of(plan.number_count() as u64)),
            doubts_list: settings.max_failures.is_none() && !earlier.has_succeeded,
            patience: if Screen::is_attended() { Duration::ZERO } else { settings.pool.patience },
            keys_are_fixed: self.service.keys_are_fixed,
            pace: PaceSettings {
                remembered: self.service.remembered_rate(wall_clock()),
                ..settings.pool.pace.clone()
            },
            ..settings.pool.clone()
        };
        let (outbox, inbox) = event::channel();
        let (stop, stopped) = watch::channel(None);
        let (pause, pauses) = watch::channel(None);
        let observe = move |events: &[event::Event]| {
            pause.send_if_modified(|pause| {
                let before = pause.clone();
                *pause = Pause::after(pause.take(), events);
                *pause != before
            });
            watch(events)
        };
        let submit = |submission: Submission| {
            let client = Arc::clone(&self.service.client);
            async move { client.submit(action, &submission.connector, &submission.numbers).await }
        };
        let renew = || {
            let client = Arc::clone(&self.service.client);
            async move { if client.renew().await { Renewal::Fresh } else { Renewal::Nothing } }
        };
        std::thread::scope(|scope| {
            let writer = std::thread::Builder::new().name("journal".into());
            let writer = writer
                .spawn_scoped(scope, move || journal.record(inbox, observe))
                .context("cannot start the journal's thread")?;
            let dispatcher =
                Dispatcher::new(rows, plan.batches(), earlier.in_doubt, &pool_settings, outbox, now());
            let end = self.runtime.block_on(async {
                tokio::select! {
                    end = pool::run(dispatcher, submit, renew, stopped, wall_clock) => end,
                    never = signals::watch_for_stops(&stop) => match never {},
                    never = hook::watch_pauses(pauses, |begins, pause| self.tell_pause(begins, pause)) => match never {},
                }
            });
            match writer.join() {
                Ok(recorded) => recorded?,
                Err(_panic) => anyhow::bail!("the journal's thread panicked"),
            }
            Ok(end)
        })
    }
}
