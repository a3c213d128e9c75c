//! An estimate of the service's limit, and how patiently to test whether there is more.
//!
//! Must not keep state: one estimate, immutable, and pure functions of it.

/// Below this, in requests/s, no estimate is believed: it would be 100 s to the next request.
pub(super) const MIN_RATE: f64 = 0.01;
/// Above this there is no pace, in requests/s. Finite, so that no arithmetic ends in a NaN.
pub(super) const NO_LIMIT: f64 = 1e9;
/// An estimate on few grants must be tested soon, but not at once …
const FEWEST_GRANTS: f64 = 6.0;
/// … and one on many is not tested later than this: a limit that has risen is lost time.
const MOST_GRANTS: f64 = 35.0;
/// The first step upwards. Small, because most of the time the estimate is right, and every token that does not exist
/// costs a 429.
const FIRST_STEP: f64 = 0.02;
/// Doublings of the step, at most: 80 times the old limit. A limit that rose further is found in the next round.
const MOST_DOUBLINGS: f64 = 12.0;
/// After `patience` without a refusal, the step doubles every quarter of it.
const DOUBLINGS_PER_PATIENCE: f64 = 4.0;
/// Patience in smoothed `Retry-After`s: each probe that fails costs a pause of that length, so a twentieth at most of
/// the time goes to pauses.
const PAUSES_BETWEEN_TESTS: f64 = 20.0;

/// What the answers' delays say: how long it takes to learn what a faster pace leads to. Seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feedback {
    /// From sending to a 429, on average.
    pub(super) delay: f64,
    /// The smoothed `Retry-After`; 0 if the service sends none.
    pub(super) pause: f64,
}

/// The service grants `rate` requests/s to this job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) rate: f64,
    patient_sends: f64,
    patient_seconds: f64,
    doubling_seconds: f64,
}

impl Limit {
    /// `rate` in requests/s, measured over `granted` requests.
    pub(super) fn measured(rate: f64, granted: f64, feedback: Feedback) -> Self {
        let Feedback { delay, pause } = feedback;
        let patient_sends = (granted + 1.0).clamp(FEWEST_GRANTS, MOST_GRANTS);
        let pauses = PAUSES_BETWEEN_TESTS * pause * patient_sends / MOST_GRANTS;
        Self {
            rate,
            patient_sends,
            patient_seconds: (4.0 * delay).max(patient_sends / rate).max(pauses),
            doubling_seconds: (0.5_f64)
                .max(2.0 * delay)
                .max(patient_sends / DOUBLINGS_PER_PATIENCE / rate)
                .max(pauses / DOUBLINGS_PER_PATIENCE),
        }
    }

    /// The pace, in requests/s, after `sends` requests and `seconds` at the limit without a refusal: first the limit
    /// itself, then slowly more, then faster and faster, because the refusal that should have come did not.
    pub(super) fn tested(&self, sends: f64, seconds: f64) -> f64 {
        let by_sends = (sends - self.patient_sends) * DOUBLINGS_PER_PATIENCE / self.patient_sends;
        let by_time = (seconds - self.patient_seconds) / self.doubling_seconds;
        let doublings = by_sends.min(by_time).clamp(0.0, MOST_DOUBLINGS);
        self.rate * (1.0 + FIRST_STEP * (doublings.exp2() - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_waits_for_both_patience_in_requests_and_in_time() {
        let limit = Limit::measured(10.0, 49.0, Feedback { delay: 0.05, pause: 0.0 });
        for (sends, seconds, expected) in [
            (0.0, 0.0, 10.0),
            (35.0, 3.5, 10.0),
            (35.0, 1e9, 10.0), // nobody waited for an answer: the clock alone proves nothing
            (1e9, 3.5, 10.0),  // nor does a crowd within one patience
            (43.75, 4.375, 10.2), // one doubling
            (70.0, 7.0, 13.0), // four
            (1e9, 1e9, 829.0), // twelve, and no more
        ] {
            assert!((limit.tested(sends, seconds) - expected).abs() < 1e-9, "{sends}, {seconds}");
        }
    }

    #[test]
    fn retry_after_makes_it_patient() {
        let patience = |pause| Limit::measured(10.0, 49.0, Feedback { delay: 0.05, pause }).patient_seconds;
        assert!((patience(0.0) - 3.5).abs() < 1e-9);
        assert!((patience(2.0) - 40.0).abs() < 1e-9);
    }
}
