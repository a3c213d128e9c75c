//! After any crash, fault or stop, every row of the input is in the report once, with a true status, and one command
//! goes on.

mod credentials;
mod files;
mod journals;
mod kills;
mod outages;
mod peers;
mod races;
mod stops;
mod strangers;

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, Scenario, Simulator, StartError};
use tempfile::TempDir;

/// After this long a process hangs.
const DEADLINE: Duration = Duration::from_secs(40);

/// A folder with an input, and a service to call.
struct Job {
    folder: TempDir,
    url: String,
    simulator: Option<Simulator>,
}

/// How a process ended.
#[derive(Debug)]
struct Outcome {
    /// `None`: by a signal.
    code: Option<i32>,
    stderr: String,
    took: Duration,
}

/// A process under way.
struct Running {
    child: Child,
    log: PathBuf,
    started: Instant,
}

/// A row of the report: connector, number, status, code, message, attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    connector: String,
    number: String,
    status: String,
    code: String,
    message: String,
    attempts: u32,
}

impl Job {
    /// `rows` numbers on three connectors, against a simulator.
    fn new(rows: u32, scenario: &str) -> Self {
        let simulator = simulator(scenario, "127.0.0.1:0".parse().expect("an address")).expect("starts");
        let mut job = Self::at(rows, &simulator.url());
        job.simulator = Some(simulator);
        job
    }

    /// The same, against whatever is at `url`.
    fn at(rows: u32, url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let job = Self { folder, url: url.to_owned(), simulator: None };
        fs::write(job.path("numbers.csv"), csv(rows)).expect("writes");
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn journal(&self) -> PathBuf {
        self.path("numbers.report.csv.journal")
    }

    fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().expect("the job has a simulator")
    }

    /// `chime-sweep ARGS` in the folder, with the environment of this job alone.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chime-sweep"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.envs([
            ("PATH", "/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ]);
        command
    }

    /// Starts `chime-sweep run numbers.csv --yes ARGS`.
    fn start(&self, args: &[&str]) -> Running {
        self.spawn(self.command(&[&["run", "numbers.csv", "--yes"], args].concat()))
    }

    fn spawn(&self, mut command: Command) -> Running {
        let log = self.path("stderr.txt");
        command.stderr(File::create(&log).expect("a log"));
        Running { child: command.spawn().expect("starts"), log, started: now() }
    }

    /// Runs `chime-sweep run numbers.csv --yes ARGS` to its end.
    fn run(&self, args: &[&str]) -> Outcome {
        self.start(args).wait()
    }

    /// The report, which must have each row of the input once, in order.
    fn report(&self) -> Vec<Row> {
        self.report_at(&self.path("numbers.report.csv"))
    }

    fn report_at(&self, path: &Path) -> Vec<Row> {
        let rows = read_report(path);
        let input = fs::read_to_string(self.path("numbers.csv")).expect("reads");
        let own: Vec<String> = rows.iter().map(|row| format!("{},{}", row.connector, row.number)).collect();
        assert_eq!(own, input.lines().skip(1).collect::<Vec<_>>());
        rows
    }

    /// The report, each row of which must be true by the simulator's ledger.
    fn true_report(&self) -> Vec<Row> {
        let ledger = self.simulator().ledger();
        let numbers = ledger.numbers.iter();
        let records: HashMap<_, _> = numbers
            .map(|record| ((record.connector.to_string(), record.number.e164().to_string()), record))
            .collect();
        let rows = self.report();
        for row in &rows {
            let record = records.get(&(row.connector.clone(), row.number.clone()));
            let gone = record.is_some_and(|record| record.applied > 0);
            match &*row.status {
                "succeeded" => assert!(record.is_some_and(|record| !record.associated), "{row:?}"),
                "unknown" => {}
                "failed" | "not_attempted" => assert!(!gone, "{row:?}: {record:?}"),
                other => panic!("{other}"),
            }
        }
        rows
    }
}

impl Running {
    /// Waits for the end.
    fn wait(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                break status;
            }
            if self.started.elapsed() > DEADLINE {
                let _ = self.child.kill();
                panic!("it hangs:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let stderr = String::from_utf8_lossy(&fs::read(&self.log).expect("a log")).into_owned();
        Outcome { code: status.code(), stderr, took: self.started.elapsed() }
    }

    /// Sends a signal, such as `INT`.
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("there is a `kill`");
        assert!(sent.success(), "cannot send {name}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        words
            .iter()
            .for_each(|words| assert!(self.stderr.contains(words), "`{words}` is not in:\n{}", self.stderr));
        self
    }
}

fn csv(rows: u32) -> String {
    let rows = (0..rows).map(|row| format!("vc{},+1206{:07}\n", row % 3, 2_000_000 + row));
    ["connector,number\n".to_owned()].into_iter().chain(rows).collect()
}

fn simulator(scenario: &str, address: SocketAddr) -> Result<Simulator, StartError> {
    let scenario = Scenario::from_toml(scenario, Path::new("scenario.toml")).expect("a scenario");
    Simulator::start(scenario, address)
}

fn read_report(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).expect("there is a report");
    let text = |field: &str| field.to_owned();
    let records = reader.records().map(|record| record.expect("a record"));
    let row = |record: csv::StringRecord| Row {
        connector: text(&record[0]),
        number: text(&record[1]),
        status: text(&record[2]),
        code: text(&record[3]),
        message: text(&record[4]),
        attempts: record[5].parse().unwrap_or_default(),
    };
    records.map(row).collect()
}

fn count(rows: &[Row], status: &str) -> usize {
    rows.iter().filter(|row| row.status == status).count()
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[expect(clippy::disallowed_methods, reason = "real processes take real time")]
fn now() -> Instant {
    Instant::now()
}
