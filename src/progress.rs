//! What a person sees while the run works: a bar on a terminal, a plain line every few seconds elsewhere.
//!
//! It only watches the tally. Must not decide anything, and must not be needed for anything: a run without it is the
//! same run.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::Phase;
use crate::tally::Tally;

/// How often the bar is drawn: smooth enough, and nothing next to the work.
const REDRAW: Duration = Duration::from_millis(125);

/// How often a line is written where there is no terminal: a night's log stays readable.
const LINE: Duration = Duration::from_secs(5);

/// Standard error, shared by the bar and the log so that neither tears the other.
#[derive(Clone)]
pub struct Screen {
    bars: MultiProgress,
    shows: Shows,
}

/// What is shown while the run works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Nothing,
    Lines,
    Bar,
}

impl Screen {
    /// Standard error: a bar if it is a terminal, lines if not, nothing if `quiet`.
    #[must_use]
    pub fn stderr(quiet: bool) -> Self {
        let shows = match quiet {
            true => Shows::Nothing,
            false if io::stderr().is_terminal() => Shows::Bar,
            false => Shows::Lines,
        };
        Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), shows }
    }

    /// Whether standard error takes colours: a terminal does, unless `NO_COLOR` is set.
    #[must_use]
    pub fn has_colours(&self) -> bool {
        console::colors_enabled_stderr()
    }

    /// Whether messages for people are wanted.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.shows == Shows::Nothing
    }

    /// Writes a message, above the bar if there is one. A standard error that is gone is no reason to stop the work.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.is_quiet() {
            self.bars.suspend(|| drop(writeln!(io::stderr(), "{text}")));
        }
    }

    /// Writes a question, whether messages are wanted or not: somebody has to answer it.
    pub fn ask(&self, text: impl std::fmt::Display) {
        let mut stderr = io::stderr();
        drop(write!(stderr, "{text}").and_then(|()| stderr.flush()));
    }

    /// Shows the tally's progress until [`Progress::finish`].
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn watch(&self, tally: Arc<Mutex<Tally>>) -> io::Result<Progress> {
        let (stop, stopped) = mpsc::channel();
        let screen = self.clone();
        let thread =
            std::thread::Builder::new().name("progress".into()).spawn(move || match screen.shows {
                Shows::Nothing => {}
                Shows::Lines => every(LINE, &stopped, || screen.say(line(&read(&tally)))),
                Shows::Bar => {
                    let bar = screen.bars.add(ProgressBar::new(read(&tally).rows).with_style(style()));
                    every(REDRAW, &stopped, || draw(&bar, &read(&tally)));
                    bar.finish_and_clear();
                }
            })?;
        Ok(Progress { stop, thread })
    }
}

/// The log goes where the messages go.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bars.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A progress that is being shown.
#[derive(Debug)]
pub struct Progress {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Takes it off the screen.
    pub fn finish(self) {
        drop(self.stop);
        drop(self.thread.join()); // it only drew
    }
}

fn every(period: Duration, stopped: &mpsc::Receiver<()>, mut act: impl FnMut()) {
    while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
        act();
    }
}

fn read(tally: &Mutex<Tally>) -> Tally {
    tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_bar:.cyan/blue} {percent:>3}%\n{wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}

fn draw(bar: &ProgressBar, tally: &Tally) {
    bar.set_position(tally.settled());
    bar.set_message(line(tally));
}

/// `1,250 of 9,812 rows · 12 failed · 9.7 requests/s · 31 throttled · 14 min left · paused: …`
fn line(tally: &Tally) -> String {
    let now = now();
    let mut parts = vec![
        format!("{} of {} rows", HumanCount(tally.settled()), HumanCount(tally.rows)),
        format!("{} succeeded", HumanCount(tally.succeeded)),
        format!("{} failed", HumanCount(tally.failed)),
    ];
    if tally.unknown > 0 {
        parts.push(format!("{} unknown", HumanCount(tally.unknown)));
    }
    parts.push(format!("{:.1} requests/s", tally.request_rate(now)));
    parts.push(format!("{} throttled", HumanCount(tally.throttled)));
    if let Some(remaining) = tally.remaining(now) {
        parts.push(format!("{} left", span(remaining)));
    }
    parts.extend(state(tally, now));
    parts.join(" · ")
}

/// What holds the run back, in words.
fn state(tally: &Tally, now: Instant) -> Option<String> {
    if let Some(reason) = tally.stopping {
        return Some(format!("stopping: {}", reason.because()));
    }
    if tally.credentials_awaited {
        return Some("paused: the credentials are refused; looking for new ones every 30 s".to_owned());
    }
    match tally.phase? {
        Phase::Throttled { until } if until > now + Duration::from_secs(1) => {
            Some(format!("paused: the service throttles, next request in {}", span(until - now)))
        }
        Phase::Outage { since, .. } => {
            Some(format!("outage for {}, probing", span(now.saturating_duration_since(since))))
        }
        _ => None,
    }
}

/// `45 s`, `14 min`, `3 h 05 min`.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round().clamp(0.0, 1e15);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let seconds = seconds as u64;
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 request`, `2 requests`.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

#[expect(clippy::disallowed_methods, reason = "what is shown is about now")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        let table = [(0, "0 s"), (99, "99 s"), (100, "2 min"), (840, "14 min"), (11_100, "3 h 05 min")];
        for (seconds, text) in table {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_line_says_how_far_the_run_is_and_what_holds_it_back() {
        let mut tally = Tally::new(9_812, now());
        tally.succeeded = 1_200;
        tally.failed = 50;
        tally.throttled = 31;
        let text = line(&tally);
        assert!(text.starts_with("1,250 of 9,812 rows · 1,200 succeeded · 50 failed · "), "{text}");
        assert!(text.contains("31 throttled"), "{text}");
        tally.phase = Some(Phase::Throttled { until: now() + Duration::from_secs(40) });
        assert!(
            line(&tally).contains("paused: the service throttles, next request in 4"),
            "{}",
            line(&tally)
        );
        tally.credentials_awaited = true;
        assert!(line(&tally).ends_with("looking for new ones every 30 s"), "{}", line(&tally));
    }
}
