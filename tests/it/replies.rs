//! What each reply of the service leads to, in the report and in the service's ledger.

use super::harness::{Ended, Job, Service, all_at_once, csv, number};

/// Short timeouts, so that a stall takes little time.
const PATIENT: &str = "--request-timeout 400ms ";

const MAYBE: &str = "an earlier attempt";

/// Sweeps `count` numbers of connector `vc`; the report must not contradict the ledger.
#[track_caller]
fn sweep(scenario: &str, count: usize, more: &str) -> (Service, Ended) {
    sweep_file(scenario, &csv(count), more)
}

#[track_caller]
fn sweep_file(scenario: &str, file: &str, more: &str) -> (Service, Ended) {
    let service = Service::playing(scenario);
    let ended = Job::on(&service, file).sweep(&format!("{PATIENT}{more}"));
    ended.agrees_with(&service);
    (service, ended)
}

/// One row for each connector.
fn connectors(names: &[&str]) -> String {
    let rows = names.iter().enumerate().map(|(n, name)| format!("{name},{}\n", number(n)));
    format!("voice_connector_id,phone_number\n{}", rows.collect::<String>())
}

#[test]
fn numbers_refused_in_an_answer_fail_alone_however_they_are_written() {
    all_at_once(&["plus", "bare", "percent"], |form| {
        let rule =
            "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = 'protected'\n";
        let (service, ended) = sweep(&format!("id_form = '{form}'\n{rule}"), 3, "");
        ended.exits(3).statuses(&["succeeded", "failed", "succeeded"]);
        ended.column_is("error_code", &["", "Forbidden", ""]);
        ended.column_is("error_message", &["", "protected", ""]);
        ended.column_is("attempts", &["1", "1", "1"]).column_is("request_id", &["sim-1"; 3]);
        ended.same("applied", service.applied(), [number(0), number(2)]);
        ended.same("requests", service.requests(), 1);
    });
}

#[test]
fn numbers_refused_for_a_passing_reason_go_again_alone() {
    all_at_once(&["Throttled", "Throttling", "ServiceUnavailable", "ServiceFailure", "Conflict"], |code| {
        let rule = format!("[[number_error]]\nnumbers = ['+12065550001']\ncode = '{code}'\ntimes = 1\n");
        let (service, ended) = sweep(&rule, 3, "");
        ended.exits(0).statuses(&["succeeded"; 3]).column_is("attempts", &["1", "2", "1"]);
        let asked = [0, 1, 2].map(|n| service.asked(&number(n)));
        ended.same("asked", asked, [1, 2, 1]).same("requests", service.requests(), 2);
    });
    let rule = "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Conflict'\nmessage = 'busy'\n";
    let (service, ended) = sweep(rule, 3, "--max-attempts 2");
    ended.exits(3).statuses(&["succeeded", "failed", "succeeded"]).column_is("attempts", &["1", "2", "1"]);
    ended.column_is("error_code", &["", "Conflict", ""]).same("requests", service.requests(), 2);
}

#[test]
fn a_number_that_fails_its_batch_is_found_and_fails_alone() {
    let (service, ended) = sweep("poison = ['+12065550005']", 8, "");
    let mut statuses = ["succeeded"; 8];
    statuses[5] = "failed";
    ended.exits(3).statuses(&statuses);
    ended.same("code", &ended.rows()[5]["error_code"], "BadRequestException");
    ended.same("applied", service.applied().len(), 7);
    // 8, 4 4, 2 2, 1 1
    ended.same("replies", (service.replies(400), service.replies(200)), (4, 3)).says_not("batch size");
}

#[test]
fn a_limit_on_the_batch_size_is_learned_once() {
    let (service, ended) = sweep("batch_limit = 5", 40, "--batch-size 20 --concurrency 1");
    ended.exits(0).statuses(&["succeeded"; 40]).says("limit=5");
    // 20, then 10, are refused; then 5 is known, for the second batch too.
    ended.same("replies", (service.replies(400), service.replies(200)), (2, 8));
    ended.same("applied", service.applied(), (0..40).map(number).collect::<Vec<_>>());
}

