//! Formats counts and time spans as text.
//!
//! Must not print.

use std::time::Duration;

use indicatif::HumanCount;

/// `45 s`, `14 min`, `3 h 05 min`.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round().clamp(0.0, 1e15);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let seconds = seconds as u64;
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 request`, `2 requests`.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}
