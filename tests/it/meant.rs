//! A command line that does not exist is answered with the one that was meant, and nothing is done.

use super::harness::{Job, Service, all_at_once, csv};

const FILE: [&str; 2] = [
    "to see what would be sent, use `chime-sweep plan ",
    "to remove its numbers from their connectors, use `chime-sweep run ",
];

/// What is typed, and commands or words that are suggested.
const MEANT: [(&str, &[&str]); 69] = [
    ("numbers.csv", &[FILE[0], FILE[1], "`chime-sweep run numbers.csv`"]),
    ("./a/b", &[FILE[0], "`chime-sweep run ./a/b`"]),
    (
        "numbers.csv --limit 5",
        &["`chime-sweep plan numbers.csv --limit 5`", "`chime-sweep run numbers.csv --limit 5`"],
    ),
    (
        "numbers.report.csv",
        &["`chime-sweep status numbers.report.csv`", "`chime-sweep rerun numbers.report.csv`"],
    ),
    ("run", &["<INPUT>", "`chime-sweep run numbers.csv`", "`chime-sweep export -o numbers.csv`"]),
    ("plan --check", &["`chime-sweep plan --check numbers.csv`"]),
    ("status", &["<REPORT>", "`chime-sweep status numbers.report.csv`"]),
    ("merge numbers.csv", &["`chime-sweep merge numbers.csv numbers.report.csv`"]),
    ("completions", &["`chime-sweep completions bash`"]),
    ("--dry-run numbers.csv", &["see what would be sent, use `chime-sweep plan numbers.csv`"]),
    ("--dry-run run numbers.csv", &["options follow the command: `chime-sweep run numbers.csv --dry-run`"]),
    ("--rate 5 run numbers.csv", &["`chime-sweep run numbers.csv --rate 5`"]),
    ("--yes run numbers.csv", &["`chime-sweep run numbers.csv --yes`"]),
    ("--simulate numbers.csv", &["`chime-sweep run --simulate numbers.csv`"]),
    ("run numbers.csv --dryrun", &["`chime-sweep run numbers.csv --dry-run`"]),
    ("undo numbers.report.csv --dry-run", &["`chime-sweep undo numbers.report.csv --simulate`"]),
    ("release numbers.report.csv -n", &["`chime-sweep release numbers.report.csv --simulate`"]),
    ("plan numbers.csv --dry-run", &["changes nothing at AWS, use `chime-sweep plan numbers.csv`"]),
    ("run numbers.csv --max 5", &["`chime-sweep run numbers.csv --limit 5`"]),
    ("run numbers.csv --count=5", &["`chime-sweep run numbers.csv --limit=5`"]),
    ("run --count 5", &["to send only the first rows, use `--limit`"]),
    (
        "status numbers.report.csv --limit 5",
        &["'--limit' is an option of 'plan', 'run', 'rerun', 'undo' and 'release'"],
    ),
    (
        "status numbers.report.csv --resume",
        &["'--resume' is an option of 'run', 'rerun', 'undo' and 'release'"],
    ),
    ("export --resume", &["'--resume' is an option of 'run',"]),
    ("plan numbers.csv -o x.csv", &["'-o' is an option of 'export', 'run',"]),
    ("run numbers.csv --yess", &["'--yes'"]),
    ("run numbers.csv --assume-yes", &["do it without asking, use `chime-sweep run numbers.csv --yes`"]),
    ("status numbers.report.csv --yes", &["`chime-sweep status numbers.report.csv`"]),
    (
        "run numbers.csv --threads 4",
        &["requests in flight, use `chime-sweep run numbers.csv --concurrency 4`"],
    ),
    ("run numbers.csv --workers 4", &["`chime-sweep run numbers.csv --concurrency 4`"]),
    ("run numbers.csv --jobs 4", &["`chime-sweep run numbers.csv --concurrency 4`"]),
    ("run numbers.csv -j 4", &["`chime-sweep run numbers.csv --concurrency 4`"]),
    ("run numbers.csv --verbos", &["'--verbose'"]),
    ("run numbers.csv --output-file x.csv", &["`chime-sweep run numbers.csv --output x.csv`"]),
    ("run numbers.csv --out x.csv", &["`chime-sweep run numbers.csv --output x.csv`"]),
    (
        "run numbers.csv --force",
        &["`chime-sweep run numbers.csv --overwrite`", "`chime-sweep run numbers.csv --yes`"],
    ),
    ("plan numbers.csv --force", &["`chime-sweep plan numbers.csv`"]),
    ("rerun numbers.report.csv --overwrite", &["in place, use `chime-sweep rerun numbers.report.csv`"]),
    ("run numbers.csv --retries 3", &["`chime-sweep run numbers.csv --max-attempts 3`"]),
    ("run numbers.csv --rps 3", &["`chime-sweep run numbers.csv --rate 3`"]),
    ("run numbers.csv --timeout 5s", &["--request-timeout 5s`", "--max-duration 5s`"]),
    ("run numbers.csv --no-color", &["`chime-sweep run numbers.csv --color=never`"]),
    ("run --file numbers.csv", &["`chime-sweep run numbers.csv`"]),
    ("run --input=numbers.csv", &["`chime-sweep run numbers.csv`"]),
    ("run numbers.csv others.csv", &["one file at a time, use `chime-sweep run numbers.csv`"]),
    ("simulate numbers.csv", &["`chime-sweep run --simulate numbers.csv`"]),
    ("rnu", &["a similar command exists: `chime-sweep run numbers.csv`"]),
    ("rnu numbers.csv --yes", &["a similar command exists: `chime-sweep run numbers.csv --yes`"]),
    ("statsu", &["a similar command exists: `chime-sweep status numbers.report.csv`"]),
    ("delete", &["`chime-sweep run numbers.csv`", "`chime-sweep release numbers.report.csv`"]),
    ("remove x.csv", &["remove numbers from their connectors, use `chime-sweep run x.csv`"]),
    ("disassociate x.csv", &["`chime-sweep run x.csv`"]),
    ("associate x.csv", &["`chime-sweep undo x.csv`"]),
    ("restore x.csv", &["`chime-sweep undo x.csv`"]),
    ("retry x.csv", &["`chime-sweep rerun x.csv`"]),
    ("resume x.csv", &["`chime-sweep run --resume x.csv`"]),
    ("continue x.csv", &["`chime-sweep run --continue x.csv`"]),
    ("list", &["`chime-sweep export`"]),
    ("ls", &["`chime-sweep export`"]),
    ("version", &["`chime-sweep --version`"]),
    ("dry-run x.csv", &["`chime-sweep plan x.csv`"]),
    ("check x.csv", &["`chime-sweep plan --check x.csv`", "`chime-sweep verify x.csv`"]),
    ("report x.csv", &["`chime-sweep summary x.csv`"]),
    ("help delete", &["`chime-sweep help run`", "`chime-sweep help release`"]),
    ("help rnu", &["`chime-sweep help run`"]),
    ("frobnicate", &["Usage: chime-sweep"]),
    ("--frobnicate", &["Usage: chime-sweep"]),
    ("run numbers.csv -n --resume", &["'--dry-run' cannot be used with '--resume'"]),
    ("run numbers.csv -n 5", &["unexpected argument '5'"]),
];

