//! What the system allows this process (`ulimit`): looked at before anything is sent.
//!
//! Must not change what a run does within its limits.

use std::io;
use std::sync::Mutex;
use std::thread;

use crate::hint::Hinted;

/// Files that a run with a few connections has open at once, with room to spare.
const FILES: u64 = 64;
/// The journal's, the screen's, the simulator's, and one that looks up names.
const THREADS: usize = 4;

/// Makes sure that a run can open its files and `connections`, and start its threads.
///
/// # Errors
/// If it cannot; names the limit.
pub(super) fn check(connections: usize) -> anyhow::Result<()> {
    if let Err(files) = allow_files(FILES + 2 * connections as u64) {
        let error = format!("this process may open only {files} files at once; a run needs {FILES}");
        return Err(Hinted::new(error, format!("`ulimit -n {FILES}` or more")).into());
    }
    can_start(THREADS).map_err(|error| {
        let error = format!("this process cannot start the {THREADS} threads that a run needs: {error}");
        Hinted::new(error, "`ulimit -u` shows how many processes and threads are allowed")
    })?;
    Ok(())
}

/// Raises the limit to `wanted` files as far as the system permits; the limit if it stays below [`FILES`].
#[cfg(unix)]
fn allow_files(wanted: u64) -> Result<(), u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(allowed) = current.filter(|&allowed| allowed < wanted) else { return Ok(()) };
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_ok();
    let allowed = if is_raised { raised } else { allowed };
    if allowed < FILES { Err(allowed) } else { Ok(()) }
}

#[cfg(not(unix))]
fn allow_files(_wanted: u64) -> Result<(), u64> {
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
