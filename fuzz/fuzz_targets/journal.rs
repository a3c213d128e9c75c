//! Any bytes are a journal, a damaged one, or none.
#![no_main]

use chime_sweep::journal::history;

/// Of the input.
const ROWS: u32 = 1000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = history::replay(bytes, ROWS);
});
