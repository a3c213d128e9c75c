//! A command that has ended.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{BINARY, Job, Row, Service, rows};

/// The result of a command. Every check prints all of it if it fails.
pub struct Ended {
    pub command: String,
    /// `None`: by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// The report, if there is one.
    pub report: Option<String>,
}

impl Ended {
    pub(super) fn new(
        folder: &Path,
        command: &[String],
        code: Option<i32>,
        [stdout, stderr]: [String; 2],
        took: Duration,
    ) -> Self {
        let report = report_of(command).map(|report| folder.join(report));
        Self {
            command: command.join(" ").replace(BINARY, "chime-sweep"),
            code,
            stdout,
            stderr,
            took,
            report: report
                .filter(|it| it.is_file()) // a pipe would block
                .and_then(|it| fs::read(it).ok())
                .map(|it| String::from_utf8_lossy(&it).into_owned()),
        }
    }

    /// Fails, and shows everything, unless `holds`.
    #[track_caller]
    pub fn check(&self, holds: bool, what: &str) -> &Self {
        let Self { command, code, stdout, stderr, took, report } = self;
        assert!(
            holds,
            "\n{what}\n---- command\n{command}\n---- exit code\n{code:?} after {took:?}\n---- stdout\n{stdout}\n\
             ---- stderr\n{stderr}\n---- report\n{}\n----",
            report.as_deref().unwrap_or("none")
        );
        self
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a check reads better without ampersands")]
    pub fn same<A: PartialEq<B> + Debug, B: Debug>(&self, what: &str, actual: A, expected: B) -> &Self {
        self.check(actual == expected, &format!("{what}: {actual:?}, not {expected:?}"))
    }

    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        self.same("exit code", self.code, Some(code))
    }

    /// Standard error has this text.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        self.check(self.stderr.contains(text), &format!("it does not say {text:?}"))
    }

    /// On standard output.
    #[track_caller]
    pub fn prints(&self, text: &str) -> &Self {
        self.check(self.stdout.contains(text), &format!("standard output does not have `{text}`"))
    }

    #[track_caller]
    pub fn says_all(&self, texts: &[&str]) -> &Self {
        texts.iter().fold(self, |ended, text| ended.says(text))
    }

    #[track_caller]
    pub fn says_not(&self, text: &str) -> &Self {
        self.check(!self.stderr.contains(text), &format!("it says {text:?}"))
    }

    /// The job could not run: exit code 1, this message, no panic, and no report or journal.
    #[track_caller]
    pub fn refused(&self, job: &Job, message: &str) -> &Self {
        self.exits(1).says("error: ").says(message).says_not("panicked");
        self.same("files", job.files(), ["numbers.csv"])
    }

    /// The report's rows, in order.
    #[track_caller]
    pub fn rows(&self) -> Vec<Row> {
        self.check(self.report.is_some(), "there is no report");
        rows(self.report.as_deref().unwrap_or_default())
    }

    /// A column of the report.
    #[track_caller]
    pub fn column(&self, name: &str) -> Vec<String> {
        self.rows().iter().map(|row| row[name].clone()).collect()
    }

    #[track_caller]
    pub fn statuses(&self, expected: &[&str]) -> &Self {
        self.column_is("status", expected)
    }

    #[track_caller]
    pub fn column_is(&self, name: &str, expected: &[&str]) -> &Self {
        self.same(name, self.column(name), expected)
    }

    /// How many rows of the report have each status.
    #[track_caller]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        self.column("status").into_iter().for_each(|status| *counts.entry(status).or_default() += 1);
        counts
    }

    /// The report says nothing that the service's ledger contradicts.
    #[track_caller]
    pub fn agrees_with(&self, service: &Service) -> &Self {
        let wrong = service.contradicts(&self.rows());
        self.check(wrong.is_none(), wrong.as_deref().unwrap_or_default())
    }
}

/// Where a command's report is, from the job's directory.
fn report_of(command: &[String]) -> Option<String> {
    let verbs = ["run", "rerun", "verify", "undo", "release"];
    let mut words = command.iter().map(String::as_str).skip_while(|word| !verbs.contains(word));
    let (verb, input) = (words.next()?, words.next()?);
    let after = |option| command.iter().skip_while(|word| *word != option).nth(1);
    let simulate = command.iter().any(|word| word == "--simulate");
    Some(match (after("--output").or_else(|| after("-o")), verb) {
        (Some(output), _) => output.clone(),
        (None, "rerun" | "verify") if !simulate => input.to_owned(),
        (None, verb @ ("undo" | "release")) => {
            let extension = if simulate { "simulated.csv" } else { "csv" };
            Path::new(input).with_extension(format!("{verb}.{extension}")).display().to_string()
        }
        _ => {
            let extension = if simulate { "simulated.csv" } else { "report.csv" };
            Path::new(input).with_extension(extension).display().to_string()
        }
    })
}
