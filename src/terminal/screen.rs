//! Writes to standard error and the log file, and runs the thread that shows progress.
//!
//! Must not know how a tally is formatted.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use console::Term;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::log_file::LogFile;
use super::region::Region;
use super::states::{self, Clock};
use super::wrap::fitted;
use super::{record, view};
use crate::aws::Environment;
use crate::event::State;
use crate::terminal::tally::Tally;
use crate::text::printable;

/// How often the tally is checked: often enough for a smooth bar.
const LOOK: Duration = Duration::from_millis(125);

/// How messages, progress and log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The options of a [`Screen`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ScreenOptions<'a> {
    /// Print only warnings and errors on standard error.
    pub quiet: bool,
    /// The format of all output.
    pub format: Format,
    /// Whether to use colors; `None`: if it is a terminal that supports them and `NO_COLOR` is not set.
    pub colors: Option<bool>,
    /// A file that gets all of the output, too.
    pub log_file: Option<&'a Path>,
}

/// Standard error, shared by the bar and the log so that they do not garble each other; and the log file.
#[derive(Clone)]
pub struct Screen {
    region: Arc<Mutex<Region>>,
    shows: Shows,
    format: Format,
    file: Option<LogFile>,
    wall: fn() -> Timestamp,
}

/// How progress is shown on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Nothing,
    Lines,
    Bar,
}

impl Screen {
    /// Opens the screen: a bar if standard error is a terminal that can show one, lines if not. `wall` reads the clock.
    ///
    /// # Errors
    /// If the log file cannot be opened.
    pub fn open(options: &ScreenOptions<'_>, env: &Environment, wall: fn() -> Timestamp) -> io::Result<Self> {
        if let Some(wanted) = options.colors {
            console::set_colors_enabled_stderr(wanted);
        }
        let draws = options.format == Format::Text && env.get("TERM") != Some("dumb");
        let shows = match options.quiet {
            true => Shows::Nothing,
            false if draws && io::stderr().is_terminal() => Shows::Bar,
            false => Shows::Lines,
        };
        let file = options.log_file.map(LogFile::open).transpose()?;
        let region = Arc::new(Mutex::new(Region::new()));
        Ok(Self { region, shows, format: options.format, file, wall })
    }

    /// Whether standard error has colors.
    #[must_use]
    pub fn has_colors(&self) -> bool {
        console::colors_enabled_stderr()
    }

    /// Whether only warnings and errors are shown on standard error.
    #[must_use]
    pub(crate) fn is_quiet(&self) -> bool {
        self.shows == Shows::Nothing
    }

    /// The format of all output.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The log file's path, if there is one.
    #[must_use]
    pub fn log_path(&self) -> Option<&Path> {
        self.file.as_ref().map(LogFile::path)
    }

    /// A writer of the log to the log file; it writes nothing if there is no file.
    #[must_use]
    pub fn log_writer(&self) -> impl Write + use<> {
        LogWriter(self.clone())
    }

