//! `run --shard`: processes that share an input, whose reports become the one of a single run.

use std::fmt::Write as _;

use super::harness::{Job, Running, Service, csv, number, rows, wait_until};

const REGIONS: [&str; 5] = ["us-east-1", "us-west-2", "eu-west-1", "ap-south-1", "ca-central-1"];
/// The lanes in which the rows are: the first has four numbers, the second three …
const LANES: [usize; 12] = [0, 1, 0, 2, 1, 0, 3, 2, 1, 0, 4, 2];

/// Rows in five lanes; beside them an empty one, a comment, two that cannot be sent, and one that is there twice.
fn in_lanes() -> String {
    let mut csv = "voice_connector_id,phone_number,region\n".to_owned();
    for (n, lane) in LANES.iter().enumerate() {
        let _ = writeln!(csv, "vc{},{},{}", n % 2, number(n), REGIONS[*lane]);
        csv += ["", ",,\n", "# a comment,,\n", "vc0,oops,us-east-1\n"].get(n).unwrap_or(&"");
    }
    let _ = writeln!(csv, "vc0,{},{}\nvc1,{},nowhere at all", number(2), REGIONS[0], number(90));
    csv
}

fn shard_report(shard: u32, of: u32) -> String {
    format!("numbers.shard-{shard}-of-{of}.report.csv")
}

#[test]
fn the_reports_of_all_shards_become_that_of_one_run() {
    const REFUSED: &str = "[[number_error]]\nnumbers = ['+12065550007']\ncode = 'Forbidden'\n";
    let single = Service::playing(REFUSED);
    let whole = Job::on(&single, in_lanes());
    whole.sweep("").exits(3);
    let comparable = |report: &str| {
        let mut rows = rows(report);
        rows.iter_mut()
            .for_each(|row| row.retain(|name, _| !["request_id", "completed_at"].contains(&&**name)));
        rows
    };
    let expected = comparable(&whole.read("numbers.report.csv"));
    for count in [1, 2, 4, 7] {
        let service = Service::playing(REFUSED);
        let job = Job::on(&service, in_lanes());
        let mut reports = String::new();
        for shard in 1..=count {
            let ended = job.sweep(&format!("--shard {shard}/{count}"));
            ended.check(shard <= 5 || ended.code == Some(0), "there are five lanes");
            let report = shard_report(shard, count);
            reports = format!("{reports} {report}");
        }
        let ended = job.command(&format!("merge numbers.csv{reports}"));
        ended.exits(3).same("rows", comparable(&job.read("numbers.report.csv")), expected.clone());
        ended.check(service.asked_once(), "each number was sent by one shard");
        // Without one of them it is not whole.
        if count > 1 {
            let others = reports.trim_start().split_once(' ').expect("several").1;
            job.command(&format!("merge numbers.csv {others} -o part.csv"))
                .exits(1)
                .says("is in no report there");
        }
    }
}

#[test]
fn an_array_that_is_killed_and_requeued_is_done_by_one_command() {
    let service = Service::playing(
        "[latency]\nmean = '30ms'\njitter = '10ms'\n[[fault]]\ndoes = 'drop'\napplied = true\np = 0.1\n",
    );
    let mut input = "voice_connector_id,phone_number,region\n".to_owned();
    for n in 0..90 {
        let _ = writeln!(input, "vc,{},{}", number(n), REGIONS[n * n % 5]);
    }
    let job = Job::on(&service, &input).env("SLURM_ARRAY_TASK_COUNT", "3").env("SLURM_ARRAY_TASK_MIN", "0");
    let start = |task: usize| {
        let more = "--yes --continue --shard auto --batch-size 4 --concurrency 2";
        let mut command = job.chime_sweep(&job.run_arguments(more));
        job.spawn(command.env("SLURM_ARRAY_TASK_ID", task.to_string()))
    };
    let mut killed = 0;
    for round in 0..4 {
        let before = service.requests();
        let mut tasks: Vec<_> = (0..3).map(start).collect();
        wait_until("some requests have arrived", || {
            service.requests() >= before + 2 + round || tasks.iter_mut().all(Running::has_ended)
        });
        killed += tasks.into_iter().map(|task| usize::from(task.kill().code.is_none())).sum::<usize>();
    }
    assert!(killed >= 4, "{killed}");
    let tasks: Vec<_> = (0..3).map(start).collect();
    for task in tasks {
        task.end().exits(0);
    }
    let ended = job.command("merge numbers.csv numbers.shard-1-of-3.report.csv numbers.shard-2-of-3.report.csv numbers.shard-3-of-3.report.csv");
    ended.exits(0);
    let merged = rows(&job.read("numbers.report.csv"));
    ended.same("rows", merged.len(), 90).same("contradicts", service.contradicts(&merged), None);
    ended.check(merged.iter().all(|row| row["status"] == "succeeded"), "all succeeded");
    ended.check(!job.files().iter().any(|name| name.contains("journal")), "no journal is left");
    // Given again, nothing is sent.
    let requests = service.requests();
    start(1).end().exits(0).same("requests", service.requests(), requests);
}

