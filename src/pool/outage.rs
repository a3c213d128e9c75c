//! Outages: a failure of the whole service costs a batch time, but none of its attempts.
//!
//! When a request fails without a reply from the service, the cause may be the batch or the service. So the batch is
//! marked with the failure. When its turn comes again, or its next request is answered, the failure counts if the
//! service has answered a request that was sent after it. Otherwise it is attributed to an outage if there is one, as
//! is every failure until the outage is over. A batch that is never answered would be sent forever if no other batch
//! could show the difference: when the only batches left have failed while the service was available, each failure
//! counts.
//!
//! Pure: it numbers requests and compares the numbers. The pace decides whether there is an outage. Must not send or
//! queue.

use std::time::Instant;

use crate::aws::protocol::{ApiError, ErrorKind};
use crate::event::Cause;
use crate::pool::batch::Batch;

/// After how many probes to send a batch that never failed, in case the service cannot answer the others. The list is
/// short, so that an outage of half an hour puts only a few batches in doubt.
const FRESH_PROBES: [u32; 3] = [6, 24, 96];

/// What is known about the service, by request number.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// The last request sent.
    sent: u64,
    /// The highest number of a request that the service answered.
    answered: u64,
    /// Failures of requests up to this one are attributed to an outage; `u64::MAX` during an outage.
    explained: u64,
    /// Probes of the current outage so far.
    probes: u32,
    /// Until when the service asked for a pause; may be in the past.
    pub(crate) rest_until: Option<Instant>,
    /// Whether the batch that was sent last had failed before.
    last_had_failed: bool,
    /// The last failure that an outage explains, until the service answers.
    cause: Option<Cause>,
}

impl Outage {
    /// A batch is sent.
    pub(crate) fn sent(&mut self, batch: &mut Batch) {
        if self.explains(batch) {
            batch.failed_at = None;
        }
        self.last_had_failed = batch.has_failed();
        self.probes += u32::from(self.is_now());
        self.sent += 1;
        batch.request = self.sent;
    }

    /// The service answered a batch's request, with a success or an error: an earlier failure of the batch may count.
    pub(crate) fn answered(&mut self, batch: &mut Batch) {
        if self.is_now() {
            self.explained = self.sent;
        }
        self.answered = self.answered.max(batch.request);
        self.probes = 0;
        self.rest_until = None;
        self.cause = None;
        if self.counts(batch, false) {
            batch.count();
        }
    }

