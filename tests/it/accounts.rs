//! `--accounts`: each row names its account, whose role is assumed with the run's own keys.

use std::collections::BTreeSet;

use super::harness::{Ended, Job, Row, Service, Terminal, Typed, all_at_once, number, wait_until};

const REPORT: &str = "numbers.report.csv";
const WITH: &str = "--accounts accounts.yml";

const ACCOUNTS: &str = "\
accounts:
- account_id: '000000000012'
  name: zeros
  role: arn:aws:iam::000000000012:role/sweep
- account_id: '111111111111'
  name: alpha
  role: arn:aws:iam::111111111111:role/sweep
  regions: [us-east-1, us-west-2]
- account_id: '222222222222'
  name: beta
  role: arn:aws:iam::222222222222:role/sweep
";

/// What the cells of the rows name, and the account and region that is meant.
const ROWS: [(&str, &str, &str); 5] = [
    ("12", "us-east-1", "000000000012"),
    ("alpha", "us-east-1", "111111111111"),
    ("alpha", "us-west-2", "111111111111"),
    ("222222222222", "us-east-1", "222222222222"),
    ("222222222222", "us-west-2", "222222222222"),
];

fn row(n: usize, account: &str, region: &str) -> String {
    format!("vc,{},{account},{region}\n", number(n))
}

const HEADER: &str = "voice_connector_id,phone_number,account,region\n";

/// `count` rows of [`ROWS`] in turn.
fn csv_of_accounts(count: usize) -> String {
    let rows = ROWS.iter().cycle().take(count).enumerate();
    rows.fold(HEADER.to_owned(), |csv, (n, (account, region, _))| csv + &row(n, account, region))
}

/// A job at a service that is STS too.
fn job(service: &Service, csv: &str) -> Job {
    let job = Job::on(service, csv).env("AWS_ENDPOINT_URL_STS", &service.url());
    let job = job.env("CHIME_SWEEP_NO_STS", "false");
    job.write("accounts.yml", ACCOUNTS);
    job
}

/// The account and region of each number: by the ledger, of those that are off; and by a report, of those that succeeded.
fn gone(service: &Service) -> BTreeSet<[String; 3]> {
    let gone = service.ledger().numbers.into_iter().filter(|record| !record.associated);
    gone.map(|it| [it.number.e164().to_string(), it.account.to_string(), it.region.to_string()]).collect()
}

fn succeeded(rows: &[Row]) -> BTreeSet<[String; 3]> {
    let rows = rows.iter().filter(|row| row["status"] == "succeeded");
    rows.map(|row| ["phone_number", "account_id", "region"].map(|name| row[name].clone())).collect()
}

/// The job could not run: this message, and neither a report nor a request.
#[track_caller]
fn refused(ended: &Ended, job: &Job, service: &Service, messages: &[&str]) {
    ended.exits(1).says("error: ").says_all(messages).says("nothing was sent").says_not("panicked");
    ended.same("files", job.files(), ["accounts.yml", "numbers.csv"]);
    ended.same("requests", service.requests(), 0);
}

#[test]
fn each_row_is_sent_in_its_own_account_and_region() {
    let service = Service::playing("");
    let job = job(&service, &csv_of_accounts(20));
    let ended = job.sweep(WITH);
    ended.exits(0);
    let rows = job.true_rows(REPORT, &service);
    ended.same("places", succeeded(&rows), gone(&service)).same("rows", gone(&service).len(), 20);
    let meant = ROWS.iter().cycle().map(|(_, region, account)| (*account, *region));
    for (row, meant) in rows.iter().zip(meant) {
        ended.same("place", (&*row["account_id"], &*row["region"]), meant);
    }
    ended.says(
        "alpha         us-west-2  4 numbers  111111111111 (arn:aws:sts::111111111111:assumed-role/sweep/chime-sweep)",
    );
}

/// The same connector in each account and region.
const WORLD: &str = "[[connector]]\nid = 'vc'\nfirst = '+12065550000'\ncount = 10\n";