#[test]
fn credentials_refused_from_the_start_end_the_run_at_once() {
    let denied = "{ status = 403, code = 'AccessDeniedException', message = 'User: arn:aws:iam::1:user/x is not \
                  authorized to perform: chime:DisassociatePhoneNumbersFromVoiceConnector' }";
    all_at_once(
        &[
            "{ status = 401 }",
            "{ status = 403, code = 'ExpiredTokenException' }",
            "{ status = 403, code = 'UnrecognizedClientException' }",
            "{ status = 403, code = 'InvalidSignatureException' }",
            denied,
        ],
        |error| {
            let scenario = format!("[[fault]]\ndoes.error = {error}\n");
            let (service, ended) = sweep(&scenario, 20, "--batch-size 2 --concurrency 1");
            ended.exits(4).statuses(&["not_attempted"; 20]).says("refused the credentials");
            let code = if *error == denied { "AccessDenied" } else { "CredentialsRefused" };
            ended.column_is("error_code", &[code; 20]).column_is("attempts", &["0"; 20]);
            ended.same("requests", service.requests(), 1);
        },
    );
}

#[test]
fn credentials_that_expire_are_awaited_until_the_run_gives_up() {
    let key = "[[key]]\naccess_key_id = 'AKIDSIMULATED'\nsecret_access_key = 'simulated-secret-that-opens-nothing'\n\
               requests = 2\n";
    let (service, ended) = sweep(key, 8, "--batch-size 2 --concurrency 1 --give-up-after 300ms");
    let expected = [["succeeded"; 4], ["not_attempted"; 4]].concat();
    ended.exits(4).statuses(&expected).says("--give-up-after");
    ended.same("code", &ended.rows()[7]["error_code"], "CredentialsRefused").same(
        "requests",
        service.requests(),
        3,
    );
}

#[test]
fn a_connector_that_is_refused_costs_only_its_own_numbers() {
    for (scenario, code) in
        [("forbidden = ['no']", "ForbiddenException"), ("missing = ['no']", "NotFoundException")]
    {
        let file = connectors(&["yes", "no", "no", "no", "yes"]);
        let (service, ended) = sweep_file(scenario, &file, "--batch-size 1 --concurrency 1");
        ended.exits(3).statuses(&["succeeded", "failed", "failed", "failed", "succeeded"]);
        ended.column_is("error_code", &["", code, code, code, ""]);
        ended.column_is("attempts", &["1", "1", "0", "0", "1"]).same("requests", service.requests(), 3);
        ended.check(ended.rows()[3]["error_message"].starts_with("not sent"), "it was not sent");
    }
}

#[test]
fn connectors_that_are_all_forbidden_end_the_run() {
    let file = connectors(&["a", "b", "c", "d", "e", "f"]);
    let (service, ended) = sweep_file("forbidden = ['a', 'b', 'c', 'd', 'e', 'f']", &file, "--concurrency 1");
    ended.exits(4).statuses(&[["failed"; 3], ["not_attempted"; 3]].concat());
    ended.same("code", &ended.rows()[5]["error_code"], "AllForbidden").same(
        "requests",
        service.requests(),
        3,
    );

    let file = connectors(&["ok", "a", "b", "c", "d"]);
    let (_, ended) = sweep_file("forbidden = ['a', 'b', 'c', 'd']", &file, "--concurrency 1");
    ended.exits(3).statuses(&["succeeded", "failed", "failed", "failed", "failed"]);
}

