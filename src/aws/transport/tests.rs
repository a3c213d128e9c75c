use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::credentials::is_local;
use super::*;
use crate::aws::endpoint::{Endpoint, Variant};
use crate::region::Region;

/// A server on loopback that answers each request (head and body as one text) with a status and a body.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) fn start(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        Self::start_with(None, answer)
    }

    fn start_tls(certificate: &str) -> Self {
        let chain = CertificateDer::from_pem_file(fixture(&format!("{certificate}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(fixture(&format!("{certificate}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        Self::start_with(Some(Arc::new(config)), |_| (200, "over TLS".into()))
    }

    fn start_with(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&str) -> (u16, String) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = |request: String| {
                    let reply = answer(&request);
                    log.lock().unwrap().push(request);
                    reply
                };
                // A client that refuses the certificate hangs up: that is for the client's side to assert.
                let _ = match &tls {
                    None => serve(stream, answer),
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config)).unwrap();
                        serve(StreamOwned::new(session, stream), answer)
                    }
                };
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

fn serve(stream: impl Read + Write, answer: impl FnOnce(String) -> (u16, String)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    let length =
        request.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    request.push_str(&String::from_utf8_lossy(&body));
    let (status, body) = answer(request);
    let head = format!(
        "HTTP/1.1 {status} X\r\nlocation: /again\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    reader.get_mut().write_all(head.as_bytes())?;
    reader.get_mut().flush()
}

/// Runs an `#[ignore]`d test of this binary in a process of its own, with `variables` for an environment: what
/// libraries read there cannot be tested in this one.
pub(crate) fn spawn_probe(test: &str, variables: &HashMap<&str, String>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--test-threads=1"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(variables)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/aws/tls").join(name)
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::of_url(url, Region::parse("us-east-1").unwrap(), Variant::default(), false).unwrap()
}

async fn get(url: &str, bundle: Option<&str>) -> Result<String, String> {
    let bundle = bundle.map(fixture);
    let client = Transports::default().service_client(&endpoint(url), bundle.as_deref(), PATIENCE);
    let client = client.map_err(|error| chain(&error))?;
    let reply = client.get(url).send().await.map_err(|error| chain(&error))?;
    let status = reply.status().as_u16();
    Ok(format!("{status} {}", reply.text().await.unwrap()))
}

async fn get_as_chain(url: &str, bundle: Option<&str>, timeout: Duration) -> Result<String, String> {
    let transport = CredentialsTransport {
        timeout,
        ..CredentialsTransport::new(&Transports::default(), bundle.map(fixture).as_deref())
    };
    let request = http::Request::get(url).body(SdkBody::empty()).unwrap();
    let reply = transport.exchange(HttpRequest::try_from(request).unwrap()).await;
    let reply = reply.map_err(|error| chain(&error))?;
    let body = String::from_utf8_lossy(reply.body().bytes().unwrap()).into_owned();
    Ok(format!("{} {body}", reply.status().as_u16()))
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Which peers the service's client and the chain's client trust.
#[tokio::test]
async fn the_bundle_alone_decides_whom_to_trust() {
    let (localhost, elsewhere) = (Fake::start_tls("localhost"), Fake::start_tls("elsewhere"));
    for (server, bundle, expected) in [
        (&localhost, Some("authority.pem"), Ok("200 over TLS")),
        (&localhost, Some("stranger.pem"), Err("UnknownIssuer")),
        (&localhost, None, Err("UnknownIssuer")),
        (&elsewhere, Some("authority.pem"), Err("not valid for name")),
    ] {
        let url = format!("https://localhost:{}/", server.address.port());
        for got in [get(&url, bundle).await, get_as_chain(&url, bundle, Duration::from_secs(20)).await] {
            match (&got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected),
                (Err(got), Err(expected)) => assert!(got.contains(expected), "{bundle:?}: {got}"),
                _ => panic!("{bundle:?}: {got:?} instead of {expected:?}"),
            }
        }
    }
    assert!(elsewhere.seen().is_empty(), "nothing is sent to a host that is not the one meant");
}

