//! How fast rows are being settled now: what the rest of a run will take.
//!
//! Not the mean of the whole run: a full bucket at the start, an outage, or a limit that has changed say nothing about
//! the rest. So what was measured is forgotten when it no longer holds, and until there is more the pace stands in.
//! Must not be needed for anything but showing it.

use std::time::{Duration, Instant};

use crate::event::{AttemptOutcome, Phase};

/// The pace counts as much as this many seconds of measuring.
const PACE_SECONDS: f64 = 1.0;
/// A pace that is lower than any before by this is another limit. Upwards it is only tried, now and then.
const FALLEN: f64 = 0.85;
/// After so many seconds, what was measured counts half.
const FORGET: f64 = 30.0;

#[derive(Debug, Clone, Default)]
pub(super) struct Estimate {
    /// Rows settled since measuring began, and in how many seconds.
    rows: f64,
    seconds: f64,
    measured_to: Option<Instant>,
    last: Option<Settled>,
    /// Requests that the service answered, and rows settled, since the run began.
    answers: f64,
    settled: f64,
    /// The lowest pace of late, in requests/s: what lies above it are attempts to find more.
    pace: Option<f64>,
    throttled: bool,
    outage: bool,
}

#[derive(Debug, Clone, Copy)]
struct Settled {
    at: Instant,
    rows: f64,
}

impl Estimate {
    pub(super) fn settled(&mut self, rows: u64, now: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rows = rows as f64;
        self.settled += rows;
        if let Some(from) = self.measured_to {
            self.rows += rows;
            self.seconds += now.saturating_duration_since(from).as_secs_f64();
        }
        if self.seconds > FORGET {
            self.rows /= 2.0;
            self.seconds /= 2.0;
        }
        self.measured_to = Some(now);
        // What was recorded together is one step.
        let together = self.last.filter(|last| last.at == now).map_or(0.0, |last| last.rows);
        self.last = Some(Settled { at: now, rows: together + rows });
    }

    pub(super) fn attempted(&mut self, outcome: &AttemptOutcome, now: Instant) {
        match outcome {
            AttemptOutcome::Answered => self.answers += 1.0,
            AttemptOutcome::Throttled if !self.throttled => {
                self.throttled = true;
                self.begin(now); // the bucket was full, and now it is empty
            }
            AttemptOutcome::Throttled | AttemptOutcome::Failed(_) => {}
        }
    }

    pub(super) fn paced(&mut self, phase: Phase, now: Instant) {
        let outage = matches!(phase, Phase::Outage { .. });
        let ended = std::mem::replace(&mut self.outage, outage) && !outage;
        if let Phase::Paced { rate } = phase {
            if self.pace.is_some_and(|before| rate < FALLEN * before) {
                self.begin(now);
            }
            self.pace = Some(self.pace.map_or(rate, |before| before.min(rate)));
        }
        if ended {
            self.begin(now);
        }
    }

    /// Forgets what was measured.
    fn begin(&mut self, now: Instant) {
        (self.rows, self.seconds, self.measured_to) = (0.0, 0.0, Some(now));
    }

    /// Seconds until `left` rows are settled; `None` if nothing is known.
    pub(super) fn remaining(&self, left: f64, now: Instant) -> Option<f64> {
        let last = self.last?;
        let paced = self.pace.filter(|_| self.answers > 0.0).map(|pace| pace * self.settled / self.answers);
        let rate = match paced {
            Some(paced) => (self.rows + paced * PACE_SECONDS) / (self.seconds + PACE_SECONDS),
            None => self.rows / self.seconds,
        };
        let needed = Some(left / rate).filter(|needed| needed.is_finite() && *needed >= 0.0)?;
        // The next ones have been on their way since the last ones came.
        let since = now.saturating_duration_since(last.at).min(Duration::from_secs(3600)).as_secs_f64();
        Some((needed - since.min(last.rows / rate)).max(0.0))
    }
}
