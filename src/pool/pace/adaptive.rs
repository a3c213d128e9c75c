//! Finds the rate that a service grants without being told, by identifying its token bucket.
//!
//! A 429 says: the bucket is empty now. Between two such moments the service granted so many requests in so many
//! seconds, and that is its refill. So: start fast and meet the first 429 ([`Stage::Start`]); feel for the next one from
//! below ([`Stage::Probe`]); pace there, and raise the pace slowly, then faster, when the 429 that should have come does
//! not ([`Stage::Paced`]). Refusals that come whatever the pace are noise ([`Stage::Noisy`]).
//!
//! Must not sleep, read a clock or know of batches. Times are seconds since the pace began, rates are requests/s.

use super::evidence::{Evidence, Mark, Overrun};
use super::limit::{Feedback, Limit, MIN_RATE};
use super::noise::{Noisy, Round, Surprises};
use super::stage::{Belief, Opening, Paced, Probe, Stage, Start};

/// A first refusal at more than this multiple of the remembered rate is no evidence for that rate.
const STILL_REMEMBERED: f64 = 2.5;
/// What a first refusal under a remembered rate counts for, in grants.
const REMEMBERED_GRANTS: f64 = 16.0;
/// Timers fire up to a millisecond late, which would add up; so each request may go out this early.
pub(super) const EARLY: f64 = 0.002;
/// A longer `Retry-After` (seconds) is cut to this: it is worth asking once an hour.
const LONGEST_PAUSE: f64 = 3_600.0;
/// The shortest interval taken from measurements, for clocks and services without delay.
const SHORTEST_GAP: f64 = 1e-3;
/// An estimate on this many grants is good enough to rest just below it …
const WORTH_HOLDING: f64 = 20.0;
/// … if it took so many answers' delays, because each end is uncertain by a part of one …
const WORTH_HOLDING_DELAYS: f64 = 5.0;
/// … for so many seconds × headroom: what the headroom leaves must refill the bucket in the meantime.
const HOLD_PER_HEADROOM: f64 = 120.0;
/// … and for so many requests: refusals among them are surprises, and a slow pace would never see enough of those.
const HOLD_REQUESTS: f64 = 12.0;
/// When no two requests were granted within this share of the limit's time for one, the bucket holds one token …
const NO_BURST: f64 = 0.9;
/// … and so much of the pace at which the last few requests were granted is safe.
const SAFE: f64 = 0.99;
/// Fewer grants measure hardly anything.
const FEW: f64 = 3.0;
/// If nothing is granted for this many round trips, the service is silent: requests in flight are answered sooner.
const SILENT_DELAYS: f64 = 3.0;
/// When the pace was far above the estimate at the first refusal, the limit is no less than this share of that pace.
const RISEN: f64 = 0.78;

/// The adaptive pace.
#[derive(Debug)]
pub(super) struct Adaptive {
    /// The share of the limit that is left to others: 0 to 0.9.
    headroom: f64,
    pub(super) stage: Stage,
    pub(super) evidence: Evidence,
    feedback: Feedback,
    delays_seen: f64,
    /// The theoretical time of the next request (GCRA).
    next_send: f64,
    /// The service asked for silence until then.
    pub(super) asked_until: f64,
    /// Refusals of requests sent until then are old news.
    reacted: f64,
    hold_until: f64,
    surprises: Surprises,
    /// The shortest time between two requests that were granted, and when the last of them was sent.
    shortest_gap: f64,
    granted_at: f64,
}

/// A refusal that is not old news.
#[derive(Clone, Copy)]
struct Refusal {
    now: f64,
    mark: Mark,
}

impl Adaptive {
    pub(super) fn new(now: f64, headroom: f64, opening: Opening, fastest: f64) -> Self {
        Self {
            headroom,
            stage: Stage::Start(Start::new(now, opening, fastest)),
            evidence: Evidence::default(),
            feedback: Feedback { delay: 0.1, pause: 0.0 },
            delays_seen: 0.0,
            next_send: now,
            asked_until: now,
            reacted: f64::NEG_INFINITY,
            hold_until: now,
            surprises: Surprises::default(),
            shortest_gap: f64::INFINITY,
            granted_at: f64::NEG_INFINITY,
        }
    }

    /// When the next request is due; may be past.
    pub(super) fn due(&self) -> f64 {
        self.next_send.max(self.asked_until) - EARLY
    }