#[test]
fn what_is_meant_is_suggested_and_nothing_is_done() {
    all_at_once(&MEANT, |(typed, suggested)| {
        let job = Job::new(csv(1)).with_keys();
        let ended = job.command(typed);
        ended.exits(2).says_all(suggested).same("files", job.files(), ["numbers.csv"]);
        let commands = ended.stderr.matches("`chime-sweep ").count();
        ended.check(
            commands == 0 || ended.stderr.matches("tip: ").count() == commands,
            "a tip without a command",
        );
    });
    let spaces = Job::new(csv(1));
    let ended = spaces.spawn(spaces.chime_sweep("").args(["my list.csv", "--yes"])).end();
    ended
        .exits(2)
        .says("tip: to remove its numbers from their connectors, use `chime-sweep run 'my list.csv' --yes`");
    let json = Job::new("").command("remove x.csv --log-format json");
    json.exits(2)
        .says("use `chime-sweep run x.csv --log-format json`")
        .check(json.stderr.starts_with('{'), "JSON");
}

/// `--dry-run` is what other tools call `plan`.
#[test]
fn a_dry_run_is_a_plan() {
    let service = Service::playing(
        "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = 'no'\n",
    );
    let job = Job::on(&service, csv(4));
    // Without the line that says how long ago the input was changed.
    let rest = |stdout: &str| stdout.split_once('\n').map(|(_, rest)| rest.to_owned());
    let plan = rest(&job.command("plan numbers.csv --limit 3 --batch-size 2").stdout);
    for arguments in [
        "run numbers.csv --dry-run",
        "run numbers.csv -n --yes",
        "run --yes --output x.csv --dry-run numbers.csv",
    ] {
        let ended = job.command(&format!("{arguments} --limit 3 --batch-size 2"));
        ended.exits(0).same("stdout", rest(&ended.stdout), plan.clone()).same(
            "files",
            job.files(),
            ["numbers.csv"],
        );
    }
    let by_variable = Job::on(&service, csv(4)).env("CHIME_SWEEP_DRY_RUN", "true");
    by_variable.sweep("").exits(0).check(by_variable.files() == ["numbers.csv"], "a report");
    assert_eq!(service.requests(), 0);
    job.sweep("").exits(3);
    let plan = job.command("plan numbers.report.csv").stdout;
    let report = job.read("numbers.report.csv");
    let ended = job.rerun("--dry-run");
    ended.exits(0).check(
        plan.contains("to remove   1 number, ") && ended.stdout.contains("to remove   1 number, "),
        &plan,
    );
    assert_eq!((job.read("numbers.report.csv"), service.requests()), (report, 1),);
}

/// The simulator uses no keys, account or region of this machine.
#[test]
fn a_plan_on_the_simulator_shows_only_the_simulator() {
    let keys =
        [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "eu-west-2")];
    let job = keys.into_iter().fold(Job::new(csv(4)), |job, (name, value)| job.env(name, value));
    for command in ["plan numbers.csv --simulate", "run numbers.csv --simulate --dry-run"] {
        let ended = job.command(command);
        let shown = |text: &str| ended.stdout.contains(text);
        ended.exits(0).check(
            shown("service     the simulator")
                && !["account ", "credentials", "MPLE", "eu-west-2"].into_iter().any(shown),
            &ended.stdout,
        );
    }
}
