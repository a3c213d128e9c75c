//! Every source, against fakes on loopback. AWS's crates read the process's environment, so each case is a process.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc;

use tempfile::TempDir;

use super::*;
use crate::aws::transport::tests::{Fake, chain, spawn_probe};
use crate::aws::{AwsArgs, AwsSettings, Environment, SharedProfiles};
use crate::hint::Hint as _;

const LATER: &str = "2099-01-01T00:00:00Z";

/// A home directory and an environment; what a probe found there.
struct Case {
    home: TempDir,
    variables: HashMap<&'static str, String>,
}

impl Case {
    /// Nothing is configured. The settings for retrying are ones that AWS's own loader panics over, and there is a
    /// proxy that nothing local may use.
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(".aws/sso/cache")).unwrap();
        let case = Self { home, variables: HashMap::new() };
        let (home, out) = (case.path(""), case.path("out"));
        case.set("HOME", home)
            .set("PROBE_OUT", out)
            .set("AWS_REGION", "us-east-1")
            .set("AWS_RETRY_MODE", "legacy")
            .set("AWS_MAX_ATTEMPTS", "0")
            .set("AWS_EC2_METADATA_DISABLED", "true")
            .set("HTTP_PROXY", "http://127.0.0.1:9")
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    /// What the probe got from `get`, and by `renew` if `PROBE_THEN` asked for it.
    fn run(&self) -> String {
        let status = spawn_probe("aws::credentials::tests::sources::probe", &self.variables).wait().unwrap();
        assert!(status.success(), "the probe panicked");
        fs::read_to_string(self.path("out")).unwrap()
    }
}

#[tokio::test]
#[ignore = "run by the other tests, in an environment of its own"]
async fn probe() {
    let env = Environment::of_process();
    let out = env.get("PROBE_OUT").unwrap().to_owned();
    let args = AwsArgs { profile: env.get("PROBE_PROFILE").map(str::to_owned), ..AwsArgs::default() };
    let then = env.get("PROBE_THEN").map(str::to_owned);
    let settings = AwsSettings::resolve(&args, &env, &SharedProfiles::default()).await.unwrap();
    let source = CredentialSources::default().of(&settings, &env);
    let found = source.get(at(0)).await;
    let mut told = match &found {
        Ok(keys) => show(keys),
        Err(error) => {
            error.hint().into_iter().fold(chain(error), |told, hint| format!("{told}\nhint: {hint}"))
        }
    };
    if let (Some(then), Ok(refused)) = (then, &found) {
        assert!(std::process::Command::new("sh").args(["-c", &then]).status().unwrap().success());
        let then = match source.renew(refused, at(1)).await {
            Ok(Some(keys)) => show(&keys),
            Ok(None) => "unchanged".to_owned(),
            Err(error) => chain(&error),
        };
        told = format!("{told}, then {then}");
    }
    fs::write(Path::new(&out), told).unwrap();
}

fn show(keys: &Credentials) -> String {
    let expires = if keys.expiry().is_some() { " until later" } else { "" };
    let (secret, token) = (keys.secret_access_key(), keys.session_token().unwrap_or("-"));
    format!("{} {secret} {token}{expires}", keys.access_key_id())
}

/// What container and instance metadata answer.
fn metadata(id: &str) -> String {
    format!(
        r#"{{"Code":"Success","LastUpdated":"2020-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"{id}",
            "SecretAccessKey":"s","Token":"t","Expiration":"{LATER}"}}"#
    )
}

/// What STS answers.
fn role(action: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>{LATER}</Expiration></Credentials></{action}Result></{action}Response>"
    )
}

fn sts() -> Fake {
    Fake::start(|request| {
        let action = if request.contains("Action=AssumeRoleWithWebIdentity") {
            "AssumeRoleWithWebIdentity"
        } else {
            "AssumeRole"
        };
        (200, role(action))
    })
}

#[test]
fn the_environment_comes_first_unless_a_profile_is_typed() {
    let case = Case::new()
        .set("AWS_ACCESS_KEY_ID", "ENV")
        .set("AWS_SECRET_ACCESS_KEY", "s")
        .set("AWS_SESSION_TOKEN", "t")
        .set("AWS_PROFILE", "mine")
        .file(".aws/credentials", "[mine]\naws_access_key_id = MINE\naws_secret_access_key = s\n");
    assert_eq!(case.run(), "ENV s t");
    assert_eq!(case.set("PROBE_PROFILE", "mine").set("AWS_PROFILE", "other").run(), "MINE s -");
}

