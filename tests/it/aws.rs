//! Region, endpoint and keys come from where every AWS tool reads them, with their known pitfalls.

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

use super::harness::{Job, Service, all_at_once, csv};

/// Keys and region in `~/.aws`, under `profile`, with `more` in the profile and after it.
fn profiled(profile: &str, more: &str) -> Job {
    let job = Job::new(csv(1));
    let section = if profile == "default" { profile.to_owned() } else { format!("profile {profile}") };
    let keys = format!("aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n");
    job.write(".aws/config", format!("[{section}]\nregion = eu-west-1\n{more}"));
    job.write(".aws/credentials", format!("[{profile}]\n{keys}"));
    job
}

#[test]
fn settings_that_break_other_tools_do_not_break_this_one() {
    all_at_once(
        &[
            ("AWS_RETRY_MODE", "legacy"),
            ("AWS_RETRY_MODE", "nonsense"),
            ("AWS_MAX_ATTEMPTS", "0"),
            ("AWS_MAX_ATTEMPTS", "abc"),
            ("AWS_DEFAULT_OUTPUT", "\u{e9}"),
        ],
        |(name, value)| {
            let service = Service::playing("");
            Job::on(&service, csv(1)).env(name, value).sweep("").exits(0).says_not("panicked");
            let job = profiled("default", "retry_mode = legacy\nmax_attempts = 0\n").env(name, value);
            job.at(&service.url()).sweep("").exits(0).says_not("panicked");
        },
    );
}

#[test]
fn without_keys_or_a_region_the_error_says_where_it_looked() {
    let service = Service::playing("");
    let job = Job::new(csv(1)).at(&service.url()).env("AWS_REGION", "us-east-1");
    let ended = job.sweep("");
    ended.refused(&job, "nothing was sent");
    for source in
        ["`AWS_ACCESS_KEY_ID`", "profile `default`", "web identity", "container", "instance metadata"]
    {
        ended.says(source);
    }
    let job = Job::new(csv(1))
        .at(&service.url())
        .env("AWS_ACCESS_KEY_ID", "AKID")
        .env("AWS_SECRET_ACCESS_KEY", "x");
    let ended = job.sweep("");
    ended.refused(&job, "no region is set").says("--region").says("`AWS_DEFAULT_REGION`").says(".aws/config");
    let job = Job::new(csv(1)).with_keys().env("AWS_PROFILE", "nobody");
    job.sweep("").refused(&job, "profile `nobody`, chosen by `AWS_PROFILE`");
    let job = Job::new(csv(1)).with_keys().env("AWS_SECRET_ACCESS_KEY", "");
    job.sweep("").refused(&job, "AWS_SECRET_ACCESS_KEY");
    assert_eq!(service.requests(), 0);
}

#[test]
fn the_most_specific_endpoint_of_the_environment_is_used() {
    let service = Service::playing("");
    let url = service.url();
    let nowhere = "http://127.0.0.1:1";
    let check = |variables: &[(&str, &str)], typed: &str| {
        let job = Job::new(csv(1)).with_keys();
        let job = variables.iter().fold(job, |job, (name, value)| job.env(name, value));
        job.sweep(typed).says(&format!("service     {url} (us-east-1)"));
    };
    let own = "AWS_ENDPOINT_URL_CHIME_SDK_VOICE";
    check(&[("AWS_ENDPOINT_URL", &url)], "");
    check(&[(own, &url), ("AWS_ENDPOINT_URL", nowhere)], "");
    check(&[(own, nowhere)], &format!("--endpoint-url {url}"));
    assert_eq!(service.requests(), 3);
}

#[test]
fn the_endpoint_of_a_profile_is_found_in_both_spellings() {
    all_at_once(&["chime_sdk_voice", "chime-sdk-voice", ""], |spelling| {
        // The simulator checks the region in the signature, so a wrong one would be refused.
        let service = Service::playing("region = 'eu-west-1'");
        let url = service.url();
        let more = match *spelling {
            "" => format!("endpoint_url = {url}\n"),
            _ => format!("services = mine\n[services mine]\n{spelling} =\n  endpoint_url = {url}\n"),
        };
        let job = profiled("night", &more).env("AWS_PROFILE", "night");
        let ended = job.sweep("");
        ended.exits(0).says(&format!("service     {url} (eu-west-1)")).same(
            "requests",
            service.requests(),
            1,
        );
        let ended = profiled("night", &more).sweep("--profile night");
        ended.exits(3).column_is("error_code", &["NotFound"]).same("requests", service.requests(), 2);
    });
}

