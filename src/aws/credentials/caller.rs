//! Asks STS whose keys these are: `GetCallerIdentity`, which needs no permission.
//!
//! Must not stop a run that does not depend on the answer, and must not hold it up for long.

use std::time::Duration;

use aws_credential_types::Credentials;
use serde::{Deserialize, Serialize};

use super::sts;
use crate::aws::transport::Transports;
use crate::aws::{AwsSettings, is_account_id};
use crate::text::escaped;

/// How long the answer may take. The run does not need it.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Whose credentials they are, as STS says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// The account's id: 12 digits.
    pub account_id: String,
    /// The user, or the session of a role.
    pub arn: String,
}

/// Asks STS, unless the settings say that there is none to ask, or it has said so when a role was assumed.
///
/// # Errors
/// Why the account is not known, in words.
pub(super) async fn caller(
    settings: &AwsSettings,
    transports: &Transports,
    credentials: Credentials,
) -> Result<Caller, String> {
    if let Some(caller) = credentials.get_property::<Caller>() {
        return Ok(caller.clone());
    }
    let request = sts::client(settings, transports, credentials)?.get_caller_identity().send();
    match tokio::time::timeout(TIME_LIMIT, request).await {
        Ok(Ok(answer)) => {
            let (account_id, arn) = (answer.account.unwrap_or_default(), answer.arn.unwrap_or_default());
            let is_account = is_account_id(&account_id);
            let caller = Caller { account_id, arn: escaped(&arn) };
            if is_account { Ok(caller) } else { Err("its answer names no account".to_owned()) }
        }
        Ok(Err(error)) => Err(sts::reason(&error)),
        Err(_elapsed) => Err(format!("no answer within {} s", TIME_LIMIT.as_secs())),
    }
}
