//! Roles that are assumed, at a fake STS on loopback.

use std::io;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::aws::transport::Transports;
use crate::aws::transport::tests::Fake;
use crate::aws::{AwsArgs, AwsSettings, Environment, ExternalId, SharedProfiles};
use crate::hint::Hint as _;

const HUB: &str = "arn:aws:iam::111111111111:role/hub";
const SPOKE: &str = "arn:aws:iam::222222222222:role/path/spoke";

/// An STS that gives each role keys of its name, which live for an hour from [`START`].
fn sts(refuse: impl Fn(&str) -> Option<&'static str> + Send + 'static) -> Fake {
    Fake::start(move |request| {
        if let Some(code) = refuse(request) {
            let error = format!("<Code>{code}</Code><Message>User: x is not\u{9b} good</Message>");
            let status = if code == "Throttling" { 400 } else { 403 };
            return (status, format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"));
        }
        let name = if request.contains("spoke") { "SPOKE" } else { "HUB" };
        let account = if name == "SPOKE" { "222222222222" } else { "111111111111" };
        let expires = Timestamp::from_second(i64::try_from(START).unwrap() + 3_600).unwrap();
        let keys = format!(
            "<AccessKeyId>{name}</AccessKeyId><SecretAccessKey>HUSHsecret</SecretAccessKey>\
             <SessionToken>HUSHtoken</SessionToken><Expiration>{expires}</Expiration>"
        );
        let user = format!("<Arn>arn:aws:sts::{account}:assumed-role/{name}/chime-sweep</Arn>");
        (
            200,
            format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>{keys}</Credentials>\
             <AssumedRoleUser>{user}<AssumedRoleId>x</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
            ),
        )
    })
}

