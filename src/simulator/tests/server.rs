//! What reaches the socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::{Signer, body, scenario};
use crate::simulator::{Simulator, StartError};

const CALL: &str = "/voice-connectors/abc?operation=disassociate-phone-numbers";

fn start(text: &str) -> Simulator {
    Simulator::start(scenario(text), "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn connect(simulator: &Simulator) -> TcpStream {
    TcpStream::connect(simulator.url().strip_prefix("http://").unwrap()).unwrap()
}

fn write(stream: &mut TcpStream, request: &Request<Bytes>, last: bool) {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
    let (connection, length) = (if last { "close" } else { "keep-alive" }, request.body().len().to_string());
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    for (name, value) in headers.chain([("connection", connection), ("content-length", &length)]) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    stream.write_all(&[text.as_bytes(), request.body()].concat()).unwrap();
}

/// The simulator's clock, from the one reply that needs no signature.
fn clock(simulator: &Simulator) -> Timestamp {
    let question = Request::get("/_simulator/tally").header("host", "localhost").body(Bytes::new()).unwrap();
    let mut stream = connect(simulator);
    write(&mut stream, &question, true);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let dates: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("date: ")).collect();
    assert_eq!(dates.len(), 1, "{text}");
    DateTimeParser::new().parse_zoned_datetime(dates[0]).unwrap().timestamp()
}

fn call(simulator: &Simulator, number: &str) -> Request<Bytes> {
    Signer { time: clock(simulator), ..Signer::default() }.sign("POST", CALL, &body(&[number]))
}

/// Everything that is received for one call, and how it ended.
fn exchange(simulator: &Simulator) -> (String, Option<ErrorKind>) {
    let request = call(simulator, "+12065550100");
    let mut stream = connect(simulator);
    write(&mut stream, &request, true);
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).err().map(|error| error.kind());
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

#[test]
fn replies_whole_with_the_scenarios_date_and_keeps_the_connection() {
    let simulator = start("clock_offset = '-72h'");
    let request = call(&simulator, "+12065550100");
    let mut stream = connect(&simulator);
    write(&mut stream, &request, false);
    write(&mut stream, &request, true);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!(text.matches("date: ").count(), 2, "{text}");
    assert!(text.contains("x-amzn-requestid: sim-1") && text.contains("sim-2"), "{text}");
    let three_days = clock(&start("")).duration_since(clock(&simulator)).as_hours();
    assert!((71..=72).contains(&three_days), "{three_days} h");
    assert_eq!(simulator.tally().requests, 2);
    assert_eq!(simulator.ledger().applications.len(), 1);
}

#[test]
fn connections_break_as_the_scenario_says() {
    for (does, wanted) in [("drop", None), ("reset", Some(ErrorKind::ConnectionReset))] {
        let simulator = start(&format!("[[fault]]\ndoes = '{does}'\napplied = true"));
        assert_eq!(exchange(&simulator), (String::new(), wanted), "{does}");
        assert_eq!(simulator.tally().applied, 1);
    }
    let cut = start("[[fault]]\ndoes = 'cut'");
    let (text, _) = exchange(&cut);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 24") && (1..24).contains(&body.len()), "{text}");
}

#[test]
fn replies_drip_and_flood() {
    let (dripped, end) = exchange(&start("[[fault]]\ndoes.drip = { every = '1ms' }"));
    assert!(
        dripped.ends_with("\r\n\r\n{\"PhoneNumberErrors\":[]}") && dripped.contains("content-length: 24"),
        "{dripped}"
    );
    assert_eq!(end, None);
    let (flood, _) = exchange(&start("[[fault]]\ndoes.flood = { bytes = 300000 }"));
    assert!(flood.contains("transfer-encoding: chunked"));
    assert_eq!(flood.matches(' ').count() / 1000, 300);
}

#[test]
fn a_stall_ends_with_the_simulator() {
    let simulator = start("[[fault]]\ndoes = 'stall'");
    let request = call(&simulator, "+12065550100");
    let mut stream = connect(&simulator);
    write(&mut stream, &request, false);
    while simulator.tally().requests == 0 {
        std::thread::yield_now();
    }
    let url = simulator.url();
    simulator.stop();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    assert_eq!(bytes, b"");
    assert!(TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err(), "the socket is closed");
}

#[test]
fn a_stop_waits_for_replies_that_are_being_sent() {
    let simulator = start("latency.mean = '40ms'");
    let request = call(&simulator, "+12065550100");
    let mut streams: Vec<TcpStream> = (0..3).map(|_| connect(&simulator)).collect();
    for stream in &mut streams {
        write(stream, &request, false);
    }
    while simulator.tally().requests < 3 {
        std::thread::yield_now();
    }
    assert_eq!(simulator.tally().max_in_flight, 3);
    simulator.stop();
    for mut stream in streams {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    }
}

#[test]
fn listens_on_loopback_only() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(Simulator::start(scenario(""), everywhere), Err(StartError::NotLoopback(_))));
    let first = start("");
    let taken = first.url().strip_prefix("http://").unwrap().parse().unwrap();
    assert!(matches!(Simulator::start(scenario(""), taken), Err(StartError::Listen { .. })));
}
