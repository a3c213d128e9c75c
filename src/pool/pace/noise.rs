//! Pacing where some requests are refused at random: behind one name there may be many limiters.
//!
//! An empty bucket stops refusing when the pace falls below the limit. Random refusals, called noise, go on. So refusals
//! below the measured limit are counted as [`Surprises`]. After a few of them, a slow round examines whether there is
//! noise. If there is, requests are sent in rounds. A round that is refused more often than noise explains has met the
//! limit, and its grants measure it. After any other round, the pace is raised.
//!
//! Must not know when requests are sent. Times are seconds since the pace began, rates are requests/s.

use super::limit::{MIN_RATE, NO_LIMIT};

/// This many surprises start an examination …
const SURPRISES: f64 = 3.0;
/// … unless there is fewer than one in this many answers: so little noise does no harm.
const RARE: f64 = 60.0;
/// The examination's pace, as a share of the limit: well below, in case the limit has fallen a little.
const EXAMINED: f64 = 0.7;
/// It takes twice as many answers as there are between two surprises, within these bounds.
const EXAMINATION: (f64, f64) = (20.0, 200.0);
/// A larger share of refusals is never noise.
const MOST_NOISE: f64 = 0.3;
/// Answers in a round that searches for the limit, and in one near it.
const SEARCHING: f64 = 20.0;
const HOLDING: f64 = 50.0;
/// No round takes more answers than this.
const LONGEST_ROUND: f64 = 500.0;
/// Rounds just below the limit before the pace is raised, and by which factor each later round raises it.
const HELD_ROUNDS: u32 = 8;
const RAISES: [f64; 5] = [1.05, 1.1, 1.25, 1.5, 1.75];
/// From this round on, the last factor is used.
const FASTEST: u32 = HELD_ROUNDS + 4;
/// Standard deviations by which a round must differ from the noise.
const CERTAIN: f64 = 2.5;
/// The share of noise is averaged over this many answers.
const AVERAGED: f64 = 300.0;
/// A smaller share means that there is no noise.
const QUIET: f64 = 0.001;
/// When a round is refused more than this share, its grants are too few to measure the limit.
const FLOOD: f64 = 0.6;
/// After this many such rounds, the service grants nothing at all, which is not noise.
const FLOODS: u32 = 4;

/// Refusals of requests that were sent below the limit, and the answers to such requests.
#[derive(Debug, Default)]
pub(super) struct Surprises {
    refusals: f64,
    answers: f64,
}

impl Surprises {
    pub(super) fn answered(&mut self, refused: bool) {
        self.answers += 1.0;
        self.refusals += f64::from(u8::from(refused));
        if self.answers > RARE * (1.0 + self.refusals) {
            *self = Self::default();
        }
    }

    /// One in how many requests is refused, if that is worth an examination.
    pub(super) fn interval(&self) -> Option<f64> {
        (self.refusals >= SURPRISES).then(|| self.answers / self.refusals)
    }
}

/// The present round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noisy {
    /// The share of the requests that is refused whatever the pace: 0 to 0.3; and on how many answers that rests.
    share: f64,
    share_answers: f64,
    /// Grants/s to aim for.
    pace: f64,
    /// The limit that the last rounds kept below, in grants/s.
    pub(super) limit: Option<f64>,
    /// Whether it is the examination.
    examines: bool,
    /// Rounds since the limit was met.
    calm: u32,
    floods: u32,
    /// Requests sent since then are the round's.
    since: f64,
    last_sent: f64,
    answers: f64,
    refusals: f64,
    /// How many answers it takes.
    size: f64,
}

/// What an answer means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Round {
    /// The round is not complete.
    Open,
    /// The next one has begun, at another pace.
    Next,
    /// There is no noise (any more); the limit in requests/s.
    Quiet(f64),
}

impl Noisy {
    /// Examines whether refusals below `limit`, one in `interval` requests, are noise.
    pub(super) fn examine(now: f64, limit: f64, interval: f64) -> Self {
        let size = (2.0 * interval).clamp(EXAMINATION.0, EXAMINATION.1);
        let searching = Self::search(now, EXAMINED * limit, 0.0, SEARCHING);
        Self { limit: Some(limit), examines: true, size, ..searching }
    }

