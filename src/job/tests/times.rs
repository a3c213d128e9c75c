//! Times in whole jobs: `--stop-at`, and credentials that expire and are renewed.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;
use tokio::time::sleep_until;

use super::*;
use crate::action::Action::{Associate, Delete, Disassociate, Restore};
use crate::aws::client::Client;
use crate::aws::credentials::CredentialSource;
use crate::aws::transport::Transports;
use crate::job::hook::{Pause, watch_pauses};
use crate::job::wall_clock;
use crate::simulator::Simulator;

fn trial(rows: u32, scenario: &str, args: &[&str]) -> Trial {
    let rows = (0..rows).map(|row| format!("vc{},+1206555{row:04}\n", row % 3));
    let csv = ["connector,number\n".to_owned()].into_iter().chain(rows).collect::<String>();
    let scenario = Scenario::from_toml(scenario, Path::new("times.toml")).expect("a scenario");
    Trial::new(Disassociate, csv.as_bytes(), scenario, args)
}

/// The run starts at 22:00.
#[test]
fn at_stop_at_nothing_more_is_sent_and_the_report_is_written() {
    for (stop_at, ends_after) in [("22:02", 120), ("22:01", 60)] {
        let args = ["--batch-size", "1", "--rate", "1", "--stop-at", stop_at];
        let trial = trial(300, "[latency]\nmean = \"30ms\"\n", &args);
        let session = trial.session(None);
        assert!(session.finished);
        let last = session.sent.iter().map(|(at, _)| at.as_secs()).max();
        assert!(last <= Some(ends_after) && last >= Some(ends_after - 2), "{last:?}");
        let report = trial.report();
        let count = |status: &str, code: &str| {
            report.iter().filter(|row| (&*row[2], &*row[3]) == (status, code)).count()
        };
        assert_eq!(count("succeeded", ""), session.sent.len());
        assert_eq!(count("not_attempted", "Deadline"), 300 - session.sent.len());
        assert!(report[299][4].contains("--stop-at"), "{:?}", report[299]);
        assert!(!trial.path("report.csv.journal").exists());
    }
}

#[test]
fn expired_keys_are_checked_every_half_minute_and_the_job_continues() {
    let scenario = format!(
        "[latency]\nmean = \"30ms\"\n[[key]]\naccess_key_id = {:?}\nsecret_access_key = {:?}\nrequests = 5\n\
         [[key]]\naccess_key_id = \"AKIDMORNING\"\nsecret_access_key = \"morning-secret\"\n",
        simulator::ACCESS_KEY_ID,
        simulator::SECRET_ACCESS_KEY
    );
    let mut trial = trial(90, &scenario, &["--batch-size", "3", "--concurrency", "2"]);
    trial.renewal = Some((
        Duration::from_secs(200),
        Credentials::new("AKIDMORNING", "morning-secret", None, None, "trial"),
    ));
    let session = trial.session(None);
    assert!(session.finished);
    assert!(trial.statuses().iter().all(|status| status == "succeeded"), "{:?}", trial.statuses());
    assert!(trial.report().iter().all(|row| row[5] == "1"), "a refusal is not an attempt");
    let looked = &session.renewals;
    // At once, then every 30 s, with one attempt with the old keys, whose refusal starts the next check.
    assert!((5..=14).contains(&looked.len()), "{looked:?}");
    let (pauses, last) =
        (looked.windows(2).filter(|two| two[1] > two[0] + Duration::from_secs(29)), looked.last());
    assert!(pauses.count() >= 6, "{looked:?}");
    assert!(last.is_some_and(|at| (200..231).contains(&at.as_secs())), "{looked:?}");
    let waited = session.sent.iter().filter(|(at, _)| (5..200).contains(&at.as_secs())).count();
    assert!(waited <= 7, "{waited} requests while there were no keys");
}

