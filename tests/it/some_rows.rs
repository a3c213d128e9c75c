//! `--limit`, `--only-connector` and `--skip-connector`: a trial before the night.

use super::harness::{Ended, Job, Service, csv, csv_of_three, number, wait_until};

/// What the report says of the rows that were left out.
const LEFT_OUT: [&str; 2] = ["not_attempted", "LeftOut"];

/// Checks the rows that succeeded, and that each other one is left out.
#[track_caller]
fn took(ended: &Ended, service: &Service, taken: &[usize]) {
    ended.agrees_with(service);
    for (at, row) in ended.rows().iter().enumerate() {
        let expected = if taken.contains(&at) { ["succeeded", ""] } else { LEFT_OUT };
        ended.same(&format!("row {at}"), [&*row["status"], &*row["error_code"]], expected);
    }
}

#[test]
fn a_trial_sends_its_rows_and_a_plain_rerun_the_rest() {
    for (more, taken, says) in [
        ("--limit 4", vec![0, 1, 2, 3], "not sent    5 left out by --limit 4"),
        ("--limit 9", (0..9).collect(), "to remove   9 numbers"),
        (
            "--only-connector vc0 --only-connector vc2",
            vec![0, 2, 3, 5, 6, 8],
            "3 left out by --only-connector",
        ),
        ("--skip-connector vc0 --skip-connector vc2", vec![1, 4, 7], "6 left out by --skip-connector"),
        ("--only-connector vc1 --limit 2", vec![1, 4], "1 left out by --limit 2"),
    ] {
        let service = Service::playing("");
        let job = Job::on(&service, csv_of_three(9));
        let ended = job.sweep(more);
        ended.exits(if taken.len() == 9 { 0 } else { 3 }).says(says);
        took(&ended, &service, &taken);
        if taken.len() == 9 {
            continue;
        }
        ended.says("hint: these were left out as you asked: rerun sends them");
        let option = more.split(' ').next().unwrap_or_default();
        let left = ended.rows().into_iter().rfind(|row| row["status"] != "succeeded").expect("one is left");
        let (message, says) = (&left["error_message"], format!("not sent: left out by {option}"));
        ended.check(message.starts_with(&says) && message.contains("rerun"), message);
        // It is no run that stopped early.
        job.command("status numbers.report.csv").exits(3).prints("finished");
        ended.says_not("stopped early");
        let rest = job.rerun("");
        rest.exits(0).agrees_with(&service).check(service.asked_once(), "a row was sent twice");
    }
}

#[test]
fn a_plan_says_what_is_left_out_and_why() {
    let job = Job::new(csv_of_three(9) + "vc0,oops\n");
    let plan = job.command("plan numbers.csv --limit 2 --skip-connector vc1");
    plan.exits(3).prints("to remove   2 numbers, in 2 requests");
    plan.prints("not sent    4 left out by --limit 2").prints("not sent    3 left out by --skip-connector");
    let plan = job.command("plan numbers.csv --limit 2 --skip-connector vc1 --json");
    let json: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let left_out = serde_json::json!({ "limit": 4, "only_connector": 0, "skip_connector": 3 });
    plan.same("left out", &json["left_out"], &left_out).same("to remove", &json["to_remove"], 2);
    let job = Job::new(csv(3));
    job.command("plan numbers.csv --limit 1").exits(0); // the others can be sent
}

#[test]
fn a_connector_that_the_input_does_not_have_is_an_error_of_the_user() {
    let service = Service::playing("");
    let job = Job::on(&service, csv_of_three(3));
    for option in ["--only-connector", "--skip-connector"] {
        let says = format!("error: {option} `vc9`: the input has no such connector");
        job.sweep(&format!("{option} vc1 {option} vc9")).exits(2).says_all(&[
            &says,
            "hint: ",
            "nothing was sent",
        ]);
        job.command(&format!("plan numbers.csv {option} vc9")).exits(2).says(&says);
    }
    assert_eq!((service.requests(), job.files()), (0, vec!["numbers.csv".to_owned()]));
}

/// Of a report, what is left out keeps what is known of it.
#[test]
fn a_rerun_that_leaves_rows_out_forgets_nothing_of_them() {
    let report = "voice_connector_id,phone_number,status,error_code,error_message,attempts,request_id,completed_at\n\
                  a,+12065550100,unknown,Timeout,no answer,5,r1,2026-11-23T21:00:00Z\n\
                  a,+12065550101,failed,Forbidden,no,1,r2,2026-11-23T21:00:00Z\n\
                  a,+12065550102,not_attempted,Deadline,not sent: the run stopped because it was late,0,,\n\
                  b,+12065550103,failed,Forbidden,no,1,r3,2026-11-23T21:00:00Z\n";
    for (command, more) in [("rerun numbers.csv", ""), ("run numbers.csv", "--output numbers.report.csv")] {
        let service = Service::playing("");
        let job = Job::on(&service, report);
        let url = service.url();
        let ended = job.command(&format!("{command} --yes --only-connector b --endpoint-url {url} {more}"));
        ended.exits(3).statuses(&["unknown", "failed", "not_attempted", "succeeded"]);
        ended.column_is("error_code", &["Timeout", "Forbidden", "LeftOut", ""]);
        ended.column_is("attempts", &["5", "1", "0", "2"]);
        ended.same("request ids", &ended.column("request_id")[..3], &["r1", "r2", ""][..]);
    }
}

/// The journal knows which rows the run was to send, so `--resume` alone sends no others.
#[test]
fn a_trial_that_was_cut_short_is_resumed_as_the_trial_that_it_was() {
    const ONE_BY_ONE: &str = "--batch-size 1 --concurrency 1";
    for (more, taken) in [("", 6), ("--limit 6", 6), ("--limit 8", 8)] {
        let service = Service::playing("latency = { mean = '60ms' }");
        let job = Job::on(&service, csv(12));
        let running = job.start_sweep(&format!("--limit 6 {ONE_BY_ONE}"));
        service.wait_for_requests(3);
        wait_until("rows are settled", || job.read("numbers.report.csv.journal").contains("\"settled\""));
        running.kill();
        job.command("status numbers.report.csv").exits(4).prints("of 6 rows");
        let ended = job.sweep(&format!("--resume {more}"));
        ended.exits(3).says(&format!("{} left out by --limit {taken}", 12 - taken));
        took(&ended, &service, &(0..taken).collect::<Vec<_>>());
        assert_eq!(service.asked(&number(taken)), 0);
    }
}