fn environment(sts: &Fake) -> Environment {
    let url = sts.url();
    let variables = [("AWS_ACCESS_KEY_ID", "ENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "HUSHbase")];
    variables.into_iter().chain([("AWS_ENDPOINT_URL_STS", &*url)]).collect()
}

fn args(roles: &[&str]) -> AwsArgs {
    let roles = roles.iter().map(|arn| arn.parse().unwrap()).collect();
    let external_id = Some(ExternalId("HUSHexternal".into()));
    AwsArgs { region: Some("eu-west-2".into()), roles, external_id, ..AwsArgs::default() }
}

async fn settings(sts: &Fake, roles: &[&str]) -> AwsSettings {
    AwsSettings::resolve(&args(roles), &environment(sts), &SharedProfiles::default()).await.unwrap()
}

#[tokio::test]
async fn each_role_is_assumed_with_the_keys_of_the_one_before() {
    let sts = sts(|_| None);
    let settings = settings(&sts, &[HUB, SPOKE]).await;
    let source = CredentialSources::default().of(&settings, &environment(&sts));
    let keys = source.get(at(0)).await.unwrap();
    assert_eq!((keys.access_key_id(), keys.session_token()), ("SPOKE", Some("HUSHtoken")));
    assert_eq!(keys.expiry(), Some(at(3_600)));
    assert!(!are_fixed(&keys), "those of the environment are, those of the role are not");
    // They serve until five minutes before they expire, and are then assumed again.
    assert_eq!((id_at(&source, 3_299).await, sts.seen().len()), ("SPOKE".to_owned(), 2));
    id_at(&source, 3_300).await;
    let seen = sts.seen();
    assert_eq!(seen.len(), 4);
    for (request, signer, role) in
        [(&seen[0], "ENVIRONMENT", "role%2Fhub"), (&seen[1], "HUB", "role%2Fpath%2Fspoke")]
    {
        let told = format!("Credential={signer}/");
        for part in
            [&*told, role, "/eu-west-2/sts/", "RoleSessionName=chime-sweep", "ExternalId=HUSHexternal"]
        {
            assert!(request.contains(part), "{part}: {request}");
        }
    }
    let identity = Identity::of(&keys, &settings, &Transports::default()).await;
    assert_eq!(identity.account(), "222222222222 (arn:aws:sts::222222222222:assumed-role/SPOKE/chime-sweep)");
    assert_eq!(identity.credentials, format!("key …, role {SPOKE}, from the environment"));
    assert_eq!(sts.seen().len(), 4, "STS has said whose they are");
    let planned = CredentialSources::default()
        .planned(&args(&[HUB, SPOKE]), &environment(&sts), Timestamp::UNIX_EPOCH)
        .await;
    assert_eq!(planned.caller, identity.caller);
}

#[tokio::test]
async fn a_role_that_is_refused_is_named_with_what_to_do() {
    let sts = sts(|request| request.contains("spoke").then_some("AccessDenied"));
    let settings = settings(&sts, &[HUB, SPOKE]).await;
    let error = CredentialSources::default().of(&settings, &environment(&sts)).get(at(0)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "role `{SPOKE}` cannot be assumed with role {HUB}, from the environment: AccessDenied: User: x is not\\u{{9b}} good"
        )
    );
    assert!(
        error.hint().unwrap().contains("exist in account 222222222222, its trust policy must allow"),
        "{error:?}"
    );
    let planned = CredentialSources::default()
        .planned(&args(&[HUB, SPOKE]), &environment(&sts), Timestamp::UNIX_EPOCH)
        .await;
    assert!(planned.caller.unwrap_err().contains("AccessDenied"));
    assert_eq!(planned.credentials, format!("role {SPOKE}, from the environment"));
}

/// By AWS's standard rule: two more times, at most.
#[tokio::test]
async fn a_throttled_sts_is_asked_again() {
    for (throttled, asked) in [(1_u8, 2), (9, 3)] {
        let left = std::cell::Cell::new(throttled);
        let sts = sts(move |_| {
            let is_left = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            is_left.then_some("Throttling")
        });
        let settings = settings(&sts, &[HUB]).await;
        let keys = CredentialSources::default().of(&settings, &environment(&sts)).get(at(0)).await;
        assert_eq!((sts.seen().len(), keys.is_ok()), (asked, asked == 2), "{keys:?}");
        if let Err(error) = keys {
            assert!(error.to_string().contains("from the environment: Throttling: User"), "{error}");
            assert!(error.hint().unwrap().contains("try again later"), "{error:?}");
        }
    }
}

/// Keys that expired in the meantime are looked for again, once; those of the environment are what they are.
#[tokio::test]
async fn other_keys_assume_a_role_when_the_old_ones_have_expired() {
    let sts = sts(|request| request.contains("Credential=OLD/").then_some("ExpiredToken"));
    let settings = settings(&sts, &[HUB]).await;
    let assumed = |base| Assumed { base, settings: settings.clone(), transports: Transports::default() };
    let load = async |base| match assumed(base).load(at(0)).await {
        Ok(keys) => keys.access_key_id().to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(load(source([keys("OLD", None), keys("NEW", None)])).await, "HUB");
    let told = load(source([keys("OLD", None), keys("OLD", None)])).await;
    assert!(told.contains("ExpiredToken"), "{told}");
    assert_eq!(load(source([keys("OLD", None), None])).await, NONE);
    assert_eq!(sts.seen().len(), 4);

    let old = [("AWS_ACCESS_KEY_ID", "OLD"), ("AWS_SECRET_ACCESS_KEY", "s")].into_iter().collect();
    let error = CredentialSources::default().of(&settings, &old).get(at(0)).await.unwrap_err();
    assert!(error.hint().unwrap().starts_with("the keys in the environment have expired"), "{error:?}");
}

#[tokio::test]
async fn lanes_share_what_their_roles_are_assumed_with() {
    let (sources, sts) = (CredentialSources::default(), sts(|_| None));
    let base = source([keys("BASE", None)]); // one load, and no other
    let settings = settings(&sts, &[]).await;
    sources.keep(&settings, &base);
    let env = environment(&sts);
    for (role, region) in [(HUB, "us-east-1"), (SPOKE, "eu-west-1"), (SPOKE, "us-east-1")] {
        let lane = AwsArgs { region: Some(region.into()), ..args(&[role]) };
        let lane = AwsSettings::resolve(&lane, &env, &SharedProfiles::default()).await.unwrap();
        sources.of(&lane, &env).get(at(0)).await.unwrap();
        let without = AwsSettings { roles: Vec::new(), ..lane };
        assert!(Arc::ptr_eq(&sources.of(&without, &env), &base));
    }
    assert!(sts.seen().iter().all(|request| request.contains("Credential=BASE/")));
}

/// The lines that a run may show or write, at the most talkative level.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_secret_is_logged_or_shown() {
    let lines = Lines::default();
    let writer = lines.clone();
    let levels: Targets = "chime_sweep=trace".parse().unwrap();
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(levels).with(layer));
    tracing::info!("a line");
    let sts = sts(|request| request.contains("Credential=HUB/").then_some("InvalidClientTokenId"));
    let settings = settings(&sts, &[HUB]).await;
    let sources = CredentialSources::default();
    let source = sources.of(&settings, &environment(&sts));
    let keys = source.get(at(0)).await.unwrap();
    let chained = AwsSettings { roles: args(&[HUB, SPOKE]).roles, ..settings.clone() };
    let error = sources.of(&chained, &environment(&sts)).get(at(0)).await.unwrap_err();
    let mut shown = format!("{source:?} {keys:?} {settings:?} {error:?} {}", error.with_hint());
    shown.push_str(&String::from_utf8(lines.0.lock().unwrap().clone()).unwrap());
    assert!(shown.contains("a line") && shown.contains("InvalidClientTokenId"), "{shown}");
    assert!(!shown.contains("HUSH"), "{shown}");
}