#[test]
fn plans_and_the_question_name_each_account() {
    let service = Service::playing(WORLD);
    let job = job(&service, &csv_of_accounts(5));
    let named = [
        "12            us-east-1  1 number   000000000012 (arn:aws:sts::000000000012:assumed-role/sweep/chime-sweep)",
        "alpha         us-west-2  1 number   111111111111 (",
        "222222222222  us-east-1  1 number   222222222222 (",
    ];
    let plan = format!("plan numbers.csv --endpoint-url {} {WITH}", service.url());
    for plan in [job.command(&plan), job.command(&format!("{plan} --check"))] {
        named.iter().fold(plan.exits(0), |plan, text| plan.prints(text));
    }
    assert_eq!((service.changes().len(), service.replies(403)), (0, 0));
    let Some(terminal) = Terminal::find() else { return };
    let question = [("Remove 5 numbers? [y/N]", Typed::Keys("n\n"))];
    let (code, shown) = terminal.run(&job, &job.run_arguments(WITH), &question);
    assert!(code == Some(2) && named.iter().all(|text| shown.contains(text)), "{code:?}: {shown}");
}

/// Every command that asks the service asks it in the account and region of the row.
#[test]
fn a_report_is_verified_undone_and_run_again_in_its_accounts() {
    let service = Service::playing(WORLD);
    let job = job(&service, &csv_of_accounts(10));
    job.sweep(&format!("{WITH} --check")).exits(0);
    let done = gone(&service);
    assert_eq!(done.len(), 10);
    job.take("verify", WITH).exits(0);
    job.take("undo", &format!("{WITH} --yes")).exits(0).same("put back", gone(&service), BTreeSet::new());
    job.write(REPORT, job.read(REPORT).replace("succeeded", "failed"));
    job.rerun(WITH).exits(0).same("places", gone(&service), done);
}

#[test]
fn a_run_that_was_killed_is_continued_in_its_accounts() {
    let service = Service::playing("[latency]\nmean = '20ms'\n");
    let job = job(&service, &csv_of_accounts(100));
    let running = job.start_sweep(&format!("{WITH} --batch-size 1 --concurrency 1"));
    service.wait_for_requests(20);
    running.kill();
    assert!(job.journal().exists());
    let ended = job.sweep(&format!("{WITH} --resume"));
    let rows = job.true_rows(REPORT, &service);
    ended.exits(0).same("places", succeeded(&rows), gone(&service)).same("rows", gone(&service).len(), 100);
}

/// The run takes twice as long as a role's keys last. They are not those of the environment, which nothing can renew.
#[test]
fn keys_that_expire_are_fetched_again() {
    let service = Service::playing("[sts]\nkeys_last = '2s'\n[latency]\nmean = '100ms'\n");
    let job = job(&service, &csv_of_accounts(200));
    let ended = job.sweep(&format!("{WITH} --batch-size 1 --concurrency 1 --rate 1000"));
    ended.exits(0).says_not("the service refuses the credentials").agrees_with(&service);
    ended.same("succeeded", ended.counts()["succeeded"], 200);
}

const DENIED: &str = "arn:aws:iam::111111111111:role/sweep";

#[test]
fn every_role_that_is_denied_is_named_and_nothing_is_sent() {
    let service =
        Service::playing(&format!("[sts]\ndenied = ['{DENIED}', 'arn:aws:iam::222222222222:role/sweep']\n"));
    let job = job(&service, &csv_of_accounts(10));
    let ended = job.sweep(WITH);
    let messages = [
        "alpha us-east-1 (line 3): role `arn:aws:iam::111111111111:role/sweep` cannot be assumed with key …ATED",
        "alpha us-west-2 (line 4): role",
        "222222222222 us-east-1 (line 5): role `arn:aws:iam::222222222222:role/sweep` cannot be assumed",
        "AccessDenied: User: arn:aws:iam::000000000000:user/simulated is not authorized",
        "hint: the role must exist in account 222222222222, its trust policy must allow the caller",
    ];
    refused(&ended, &job, &service, &messages);
    ended.says_not("zeros").says_not("12 us-east-1");
    // A plan says it, and shows the others.
    let plan = job.command(&format!("plan numbers.csv --endpoint-url {} {WITH}", service.url()));
    plan.exits(0)
        .prints("us-east-1  2 numbers  000000000012 (")
        .prints("alpha         us-east-1  2 numbers  unknown (role `");
}

