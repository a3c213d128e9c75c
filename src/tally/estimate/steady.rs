//! Whether answers come at a steady rate, without a limit to go by. While the pace is still growing, its mean says
//! nothing. Must not know of rows or phases.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a step is at least.
const STEP: Duration = Duration::from_millis(250);
/// How many steps are looked back.
const STEPS: usize = 40;
/// The rates of the earlier and the later half differ by no more than this share of the later one. A pace that grows
/// doubles within a second at the longest.
const ALIKE: f64 = 0.2;

/// Answers since the run began, at the ends of steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Steady {
    ends: VecDeque<(Instant, f64)>,
}

impl Steady {
    /// So many were `answered` since the run began.
    pub(super) fn answered(&mut self, answered: f64, now: Instant) {
        match self.ends.back_mut() {
            // What comes together belongs to one step.
            Some((at, answers)) if *at == now => *answers = answered,
            Some((at, _)) if now.saturating_duration_since(*at) < STEP => {}
            _ => self.ends.push_back((now, answered)),
        }
        if self.ends.len() > STEPS + 1 {
            self.ends.pop_front();
        }
        if self.halves().is_some_and(|(earlier, later)| (later - earlier).abs() > ALIKE * later) {
            self.ends.pop_front();
        }
    }

    /// Answers per second over the steady stretch that ends now, if it is at least so many steps long.
    pub(super) fn rate(&self, steps: usize) -> Option<f64> {
        let long_enough = self.ends.len() > steps;
        between(*self.ends.front()?, *self.ends.back()?).filter(|_| long_enough)
    }

    fn halves(&self) -> Option<(f64, f64)> {
        let (first, middle, last) =
            (self.ends.front()?, self.ends.get(self.ends.len() / 2)?, self.ends.back()?);
        Some((between(*first, *middle)?, between(*middle, *last)?))
    }
}

fn between(from: (Instant, f64), to: (Instant, f64)) -> Option<f64> {
    let seconds = to.0.saturating_duration_since(from.0).as_secs_f64();
    (seconds > 0.0).then(|| (to.1 - from.1) / seconds)
}