    /// Writes a message, above the bar if there is one. A standard error that cannot be written does not stop the run.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        self.say_with(text, || None);
    }

    /// The same; in JSON with a field of this name, too.
    pub(crate) fn say_with(
        &self,
        text: impl std::fmt::Display,
        field: impl FnOnce() -> Option<(&'static str, serde_json::Value)>,
    ) {
        if self.is_quiet() && self.file.is_none() {
            return;
        }
        let field = if self.format == Format::Json { field() } else { None };
        let text = self.message_with("INFO", &printable(&text.to_string()), field);
        if !self.is_quiet() {
            self.to_stderr(&text);
        }
        self.to_file(&text);
    }

    /// Writes with `--quiet` what the user must not miss; without it, more has been said.
    pub(crate) fn say_though_quiet(&self, text: impl std::fmt::Display) {
        if self.is_quiet() {
            self.to_stderr(&self.message("WARN", &text.to_string()));
        }
    }

    /// Whether a user may be watching.
    #[must_use]
    pub(crate) fn is_attended() -> bool {
        io::stderr().is_terminal()
    }

    /// Writes why the command failed, even with `--quiet`.
    pub fn fail(&self, text: &str) {
        let text = self.message("ERROR", &printable(text));
        self.to_stderr(&text);
        self.to_file(&text);
    }

    /// Writes to the log file alone what the user did.
    pub(crate) fn log(&self, text: impl std::fmt::Display) {
        self.to_file(&self.message("INFO", &text.to_string()));
    }

    /// Writes a question, even with `--quiet`: the user has to answer it.
    pub(crate) fn ask(&self, text: impl std::fmt::Display) {
        let text = printable(&text.to_string());
        self.log(&text);
        let mut stderr = io::stderr();
        drop(write!(stderr, "{}", fitted(&text, &Term::stderr())).and_then(|()| stderr.flush()));
    }

    /// Shows the tally's progress until [`Progress::finish`].
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn watch(&self, tally: Arc<Mutex<Tally>>) -> io::Result<Progress> {
        let (stop, stopped) = mpsc::channel();
        let screen = self.clone();
        let thread = std::thread::Builder::new().name("progress".into()).spawn(move || {
            if !screen.is_quiet() || screen.file.is_some() {
                screen.follow(&tally, &stopped);
            }
        })?;
        Ok(Progress { stop, thread })
    }

    fn follow(&self, tally: &Mutex<Tally>, stopped: &mpsc::Receiver<()>) {
        let mut cadence = Cadence::default();
        let mut pause = None;
        while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let (tally, now) = (read(tally), now());
            let lasted = now.saturating_duration_since(tally.started);
            // jiff looks up the time zone once, after the first wait: a run of a few rows has ended by then.
            let clock = Clock { now, wall: (self.wall)().to_zoned_datetime(TimeZone::system()) };
            // The warning that a pause began stays on the screen, but the state below the bar does not.
            states::ended(&mut pause, &tally, now).iter().for_each(|ended| self.say(ended));
            if self.shows == Shows::Bar {
                self.region().draw(|height, width| {
                    let (bar, lines) =
                        (view::bar(&tally, width), view::lines(&tally, &clock, width, height / 2));
                    bar.into_iter().chain(lines).take(height).collect()
                });
            }
            if (self.shows != Shows::Bar || self.file.is_some()) && cadence.is_due(&tally, lasted) {
                self.line(&tally, &clock);
            }
        }
        self.region().clear();
    }

    fn region(&self) -> MutexGuard<'_, Region> {
        self.region.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, tally: &Tally, clock: &Clock) {
        let text = match self.format {
            Format::Text => view::line(tally, clock) + "\n",
            Format::Json => record::progress(tally, clock) + "\n",
        };
        if self.shows == Shows::Lines {
            self.to_stderr(&text);
        }
        self.to_file(&text);
    }

    fn message(&self, level: &str, message: &str) -> String {
        self.message_with(level, message, None)
    }

    fn message_with(
        &self,
        level: &str,
        message: &str,
        field: Option<(&'static str, serde_json::Value)>,
    ) -> String {
        let timestamp = (self.wall)();
        match self.format {
            Format::Text => format!("{message}\n"),
            Format::Json => {
                let fields = field.into_iter().collect();
                record::json(&record::Said { timestamp, level, message, fields }) + "\n"
            }
        }
    }

    fn to_stderr(&self, text: &str) {
        let fitted = match self.format {
            Format::Text => fitted(text, &Term::stderr()),
            Format::Json => text.to_owned(),
        };
        self.region().suspend(|| drop(io::stderr().write_all(fitted.as_bytes())));
    }

    fn to_file(&self, text: &str) {
        if self.file.is_none() {
            return;
        }
        match self.format {
            // A log is read later, so each line has its time.
            Format::Text => self.append(format!("{} {text}", (self.wall)()).as_bytes()),
            Format::Json => self.append(text.as_bytes()),
        }
    }

    fn append(&self, bytes: &[u8]) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.append(bytes) {
            let path = file.path().display();
            let text =
                format!("cannot write to the log file `{path}`: {error}; the run continues without it");
            self.to_stderr(&self.message("WARN", &text));
        }
    }
}

/// The log goes to the same place as the messages.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_stderr(&String::from_utf8_lossy(bytes)); // a whole line of the log
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

struct LogWriter(Screen);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Progress that is being shown.
#[derive(Debug)]
pub(crate) struct Progress {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Removes it from the screen.
    pub(crate) fn finish(self) {
        drop(self.stop);
        drop(self.thread.join()); // it only drew
    }
}

/// When a line is due: often at first, rarely in a long run, and whenever the run is held back or continues.
#[derive(Debug, Default)]
pub(super) struct Cadence {
    pub(crate) last: Duration,
    pub(crate) held: Option<State>,
}

impl Cadence {
    pub(super) fn is_due(&mut self, tally: &Tally, lasted: Duration) -> bool {
        let period = match lasted.as_secs() {
            0..60 => 5,
            60..600 => 30,
            _ => 60,
        };
        let state = states::state_word(tally);
        let held = Some(state).filter(|state| state.is_held() && *state != State::Throttled);
        let due = held != self.held || lasted.saturating_sub(self.last) >= Duration::from_secs(period);
        if due {
            (self.last, self.held) = (lasted, held);
        }
        due
    }
}

fn read(tally: &Mutex<Tally>) -> Tally {
    tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[expect(clippy::disallowed_methods, reason = "what is shown is about now")]
pub(super) fn now() -> Instant {
    Instant::now()
}
