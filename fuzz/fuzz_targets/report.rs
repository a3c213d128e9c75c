//! Any rows below a report's header: none that is `succeeded` is sent, none that is `unknown` is forgotten.
#![no_main]

use std::collections::HashMap;

use chime_sweep::input::{Input, InputOptions, Source, Standing, Status};
use chime_sweep::report::{self, Places, RowResult};

const HEADER: &str =
    "voice_connector_id,phone_number,status,error_code,error_message,attempts,request_id,completed_at\n";
const STATUS: usize = 2;

libfuzzer_sys::fuzz_target!(|rows: &[u8]| {
    let bytes = [HEADER.as_bytes(), rows].concat();
    let source = Source::from_bytes("fuzz.csv", bytes.clone());
    let Ok(input) = Input::read(&source, &InputOptions::default()) else { return };
    let mut written = HashMap::new(); // an ignored row has no status
    report::write(
        Vec::new(),
        &source,
        &input,
        &Places::default(),
        |_| RowResult::NOT_ATTEMPTED,
        |row| written.extend([(row.row, row.status)]),
    )
    .expect("the passes agree");
    let mut other = csv::ReaderBuilder::new().flexible(true).from_reader(&*bytes);
    for (row, record) in input.rows.ids().zip(other.byte_records()) {
        let record = record.expect("bytes can be read");
        let word = record.get(STATUS).unwrap_or_default().trim_ascii().to_ascii_lowercase();
        if record.len() != HEADER.split(',').count() {
            continue; // which field is the status is a question of its own
        }
        let is_sent = matches!(input.rows.standing(row), Standing::Pending { .. });
        assert!(!(is_sent && word == b"succeeded"), "a row that is done is sent: {record:?}");
        let status = written.get(&row);
        assert!(
            word != b"unknown" || status == Some(&Status::Unknown),
            "a doubt is forgotten: {record:?}, {status:?}"
        );
    }
});