    /// Whether the service ever answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered > 0
    }

    /// The last failure that an outage explains, until the service answers.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// A batch's request failed without a reply from the service, with its last error. `is_outage`: according to the
    /// pace; `is_alone`: every other batch that is left [has failed by itself](Self::has_failed_by_itself). Returns
    /// whether an outage explains it: the batch may be sent again as a probe.
    pub(crate) fn failed(
        &mut self,
        batch: &mut Batch,
        is_outage: bool,
        is_alone: bool,
        now: Instant,
    ) -> bool {
        let error = batch.last_error.as_deref();
        if let Some(error) = error.filter(|error| is_outage || self.is_hopeless(error)) {
            self.cause = Some(Cause::from(error));
        }
        if let Some(error) = error.filter(|_| is_outage) {
            if !self.is_now() {
                let because = &*error.message;
                tracing::warn!(because, "everything fails: probing until the service is back");
            }
            self.explained = u64::MAX;
            self.rest_until = self.rest_until.max(Some(now + error.kind.rest()));
        }
        if is_alone && !self.is_away(batch) {
            batch.count();
            return false;
        }
        batch.failed_at = Some(if batch.request <= self.explained { batch.request } else { self.sent });
        self.explains(batch)
    }

    /// Whether an outage explains the batch's marked failure, or there is none.
    pub(crate) fn explains(&self, batch: &Batch) -> bool {
        batch.failed_at.is_none_or(|mark| mark <= self.explained)
    }

    /// Whether the batch's marked failure counts. `is_alone` as above.
    pub(crate) fn counts(&self, batch: &Batch, is_alone: bool) -> bool {
        let is_proven = |mark| self.answered > mark || (is_alone && !self.is_away(batch));
        !self.explains(batch) && batch.failed_at.is_some_and(is_proven)
    }

    /// Whether a batch failed while the service was available.
    pub(crate) fn has_failed_by_itself(&self, batch: &Batch) -> bool {
        batch.failures > 0 || self.counts(batch, false)
    }

    /// Whether a batch that never failed should be sent before `first`, which failed: to show whether the service is
    /// available, and because several batches in a row that it cannot answer would look like an outage.
    pub(crate) fn wants_fresh(&self, first: &Batch) -> bool {
        if self.is_now() {
            return !first.unanswered || FRESH_PROBES.contains(&self.probes);
        }
        let is_undecided = !self.explains(first) && !self.counts(first, false);
        first.has_failed() && (self.last_had_failed || is_undecided)
    }

    fn is_now(&self) -> bool {
        self.explained == u64::MAX
    }

    /// A service that answered before and cannot be reached now is unavailable, whichever batch failed. A refusal by a
    /// proxy may be about the batch.
    fn is_away(&self, batch: &Batch) -> bool {
        let error = batch.last_error.as_ref().filter(|error| error.kind == ErrorKind::Unreachable);
        error.is_some_and(|error| match self.has_answered() {
            true => error.status.is_none() || batch.failures == 0,
            false => self.is_hopeless(error),
        })
    }

    /// The service never answered, and a person must mend why: no batch would fare better.
    fn is_hopeless(&self, error: &ApiError) -> bool {
        !self.has_answered() && error.needs_person()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{ConnectorId, RowId};

    /// Sends a batch whose request then fails.
    fn sent(outage: &mut Outage, kind: ErrorKind) -> Batch {
        let (status, code, message) = (None, "Timeout".into(), "".into());
        let mut batch = Batch::new(ConnectorId::for_tests(0), vec![RowId::new(0)]);
        outage.sent(&mut batch);
        batch.last_error = Some(Box::new(ApiError { kind, status, code, message, request_id: None }));
        batch
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
    fn fail(outage: &mut Outage, batch: &mut Batch, is_outage: bool, is_alone: bool) -> bool {
        outage.failed(batch, is_outage, is_alone, Instant::now())
    }

    #[test]
    fn a_failure_counts_once_a_later_request_is_answered() {
        let mut outage = Outage::default();
        let mut first = sent(&mut outage, ErrorKind::NoAnswer);
        let mut second = sent(&mut outage, ErrorKind::NoAnswer);
        assert!(!fail(&mut outage, &mut first, false, false));
        outage.answered(&mut second);
        assert!(!outage.counts(&first, false), "sent before the failure: it proves nothing");
        assert!(outage.wants_fresh(&first), "a fresh batch can prove it");
        let mut third = sent(&mut outage, ErrorKind::NoAnswer);
        assert!(!outage.counts(&first, false));
        outage.answered(&mut third);
        assert!(outage.counts(&first, false));
        assert!(outage.has_failed_by_itself(&first));
        outage.sent(&mut first);
        outage.answered(&mut first);
        assert_eq!((first.attempts, first.failures), (1, 1), "and is counted once");
        outage.answered(&mut first);
        assert_eq!((first.attempts, first.failures), (1, 1));
    }

    #[test]
    fn an_outage_explains_what_failed_before_its_end() {
        let mut outage = Outage::default();
        let kind = || ErrorKind::NoAnswer;
        let [mut first, mut second, mut late] = [(); 3].map(|()| sent(&mut outage, kind()));
        assert!(!fail(&mut outage, &mut first, false, false));
        assert!(fail(&mut outage, &mut second, true, false));
        assert!(outage.explains(&first), "what led to it, too");
        let mut worked = sent(&mut outage, kind());
        outage.answered(&mut worked);
        assert!(outage.explains(&first) && !outage.counts(&first, true), "for good");
        assert!(fail(&mut outage, &mut late, false, false), "sent before its end");
        let mut after = sent(&mut outage, kind());
        assert!(!fail(&mut outage, &mut after, false, false));
    }

    #[test]
    fn a_failure_of_the_only_batch_counts_unless_the_service_is_unreachable() {
        for (answered, kind, counts) in [
            (true, ErrorKind::NoAnswer, 1),
            (true, ErrorKind::Unreachable, 0),
            (false, ErrorKind::Unreachable, 1),
        ] {
            let mut outage = Outage::default();
            let mut worked = sent(&mut outage, ErrorKind::NoAnswer);
            if answered {
                outage.answered(&mut worked);
            }
            let mut batch = sent(&mut outage, kind);
            assert_eq!(fail(&mut outage, &mut batch, true, true), counts == 0);
            assert_eq!(batch.failures, counts, "{:?}", batch.last_error);
        }
    }
}
