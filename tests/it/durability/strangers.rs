//! A service that is not there, or not the one it says it is.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::*;

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
            // The client hangs up over the certificate; whoever trusts it hears nothing.
            while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
        }
    });
    port
}

#[test]
fn a_certificate_that_does_not_match_stops_the_run_at_once() {
    for (certificate, authority) in [("elsewhere", "authority.pem"), ("localhost", "stranger.pem")] {
        let job = Job::at(300, &format!("https://localhost:{}", tls_server(certificate)));
        let authority = fixture(authority);
        let authority = authority.to_str().expect("a path");
        let outcome = job.run(&["--batch-size", "5", "--ca-bundle", authority]).exits(4);
        assert!(outcome.took < Duration::from_secs(5), "{:?}", outcome.took);
        outcome.says(&[
            "certificate is not trusted",
            "AWS_CA_BUNDLE",
            "chime-sweep rerun numbers.report.csv",
        ]);
        let rows = job.report();
        assert!(
            rows.iter().all(|row| row.status == "not_attempted" && row.code == "CertificateNotTrusted"),
            "{rows:?}"
        );
        assert!(!job.journal().exists());
    }
}

/// `.invalid` never resolves (RFC 6761).
#[test]
fn a_name_that_does_not_resolve_changes_nothing() {
    let job = Job::at(6, "https://chime.invalid");
    let outcome = job.run(&["--batch-size", "1", "--give-up-after", "2s"]).exits(4);
    outcome.says(&["everything fails", "dns", "--give-up-after", "chime-sweep rerun numbers.report.csv"]);
    let rows = job.report();
    assert!(
        rows.iter().all(|row| row.status == "not_attempted"),
        "never reached, so never `unknown`: {rows:?}"
    );
    let job = Job::at(1, "https://chime.invalid");
    job.run(&["--max-attempts", "2"]).exits(3).says(&["dns"]);
    let rows = job.report();
    assert_eq!(
        (&*rows[0].status, &*rows[0].code, rows[0].attempts),
        ("failed", "ConnectFailed", 2),
        "{rows:?}"
    );
}
