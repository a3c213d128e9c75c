//! The circuit breaker: when everything fails, stop sending, and ask with one request at a time whether it is over.
//!
//! Must not touch the rate: what was learned about the limit before an outage holds after it. Times are seconds since
//! the pace began.

/// Single failures are the business of retries; five in a row, whatever the batch, are an outage.
const FAILURES_IN_A_ROW: u32 = 5;
/// Probes start soon, for an outage of a second, and slow down to what a night can spare.
const FIRST_GAP: f64 = 0.5;
const LONGEST_GAP: f64 = 10.0;
const GAP_GROWTH: f64 = 1.7;
/// Each gap is ± 25 %: the probes of many jobs must not fall into step.
const GAP_JITTER: f64 = 0.5;

#[derive(Debug, Clone, Copy)]
pub(super) enum Breaker {
    /// Requests flow. `since`: failures of requests sent before are news of an outage that is over.
    Closed {
        failures: u32,
        since: f64,
    },
    Open(Outage),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    pub(super) since: f64,
    /// When the next probe may go out, unless one is in flight.
    pub(super) next_probe: f64,
    /// `seq` of the probe in flight.
    pub(super) probe: Option<i64>,
    gap: f64,
}

impl Breaker {
    pub(super) fn new(now: f64) -> Self {
        Self::Closed { failures: 0, since: now }
    }

    pub(super) fn outage(&self) -> Option<&Outage> {
        match self {
            Self::Closed { .. } => None,
            Self::Open(outage) => Some(outage),
        }
    }

    /// A request goes out. True if it is a probe.
    pub(super) fn sent(&mut self, seq: i64) -> bool {
        match self {
            Self::Closed { .. } => false,
            Self::Open(outage) => {
                outage.probe = Some(seq);
                true
            }
        }
    }

    /// The service spoke, if only to say 429. True if this ended an outage.
    pub(super) fn alive(&mut self, now: f64) -> bool {
        match self {
            Self::Closed { failures, .. } => {
                *failures = 0;
                false
            }
            Self::Open(_) => {
                *self = Self::new(now);
                true
            }
        }
    }

    /// 5xx, a timeout, a lost connection. During an outage only the probe's failure says something new: the others
    /// were sent before it began. `jitter` is uniform in 0..1.
    pub(super) fn failed(&mut self, now: f64, seq: i64, sent_at: f64, jitter: f64) {
        match self {
            Self::Closed { since, .. } if sent_at < *since => {}
            Self::Closed { failures, .. } => {
                *failures += 1;
                if *failures >= FAILURES_IN_A_ROW {
                    let next_probe = now + FIRST_GAP;
                    *self = Self::Open(Outage { since: now, next_probe, probe: None, gap: FIRST_GAP });
                }
            }
            Self::Open(outage) if outage.probe == Some(seq) => {
                outage.gap = (GAP_GROWTH * outage.gap).min(LONGEST_GAP);
                outage.rest(now, jitter);
            }
            Self::Open(_) => {}
        }
    }

    /// A request ended without a word from the service. If it was the probe, another takes its place after the same gap.
    pub(super) fn abandoned(&mut self, now: f64, seq: i64, jitter: f64) {
        if let Self::Open(outage) = self
            && outage.probe == Some(seq)
        {
            outage.rest(now, jitter);
        }
    }
}

impl Outage {
    fn rest(&mut self, now: f64, jitter: f64) {
        self.probe = None;
        self.next_probe = now + self.gap * (1.0 - GAP_JITTER / 2.0 + GAP_JITTER * jitter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened_at(now: f64) -> Breaker {
        let mut breaker = Breaker::new(0.0);
        (1..=5).for_each(|seq| breaker.failed(now, seq, now, 0.5));
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_any_answer_starts_the_count_again() {
        let mut breaker = Breaker::new(0.0);
        (1..=4).for_each(|seq| breaker.failed(1.0, seq, 0.5, 0.5));
        assert!(!breaker.alive(1.0));
        (5..=8).for_each(|seq| breaker.failed(1.0, seq, 0.5, 0.5));
        assert!(breaker.outage().is_none());
        breaker.failed(2.0, 9, 0.5, 0.5);
        let outage = breaker.outage().unwrap();
        assert_eq!((outage.since, outage.next_probe, outage.probe), (2.0, 2.5, None));
        assert!(breaker.alive(3.0));
        assert!(breaker.outage().is_none());
    }

    #[test]
    fn probes_slow_down_to_ten_seconds_give_or_take_a_quarter() {
        for (jitter, factor) in [(0.0, 0.75), (0.5, 1.0), (1.0, 1.25)] {
            let mut breaker = opened_at(0.0);
            for (seq, gap) in (6..).zip([0.85, 1.445, 2.4565, 4.17605, 7.099_285, 10.0, 10.0]) {
                assert!(breaker.sent(seq));
                breaker.failed(100.0, seq, 99.0, jitter);
                let next_probe = breaker.outage().unwrap().next_probe;
                assert!((next_probe - 100.0 - gap * factor).abs() < 1e-9, "{seq}: {next_probe}");
            }
        }
    }

    #[test]
    fn only_the_probe_speaks_during_an_outage() {
        let mut breaker = opened_at(1.0);
        assert!(breaker.sent(9));
        breaker.failed(2.0, 8, 0.9, 0.5);
        breaker.abandoned(2.0, 7, 0.5);
        let outage = breaker.outage().unwrap();
        assert_eq!((outage.probe, outage.next_probe), (Some(9), 1.5));
        breaker.abandoned(3.0, 9, 0.5);
        let outage = breaker.outage().unwrap();
        assert_eq!((outage.probe, outage.next_probe), (None, 3.5));
    }

    #[test]
    fn late_failures_do_not_reopen_it() {
        let mut breaker = opened_at(1.0);
        breaker.alive(2.0);
        (10..60).for_each(|seq| breaker.failed(30.0, seq, 1.0, 0.5));
        assert!(breaker.outage().is_none());
    }
}
