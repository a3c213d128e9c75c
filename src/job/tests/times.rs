//! Times in whole jobs: `--stop-at`, and credentials that expire and are renewed.

use std::path::Path;

use super::*;

fn trial(rows: u32, scenario: &str, args: &[&str]) -> Trial {
    let rows = (0..rows).map(|row| format!("vc{},+1206555{row:04}\n", row % 3));
    let csv = ["connector,number\n".to_owned()].into_iter().chain(rows).collect::<String>();
    let scenario = Scenario::from_toml(scenario, Path::new("times.toml")).expect("a scenario");
    Trial::new(csv.as_bytes(), scenario, args)
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
