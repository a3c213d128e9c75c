//! Where the service answers: the rules that make an [`Endpoint`] of a region, of FIPS and dual-stack, or of a URL.
//!
//! Pure. Must not read the environment or a file ([`aws`](crate::aws) does), and must not open a socket.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::region::Region;
use crate::text::escaped;

/// The regions among [`KNOWN_REGIONS`](crate::region::KNOWN_REGIONS) that have a FIPS host.
pub const FIPS_REGIONS: [&str; 3] = ["ca-central-1", "us-east-1", "us-west-2"];

/// Which of a region's hosts is wanted. The default is the ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Variant {
    /// The host with FIPS 140 validated cryptography.
    pub fips: bool,
    /// The host that answers on IPv6 too.
    pub dual_stack: bool,
}

/// Where requests go, and the region that they are signed for. `Display` shows the URL without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: Url,
    region: Region,
}

impl Endpoint {
    /// The service's own host in `region`.
    ///
    /// # Errors
    /// If FIPS is asked for in a known region that has no such host.
    pub fn of_region(region: Region, variant: Variant) -> Result<Self, EndpointError> {
        if variant.fips && region.is_known() && !FIPS_REGIONS.contains(&region.as_str()) {
            return Err(EndpointError::NoFips { region });
        }
        let service = if variant.fips { "voice-chime-fips" } else { "voice-chime" };
        let domain = if variant.dual_stack { "api.aws" } else { "amazonaws.com" };
        Self::of_url(&format!("https://{service}.{region}.{domain}"), region, Variant::default(), false)
    }

    /// An endpoint that the user named. A path is kept, and precedes that of the operation.
    ///
    /// # Errors
    /// If `url` is not an `http` or `https` URL, holds credentials, a query or a fragment, has a path that a URL parser
    /// would rewrite (what is sent would not be what was signed), or is plain `http` to anything but this machine while
    /// `allow_http` is false; or if it is named together with FIPS or dual-stack.
    pub fn of_url(
        url: &str,
        region: Region,
        variant: Variant,
        allow_http: bool,
    ) -> Result<Self, EndpointError> {
        let unusable = |problem: &str| EndpointError::Unusable { url: shown(url), problem: problem.into() };
        if variant != Variant::default() {
            let asked = if variant.fips { "FIPS" } else { "dual-stack" };
            return Err(unusable(&format!("cannot be used together with {asked}")));
        }
        // `Url` would silently repair these, and the user would not see where the requests go.
        if url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(unusable("cannot be used: it contains a space, a control character or a backslash"));
        }
        let after_scheme = match url.split_once("://") {
            Some((scheme, rest)) if ["http", "https"].contains(&&*scheme.to_ascii_lowercase()) => rest,
            _ => return Err(unusable("cannot be used: it must start with `https://` or `http://`")),
        };
        if after_scheme.is_empty() || after_scheme.starts_with('/') {
            return Err(unusable("cannot be used: it has no host"));
        }
        let mut base = Url::parse(url).map_err(|error| unusable(&format!("is not a URL: {error}")))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(unusable("cannot be used: it contains a user name or a password"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(unusable("cannot be used: it contains a query or a fragment"));
        }
        let typed = after_scheme.find('/').map_or("", |start| &after_scheme[start..]).trim_end_matches('/');
        if base.path().trim_end_matches('/') != typed || typed.contains("//") {
            return Err(unusable(
                "cannot be used: it is not `https://host[:port]` alone or with a plain path",
            ));
        }
        base.set_path(typed);
        if base.scheme() == "http" && !allow_http && !is_loopback(&base) {
            return Err(unusable("is plain http and not on this machine; --allow-http permits it"));
        }
        Ok(Self { base, region })
    }

    /// Host, and port if it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.base.authority()
    }

    /// The region that requests are signed for.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Whether requests stay on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    /// Whether requests are plain `http`.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// Whether `url` names this machine: `localhost`, 127.0.0.0/8 or `::1`. Names are not looked up.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    match ip_of(host) {
        Some(ip) => ip.to_canonical().is_loopback(),
        None => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// The address that `host` is, if it is one (`[::1]` is).
