//! The simulated STS, which answers `GetCallerIdentity` and `AssumeRole`, and nothing else.
//!
//! Must not know of faults or rates: a job's service is not STS.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;

use super::call::decode;
use super::keys::Key;
use super::role::{RoleArn, Session, is_name};
use super::scenario::Sts;
use super::seed;
use super::signature::{self, Authorization, Caller, Verifier};
use super::values::Secret;
use super::wire::{Refusal, Stamp, reply, set};

/// How long a role's keys can last, in seconds, and do if the request does not say.
const LIVES: std::ops::RangeInclusive<u64> = 900..=43_200;
const USUAL_LIFE: u64 = 3_600;

/// Answers a request that arrived at `now`, by the simulator's clock. STS writes XML.
pub(super) fn answer(
    request: &Request<Bytes>,
    verifier: &mut Verifier,
    settings: &Sts,
    now: Timestamp,
    stamp: &Stamp,
) -> Response<Bytes> {
    let id = &stamp.request_id;
    let (status, body) = match result(request, verifier, settings, now) {
        Ok((action, result)) => (
            StatusCode::OK,
            format!(
                "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}\
                 </{action}Result><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
            ),
        ),
        Err(refusal) => {
            let (code, message) = refusal.words();
            (
                refusal.status,
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
                ),
            )
        }
    };
    let mut response = reply(status, body.into(), stamp);
    set(&mut response, "content-type", "text/xml");
    response
}

/// The action, and the content of its result.
fn result(
    request: &Request<Bytes>,
    verifier: &mut Verifier,
    settings: &Sts,
    now: Timestamp,
) -> Result<(&'static str, String), Refusal> {
    let authorization = Authorization::parse(request.headers())?;
    let caller = verifier.verify(request, &authorization, (now, Duration::ZERO), signature::STS)?;
    match parameter(request, "Action").as_deref() {
        Some("GetCallerIdentity") => Ok(("GetCallerIdentity", identity(&caller))),
        Some("AssumeRole") => {
            let session = session(request, &caller, settings, now)?;
            Ok(("AssumeRole", lend(session, verifier)))
        }
        _ => {
            let message = "the simulator has only GetCallerIdentity and AssumeRole";
            Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidAction", message))
        }
    }
}

fn identity(caller: &Caller<'_>) -> String {
    let (account, (user_id, arn)) = (caller.account, caller.names());
    format!("<Arn>{arn}</Arn><UserId>{user_id}</UserId><Account>{account}</Account>")
}

/// The session that a request asks for.
///
/// # Errors
/// 400 if a parameter is missing or wrong, 403 if the role is denied.
fn session(
    request: &Request<Bytes>,
    caller: &Caller<'_>,
    settings: &Sts,
    now: Timestamp,
) -> Result<Session, Refusal> {
    let wrong = |message: String| Refusal::new(StatusCode::BAD_REQUEST, "ValidationError", message);
    let role = RoleArn::try_from(parameter(request, "RoleArn").unwrap_or_default())
        .map_err(|_| wrong("Value at 'roleArn' is not the ARN of a role".to_owned()))?;
    let name = parameter(request, "RoleSessionName").filter(|name| name.len() >= 2 && is_name(name));
    let name = name
        .ok_or_else(|| wrong("Value at 'roleSessionName' is not a name of 2 to 64 characters".to_owned()))?;
    let seconds = parameter(request, "DurationSeconds").map_or(Ok(USUAL_LIFE), |text| text.parse());
    let seconds = seconds.ok().filter(|seconds| LIVES.contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        wrong(format!("Value at 'durationSeconds' must be between {} and {}", LIVES.start(), LIVES.end()))
    })?;
    if settings.denied.contains(&role) {
        let ((_, arn), role) = (caller.names(), role.text());
        let message = format!("User: {arn} is not authorized to perform: sts:AssumeRole on resource: {role}");
        return Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message));
    }
    let life = settings.keys_last.unwrap_or(Duration::from_secs(seconds));
    let until = now.saturating_add(life).unwrap_or(now);
    Ok(Session { role, name, until })
}

/// Makes a session's keys known, and says what they are. The session token has what must be encoded somewhere.
fn lend(session: Session, verifier: &mut Verifier) -> String {
    let n = verifier.key_count();
    let text = |what| format!("{:016x}", seed::bits(n as u64, format_args!("{what} {}", session.arn())));
    let (id, secret, token) = (
        format!("ASIA{:04X}{}", n % 0x1_0000, session.role.account()),
        text("secret"),
        format!("sim/{}+=", text("token")),
    );
    let (expiration, user_id, arn) =
        (session.until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), session.user_id(), session.arn());
    let result = format!(
        "<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         <AssumedRoleUser><AssumedRoleId>{user_id}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>"
    );
    let usual = Key::usual(&id);
    verifier.learn(
        Key { secret_access_key: Secret(secret), session_token: Some(Secret(token)), ..usual },
        Some(session),
    );
    result
}

/// A parameter of the query protocol, which is in the body.
fn parameter(request: &Request<Bytes>, name: &str) -> Option<String> {
    let text = std::str::from_utf8(request.body()).ok()?;
    let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| decode(&value.replace('+', " ")).into_owned())
}
