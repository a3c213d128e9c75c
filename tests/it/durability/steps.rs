//! `kill -9` in an undo, in a release, and in the two steps of the undo of a release; and what is there between the steps.

use std::fs;
use std::time::Duration;

use chime_sweep::number::PhoneNumber;
use chime_sweep::simulator::Action;
use serde_json::Value;

use super::super::harness::{number, rows, wait_until};
use super::*;

const UNDONE: &str = "numbers.report.undo.csv";
const RELEASED: &str = "numbers.report.release.csv";
const RESTORED: &str = "numbers.report.release.restore.csv";
const UNDONE_RELEASE: &str = "numbers.report.release.restore.undo.csv";

/// Lost replies and refusals of one operation.
fn faults(operation: &str) -> String {
    format!(
        "[latency]\nmean = \"20ms\"\njitter = \"10ms\"\n\
         [[fault]]\noperation = {operation:?}\ndoes = \"drop\"\napplied = true\np = 0.15\n\
         [[fault]]\noperation = {operation:?}\ndoes.error = {{ status = 503 }}\np = 0.05\n\
         [[number_error]]\noperation = {operation:?}\ncode = \"Forbidden\"\np = 0.03\n\
         [[number_error]]\noperation = {operation:?}\ncode = \"Throttled\"\np = 0.05\ntimes = 1\n"
    )
}

/// A job whose numbers were all removed, and released if `is_released`.
fn removed(count: usize, scenario: &str, is_released: bool) -> (Service, Job) {
    let (service, job) = job(count, scenario);
    job.sweep("").exits(0);
    if is_released {
        job.command(&confirmed(&job, &format!("release {REPORT} --endpoint-url {}", service.url()))).exits(0);
    }
    (service, job)
}

/// The command with consent: a release needs the exact count, which its refusal tells.
fn confirmed(job: &Job, command: &str) -> String {
    if !command.starts_with("release") {
        return format!("{command} --yes");
    }
    let refused = job.command(&format!("{command} --yes --confirm-count 100000"));
    let count = refused.stderr.split_once("this would release ");
    let count = count.and_then(|(_, text)| text.split_once(" number")).map_or("0", |(count, _)| count);
    format!("{command} --yes --confirm-count {count}")
}

/// The command that the journal has, if there is a journal.
fn to_go_on(job: &Job) -> Option<String> {
    let name = job.files().into_iter().find(|name| name.ends_with(".journal"))?;
    let text = String::from_utf8_lossy(&fs::read(job.path(&name)).ok()?).into_owned();
    let mut commands = text.lines().filter_map(|line| {
        let entry: Value = serde_json::from_str(line).ok()?;
        entry["session"]["command"].as_str()?.strip_prefix("chime-sweep ").map(str::to_owned)
    });
    commands.next_back()
}

/// Kills a command six times at least, and goes on as the journal says, or with the same command and `--resume`.
fn kill_and_go_on(service: &Service, job: &Job, command: &str, options: &str) -> Ended {
    let mut random = fastrand::Rng::with_seed(6);
    let (mut killed, mut next) = (0, format!("{command} {options}"));
    for kill in 0.. {
        let to_start = confirmed(job, &next);
        let before = service.requests();
        let mut running = job.start(&to_start);
        // Some are killed before they have sent anything, others while requests are in flight.
        let requests = before + random.u64(0..12);
        wait_until("requests have arrived", || service.requests() >= requests || running.has_ended());
        std::thread::sleep(Duration::from_micros(random.u64(0..30_000)));
        let ended = running.kill();
        if ended.code.is_some() {
            ended.check(killed >= 6, &format!("done after {killed} kills"));
            return ended;
        }
        killed += 1;
        assert!(kill < 1000, "it never ends");
        next = match to_go_on(job).filter(|_| kill % 2 == 0) {
            Some(shown) => format!("{shown} {options}"),
            None => format!("{command} {options} --resume"),
        };
        if killed >= 10 {
            return job.command(&confirmed(job, &next));
        }
    }
    unreachable!("it ends or is killed ten times")
}

/// The rows of a report, none of which the ledger contradicts; each was done once at most.
fn true_rows(job: &Job, report: &str, service: &Service, action: Action) -> Vec<Row> {
    let (rows, ledger) = (rows(&job.read(report)), service.ledger());
    for row in &rows {
        let number = PhoneNumber::parse(&row["phone_number"]).expect("a number");
        let (times, place) =
            (ledger.count(action, number), ledger.place(number).expect("a number of the account"));
        let is_done = match action {
            Action::Associate => place.connector.as_deref() == Some(&*row["voice_connector_id"]),
            Action::Delete => place.status == "DeleteInProgress",
            _ => place.status != "DeleteInProgress",
        };
        let is_true = match &*row["status"] {
            "succeeded" => is_done && times == 1,
            "failed" => times == 0,
            "unknown" => times <= 1,
            _ => false,
        };
        assert!(is_true, "done {times} times, {place:?}: {row:?}");
    }
    rows
}

const OPTIONS: &str = "--batch-size 5 --concurrency 2 --max-attempts 8 --recheck-after 1ms";

#[test]
fn an_undo_that_is_killed_again_and_again_ends_with_a_true_report() {
    let (service, job) = removed(400, &faults("associate"), false);
    let command = format!("undo {REPORT} --endpoint-url {}", service.url());
    kill_and_go_on(&service, &job, &command, OPTIONS).exits(3);
    let rows = true_rows(&job, UNDONE, &service, Action::Associate);
    assert_eq!(rows.len(), 400);
    assert!(count(&rows, "succeeded") >= 370);
    assert!(rows.iter().all(|row| row["before"] == "unassigned"));

    // Once more for those that were refused: a rerun of an undo.
    job.command(&format!("rerun {UNDONE} --yes --endpoint-url {}", service.url())).exits(3);
    let again = true_rows(&job, UNDONE, &service, Action::Associate);
    assert!(again.len() == 400 && count(&again, "succeeded") >= count(&rows, "succeeded"));
}

