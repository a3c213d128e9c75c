//! Assumes the roles of an account, one after the other.
//!
//! Must not cache, and must not log: AWS's own provider logs the ids of keys.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata as _;

use super::caller::Caller;
use super::error::{CredentialsError, LOAD_TIMEOUT};
use super::source::Origin;
use super::sts;
use crate::aws::protocol::reply::is_about_keys;
use crate::aws::transport::Transports;
use crate::aws::{AwsSettings, Role, is_account_id};
use crate::text::escaped;

/// What CloudTrail shows as the session of a role.
const SESSION: &str = "chime-sweep";

/// Assumes the settings' roles: the first one with `credentials`, each other one with those of the role before it.
/// Without roles these are the credentials.
///
/// # Errors
/// If STS refuses, or does not answer.
pub(super) async fn assume(
    settings: &AwsSettings,
    transports: &Transports,
    mut credentials: Credentials,
) -> Result<Credentials, CredentialsError> {
    for role in &settings.roles {
        let origin = credentials.get_property::<Origin>().cloned();
        credentials = assume_one(settings, transports, role, credentials, origin.as_ref()).await?;
        if let Some(origin) = origin {
            credentials.set_property(origin.assumed(role));
        }
    }
    Ok(credentials)
}

async fn assume_one(
    settings: &AwsSettings,
    transports: &Transports,
    role: &Role,
    credentials: Credentials,
    origin: Option<&Origin>,
) -> Result<Credentials, CredentialsError> {
    let failed = |code: &str, why: String| {
        let with = origin.map_or_else(|| "these credentials".to_owned(), |origin| origin.describe(None));
        let (role_arn, hint) = (role.arn().to_owned(), hint(code, role, origin));
        CredentialsError::Role { role: role_arn, with, why, is_about_keys: is_about_keys(code), hint }
    };
    let sts = sts::client(settings, transports, credentials).map_err(|why| failed("", why))?;
    let external_id = settings.external_id.as_ref().map(|id| id.0.clone());
    let request = sts.assume_role().role_arn(role.arn()).role_session_name(SESSION);
    let reply = tokio::time::timeout(LOAD_TIMEOUT, request.set_external_id(external_id).send()).await;
    let reply =
        reply.map_err(|_elapsed| failed("", format!("no answer within {} s", LOAD_TIMEOUT.as_secs())))?;
    let reply = reply.map_err(|error| failed(error.code().unwrap_or_default(), sts::reason(&error)))?;
    let keys = reply.credentials.ok_or_else(|| failed("", "the answer of STS has no keys".to_owned()))?;
    let expires = SystemTime::try_from(keys.expiration).ok();
    let token = Some(keys.session_token);
    let mut keys = Credentials::new(keys.access_key_id, keys.secret_access_key, token, expires, SESSION);
    if let Some(arn) = reply.assumed_role_user.map(|user| user.arn) {
        let account_id = arn.split(':').nth(4).unwrap_or_default().to_owned();
        if is_account_id(&account_id) {
            keys.set_property(Caller { account_id, arn: escaped(&arn) });
        }
    }
    Ok(keys)
}

/// What to do about what STS says; may be empty.
fn hint(code: &str, role: &Role, origin: Option<&Origin>) -> String {
    match code.trim_end_matches("Exception") {
        "AccessDenied" => format!(
            "the role must exist in account {}, its trust policy must allow the caller (and ask for no other \
             `external_id` than the accounts file has), and the caller needs `sts:AssumeRole`",
            role.account_id()
        ),
        "ExpiredToken" if origin.is_some_and(|origin| origin.is_fixed) => {
            "the keys in the environment have expired, and a running process cannot be given others: stop it, and \
             continue with new ones"
                .to_owned()
        }
        "Throttling" => "STS limits how many roles are assumed at a time: try again later".to_owned(),
        _ => String::new(),
    }
}