/// A new simulator does not know the keys that the old one lent: they are fetched again, where the role allows it.
#[test]
#[cfg(unix)]
fn a_role_that_is_denied_later_holds_up_its_own_account_alone() {
    let service = Service::playing("[latency]\nmean = '20ms'\n");
    let job = job(&service, &csv_of_accounts(200));
    let running = job.start_sweep(&format!("{WITH} --batch-size 1 --concurrency 1"));
    service.wait_for_requests(20);
    let before = gone(&service);
    let service = service.stop()(&format!("[sts]\ndenied = ['{DENIED}']\n"));
    let is_denied = |place: &[String; 3]| place[1] == "111111111111";
    let after = || gone(&service).into_iter().chain(before.clone()).collect::<BTreeSet<_>>();
    wait_until("the others are done", || after().iter().filter(|place| !is_denied(place)).count() >= 120);
    running.wait_for("waiting for others");
    running.signal("INT");
    let ended = running.end();
    ended.exits(130).says("role `arn:aws:iam::111111111111:role/sweep` cannot be assumed");
    for row in ended.rows() {
        let expected: &[&str] = match &*row["account_id"] {
            // What was in flight when the old one stopped cannot be settled.
            "111111111111" => &["succeeded", "not_attempted", "unknown"],
            _ => &["succeeded"],
        };
        ended.check(expected.contains(&&*row["status"]), &format!("{row:?}"));
    }
    ended.check(ended.counts()["not_attempted"] > 40, "the denied one is held up");
}

#[test]
fn what_cannot_be_an_account_is_refused() {
    let all = csv_of_accounts(5);
    let [alpha, by_id] = ["alpha", "111111111111"].map(|account| row(0, account, "us-east-1"));
    let two_names = format!("{HEADER}{alpha}{}", by_id.replace(&number(0), &number(1)));
    all_at_once(
        &[
            (
                all.replace("alpha", "gamma"),
                WITH,
                &[
                    "gamma us-east-1 (line 3): the accounts file has no account `gamma`",
                    "hint: it has `zeros`, `alpha`, `beta`",
                ][..],
            ),
            (
                all.replace("alpha,us-west-2", "alpha,eu-west-1"),
                WITH,
                &[
                    "alpha eu-west-1 (line 4): account `alpha`",
                    "`us-east-1`, `us-west-2`, and `eu-west-1` is not one of them",
                ],
            ),
            (
                two_names,
                WITH,
                &["`alpha us-east-1` and `111111111111 us-east-1` are the same account and region"],
            ),
            (
                all.clone(),
                "--accounts accounts.yml --expect-account 111111111111",
                &[
                    "12 us-east-1 (line 2): account `zeros` of --accounts is 000000000012, and --expect-account is 111111111111",
                ],
            ),
            (
                all.clone(),
                "--accounts nowhere.yml",
                &[
                    "accounts file `nowhere.yml` cannot be read: ",
                    "hint: --accounts names a file in YAML or JSON",
                ],
            ),
            (all.clone(), "--accounts numbers.csv", &["accounts file `numbers.csv` cannot be used: "]),
            (
                all,
                "--accounts accounts.yml --no-sts",
                &["cannot be assumed, because STS is not asked: --no-sts"],
            ),
        ],
        |(csv, options, messages)| {
            let service = Service::playing("");
            let job = job(&service, csv);
            refused(&job.sweep(options), &job, &service, messages);
        },
    );
}

#[test]
fn the_expected_account_may_be_one_of_the_file() {
    let service = Service::playing("");
    let job = job(&service, &(HEADER.to_owned() + &row(0, "alpha", "us-east-1")));
    let ended = job.sweep(&format!("{WITH} --expect-account 111111111111"));
    ended.exits(0).column_is("account_id", &["111111111111"]).agrees_with(&service);
}

#[test]
fn accounts_can_be_rehearsed_without_keys() {
    let job = Job::new(csv_of_accounts(10));
    job.write("accounts.yml", ACCOUNTS);
    let ended = job.command(&format!("run numbers.csv --simulate --yes {WITH}"));
    ended.exits(0).says("alpha us-west-2: 2 succeeded").statuses(&["succeeded"; 10]);
    let ended = job.command("run numbers.csv --simulate --yes --accounts nowhere.yml");
    ended.exits(1).says("accounts file `nowhere.yml` cannot be read");
}
