//! Access keys, and the account that each belongs to.
//!
//! A rule, so that no scenario has to list accounts: the account of a key whose id ends in 12 digits is these; of any
//! other key it is [`ACCOUNT`]. Must not check signatures.

use std::time::Duration;

use serde::Deserialize;

use super::seed;
use super::values::{Secret, optional_duration};

/// The account of [`ACCESS_KEY_ID`]: no real one has this id.
pub const ACCOUNT: &str = "000000000000";

/// The access key that every scenario accepts, unless it lists keys of its own.
pub const ACCESS_KEY_ID: &str = "AKIDSIMULATED";

/// The secret of [`ACCESS_KEY_ID`] and of [`keys_of`] any account. It opens nothing but a simulator.
pub const SECRET_ACCESS_KEY: &str = "simulated-secret-that-opens-nothing";

/// What stands before the account in a key that every scenario accepts.
pub(super) const PREFIX: &str = "AKIASIMU";

/// An account's access key id and its secret, which every scenario accepts without a session token. `who` is as in
/// [`account_of`].
#[must_use]
pub fn keys_of(who: &str) -> (String, &'static str) {
    (format!("{PREFIX}{}", account_of(who)), SECRET_ACCESS_KEY)
}

/// The simulated account (12 digits) of a real account's id, which is the same, or of a name such as a profile's: each
/// name has an account of its own.
#[must_use]
pub fn account_of(who: &str) -> String {
    match is_account(who) {
        true => who.to_owned(),
        false => format!("{:012}", seed::bits(0, who) % 999_999_999_999 + 1),
    }
}

/// Whether a text is the id of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The account of a key.
pub(super) fn account_of_key(id: &str) -> &str {
    let end = id.len().checked_sub(12).and_then(|start| id.get(start..));
    end.filter(|end| is_account(end)).unwrap_or(ACCOUNT)
}

/// An access key that the service knows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "AWS's names")]
pub(super) struct Key {
    /// Its id.
    pub(super) access_key_id: String,
    /// Its secret.
    pub(super) secret_access_key: Secret,
    /// The session token that requests must carry; any or none if absent.
    pub(super) session_token: Option<Secret>,
    /// When it stops working: `ExpiredTokenException` from then on.
    #[serde(default, deserialize_with = "optional_duration")]
    pub(super) expires_after: Option<Duration>,
    /// After how many requests it stops working.
    pub(super) requests: Option<u64>,
}

impl Key {
    /// A key that works without a token and for ever.
    pub(super) fn usual(id: &str) -> Self {
        Self {
            access_key_id: id.to_owned(),
            secret_access_key: Secret(SECRET_ACCESS_KEY.to_owned()),
            session_token: None,
            expires_after: None,
            requests: None,
        }
    }
}
