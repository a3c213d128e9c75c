//! `release`: unassigned numbers go into the deletion queue, after a consent of its own; and its undo.

use chime_sweep::simulator::Action;

use super::harness::{Job, Service, Terminal, Typed, csv, number, wait_until};

/// Three numbers on `vc`.
const WORLD: &str =
    "[[connector]]\nid = 'vc'\nfirst = '+12065550000'\ncount = 3\n[[connector]]\nid = 'two'\n";

const RELEASE: &str = "numbers.report.release.csv";
const RESTORE: &str = "numbers.report.release.restore.csv";
const UNDO: &str = "numbers.report.release.restore.undo.csv";

const COUNTED: &str = "--yes --confirm-count 3";

fn ran(scenario: &str) -> (Service, Job) {
    let service = Service::playing(scenario);
    let job = Job::on(&service, csv(3));
    job.sweep("").exits(0);
    (service, job)
}

/// A run and the release of what it removed.
fn released(scenario: &str) -> (Service, Job) {
    let (service, job) = ran(scenario);
    job.take("release", COUNTED).exits(0);
    (service, job)
}

fn places(service: &Service) -> Vec<String> {
    (0..3).map(|n| service.place(&number(n))).collect()
}

#[test]
fn unattended_only_the_exact_count_is_a_consent() {
    let (service, job) = ran(WORLD);
    for (more, says) in [
        ("--yes", "this would release 3 numbers, and --yes alone does not confirm that; nothing was sent"),
        (
            "--yes --confirm-count 2",
            "this would release 3 numbers, but --confirm-count is 2; nothing was sent",
        ),
        ("--yes --confirm-count 0", "but --confirm-count is 0"),
        ("", "no terminal to ask on"),
    ] {
        job.take("release", more).exits(2).says(says);
    }
    job.take("release", "--confirm-count 3").exits(2).says("--yes");
    // What was found is shown before the count is refused.
    job.take("release", "--yes --confirm-count 2").exits(2).says("found       3 on no connector");
    assert_eq!(service.changes(), [(Action::Disassociate, 3)]);
    assert_eq!(job.files(), ["numbers.csv", "numbers.report.csv"]);
    let ended = job.take("release", COUNTED);
    ended.exits(0).statuses(&["succeeded"; 3]).column_is("action", &["delete"; 3]);
    ended.column_is("before", &["unassigned"; 3]).says_all(&[
        "to release  3 numbers, in 1 request",
        "restorable  until ",
        "until then `chime-sweep undo numbers.report.release.csv` restores them",
    ]);
    ended.says_not("missing ").same("places", places(&service), ["queue"; 3]);
}

#[test]
fn a_script_that_is_continued_gives_the_count_that_it_began_with() {
    let stalls = "[[fault]]\noperation = 'delete'\ndoes = 'stall'\napplied = true\n\
                  number = '+12065550000'\nattempts = [1]\n";
    let (service, job) = ran(&format!("{WORLD}{stalls}"));
    let one = "--batch-size 1 --concurrency 1";
    let mut running =
        job.start(&format!("release numbers.report.csv {COUNTED} {one} --endpoint-url {}", service.url()));
    wait_until("one is released", || {
        service.changes().iter().any(|(action, _)| *action == Action::Delete) || running.has_ended()
    });
    running.kill();
    // Two are left; neither more nor fewer than that, or than there were, are confirmed.
    job.take("release", &format!("--yes --confirm-count 1 {one} --resume"))
        .exits(2)
        .says("release 2 numbers");
    let ended = job.take("release", &format!("{COUNTED} {one} --resume"));
    ended.exits(0).statuses(&["succeeded"; 3]).same("places", places(&service), ["queue"; 3]);
}

