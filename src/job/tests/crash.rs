//! A process may die at any append, with any part of it on the disk: the next one continues, and the report is that of
//! an undisturbed run. So it is for each action, and for the `rerun` of an undo.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// Lost replies, refusals, transient errors and a poisoned number.
const FAULTS: &str = r#"
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

const ARGS: [&str; 6] = ["--batch-size", "8", "--concurrency", "3", "--rate", "1000"];

/// Three connectors, and some rows; a duplicate and a bad row.
fn trial(action: Action, rows: u32, faults: &str) -> Trial {
    let lines = (0..rows).map(|row| format!("vc{},+1206555{row:04}\n", row % 3));
    let bad = ["vc0,+12065550000\n", "vc0,twelve\n"].map(str::to_owned);
    let csv: String = ["connector,number\n".to_owned()].into_iter().chain(lines).chain(bad).collect();
    // Where a number is that is not where it should be; number 33 is nowhere.
    let odd: &[(u32, &str)] = match action {
        Action::Disassociate => &[],
        Action::Associate => &[(30, "vc0"), (31, "vc0"), (32, "deleted"), (33, "")],
        Action::Delete => &[(30, "vc0"), (31, "vc0"), (32, "deleted"), (33, ""), (34, "group")],
        Action::Restore => &[(13, "")],
    };
    let place = |row| odd.iter().find(|(odd, _)| *odd == row).map(|(_, place)| *place);
    let usual = if action == Action::Restore { "deleted" } else { "unassigned" };
    let numbers = |at: &str| {
        let there = (0..rows).filter(|row| place(*row).unwrap_or(usual) == at);
        there.map(|row| format!("\"+1206555{row:04}\",")).collect::<Vec<_>>().concat()
    };
    let world = format!(
        "[[connector]]\nid = \"vc0\"\nnumbers = [{}]\n[[connector]]\nid = \"vc1\"\n[[connector]]\nid = \"vc2\"\n\
         [[group]]\nid = \"g\"\nnumbers = [{}]\n[[unassigned]]\nnumbers = [{}]\n[[deleted]]\nnumbers = [{}]\n",
        numbers("vc0"),
        numbers("group"),
        numbers("unassigned"),
        numbers("deleted"),
    );
    let world = if action == Action::Disassociate { "" } else { &world };
    let scenario = [faults, world].concat();
    let scenario = Scenario::from_toml(&scenario, Path::new("crash.toml")).expect("a scenario");
    Trial::new(action, csv.as_bytes(), scenario, &ARGS)
}

/// What a report says: `status` and `before`.
type Said = Vec<(String, String)>;

fn said(trial: &Trial) -> Said {
    let before = trial.column("before").into_iter().chain(std::iter::repeat(String::new()));
    trial.statuses().into_iter().zip(before).collect()
}

/// `failed` becomes `unknown` if the crash left it open whether an attempt succeeded; nothing else may change. Where no
/// refusal proves that an earlier attempt worked, it depends on the batches what is `unknown`.
fn compare(undisturbed: &Said, trial: &Trial, resumed: &Session, death: Death) {
    for (row, (was, is)) in undisturbed.iter().zip(said(trial)).enumerate() {
        let in_doubt = resumed.in_doubt.contains(&u32::try_from(row).expect("few"));
        let status = if in_doubt && was.0 == "failed" { "unknown" } else { &was.0 };
        let has_proof = matches!(trial.action, Action::Disassociate | Action::Delete);
        let status = if !has_proof && [&*was.0, &*is.0].contains(&"unknown") { &is.0 } else { status };
        assert_eq!((&*is.0, &is.1), (status, &was.1), "row {row} after {death:?}, in doubt: {in_doubt}");
    }
    assert_eq!(trial.lie(), None, "{death:?}");
}

/// Lets a process die at each append, at each of the bytes of it that `cuts` chooses. Returns how many did.
fn die_anywhere(trial: impl Fn() -> Trial, expected: &[(&str, usize)], whole_matrix: bool) -> usize {
    let trial_0 = trial();
    let whole = trial_0.session(None);
    let undisturbed = said(&trial_0);
    assert!(whole.finished && trial_0.lie().is_none(), "{:?}", trial_0.lie());
    for (status, rows) in expected {
        let are = undisturbed.iter().filter(|(is, _)| is == status).count();
        assert_eq!(are, *rows, "{status}: {undisturbed:?}");
    }
    let mut deaths = 0;
    for (append, lines) in whole.appends.iter().enumerate() {
        let ends = lines.iter().scan(0, |end, line| {
            *end += line;
            Some(*end)
        });
        let near: &[isize] = if whole_matrix { &[20, 1, 0, -1] } else { &[1] };
        let cuts = ends.flat_map(|end| near.iter().map(move |near| end.saturating_add_signed(-near)));
        let cuts = cuts.chain(whole_matrix.then_some(0)).chain([lines.iter().sum()]);
        for bytes in cuts.collect::<BTreeSet<usize>>() {
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
    assert!(whole.appends.len() >= 6, "{} appends", whole.appends.len());
    deaths
}

#[test]
fn after_a_crash_at_any_append_the_next_process_writes_the_same_report() {
    let expected = [("succeeded", 43), ("invalid", 1), ("duplicate", 1)];
    let deaths = die_anywhere(|| trial(Action::Disassociate, 47, FAULTS), &expected, true);
    assert!(deaths >= 60, "{deaths}");
}

/// These are looked up first: what is settled by looking is in the journal before the first number is sent.
#[test]
fn so_it_is_for_numbers_that_are_put_back_or_released() {
    let bad = [("invalid", 1), ("duplicate", 1)];
    let released = [("succeeded", 39), ("invalid", 1), ("duplicate", 1)];
    for (action, expected) in [(Action::Associate, &bad[..]), (Action::Delete, &released)] {
        let deaths = die_anywhere(|| trial(action, 47, FAULTS), expected, false);
        assert!(deaths >= 20, "{action}: {deaths}");
    }
}

#[test]
fn so_it_is_for_numbers_that_are_restored_one_by_one() {
    let bad = [("invalid", 1), ("duplicate", 1)];
    let deaths = die_anywhere(|| trial(Action::Restore, 18, FAULTS), &bad, false);
    assert!(deaths >= 20, "{deaths}");
}

/// An undo that got few answers and left much unknown, and its `rerun`.
#[test]
fn so_it_is_for_the_rerun_of_an_undo() {
    let faults = FAULTS.replace("0.4", "0.5").replace(
        r#""+12065550040"]"#,
        r#""+12065550040"]
        times = 1"#,
    );
    let undone = || {
        let mut trial = trial(Action::Associate, 47, &faults);
        trial.args.extend(["--max-attempts", "1"].map(str::to_owned));
        assert!(trial.session(None).finished);
        assert!(trial.statuses().iter().filter(|status| *status == "unknown").count() >= 10);
        trial.reruns = true;
        trial.args.truncate(ARGS.len());
        trial
    };
    let deaths = die_anywhere(undone, &[("invalid", 1), ("duplicate", 1)], false);
    assert!(deaths >= 15, "{deaths}");
}