/// With keys in the environment no file is read and no request is sent: the files here could not be parsed.
#[tokio::test]
async fn keys_in_the_environment_need_nothing_else() {
    let args = AwsArgs { region: Some("us-east-1".into()), ..AwsArgs::default() };
    let settings =
        AwsSettings::resolve(&args, &Environment::default(), &SharedProfiles::default()).await.unwrap();
    let files = Case::new().file("broken", "[default\n");
    let variables = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_CONFIG_FILE", &files.path("broken"))];
    let both = variables.into_iter().chain([("AWS_SECRET_ACCESS_KEY", "s")]);
    let source = CredentialSources::default().of(&settings, &both.collect());
    assert_eq!(id_at(&source, 0).await, "ENV");
    let half = CredentialSources::default().of(&settings, &variables.into_iter().collect());
    assert_eq!(id_at(&half, 0).await, "`AWS_ACCESS_KEY_ID` is set and `AWS_SECRET_ACCESS_KEY` is not");
    let other =
        CredentialSources::default().of(&settings, &[("AWS_SECRET_ACCESS_KEY", "s")].into_iter().collect());
    assert_eq!(id_at(&other, 0).await, "`AWS_SECRET_ACCESS_KEY` is set and `AWS_ACCESS_KEY_ID` is not");
    let none = CredentialSources::default().of(&settings, &variables.into_iter().skip(1).collect());
    assert!(id_at(&none, 0).await.contains("cannot be used: on line 1"));
}

#[test]
fn a_profile_that_a_script_renews_is_seen() {
    let keys = |id: &str| format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = s\n");
    let case = Case::new().file(".aws/credentials", &keys("OLD")).file("new", &keys("NEW"));
    let case =
        case.set("AWS_MAX_ATTEMPTS", "abc").set("PROBE_THEN", "cp \"$HOME/new\" \"$HOME/.aws/credentials\"");
    assert_eq!(case.run(), "OLD s -, then NEW s -");
    assert_eq!(case.run(), "NEW s -, then unchanged");
    let gone =
        case.set("PROBE_THEN", "mv \"$HOME/.aws/credentials\" \"$HOME/gone\"").set("AWS_PROFILE", "default");
    let told = gone.run();
    assert!(told.contains("then profile `default`, chosen by `AWS_PROFILE`, is not in"), "{told}");
}

#[test]
fn a_credential_process_is_run() {
    let script = "#!/bin/sh\ncat <<X\n{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"s\",\
                  \"SessionToken\":\"t\",\"Expiration\":\"2099-01-01T00:00:00Z\"}\nX\n";
    let case = Case::new().file("keys.sh", script);
    let config = format!("[default]\ncredential_process = sh {}\n", case.path("keys.sh"));
    let case = case.file(".aws/config", &config);
    assert_eq!(case.run(), "PROC s t until later");
    let told = case.file("keys.sh", "echo no luck >&2; exit 7\n").run();
    assert!(told.starts_with("profile `default` in `~/.aws/config`") && told.contains("no luck"), "{told}");
}

#[test]
fn roles_are_assumed_through_sts() {
    let sts = sts();
    let case = Case::new().set("AWS_ENDPOINT_URL_STS", sts.url()).file(
        ".aws/config",
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n\
         [profile base]\naws_access_key_id = BASE\naws_secret_access_key = s\n",
    );
    assert_eq!(case.set("AWS_PROFILE", "role").run(), "ROLE s t until later");
    assert!(sts.seen()[0].contains("Credential=BASE/"), "{:?}", sts.seen());

    let token = Case::new().set("AWS_ENDPOINT_URL_STS", sts.url()).file("token", "jwt");
    let file = token.path("token");
    let token = token
        .set("AWS_WEB_IDENTITY_TOKEN_FILE", file)
        .set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r");
    assert_eq!(token.run(), "ROLE s t until later");
    assert!(sts.seen()[1].contains("WebIdentityToken=jwt"), "{:?}", sts.seen());
    let message = token.set("PROBE_PROFILE", "default").file(".aws/config", "[default]\n").run();
    assert!(message.contains("chosen by --profile, names no credentials"), "{message}");
}

#[test]
fn sso_keys_come_from_its_portal() {
    let keys = r#"{"roleCredentials":{"accessKeyId":"SSO","secretAccessKey":"s","sessionToken":"t",
                   "expiration":4070908800000}}"#;
    let portal = Fake::start(|request| {
        let valid = request.contains("x-amz-sso_bearer_token: valid");
        if valid { (200, keys.into()) } else { (401, "{}".into()) }
    });
    // The token's file is named by the SHA-1 of the start URL.
    let cache = ".aws/sso/cache/98df91031e87f97bfc088c045be6442dc5d70b2a.json";
    let token = |token: &str| {
        let start = "https://sso.example/start";
        format!(
            r#"{{"accessToken":"{token}","expiresAt":"{LATER}","region":"us-east-1","startUrl":"{start}"}}"#
        )
    };
    let case = Case::new().set("AWS_ENDPOINT_URL_SSO", portal.url()).file(cache, &token("valid")).file(
        ".aws/config",
        "[default]\nsso_start_url = https://sso.example/start\nsso_region = us-east-1\n\
         sso_account_id = 123456789012\nsso_role_name = r\n",
    );
    assert_eq!(case.run(), "SSO s t until later");
    let told = case.file(cache, &token("revoked")).run();
    assert!(told.contains("hint: `aws sso login --profile default`"), "{told}");
}