#[test]
fn a_throttled_request_waits_as_long_as_asked_and_costs_no_attempt() {
    // The bucket has its next token after 250 ms; `Retry-After` can only say 1 s.
    all_at_once(&[("milliseconds", 240), ("seconds", 990), ("silent", 0)], |(header, least)| {
        let scenario = format!("[throttle]\nrate = 4\nburst = 1\nretry_after = '{header}'\n");
        let more = "--batch-size 1 --concurrency 1 --max-attempts 1";
        let (service, ended) = sweep(&scenario, 2, more);
        ended.exits(0).statuses(&["succeeded"; 2]).column_is("attempts", &["1", "1"]);
        ended.check(service.replies(429) >= 1, "it was not throttled");
        ended.check(ended.took.as_millis() >= *least, "it did not wait");
        if *header != "silent" {
            ended.same("throttled", service.replies(429), 1);
        }
    });
}

/// Effect, whether the change can have been made with it, and what the report calls it.
const NO_ANSWER: [(&str, bool, &str); 12] = [
    ("does = 'drop'", false, "ConnectionLost"),
    ("does = 'drop'", true, "ConnectionLost"),
    ("does = 'reset'", true, "ConnectionReset"),
    ("does = 'stall'", true, "Timeout"),
    ("does = 'cut'", true, "ConnectionLost"),
    ("does = 'truncated'", true, "GarbledReply"),
    ("does = 'missing-key'", true, "GarbledReply"),
    ("does = 'garbage'", false, "GarbledReply"),
    ("does.flood = { bytes = 8388608 }", true, "ReplyTooLarge"),
    ("does.drip = { every = '100ms' }", true, "Timeout"),
    ("does.html = { status = 503 }", false, "Http503"),
    ("does.error = { status = 500 }", true, "ServiceFailureException"),
];

#[test]
fn a_batch_without_an_answer_goes_again_and_a_number_found_gone_succeeded() {
    all_at_once(&NO_ANSWER, |(effect, applied, _)| {
        let scenario = format!("[[fault]]\n{effect}\napplied = {applied}\nattempts = [1]\n");
        let (service, ended) = sweep(&scenario, 3, "");
        ended.exits(0).statuses(&["succeeded"; 3]).column_is("attempts", &["2"; 3]);
        let says_so = ended.rows().iter().all(|row| row["error_message"].contains(MAYBE));
        ended.same("found gone", says_so, *applied).column_is("request_id", &["sim-2"; 3]);
        ended.same("applied", service.applied(), (0..3).map(number).collect::<Vec<_>>());
    });
}

#[test]
fn a_batch_that_never_gets_an_answer_is_unknown() {
    all_at_once(&NO_ANSWER, |(effect, applied, code)| {
        let scenario = format!("[[fault]]\n{effect}\napplied = {applied}\n");
        let (service, ended) = sweep(&scenario, 2, "--max-attempts 2");
        ended.exits(3).statuses(&["unknown"; 2]).column_is("error_code", &[*code; 2]);
        ended.column_is("attempts", &["2"; 2]).same("requests", service.requests(), 2);
        ended.same("applied", service.applied().len(), if *applied { 2 } else { 0 });
    });
}

#[test]
fn a_refusal_after_a_lost_answer_leaves_it_open_what_happened() {
    let scenario = "unassociated = 'accepted'\n[[fault]]\ndoes = 'drop'\napplied = true\nattempts = [1]\n\
                    [[fault]]\ndoes.error = { status = 403 }\n";
    let (_, ended) = sweep(scenario, 2, "");
    ended.exits(3).statuses(&["unknown"; 2]).column_is("error_code", &["ForbiddenException"; 2]);
    ended.check(ended.rows()[0]["error_message"].contains(MAYBE), "it does not say why it is unknown");
}

#[test]
fn a_service_that_cannot_be_reached_fails() {
    let job = Job::new(csv(2)).with_keys().at("http://127.0.0.1:1");
    let ended = job.sweep("--max-attempts 2");
    ended.exits(3).statuses(&["failed"; 2]).column_is("error_code", &["ConnectionRefused"; 2]);
    ended.column_is("attempts", &["2"; 2]);
}

