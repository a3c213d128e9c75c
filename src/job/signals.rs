//! Stops a run from outside: on signals.
//!
//! Must not stop anything itself; it only sends the reason.

use std::convert::Infallible;

use tokio::sync::watch;

use crate::event::StopReason;

/// Sends reasons to stop until it is dropped; never returns.
///
/// SIGINT, SIGTERM and SIGHUP (a closed ssh session) stop the run; a second signal aborts it.
pub(crate) async fn watch_for_stops(stop: &watch::Sender<Option<StopReason>>) -> Infallible {
    signals(stop).await
}

/// A stop only escalates.
pub(super) fn raise(stop: &watch::Sender<Option<StopReason>>, reason: StopReason) {
    stop.send_if_modified(|current| {
        let escalates = current.is_none_or(|current| current < reason);
        if escalates {
            *current = Some(reason);
        }
        escalates
    });
}

#[cfg(unix)]
async fn signals(stop: &watch::Sender<Option<StopReason>>) -> Infallible {
    use tokio::signal::unix::SignalKind;
    // `nohup` starts a program with SIGHUP ignored, so that it outlives its terminal.
    let ignored = ignored_signals(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
    let hangup = SignalKind::hangup();
    let outlives = ignored >> (hangup.as_raw_value() - 1) & 1 == 1;
    tokio::join!(
        each(SignalKind::interrupt(), || raise_signal(stop, StopReason::Interrupted)),
        each(SignalKind::terminate(), || raise_signal(stop, StopReason::Terminated)),
        async {
            if outlives {
                std::future::pending().await
            } else {
                each(hangup, || raise_signal(stop, StopReason::Terminated)).await
            }
        },
    )
    .0
}

/// Acts on every signal of a kind.
#[cfg(unix)]
async fn each(kind: tokio::signal::unix::SignalKind, act: impl Fn()) -> Infallible {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signals) => {
            while signals.recv().await.is_some() {
                act();
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot handle a signal: it will end the run at once and keep the journal");
        }
    }
    std::future::pending().await
}

/// The signals that were ignored when the process started; bit 0 is signal 1. Zero if the system does not say.
#[cfg(unix)]
fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// The first signal stops the run; any later one aborts it.
fn raise_signal(stop: &watch::Sender<Option<StopReason>>, reason: StopReason) {
    let again = matches!(*stop.borrow(), Some(StopReason::Interrupted | StopReason::Terminated));
    let abort = if reason == StopReason::Terminated { StopReason::Killed } else { StopReason::Aborted };
    raise(stop, if again { abort } else { reason });
}

#[cfg(not(unix))]
async fn signals(stop: &watch::Sender<Option<StopReason>>) -> Infallible {
    while tokio::signal::ctrl_c().await.is_ok() {
        raise_signal(stop, StopReason::Interrupted);
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_signal_aborts() {
        let table = [
            (vec![StopReason::Interrupted], StopReason::Interrupted),
            (vec![StopReason::Interrupted, StopReason::Interrupted], StopReason::Aborted),
            (vec![StopReason::Terminated, StopReason::Interrupted], StopReason::Aborted),
            (vec![StopReason::Terminated, StopReason::Terminated], StopReason::Killed),
            (vec![StopReason::Interrupted, StopReason::Terminated], StopReason::Killed),
        ];
        for (signals, reason) in table {
            let (stop, seen) = watch::channel(Some(StopReason::Deadline));
            signals.into_iter().for_each(|signal| raise_signal(&stop, signal));
            assert_eq!(*seen.borrow(), Some(reason));
        }
    }

    #[cfg(unix)]
    #[test]
    fn signals_ignored_at_the_start_stay_ignored() {
        assert_eq!(ignored_signals("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(ignored_signals(""), 0);
    }
}
