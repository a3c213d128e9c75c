//! The `--heartbeat` file: written anew while the run is alive, for a monitor that looks at its age.
//!
//! Alive means that the pool's loop turns, and that requests which went out come back: a run that hangs leaves a file
//! that grows old. It is gone when the run has ended in whatever way it chose; a killed one leaves it behind. Must not
//! end a run, and must not overwrite a file that is no heartbeat.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::progress::{self, Clock};
use crate::tally::Tally;

/// Between two writings: a monitor that looks every minute sees a file that is much younger.
const PERIOD: Duration = Duration::from_secs(10);

/// How often the pool's loop gives a sign.
const PULSE: Duration = Duration::from_secs(2);

/// How much longer than it may take an answer can take to be counted: a disk that is busy, a machine that was asleep.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no heartbeat. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// Another file is there.
    #[error("`{}` is no heartbeat of chime-sweep, and is not overwritten", .0.display())]
    Foreign(PathBuf),
    /// It cannot be written.
    #[error("cannot write the heartbeat `{}`", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A heartbeat; it ends when this is dropped.
#[derive(Debug)]
pub struct Heartbeat {
    path: PathBuf,
    pulse: Arc<AtomicU64>,
    /// `None`: it ends.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Writes the file, and goes on. An answer of the service comes within `answer`.
    ///
    /// # Errors
    /// If the file cannot be written, or is something else.
    pub fn begin(
        path: &Path,
        tally: Arc<Mutex<Tally>>,
        answer: Duration,
        wall: fn() -> Timestamp,
    ) -> Result<Self, HeartbeatError> {
        let failed = |source| HeartbeatError::Io { path: path.to_owned(), source };
        let mut file = open(path).map_err(failed)?;
        let mut there = String::new();
        let read = (&mut file).take(200).read_to_string(&mut there);
        if read.is_err() || !(there.is_empty() || there.starts_with("{\"chime_sweep_heartbeat\"")) {
            return Err(HeartbeatError::Foreign(path.to_owned()));
        }
        write(&mut file, &tally, wall).map_err(failed)?;
        let pulse = Arc::new(AtomicU64::new(0));
        let mut watch = Watch { seen: 0, silence: answer + PATIENCE };
        let (stop, stopped) = mpsc::channel();
        let felt = Arc::clone(&pulse);
        let follow = move || {
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                beat(&mut watch, felt.load(Ordering::Relaxed), &mut file, &tally, wall);
            }
        };
        let thread = std::thread::Builder::new().name("heartbeat".into()).spawn(follow).map_err(failed)?;
        Ok(Self { path: path.to_owned(), pulse, stop: Some(stop), thread: Some(thread) })
    }

    /// Shows that the loop turns in which this is polled; never returns.
    pub async fn pulse(&self) -> Infallible {
        loop {
            self.pulse.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PULSE).await;
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the heartbeat's file remains");
        }
    }
}

/// Whether the run moves.
#[derive(Debug)]
struct Watch {
    /// Signs of the pool's loop when it was looked at last.
    seen: u64,
    /// As long as no event is no wonder although requests are in flight.
    silence: Duration,
}

impl Watch {
    fn is_alive(&mut self, pulse: u64, tally: &Tally, now: Instant) -> bool {
        let turns = pulse != self.seen;
        self.seen = pulse;
        let quiet = now.saturating_duration_since(tally.last_event);
        turns && (tally.in_flight == 0 || quiet < self.silence)
    }
}

/// Writes the file anew, if the run moves.
fn beat(watch: &mut Watch, pulse: u64, file: &mut File, tally: &Mutex<Tally>, wall: fn() -> Timestamp) {
    if !watch.is_alive(pulse, &read_tally(tally), now()) {
        tracing::warn!("the run does not move: the heartbeat pauses");
    } else if let Err(error) = write(file, tally, wall) {
        tracing::warn!(%error, "the heartbeat cannot be written");
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// In place, and cut afterwards: whoever reads it never finds it empty.
fn write(file: &mut File, tally: &Mutex<Tally>, wall: fn() -> Timestamp) -> io::Result<()> {
    let clock = Clock { now: now(), wall: wall(), zone: None };
    let line = progress::heartbeat(&read_tally(tally), &clock) + "\n";
    file.rewind()?;
    file.write_all(line.as_bytes())?;
    file.set_len(line.len() as u64)
}

fn read_tally(tally: &Mutex<Tally>) -> Tally {
    tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[expect(clippy::disallowed_methods, reason = "a heart beats now")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(in_flight: u64, since: Instant) -> Tally {
        let mut tally = Tally::new(10, since);
        tally.in_flight = in_flight;
        tally
    }

    #[test]
    fn a_run_that_hangs_has_no_heartbeat() {
        let start = now();
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut watch = Watch { seen: 0, silence: Duration::from_secs(120) };
        assert!(watch.is_alive(1, &silent(3, start), minutes(1)));
        assert!(!watch.is_alive(1, &silent(0, start), minutes(1)), "the loop does not turn");
        assert!(watch.is_alive(2, &silent(0, start), minutes(20)), "it waits for a service that is away");
        assert!(!watch.is_alive(3, &silent(3, start), minutes(2)), "answers are not counted any more");
    }

    #[test]
    fn only_a_run_that_moves_writes_it_anew() {
        let mut file = tempfile::tempfile().expect("a file");
        let tally = Mutex::new(silent(0, now()));
        let mut watch = Watch { seen: 0, silence: PATIENCE };
        for (pulse, is_written) in [(1, true), (1, false), (2, true)] {
            file.set_len(0).expect("empties");
            beat(&mut watch, pulse, &mut file, &tally, || Timestamp::UNIX_EPOCH);
            assert_eq!(file.metadata().expect("there").len() > 0, is_written, "{pulse}");
        }
    }

    #[test]
    fn it_is_a_line_of_json_and_gone_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alive");
        let tally = || Arc::new(Mutex::new(silent(0, now())));
        let begin = || Heartbeat::begin(&path, tally(), PATIENCE, || Timestamp::UNIX_EPOCH);
        let read = || std::fs::read_to_string(&path).expect("there");
        std::fs::write(&path, "vc_id,phone\n").expect("writes");
        assert!(matches!(begin(), Err(HeartbeatError::Foreign(_))));
        assert_eq!(read(), "vc_id,phone\n", "untouched");
        std::fs::remove_file(&path).expect("removes");
        let alive = begin().expect("begins");
        assert_eq!(read().lines().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let killed = read();
        drop(alive);
        assert!(!path.exists());
        std::fs::write(&path, format!("{killed}{killed}")).expect("writes");
        let again = begin().expect("that of a run that was killed is taken up");
        assert_eq!(read(), killed, "and what is behind it is cut");
        drop(again);
    }
}
