//! How fast a run is expected to be, before it has begun.
//!
//! Must not know what is sent.

/// The assumed limit of the service without `--rate`: AWS publishes no limit, but this one was observed.
const ASSUMED_RATE: f64 = 10.0;

/// How fast a run would be, in requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Expected {
    /// What `--rate` says.
    Typed(f64),
    /// What an earlier run has found.
    Found(f64),
    /// Nobody knows.
    Assumed,
}

impl Expected {
    /// In requests per second.
    pub(crate) fn rate(self) -> f64 {
        match self {
            Self::Typed(rate) | Self::Found(rate) => rate,
            Self::Assumed => ASSUMED_RATE,
        }
    }
}
