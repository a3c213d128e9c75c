//! Any text is a scenario, or an error says why not.
#![no_main]

use std::path::Path;

use chime_sweep::simulator::Scenario;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Scenario::from_toml(text, Path::new("/nowhere/fuzz.toml"));
});
