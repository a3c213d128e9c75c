//! Describes in words what a run is doing.
//!
//! Pure: the time is an argument. Must not print.

use std::time::{Duration, Instant};

use jiff::ZonedDateTime;

use crate::event::{Phase, State, StopReason};
use crate::terminal::tally::Tally;
use crate::text::{counted, span};

/// The current time.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// For spans.
    pub(crate) now: Instant,
    /// The same moment as a date and time.
    pub(crate) wall: ZonedDateTime,
}

impl Clock {
    /// The time of day, with the day of the week if it is not today: `02:40`, `Tue 02:40`.
    fn time_of(&self, at: &ZonedDateTime) -> String {
        let format = if at.date() == self.wall.date() { "%H:%M" } else { "%a %H:%M" };
        at.strftime(format).to_string()
    }
}

/// `14 min left, done about 02:40`; `None` while the run is held back.
pub(super) fn end(tally: &Tally, clock: &Clock) -> Option<String> {
    let left = tally.remaining(clock.now)?;
    let left_in_words = format!("{} left", span(left));
    // For the last minute or two, the time of day adds nothing.
    Some(match clock.wall.checked_add(left) {
        Ok(end) if left >= Duration::from_secs(100) => {
            format!("{left_in_words}, done about {}", clock.time_of(&end))
        }
        _ => left_in_words,
    })
}

/// When the run stops, if it has a time limit: `stops at 06:00 CET`.
pub(super) fn stop(tally: &Tally, clock: &Clock) -> Option<String> {
    let at = tally.stops_at.as_ref().filter(|_| tally.stopping.is_none())?;
    Some(format!("stops at {} {}", clock.time_of(at), at.strftime("%Z")))
}

/// What holds the run back, in words.
pub(super) fn state(tally: &Tally, clock: &Clock) -> Option<String> {
    let now = clock.now;
    if let Some(reason) = tally.stopping {
        return Some(match tally.in_flight {
            0 => format!("stopping: {}", reason.because()),
            waiting => {
                let requests = counted(waiting, "request");
                let again = match reason {
                    StopReason::Interrupted => {
                        "; another Ctrl-C ends the run at once, without a report and with their rows in doubt"
                    }
                    _ => "",
                };
                format!("stopping: waiting for {requests} in flight; {}{again}", reason.because())
            }
        });
    }
    if let Some(awaited) = &tally.credentials_awaited {
        let when = match awaited.until.saturating_duration_since(now) {
            Duration::ZERO => "checking now".to_owned(),
            wait => format!("checking again in {}", span_up(wait)),
        };
        return Some(format!("paused: credentials refused, waiting for new ones, {when}"));
    }
    match tally.phase? {
        Phase::Throttled { until } if until > now + Duration::from_secs(1) => {
            Some(format!("paused: throttled by the service, next request in {}", span_up(until - now)))
        }
        Phase::Outage { since, next_probe } => {
            let began = clock.wall.saturating_sub(now.saturating_duration_since(since));
            let since = clock.time_of(&began);
            let text = format!("service unavailable since {since}; probing until it recovers");
            let probe = next_probe.map(|at| at.saturating_duration_since(now)).filter(|wait| !wait.is_zero());
            Some(match probe {
                Some(wait) => format!("{text}, next probe in {}", span_up(wait)),
                None => text,
            })
        }
        _ => None,
    }
}

/// What to say of a pause that has just ended; `pause` is the current one: since when, and what its end means.
pub(super) fn ended(pause: &mut Option<(Instant, String)>, tally: &Tally, now: Instant) -> Option<String> {
    let current = match (&tally.credentials_awaited, tally.phase) {
        (Some(awaited), _) => {
            Some((now, format!("the credentials are accepted again (last refusal: {})", awaited.cause.text)))
        }
        (None, Some(Phase::Outage { since, .. })) => Some((since, "the service recovered".to_owned())),
        _ => None,
    };
    match (current, &pause) {
        (Some(current), None) => *pause = Some(current),
        (Some(_), Some(_)) => {}
        (None, _) => {
            let (since, what) = pause.take()?;
            return Some(format!("{what} after {}", span(now.saturating_duration_since(since))));
        }
    }
    None
}

/// The state as one word, for machines.
pub(super) fn state_word(tally: &Tally) -> State {
    match (tally.stopping, &tally.credentials_awaited, tally.phase) {
        (Some(_), ..) => State::Stopping,
        (None, Some(_), _) => State::CredentialsRefused,
        (None, None, Some(Phase::Throttled { .. })) => State::Throttled,
        (None, None, Some(Phase::Outage { .. })) => State::Outage,
        (None, None, Some(Phase::Probing)) => State::Probing,
        (None, None, Some(Phase::Paced { .. })) => State::Paced,
        (None, None, Some(Phase::Starting) | None) => State::Starting,
    }
}

/// Tells when the state has changed, for the journal.
#[derive(Debug, Default)]
pub(crate) struct Changes(Option<State>);

impl Changes {
    /// The state, if it is another one than the last time.
    pub(crate) fn next(&mut self, tally: &Tally) -> Option<State> {
        let state = state_word(tally);
        (self.0.replace(state) != Some(state)).then_some(state)
    }
}

/// A countdown, rounded up: it shows 1 s until it is over.
fn span_up(duration: Duration) -> String {
    span(Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0)))
}
