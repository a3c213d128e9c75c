//! Outages: a failure of the whole service costs a batch time, but none of its attempts.
//!
//! When a request fails without a reply from the service, the cause may be the batch or the service. So the batch is
//! marked with the failure. When its turn comes again, or its next request is answered, the failure counts if the
//! service has answered a request that was sent after it. Otherwise it is attributed to an outage if there is one, as
//! is every failure until the outage is over. A batch that is never answered would be sent forever if no other batch could show the difference: when the
//! only batches left have failed while the service was available, each failure counts.
//!
//! Pure: it numbers requests and compares the numbers. The pace decides whether there is an outage. Must not send or
//! queue.

use std::time::Instant;

use crate::aws::protocol::ErrorKind;
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
}

/// What a failure leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The service was available: the batch's attempt is used up.
    Counts,
    /// Not known yet: the batch rests, and keeps its mark.
    Undecided,
    /// There was no failure, or an outage explains it: the batch may be sent again as a probe.
    DoesNotCount,
}

impl Outage {
    /// A batch is sent. Returns the request's number.
    pub(crate) fn sent(&mut self, batch: &mut Batch) -> u64 {
        if self.verdict(batch, false) == Verdict::DoesNotCount {
            batch.failed_at = None;
        }
        self.last_had_failed = batch.has_failed();
        self.probes += u32::from(self.is_now());
        self.sent += 1;
        self.sent
    }

    /// The service answered a request, with a success or an error.
    pub(crate) fn answered(&mut self, request: u64) {
        if self.is_now() {
            self.explained = self.sent;
        }
        self.answered = self.answered.max(request);
        self.probes = 0;
        self.rest_until = None;
    }

