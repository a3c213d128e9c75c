//! Any reply has a meaning.
#![no_main]

use chime_sweep::aws::protocol::reply;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

const NAMES: [&str; 4] = ["x-amzn-errortype", "x-amzn-requestid", "retry-after", "date"];

libfuzzer_sys::fuzz_target!(|reply: (u16, [&[u8]; 4], &[u8])| {
    let (status, values, body) = reply;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let mut headers = HeaderMap::new();
    for (name, value) in NAMES.into_iter().zip(values) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let _ = reply::interpret(status, &headers, body, Timestamp::UNIX_EPOCH, reply::batch);
});
