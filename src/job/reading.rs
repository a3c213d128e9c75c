//! Runs the work of commands that only read from the service: with its pace, its pauses, its signals and its screen.
//!
//! Must not know what is read.

use std::cell::RefCell;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::clock::{now, wall_clock};
use super::lanes::Lanes;
use super::service::{ServiceChoice, ServiceSettings};
use super::settings::{UNATTENDED_PATIENCE, aws_args};
use super::signals;
use crate::action::Action;
use crate::cli::ReadArgs;
use crate::event::StopReason;
use crate::input::LaneId;
use crate::inventory::{ListError, Lister, Progress};
use crate::pool::pace::PaceSettings;
use crate::pool::{PoolSettings, Renewal};
use crate::terminal::Screen;
use crate::terminal::tally::Tally;

/// The settings of a command that only reads.
#[must_use]
pub(super) fn settings(args: ReadArgs, accounts: Option<PathBuf>) -> (ServiceSettings, PoolSettings) {
    let calls = args.calls;
    let service = ServiceSettings {
        choice: match args.simulate {
            true => ServiceChoice::Simulator { scenario: args.scenario },
            false => ServiceChoice::Aws(aws_args(args.aws)),
        },
        accounts,
        concurrency: NonZeroUsize::MIN,
        connect_timeout: calls.connect_timeout,
        request_timeout: calls.request_timeout,
        remember: !calls.no_remember,
    };
    let pace = PaceSettings {
        rate: calls.rate,
        headroom: calls.headroom,
        seed: fastrand::u64(..),
        ..PaceSettings::default()
    };
    let pool = PoolSettings {
        action: Action::default(),
        doubts_list: false,
        concurrency: service.concurrency,
        pace,
        max_attempts: NonZeroU32::MIN,
        max_failures: None,
        failed: Arc::default(),
        give_up_after: args.give_up_after,
        patience: UNATTENDED_PATIENCE,
        stop_at: None,
        keys_are_fixed: false,
        not_found_is_success: false,
    };
    (service, pool)
}

/// Reads from the services of a job.
pub(super) struct Reader<'a> {
    /// Which.
    pub(super) lanes: &'a Lanes,
    /// Its pace, and when to give up.
    pub(super) pool: &'a PoolSettings,
    pub(super) runtime: &'a Runtime,
    pub(super) screen: &'a Screen,
}

impl Reader<'_> {
    /// Does the work with a lister of each service, side by side, and shows its progress. A signal ends it at once: nothing
    /// is half done.
    ///
    /// # Errors
    /// If a service cannot be read, or a signal came.
    pub(super) fn read<T>(
        &self,
        work: impl AsyncFn(LaneId, &mut Lister<'_>) -> Result<T, ListError>,
    ) -> anyhow::Result<Vec<T>> {
        let Self { lanes, pool: settings, runtime, screen } = self;
        let mut tally = Tally::new(0, now());
        tally.follow(&Progress::default(), now());
        let tally = Arc::new(Mutex::new(tally));
        let progress = RefCell::new(vec![Progress::default(); lanes.names().len()]);
        let (progress, tally_of_all, work) = (&progress, &tally, &work);
        let reads = lanes.iter().map(|(lane, service)| async move {
            let settings = PoolSettings {
                patience: if Screen::is_attended() { Duration::ZERO } else { settings.patience },
                keys_are_fixed: service.keys_are_fixed,
                pace: PaceSettings {
                    remembered: service.remembered_rate(wall_clock()),
                    ..settings.pace.clone()
                },
                ..(*settings).clone()
            };
            let show = |own: &Progress| {
                let mut all = progress.borrow_mut();
                all[lane.index()].clone_from(own);
                let sum = Progress::sum(&all);
                tally_of_all.lock().unwrap_or_else(PoisonError::into_inner).follow(&sum, now());
            };
            let client = &service.client;
            let ask = |query| async move { client.read(&query).await };
            let renew = || async { if client.renew().await { Renewal::Fresh } else { Renewal::Nothing } };
            let mut lister = Lister::new(&settings, ask, renew, wall_clock, show);
            let read = work(lane, &mut lister).await;
            read.map_err(|error| match lanes.name(lane) {
                "" => error.into(),
                name => anyhow::Error::from(error).context(format!("cannot read `{name}`")),
            })
        });
        let (stop, mut stopped) = watch::channel(None);
        let shown = screen.watch(Arc::clone(&tally)).context("cannot start the progress's thread")?;
        let read = runtime.block_on(async {
            tokio::select! {
                read = try_join_all(reads) => read,
                never = signals::watch_for_stops(&stop) => match never {},
                reason = async { stopped.wait_for(Option::is_some).await.ok().and_then(|reason| *reason) } => {
                    Err(ListError::Stopped(reason.unwrap_or(StopReason::Interrupted).into()).into())
                }
            }
        });
        shown.finish();
        read
    }
}
