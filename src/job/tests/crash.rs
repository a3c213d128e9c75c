//! A process may die at any append, with any part of it on the disk: the next one continues, and the report is that of
//! an undisturbed run.

use std::path::Path;

use super::*;

/// Three connectors, 47 rows; lost replies, refusals, transient errors, a poisoned number, a duplicate, a bad row.
fn trial() -> Trial {
    let rows = (0..47).map(|row| format!("vc{},+1206555{row:04}\n", row % 3));
    let bad = ["vc0,+12065550000\n", "vc0,twelve\n"].map(str::to_owned);
    let csv =
        ["connector,number\n".to_owned()].into_iter().chain(rows).chain(bad).collect::<Vec<_>>().concat();
    let scenario = r#"
        seed = 2
        poison = ["+12065550007"]
        [latency]
        mean = "30ms"
        jitter = "20ms"
        [[fault]]
        does = "drop"
        applied = true
        p = 0.4
        attempts = [1]
        [[fault]]
        does.error = { status = 503 }
        p = 0.3
        attempts = [1, 2]
        [[number_error]]
        code = "Forbidden"
        numbers = ["+12065550003", "+12065550011", "+12065550040"]
        [[number_error]]
        code = "Throttled"
        p = 0.1
        times = 1
    "#;
    let scenario = Scenario::from_toml(scenario, Path::new("crash.toml")).expect("a scenario");
    Trial::new(csv.as_bytes(), scenario, &["--batch-size", "8", "--concurrency", "3", "--rate", "1000"])
}

/// `failed` becomes `unknown` if the crash left it open whether an attempt succeeded; nothing else may change.
fn compare(undisturbed: &[String], trial: &Trial, resumed: &Session, death: Death) {
    for (row, (was, is)) in undisturbed.iter().zip(trial.statuses()).enumerate() {
        let in_doubt = resumed.in_doubt.contains(&u32::try_from(row).expect("few"));
        let expected = if in_doubt && was == "failed" { "unknown" } else { was };
        assert_eq!(is, expected, "row {row} after {death:?}, in doubt: {in_doubt}");
    }
    let records = trial.ledger().numbers;
    let fields = trial.report();
    for record in records.iter().filter(|record| record.applied > 0) {
        let number = record.number.e164().to_string();
        let row = fields.iter().find(|row| row[0] == *record.connector && row[1] == number);
        assert_eq!(row.map(|row| &*row[2]), Some("succeeded"), "{death:?}");
    }
}

#[test]
fn after_a_crash_at_any_append_the_next_process_writes_the_same_report() {
    let trial_0 = trial();
    let whole = trial_0.session(None);
    let undisturbed = trial_0.statuses();
    assert!(whole.finished && undisturbed.len() == 49);
    for (status, rows) in [("succeeded", 43), ("invalid", 1), ("duplicate", 1)] {
        assert_eq!(undisturbed.iter().filter(|is| *is == status).count(), rows, "{status}: {undisturbed:?}");
    }
    let mut deaths = 0;
    for (append, lines) in whole.appends.iter().enumerate() {
        let ends = lines.iter().scan(0, |end, line| {
            *end += line;
            Some(*end)
        });
        let cuts: std::collections::BTreeSet<usize> =
            std::iter::once(0).chain(ends.flat_map(|end| [end - 20, end - 1, end, end + 1])).collect();
        for bytes in cuts {
            let death = Death { append, bytes: Cut::At(bytes) };
            let trial = trial();
            if trial.session(Some(End::Dies(death))).finished {
                continue; // events are grouped by chance: this run had no such append
            }
            let resumed = trial.session(None);
            assert!(resumed.finished, "{death:?}");
            let mut sent = resumed.sent.iter().flat_map(|(_, numbers)| numbers);
            assert!(sent.all(|number| resumed.outstanding.contains(number)), "{death:?}: sent a settled row");
            compare(&undisturbed, &trial, &resumed, death);
            assert!(!trial.path("report.csv.journal").exists(), "{death:?}");
            deaths += 1;
        }
    }
    assert!(whole.appends.len() >= 10 && deaths >= 60, "{} appends, {deaths} deaths", whole.appends.len());
}