#[test]
fn on_a_terminal_the_count_is_typed_and_the_last_day_is_shown() {
    let Some(terminal) = Terminal::find() else { return };
    for (answer, code, place) in
        [("y\n", 2, "nothing"), ("\n", 2, "nothing"), ("4\n", 2, "nothing"), ("3\n", 0, "queue")]
    {
        let (service, job) = ran(WORLD);
        let dialogue = [("to cancel:", Typed::Keys(answer))];
        let arguments = format!("release numbers.report.csv --endpoint-url {}", service.url());
        let (ended, shown) = terminal.run(&job, &arguments, &dialogue);
        for told in ["restorable  until ", "Release 3 numbers?", "Type 3 to confirm", "may be lost for good"]
        {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        assert_eq!((ended, places(&service)), (Some(code), vec![place.to_owned(); 3]), "{answer:?}: {shown}");
    }
}

#[test]
fn only_what_is_on_nothing_is_released() {
    let (service, job) = ran(WORLD);
    let again = service.stop();
    let service = again(
        "[[connector]]\nid = 'vc'\nnumbers = ['+12065550000']\n[[connector]]\nid = 'two'\nnumbers = ['+12065550001']\n\
         [[unassigned]]\nnumbers = ['+12065550002']\n",
    );
    let ended = job.take("release", "--yes --confirm-count 1 --recheck-after 1ms");
    ended.exits(3).statuses(&["failed", "failed", "succeeded"]);
    ended.column_is("before", &["on_connector", "on_another:two", "unassigned"]);
    ended.column_is("error_code", &["PhoneNumberAssociationsExist", "PhoneNumberAssociationsExist", ""]);
    ended.says("hint: only a number that is on nothing is released").says_not("SIP rule or a user");
    ended.same("places", places(&service), ["vc", "two", "queue"]);
    // What is unassigned later is released by a rerun, which needs its count, too.
    let again = service.stop();
    let service = again("[[unassigned]]\nnumbers = ['+12065550000', '+12065550001']\n");
    job.take_of("rerun", RELEASE, "--yes").exits(2).says("this would release 2 numbers");
    job.take_of("rerun", RELEASE, "--yes --confirm-count 2").exits(0).statuses(&["succeeded"; 3]);
    assert_eq!(places(&service)[..2], ["queue", "queue"]);
}

#[test]
fn what_is_listed_late_is_not_released() {
    let (service, job) = ran(&format!("stale_listing = '1h'\n{WORLD}"));
    let ended = job.take("release", "--yes --confirm-count 0 --recheck-after 1ms");
    ended.exits(3).column_is("before", &["on_connector"; 3]);
    ended.same("places", places(&service), ["nothing"; 3]);
}

#[test]
fn a_list_of_unassigned_numbers_is_released_and_restored() {
    let service =
        Service::playing(&format!("{WORLD}[[unassigned]]\nnumbers = ['+12065550500', '+12065550501']\n"));
    let job = Job::on(&service, "");
    let export = format!("export -o all.csv --endpoint-url {}", service.url());
    job.command(&export).exits(0);
    let ended = job.take_of("release", "all.csv", "--yes --confirm-count 2");
    ended
        .exits(0)
        .statuses(&["succeeded"; 2])
        .says_all(&["left out: 3 rows: each is on a connector", "(none): 2"]);
    ended.says_not("missing ").says_not("has  and").says_not("  : 2").says_not("not like an id");
    assert_eq!(service.changes(), [(Action::Delete, 2)]);
    let summary = job.command("summary all.release.csv");
    summary.exits(0).check(!summary.stdout.contains("by connector"), "there is none");
    job.take_of("verify", "all.release.csv", "--recheck-after 1ms")
        .exits(0)
        .column_is("verified", &["queued"; 2]);
    // There is no connector to put them back on.
    job.take_of("undo", "all.release.csv", "--yes").exits(0).says("to restore  2 numbers");
    assert_eq!(service.changes(), [(Action::Delete, 2), (Action::Restore, 2)]);
    assert_eq!(job.files(), ["all.csv", "all.release.csv", "all.release.restore.csv", "numbers.csv"]);
}

#[test]
fn an_undo_restores_and_puts_back() {
    let (service, job) = released(WORLD);
    job.take_of("undo", RELEASE, "--yes -o back.csv").exits(2).says("two reports");
    let ended = job.take_of("undo", RELEASE, "--yes");
    ended.exits(0).says_all(&["to restore  3 numbers", "to put back 3 numbers"]);
    ended.same("places", places(&service), ["vc"; 3]);
    let (restore, undo) = (job.read(RESTORE), job.read(UNDO));
    assert!(
        restore.matches(",restore,").count() == 3 && undo.matches(",associate,").count() == 3,
        "{restore}{undo}"
    );
    for (file, word) in [(RESTORE, "restor"), (UNDO, "put back")] {
        for command in ["summary", "status"] {
            let ended = job.command(&format!("{command} {file}"));
            ended.exits(0).prints("3 succeeded").check(!ended.stdout.contains("removed"), word);
        }
        let ended = job.command(&format!("summary {file} --html page.html"));
        ended.exits(0).check(!job.read("page.html").contains("removed"), word);
        job.take_of("verify", file, "--recheck-after 1ms").exits(0).says("report and service agree");
    }
    // The earlier reports are true no longer, and say so.
    for (report, done) in [("numbers.report.csv", "removed"), (RELEASE, "released")] {
        let ended = job.take_of("verify", report, "--recheck-after 1ms");
        ended.exits(3).says(&format!("the report says that it was {done}, but it is on the connector"));
    }
    let changes = service.changes();
    job.take_of("undo", RELEASE, "--yes").exits(1).says("already exists");
    assert_eq!(service.changes(), changes);
}

#[test]
fn an_undo_that_restored_only_some_puts_those_back() {
    let refuses = "[[number_error]]\noperation = 'restore'\nnumbers = ['+12065550001']\ncode = 'ResourceLimitExceeded'\n";
    let (service, job) = released(&format!("{WORLD}{refuses}"));
    let ended = job.take_of("undo", RELEASE, "--yes");
    ended.exits(3).same("places", places(&service), ["vc", "queue", "vc"]);
    ended.says_all(&[
        "a quota of the account is used up",
        "chime-sweep rerun numbers.report.release.restore.csv",
    ]);
}

#[test]
fn the_report_of_an_earlier_restoration_is_not_taken_for_this_one() {
    let (service, job) = released(WORLD);
    job.take_of("undo", RELEASE, "--yes").exits(0);
    job.sweep("--overwrite").exits(0);
    job.take("release", &format!("{COUNTED} --overwrite")).exits(0);
    // A second in a test is a week in life.
    let restored = job.read(RESTORE);
    let old = restored.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[7] = if cells[7].starts_with('2') { "2020-01-01T00:00:00Z" } else { cells[7] };
        cells.join(",") + "\n"
    });
    job.write(RESTORE, old.collect::<String>());
    job.take_of("undo", RELEASE, "--yes")
        .exits(1)
        .says("the report `numbers.report.release.restore.csv` already exists");
    job.take_of("undo", RELEASE, "--yes --overwrite").exits(0).same("places", places(&service), ["vc"; 3]);
}