#[test]
fn a_page_of_a_proxy_closes_no_connector_and_fails_no_number() {
    all_at_once(&[400, 403, 404], |status| {
        let scenario = format!("[[fault]]\ndoes.html = {{ status = {status} }}\nattempts = [1]\n");
        let (service, ended) = sweep(&scenario, 4, "--batch-size 2 --concurrency 1");
        ended.exits(0).statuses(&["succeeded"; 4]).column_is("attempts", &["2"; 4]);
        ended.same("replies", (service.replies(*status), service.replies(200)), (2, 2));
        let scenario = format!("[[fault]]\ndoes.html = {{ status = {status} }}\n");
        let (_, ended) = sweep(&scenario, 2, "--max-attempts 2");
        ended.exits(3).statuses(&["failed"; 2]).column_is("error_code", &[&*format!("Http{status}"); 2]);
    });
}

#[test]
fn a_conflict_goes_again() {
    let (service, ended) = sweep("[[fault]]\ndoes.error = { status = 409 }\nattempts = [1]\n", 2, "");
    ended.exits(0).statuses(&["succeeded"; 2]).column_is("attempts", &["2"; 2]);
    ended.same("replies", (service.replies(409), service.replies(200)), (1, 1));
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Service::playing("");
    let scenario = format!("[[fault]]\ndoes.redirect = {{ location = '{}/x' }}\n", elsewhere.url());
    let (service, ended) = sweep(&scenario, 2, "");
    ended.exits(3).statuses(&["failed"; 2]).column_is("error_code", &["Http307"; 2]);
    ended.same("requests", (service.requests(), elsewhere.requests()), (1, 0));
}

#[test]
fn a_slow_reply_is_read_to_its_end() {
    let (service, ended) = sweep("[[fault]]\ndoes.drip = { every = '1ms' }\n", 2, "--max-attempts 1");
    ended.exits(0).statuses(&["succeeded"; 2]).same("requests", service.requests(), 1);
}

#[test]
fn a_number_that_was_not_requested_changes_no_row() {
    let (service, ended) = sweep("strangers = ['+19995550123']", 2, "");
    ended.exits(0).statuses(&["succeeded"; 2]).column_is("error_code", &["", ""]);
    ended.says("not in the batch").says("…0123").says_not("9995550123");
    ended.same("requests", service.requests(), 1);
}

#[test]
fn a_number_that_is_not_there_fails_unless_an_attempt_was_lost() {
    let world = "[[connector]]\nid = 'vc'\nnumbers = ['+12065550000']\n";
    let (service, ended) = sweep(world, 2, "");
    ended.exits(3).statuses(&["succeeded", "failed"]).column_is("error_code", &["", "NotFound"]);
    ended.same("requests", service.requests(), 1);
    let (_, ended) = sweep_file(&format!("unassociated = 'accepted'\n{world}"), &csv(1), "");
    ended.exits(0).statuses(&["succeeded"]);
}

#[test]
fn a_wrong_clock_is_corrected_once() {
    all_at_once(&["-11m", "2h"], |offset| {
        let more = "--batch-size 1 --concurrency 1 --max-attempts 1";
        let (service, ended) = sweep(&format!("clock_offset = '{offset}'"), 3, more);
        ended.exits(0).statuses(&["succeeded"; 3]).says("clock is wrong");
        ended.same("replies", (service.replies(403), service.replies(200)), (1, 3));
    });
}

#[test]
fn too_many_failures_stop_the_run() {
    let rule = "[[number_error]]\np = 1.0\ncode = 'Forbidden'\n";
    let (service, ended) = sweep(rule, 9, "--batch-size 1 --concurrency 1 --max-failures 2");
    ended.exits(4).statuses(&[["failed"; 3].as_slice(), &["not_attempted"; 6]].concat());
    ended.column_is("attempts", &[["1"; 3].as_slice(), &["0"; 6]].concat());
    ended.same("requests", service.requests(), 3).says("--max-failures");
}