#[test]
fn a_release_that_is_killed_again_and_again_ends_with_a_true_report() {
    let (service, job) = removed(400, &faults("delete"), false);
    let command = format!("release {REPORT} --endpoint-url {}", service.url());
    kill_and_go_on(&service, &job, &command, OPTIONS).exits(3);
    let rows = true_rows(&job, RELEASED, &service, Action::Delete);
    assert_eq!(rows.len(), 400);
    assert!(count(&rows, "succeeded") >= 370);
    assert!(rows.iter().all(|row| row["before"] == "unassigned"));
}

#[test]
fn an_undo_in_two_steps_that_is_killed_again_and_again_ends_with_true_reports() {
    let (service, job) = removed(120, &faults("restore"), true);
    let command = format!("undo {RELEASED} --endpoint-url {}", service.url());
    kill_and_go_on(&service, &job, &command, OPTIONS);
    // However far it is by now, the same command ends it.
    if !job.path(UNDONE_RELEASE).exists() {
        job.command(&format!("{command} {OPTIONS} --yes --resume")).exits(3);
    }
    let restored = true_rows(&job, RESTORED, &service, Action::Restore);
    let undone = true_rows(&job, UNDONE_RELEASE, &service, Action::Associate);
    assert_eq!(restored.len(), 120);
    assert_eq!((undone.len(), count(&undone, "succeeded")), (count(&restored, "succeeded"), undone.len()));
    assert!(undone.len() >= 100, "{}", undone.len());
    assert!(!job.files().iter().any(|name| name.contains("journal")), "{:?}", job.files());
}

/// The second step is cut short; the numbers that were not restored are not forgotten when it goes on.
#[test]
fn a_second_step_that_goes_on_ends_as_if_it_had_not_been_cut_short() {
    let scenario = format!(
        "[latency]\nmean = \"20ms\"\n[[number_error]]\noperation = \"restore\"\ncode = \"Forbidden\"\nnumbers = [{:?}]\n",
        number(3)
    );
    let (service, job) = removed(40, &scenario, true);
    let command = format!("undo {RELEASED} --yes --endpoint-url {}", service.url());
    let mut running = job.start(&format!("{command} --batch-size 1 --concurrency 1"));
    wait_until("the second step is under way", || {
        service.tally().changes.contains_key(&Action::Associate) || running.has_ended()
    });
    running.kill();
    job.command(&format!("{command} --resume")).exits(3);
    assert_eq!(count(&true_rows(&job, RESTORED, &service, Action::Restore), "failed"), 1);
    assert_eq!(count(&true_rows(&job, UNDONE_RELEASE, &service, Action::Associate), "succeeded"), 39);
}

/// What is where the report of the first step would be is not taken for it.
#[test]
fn the_first_step_is_not_left_out_because_of_another_file() {
    let (service, job) = removed(3, "", true);
    let command = format!("undo {RELEASED} --yes --endpoint-url {}", service.url());
    job.write(RESTORED, "anything\n");
    job.command(&command).exits(1).says(RESTORED).says("nothing was sent");
    fs::copy(job.path(REPORT), job.path(RESTORED)).expect("copies");
    job.command(&command).exits(1).says("is not the report of a restore");
    fs::remove_file(job.path(RESTORED)).expect("removes");
    job.command(&command).exits(0);

    // Released once more: the report of the first restore is not about that.
    let restored = job.read(RESTORED);
    let times = rows(&restored).into_iter().map(|row| row["completed_at"].clone());
    let earlier = |text: String, time: String| text.replace(&time, "2001-01-31T12:00:00Z");
    job.write(RESTORED, times.fold(restored, earlier));
    let again = format!("release {REPORT} --overwrite --endpoint-url {}", service.url());
    job.command(&format!("run numbers.csv --overwrite --yes --endpoint-url {}", service.url())).exits(0);
    job.command(&confirmed(&job, &again)).exits(0);
    job.command(&command).exits(1).says(RESTORED).says("--overwrite");
    job.command(&format!("{command} --overwrite")).exits(0);
    let ledger = service.ledger();
    let all: Vec<_> = ledger.inventory.iter().map(|it| (it.status, it.connector.is_some())).collect();
    assert_eq!(all, [("Assigned", true); 3]);
}

/// The journal of an undo is where the report of a release is to be.
#[test]
fn the_journal_of_another_action_is_not_gone_on_with() {
    let (service, job) = removed(40, "[latency]\nmean = \"20ms\"\n", false);
    let options = format!("{REPORT} --output other.csv --yes --endpoint-url {}", service.url());
    let mut running = job.start(&format!("undo {options} --batch-size 1 --concurrency 1"));
    wait_until("it is under way", || {
        service.tally().changes.contains_key(&Action::Associate) || running.has_ended()
    });
    running.kill();
    let journal = job.read("other.csv.journal");
    let release = format!("release {options} --confirm-count 40");
    for resume in ["", " --resume"] {
        job.command(&format!("{release}{resume}")).exits(1).says("is to put back numbers");
    }
    assert_eq!(job.read("other.csv.journal"), journal);
    assert!(!service.tally().changes.contains_key(&Action::Delete));
    job.command(&format!("undo {options} --resume")).exits(0);
    assert_eq!(true_rows(&job, "other.csv", &service, Action::Associate).len(), 40);
}
