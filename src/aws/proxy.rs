//! Checks the proxy that the environment names for the service, before anything is sent.
//!
//! The HTTP client passes over a proxy that it cannot use, and would then go around it. Must not connect to anything.

use http::Uri;
use http::uri::Authority;
use hyper_util::client::proxy::matcher::Matcher;

use crate::aws::Environment;
use crate::aws::endpoint::Endpoint;
use crate::hint::Hinted;

/// Checks the proxy for the endpoint, if there is one.
///
/// # Errors
/// If its variable does not name an HTTP proxy.
pub(crate) fn check(endpoint: &Endpoint, env: &Environment) -> Result<(), Hinted> {
    let Ok(uri) = endpoint.to_string().parse::<Uri>() else { return Ok(()) };
    let own = if endpoint.is_plain() { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
    let mut names = own.into_iter().chain(["ALL_PROXY", "all_proxy"]);
    let Some((name, value)) = names.find_map(|name| Some((name, env.raw(name)?))) else {
        return Ok(());
    };
    let no_proxy = env.raw("NO_PROXY").or_else(|| env.raw("no_proxy")).unwrap_or_default();
    let is_excepted = Matcher::builder().all("http://any").no(no_proxy).build().intercept(&uri).is_none();
    if endpoint.is_loopback() || is_excepted {
        return Ok(());
    }
    let host = uri.host().unwrap_or_default();
    let wrong = |what| {
        Hinted::new(
            format!("`{name}` is `{}`, {what}", shown(value)),
            format!("name an HTTP proxy, such as http://HOST:PORT, or add `{host}` to `NO_PROXY`"),
        )
    };
    let proxy = Matcher::builder().all(value).build().intercept(&uri);
    let proxy = proxy.as_ref().map(|proxy| (proxy.uri().scheme_str(), proxy.uri().authority()));
    // A port that is not a number is not an error to the parser.
    let is_whole =
        |at: &Authority| !at.host().is_empty() && (at.as_str() == at.host() || at.port().is_some());
    match proxy {
        Some((Some(scheme), _)) if scheme.starts_with("socks") => {
            Err(wrong("a SOCKS proxy, which chime-sweep cannot use"))
        }
        Some((_, Some(authority))) if is_whole(authority) => Ok(()),
        _ => Err(wrong("which is not the address of a proxy")),
    }
}

/// Without user and password.
fn shown(value: &str) -> String {
    let shown = match (value.split_once("//"), value.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}//…@{host}"),
        (None, Some((_, host))) => format!("…@{host}"),
        (_, None) => value.to_owned(),
    };
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::endpoint::Variant;
    use crate::hint::Hint as _;
    use crate::region::Region;

    fn checked(url: &str, variables: &[(&str, &str)]) -> Result<(), String> {
        let endpoint = Endpoint::of_url(url, Region::parse("us-east-1").unwrap(), Variant::default(), true);
        let env = variables.iter().copied().collect();
        check(&endpoint.unwrap(), &env).map_err(|error| error.with_hint())
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_only_if_it_would_be_used() {
        const AWS: &str = "https://voice-chime.us-east-1.amazonaws.com";
        const SOCKS: (&str, &str) = ("ALL_PROXY", "socks5://proxy:1080");
        let not = "which is not the address of a proxy";
        for (url, variables, expected) in [
            (AWS, &[][..], ""),
            (AWS, &[("HTTPS_PROXY", "http://proxy:3128")], ""),
            (AWS, &[("https_proxy", "proxy:3128")], ""),
            (AWS, &[("ALL_PROXY", "http://user:word@proxy:3128/")], ""),
            (AWS, &[("HTTPS_PROXY", "http://proxy:3128"), SOCKS], ""),
            (AWS, &[SOCKS], "`ALL_PROXY` is `socks5://proxy:1080`, a SOCKS proxy"),
            (AWS, &[("HTTPS_PROXY", "socks5h://u:secret@proxy")], "is `socks5h://…@proxy`, a SOCKS proxy"),
            (AWS, &[("all_proxy", "socks4://proxy")], "a SOCKS proxy"),
            (AWS, &[("HTTPS_PROXY", "http://")], not),
            (AWS, &[("HTTPS_PROXY", "::bad::")], not),
            (AWS, &[("HTTPS_PROXY", "http://:3128")], not),
            (AWS, &[("HTTPS_PROXY", " http://proxy:3128")], not),
            (AWS, &[("HTTPS_PROXY", "http://my proxy:3128")], not),
            (AWS, &[("HTTPS_PROXY", "http://proxy:3128\r")], "`http://proxy:3128\\r`, which is not"),
            (AWS, &[("HTTPS_PROXY", "http://proxy:port")], not),
            (AWS, &[("HTTPS_PROXY", "ftp://proxy")], not),
            (AWS, &[("HTTPS_PROXY", "/proxy")], not),
            (AWS, &[("HTTPS_PROXY", "u:secret@my proxy")], "is `…@my proxy`, which is not"),
            (AWS, &[("HTTPS_PROXY", " ")], ""),
            (AWS, &[("HTTP_PROXY", "::bad::")], ""),
            (AWS, &[SOCKS, ("NO_PROXY", ".amazonaws.com")], ""),
            (AWS, &[SOCKS, ("no_proxy", "example.com, *")], ""),
            (
                AWS,
                &[SOCKS, ("NO_PROXY", "example.com")],
                "add `voice-chime.us-east-1.amazonaws.com` to `NO_PROXY`",
            ),
            ("http://service.example", &[("HTTP_PROXY", "::bad::")], "`HTTP_PROXY` is `::bad::`"),
            ("http://service.example", &[("HTTPS_PROXY", "::bad::")], ""),
            ("http://127.0.0.1:1", &[SOCKS], ""),
        ] {
            match checked(url, variables) {
                Ok(()) => assert_eq!(expected, "", "{variables:?}"),
                Err(error) => {
                    assert!(!expected.is_empty() && error.contains(expected), "{variables:?}: {error}");
                    assert!(!error.contains("secret"), "{error}");
                }
            }
        }
    }
}
