//! What is wrong in AWS's files ends the run: the next source's keys, such as this machine's own role, may be another
//! account's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

use super::harness::{Ended, Fake, Job, Service, all_at_once, csv};

/// A way to configure credentials: what is in the files, and the profile to type; an empty one is not typed.
struct Kind {
    name: &'static str,
    profile: &'static str,
    config: &'static str,
    credentials: &'static str,
}

const ROLE: &str = "role_arn = arn:aws:iam::123456789012:role/r\n";

const fn kind(
    name: &'static str,
    profile: &'static str,
    config: &'static str,
    credentials: &'static str,
) -> Kind {
    Kind { name, profile, config, credentials }
}

const KINDS: [Kind; 11] = [
    kind("static keys", "prod", "[profile prod]\nregion = us-east-1\n", "[prod]\n{keys}"),
    kind("incomplete keys", "prod", "", "[prod]\naws_access_key_id = AKID\n"),
    kind("role, source_profile", "prod", "[profile prod]\n{role}source_profile = base\n", "[base]\n{keys}"),
    kind(
        "role, credential_source",
        "prod",
        "[profile prod]\n{role}credential_source = Ec2InstanceMetadata\n",
        "",
    ),
    kind("web identity", "prod", "[profile prod]\n{role}web_identity_token_file = nowhere/token\n", ""),
    kind(
        "sso_session",
        "prod",
        "[profile prod]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n\
         [sso-session s]\nsso_region = us-east-1\nsso_start_url = https://127.0.0.1:1/start\n",
        "",
    ),
    kind(
        "legacy sso",
        "prod",
        "[profile prod]\nsso_account_id = 1\nsso_role_name = r\nsso_region = us-east-1\n\
         sso_start_url = https://127.0.0.1:1/start\n",
        "",
    ),
    kind("credential_process", "prod", "[profile prod]\ncredential_process = false\n", ""),
    kind("empty section", "prod", "[profile prod]\nregion = us-east-1\n", ""),
    kind("missing section", "prod", "[profile other]\nregion = us-east-1\n", "[other]\n{keys}"),
    kind("default", "", "[default]\nregion = us-east-1\n", "[default]\n{keys}"),
];

/// What can happen to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Damage {
    None,
    /// In each line in turn: the value is empty, in quotes, or the line is gone.
    Blank(usize),
    Quoted(usize),
    Missing(usize),
    Gone,
    Loop,
    Directory,
    Latin1,
    Utf16,
    Utf8Bom,
    Unparsable,
    Twice,
    Elsewhere,
}

/// One cell of the table.
struct Cell<'a> {
    kind: &'a Kind,
    damage: Damage,
    /// Whether the credentials file is damaged, not the config file.
    in_credentials: bool,
}

impl Cell<'_> {
    /// The files, and whether the damage changes anything.
    fn files(&self) -> ([String; 2], bool) {
        let old = [filled(self.kind.config), filled(self.kind.credentials)];
        let mut files = old.clone();
        let file = &mut files[usize::from(self.in_credentials)];
        match self.damage {
            Damage::Blank(line) => in_line(file, line, |name, _| format!("{name} =")),
            Damage::Quoted(line) => in_line(file, line, |name, value| format!("{name} = \"{value}\"")),
            Damage::Missing(line) => in_line(file, line, |_, _| String::new()),
            Damage::Gone => {
                for name in ["source_profile = base", "sso_session = s"] {
                    *file = file.replace(name, &format!("{name}-gone"));
                }
                *file = file.replace("Ec2InstanceMetadata", "Nothing");
            }
            Damage::Loop if self.kind.name == "role, source_profile" && !self.in_credentials => {
                let _ = write!(file, "[profile base]\n{ROLE}source_profile = prod\n");
                files[1] = String::new();
            }
            Damage::Unparsable => file.push_str("nonsense\n"),
            Damage::Twice if !file.is_empty() => *file = file.repeat(2),
            _ => {}
        }
        let is_of_file = matches!(
            self.damage,
            Damage::None
                | Damage::Directory
                | Damage::Latin1
                | Damage::Utf16
                | Damage::Utf8Bom
                | Damage::Elsewhere
        );
        let is_changed = files != old;
        (files, is_changed || is_of_file)
    }

    /// Whether the damage leaves the profile as it was.
    fn is_harmless(&self) -> bool {
        match self.damage {
            Damage::None | Damage::Utf8Bom => true,
            Damage::Elsewhere => self.in_credentials,
            _ => false,
        }
    }

    /// Runs it; `None` if the damage changes nothing.
    fn run(&self, metadata: &Fake) -> Option<Ended> {
        let (files, applies) = self.files();
        if !applies {
            return None;
        }
        let service = Service::playing("");
        let mut job = on_machine(metadata).at(&service.url());
        for (at, (name, text)) in [".aws/config", ".aws/credentials"].into_iter().zip(files).enumerate() {
            let is_it = at == usize::from(self.in_credentials);
            match self.damage {
                Damage::Directory if is_it => job.write(&format!("{name}/file"), ""),
                Damage::Elsewhere if is_it => {
                    let variable = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"][at];
                    job = job.env(variable, "nowhere/file");
                }
                Damage::Latin1 if is_it => {
                    job.write(name, [text.as_bytes(), b"# caf\xe9\n"].concat());
                }
                Damage::Utf16 if is_it => {
                    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
                    job.write(name, units.flat_map(u16::to_le_bytes).collect::<Vec<_>>());
                }
                Damage::Utf8Bom if is_it => job.write(name, format!("\u{feff}{text}").replace('\n', "\r\n")),
                _ if text.is_empty() => {}
                _ => job.write(name, text),
            }
        }
        let profile = self.kind.profile;
        let typed = if profile.is_empty() { String::new() } else { format!("--profile {profile}") };
        Some(job.sweep(&typed))
    }
}

