//! `undo`: what a report removed is put back, and nothing else.

use chime_sweep::simulator::Action;

use super::harness::{Ended, Job, Service, Terminal, Typed, csv, number};

/// Five numbers on `vc`.
const WORLD: &str =
    "[[connector]]\nid = 'vc'\nfirst = '+12065550000'\ncount = 5\n[[connector]]\nid = 'two'\n";

fn ran(scenario: &str, more: &str) -> (Service, Job) {
    let service = Service::playing(scenario);
    let job = Job::on(&service, csv(5));
    job.sweep(more);
    (service, job)
}

fn places(service: &Service) -> Vec<String> {
    (0..5).map(|n| service.place(&number(n))).collect()
}

#[test]
fn exactly_what_was_removed_is_put_back() {
    // Row 3 was unassigned before, row 4 was refused.
    let scenario = "[[connector]]\nid = 'vc'\nnumbers = ['+12065550000', '+12065550001', '+12065550002', '+12065550004']\n\
                    [[unassigned]]\nnumbers = ['+12065550003']\n\
                    [[number_error]]\nnumbers = ['+12065550004']\ncode = 'Forbidden'\n";
    for more in ["--not-found-is-success", "--not-found-is-success --check"] {
        let (service, job) = ran(scenario, more);
        assert_eq!(places(&service), ["nothing", "nothing", "nothing", "nothing", "vc"]);
        let ended = job.take("undo", "--yes");
        ended.exits(0).statuses(&["succeeded"; 3]).column_is("action", &["associate"; 3]);
        ended.column_is("phone_number", &[number(0), number(1), number(2)].each_ref().map(|it| &**it));
        ended.column_is("before", &["unassigned"; 3]);
        ended.says_all(&[
            "to put back 3 numbers, in 1 request",
            "left out: 1 row: each was not removed by this report",
            "lines       of numbers.report.undo.csv, which is to be written",
        ]);
        ended.same("places", places(&service), ["vc", "vc", "vc", "nothing", "vc"]);
        // A second time, there is nothing left to do.
        let again = job.take("undo", "--yes");
        again.exits(1).says("the report `numbers.report.undo.csv` already exists");
        let again = job.take("undo", "--yes --overwrite");
        again.exits(0).column_is("error_code", &["AlreadyDone"; 3]).column_is("before", &["on_connector"; 3]);
        again.same("put back", service.changes().last(), Some(&(Action::Associate, 3)));
    }
}

#[test]
fn a_number_that_is_elsewhere_by_now_is_left_there() {
    let (service, job) = ran(WORLD, "");
    let later = "[[connector]]\nid = 'vc'\nnumbers = ['+12065550001']\n\
                 [[connector]]\nid = 'two'\nnumbers = ['+12065550002']\n\
                 [[unassigned]]\nnumbers = ['+12065550000']\n[[deleted]]\nnumbers = ['+12065550003']\n";
    let again = service.stop();
    let service = again(later);
    let ended = job.take("undo", "--yes");
    ended.exits(3).statuses(&["succeeded", "succeeded", "failed", "failed", "failed"]);
    let codes = ["", "AlreadyDone", "PhoneNumberAssociationsExist", "InDeletionQueue", "NotFound"];
    ended.column_is("error_code", &codes);
    ended.says("found       1 on another connector (two: 1), not sent (line 4)");
    ended.says_all(&["is left there", "restores it; then rerun", "is lost"]).says_not("removed earlier");
    ended.same("places", places(&service), ["vc", "vc", "two", "queue", "nowhere"]);
    ended.same("changes", service.changes(), [(Action::Associate, 1)]);
    // Its rerun, its summary, its state and its page are of the same action.
    let again = job.take_of("rerun", "numbers.report.undo.csv", "--yes");
    again.exits(3).same("changes", service.changes(), [(Action::Associate, 1)]);
    again.column_is("action", &["associate"; 5]);
    for command in ["summary", "status"] {
        let ended = job.command(&format!("{command} numbers.report.undo.csv --html undo.html"));
        let ended = if command == "status" { job.command("status numbers.report.undo.csv") } else { ended };
        ended.check(!ended.stdout.contains("remov") || ended.stdout.contains("remove that"), "its words");
        ended.prints("2 succeeded").check(!ended.stdout.contains("still billed"), "a note");
    }
    let page = job.read("undo.html").to_lowercase();
    assert!(!page.contains("was removed") && !page.contains("to remove"), "{page}");
    let ended = job.take_of("verify", "numbers.report.undo.csv", "--recheck-after 1ms");
    ended.exits(0).column_is("verified", &["on", "on", "moved", "queued", "gone"]);
}