#[test]
fn a_typed_profile_wins_over_keys_in_the_environment() {
    let service = Service::playing("");
    let wrong = |job: Job| {
        job.at(&service.url()).env("AWS_ACCESS_KEY_ID", "AKIDWRONG").env("AWS_SECRET_ACCESS_KEY", "x")
    };
    wrong(profiled("night", "")).sweep("--profile night").exits(0).statuses(&["succeeded"]);
    let ended = wrong(profiled("night", "")).env("AWS_PROFILE", "night").sweep("");
    ended.exits(4).statuses(&["not_attempted"]);
}

#[cfg(unix)]
mod process {
    use super::*;

    /// A profile whose keys are what `keys.json` holds; each read puts `next.json` in its place for the next.
    fn with_process(first: &str, next: &str) -> Job {
        let job = Job::new(csv(6));
        let keys = |id: &str| {
            format!(r#"{{"Version":1,"AccessKeyId":"{id}","SecretAccessKey":"{SECRET_ACCESS_KEY}"}}"#)
        };
        job.write("keys.json", keys(first));
        job.write("next.json", keys(next));
        job.write("keys.sh", "cd \"$(dirname \"$0\")\" && cat keys.json && cp next.json keys.json\n");
        let script = job.path("keys.sh").display().to_string();
        job.write(
            ".aws/config",
            format!("[default]\nregion = us-east-1\ncredential_process = sh {script}\n"),
        );
        job
    }

    /// The first key is good for two requests.
    const RENEWED: &str = "[[key]]\naccess_key_id = 'AKIDFIRST'\nrequests = 2\n\
                           secret_access_key = 'simulated-secret-that-opens-nothing'\n\
                           [[key]]\naccess_key_id = 'AKIDSECOND'\n\
                           secret_access_key = 'simulated-secret-that-opens-nothing'\n";

    #[test]
    fn keys_that_expire_during_a_run_are_read_again() {
        let service = Service::playing(RENEWED);
        let job = with_process("AKIDFIRST", "AKIDSECOND").at(&service.url());
        let ended = job.sweep("--batch-size 1 --concurrency 1 --max-attempts 1");
        ended.exits(0).statuses(&["succeeded"; 6]).column_is("attempts", &["1"; 6]).agrees_with(&service);
        ended.same("replies", (service.replies(200), service.replies(403)), (6, 1));
    }

    #[test]
    fn keys_that_never_worked_are_read_again_once() {
        let service = Service::playing(RENEWED);
        let job = with_process("AKIDWRONG", "AKIDSECOND").at(&service.url());
        job.sweep("--concurrency 1").exits(0).same("refused", service.replies(403), 1);
        let job = with_process("AKIDWRONG", "AKIDWRONG").at(&service.url());
        job.sweep("--concurrency 1").exits(4).same("refused", service.replies(403), 2);
    }

    #[test]
    fn a_process_that_fails_is_an_error_and_no_other_source_is_tried() {
        let service = Service::playing("");
        let job = Job::new(csv(1)).at(&service.url());
        job.write(".aws/config", "[default]\nregion = us-east-1\ncredential_process = sh -c \"echo no keys tonight >&2; exit 3\"\n");
        let ended = job.sweep("");
        ended.exits(1).says("error: ").says("profile `default`").same("requests", service.requests(), 0);
    }
}

#[test]
fn endpoints_that_must_not_be_used_are_refused() {
    all_at_once(
        &[
            ("--endpoint-url http://127.0.0.1:1 --fips", "", "cannot be used together with FIPS"),
            ("--endpoint-url http://127.0.0.1:1 --dualstack", "", "cannot be used together with dual-stack"),
            (
                "--endpoint-url http://127.0.0.1:1",
                "AWS_USE_FIPS_ENDPOINT",
                "cannot be used together with FIPS",
            ),
            ("--endpoint-url http://192.0.2.1", "", "is plain http and not on this machine; --allow-http"),
            ("--endpoint-url ftp://127.0.0.1", "", "must start with `https://`"),
            ("--endpoint-url http://me:secret@127.0.0.1", "", "user name or a password"),
            ("--endpoint-url http://127.0.0.1:1/a//b", "", "with a plain path"),
            ("--region eu-west-2 --fips", "", "no FIPS endpoint in `eu-west-2`"),
            ("--region Mars", "", "is not a region name"),
        ],
        |(arguments, switch, message)| {
            let mut job = Job::new(csv(1)).with_keys();
            if !switch.is_empty() {
                job = job.env(switch, "true");
            }
            job.sweep(arguments).refused(&job, message).says_not("secret");
        },
    );
}

#[test]
fn a_wrong_secret_ends_the_run_soon() {
    let service = Service::playing("");
    let job = Job::on(&service, csv(200)).env("AWS_SECRET_ACCESS_KEY", "wrong");
    let ended = job.sweep("--batch-size 1");
    ended.exits(4).says("refused the credentials").same("applied", service.applied().len(), 0);
    ended.check(ended.counts()["not_attempted"] == 200 && service.requests() <= 16, "it went on");
}

#[test]
fn a_proxy_is_not_asked_for_what_is_on_this_machine() {
    let service = Service::playing("");
    let nowhere = "http://127.0.0.1:1";
    let variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let job = variables.iter().fold(Job::on(&service, csv(1)), |job, name| job.env(name, nowhere));
    job.sweep("--max-attempts 1").exits(0).same("requests", service.requests(), 1);
}

/// Only these tests ask STS: theirs is on this machine.
const NO_STS: &str = "CHIME_SWEEP_NO_STS";

#[test]
fn the_account_is_asked_for_and_shown() {
    let service = Service::playing("");
    let url = service.url();
    let job = |variable: &str| Job::new(csv(2)).with_keys().env(variable, &url).env(NO_STS, "false");
    let known = "account     000000000000 (arn:aws:iam::000000000000:user/simulated)";
    let own_job = job("AWS_ENDPOINT_URL");
    let ended = own_job.sweep("--expect-account 000000000000 --summary-json s.json");
    ended
        .exits(0)
        .says(known)
        .column_is("account_id", &["000000000000"; 2])
        .column_is("region", &["us-east-1"; 2]);
    let summary = own_job.read("s.json");
    assert!(
        summary.contains("\"account_id\": \"000000000000\"") && summary.contains("user/simulated"),
        "{summary}"
    );
    ended.says("account 000000000000 (arn:aws:iam::000000000000:user/simulated), ");
    job("AWS_ENDPOINT_URL").command("plan numbers.csv").exits(0).prints(known);
    // Only the service's endpoint is known: its STS is not AWS's.
    let own = "AWS_ENDPOINT_URL_CHIME_SDK_VOICE";
    let ended = job(own).sweep("");
    ended.says("account     unknown (").column_is("account_id", &["", ""]);
    job(own).env("AWS_ENDPOINT_URL_STS", &url).sweep("").says(known);
    job("AWS_ENDPOINT_URL").sweep("--no-sts").says("account     unknown (--no-sts)");
    assert_eq!(service.requests(), 4, "what is asked of STS does not count");
}

#[test]
fn another_account_than_the_expected_one_is_refused() {
    let service = Service::playing("");
    let url = service.url();
    let job = |variable: &str| Job::new(csv(2)).with_keys().env(variable, &url).env(NO_STS, "false");
    for (variable, options, message) in [
        ("AWS_ENDPOINT_URL", "--expect-account 123456789012", "are of account 000000000000 (arn:aws:iam::"),
        ("AWS_ENDPOINT_URL_CHIME_SDK_VOICE", "--expect-account 000000000000", "the account is not known"),
    ] {
        let job = job(variable);
        job.sweep(options).refused(&job, message).says("nothing was sent");
        job.command(&format!("plan numbers.csv {options}")).exits(1).says(message);
    }
    job("AWS_ENDPOINT_URL").sweep("--expect-account 1234").exits(2).says("12 digits");
    assert_eq!(service.requests(), 0);
}

#[test]
fn a_run_goes_on_if_sts_gives_no_answer_that_can_be_used() {
    let refusing = Service::playing("[[key]]\naccess_key_id = 'AKIDOTHER'\nsecret_access_key = 'x'");
    for (sts, why) in [
        ("http://127.0.0.1:1", "Connection refused"),
        (refusing.url().as_str(), "UnrecognizedClientException"),
    ] {
        let service = Service::playing("");
        let job = Job::on(&service, csv(1)).env("AWS_ENDPOINT_URL_STS", sts).env(NO_STS, "false");
        job.sweep("").exits(0).says("the account is not known").says(why);
    }
}