#[test]
fn a_release_says_what_it_is() {
    let (_service, job) = released(WORLD);
    for command in ["summary", "status"] {
        let ended = job.command(&format!("{command} {RELEASE} "));
        ended.exits(0).prints("3 succeeded").check(!ended.stdout.contains("removed"), "its words");
    }
    job.command(&format!("summary {RELEASE} --html page.html")).exits(0);
    assert!(!job.read("page.html").contains("removed"), "{}", job.read("page.html"));
    job.take_of("release", RELEASE, COUNTED).exits(1).says("has no number to release");
    job.take_of("run", RELEASE, "--yes").exits(1).says("is a report of the action `delete`");
    job.take("release", COUNTED).exits(1).says("already exists");
    let before = job.read("numbers.report.csv");
    job.take("release", &format!("{COUNTED} -o numbers.report.csv")).exits(1).says("would replace the one");
    job.take("release", &format!("{COUNTED} -o numbers.csv")).exits(1).says("is not overwritten");
    assert_eq!(job.read("numbers.report.csv"), before);
    // Again, all of it is done.
    let ended = job.take("release", "--yes --overwrite");
    ended
        .exits(0)
        .column_is("error_code", &["AlreadyDone"; 3])
        .column_is("before", &["in_deletion_queue"; 3]);
}

#[test]
fn a_denied_call_names_its_permission() {
    for (operation, permission) in
        [("delete", "chime:BatchDeletePhoneNumber"), ("restore", "chime:RestorePhoneNumber")]
    {
        let denies = format!(
            "[[fault]]\noperation = '{operation}'\ndoes.error = {{ status = 403, code = 'AccessDeniedException', message = 'not authorized to perform' }}\n"
        );
        let (service, job) = ran(&format!("{WORLD}{denies}"));
        let ended = if operation == "delete" {
            job.take("release", COUNTED)
        } else {
            job.take("release", COUNTED).exits(0);
            job.take_of("undo", RELEASE, "--yes")
        };
        ended.says(permission).says_not("chime:Disassociate");
        assert_eq!(places(&service)[0], if operation == "delete" { "nothing" } else { "queue" });
    }
}

#[test]
fn a_trial_releases_some() {
    let (service, job) = ran(WORLD);
    let ended = job.take("release", "--yes --confirm-count 1 --limit 1");
    ended.exits(3).statuses(&["succeeded", "not_attempted", "not_attempted"]);
    ended.says("chime-sweep rerun numbers.report.release.csv").same(
        "places",
        places(&service),
        ["queue", "nothing", "nothing"],
    );
}

#[test]
fn all_of_it_can_be_rehearsed() {
    let (service, job) = released(WORLD);
    let before = service.requests();
    for (command, rows) in [("release numbers.report.csv", 3), ("undo numbers.report.release.csv --check", 6)]
    {
        let ended = job.command(&format!("{command} --simulate"));
        ended.exits(0).says("SIMULATED: nothing was changed at AWS").says_not("missing ");
        ended.same("succeeded", ended.stderr.matches("3  succeeded").count() * 3, rows);
    }
    assert_eq!(service.requests(), before);
}
