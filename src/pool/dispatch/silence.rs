//! Failures without a word from the service: an outage's, or a batch's own.
//!
//! An outage costs time and no attempts. What a batch is suspected of is settled by [`Blame`](crate::pool::blame); a
//! batch whose attempts would be used up by it is held until then. Must not decide when anything is sent.

use std::time::Instant;

use jiff::Timestamp;

use super::Dispatcher;
use crate::api::{self, ApiError, ErrorKind};
use crate::event::{Phase, StopReason};
use crate::pool::worker::Job;

/// After how many failed probes one more batch is put in doubt, in case the others are what the service cannot answer.
/// Few: an outage of half an hour puts no more than these in doubt.
const FRESH_PROBES: [u32; 3] = [6, 24, 96];

const UNTRUSTED: &str = "the service's certificate is not trusted: check the endpoint's name, this machine's clock, and \
                         whether a proxy needs its own authority (--ca-bundle FILE, AWS_CA_BUNDLE)";

impl Dispatcher<'_> {
    pub(super) fn is_outage(&self, now: Instant) -> bool {
        matches!(self.pace.phase(now), Phase::Outage { .. })
    }

    /// Whether nothing is left to be sent or waited for.
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty() && self.queue.is_empty() && self.held.is_empty()
    }

    /// The service answered a request, whatever it said.
    pub(super) fn heard(&mut self, request: u64, now: Instant, at: Timestamp) {
        self.blame.observe(self.is_outage(now));
        self.blame.heard(request);
        self.probes = 0;
        self.rest_until = None;
        self.review(now, at);
    }

    /// A request got no answer, or did not reach the service.
    pub(super) fn silent(
        &mut self,
        mut job: Job,
        request: u64,
        error: ApiError,
        now: Instant,
        at: Timestamp,
    ) {
        if self.stop.is_some() {
            job.count(error);
            return self.retire(job, at);
        }
        if &*error.code == api::UNTRUSTED && !self.watch.has_worked() {
            // No row of the file can change that, and waiting rarely does.
            tracing::warn!(because = &*error.message, "{UNTRUSTED}");
            self.stop(StopReason::Untrusted, at);
            return self.retire(job, at);
        }
        let began = self.blame.observe(self.is_outage(now));
        if began {
            tracing::warn!(
                because = &*error.message,
                "everything fails: asking now and then whether it is over"
            );
        }
        // A batch that the service never answers while it answers others must not be sent for ever. With no other
        // batch left that could show the difference, it is taken for one.
        if !self.is_surely_away(&job, &error) && !self.has_innocent() {
            job.count(error);
            self.again(job, now, at);
        } else if let Some(mark) = self.blame.suspect(request) {
            job.suspect(mark, error);
            self.again(job, now, at);
        } else {
            self.rest_until = self.rest_until.max(Some(now + error.kind.rest()));
            job.forgive(error);
            self.probes += u32::from(self.is_outage(now));
            self.queue.put_back(job, FRESH_PROBES.contains(&self.probes));
        }
        if began {
            self.review(now, at);
        }
    }

    /// A service that answered before and cannot be reached now is away, whichever batch finds that out. A proxy that
    /// refuses may have something against the batch.
    fn is_surely_away(&self, job: &Job, error: &ApiError) -> bool {
        let unreachable = error.kind == ErrorKind::Unreachable && self.watch.has_worked();
        unreachable && (error.status.is_none() || job.failures == 0)
    }

    /// Whether a batch that has not failed while the service was there is still to be answered.
    fn has_innocent(&self) -> bool {
        self.flights.values().any(|flight| flight.job.failures == 0)
            || self.queue.has_innocent()
            || self.held.iter().any(|job| job.failures == 0)
    }

    /// Decides about what is held, as far as is known now.
    fn review(&mut self, now: Instant, at: Timestamp) {
        for job in std::mem::take(&mut self.held) {
            self.again(job, now, at);
        }
    }

    /// With nothing else to send, nobody would ever speak for or against what is held. Several batches that fail one
    /// after the other are asked again, until one is answered or it is an outage; a single one has had its
    /// attempts, and so have those that failed before while others were answered.
    pub(super) fn release_held(&mut self, now: Instant, at: Timestamp) {
        if !self.flights.is_empty() || !self.queue.is_empty() {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let innocent = held.iter().filter(|job| job.failures == 0).count();
        for job in held {
            let away = job.last_error.as_deref().is_some_and(|error| self.is_surely_away(&job, error));
            if self.watch.has_worked() && (away || innocent > 1) {
                let delay = self.retry.interval(job.failures_at_most()).mul_f64(self.jitter.f64());
                self.delay(job, now, delay);
            } else {
                self.give_up(job, at);
            }
        }
    }
}
