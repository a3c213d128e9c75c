//! What the system allows this process (`ulimit`): looked at before anything is sent.
//!
//! Must not change what a run does within its limits.

use std::io;
use std::sync::Mutex;
use std::thread;

use crate::hint::Hinted;

/// Files that a run has open at once beside its connections, with room to spare.
const FILES: u64 = 48;
/// A connection's socket, and the simulator's end of it.
const PER_CONNECTION: u64 = 2;
/// The journal's, the screen's, the simulator's, and one that looks up names.
const THREADS: usize = 4;

/// Makes sure that a run can open its files and `connections`, and start its threads.
///
/// # Errors
/// If it cannot; names the limit.
pub(super) fn check(connections: usize) -> anyhow::Result<()> {
    let needed = FILES + PER_CONNECTION * connections as u64;
    if let Err(allowed) = allow_files(needed) {
        let error = format!(
            "this process may open only {allowed} files at once; {connections} requests in flight need {needed}"
        );
        return Err(Hinted::new(error, format!("`ulimit -n {needed}`, or a lower --concurrency")).into());
    }
    can_start(THREADS).map_err(|error| {
        let error = format!("this process cannot start the {THREADS} threads that a run needs: {error}");
        Hinted::new(error, "`ulimit -u` shows how many processes and threads are allowed")
    })?;
    Ok(())
}

/// Makes sure that this many `reports` can be open at once.
///
/// # Errors
/// If they cannot; names the limit.
pub(super) fn check_reports(reports: usize) -> anyhow::Result<()> {
    let needed = FILES + reports as u64;
    allow_files(needed).map_err(|allowed| {
        let error =
            format!("this process may open only {allowed} files at once; {reports} reports need {needed}");
        Hinted::new(error, format!("`ulimit -n {needed}`")).into()
    })
}

/// Raises the limit to `needed` files if the system permits that; otherwise, what is allowed.
#[cfg(unix)]
fn allow_files(needed: u64) -> Result<(), u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(allowed) = current.filter(|&allowed| allowed < needed) else { return Ok(()) };
    if maximum.is_some_and(|maximum| maximum < needed) {
        return Err(maximum.unwrap_or(allowed));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).map_err(|_| allowed)
}

#[cfg(not(unix))]
fn allow_files(_needed: u64) -> Result<(), u64> {
    Ok(())
}

/// Starts them all at once, and ends them.
fn can_start(threads: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock();
        let start = |_| thread::Builder::new().spawn_scoped(scope, || drop(gate.lock())).map(drop);
        (0..threads).try_for_each(start)
    })
}

/// From now on a write beyond the size that `ulimit -f` allows fails, like one to a full disk. Otherwise the system
/// ends the process without a word.
#[cfg(unix)]
pub(super) fn survive_size_limit() {
    use tokio::signal::unix::{SignalKind, signal};
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // The handler, which does nothing, outlives the runtime that tokio needs to set it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let set = runtime.and_then(|runtime| {
        let _entered = runtime.enter();
        signal(kind).map(drop)
    });
    if let Err(error) = set {
        tracing::debug!(%error, "cannot handle SIGXFSZ");
    }
}

#[cfg(not(unix))]
pub(super) fn survive_size_limit() {}
