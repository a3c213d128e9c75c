//! Parses the values of options.
//!
//! Must not know of the environment or of other options.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::input::{Shard, Status, can_delimit};
use crate::pool::pace::Rate;

/// Requests per second, positive, or `auto`.
pub(super) fn parse_rate(text: &str) -> Result<Rate, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Rate::Auto);
    }
    // The range that the pacer supports: from one request in 11 days to more than a socket can take.
    match text.parse::<f64>() {
        Ok(rate) if (1e-6..=1e6).contains(&rate) => Ok(Rate::Fixed(rate)),
        _ => Err("expected `auto` or a positive number of requests per second".to_owned()),
    }
}

/// A share, 0 to 1.
pub(super) fn parse_percent(text: &str) -> Result<f64, String> {
    let digits = text.strip_suffix('%').unwrap_or(text).trim();
    match digits.parse::<f64>() {
        Ok(percent) if (0.0..=90.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("expected a percentage from 0 to 90".to_owned()),
    }
}

/// `--max-failures`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum MaxFailures {
    /// This number of rows.
    Rows(u64),
    /// This share of the rows to be sent, 0 to 1.
    Share(f64),
}

impl MaxFailures {
    /// The number of rows, of `planned`.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of at most 2³² rows"
    )]
    pub(crate) fn of(self, planned: u64) -> u64 {
        match self {
            Self::Rows(rows) => rows,
            Self::Share(share) => (planned as f64 * share) as u64,
        }
    }
}

impl FromStr for MaxFailures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || "expected a number of rows or a percentage such as `5%`".to_owned();
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Rows).map_err(|_| error()),
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Share(percent / 100.0)),
                _ => Err(error()),
            },
        }
    }
}

/// `--shard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardArg {
    /// This one.
    Given(Shard),
    /// The one that the engine's variables say, of this many if they are to be as many.
    Auto(Option<u32>),
}

impl FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || "expected `K/N`, such as `2/4` with K from 1, `auto` or `auto/N`; N is at most 10,000";
        let number = |text: &str| text.parse::<u32>().map_err(|_| error().to_owned());
        let shard = |number, count| Shard::new(number, count).ok_or_else(|| error().to_owned());
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Auto(None)),
            None => Err(error().to_owned()),
            Some(("auto", count)) => Ok(Self::Auto(Some(shard(1, number(count)?)?.count()))),
            Some((index, count)) => Ok(Self::Given(shard(number(index)?, number(count)?)?)),
        }
    }
}

/// `--delimiter`: one byte.
pub(super) fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if can_delimit(*byte) => Ok(*byte),
        _ => Err("expected a punctuation mark such as `,` or `;`, or `tab`".to_owned()),
    }
}

/// `--stop-at`: a local time of day, in hours and minutes.
pub(super) fn parse_time(text: &str) -> Result<Time, String> {
    Time::strptime("%H:%M", text).map_err(|_| "expected a time of day such as `06:00`".to_owned())
}

/// A status, as a report has it.
pub(super) fn parse_status(text: &str) -> Result<Status, String> {
    let words = Status::ALL.map(Status::as_str);
    Status::of(text)
        .ok_or_else(|| format!("expected one or more of {}, with commas between them", words.join(", ")))
}

/// A date, whose beginning in UTC is meant, or a time in RFC 3339 format.
pub(super) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let of_date = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
    let error = "expected a date such as `2025-01-31`, or a time such as `2025-01-31T06:00:00Z`";
    let moment = text.parse().ok().or_else(|| of_date(Date::strptime("%Y-%m-%d", text).ok()?));
    moment.ok_or_else(|| error.to_owned())
}

/// What `--concurrency auto` means. The pace says when each request is sent, so as many are in flight as it needs for the
/// service's delay; this bounds the sockets and what is in doubt after a crash.
const MOST_IN_FLIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// `auto` or a positive whole number.
pub(super) fn parse_concurrency(text: &str) -> Result<NonZeroUsize, String> {
    match text {
        "auto" => Ok(MOST_IN_FLIGHT),
        number => number.parse().map_err(|_| "expected a whole number, 1 or more, or `auto`".to_owned()),
    }
}

/// A positive whole number.
pub(super) fn one_or_more<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number, 1 or more".to_owned())
}