pub(crate) fn ip_of(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// `url` for a message: what precedes an `@` could be a password.
fn shown(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", escaped(&url[..scheme]), escaped(&url[at..]))
        }
        _ => escaped(url),
    }
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The region has no FIPS host.
    #[error("the service has no FIPS endpoint in `{region}`, only in {}", FIPS_REGIONS.join(", "))]
    NoFips {
        /// The region asked for.
        region: Region,
    },
    /// The user's endpoint cannot be used.
    #[error("endpoint `{url}` {problem}")]
    Unusable {
        /// What was given, without a password.
        url: String,
        /// What is wrong with it; reads on from the URL.
        problem: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_url(url: &str, allow_http: bool) -> Result<String, String> {
        let region = Region::parse("us-east-1").unwrap();
        Endpoint::of_url(url, region, Variant::default(), allow_http)
            .map(|endpoint| endpoint.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn hosts_are_those_of_the_service() {
        for (region, fips, dual_stack, host) in [
            ("us-east-1", false, false, "voice-chime.us-east-1.amazonaws.com"),
            ("eu-west-2", false, true, "voice-chime.eu-west-2.api.aws"),
            ("ca-central-1", true, false, "voice-chime-fips.ca-central-1.amazonaws.com"),
            ("us-west-2", true, true, "voice-chime-fips.us-west-2.api.aws"),
            ("xx-new-7", true, false, "voice-chime-fips.xx-new-7.amazonaws.com"),
        ] {
            let region = Region::parse(region).unwrap();
            let endpoint = Endpoint::of_region(region, Variant { fips, dual_stack }).unwrap();
            assert_eq!(endpoint.to_string(), format!("https://{host}"));
            assert!(!endpoint.is_loopback() && !endpoint.is_plain());
        }
        let region = Region::parse("eu-west-1").unwrap();
        let refused = Endpoint::of_region(region, Variant { fips: true, dual_stack: true }).unwrap_err();
        assert!(refused.to_string().contains("only in ca-central-1, us-east-1, us-west-2"), "{refused}");
    }

    #[test]
    fn a_named_endpoint_is_normalised_or_refused() {
        for (url, base) in [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.com:443//", "https://example.com"),
            ("https://example.com:8443/a/b/", "https://example.com:8443/a/b"),
            ("https://example.com/a%20b//", "https://example.com/a%20b"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.1.2.3:1/", "http://127.1.2.3:1"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
            ("http://sim.localhost", "http://sim.localhost"),
        ] {
            assert_eq!(of_url(url, false).as_deref(), Ok(base));
        }
        for (url, reason) in [
            ("example.com", "must start with"),
            ("ftp://example.com", "must start with"),
            ("https://", "no host"),
            ("https:///example.com", "no host"),
            ("https://exam ple.com", "a space"),
            ("https://example.com\\@evil", "a backslash"),
            ("https://a@example.com", "a user name"),
            ("https://example.com?x=1", "a query"),
            ("https://example.com/#x", "a fragment"),
            ("https://[::1", "not a URL"),
            ("https://host/a/../b", "a plain path"),
            ("https://host/a/%2E%2e/b", "a plain path"),
            ("https://host//a", "a plain path"),
            ("https://host/{a}", "a plain path"),
            ("/relative", "must start with"),
            ("host.example.com:443", "must start with"),
            ("http://example.com", "--allow-http"),
            ("http://localhost.example.com", "--allow-http"),
            ("http://169.254.169.254", "--allow-http"),
        ] {
            let message = of_url(url, false).unwrap_err();
            assert!(message.contains(reason), "{url}: {message}");
        }
        assert_eq!(of_url("http://example.com", true).as_deref(), Ok("http://example.com"));
        let message = of_url("https://me:hunter2@example.com", false).unwrap_err();
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn a_named_endpoint_has_no_variants() {
        for (fips, dual_stack, asked) in
            [(true, false, "FIPS"), (false, true, "dual-stack"), (true, true, "FIPS")]
        {
            let region = Region::parse("us-east-1").unwrap();
            let variant = Variant { fips, dual_stack };
            let error = Endpoint::of_url("https://localhost", region, variant, false).unwrap_err();
            assert!(error.to_string().contains(asked), "{error}");
        }
    }
}
