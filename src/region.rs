//! An AWS region by its name.
//!
//! Must not know where a region's hosts are.

use std::fmt;

use crate::text::escaped;

/// Regions in which Amazon Chime SDK Voice Connectors exist (AWS General Reference, "Amazon Chime SDK endpoints").
pub const KNOWN_REGIONS: [&str; 10] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-west-2",
];

/// A region's name, such as `us-east-1`; well formed, so that it can be part of a host name and of a signature's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region(Box<str>);

impl Region {
    /// Reads a region's name: lowercase letters, digits and single hyphens. It need not be one of [`KNOWN_REGIONS`].
    ///
    /// # Errors
    /// If `name` is anything else, such as `US East` or a name with a space after it.
    pub fn parse(name: &str) -> Result<Self, MalformedRegion> {
        let label = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        // 63 is the longest label that DNS allows.
        if name.len() > 63 || !name.contains('-') || !name.split('-').all(label) {
            return Err(MalformedRegion { name: escaped(name) });
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the service is known to have Voice Connectors there. AWS adds regions, so an unknown one is not refused.
    #[must_use]
    pub fn is_known(&self) -> bool {
        KNOWN_REGIONS.contains(&self.as_str())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A region's name that could not be part of a host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a region name: use lowercase letters, digits and hyphens, as in `us-east-1`")]
pub struct MalformedRegion {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_must_be_able_to_stand_in_a_host_name() {
        for name in ["us-east-1", "ap-southeast-2", "mx-central-1", "us-gov-west-1"] {
            assert_eq!(Region::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "us-east-1 ",
            "US-EAST-1",
            "US East",
            "us",
            "-us-east-1",
            "us--1",
            "a.b-1",
            "us-east-1/x",
            "é-1",
        ] {
            assert!(Region::parse(name).is_err(), "{name}");
        }
        assert!(Region::parse("us-east-1").unwrap().is_known());
        assert!(!Region::parse("us-east-2").unwrap().is_known());
    }
}
