//! A terminal at which something is typed. Must not need anything that a usual Unix machine does not have.

use std::io::Write as _;
use std::process::Stdio;

use super::{BINARY, Job, skipped, wait_until};

/// A tool that runs a program on a terminal.
#[derive(Clone, Copy)]
pub enum Terminal {
    Script,
    Python,
}

impl Terminal {
    /// One that works on this machine; without one, the tests that need it are skipped.
    pub fn find() -> Option<Self> {
        let succeeds = |program: &str, arguments: &[&str]| {
            let output = std::process::Command::new(program).args(arguments).output();
            output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
        };
        let version = succeeds("script", &["--version"]).unwrap_or_default();
        if String::from_utf8_lossy(&version).contains("util-linux") {
            return Some(Self::Script);
        }
        let found = succeeds("python3", &["-c", "import pty"]).map(|_| Self::Python);
        if found.is_none() {
            skipped("there is neither util-linux's `script` nor `python3` to make a terminal with");
        }
        found
    }

    /// Runs the arguments on a terminal that knows no colors and cannot move its cursor, at which something is typed;
    /// returns the exit code and what was shown. Each text is typed once the one before it is shown.
    pub fn run(self, job: &Job, arguments: &str, dialogue: &[(&str, Typed<'_>)]) -> (Option<i32>, String) {
        self.shell(job, &format!("{BINARY} {arguments}"), "dumb", dialogue)
    }

    /// The same on a terminal of so many columns.
    pub fn run_at(
        self,
        width: usize,
        job: &Job,
        arguments: &str,
        dialogue: &[(&str, Typed<'_>)],
    ) -> (Option<i32>, String) {
        let line = format!("stty cols {width} rows 40; exec {BINARY} {arguments}");
        self.shell(job, &line, "dumb", dialogue)
    }

    /// The same with a line for the shell, and a kind of terminal (`TERM`); what was shown has its control sequences.
    pub fn shell(
        self,
        job: &Job,
        line: &str,
        kind: &str,
        dialogue: &[(&str, Typed<'_>)],
    ) -> (Option<i32>, String) {
        let python =
            "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(['sh', '-c', sys.argv[1]])))";
        let mut command = match self {
            Self::Script => job.prepare("script", &["-qec", line, "/dev/null"]),
            Self::Python => job.prepare("python3", &["-c", python, line]),
        };
        command.env("TERM", kind).env("SHELL", "/bin/sh").stdin(Stdio::piped());
        let mut running = job.spawn(&mut command);
        // Kept open until the end: its end would be typed as an end of file.
        let mut keyboard = running.child.stdin.take().expect("a pipe");
        for (prompt, typed) in dialogue {
            wait_until("the prompt is shown", || running.stdout().contains(prompt) || running.has_ended());
            match typed {
                Typed::Keys(keys) => keyboard.write_all(keys.as_bytes()).expect("typed"),
                Typed::File(path, content) => job.write(path, content),
            }
        }
        let ended = running.end();
        drop(keyboard);
        (ended.code, ended.stdout)
    }
}

/// What the user does next.
#[derive(Clone, Copy)]
pub enum Typed<'a> {
    Keys(&'a str),
    File(&'a str, &'a str),
}
