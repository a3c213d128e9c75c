//! Any text is a number or is not; a number is the same number when it is read again.
#![no_main]

use chime_sweep::number::PhoneNumber;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(number) = PhoneNumber::parse(text) {
        assert_eq!(PhoneNumber::parse(&number.e164().to_string()), Ok(number));
    }
});
