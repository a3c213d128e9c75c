//! A service that does not exist, or is not the one that it claims to be.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::super::harness::all_at_once;
use super::*;

/// A job whose service is at this address, if anything is.
fn job_at(rows: usize, url: &str) -> Job {
    Job::new(csv_of_three(rows)).with_keys().at(url).env("HTTPS_PROXY", "")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aws/tls").join(name)
}

/// A server that shows this certificate, for as long as the test runs; its port.
fn tls_server(certificate: &str) -> u16 {
    let chain = CertificateDer::from_pem_file(fixture(&format!("{certificate}.pem"))).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(fixture(&format!("{certificate}.key"))).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("a configuration");
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").expect("binds"));
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            // The client closes the connection because of the certificate; one that trusts it gets no reply.
            while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
        }
    });
    port
}

#[test]
fn a_certificate_that_does_not_match_stops_the_run() {
    for (certificate, authority) in [("elsewhere", "authority.pem"), ("localhost", "stranger.pem")] {
        let job = job_at(300, &format!("https://localhost:{}", tls_server(certificate)));
        let authority = fixture(authority).display().to_string();
        let ended = job.sweep(&format!("--batch-size 5 --give-up-after 1s --ca-bundle {authority}"));
        let texts = [
            "never reached",
            "invalid peer certificate",
            "--ca-bundle",
            "chime-sweep rerun numbers.report.csv",
        ];
        ended.exits(4).says_all(&texts);
        ended.statuses(&["not_attempted"; 300]).column_is("error_code", &["CertificateNotTrusted"; 300]);
        ended.same("journal", job.journal().exists(), false);
    }
}

/// `.invalid` never resolves (RFC 6761). One row is not worse off than many.
#[test]
fn a_name_that_does_not_resolve_changes_nothing() {
    for rows in [6, 1] {
        let ended = job_at(rows, "https://chime.invalid").sweep("--batch-size 1 --give-up-after 2s");
        let texts = [
            "never reached",
            "the name `chime.invalid`, or that of a proxy, does not resolve",
            "hint: check the region's name",
            "chime-sweep rerun numbers.report.csv",
        ];
        ended.exits(4).says_all(&texts);
        ended.statuses(&vec!["not_attempted"; rows]); // never reached, so never `unknown`
        ended.column_is("error_code", &vec!["NameNotResolved"; rows]);
    }
}

/// A server that gives every request this reply, for as long as the test runs; its address.
fn stranger(reply: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 8192]; // small, and whole
            let _ = stream.read(&mut request);
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    url
}

#[test]
fn what_a_portal_or_a_proxy_says_is_about_no_row() {
    const PAGE: &str =
        "<html><head><title>Access blocked</title></head><body>Ask your administrator</body></html>";
    let blocked = "not a reply of the service: Access blocked";
    let cases = [
        (
            "302 Found\r\nLocation: https://portal.example/login?id=7",
            "",
            "Http302",
            "`https://portal.example/login`",
        ),
        ("307 Temporary Redirect\r\nLocation: /", PAGE, "Http307", "redirected to"),
        ("401 Unauthorized\r\nWWW-Authenticate: Basic", PAGE, "Http401", blocked),
        ("403 Forbidden", PAGE, "Http403", blocked),
        ("403 Forbidden", r#"{"message":"blocked by policy"}"#, "Http403", "blocked by policy"),
        ("404 Not Found", "default backend - 404", "Http404", "default backend"),
        ("407 Proxy Authentication Required", PAGE, "ProxyAuthenticationRequired", blocked),
        ("409 Conflict", PAGE, "Http409", blocked),
        ("418 I'm a teapot", "", "Http418", "not a reply of the service"),
        ("451 Unavailable For Legal Reasons", PAGE, "Http451", blocked),
        ("511 Network Authentication Required", PAGE, "Http511", "Network Authentication Required"),
    ];
    all_at_once(&cases, |(head, body, code, words)| {
        let length = body.len();
        let url = stranger(format!(
            "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let ended = job_at(300, &url).sweep("--batch-size 5 --give-up-after 2s");
        ended.exits(4).says("last error: ").says(words).says("hint: ");
        ended.statuses(&["not_attempted"; 300]).column_is("error_code", &[*code; 300]);
    });
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_before_the_start() {
    for (variable, value, says) in [
        ("ALL_PROXY", "socks5://127.0.0.1:1", "`ALL_PROXY` is `socks5://127.0.0.1:1`, a SOCKS proxy"),
        ("HTTPS_PROXY", "socks5h://127.0.0.1:1", "a SOCKS proxy"),
        ("HTTPS_PROXY", "http://", "which is not the address of a proxy"),
        ("HTTPS_PROXY", "::bad::", "add `chime.invalid` to `NO_PROXY`"),
    ] {
        let job = job_at(3, "https://chime.invalid").env(variable, value);
        let ended = job.sweep("");
        ended.refused(&job, says).says("nothing was sent");
    }
    let job =
        job_at(3, "https://chime.invalid").env("ALL_PROXY", "socks5://127.0.0.1:1").env("NO_PROXY", "*");
    job.sweep("--give-up-after 1s").exits(4).says("does not resolve");
}

/// The proxy answers CONNECT.
#[test]
fn a_proxy_that_wants_a_password_stops_the_run() {
    let reply = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n";
    let proxy = stranger(reply.to_owned());
    let job = job_at(6, "https://chime.invalid").env("HTTPS_PROXY", &proxy);
    let ended = job.sweep("--batch-size 1 --give-up-after 1s");
    ended.exits(4).says_all(&["never reached", "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"]);
    ended.column_is("error_code", &["ProxyAuthenticationRequired"; 6]);
}