    /// How many requests may be in flight.
    pub(super) fn window(&self) -> usize {
        match self.stage {
            Stage::Start(start) => start.window,
            Stage::Probe(_) | Stage::Paced(_) | Stage::Noisy(_) => usize::MAX,
        }
    }

    /// Nothing was granted for a while, and the next request will see whether that is over.
    pub(super) fn is_blocked(&self) -> bool {
        matches!(self.stage, Stage::Probe(probe) if probe.silence > 0.0)
    }

    /// The limit as it was last measured.
    pub(super) fn limit(&self) -> Option<f64> {
        match self.stage {
            Stage::Paced(Paced { limit, .. }) | Stage::Probe(Probe { belief: Belief::Limit(limit), .. }) => {
                Some(limit.rate)
            }
            Stage::Noisy(noisy) => noisy.limit,
            Stage::Start(_) | Stage::Probe(_) => None,
        }
    }

    /// The pace.
    pub(super) fn rate(&self, now: f64) -> f64 {
        match self.stage {
            Stage::Start(start) => start.rate(now),
            Stage::Probe(probe) => probe.rate,
            Stage::Noisy(noisy) => noisy.rate(),
            Stage::Paced(paced) if now < self.hold_until => paced.limit.rate * (1.0 - self.headroom),
            Stage::Paced(paced) => paced.limit.tested(paced.sends, now - paced.since),
        }
    }

    /// A request goes out that is not an outage's probe.
    pub(super) fn sent(&mut self, now: f64) {
        let lateness = now - self.next_send;
        if let Stage::Probe(probe) = self.stage
            && now >= probe.next_raise
        {
            self.stage = probe.raised(now, self.feedback);
        }
        let rate = self.rate(now);
        if let Stage::Paced(paced) = &mut self.stage {
            let pace_was_the_brake = lateness <= (1.0 / rate).max(0.02);
            if pace_was_the_brake && now >= self.hold_until {
                paced.sends += 1.0;
            } else {
                *paced = Paced::new(paced.limit, now);
            }
        }
        self.next_send = self.next_send.max(now - EARLY) + 1.0 / rate;
    }

    /// An outage's probe goes out: what waited does not count against it.
    pub(super) fn sent_in_outage(&mut self, now: f64) {
        self.next_send = now;
    }

    /// The service answered, and not with a 429.
    pub(super) fn granted(&mut self, now: f64, sent_at: f64) {
        if let Stage::Start(start) = &mut self.stage {
            start.answered(now, now - sent_at);
        }
        self.shortest_gap = self.shortest_gap.min((sent_at - self.granted_at).abs());
        self.granted_at = sent_at;
        self.answered(now, sent_at, false);
    }

    fn answered(&mut self, now: f64, sent_at: f64, refused: bool) {
        match &mut self.stage {
            Stage::Noisy(noisy) => {
                match noisy.answered(now, sent_at, refused, self.headroom, self.feedback.delay) {
                    Round::Open => {}
                    Round::Next => self.next_send = self.next_send.min(now + 1.0 / noisy.rate()),
                    Round::Quiet(limit) => {
                        let limit = Limit::measured(limit.max(MIN_RATE), WORTH_HOLDING, self.feedback);
                        self.surprises = Surprises::default();
                        self.stage = Stage::Paced(Paced::new(limit, now));
                    }
                }
            }
            Stage::Paced(_) if sent_at > self.reacted && sent_at < self.hold_until => {
                self.surprises.answered(refused);
            }
            Stage::Start(_) | Stage::Probe(_) | Stage::Paced(_) => {}
        }
    }

    /// An outage is over. The estimate is kept; what the bucket held meanwhile is unknown, so the marks are not.
    pub(super) fn resumed(&mut self, now: f64) {
        self.next_send = now;
        self.evidence.forget();
        self.stage = match self.stage {
            Stage::Start(start) => Stage::Start(start.again(now)),
            Stage::Probe(Probe { belief: Belief::Limit(limit), .. }) | Stage::Paced(Paced { limit, .. }) => {
                Stage::Paced(Paced::new(limit, now))
            }
            Stage::Noisy(noisy) => Stage::Noisy(noisy.again(now)),
            guessing @ Stage::Probe(_) => guessing,
        };
    }

