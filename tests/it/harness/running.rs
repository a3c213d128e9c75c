//! A running command.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Instant;

use tempfile::TempDir;

use super::{Ended, wait_until};

/// A process that ends with the test. Its output goes to files.
pub struct Running {
    pub child: Child,
    /// The program and its arguments.
    command: Vec<String>,
    folder: PathBuf,
    written: TempDir,
    start: Instant,
}

impl Running {
    /// Starts it; its standard input is as the command has it.
    #[expect(clippy::disallowed_methods, reason = "how long a process takes is real time")]
    pub(super) fn start(command: &mut Command, folder: PathBuf) -> Self {
        let written = tempfile::tempdir().expect("a folder");
        let file = |name| fs::File::create(written.path().join(name)).expect("a file");
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn();
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let words = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, command: words, folder, written, start: Instant::now() }
    }

    pub fn stdout(&self) -> String {
        self.text("stdout")
    }

    pub fn stderr(&self) -> String {
        self.text("stderr")
    }

    fn text(&self, name: &str) -> String {
        let bytes = fs::read(self.written.path().join(name)).expect("a file");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until this is on standard error.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        wait_until(&format!("it says {text:?}"), || self.stderr().contains(text));
    }

    /// Writes to its standard input, which must be a pipe. One that has ended reads nothing.
    pub fn type_in(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
    }

    /// Sends a signal, such as `INT`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("there is a `kill`");
        assert!(sent.success(), "cannot send {name}");
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Sends `kill -9` unless it has ended; returns the result.
    pub fn kill(mut self) -> Ended {
        drop(self.child.kill());
        self.end()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        wait_until("a process ends", || self.has_ended());
        let code = self.child.wait().expect("it has ended").code();
        Ended::new(&self.folder, &self.command, code, [self.stdout(), self.stderr()], self.start.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
