//! The cache, with scripted loads; the sources are in [`sources`], the roles in [`roles`].

mod roles;
mod sources;

use std::collections::VecDeque;
use std::time::UNIX_EPOCH;

use tokio::task::JoinSet;

use super::*;

/// Loads whose results are written down: keys with their life in seconds from [`START`], or a failure.
#[derive(Debug, Default)]
pub(super) struct Script(std::sync::Mutex<VecDeque<Option<Credentials>>>);

impl Script {
    /// Takes a little time, in which other callers arrive.
    pub(super) async fn load(&self) -> Result<Credentials, CredentialsError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let next = self.0.lock().unwrap().pop_front().expect("a load that is not needed");
        next.ok_or(CredentialsError::HalfSet { set: "A", unset: "B" })
    }
}

const START: u64 = 1_700_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START + seconds)
}

#[expect(clippy::unnecessary_wraps, reason = "a script's line: `None` is a load that fails")]
fn keys(id: &str, life: Option<u64>) -> Option<Credentials> {
    Some(Credentials::new(id, "secret", None, life.map(at), "test"))
}

fn source<const N: usize>(loads: [Option<Credentials>; N]) -> Arc<CredentialSource> {
    Arc::new(CredentialSource::new(Loader::Scripted(Script(std::sync::Mutex::new(loads.into())))))
}

async fn id_at(source: &CredentialSource, seconds: u64) -> String {
    match source.get(at(seconds)).await {
        Ok(credentials) => credentials.access_key_id().to_owned(),
        Err(error) => error.to_string(),
    }
}

const NONE: &str = "`A` is set and `B` is not";

/// Each load of the script happens exactly when the table says: one too many finds no next, and fails the test.
#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_before_they_expire() {
    let hour = Some(3_600);
    let cases: [(_, &[(u64, &str)]); 6] = [
        (source([keys("a", None)]), &[(0, "a"), (1_000_000_000, "a")]),
        (
            source([keys("a", hour), keys("b", Some(7_200))]),
            &[(0, "a"), (3_299, "a"), (3_300, "b"), (6_899, "b")],
        ),
        // A refresh that fails is tolerated, and not tried again at once, until the keys have expired.
        (
            source([keys("a", hour), None, None, None, None, keys("b", Some(7_200))]),
            &[
                (0, "a"),
                (3_300, "a"),
                (3_329, "a"),
                (3_330, "a"),
                (3_359, "a"),
                (3_590, "a"),
                (3_600, NONE),
                (3_601, "b"),
            ],
        ),
        // Keys that live shorter than the window: not a load for each request.
        (
            source([keys("a", Some(40)), keys("b", Some(80)), keys("c", Some(120))]),
            &[(0, "a"), (19, "a"), (20, "b"), (49, "b"), (50, "c")],
        ),
        // Expired by this clock, which may be wrong: used, and looked for again, but not for each request.
        (
            source([keys("a", Some(0)), keys("b", Some(10)), keys("c", hour)]),
            &[(100, "a"), (100, "a"), (101, "b"), (101, "b"), (102, "c"), (103, "c")],
        ),
        (source([None, keys("a", None)]), &[(0, NONE), (0, "a")]),
    ];
    for (source, steps) in cases {
        for &(seconds, expected) in steps {
            assert_eq!(id_at(&source, seconds).await, expected, "at {seconds} of {steps:?}");
        }
        let Loader::Scripted(script) = &source.loader else { panic!() };
        assert!(script.0.lock().unwrap().is_empty(), "a load was left out of {steps:?}");
    }
}

/// What 20 callers at once get, sorted and without repetitions.
async fn many<F: Future<Output = String> + 'static>(call: impl Fn() -> F) -> Vec<String> {
    let local = tokio::task::LocalSet::new();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        calls.spawn_local_on(call(), &local);
    }
    let mut told = local.run_until(calls.join_all()).await;
    told.sort();
    told.dedup();
    told
}

#[tokio::test(start_paused = true)]
async fn callers_at_once_share_a_load() {
    let shared = source([keys("a", Some(3_600)), keys("b", Some(7_200))]);
    let get = |seconds| {
        let shared = Arc::clone(&shared);
        move || {
            let shared = Arc::clone(&shared);
            async move { id_at(&shared, seconds).await }
        }
    };
    assert_eq!(many(get(0)).await, ["a"]);
    // One of them refreshes, for all.
    assert_eq!(many(get(3_400)).await, ["b"]);
    assert_eq!(many(get(3_400)).await, ["b"]);

    let failing = source([None]);
    let told = many(|| {
        let failing = Arc::clone(&failing);
        async move { id_at(&failing, 0).await }
    });
    assert_eq!(told.await, [NONE]);
}

async fn renewed(source: &CredentialSource, refused: Option<&Credentials>) -> String {
    match source.renew(refused.unwrap(), at(1)).await {
        Ok(Some(credentials)) => credentials.access_key_id().to_owned(),
        Ok(None) => "unchanged".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn refused_keys_are_looked_for_again() {
    let (a, b) = (keys("a", None), keys("b", None));
    let shared = source([a.clone(), a.clone(), b.clone(), None, a.clone()]);
    assert_eq!(id_at(&shared, 0).await, "a");
    assert_eq!(renewed(&shared, a.as_ref()).await, "unchanged");
    assert_eq!(renewed(&shared, a.as_ref()).await, "b");
    assert_eq!(renewed(&shared, a.as_ref()).await, "b", "a straggler learns of them without a load");
    assert_eq!(renewed(&shared, b.as_ref()).await, NONE);
    assert_eq!(id_at(&shared, 2).await, "a", "the refused keys were forgotten");

    for (next, told) in [(b.clone(), "b"), (a.clone(), "unchanged"), (None, NONE)] {
        let shared = source([a.clone(), next]);
        shared.get(at(0)).await.unwrap();
        let call = || {
            let (shared, a) = (Arc::clone(&shared), a.clone());
            async move { renewed(&shared, a.as_ref()).await }
        };
        assert_eq!(many(call).await, [told], "20 callers, one load");
    }
}

#[tokio::test]
async fn each_part_of_the_keys_counts() {
    let make =
        |id, secret, token: Option<&str>| Credentials::new(id, secret, token.map(str::to_owned), None, "x");
    let kept = make("id", "secret", Some("token"));
    let same = Credentials::new("id", "secret", Some("token".into()), Some(at(9)), "y");
    assert!(same_keys(&kept, &same), "a later end does not make other keys");
    for other in
        [make("i", "secret", Some("token")), make("id", "s", Some("token")), make("id", "secret", None)]
    {
        assert!(!same_keys(&kept, &other));
    }
}

#[tokio::test]
async fn fixed_keys_are_what_they_are() {
    let source = CredentialSource::fixed(keys("a", Some(0)).unwrap());
    assert_eq!(id_at(&source, 1_000).await, "a");
    assert_eq!(renewed(&source, keys("a", None).as_ref()).await, "unchanged");
}