    /// Searches for the limit from `pace` on.
    fn search(now: f64, pace: f64, share: f64, share_answers: f64) -> Self {
        Self {
            share,
            share_answers,
            pace,
            limit: None,
            examines: false,
            calm: FASTEST,
            floods: 0,
            since: now,
            last_sent: now,
            answers: 0.0,
            refusals: 0.0,
            size: SEARCHING,
        }
    }

    /// The same, from the beginning of a round: after an outage.
    pub(super) fn again(self, now: f64) -> Self {
        Self { since: now, last_sent: now, answers: 0.0, refusals: 0.0, ..self }
    }

    /// The pace, in requests/s.
    pub(super) fn rate(&self) -> f64 {
        self.pace / (1.0 - self.share)
    }

    /// A request was answered after `delay`, on average. `headroom` is the share of the limit that is left to others.
    pub(super) fn answered(
        &mut self,
        now: f64,
        sent_at: f64,
        refused: bool,
        headroom: f64,
        delay: f64,
    ) -> Round {
        if sent_at < self.since {
            return Round::Open;
        }
        self.last_sent = self.last_sent.max(sent_at);
        self.answers += 1.0;
        self.refusals += f64::from(u8::from(refused));
        let fails = self.examines && self.refusals >= 5.0 && self.refusals > 0.5 * self.answers;
        if self.answers < self.size && !fails {
            return Round::Open;
        }
        let seconds = (self.last_sent - self.since).max(1e-3);
        let granted = (self.answers - self.refusals) / seconds;
        let share = self.refusals / self.answers;
        if self.examines {
            let limit = self.limit.unwrap_or(granted);
            if self.refusals == 0.0 || share > MOST_NOISE {
                return Round::Quiet(if self.refusals == 0.0 {
                    limit
                } else {
                    granted.clamp(0.25 * limit, limit)
                });
            }
            *self = Self::search(now, limit, share, self.answers);
            return Round::Next;
        }
        if share > self.expected() {
            self.met_the_limit(granted, share, headroom);
            if self.floods >= FLOODS {
                return Round::Quiet(self.pace);
            }
        } else {
            self.share_answers = (self.share_answers + self.answers).min(AVERAGED);
            self.share += (share - self.share) * self.answers / self.share_answers;
            if self.share < QUIET && self.share_answers >= AVERAGED {
                return Round::Quiet(self.limit.unwrap_or(self.pace));
            }
            self.raise();
        }
        self.pace = self.pace.min(2.0 * self.answers / seconds).clamp(MIN_RATE, NO_LIMIT);
        let size = if self.calm >= FASTEST { SEARCHING } else { HOLDING };
        self.size = size.max(self.pace * delay).min(LONGEST_ROUND);
        *self = self.again(now);
        Round::Next
    }

    /// The most that noise refuses of a round: both shares are uncertain by their numbers of answers.
    fn expected(&self) -> f64 {
        let variance =
            self.share.max(0.01) * (1.0 - self.share) * (1.0 / self.answers + 1.0 / self.share_answers);
        (self.share + CERTAIN * variance.sqrt() + 1.0 / self.answers).min(MOST_NOISE)
    }

    fn met_the_limit(&mut self, granted: f64, share: f64, headroom: f64) {
        if share > FLOOD {
            (self.pace, self.limit, self.calm) = (self.pace / 3.0, None, HELD_ROUNDS);
            self.floods += 1;
        } else {
            (self.pace, self.limit, self.calm) = ((1.0 - headroom) * granted, Some(granted), 0);
        }
    }

    fn raise(&mut self) {
        self.floods = 0;
        self.calm += 1;
        if let Some(raise) = self.calm.checked_sub(HELD_ROUNDS) {
            self.pace *= RAISES[(raise as usize).min(RAISES.len() - 1)];
            self.limit = self.limit.filter(|limit| self.pace <= 1.5 * limit);
        }
    }
}
