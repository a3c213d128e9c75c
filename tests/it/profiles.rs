//! The columns `profile`, `account` and `region`: what is shown of them, what their cells may be, and what becomes of their
//! report.

use std::fmt::Write as _;

use chime_sweep::simulator::{account_of, keys_of};

use super::harness::{Job, Service, number};

const PLACES: [(&str, &str); 5] = [
    ("prod", "us-east-1"),
    ("dev", "eu-west-1"),
    ("prod", "us-east-1"),
    ("prod", "eu-west-1"),
    ("prod", "us-east-1"),
];

/// A row in each of [`PLACES`].
fn in_places() -> String {
    (0..).zip(PLACES).fold("vc_id,phone,profile,region\n".to_owned(), |mut csv, (n, (profile, region))| {
        let _ = writeln!(csv, "vc,{},{profile},{region}", number(n));
        csv
    })
}

/// A job with these profiles in the AWS files; STS is the service's.
fn job_of(service: &Service, csv: impl AsRef<[u8]>, profiles: &[&str]) -> Job {
    let url = service.url();
    let job = Job::new(csv).at(&url).env("AWS_ENDPOINT_URL", &url).env("CHIME_SWEEP_NO_STS", "false");
    let section = |profile: &&str| {
        let (id, secret) = keys_of(profile);
        format!("[{profile}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
    };
    let sections: Vec<_> = profiles.iter().map(section).collect();
    let sections = sections.concat();
    job.write(".aws/credentials", sections);
    job
}

#[test]
fn a_rehearsal_shows_each_account_and_region() {
    for delimiter in [",", ";"] {
        let job = Job::new(in_places().replace(',', delimiter));
        let ended = job.sweep("--simulate");
        ended.exits(0).says_all(&[
            "accounts    3 accounts and regions, each with a limit of its own\n",
            "            dev   eu-west-1  1 number\n",
            "            prod  us-east-1  3 numbers\n",
            "by account and region\n",
            "  prod us-east-1: 3 succeeded, 1 request\n",
        ]);
        ended.column_is("status", &["succeeded"; 5]);
    }
}

#[test]
fn a_warning_about_one_of_several_accounts_names_it() {
    let service = Service::playing("");
    let job =
        job_of(&service, in_places(), &["prod", "dev"]).env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    let ended = job.sweep("");
    for name in ["prod us-east-1", "prod eu-west-1", "dev eu-west-1"] {
        ended.says(&format!("account{{name=\"{name}\"}}: the account is not known"));
    }
}

#[test]
fn the_plan_the_report_and_a_rerun_know_the_account_of_each_row() {
    let service =
        Service::playing(&format!("[[number_error]]\nnumbers = ['{}']\ncode = 'Forbidden'\n", number(3)));
    let job = job_of(&service, in_places(), &["prod", "dev"]);
    let (prod, dev) = (account_of("prod"), account_of("dev"));
    let plan = job.command("plan numbers.csv");
    plan.exits(0).prints(&format!("            dev   eu-west-1  1 number   {dev} (arn:aws:iam::{dev}:"));
    plan.prints(&format!("            prod  us-east-1  3 numbers  {prod} (arn:aws:iam::{prod}:"));
    plan.prints("takes longest");
    let plan: serde_json::Value =
        serde_json::from_str(&job.command("plan numbers.csv --json").stdout).expect("JSON");
    let first = &plan["lanes"][0];
    plan_is(first, &prod);

    let ended = job.sweep("--summary-json s.json");
    ended.exits(3).says(&format!("prod us-east-1 (account {prod}): 3 succeeded, 1 request\n"));
    let accounts = PLACES.map(|(profile, _)| if profile == "dev" { &*dev } else { &*prod });
    ended.column_is("account_id", &accounts).column_is("region", &PLACES.map(|(_, region)| region));
    ended.statuses(&["succeeded", "succeeded", "succeeded", "failed", "succeeded"]);
    let summary: serde_json::Value = serde_json::from_str(&job.read("s.json")).expect("JSON");
    ended.same("lanes", summary["lanes"].as_array().map(Vec::len), Some(3));

    let requests = service.requests();
    let ended = job.rerun("");
    ended.exits(3).same("requests", service.requests(), requests + 1).column_is("account_id", &accounts);
    // A region that was changed since the row was sent is an edit.
    let report = job.read("numbers.report.csv");
    let own = format!("{},prod,eu-west-1", number(3));
    job.write("numbers.report.csv", report.replace(&own, &own.replace("eu-west-1", "us-east-1")));
    let ended = job.rerun("");
    ended.exits(3).column_is("error_code", &["", "", "", "Edited", ""]);
    ended.same("requests", service.requests(), requests + 1);
}

fn plan_is(lane: &serde_json::Value, account_id: &str) {
    let name = serde_json::json!(["prod us-east-1", account_id, "us-east-1", 3, 1]);
    let fields = ["name", "account_id", "region", "numbers", "requests"].map(|field| lane[field].clone());
    assert_eq!(serde_json::json!(fields), name, "{lane}");
}

#[test]
fn what_names_no_account_or_region_is_not_sent() {
    let service = Service::playing("");
    let csv = format!(
        "vc_id,phone,profile,region\nvc,{},prod,US East\nvc,{},,us-east-1\nvc,{},prod,\nvc,{},dev,eu-west-1\n",
        number(0),
        number(1),
        number(2),
        number(3)
    );
    let job = job_of(&service, &csv, &["prod", "dev", "spare"]);
    let ended = job.sweep("--region us-west-2");
    ended.exits(3).column_is("error_code", &["InvalidRegion", "EmptyProfile", "", ""]);
    ended.column_is("region", &["", "", "us-west-2", "eu-west-1"]);
    ended.same("requests", service.requests(), 2);
    // With a default it is not empty.
    let ended = job.sweep("--region us-west-2 --profile spare -o spare.csv");
    ended.exits(3).statuses(&["invalid", "succeeded", "failed", "failed"]); // two are off their connectors already
    ended.same("account", &ended.column("account_id")[1], &account_of("spare"));
    // Without the columns there is one account and region.
    let ended =
        job.sweep("--region us-west-2 --profile dev --region-column none --profile-column none -o one.csv");
    ended.exits(0).says_not("accounts and regions").column_is("account_id", &[&*account_of("dev"); 4]);

    job.write("numbers.csv", csv.replace("profile", "account"));
    job.write(
        "accounts.yml",
        "accounts:\n- account_id: '111122223333'\n  name: prod\n- account_id: '444455556666'\n  name: dev\n",
    );
    let plan = job.command("plan numbers.csv --accounts accounts.yml --region us-west-2");
    plan.exits(3).prints("line 2: InvalidRegion: ").prints("line 3: EmptyAccount: the account is empty");
}

#[test]
fn a_column_called_region_that_is_about_something_else_is_not_used() {
    let csv = format!("vc_id,phone,region\nvc,{},north\nvc,{},\n", number(0), number(1));
    let warning = "column `region` is not used: nothing in it looks like an AWS region";
    let job = Job::new(&csv);
    job.sweep("--simulate")
        .exits(0)
        .says(warning)
        .says_not("accounts and regions")
        .statuses(&["succeeded"; 2]);
    job.command("plan numbers.csv").exits(0).prints(warning);
    job.write("numbers.csv", csv.replace("north", ""));
    let plan = job.command("plan numbers.csv");
    plan.check(!plan.stdout.contains(warning), "it is empty");
}

#[test]
fn accounts_that_are_named_without_a_file_of_them_are_warned_of() {
    let csv = format!("vc_id,phone,Account\nvc,{},111111111111\nvc,{},222222222222\n", number(0), number(1));
    let warning = "column `Account` is not used, and all rows are sent to one account";
    let job = Job::new(&csv);
    job.command("plan numbers.csv").exits(0).prints(warning);
    job.write("numbers.csv", csv.replace("222222222222", "111111111111"));
    let plan = job.command("plan numbers.csv");
    plan.check(!plan.stdout.contains(warning), "it is one account");
}