#[test]
fn container_keys_come_from_the_uri_given() {
    let fake = Fake::start(|_| (200, metadata("BOX")));
    let case = Case::new()
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", fake.url() + "/keys")
        .set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer box");
    assert_eq!(case.run(), "BOX s t until later");
    assert!(fake.seen()[0].starts_with("GET /keys ") && fake.seen()[0].contains("authorization: Bearer box"));
}

#[test]
fn instance_keys_come_with_a_session_token() {
    let fake = Fake::start(|request| {
        let (line, headers) = request.split_once("\r\n").unwrap();
        let path = line.trim_end_matches(" HTTP/1.1");
        if path != "PUT /latest/api/token" && !headers.contains("x-aws-ec2-metadata-token: session") {
            return (401, String::new());
        }
        match path {
            "PUT /latest/api/token" => (200, "session".into()),
            "GET /latest/meta-data/iam/security-credentials/" => (200, "role".into()),
            "GET /latest/meta-data/iam/security-credentials/role" => (200, metadata("EC2")),
            _ => (404, String::new()),
        }
    });
    let case = Case::new().set("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.url());
    assert!(case.run().contains("`AWS_EC2_METADATA_DISABLED` is set"));
    assert_eq!(fake.seen().len(), 0);
    assert_eq!(case.set("AWS_EC2_METADATA_DISABLED", "false").run(), "EC2 s t until later");
}

#[test]
fn without_keys_the_error_names_each_source() {
    let told = Case::new().run();
    let expected = [
        "environment: `AWS_ACCESS_KEY_ID` is not set",
        "profile `default` in `~/.aws/config` and `~/.aws/credentials`: not found",
        "web identity: `AWS_WEB_IDENTITY_TOKEN_FILE` is not set",
        "container: neither `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`",
        "instance metadata: `AWS_EC2_METADATA_DISABLED` is set",
    ];
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 7, "{told}");
    for (line, expected) in lines[1..].iter().zip(expected) {
        assert!(line.trim_start().starts_with(expected), "{told}");
    }
    assert!(lines[6].starts_with("hint: `aws configure`"), "{told}");
}

/// As on another cloud's machine, and with a profile that has a region only.
#[test]
fn without_keys_the_error_says_what_was_found_instead() {
    let stranger = Fake::start(|_| (405, String::new()));
    let case = Case::new()
        .file(".aws/config", "[default]\nregion = us-east-1\n")
        .set("AWS_EC2_METADATA_DISABLED", "false")
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", stranger.url());
    let told = case.run();
    assert!(told.contains("`~/.aws/credentials`: it names no credentials"), "{told}");
    assert!(told.contains("instance metadata: ") && told.contains("405"), "{told}");
}

/// A source that is configured and fails is the end: the keys of the next might be another account's.
#[test]
fn a_failing_source_is_not_skipped() {
    let refusing = Fake::start(|_| (403, String::new()));
    let fallback = Fake::start(|_| (200, metadata("OTHER")));
    let case = Case::new()
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", refusing.url())
        .set("AWS_EC2_METADATA_DISABLED", "false")
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", fallback.url());
    let told = case.run();
    assert!(
        told.starts_with("container (`AWS_CONTAINER_CREDENTIALS_FULL_URI`) gave no credentials"),
        "{told}"
    );
    assert!(fallback.seen().is_empty());
}

#[test]
fn public_services_are_reached_through_the_proxy() {
    let (sender, asked) = mpsc::channel();
    let proxy = Fake::start(move |request| {
        let _ = sender.send(request.lines().next().unwrap_or_default().to_owned());
        (502, String::new())
    });
    let case = Case::new().set("HTTPS_PROXY", proxy.url()).file("token", "jwt");
    let file = case.path("token");
    let case =
        case.set("AWS_WEB_IDENTITY_TOKEN_FILE", file).set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r");
    let mut probe = spawn_probe("aws::credentials::tests::sources::probe", &case.variables);
    let asked = asked.recv_timeout(Duration::from_mins(1));
    // STS is asked three times, with pauses that need not be waited for.
    probe.kill().unwrap();
    probe.wait().unwrap();
    assert_eq!(asked.as_deref(), Ok("CONNECT sts.us-east-1.amazonaws.com:443 HTTP/1.1"));
}
