//! What is known for certain about the service's bucket: the moments at which it was empty, and what it granted between
//! them. Two of them measure its refill.
//!
//! Must not judge: what follows from a stretch is [`adaptive`](super::adaptive)'s. Times are seconds since the pace began.

use std::collections::VecDeque;

/// Requests that a baseline rests on, about. Longer ones are more exact, but notice later that the limit has changed.
pub(super) const BASELINE_REQUESTS: f64 = 50.0;
/// Marks kept. Near the limit one is made every fifty requests or so, and the baseline is no longer than that.
const MARKS: usize = 16;
/// How many marks to look back over for a limit that has fallen.
const RECENT_MARKS: usize = 8;
/// A healthy stretch refuses two or three requests at its ends; this many beyond the share below are too many …
const REFUSALS_AT_THE_ENDS: f64 = 3.0;
/// … when less than this share of what was sent was granted: the pace is clearly too high …
const TOO_FEW: f64 = 0.85;
/// … and less than this share means that (nearly) nothing is granted at all: an empty window, not a lower rate.
const NEARLY_NOTHING: f64 = 0.15;

/// A moment at which the service's bucket was known to be empty: when a refused request was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) at: f64,
    /// How many requests had been sent, this one included.
    sent: f64,
    /// How many of them had been granted, as far as is known: those without an answer count as granted.
    pub(super) granted: f64,
}

/// What happened between two marks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) seconds: f64,
    pub(super) sent: f64,
    /// Not below zero.
    pub(super) granted: f64,
}

/// What a stretch of too many refusals means. The numbers index the mark it began at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Overrun {
    None,
    /// The service grants less than the pace.
    TooFast(usize),
    /// The service grants nothing, for so many seconds.
    Silent(usize, f64),
}

/// The marks, oldest first, and the count of refusals.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    marks: VecDeque<Mark>,
    refusals: f64,
}

impl Mark {
    pub(super) fn since(self, earlier: Self) -> Stretch {
        Stretch {
            seconds: self.at - earlier.at,
            sent: self.sent - earlier.sent,
            granted: (self.granted - earlier.granted).max(0.0),
        }
    }
}

impl Stretch {
    /// The rate of the refill, in requests/s: both ends found the bucket empty, and the last token came just after.
    /// The floor on time guards against two ends at the same moment.
    pub(super) fn refill(self) -> f64 {
        (self.granted + 1.0) / self.seconds.max(1e-3)
    }
}

impl Evidence {
    /// Counts a refusal of the request number `seq`, sent at `sent_at`. It corrects the marks made after it was sent,
    /// which had counted it as granted.
    #[expect(clippy::cast_precision_loss, reason = "a run sends far fewer than 2^52 requests")]
    pub(super) fn refused(&mut self, seq: i64, sent_at: f64) -> Mark {
        let sent = seq as f64;
        self.refusals += 1.0;
        for later in self.marks.iter_mut().filter(|mark| mark.sent > sent) {
            later.granted -= 1.0;
        }
        Mark { at: sent_at, sent, granted: sent - self.refusals }
    }

    pub(super) fn last(&self) -> Option<(usize, Mark)> {
        let last = self.marks.len().checked_sub(1)?;
        Some((last, self.marks[last]))
    }

    pub(super) fn get(&self, index: usize) -> Option<Mark> {
        self.marks.get(index).copied()
    }

    pub(super) fn push(&mut self, mark: Mark) {
        self.marks.push_back(mark);
        if self.marks.len() > MARKS {
            self.marks.pop_front();
        }
    }

    pub(super) fn forget(&mut self) {
        self.marks.clear();
    }

    pub(super) fn forget_before(&mut self, index: usize) {
        self.marks.drain(..index.min(self.marks.len()));
    }

    /// Drops marks that a baseline of fifty requests at `rate`, ending at `at`, does not need.
    pub(super) fn forget_older_than_baseline(&mut self, at: f64, rate: f64) {
        while self.marks.get(1).is_some_and(|mark| at - mark.at >= BASELINE_REQUESTS / rate) {
            self.marks.pop_front();
        }
    }

    /// Looks back from `end`, the nearest marks first, for a stretch with too many refusals. Stretches shorter than
    /// `feedback` say nothing: their refusals were on the way before anybody could react.
    pub(super) fn overrun(&self, end: Mark, feedback: f64) -> Overrun {
        for (index, mark) in self.marks.iter().enumerate().rev().take(RECENT_MARKS) {
            let Stretch { seconds, sent, granted } = end.since(*mark);
            if seconds < feedback || granted + REFUSALS_AT_THE_ENDS >= TOO_FEW * sent {
                continue;
            }
            let silent = granted < NEARLY_NOTHING * sent;
            return if silent { Overrun::Silent(index, seconds) } else { Overrun::TooFast(index) };
        }
        Overrun::None
    }
}