    /// 429 for the request number `seq`. `retry_after` in seconds.
    pub(super) fn refused(&mut self, now: f64, seq: i64, sent_at: f64, retry_after: Option<f64>) {
        self.delays_seen += 1.0;
        self.feedback.delay += (now - sent_at - self.feedback.delay) * (1.0 / self.delays_seen).max(0.2);
        let mark = self.evidence.refused(seq, sent_at);
        self.answered(now, sent_at, true);
        if sent_at > self.reacted {
            self.reacted = now;
            self.react(Refusal { now, mark });
        }
        if let Some(pause) = retry_after.filter(|pause| *pause > 0.0) {
            let pause = pause.min(LONGEST_PAUSE);
            let smoothed = &mut self.feedback.pause;
            *smoothed = if *smoothed > 0.0 { 0.7 * *smoothed + 0.3 * pause } else { pause };
            self.asked_until = self.asked_until.max(now + pause);
            self.next_send = self.next_send.max(now + pause);
        }
    }

    fn react(&mut self, refusal: Refusal) {
        match (self.stage, self.evidence.last()) {
            (Stage::Noisy(_), _) => {}
            (Stage::Start(start), _) => self.first_refusal(start, refusal),
            (Stage::Probe(probe), Some(_)) => self.refused_while_probing(probe, refusal),
            (Stage::Paced(paced), Some((last, mark))) => self.refused_while_paced(paced, last, mark, refusal),
            // After an outage there is nothing to measure from yet.
            (Stage::Probe(probe), None) => {
                self.evidence.push(refusal.mark);
                self.stage = Stage::Probe(Probe { from: 0, began: refusal.mark.at, ..probe });
            }
            (Stage::Paced(paced), None) => {
                self.evidence.push(refusal.mark);
                self.stage = Stage::Paced(Paced::new(paced.limit, refusal.now));
            }
        }
    }

    fn first_refusal(&mut self, start: Start, refusal: Refusal) {
        let at = refusal.mark.at;
        let rate = start.rate(at);
        self.evidence.push(refusal.mark);
        if let Opening::Remembered(remembered) = start.opening
            && rate <= STILL_REMEMBERED * remembered
        {
            return self.pace_at(remembered, REMEMBERED_GRANTS, refusal);
        }
        if start.may_be_chance(refusal.mark.granted) {
            self.next_send = (at + (2.0 / rate).max(1.5 * self.feedback.delay)).max(refusal.now);
            self.stage = Stage::Start(start.halved(self.next_send, rate, refusal.mark.granted));
            return;
        }
        // Half a second is added to the time because the bucket was full at the start.
        let guess = (refusal.mark.granted / (0.5 + at - start.began)).min(rate / 2.0).max(0.25);
        self.probe(Belief::Guess(guess), 0, 0.0, rate, refusal);
    }

    fn refused_while_probing(&mut self, probe: Probe, refusal: Refusal) {
        let Some(from) = self.evidence.get(probe.from) else {
            return; // unreachable: `from` is pushed before the stage is entered
        };
        let stretch = refusal.mark.since(from);
        if stretch.granted <= 0.0 {
            let (belief, cap) = match probe.belief {
                // Many buckets may have refilled together: at the pace of the start, they would empty together again.
                Belief::Guess(guess) => (Belief::Guess(guess.min(stretch.refill())), 2.0 * guess),
                known @ Belief::Limit(_) => (known, probe.cap),
            };
            return self.probe(belief, probe.from, stretch.seconds, cap.min(probe.cap), refusal);
        }
        let mut rate = stretch.refill();
        let mostly_probed = stretch.granted >= FEW && refusal.mark.at - probe.began >= 0.5 * stretch.seconds;
        match probe.belief {
            // The pauses that the service asks for stretch the time: it grants no less than the guess.
            Belief::Guess(guess) if self.feedback.pause > 0.0 => rate = rate.max(guess),
            // Few grants measure little. The guess, if it rests on twice as many, counts twice as much.
            Belief::Guess(guess) if stretch.granted <= FEW && from.granted >= 2.0 * stretch.granted => {
                rate = rate.min((rate * guess * guess).cbrt());
            }
            // Likewise, and chance may have refused this one.
            Belief::Limit(limit) if stretch.granted < FEW => rate = (rate * limit.rate).sqrt(),
            // Most of the stretch went by while probing, slower than the bucket filled.
            _ if mostly_probed => rate = rate.max(probe.rate / 1.5),
            _ => {}
        }
        if let Belief::Limit(limit) = probe.belief {
            rate = rate.min(limit.rate);
        }
        let was_silent = probe.silence > SILENT_DELAYS * self.feedback.delay;
        let our_waiting = was_silent && mostly_probed && rate > stretch.refill();
        self.evidence.forget();
        // A silence and slow probes made this stretch long. It measures our own waiting, so no baseline begins there.
        if !our_waiting {
            self.evidence.push(from);
        }
        self.evidence.push(refusal.mark);
        self.pace_at(rate, stretch.granted, refusal);
    }

