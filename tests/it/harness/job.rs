//! A directory with an input, and the environment of the commands that run in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use tempfile::TempDir;

use super::{BINARY, Ended, Row, Running, Service, rows};

pub struct Job {
    folder: TempDir,
    environment: Vec<(String, String)>,
    endpoint: Option<String>,
    pub input: &'static str,
}

impl Job {
    /// A job on these bytes, as `numbers.csv`; without a service, region or keys.
    pub fn new(csv: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("numbers.csv"), csv).expect("an input");
        Self { folder, environment: Vec::new(), endpoint: None, input: "numbers.csv" }
    }

    /// A job on these bytes, and a service for it.
    pub fn on(service: &Service, csv: impl AsRef<[u8]>) -> Self {
        Self::new(csv).with_keys().at(&service.url())
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the simulator's keys, and a region.
    pub fn with_keys(self) -> Self {
        self.env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            .env("AWS_REGION", "us-east-1")
    }

    /// Names the endpoint of [`sweep`](Self::sweep) and [`rerun`](Self::rerun).
    pub fn at(mut self, url: &str) -> Self {
        self.endpoint = Some(url.to_owned());
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where the journal of the input is while a run is unfinished.
    pub fn journal(&self) -> PathBuf {
        self.path("numbers.report.csv.journal")
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("writes");
    }

    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// The files of the directory, in order, without hidden directories such as the stored rates, and without the
    /// records that are beside every report.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        let is_report = |stem: &str| names.contains(&format!("{stem}.csv"));
        let is_record = |name: &String| {
            name.ends_with(".record.json") || name.strip_suffix(".json").is_some_and(is_report)
        };
        let records: Vec<_> = names.iter().filter(|name| is_record(name)).cloned().collect();
        names.retain(|name| name != ".local" && !records.contains(name));
        names.sort();
        names
    }

    /// The rows of a report of the input: it has each row of the input once and in order, and says nothing that the
    /// service's ledger contradicts.
    #[track_caller]
    pub fn true_rows(&self, report: &str, service: &Service) -> Vec<Row> {
        let (input, report) = (self.read("numbers.csv"), self.read(report));
        assert_eq!(report.lines().count(), input.lines().count());
        for (row, own) in report.lines().zip(input.lines()) {
            assert!(row.starts_with(&format!("{own},")), "{row} is not {own}");
        }
        let rows = rows(&report);
        let sent = ["succeeded", "failed", "unknown", "not_attempted"];
        assert!(rows.iter().all(|row| sent.contains(&&*row["status"])), "{report}");
        assert_eq!(service.contradicts(&rows), None);
        rows
    }

    /// The arguments of a `run` on the input, and of the endpoint.
    pub fn run_arguments(&self, more: &str) -> String {
        format!("run {} {}{more}", self.input, self.endpoint_argument())
    }

    fn endpoint_argument(&self) -> String {
        self.endpoint.as_ref().map(|url| format!("--endpoint-url {url} ")).unwrap_or_default()
    }

    /// `run --yes` on the input, until it ends. Arguments are separated by spaces.
    #[track_caller]
    pub fn sweep(&self, more: &str) -> Ended {
        self.start_sweep(more).end()
    }

    /// `run --yes` on the input.
    #[track_caller]
    pub fn start_sweep(&self, more: &str) -> Running {
        self.start(&format!("{} --yes", self.run_arguments(more)))
    }

    /// `rerun --yes` on the input's report, until it ends.
    #[track_caller]
    pub fn rerun(&self, more: &str) -> Ended {
        self.start_rerun(more).end()
    }

    /// `rerun --yes` on the input's report.
    #[track_caller]
    pub fn start_rerun(&self, more: &str) -> Running {
        self.start(&format!("rerun numbers.report.csv --yes {}{more}", self.endpoint_argument()))
    }

    /// A command on the input's report, such as `undo`, until it ends.
    #[track_caller]
    pub fn take(&self, verb: &str, more: &str) -> Ended {
        self.take_of(verb, "numbers.report.csv", more)
    }

    /// A command on a report, until it ends.
    #[track_caller]
    pub fn take_of(&self, verb: &str, report: &str, more: &str) -> Ended {
        self.command(&format!("{verb} {report} {}{more}", self.endpoint_argument()))
    }

    /// Any command, until it ends.
    #[track_caller]
    pub fn command(&self, arguments: &str) -> Ended {
        self.start(arguments).end()
    }

    /// The variables that `help run` says a hook gets.
    #[track_caller]
    pub fn documented(&self, option: &str) -> BTreeSet<String> {
        let help = self.command("help run").stdout;
        let mut lines = help.lines().map(str::trim).skip_while(|line| !line.starts_with(option));
        let named =
            lines.by_ref().take_while(|line| !line.is_empty()).skip(1).filter(|line| line.contains("  "));
        named.filter_map(|line| Some(format!("CHIME_SWEEP_RESULT_{}", line.split(' ').next()?))).collect()
    }

    /// Any command, until it ends, with these bytes on standard input.
    #[track_caller]
    pub fn command_with_stdin(&self, arguments: &str, stdin: &[u8]) -> Ended {
        let mut running = self.spawn(self.chime_sweep(arguments).stdin(Stdio::piped()));
        running.type_in(stdin);
        drop(running.child.stdin.take());
        running.end()
    }

    /// Any command.
    #[track_caller]
    pub fn start(&self, arguments: &str) -> Running {
        self.spawn(&mut self.chime_sweep(arguments))
    }

    /// Any program.
    #[track_caller]
    pub fn spawn(&self, command: &mut Command) -> Running {
        Running::start(command, self.folder().to_owned())
    }

    /// The binary with these arguments, ready to start.
    pub fn chime_sweep(&self, arguments: &str) -> Command {
        let mut command = self.prepare(BINARY, &arguments.split_whitespace().collect::<Vec<_>>());
        // What is looked up twice does not change while a test waits.
        if ["undo ", "release ", "verify "].iter().any(|verb| arguments.starts_with(verb)) {
            command.env("CHIME_SWEEP_RECHECK_AFTER", "1ms");
        }
        command
    }

    /// A program in the job's directory and environment, ready to start; without standard input.
    pub fn prepare(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder()).env_clear().stdin(Stdio::null());
        for kept in ["PATH", "SYSTEMROOT", "LLVM_PROFILE_FILE"] {
            #[expect(clippy::disallowed_methods, reason = "what a child process needs to start at all")]
            let value = std::env::var_os(kept);
            command.envs(value.map(|value| (kept, value)));
        }
        command.env("HOME", self.folder()).env("AWS_EC2_METADATA_DISABLED", "true");
        // A test that forgets to name its service does not reach AWS's.
        command.env("CHIME_SWEEP_NO_STS", "true").env("HTTPS_PROXY", "http://127.0.0.1:9");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
