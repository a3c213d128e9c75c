//! No log level shows a secret, wherever the keys come from.

use std::fs;

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

use super::harness::{Ended, Fake, Job, Service, all_at_once, csv};

/// Every secret that is used begins with this, except the simulator's.
const HUSH: &str = "HUSH";
const LATER: &str = "2099-01-01T00:00:00Z";
const ROLE: &str = "role_arn = arn:aws:iam::123456789012:role/r\n";

const ACCOUNTS: &str = "accounts: [{account_id: '123456789012', profile: base, external_id: HUSHexternal, \
                        role: 'arn:aws:iam::123456789012:role/r'}]\n";

/// What STS, SSO and the metadata services answer: the simulator's key, with a token.
fn answer(request: &str) -> (u16, String) {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let keys = [("{ID}", ACCESS_KEY_ID), ("{SECRET}", SECRET_ACCESS_KEY), ("{LATER}", LATER)];
    let filled =
        |text: &str| keys.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let body = match path {
        "/latest/api/token" => "HUSHsession".to_owned(),
        "/latest/meta-data/iam/security-credentials/" => "role".to_owned(),
        _ if path.starts_with("/federation/credentials") => filled(
            r#"{"roleCredentials":{"accessKeyId":"{ID}","secretAccessKey":"{SECRET}","sessionToken":"HUSHsso","expiration":4070908800000}}"#,
        ),
        "/" => {
            let action =
                if request.contains("WebIdentity") { "AssumeRoleWithWebIdentity" } else { "AssumeRole" };
            let template = "<{A}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{A}Result><Credentials>\
                 <AccessKeyId>{ID}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>\
                 <SessionToken>HUSHsts</SessionToken><Expiration>{LATER}</Expiration></Credentials>\
                 <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>r:s</AssumedRoleId>\
                 </AssumedRoleUser></{A}Result></{A}Response>";
            filled(&template.replace("{A}", action))
        }
        _ => filled(
            r#"{"Code":"Success","LastUpdated":"2020-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"{ID}",
                "SecretAccessKey":"{SECRET}","Token":"HUSHmetadata","Expiration":"{LATER}"}"#,
        ),
    };
    (200, body)
}

type Variables = &'static [(&'static str, &'static str)];

/// The sources: name, `~/.aws/config`, and variables.
const SOURCES: [(&str, &str, Variables); 9] = [
    (
        "environment",
        "",
        &[
            ("AWS_ACCESS_KEY_ID", "{ID}"),
            ("AWS_SECRET_ACCESS_KEY", "{SECRET}"),
            ("AWS_SESSION_TOKEN", "HUSHenv"),
        ],
    ),
    (
        "shared file",
        "[default]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\naws_session_token = HUSHfile\n",
        &[],
    ),
    ("process", "[default]\ncredential_process = cat {HOME}/keys.json; : --password HUSHargument\n", &[]),
    (
        "metadata",
        "",
        &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "{URL}")],
    ),
    (
        "container",
        "",
        &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{URL}/HUSHuri"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "HUSHauthorization"),
        ],
    ),
    (
        "role",
        "[default]\n{ROLE}source_profile = base\nexternal_id = HUSHexternal\n\
         [profile base]\naws_access_key_id = BASE\naws_secret_access_key = HUSHbase\n",
        &[],
    ),
    (
        "accounts",
        "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = HUSHbase\n",
        &[("CHIME_SWEEP_NO_STS", "false")],
    ),
    (
        "web identity",
        "",
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "{HOME}/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
        ],
    ),
    (
        "sso",
        "[default]\nsso_start_url = https://sso.example/start\nsso_region = us-east-1\n\
         sso_account_id = 123456789012\nsso_role_name = r\n",
        &[],
    ),
];

#[test]
fn no_log_level_shows_a_secret() {
    all_at_once(&SOURCES, |(name, config, variables)| {
        let (service, fake) = (Service::playing("[latency]\nmean = \"40ms\"\n"), Fake::start(answer));
        let job = Job::new(csv(2)).at(&service.url()).env("AWS_REGION", "us-east-1").env("RUST_LOG", "trace");
        let job = job.env("AWS_ENDPOINT_URL_STS", fake.url()).env("AWS_ENDPOINT_URL_SSO", fake.url());
        let home = job.folder().to_str().expect("UTF-8").to_owned();
        let values = [
            ("{HOME}", &*home),
            ("{URL}", fake.url()),
            ("{ROLE}", ROLE),
            ("{ID}", ACCESS_KEY_ID),
            ("{SECRET}", SECRET_ACCESS_KEY),
        ];
        let filled =
            |text: &str| values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        let job = variables.iter().fold(job, |job, (name, value)| job.env(name, &filled(value)));
        job.write(".aws/config", filled(config));
        job.write("token", "HUSHjwt");
        let keys =
            r#"{"Version":1,"AccessKeyId":"{ID}","SecretAccessKey":"{SECRET}","SessionToken":"HUSHprocess"}"#;
        job.write("keys.json", filled(keys));
        job.write(
            ".aws/sso/cache/98df91031e87f97bfc088c045be6442dc5d70b2a.json",
            format!(
                r#"{{"accessToken":"HUSHbearer","expiresAt":"{LATER}","region":"us-east-1","startUrl":"https://sso.example/start"}}"#
            ),
        );
        let is_of_accounts = *name == "accounts";
        if is_of_accounts {
            job.write(
                "numbers.csv",
                csv(2).replace('\n', ",123456789012\n").replacen("123456789012", "account", 1),
            );
            job.write("accounts.yml", ACCOUNTS);
        }
        let accounts = if is_of_accounts { "--accounts accounts.yml" } else { "" };
        // Killed, so that there is a journal; then it goes on.
        let running =
            job.start_sweep(&format!("{accounts} --log-file run.log --batch-size 1 --concurrency 1"));
        service.wait_for_requests(2);
        check(name, &job, &running.kill());
        assert!(job.journal().exists());
        let options = "--log-file run.log -vv --summary-json s.json --html page.html --resume";
        let ended = job.sweep(&format!("{accounts} {options}"));
        ended.exits(0);
        check(name, &job, &ended);
    });
}