/// As botocore does: a bundle of a proxy's authority, say, must not add the platform's roots.
#[test]
fn the_bundle_replaces_the_platforms_roots() {
    let server = Fake::start_tls("localhost");
    let platform = fixture("authority.pem").to_string_lossy().into_owned();
    let url = format!("https://localhost:{}/", server.address.port());
    let variables: HashMap<_, _> = [("SSL_CERT_FILE", platform), ("PROBE_URL", url)].into();
    assert!(spawn_probe("aws::transport::tests::probe_of_roots", &variables).wait().unwrap().success());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
#[ignore = "run by `the_bundle_replaces_the_platforms_roots`"]
#[expect(clippy::disallowed_methods, reason = "the environment is this process's only input")]
async fn probe_of_roots() {
    let url = std::env::var("PROBE_URL").unwrap();
    let enough = Duration::from_secs(20);
    assert_eq!(get(&url, None).await.as_deref(), Ok("200 over TLS"));
    assert_eq!(get_as_chain(&url, None, enough).await.as_deref(), Ok("200 over TLS"));
    assert!(get(&url, Some("stranger.pem")).await.is_err());
    assert!(get_as_chain(&url, Some("stranger.pem"), enough).await.is_err());
}

#[test]
fn an_invalid_bundle_is_an_error_that_names_the_file() {
    for (name, reason) in [
        ("absent.pem", "cannot be read"),
        ("generate.sh", "holds no PEM certificate"),
        ("localhost.key", "holds no PEM certificate"),
    ] {
        let message = Transports::default()
            .service_client(&endpoint("https://localhost"), Some(&fixture(name)), PATIENCE)
            .unwrap_err()
            .to_string();
        assert!(message.contains(name) && message.contains(reason), "{message}");
    }
}

#[tokio::test]
async fn a_request_is_sent_once_and_says_who_asks() {
    for status in [307, 429, 503] {
        let fake = Fake::start(move |_| (status, String::new()));
        assert_eq!(get(&fake.url(), None).await, Ok(format!("{status} ")));
        let of_chain = get_as_chain(&fake.url(), None, Duration::from_secs(20)).await;
        assert_eq!(of_chain, Ok(format!("{status} ")));
        let [request, _of_chain] = &fake.seen()[..] else { panic!("{:?}", fake.seen()) };
        assert!(
            request.contains(concat!("user-agent: chime-sweep/", env!("CARGO_PKG_VERSION"))),
            "{request}"
        );
        assert!(!request.contains("accept-encoding"), "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let before = tokio::time::Instant::now();
    let got = get_as_chain(&url, None, Duration::from_secs(2)).await;
    assert!(
        got.as_ref().is_err_and(|error| error.contains("timed out") || error.contains("timeout")),
        "{got:?}"
    );
    assert!(before.elapsed() <= Duration::from_secs(3));
}

#[tokio::test]
async fn an_endless_reply_is_cut() {
    let fake = Fake::start(|_| (200, "x".repeat(1024 * 1024 + 1)));
    let got = get_as_chain(&fake.url(), None, Duration::from_secs(20)).await;
    assert!(got.is_err_and(|error| error.contains("too large")));
}

#[test]
fn local_addresses_are_known() {
    for (url, local) in [
        ("http://169.254.169.254/latest", true),
        ("http://[fd00:ec2::254]/", true),
        ("http://[fe80::1]/", true),
        ("http://localhost:1/", true),
        ("http://[::1]/", true),
        ("https://sts.us-east-1.amazonaws.com/", false),
        ("http://10.0.0.1/", false),
        ("http://[fd00:ec3::1]/", false),
        ("http://169.254.169.254.example.com/", false),
    ] {
        assert_eq!(is_local(&url.parse().unwrap()), local, "{url}");
    }
}

#[test]
fn this_machine_is_reached_without_a_proxy() {
    let (service, proxy) = (Fake::start(|_| (200, "here".into())), Fake::start(|_| (502, String::new())));
    let variables: HashMap<_, _> =
        [("HTTP_PROXY", proxy.url()), ("http_proxy", proxy.url()), ("PROBE_URL", service.url())].into();
    assert!(spawn_probe("aws::transport::tests::probe", &variables).wait().unwrap().success());
    assert_eq!((service.seen().len(), proxy.seen().len()), (2, 0));
}

#[tokio::test]
#[ignore = "run by `this_machine_is_reached_without_a_proxy`"]
#[expect(clippy::disallowed_methods, reason = "the environment is this process's only input")]
async fn probe() {
    let url = std::env::var("PROBE_URL").unwrap();
    assert_eq!(get(&url, None).await.as_deref(), Ok("200 here"));
    assert_eq!(get_as_chain(&url, None, Duration::from_secs(20)).await.as_deref(), Ok("200 here"));
}
