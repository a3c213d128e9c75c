//! How fast requests are answered now, and from that what the rest of a run will take.
//!
//! Not the mean of the whole run: a full bucket at the start, an outage, or a limit that has changed say nothing about
//! the rest. A limit that was found says most; what was measured under it corrects that. Where there is no limit, or the
//! pace has left it behind, only a steady stretch of answers says something, and until there is one nothing is said.
//! Must not be needed for anything but showing it.

mod steady;

use std::time::{Duration, Instant};

use steady::Steady;

use crate::event::{AttemptOutcome, Phase};

/// A limit counts as much as this many seconds of measuring, at first …
const LIMIT_SECONDS: f64 = 5.0;
/// … and less by a second for so many in which it could be checked.
const FADES: f64 = 5.0;
/// A limit just found may rest on a few answers: it counts when it has held for so many seconds.
const HELD: f64 = 0.5;
/// A limit, or a pace, that differs by this share from the one that was measured under is another one.
const ANOTHER: f64 = 0.15;
/// A limit that held for so many seconds and then rose is found step by step, and each step is too low: the last one is
/// that which holds for so many answers. By then the pace would have tried a third more.
const OLD: f64 = 10.0;
const ANSWERS_RISEN: f64 = 100.0;
/// A pace that is higher than the limit by this share has left it behind; by less it only tests it, now and then.
const LEFT_BEHIND: f64 = 0.35;
/// A pace that is lower than the limit by this share is kept there: by `--rate`, or for the sake of others.
const KEPT_BELOW: f64 = 0.05;
/// What was measured counts half after so many seconds and so many answers: twice as long as a round of resting below
/// the limit and testing it takes.
const FORGET_SECONDS: f64 = 30.0;
const FORGET_ANSWERS: f64 = 100.0;
/// How many steps must be alike: little while nothing was refused yet, and more while the pace creeps upwards.
const STEPS_UNREFUSED: usize = 8;
const STEPS_CREEPING: usize = 40;

#[derive(Debug, Clone, Default)]
pub(super) struct Estimate {
    /// Requests that the service answered, and rows they settled, since the run began.
    answers: f64,
    rows: f64,
    /// Answers since measuring began, and in how many seconds; and the seconds that are not forgotten.
    measured: f64,
    seconds: f64,
    under_limit: f64,
    measured_to: Option<Instant>,
    last: Option<Answers>,
    steady: Steady,
    limit: Option<f64>,
    /// The limit or pace that what was measured was measured under.
    measured_under: Option<f64>,
    /// Whether a rate was known a moment ago.
    knew: bool,
    /// The limit has risen, and may turn out to have risen further.
    rising: bool,
    phase: Option<Phase>,
    throttled: bool,
}

/// What was answered together.
#[derive(Debug, Clone, Copy)]
struct Answers {
    at: Instant,
    count: f64,
}

impl Estimate {
    /// Rows for which `attempts` requests went out; those for which none did say nothing about the others.
    pub(super) fn settled(&mut self, rows: u64, attempts: u32) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rows = rows as f64;
        if attempts > 0 {
            self.rows += rows;
        }
    }

    pub(super) fn attempted(&mut self, outcome: &AttemptOutcome, now: Instant) {
        match outcome {
            AttemptOutcome::Answered => self.answered(now),
            AttemptOutcome::Throttled if !self.throttled => {
                self.throttled = true;
                self.begin(now); // the bucket was full, and now it is empty
            }
            AttemptOutcome::Throttled | AttemptOutcome::Failed(_) => {}
        }
    }

    fn answered(&mut self, now: Instant) {
        self.answers += 1.0;
        self.measured += 1.0;
        if let Some(from) = self.measured_to {
            let step = now.saturating_duration_since(from).as_secs_f64();
            self.seconds += step;
            self.under_limit += step;
        }
        self.measured_to = Some(now);
        self.rising &= self.measured < ANSWERS_RISEN || self.under_limit < OLD;
        if self.seconds > FORGET_SECONDS && self.measured > FORGET_ANSWERS {
            self.measured /= 2.0;
            self.seconds /= 2.0;
        }
        let together = self.last.filter(|last| last.at == now).map_or(0.0, |last| last.count);
        self.last = Some(Answers { at: now, count: together + 1.0 });
        self.steady.answered(self.answers, now);
    }

    pub(super) fn paced(&mut self, phase: Phase, now: Instant) {
        let before = self.phase.replace(phase);
        if is_outage(before) && !is_outage(self.phase) {
            self.begin(now);
        }
        self.measure_under(now);
    }

    pub(super) fn found(&mut self, limit: f64, now: Instant) {
        self.limit = Some(limit);
        self.measure_under(now);
    }

    /// Measures anew if what holds now is not what it was.
    fn measure_under(&mut self, now: Instant) {
        let known = self.known();
        if std::mem::replace(&mut self.knew, known.is_some()) && known.is_none() {
            self.steady = Steady::default();
        }
        let Some(rate) = known else { return };
        let before = self.measured_under.unwrap_or(0.0);
        if (rate - before).abs() > ANOTHER * before {
            let old = before > 0.0 && self.under_limit >= OLD;
            self.rising = rate > before && (old || self.rising);
            self.measured_under = Some(rate);
            self.begin(now);
        }
    }

    /// Forgets what was measured.
    fn begin(&mut self, now: Instant) {
        (self.measured, self.seconds, self.under_limit) = (0.0, 0.0, 0.0);
        self.measured_to = Some(now);
        self.steady = Steady::default();
    }

    fn pace(&self) -> Option<f64> {
        match self.phase {
            Some(Phase::Paced { rate }) => Some(rate),
            _ => None,
        }
    }

    /// The rate that the pace is known to keep to, in requests/s. `None` as well if the pace has left the limit behind:
    /// that has risen, nobody knows how far.
    fn known(&self) -> Option<f64> {
        let limit = self.limit?;
        match self.pace() {
            Some(pace) if pace > (1.0 + LEFT_BEHIND) * limit => None,
            Some(pace) if pace < (1.0 - KEPT_BELOW) * limit => Some(pace),
            _ => Some(limit),
        }
    }

    /// Answers per second.
    fn rate(&self) -> Option<f64> {
        let Some(known) = self.known() else {
            let steps = if self.limit.is_some() { STEPS_CREEPING } else { STEPS_UNREFUSED };
            return self.steady.rate(steps);
        };
        if self.under_limit < HELD || self.rising && self.measured < ANSWERS_RISEN {
            return None;
        }
        let counts = (LIMIT_SECONDS - self.under_limit / FADES).max(0.0);
        Some((self.measured + known * counts) / (self.seconds + counts))
    }

    /// Seconds until `left` rows are settled; `None` while that cannot be known.
    pub(super) fn remaining(&self, left: f64, now: Instant) -> Option<f64> {
        let last = self.last?;
        if is_outage(self.phase) {
            return None;
        }
        let rate = self.rate()?;
        let needed = left * self.answers / self.rows / rate;
        let needed = Some(needed).filter(|needed| needed.is_finite() && *needed >= 0.0)?;
        if let Some(Phase::Throttled { until }) = self.phase
            && until > now
        {
            return Some(needed + until.saturating_duration_since(now).as_secs_f64());
        }
        // The next ones have been on their way since the last ones came.
        let since = now.saturating_duration_since(last.at).min(Duration::from_secs(3600)).as_secs_f64();
        Some((needed - since.min(last.count / rate)).max(0.0))
    }
}

fn is_outage(phase: Option<Phase>) -> bool {
    matches!(phase, Some(Phase::Outage { .. }))
}
