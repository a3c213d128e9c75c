//! Any bytes are an input or are not. Both passes over an input agree, and its report has the same rows.
#![no_main]

use chime_sweep::input::{Input, InputError, InputOptions, Source, Standing};
use chime_sweep::report::{self, Places, RowResult};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let source = Source::from_bytes("fuzz.csv", bytes.to_vec());
    let Ok(input) = Input::read(&source, &InputOptions::default()) else { return };
    let (mut out, mut rows) = (Vec::new(), 0);
    report::write(&mut out, &source, &input, &Places::default(), |_| RowResult::NOT_ATTEMPTED, |_| rows += 1)
        .expect("the passes agree");
    let asks = |row: &_| input.rows.standing(*row) != Standing::Ignored;
    assert_eq!(rows, input.rows.ids().filter(asks).count());
    let again = Source::from_bytes("fuzz.report.csv", out);
    assert!(Input::is_report(&again).expect("it can be read"));
    let again = match Input::read(&again, &InputOptions::default()) {
        // Beside the report's columns, a line of a cell may be long enough for a row. Nothing is sent then.
        Err(InputError::SwallowedRow { .. }) if input.notes.multiline > 0 => return,
        again => again.expect("a report is an input"),
    };
    assert_eq!(again.rows.ids().count(), input.rows.ids().count());
});