#[test]
fn a_shard_without_rows_has_a_report_of_none() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(3)).env("JOB_COMPLETION_INDEX", "1");
    let ended = job.sweep("--shard auto/2");
    ended.exits(0).says("shard       2 of 2: 0 of 1 account and region, 0 rows");
    let report = shard_report(2, 2);
    ended.same("lines", job.read(&report).lines().count(), 1).same("requests", service.requests(), 0);
    job.sweep("--shard auto/2 --continue").exits(0);
    job.sweep("--shard 1/2").exits(0).says("1 of 2: 1 of 1 account and region, 3 rows");
    job.command(&format!("merge numbers.csv {report} {}", shard_report(1, 2))).exits(0);
}

#[test]
fn the_journal_of_another_shard_is_not_resumed() {
    let service = Service::playing("latency = { mean = '60ms' }");
    let job = Job::on(&service, in_lanes());
    let running = job.start_sweep("--shard 1/2 --batch-size 1 --concurrency 1 -o out.csv");
    service.wait_for_requests(2);
    running.kill();
    for (shard, says) in [("--shard 2/2", "this one is `2/2`"), ("", "this one is no")] {
        let requests = service.requests();
        for way in ["--resume", "--continue"] {
            let ended = job.sweep(&format!("{shard} {way} -o out.csv"));
            ended.exits(1).says("is `1/2` shard of its input").says(says);
            ended.same("requests", service.requests(), requests);
        }
    }
    let status = job.command("status out.csv");
    status.exits(4).prints("--output out.csv --shard 1/2").prints("--resume");
    let ended = job.sweep("--shard 1/2 --resume -o out.csv");
    ended.exits(3).says("invalid");
    // The report of one shard is not that of another.
    job.sweep("--shard 2/2 --continue -o out.csv").exits(1).says("is not the report of `numbers.csv`");
    // It can be looked at, rerun and verified like any other.
    job.command("status out.csv").exits(3).prints("invalid");
    let url = service.url();
    let requests = service.requests();
    let ended = job.command(&format!("rerun out.csv --yes --endpoint-url {url}"));
    ended.exits(3).same("requests", service.requests(), requests);
    job.command(&format!("verify out.csv --endpoint-url {url}")).exits(0);
}

#[test]
fn the_plan_says_what_a_shard_takes() {
    let job = Job::new(in_lanes()).env("AWS_BATCH_JOB_ARRAY_INDEX", "1").env("AWS_BATCH_JOB_ARRAY_SIZE", "2");
    // Four, three, three, one and one: 1 4 5 and 2 3.
    job.command("plan numbers.csv --shard 1/2")
        .exits(3)
        .prints("shard       1 of 2: 3 of 5 accounts and regions, 9 rows");
    let ended = job.command("plan numbers.csv --shard auto");
    ended
        .exits(0)
        .prints("shard       2 of 2: 2 of 5 accounts and regions, 6 rows")
        .prints("to remove   6 numbers");
    ended.check(!ended.stdout.contains("invalid"), "it has no invalid row");
    let plan: serde_json::Value =
        serde_json::from_str(&job.command("plan numbers.csv --shard auto --json").stdout).expect("JSON");
    let shard = serde_json::json!({ "shard": "2/2", "lanes": 2, "of_lanes": 5, "rows": 6 });
    ended.same("shard", &plan["shard"], &shard);
    job.command("plan numbers.csv --shard auto/3").exits(2).says("3 shards were asked for").says("hint: ");
    job.command("run numbers.csv --simulate --shard 3/2").exits(2).says("expected `K/N`");
}
