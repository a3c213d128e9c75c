//! A service that does not exist, or is not the one that it claims to be.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::*;

/// A job whose service is at this address, if anything is.
fn job_at(rows: usize, url: &str) -> Job {
    Job::new(csv_of_three(rows)).with_keys().at(url)
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
fn a_certificate_that_does_not_match_stops_the_run_at_once() {
    for (certificate, authority) in [("elsewhere", "authority.pem"), ("localhost", "stranger.pem")] {
        let job = job_at(300, &format!("https://localhost:{}", tls_server(certificate)));
        let authority = fixture(authority).display().to_string();
        let ended = job.sweep(&format!("--batch-size 5 --ca-bundle {authority}"));
        let texts = ["certificate is not trusted", "AWS_CA_BUNDLE", "chime-sweep rerun numbers.report.csv"];
        ended.exits(4).says_all(&texts);
        ended.statuses(&["not_attempted"; 300]).column_is("error_code", &["CertificateNotTrusted"; 300]);
        ended.same("journal", job.journal().exists(), false);
    }
}

/// `.invalid` never resolves (RFC 6761).
#[test]
fn a_name_that_does_not_resolve_changes_nothing() {
    let job = job_at(6, "https://chime.invalid");
    let ended = job.sweep("--batch-size 1 --give-up-after 2s");
    let texts = ["everything fails", "dns", "--give-up-after", "chime-sweep rerun numbers.report.csv"];
    ended.exits(4).says_all(&texts);
    ended.statuses(&["not_attempted"; 6]); // never reached, so never `unknown`

    let ended = job_at(1, "https://chime.invalid").sweep("--max-attempts 2");
    ended.exits(3).says("dns").statuses(&["failed"]);
    ended.column_is("error_code", &["ConnectFailed"]).column_is("attempts", &["2"]);
}
