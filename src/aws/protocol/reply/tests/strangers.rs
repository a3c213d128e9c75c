//! Replies that are not the service's.

use super::*;

#[test]
fn what_is_not_from_the_service_says_nothing_about_a_connector() {
    const PAGE: &str = "<html><head><title>404 Not Found</title></head></html>";
    // Of a block page, a captive portal, an ingress, a gateway, a firewall's API.
    let bodies = [
        PAGE,
        "",
        "default backend - 404",
        "{}",
        r#"{"message":"no Route matched with those values"}"#,
        r#"{"code":403,"message":"blocked"}"#,
        r#"{"error":"blocked","code":"policy_denied"}"#,
        r#"["Forbidden"]"#,
    ];
    let own = [("x-amzn-errortype", "X")];
    for status in (300..=499).chain([501, 505, 511, 600, 999]).filter(|status| ![408, 429].contains(status)) {
        for body in bodies {
            assert_eq!(kind(status, &[], body), ErrorKind::Unreachable, "{status} {body}");
        }
        assert_ne!(kind(status, &own, PAGE), ErrorKind::Unreachable, "{status}");
        assert_ne!(kind(status, &[REQUEST_ID], PAGE), ErrorKind::Unreachable, "{status}");
        for body in [r#"{"Code":"NotFound"}"#, r#"{"__type":"com.amazonaws.chime#NotFoundException"}"#] {
            assert_ne!(kind(status, &[], body), ErrorKind::Unreachable, "{status} {body}");
        }
    }
    // What a load balancer in front of the service says of it, and what may have been done.
    for status in [408, 500, 502, 503, 504, 599, 200, 204] {
        for body in bodies {
            assert_eq!(kind(status, &[], body), ErrorKind::NoAnswer, "{status} {body}");
        }
    }
    for body in bodies {
        assert_eq!(kind(429, &[], body), THROTTLED, "{body}");
    }
    for (status, code, message) in [
        (302, "Http302", "redirected to `https://portal/`; redirects are not followed"),
        (403, "Http403", "not a reply of the service: 404 Not Found"),
        (407, "ProxyAuthenticationRequired", "not a reply of the service: 404 Not Found"),
        (451, "Http451", "not a reply of the service: 404 Not Found"),
        (
            200,
            "GarbledReply",
            "the reply of 54 bytes is cut off, or is not an answer to this call: 404 Not Found",
        ),
    ] {
        let error = reply(status, &[("location", "https://portal/?from=x")], PAGE).unwrap_err();
        assert_eq!((&*error.code, &*error.message), (code, message));
    }
    assert_eq!(kind(503, &[], PAGE), ErrorKind::NoAnswer);
    let back_in = |seconds| ErrorKind::Unavailable { retry_after: Duration::from_secs(seconds) };
    for (status, asked, expected) in
        [(503, "7", back_in(7)), (500, "99999", back_in(300)), (503, "soon", ErrorKind::NoAnswer)]
    {
        assert_eq!(kind(status, &[("retry-after", asked)], PAGE), expected, "{asked}");
    }
}
