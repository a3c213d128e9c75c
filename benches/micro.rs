//! Measures the parts of a run that do not use the network, each by itself: `cargo bench`, or `cargo bench -- report`.
//!
//! For comparison, the `csv` crate alone reads and writes the same file: a lower bound for the parts that do.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::fmt::Write as _;
use std::io::{self, BufWriter};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::LazyLock;

use aws_credential_types::Credentials;
use chime_sweep::action::Action;
use chime_sweep::aws::endpoint::{Endpoint, Variant};
use chime_sweep::aws::protocol::{reply, request, sigv4};
use chime_sweep::event::{Event, Outcome, Settlement};
use chime_sweep::input::{Input, InputOptions, Source};
use chime_sweep::journal::entry::{Entry, Header};
use chime_sweep::journal::history::{History, replay};
use chime_sweep::number::PhoneNumber;
use chime_sweep::plan::Plan;
use chime_sweep::region::Region;
use chime_sweep::report::summary::Counted;
use chime_sweep::report::{self, Places, reconcile};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use tempfile::NamedTempFile;

const ROWS: u32 = 200_000;
const CONNECTORS: u32 = 8;
const BATCH: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// Two columns, and connectors in turn: little to copy, and the rows of a batch are far apart.
static FILE: LazyLock<NamedTempFile> = LazyLock::new(|| {
    let mut text = "voice_connector_id,phone_number\n".to_owned();
    for row in 0..ROWS {
        writeln!(text, "connector{}abcdefghijkl,+1206{row:08}", row % CONNECTORS).unwrap();
    }
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    file
});

fn main() {
    divan::main();
}

fn path() -> &'static Path {
    FILE.path()
}

fn source() -> Source {
    Source::open(path()).unwrap()
}

fn read() -> Input {
    Input::read(&source(), &InputOptions::default()).unwrap()
}

/// The journal of a run without failures.
fn journal(plan: &Plan) -> Vec<u8> {
    let mut lines = Vec::new();
    Entry::Header(Header::new(String::new(), ROWS, String::new(), None, Action::Disassociate))
        .write_line(&mut lines);
    write_lines(&events(plan), &mut lines);
    lines
}

fn write_lines(events: &[Event], lines: &mut Vec<u8>) {
    events.iter().filter_map(Entry::of).for_each(|entry| entry.write_line(lines));
}

fn events(plan: &Plan) -> Vec<Event> {
    let of_batch = |(n, rows): (usize, Vec<_>)| {
        let settlement = Settlement {
            rows: rows.clone(),
            outcome: Outcome::Succeeded,
            code: "".into(),
            message: "".into(),
            attempts: 1,
            request_id: Some(format!("3c5a8c9e-7d1f-4b7c-9e55-{n:012}").into()),
            at: Timestamp::from_second(1_795_000_000).unwrap(),
        };
        [Event::Intent { rows }, Event::Settled(settlement)]
    };
    plan.batches().map(|batch| batch.rows).enumerate().flat_map(of_batch).collect()
}

fn numbers() -> Vec<PhoneNumber> {
    (0..BATCH.get()).map(|n| PhoneNumber::parse(&format!("+1206{n:07}")).unwrap()).collect()
}

#[divan::bench]
fn number_parse() -> PhoneNumber {
    PhoneNumber::parse(black_box("+12065550100")).unwrap()
}

/// A request for 50 numbers, written and signed.
#[divan::bench]
fn request_sign(bencher: Bencher) {
    let credentials = Credentials::new("AKIDEXAMPLE", "a secret", None, None, "bench");
    let region = Region::parse("us-east-1").unwrap();
    let endpoint = Endpoint::of_region(region, Variant::default()).unwrap();
    let (numbers, time) = (numbers(), Timestamp::from_second(1_795_000_000).unwrap());
    bencher.bench(|| {
        let mut request =
            request::of_action(&endpoint, Action::Disassociate, "connector1abcdefghijkl", &numbers).unwrap();
        sigv4::sign(&mut request, "us-east-1", &credentials, time).unwrap();
        request
    });
}

#[divan::bench(args = [0, 1, 50])]
fn reply_interpret(bencher: Bencher, errors: usize) {
    let error =
        r#"{"PhoneNumberId":"%2B12065550100","ErrorCode":"NotFound","ErrorMessage":"not associated"}"#;
    let body = format!(r#"{{"PhoneNumberErrors":[{}]}}"#, vec![error; errors].join(","));
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-requestid", HeaderValue::from_static("3c5a8c9e-7d1f-4b7c-9e55-0123456789ab"));
    bencher.bench(|| {
        reply::interpret(
            StatusCode::OK,
            &headers,
            black_box(body.as_bytes()),
            Timestamp::UNIX_EPOCH,
            reply::batch,
        )
        .unwrap()
    });
}

#[divan::bench]
fn file_csv_pass(bencher: Bencher) {
    path();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        let mut reader = csv::Reader::from_path(path()).unwrap();
        let (mut record, mut bytes) = (csv::ByteRecord::new(), 0);
        while reader.read_byte_record(&mut record).unwrap() {
            bytes += record.as_slice().len();
        }
        bytes
    });
}

#[divan::bench]
fn file_plan(bencher: Bencher) {
    path();
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench(|| Plan::new(&read().rows, |_| true, BATCH).batches().count());
}

#[divan::bench]
fn file_csv_copy(bencher: Bencher) {
    path();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        let mut reader = csv::Reader::from_path(path()).unwrap();
        let mut writer = csv::Writer::from_writer(BufWriter::new(io::sink()));
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).unwrap() {
            record.push_field(b"succeeded");
            [b"", b"", b"1" as &[u8]].iter().for_each(|field| record.push_field(field));
            record.push_field(b"3c5a8c9e-7d1f-4b7c-9e55-0123456789ab");
            record.push_field(b"2026-11-23T21:00:01Z");
            writer.write_byte_record(&record).unwrap();
        }
    });
}

#[divan::bench]
fn file_report(bencher: Bencher) {
    let input = read();
    let history = history(&journal(&Plan::new(&input.rows, |_| true, BATCH)));
    let source = source();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let result_of = |row| reconcile::result_of(&history, row, reconcile::Unsent::default());
        let mut counted = Counted::default();
        report::write(io::sink(), &source, &input, &Places::default(), result_of, |row| {
            counted.add_written(&row, &input);
        })
        .unwrap();
        counted
    });
}

#[divan::bench]
fn journal_encode(bencher: Bencher) {
    let events = events(&Plan::new(&read().rows, |_| true, BATCH));
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut lines = Vec::new();
        write_lines(&events, &mut lines);
        lines
    });
}

#[divan::bench]
fn journal_replay(bencher: Bencher) {
    let lines = journal(&Plan::new(&read().rows, |_| true, BATCH));
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| history(&lines));
}

fn history(lines: &[u8]) -> History {
    replay(lines, ROWS).unwrap().history.unwrap()
}