/// The id of an AWS account.
pub(super) fn parse_account(text: &str) -> Result<String, String> {
    match text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("expected an account id of 12 digits".to_owned()),
    }
}

/// Where the simulator listens.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port such as `127.0.0.1:8080`".to_owned())
}

/// A time such as `90s` or `1h 30m`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let error = || "expected a time such as `90s`, `30m` or `1h 30m`".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| error())?;
    match Duration::try_from(duration) {
        // A century is "never"; beyond it clocks overflow.
        Ok(duration) if !duration.is_zero() && duration < Duration::from_secs(3_155_760_000) => Ok(duration),
        _ => Err(error()),
    }
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWhen {
    /// If it is a terminal and `NO_COLOR` is not set
    Auto,
    /// Yes
    Always,
    /// No
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_values_are_parsed_and_others_are_refused() {
        assert_eq!(parse_rate("auto"), Ok(Rate::Auto));
        assert_eq!(parse_rate("0.5"), Ok(Rate::Fixed(0.5)));
        for bad in ["0", "-1", "NaN", "inf", "", "1e9", "fast"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_concurrency("auto").map(NonZeroUsize::get), Ok(256));
        assert_eq!(parse_concurrency("16").map(NonZeroUsize::get), Ok(16));
        for bad in ["0", "-1", "many", ""] {
            assert!(parse_concurrency(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_percent("20%"), Ok(0.2));
        assert_eq!(parse_percent("0"), Ok(0.0));
        for bad in ["91%", "-1", "%", "NaN"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
        assert_eq!("10".parse(), Ok(MaxFailures::Rows(10)));
        assert_eq!("5%".parse::<MaxFailures>().map(|max| max.of(199)), Ok(9));
        for bad in ["-1", "101%", "x", "1.5"] {
            assert!(bad.parse::<MaxFailures>().is_err(), "{bad}");
        }
        assert_eq!(parse_delimiter("tab"), Ok(b'\t'));
        for bad in ["", "\"", "ab", "é", "a", "0", "\n"] {
            assert!(parse_delimiter(bad).is_err(), "{bad}");
        }
        assert_eq!(one_or_more("16"), Ok(std::num::NonZeroU32::MIN.saturating_add(15)));
        for bad in ["0", "-1", "many", "4294967296"] {
            assert!(one_or_more::<std::num::NonZeroU32>(bad).is_err(), "{bad}");
        }
        assert_eq!("auto".parse(), Ok(ShardArg::Auto(None)));
        assert_eq!("auto/7".parse(), Ok(ShardArg::Auto(Some(7))));
        assert_eq!("2/4".parse().ok(), Shard::new(2, 4).map(ShardArg::Given));
        for bad in ["", "2", "0/4", "5/4", "1/0", "1/10001", "auto/0", "auto/x", "-1/4", "1/2/3", "AUTO"] {
            assert!(bad.parse::<ShardArg>().is_err_and(|error| error.contains("such as `2/4`")), "{bad}");
        }
        assert!(parse_account("012345678901").is_ok());
        for bad in ["", "1234", "0123-4567-8901", "0123456789012"] {
            assert!(parse_account(bad).is_err(), "{bad}");
        }
        assert!(parse_address("127.0.0.1:0").is_ok());
        assert!(parse_address("localhost:0").is_err_and(|error| error.contains("127.0.0.1")));
        assert_eq!(parse_time("06:00"), Ok(jiff::civil::time(6, 0, 0, 0)));
        assert!(parse_time("25:00").is_err());
        assert_eq!(parse_status("Not_Attempted"), Ok(Status::NotAttempted));
        assert!(parse_status("done").is_err_and(|error| error.contains("not_attempted, invalid, duplicate")));
        for (text, moment) in
            [("2025-01-31", "2025-01-31T00:00:00Z"), ("2025-01-31T06:00:00+02:00", "2025-01-31T04:00:00Z")]
        {
            assert_eq!(parse_moment(text).map(|moment| moment.to_string()), Ok(moment.to_owned()));
        }
        for bad in ["", "31.01.2025", "2025-02-30", "2025-01-31T06:00:00", "yesterday"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for bad in ["0s", "-1s", "5", "", "soon"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