/// Nothing that the run has written has a secret in it.
#[track_caller]
fn check(name: &str, job: &Job, ended: &Ended) {
    let mut texts =
        vec![("stderr".to_owned(), ended.stderr.clone()), ("stdout".to_owned(), ended.stdout.clone())];
    for file in job
        .files()
        .into_iter()
        .filter(|file| !["keys.json", "token", ".aws", "accounts.yml"].contains(&&**file))
    {
        let bytes = fs::read(job.path(&file)).expect("a file");
        texts.push((file, String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(texts.iter().any(|(file, text)| file == "run.log" && text.contains("to remove")), "{texts:?}");
    for (file, text) in texts {
        for secret in [HUSH, SECRET_ACCESS_KEY, ACCESS_KEY_ID] {
            let line = text.lines().find(|line| line.contains(secret));
            ended.check(line.is_none(), &format!("{name}: {secret} is in {file}: {line:?}"));
        }
    }
}

/// AWS's parser logs the bytes of a file that it cannot read.
#[test]
fn a_file_that_cannot_be_read_is_not_shown() {
    for level in ["", "trace"] {
        let job = Job::new(csv(1)).env("AWS_REGION", "us-east-1").env("RUST_LOG", level);
        job.write(".aws/credentials", b"[default]\naws_secret_access_key = HUSH\n# caf\xe9\n");
        let ended = job.sweep("--log-file run.log");
        ended.exits(1).says("`~/.aws/credentials` cannot be used: line 3 is not UTF-8");
        let log = job.read("run.log");
        for hidden in [HUSH, "72, 85, 83, 72"] {
            ended.says_not(hidden).check(!log.contains(hidden), "it is in the log file");
        }
    }
}

/// Names and messages of others must not command the terminal.
#[test]
fn control_characters_are_escaped_wherever_a_value_is_shown() {
    let escape = "\u{1b}]0;x\u{7}";
    let service = Service::playing("");
    let check = |ended: &Ended, what: &str| {
        for control in ['\u{1b}', '\u{7}', '\r', '\u{9b}'] {
            ended.says_not(&control.to_string()).check(!ended.stdout.contains(control), what);
        }
        let shown = format!("{}{}", ended.stderr, ended.stdout);
        ended.check(["\\u{1b}", "\u{fffd}"].iter().any(|stand_in| shown.contains(stand_in)), what);
    };
    for name in [
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_CA_BUNDLE",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        let url = if name == "AWS_CA_BUNDLE" { "https://127.0.0.1:9" } else { &service.url() };
        // The files are named where no keys are found.
        let job = Job::new(csv(1)).env("AWS_REGION", "us-east-1");
        let job =
            if name.ends_with("_FILE") { job } else { job.with_keys() }.env(name, &format!("a{escape}b"));
        let job = if name == "AWS_ENDPOINT_URL" { job } else { job.at(url) };
        let ended = job.sweep("");
        ended.check(ended.code != Some(0), name);
        if name != "AWS_SECRET_ACCESS_KEY" {
            check(&ended, name);
        }
        let planned = job.command("plan numbers.csv");
        planned.check(!planned.stdout.contains('\u{1b}'), name);
    }
    let path = format!("in{escape}.csv");
    let job = Job::on(&service, csv(1));
    for file in ["nothing", "input"] {
        if file == "input" {
            job.write(&path, csv(1));
        }
        let mut command =
            job.prepare(super::harness::BINARY, &["run", &path, "--yes", "--endpoint-url", &service.url()]);
        check(&job.spawn(&mut command).end(), file);
        let mut command = job.prepare(super::harness::BINARY, &["plan", &path]);
        check(&job.spawn(&mut command).end(), file);
    }
    let mut command = job.prepare(super::harness::BINARY, &["summary", &path.replace(".csv", ".report.csv")]);
    check(&job.spawn(&mut command).end(), "summary");
    // What a service says, and what a profile's section is called.
    job.write(
        "odd.csv",
        format!("voice_connector_id,phone_number,status,error_code,error_message\nvc,+12065550100,failed,C{escape},no{escape}\n"),
    );
    check(&job.command("summary odd.csv"), "a message");
    let job = Job::new(csv(1)).env("AWS_REGION", "us-east-1");
    job.write(".aws/config", format!("[default]\nrole_arn = x\nsource_profile = a{escape}b\n"));
    check(&job.sweep(""), "source_profile");
}
