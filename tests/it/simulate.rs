//! `chime-sweep simulate`: a server for other clients, until it is stopped.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::harness::{Job, Running, csv, number, wait_until};

/// Starts a server, and reads its exports as a shell would.
fn serve(job: &Job, more: &str) -> (Running, Vec<(String, String)>) {
    let mut running = job.start(&format!("simulate {more}"));
    wait_until("the last of its exports is there", || {
        running.stdout().contains("AWS_DEFAULT_REGION=") || running.has_ended()
    });
    let said = running.stdout();
    let exports = said.lines().filter_map(|line| line.strip_prefix("export "));
    let pairs = exports.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='));
    let exports = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (running, exports)
}

#[test]
fn its_exports_are_all_that_a_client_needs() {
    let mut job = Job::new(csv(3));
    job.write("scenario.toml", "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\n");
    let (running, exports) = serve(&job, "--scenario scenario.toml");
    for (name, value) in &exports {
        job = job.env(name, value);
    }
    let ended = job.sweep("");
    ended.exits(3).statuses(&["succeeded", "failed", "succeeded"]).column_is("request_id", &["sim-1"; 3]);

    let url = exports.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").map_or("", |(_, value)| value);
    let address = url.strip_prefix("http://").expect("an address");
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let mut socket = TcpStream::connect(address).expect("listens");
    write!(socket, "GET /_simulator/ledger HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut reply = String::new();
    socket.read_to_string(&mut reply).expect("a reply");
    assert!(reply.contains(&number(2)) && reply.contains("\"applied\":1"), "{reply}");

    running.signal("TERM");
    running.end().exits(0);
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn an_interrupt_ends_it() {
    let job = Job::new("");
    let (running, _) = serve(&job, "");
    running.signal("INT");
    running.end().exits(0);
}

#[test]
fn a_mistake_is_reported_and_nothing_is_served() {
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