#[test]
fn nothing_is_put_where_no_connector_is() {
    let (service, job) = ran(WORLD, "");
    let again = service.stop();
    let service = again("[[connector]]\nid = 'two'\n[[unassigned]]\nfirst = '+12065550000'\ncount = 5\n");
    let ended = job.take("undo", "--yes");
    ended.exits(3).statuses(&["failed"; 5]).column_is("error_code", &["NotFoundException"; 5]);
    ended.says("missing     connector vc does not exist here");
    let whole = "not sent: found on no connector; the connector does not exist in this account and region";
    ended.column_is("error_message", &[whole; 5]).same("changes", service.changes(), []);
}

#[test]
fn a_number_that_the_service_refuses_is_named_and_left() {
    let refuses = "[[number_error]]\noperation = 'associate'\nnumbers = ['+12065550001']\n\
                   code = 'PhoneNumberAssociationsExist'\n";
    let (_service, job) = ran(&format!("{WORLD}{refuses}"), "");
    let ended = job.take("undo", "--yes --max-attempts 1");
    ended.exits(3).statuses(&["succeeded", "failed", "succeeded", "succeeded", "succeeded"]);
    ended.says("the number is on something else by now, and is left there");
}

/// What may be done to a report, which rows are put back then, and what is said.
type Edit = (&'static str, fn(&str) -> String, &'static [usize], &'static str);

const EDITS: [Edit; 6] = [
    (
        "a number was edited",
        |it| it.replacen("vc,+12065550001", "vc,+12065550009", 1),
        &[0, 2, 3, 4],
        "1 row: each was edited",
    ),
    (
        "a connector was edited",
        |it| it.replacen("vc,+12065550001", "two,+12065550001", 1),
        &[0, 2, 3, 4],
        "1 row: each was edited",
    ),
    (
        "a status was emptied",
        |it| it.replacen(",succeeded,", ",,", 1),
        &[1, 2, 3, 4],
        "to put back 4 numbers",
    ),
    (
        "a row is unknown",
        |it| it.replacen(",succeeded,", ",unknown,", 1),
        &[1, 2, 3, 4],
        "to put back 4 numbers",
    ),
    ("a row failed", |it| it.replacen(",succeeded,", ",failed,", 1), &[1, 2, 3, 4], "to put back 4 numbers"),
    (
        "a spreadsheet saved it",
        |it| it.replace(',', ";").replace('\n', "\r\n"),
        &[0, 1, 2, 3, 4],
        "to put back 5 numbers",
    ),
];

#[test]
fn what_was_edited_is_not_put_back() {
    for (name, edit, put_back, says) in EDITS {
        let (service, job) = ran(WORLD, "");
        let report = job.read("numbers.report.csv");
        job.write("numbers.report.csv", edit(&report));
        let ended = job.take("undo", "--yes");
        ended.exits(0).says(says);
        let expected: Vec<_> = (0..5).map(|n| if put_back.contains(&n) { "vc" } else { "nothing" }).collect();
        ended.same(name, places(&service), expected);
    }
    // Damaged keys show that nothing of it is certain.
    let (service, job) = ran(WORLD, "");
    let report = job.read("numbers.report.csv");
    let damaged = report.lines().map(|line| match line.rsplit_once("us-east-1,") {
        Some((start, rest)) => format!("{start}us-east-1,x{rest}\n"),
        None => format!("{line}\n"),
    });
    job.write("numbers.report.csv", damaged.collect::<String>());
    let ended = job.take("undo", "--yes");
    ended.exits(1).says_all(&["has no number to put back", "5 rows: each was edited", "nothing was sent"]);
    ended.same("changes", service.changes(), [(Action::Disassociate, 5)]);
    // Of a report in another order, each row is put back once.
    let mut lines: Vec<&str> = report.lines().collect();
    lines[1..].reverse();
    job.write("numbers.report.csv", lines.join("\n") + "\n");
    job.take("undo", "--yes").exits(0).same("places", places(&service), ["vc"; 5]);
}

#[test]
fn what_has_nothing_to_put_back_is_refused() {
    let denies = "[[number_error]]\np = 1.0\ncode = 'Forbidden'\n";
    let (service, job) = ran(&format!("{WORLD}{denies}"), "");
    let before = service.requests();
    let refused = |report: &str, more: &str, says: &str| {
        job.take_of("undo", report, more).exits(1).says(says).says("nothing was sent");
    };
    refused("numbers.report.csv", "--yes", "`numbers.report.csv` has no number to put back");
    refused("numbers.report.csv", "--yes", "no row succeeded");
    refused("numbers.csv", "--yes", "`numbers.csv` is not a chime-sweep report");
    refused("nowhere.csv", "--yes", "nowhere.csv");
    refused("-", "--yes", "standard input");
    job.take("release", "--yes --confirm-count 1").exits(1).says("has no number to release");
    assert_eq!(service.requests(), before);
}

#[test]
fn an_undo_is_on_the_same_account_and_of_a_real_run() {
    let (service, job) = ran(WORLD, "");
    let before = service.requests();
    let ended = job.take("undo", "--yes --region us-west-2");
    ended.exits(1).says_all(&["is the report of a run on", "--other-target", "nothing was sent"]);
    job.command("run numbers.csv --simulate").exits(0);
    assert_eq!(service.requests(), before);
    let ended = job.take("undo", "--yes --other-target --region us-west-2");
    // That region's numbers are still on the connector; these are not touched.
    ended.exits(0).column_is("region", &["us-west-2"; 5]).same("places", places(&service), ["nothing"; 5]);
    let rehearsed = job.command("undo numbers.report.csv --simulate");
    rehearsed.exits(0).says("SIMULATED").says_not("missing ").statuses(&["succeeded"; 5]);
    let names =
        ["numbers.csv", "numbers.report.csv", "numbers.report.undo.csv", "numbers.report.undo.simulated.csv"];
    rehearsed.same("files", job.files(), [&names[..], &["numbers.simulated.csv"]].concat());
}

#[test]
fn a_report_is_of_one_action() {
    let (_service, job) = ran(WORLD, "--check");
    job.take("undo", "--yes").exits(0);
    let undo = "numbers.report.undo.csv";
    for (verb, more, code, says) in [
        ("run", "--yes", 1, "is a report of the action `associate`"),
        ("undo", "--yes", 2, "is the report of an undo"),
        ("release", "--yes --confirm-count 5", 1, "has no number to release"),
        ("release", "--yes --confirm-count 5", 1, "each is of another action"),
    ] {
        job.take_of(verb, undo, more).exits(code).says(says);
    }
    // Nor are the rows of two reports one.
    let undone = job.read(undo);
    let (_, rows) = undone.split_once('\n').expect("a header");
    let mixed = job.read("numbers.report.csv") + rows;
    job.write("mixed.csv", mixed.replace(",succeeded,", ",failed,"));
    let ended = job.take_of("rerun", "mixed.csv", "--yes");
    ended.exits(3).same(
        "codes",
        ended.column("error_code").iter().filter(|code| *code == "OtherAction").count(),
        5,
    );
    ended.says("a report has one");
}

#[test]
fn a_trial_of_an_undo_is_gone_on_with_by_a_rerun() {
    let (service, job) = ran(WORLD, "");
    let ended = job.take("undo", "--yes --limit 2");
    ended.exits(3).says("to put back 2 numbers").same(
        "places",
        places(&service),
        ["vc", "vc", "nothing", "nothing", "nothing"],
    );
    ended.says("chime-sweep rerun numbers.report.undo.csv");
    let ended = job.take_of("rerun", "numbers.report.undo.csv", "--yes");
    ended.exits(0).same("places", places(&service), ["vc"; 5]);
}

/// An undo that was killed while its request was answered.
fn killed() -> (Service, Job) {
    let stalls = "[[fault]]\noperation = 'associate'\ndoes = 'stall'\napplied = true\nattempts = [1]\n";
    let (service, job) = ran(&format!("{WORLD}{stalls}"), "");
    let before = service.requests();
    let arguments =
        job.chime_sweep(&format!("undo numbers.report.csv --yes --endpoint-url {}", service.url()));
    let running = {
        let mut command = arguments;
        job.spawn(&mut command)
    };
    super::harness::wait_until("it was sent", || service.changes().len() == 2);
    running.kill();
    assert!(service.requests() > before);
    (service, job)
}

#[test]
fn an_undo_that_was_killed_is_resumed() {
    let (service, job) = killed();
    let journal = "numbers.report.undo.csv.journal";
    assert!(job.path(journal).exists());
    job.take("undo", "--yes").exits(1).says("was cut short");
    let status = job.command("status numbers.report.undo.csv");
    status.prints("--resume").check(!status.stdout.contains("remov"), "its words");
    // Neither the run nor another action can go on from it.
    job.command(&format!("release numbers.report.csv -o numbers.report.undo.csv --yes --confirm-count 5 --resume --endpoint-url {}", service.url()))
        .exits(1).says("nothing was sent");
    let ended = job.take("undo", "--yes --resume");
    ended.exits(0).statuses(&["succeeded"; 5]).same("places", places(&service), ["vc"; 5]);
    assert!(!job.path(journal).exists());
    // What was to be undone is the undo's own by then, whatever becomes of the report that it was taken from.
    let (service, job) = killed();
    std::fs::write(
        job.path("numbers.report.csv"),
        job.read("numbers.report.csv").replace("succeeded", "hold"),
    )
    .expect("writes");
    job.take("undo", "--yes --resume").exits(0).same("places", places(&service), ["vc"; 5]);
    let (service, job) = killed();
    let ended = job.take("undo", "--yes --discard");
    ended.exits(0).statuses(&["succeeded"; 5]).column_is("error_code", &["AlreadyDone"; 5]);
    assert_eq!(service.changes().len(), 2);
}

#[test]
fn a_denied_undo_names_its_permission() {
    let denies = "[[fault]]\noperation = 'associate'\n\
                  does.error = { status = 403, code = 'AccessDeniedException', message = 'not authorized to perform' }\n";
    let (service, job) = ran(&format!("{WORLD}{denies}"), "");
    let ended = job.take("undo", "--yes");
    ended.says("chime:AssociatePhoneNumbersWithVoiceConnector").says_not("chime:Disassociate");
    ended.same("places", places(&service), ["nothing"; 5]);
}

#[test]
fn quiet_and_json_say_what_is_done() {
    let (_service, job) = ran(WORLD, "");
    let lines = |ended: &Ended| {
        let parsed = |line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        ended.stderr.lines().map(parsed).collect::<Vec<_>>()
    };
    job.take("undo", "").exits(2).says("no terminal to ask on");
    let ended = job.take("undo", "--yes --verify --log-format json -o back.csv");
    ended.exits(0);
    let lines = lines(&ended);
    let field = |name: &str| lines.iter().find_map(|line| line.get(name)).cloned().unwrap_or_default();
    assert_eq!(field("plan")["action"], "associate", "{}", ended.stderr);
    assert_eq!(field("plan")["check"]["numbers"]["unassigned"], 5, "{}", ended.stderr);
    assert_eq!(field("verified")["numbers"]["on"], 5, "{}", ended.stderr);
    assert_eq!(field("summary")["action"], "associate", "{}", ended.stderr);
    let ended = job.take("undo", "--yes --quiet --overwrite");
    ended.exits(0).same("stderr", &*ended.stderr, "");
}

#[test]
fn a_signal_ends_the_look_up_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for verb in ["undo", "verify", "release"] {
            let (service, job) = ran(WORLD, "");
            let again = service.stop();
            let service = again(&format!("{WORLD}[latency]\nmean = '50s'\n"));
            let before = job.read("numbers.report.csv");
            let yes = if verb == "verify" { "" } else { "--yes" };
            let running =
                job.start(&format!("{verb} numbers.report.csv {yes} --endpoint-url {}", service.url()));
            service.wait_for_requests(1);
            running.signal(signal);
            let ended = running.end();
            ended.exits(code).says_not("panicked").same("changes", service.changes(), []);
            ended.same("files", job.files(), ["numbers.csv", "numbers.report.csv"]);
            ended.same("report", job.read("numbers.report.csv"), before);
        }
    }
}

#[test]
fn on_a_terminal_a_yes_is_enough() {
    let Some(terminal) = Terminal::find() else { return };
    for (answer, code, place) in [("n\n", 2, "nothing"), ("y\n", 0, "vc")] {
        let (service, job) = ran(WORLD, "");
        let dialogue = [("Put back 5 numbers? [y/N]", Typed::Keys(answer))];
        let arguments = format!("undo numbers.report.csv --endpoint-url {}", service.url());
        let (ended, shown) = terminal.run(&job, &arguments, &dialogue);
        assert!(shown.contains("Calls to these numbers will be connected again."), "{shown}");
        assert_eq!((ended, places(&service)), (Some(code), vec![place.to_owned(); 5]), "{shown}");
    }
}