fn in_line(file: &mut String, line: usize, change: impl Fn(&str, &str) -> String) {
    let lines = file.lines().enumerate().map(|(n, text)| match text.split_once(" = ") {
        // A region is not about the account, and nothing breaks without it.
        Some((name, value)) if n == line && name != "region" => change(name, value),
        _ => text.to_owned(),
    });
    let changed: Vec<_> = lines.collect();
    *file = changed.into_iter().fold(String::new(), |text, line| text + &line + "\n");
}

/// Each way to configure credentials, and all that can be wrong with it: the configured keys are used, or none. The
/// table is a snapshot. Roles, SSO and the process cannot give keys here, damaged or not.
#[test]
fn nothing_that_is_wrong_in_the_files_leads_to_another_account() {
    let whole = [
        Damage::None,
        Damage::Gone,
        Damage::Loop,
        Damage::Directory,
        Damage::Latin1,
        Damage::Utf16,
        Damage::Utf8Bom,
        Damage::Unparsable,
        Damage::Twice,
        Damage::Elsewhere,
    ];
    let of_lines = |line| [Damage::Blank(line), Damage::Quoted(line), Damage::Missing(line)];
    let damages: Vec<_> = whole.into_iter().chain((1..=6).flat_map(of_lines)).collect();
    let metadata = metadata();
    let table = Mutex::new(BTreeMap::new());
    all_at_once(&KINDS, |kind| {
        let mut lines = String::new();
        for (&damage, in_credentials) in damages.iter().flat_map(|damage| [(damage, false), (damage, true)]) {
            let cell = Cell { kind, damage, in_credentials };
            if kind.name == "role, credential_source" && cell.is_harmless() {
                continue; // the metadata service is what it asks for
            }
            let Some(ended) = cell.run(&metadata) else { continue };
            let place = if in_credentials { "credentials" } else { "config" };
            let what = format!("{} × {damage:?} in {place}", kind.name);
            let error = ended.stderr.lines().find(|line| line.starts_with("error"));
            let _ = writeln!(lines, "{what}: {}", error.unwrap_or("the configured keys"));
            ended.says_not(SECRET_ACCESS_KEY).says_not("panicked");
            let Some(error) = error else {
                ended.exits(0);
                continue;
            };
            ended.exits(1).says("nothing was sent").check(ended.report.is_none(), &what);
            let is_named = [".aws/", "nowhere/file"].iter().any(|file| error.contains(file));
            ended.check(is_named, &format!("{what}: no file is named"));
        }
        table.lock().expect("a table").insert(kind.name, lines);
    });
    assert_eq!(metadata.seen(), Vec::<String>::new());
    let table: String = table.into_inner().expect("a table").into_values().collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("wrong_account", table);
    });
}

/// A metadata service that hands out keys.
fn metadata() -> Fake {
    Fake::start(|request| match request.split(' ').nth(1).unwrap_or_default() {
        "/latest/api/token" => (200, "session".to_owned()),
        "/latest/meta-data/iam/security-credentials/" => (200, "role".to_owned()),
        _ => (
            200,
            r#"{"Code":"Success","LastUpdated":"2020-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"IMDS",
                "SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#
                .to_owned(),
        ),
    })
}

/// Without a profile of the user's this machine's own role is used, unless there are signs that one was meant.
#[test]
fn signs_of_a_mistake_keep_the_machine_from_using_its_own_role() {
    let none = ("AWS_PAGER", "");
    for (variable, config, message) in [
        (none, "", ""),
        (none, "[profile other]\nregion = us-east-1\n", ""),
        (("AWS_SESSION_TOKEN", ""), "", ""),
        (("AWS_ACCESS_KEY_ID", ""), "", "`AWS_ACCESS_KEY_ID` is set and empty"),
        (("AWS_ACCESS_KEY_ID", " \r"), "", "`AWS_ACCESS_KEY_ID` is set and empty"),
        (("AWS_SECRET_ACCESS_KEY", "x"), "", "`AWS_SECRET_ACCESS_KEY` is set and `AWS_ACCESS_KEY_ID` is not"),
        (("AWS_CONFIG_FILE", "nowhere"), "", "`AWS_CONFIG_FILE` names `nowhere`, which does not exist"),
        (("AWS_WEB_IDENTITY_TOKEN_FILE", ""), "", "`AWS_WEB_IDENTITY_TOKEN_FILE` is set and empty"),
        (("AWS_PROFILE", ""), "", "profile ``, chosen by `AWS_PROFILE`, is not in"),
        (("AWS_DEFAULT_PROFILE", "gone"), "", "profile `gone`, chosen by `AWS_DEFAULT_PROFILE`, is not in"),
        (none, "[profile \"default\"]\n", "which is not `[default]`"),
        (none, "[DEFAULT]\n", "has `[DEFAULT]`, which is not `[default]`"),
        (none, "[default]\nsource_profile = x\n", "its `source_profile` needs a `role_arn`"),
        (
            none,
            "[default]\ncredential_source = Ec2InstanceMetadata\n",
            "`credential_source` needs a `role_arn`",
        ),
    ] {
        let (metadata, service) = (metadata(), Service::playing(""));
        let job = on_machine(&metadata).at(&service.url()).env(variable.0, variable.1);
        job.write(".aws/config", config);
        let ended = job.sweep("");
        if message.is_empty() {
            ended.check(!metadata.seen().is_empty(), "its role is not used");
        } else {
            ended.exits(1).says(message).same("asked", metadata.seen().len(), 0);
        }
    }
}

