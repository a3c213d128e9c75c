//! A small language for jobs: a folder, a CSV file, a command, and what came of it.
//!
//! Every command runs in a folder of its own with an environment that holds nothing of the machine's. A failed check
//! prints the command, what it wrote, and its report.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, Scenario, Simulator};
use tempfile::TempDir;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_chime-sweep");

/// No job here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A row of a report: header → cell.
pub type Row = BTreeMap<String, String>;

/// `count` rows of connector `vc`.
pub fn csv(count: usize) -> String {
    (0..count).fold("voice_connector_id,phone_number\n".to_owned(), |mut csv, n| {
        let _ = writeln!(csv, "vc,{}", number(n));
        csv
    })
}

/// The number of row `n` of [`csv`], from 0.
pub fn number(n: usize) -> String {
    format!("+1206555{n:04}")
}

/// Checks each case of a table in a thread of its own: most of a job is waiting.
pub fn all_at_once<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| cases.iter().for_each(|case| drop(scope.spawn(|| check(case)))));
}

/// A process that is gone when the test is.
pub struct Running(pub Child);

impl Running {
    /// Waits for its end; returns the exit code.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        let mut ended = None;
        wait_until("a process ends", || {
            ended = self.0.try_wait().expect("a child");
            ended.is_some()
        });
        ended.and_then(|status| status.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Says why a test did nothing.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is to know")]
pub fn skipped(because: &str) {
    eprintln!("skipped: {because}");
}

/// Waits until `condition` holds.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "another process is waited for, whose time is real")]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The service: a simulator in this process.
pub struct Service(pub Simulator);

impl Service {
    /// Starts one that plays a scenario, written in TOML.
    pub fn playing(scenario: &str) -> Self {
        Self::of(Scenario::from_toml(scenario, Path::new("scenario.toml")).expect("a scenario"))
    }

    pub fn of(scenario: Scenario) -> Self {
        Self(Simulator::start(scenario, (Ipv4Addr::LOCALHOST, 0).into()).expect("a port on loopback"))
    }

    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Requests that arrived.
    pub fn requests(&self) -> u64 {
        self.0.tally().requests
    }

    /// Replies with this status.
    pub fn replies(&self, status: u16) -> u64 {
        self.0.tally().statuses.get(&status).copied().unwrap_or(0)
    }

    /// The numbers that were disassociated, in the order in which that happened.
    pub fn applied(&self) -> Vec<String> {
        self.0.ledger().applications.iter().map(|made| made.number.e164().to_string()).collect()
    }

    /// How many calls that reached the account named this number.
    pub fn asked(&self, number: &str) -> u32 {
        let numbers = self.0.ledger().numbers;
        numbers.iter().filter(|it| it.number.e164().to_string() == number).map(|it| it.asked).sum()
    }

    /// Whether the number is off the connector.
    pub fn is_gone(&self, connector: &str, number: &str) -> bool {
        let is_it = |record: &&chime_sweep::simulator::NumberRecord| {
            &*record.connector == connector && record.number.e164().to_string() == number
        };
        self.0.ledger().numbers.iter().find(is_it).is_some_and(|record| !record.associated)
    }
}

/// A folder with an input, and the environment of the commands that run in it.
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
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

    /// The files of the folder, in order; not what is kept in its hidden ones from run to run.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.retain(|name| name != ".local");
        names.sort();
        names
    }

    /// The arguments of a `run` on the input, and of the endpoint.
    pub fn run_arguments(&self, more: &str) -> String {
        format!("run {} {}{more}", self.input, self.endpoint_argument())
    }

    fn endpoint_argument(&self) -> String {
        self.endpoint.as_ref().map(|url| format!("--endpoint-url {url} ")).unwrap_or_default()
    }

    /// `run --yes` on the input. Arguments are separated by spaces.
    pub fn sweep(&self, more: &str) -> Ended {
        self.command(&format!("{} --yes", self.run_arguments(more)))
    }

    /// `rerun --yes` on the input's report.
    pub fn rerun(&self, more: &str) -> Ended {
        self.command(&format!("rerun numbers.report.csv --yes {}{more}", self.endpoint_argument()))
    }

    /// Any command, to its end.
    pub fn command(&self, arguments: &str) -> Ended {
        self.command_with_stdin(arguments, Vec::new())
    }

    /// Any command, to its end, with these bytes on standard input.
    #[expect(clippy::disallowed_methods, reason = "how long a process takes is real time")]
    pub fn command_with_stdin(&self, arguments: &str, stdin: Vec<u8>) -> Ended {
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let start = Instant::now();
        let mut command = assert_cmd::Command::from_std(self.prepare(BINARY, &arguments));
        let output = command.timeout(PATIENCE).write_stdin(stdin).output().expect("starts");
        Ended::new(self, &arguments, &output, start.elapsed())
    }

    /// A program in the job's folder and environment, ready to start.
    pub fn prepare(&self, program: &str, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        for kept in ["PATH", "SYSTEMROOT", "LLVM_PROFILE_FILE"] {
            #[expect(clippy::disallowed_methods, reason = "what a child process needs to start at all")]
            let value = std::env::var_os(kept);
            command.envs(value.map(|value| (kept, value)));
        }
        command.env("HOME", self.folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A command that has ended. Every check prints all of it if it fails.
pub struct Ended {
    pub command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// The report, if there is one.
    pub report: Option<String>,
}

impl Ended {
    pub fn new(job: &Job, arguments: &[&str], output: &Output, took: Duration) -> Self {
        let after = |option| arguments.iter().skip_while(|it| **it != option).nth(1);
        let output_argument = after("--output").or_else(|| after("-o"));
        let default = match (arguments.first(), arguments.contains(&"--simulate")) {
            (Some(&"rerun"), false) => arguments.get(1).map_or(String::new(), |it| (*it).to_owned()),
            (_, simulate) => {
                let extension = if simulate { "simulated.csv" } else { "report.csv" };
                let input = arguments.get(1).copied().unwrap_or_default();
                Path::new(input).with_extension(extension).display().to_string()
            }
        };
        let report = job.path(output_argument.map_or(default.as_str(), |it| it));
        Self {
            command: format!("chime-sweep {}", arguments.join(" ")),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took,
            report: fs::read(report).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
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

    /// The report says nothing about a number that the service's ledger contradicts: `succeeded` means that it is gone,
    /// `failed` and `not_attempted` that it is not.
    #[track_caller]
    pub fn agrees_with(&self, service: &Service) -> &Self {
        for row in self.rows() {
            let connector = row.get("voice_connector_id").or_else(|| row.get("VoiceConnectorId"));
            let number = row.get("phone_number").or_else(|| row.get("PhoneNumber"));
            let (connector, number) = (connector.expect("a connector"), number.expect("a number"));
            let gone = service.is_gone(connector, number);
            let is_true = match row["status"].as_str() {
                "succeeded" => gone,
                "failed" | "not_attempted" => !gone,
                _ => true,
            };
            self.check(is_true, &format!("{number} is reported as {}, and gone is {gone}", row["status"]));
        }
        self
    }
}

/// The rows of a CSV file whose fields are separated by what follows its first header.
pub fn rows(text: &str) -> Vec<Row> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = header.bytes().find(|byte| matches!(byte, b',' | b';' | b'\t')).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let names: Vec<_> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let row = |record: csv::StringRecord| {
        names.iter().cloned().zip(record.iter().map(str::to_owned)).collect::<Row>()
    };
    reader.records().map(|record| row(record.expect("a record"))).collect()
}