    /// Whether the service ever answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered > 0
    }

    /// A batch's request failed without a reply from the service, with its last error. `is_outage`: according to the
    /// pace; `is_alone`: every other batch that is left [has failed by itself](Self::has_failed_by_itself).
    pub(crate) fn failed(
        &mut self,
        batch: &mut Batch,
        request: u64,
        is_outage: bool,
        is_alone: bool,
        now: Instant,
    ) -> Verdict {
        if let Some(error) = batch.last_error.as_deref().filter(|_| is_outage) {
            if !self.is_now() {
                let because = &*error.message;
                tracing::warn!(because, "everything fails: probing until the service is back");
            }
            self.explained = u64::MAX;
            self.rest_until = self.rest_until.max(Some(now + error.kind.rest()));
        }
        batch.failed_at = Some(if request <= self.explained { request } else { self.sent });
        let counts = is_alone && !self.is_away(batch);
        if counts { Verdict::Counts } else { self.verdict(batch, false) }
    }

    /// Whether the batch's marked failure counts. `is_alone` as above.
    pub(crate) fn verdict(&self, batch: &Batch, is_alone: bool) -> Verdict {
        match batch.failed_at {
            Some(mark) if mark > self.explained => {
                let counts = self.answered > mark || (is_alone && !self.is_away(batch));
                if counts { Verdict::Counts } else { Verdict::Undecided }
            }
            _ => Verdict::DoesNotCount,
        }
    }

    /// Whether a batch failed while the service was available.
    pub(crate) fn has_failed_by_itself(&self, batch: &Batch) -> bool {
        batch.failures > 0 || self.verdict(batch, false) == Verdict::Counts
    }

    /// Whether a batch that never failed should be sent before `first`, which failed: to show whether the service is
    /// available, and because several batches in a row that it cannot answer would look like an outage.
    pub(crate) fn wants_fresh(&self, first: &Batch) -> bool {
        if self.is_now() {
            return !first.unanswered || FRESH_PROBES.contains(&self.probes);
        }
        first.has_failed() && (self.last_had_failed || self.verdict(first, false) == Verdict::Undecided)
    }

    fn is_now(&self) -> bool {
        self.explained == u64::MAX
    }

    /// A service that answered before and cannot be reached now is unavailable, whichever batch failed. A refusal by a
    /// proxy may be about the batch.
    fn is_away(&self, batch: &Batch) -> bool {
        let error = batch.last_error.as_ref().filter(|error| error.kind == ErrorKind::Unreachable);
        self.has_answered() && error.is_some_and(|error| error.status.is_none() || batch.failures == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::protocol::ApiError;
    use crate::input::{ConnectorId, RowId};

    /// Sends a batch whose request then fails; also returns the request's number.
    fn sent(outage: &mut Outage, kind: ErrorKind) -> (Batch, u64) {
        let (status, code, message) = (None, "Timeout".into(), "".into());
        let mut batch = Batch::new(ConnectorId::for_tests(0), vec![RowId::new(0)]);
        let request = outage.sent(&mut batch);
        batch.last_error = Some(Box::new(ApiError { kind, status, code, message, request_id: None }));
        (batch, request)
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
    fn fail(outage: &mut Outage, (batch, request): &mut (Batch, u64), is_outage: bool) -> Verdict {
        outage.failed(batch, *request, is_outage, false, Instant::now())
    }

    #[test]
    fn a_failure_counts_once_a_later_request_is_answered() {
        let mut outage = Outage::default();
        let mut first = sent(&mut outage, ErrorKind::NoAnswer);
        let (_, second) = sent(&mut outage, ErrorKind::NoAnswer);
        assert_eq!(fail(&mut outage, &mut first, false), Verdict::Undecided);
        outage.answered(second);
        let verdict = |outage: &Outage| outage.verdict(&first.0, false);
        assert_eq!(verdict(&outage), Verdict::Undecided, "sent before the failure: it proves nothing");
        assert!(outage.wants_fresh(&first.0), "a fresh batch can prove it");
        let (_, third) = sent(&mut outage, ErrorKind::NoAnswer);
        assert_eq!(verdict(&outage), Verdict::Undecided);
        outage.answered(third);
        assert_eq!(verdict(&outage), Verdict::Counts);
        assert!(outage.has_failed_by_itself(&first.0));
    }

    #[test]
    fn an_outage_explains_what_failed_before_its_end() {
        let mut outage = Outage::default();
        let kind = || ErrorKind::NoAnswer;
        let [mut first, mut second, mut late] = [(); 3].map(|()| sent(&mut outage, kind()));
        assert_eq!(fail(&mut outage, &mut first, false), Verdict::Undecided);
        assert_eq!(fail(&mut outage, &mut second, true), Verdict::DoesNotCount);
        assert_eq!(outage.verdict(&first.0, false), Verdict::DoesNotCount, "what led to it, too");
        let (_, worked) = sent(&mut outage, kind());
        outage.answered(worked);
        assert_eq!(outage.verdict(&first.0, true), Verdict::DoesNotCount, "for good");
        assert_eq!(fail(&mut outage, &mut late, false), Verdict::DoesNotCount, "sent before its end");
        let mut after = sent(&mut outage, kind());
        assert_eq!(fail(&mut outage, &mut after, false), Verdict::Undecided);
    }

    #[test]
    fn a_failure_of_the_only_batch_counts_unless_the_service_is_unreachable() {
        for (answered, kind, counts) in [
            (true, ErrorKind::NoAnswer, true),
            (true, ErrorKind::Unreachable, false),
            (false, ErrorKind::Unreachable, true),
        ] {
            let mut outage = Outage::default();
            let (_, request) = sent(&mut outage, ErrorKind::NoAnswer);
            if answered {
                outage.answered(request);
            }
            let (mut batch, request) = sent(&mut outage, kind);
            #[expect(clippy::disallowed_methods, reason = "an arbitrary origin")]
            let verdict = outage.failed(&mut batch, request, true, true, Instant::now());
            assert_eq!(verdict == Verdict::Counts, counts, "{:?}", batch.last_error);
        }
    }
}