    fn refused_while_paced(&mut self, paced: Paced, last: usize, last_mark: Mark, refusal: Refusal) {
        let Refusal { now, mark } = refusal;
        let (limit, pace) = (paced.limit, self.rate(mark.at));
        let recent = mark.since(last_mark);
        if recent.granted <= 0.0 && recent.seconds >= self.feedback.delay {
            return self.probe(Belief::Limit(limit), last, recent.seconds, limit.rate, refusal);
        }
        self.evidence.forget_older_than_baseline(mark.at, limit.rate);
        let overrun = self.evidence.overrun(mark, self.feedback.delay);
        if let Overrun::Silent(from, seconds) = overrun {
            return self.probe(Belief::Limit(limit), from, seconds, limit.rate, refusal);
        }
        match (overrun, self.surprises.interval()) {
            (Overrun::None, Some(interval)) => {
                self.stage = Stage::Noisy(Noisy::examine(now, limit.rate, interval));
                return;
            }
            (Overrun::None, None) => {}
            _ => self.surprises = Surprises::default(),
        }
        if let Overrun::TooFast(from) = overrun {
            self.evidence.forget_before(from);
        }
        let baseline = mark.since(self.evidence.get(0).unwrap_or(last_mark));
        let (rate, granted) = match overrun {
            Overrun::TooFast(_) => (baseline.refill().min(pace), baseline.granted),
            // The limit has risen far: what lies before the last refusal tells of the old one.
            _ if pace > 1.1 * limit.rate => {
                self.evidence.forget();
                (recent.refill().max(limit.rate).max(RISEN * pace).min(pace), REMEMBERED_GRANTS)
            }
            // What a bucket of one does not save up is missing from its refill.
            _ if self.shortest_gap * limit.rate > NO_BURST && paced.sends > FEW => {
                let sustained = limit.tested(paced.sends - FEW, mark.at - paced.since);
                (baseline.refill().max(SAFE * sustained).min(pace), baseline.granted)
            }
            _ if now < self.hold_until => {
                (baseline.refill().max(0.95 * limit.rate).min(limit.rate), baseline.granted)
            }
            _ => (baseline.refill().max(0.95 * pace).min(pace), baseline.granted),
        };
        self.evidence.push(mark);
        self.pace_at(rate, granted, refusal);
    }

    /// Paces at an estimate that rests on so many `granted` requests.
    fn pace_at(&mut self, rate: f64, granted: f64, refusal: Refusal) {
        let limit = Limit::measured(rate.max(MIN_RATE), granted, self.feedback);
        self.stage = Stage::Paced(Paced::new(limit, refusal.now));
        let exact =
            granted >= WORTH_HOLDING && granted >= WORTH_HOLDING_DELAYS * self.feedback.delay * limit.rate;
        if self.headroom > 0.0 && exact {
            self.hold_until =
                refusal.now + (HOLD_PER_HEADROOM * self.headroom).max(HOLD_REQUESTS / limit.rate);
        }
        self.next_send = self.next_send.max(refusal.mark.at + 1.0 / limit.rate);
    }

    /// Waits, then probes. If nothing was granted for `silence` seconds, twice as long; long silences in smaller steps,
    /// because a window may open soon.
    fn probe(&mut self, belief: Belief, from: usize, silence: f64, cap: f64, refusal: Refusal) {
        let gap = match belief {
            Belief::Guess(guess) if silence <= 0.0 => 1.0 / guess,
            _ => (2.0 * silence).min((0.25 * silence).max(10.0)),
        };
        let Refusal { now, mark } = refusal;
        let gap = gap.max(1.5 * self.feedback.delay).clamp(SHORTEST_GAP, 1.0 / MIN_RATE);
        let (rate, began) = (1.0 / gap, mark.at);
        self.next_send = (mark.at + gap).max(now);
        self.stage =
            Stage::Probe(Probe { belief, rate, cap, next_raise: now, raised: false, began, silence, from });
    }
}