/// What is certain is put right; anything else is an error that does not show the secret.
#[test]
fn keys_in_the_environment_are_trimmed_or_refused() {
    let (id, secret, token) = (ACCESS_KEY_ID, SECRET_ACCESS_KEY, "AWS_SESSION_TOKEN");
    let service = Service::playing("");
    let run = |id: &str, secret: &str, more: (&str, &str)| {
        let job = Job::new(csv(1)).at(&service.url()).env("AWS_REGION", " us-east-1\r\n");
        let keys = job.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        let job = keys.env(more.0, more.1);
        (job.sweep(""), job)
    };
    run(&format!(" {id}\r\n"), &format!("\t{secret}\r"), (token, " ")).0.exits(0);
    let quoted = format!("\"{secret}\"");
    for (id, secret, more, message) in [
        (id, &*quoted, (token, ""), "`AWS_SECRET_ACCESS_KEY` contains a quotation mark"),
        ("'AKID'", secret, (token, ""), "`AWS_ACCESS_KEY_ID` contains a quotation mark"),
        (id, "HUSH hush", (token, ""), "`AWS_SECRET_ACCESS_KEY` contains a space"),
        (id, "HUSH\u{200b}", (token, ""), "`AWS_SECRET_ACCESS_KEY` contains a character that is not ASCII"),
        (id, secret, (token, "HU\u{1b}SH"), "`AWS_SESSION_TOKEN` contains U+001B"),
        (id, secret, ("AWS_REGION", "us-east-1\u{1b}"), "`us-east-1\\u{1b}` is not a region name"),
        (id, secret, ("AWS_REGION", "\"us-east-1\""), "is not a region name"),
        (id, secret, ("AWS_ENDPOINT_URL", ""), "endpoint `` cannot be used"),
    ] {
        let (ended, job) = if more.0 == "AWS_ENDPOINT_URL" {
            let job = Job::new(csv(1)).with_keys().env(more.0, more.1);
            (job.sweep(""), job)
        } else {
            run(id, secret, more)
        };
        ended.refused(&job, message).says_not("HUSH").says_not(SECRET_ACCESS_KEY).says_not("\u{1b}");
    }
}

/// The order of the AWS CLI.
#[test]
fn the_default_profile_variable_comes_first() {
    let service = Service::playing("");
    let job = Job::new(csv(1)).at(&service.url()).env("AWS_REGION", "us-east-1");
    let job = job.env("AWS_DEFAULT_PROFILE", "right").env("AWS_PROFILE", "wrong");
    let keys = filled("{keys}");
    job.write(".aws/credentials", format!("[right]\n{keys}[wrong]\n{keys}"));
    job.sweep("").exits(0).says_all(&[
        "`AWS_DEFAULT_PROFILE` is `right` and `AWS_PROFILE` is `wrong`: `right` is used",
        "profile `right` (`AWS_DEFAULT_PROFILE`)",
    ]);
}

/// A profile whose source is an SSO profile: that one has to be logged in.
#[test]
fn the_hint_names_the_profile_that_sso_is_of() {
    let job = on_machine(&metadata()).at("http://127.0.0.1:1");
    job.write(
        ".aws/config",
        format!(
            "[profile prod]\n{ROLE}source_profile = people\n[profile people]\nsso_account_id = 1\n\
             sso_role_name = r\nsso_region = us-east-1\nsso_start_url = https://127.0.0.1:1/start\n"
        ),
    );
    job.sweep("--profile prod").exits(1).says("hint: `aws sso login --profile people`");
}

/// A job on a machine with a role of its own; STS and SSO are out of reach.
fn on_machine(metadata: &Fake) -> Job {
    let nowhere = "http://127.0.0.1:1";
    Job::new(csv(1))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL_STS", nowhere)
        .env("AWS_ENDPOINT_URL_SSO", nowhere)
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url())
}

fn filled(text: &str) -> String {
    let keys = format!("aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n");
    text.replace("{keys}", &keys).replace("{role}", ROLE)
}
