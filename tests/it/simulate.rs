//! `chime-sweep simulate`: a server for other clients, until it is told to stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{ChildStdout, Command, Stdio};

use super::harness::{BINARY, Job, Running, csv, number};

/// A server, which is gone when the test is.
struct Server {
    running: Running,
    stdout: BufReader<ChildStdout>,
    exports: Vec<(String, String)>,
}

impl Server {
    /// Starts one, and reads its exports as a shell would.
    fn start(job: &Job, more: &[&str]) -> Self {
        let mut command = job.prepare(BINARY, &[&["simulate"], more].concat());
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut server = Self { running: Running(child), stdout, exports: Vec::new() };
        let mut line = String::new();
        while !line.contains("AWS_REGION") {
            line.clear();
            let read = server.stdout.read_line(&mut line).expect("reads");
            assert!(read > 0, "it ended before its exports did: {:?}", server.exports);
            let export = line.trim().strip_prefix("export ").unwrap_or_default();
            let pairs = export.split_whitespace().filter_map(|pair| pair.split_once('='));
            server.exports.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        server
    }

    fn export(&self, name: &str) -> &str {
        self.exports.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// Sends a signal; returns the exit code.
    fn signal(mut self, signal: &str) -> Option<i32> {
        let pid = self.running.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("runs").success());
        self.running.end()
    }
}

#[test]
fn what_it_exports_is_all_that_a_client_needs() {
    let mut job = Job::new(csv(3));
    job.write("scenario.toml", "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\n");
    let server = Server::start(&job, &["--scenario", "scenario.toml"]);
    for (name, value) in &server.exports {
        job = job.env(name, value);
    }
    let ended = job.sweep("");
    ended.exits(3).statuses(&["succeeded", "failed", "succeeded"]).column_is("request_id", &["sim-1"; 3]);

    let address = server.export("AWS_ENDPOINT_URL").strip_prefix("http://").expect("an address").to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let mut socket = TcpStream::connect(&address).expect("listens");
    write!(socket, "GET /_simulator/ledger HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut reply = String::new();
    socket.read_to_string(&mut reply).expect("a reply");
    assert!(reply.contains(&number(2)) && reply.contains("\"applied\":1"), "{reply}");

    assert_eq!(server.signal("-TERM"), Some(0));
    assert!(TcpStream::connect(&address).is_err(), "it still listens");
}

#[test]
fn an_interrupt_is_a_way_to_end_it() {
    let job = Job::new("");
    assert_eq!(Server::start(&job, &[]).signal("-INT"), Some(0));
}

#[test]
fn a_mistake_is_said_and_nothing_is_served() {
    let job = Job::new("");
    job.write("bad.toml", "seed = 1\nlatncy = 2\n");
    for (arguments, message) in [
        ("--listen 0.0.0.0:0", "loopback only"),
        ("--scenario bad.toml", "bad.toml:2"),
        ("--scenario missing.toml", "missing.toml"),
    ] {
        let ended = job.command(&format!("simulate {arguments}"));
        ended.exits(1).says(message).same("stdout", ended.stdout.as_str(), "");
    }
    let ended = job.command("run numbers.csv --simulate --scenario bad.toml");
    ended.exits(1).same("files", job.files(), ["bad.toml", "numbers.csv"]);
}