/// A list may show a number where it was before the job that has just ended.
#[test]
fn what_was_changed_a_moment_ago_is_changed_back() {
    let numbers = |vc: u32| (0..12).filter(move |n| n % 3 == vc).map(|n| format!("\"+1206555{n:04}\","));
    let connector =
        |vc| format!("[[connector]]\nid = \"vc{vc}\"\nnumbers = [{}]\n", numbers(vc).collect::<String>());
    let scenario = format!("stale_listing = \"5s\"\n{}{}{}", connector(0), connector(1), connector(2));
    for actions in [&[Disassociate, Associate][..], &[Disassociate, Delete, Restore, Associate]] {
        let mut trial = trial(12, &scenario, &[]);
        for action in actions {
            trial.action = *action;
            assert!(trial.session(None).finished);
            assert_eq!(trial.lie(), None, "{actions:?}: {action}");
            assert_eq!(trial.statuses(), ["succeeded"; 12], "{actions:?}: {action}");
            assert_eq!(trial.column("attempts"), ["1"; 12], "{actions:?}: {action}");
        }
    }
}

/// How far this machine's clock is off, in seconds.
static OFF: AtomicI64 = AtomicI64::new(0);

/// Somebody sets the clock during the run, more than once: every request is signed with the service's time in the end.
#[test]
fn a_clock_that_is_set_during_a_run_is_learned_each_time() {
    let simulator = Simulator::start(Scenario::default(), (Ipv4Addr::LOCALHOST, 0).into()).expect("starts");
    let region = Region::parse("us-east-1").expect("a region");
    let endpoint =
        Endpoint::of_url(&simulator.url(), region, Variant::default(), false).expect("an endpoint");
    let client = |secret: &str| {
        let keys = Credentials::new(simulator::ACCESS_KEY_ID, secret, None, None, "trial");
        let http =
            Transports::default().service_client(&endpoint, None, Duration::from_secs(5)).expect("a client");
        let wall = || wall_clock() + SignedDuration::from_secs(OFF.load(Ordering::Relaxed));
        Client::new(http, endpoint.clone(), CredentialSource::fixed(keys), Duration::from_secs(60), wall)
    };
    let right = client(simulator::SECRET_ACCESS_KEY);
    let number = [PhoneNumber::parse("+12065550100").expect("a number")];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let submit = |client: &Client| {
        runtime.block_on(client.submit(Disassociate, "vc", &number)).map(drop).map_err(|error| error.kind)
    };
    assert_eq!(submit(&right), Ok(()));
    for off in [3600, 0, -5 * 3600, -3600, 3600, 0] {
        OFF.store(off, Ordering::Relaxed);
        let refused = submit(&right);
        assert!(matches!(refused, Err(ErrorKind::ClockSkew { .. })), "{off}: {refused:?}");
        assert_eq!(submit(&right), Ok(()), "{off}");
    }
    OFF.store(3600, Ordering::Relaxed);
    let wrong = client("another-secret");
    let kinds: Vec<_> = (0..3).filter_map(|_| submit(&wrong).err()).collect();
    assert!(kinds.contains(&ErrorKind::Credentials), "a wrong key is not a matter of the clock: {kinds:?}");
}

#[test]
fn the_command_of_on_pause_is_told_of_each_long_pause_and_its_end() {
    let pause = |reason| Some(Pause { reason, cause: "X: y".into() });
    let (credentials, outage) = (pause("credentials"), pause("outage"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let told = runtime.expect("a runtime").block_on(async {
        let told = std::cell::RefCell::new(Vec::new());
        let start = tokio::time::Instant::now();
        let (sender, pauses) = watch::channel(None);
        let tell = |begins, pause: Pause| {
            told.borrow_mut().push((start.elapsed().as_secs(), begins, pause.reason));
            async {}
        };
        let happens = async {
            for (second, pause) in [
                (10, outage.clone()),
                (20, None), // too short
                (100, outage.clone()),
                (200, None),
                (300, credentials.clone()),
                (301, None),
                (400, outage.clone()),
                (500, credentials.clone()),
                (600, None),
            ] {
                sleep_until(start + Duration::from_secs(second)).await;
                sender.send_replace(pause);
            }
            sleep_until(start + Duration::from_secs(999)).await;
        };
        tokio::select! {
            () = happens => {}
            never = watch_pauses(pauses, tell) => match never {},
        }
        told.into_inner()
    });
    let expected = [
        (130, true, "outage"),
        (200, false, "outage"),
        (300, true, "credentials"),
        (301, false, "credentials"),
        (430, true, "outage"),
        (500, true, "credentials"),
        (600, false, "credentials"),
    ];
    assert_eq!(told, expected);
}
