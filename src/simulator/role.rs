//! The roles that STS lends keys of.
//!
//! Must not decide who may have them.

use jiff::Timestamp;
use serde::Deserialize;

use super::keys::is_account;

/// A role's ARN, `arn:aws:iam::111111111111:role/NAME`; the name may be a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RoleArn(String);

impl TryFrom<String> for RoleArn {
    type Error = String;

    fn try_from(arn: String) -> Result<Self, String> {
        let parts: Vec<&str> = arn.split(':').collect();
        let is_role = match parts[..] {
            ["arn", partition, "iam", "", account, resource] => {
                let names = resource.strip_prefix("role/").map(|path| path.split('/'));
                partition.starts_with("aws")
                    && is_name(partition)
                    && is_account(account)
                    && names.is_some_and(|mut names| names.all(is_name))
            }
            _ => false,
        };
        match is_role {
            true => Ok(Self(arn)),
            false => Err(format!(
                "`{arn}` is not the ARN of a role, such as `arn:aws:iam::111111111111:role/NAME`"
            )),
        }
    }
}

impl RoleArn {
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// The name without its path.
    fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

/// The use of a role, under a name, until its keys expire.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) role: RoleArn,
    pub(super) name: String,
    /// By the simulator's clock.
    pub(super) until: Timestamp,
}

impl Session {
    pub(super) fn user_id(&self) -> String {
        format!("AROASIMULATED:{}", self.name)
    }

    pub(super) fn arn(&self) -> String {
        let (partition, account, role) = (self.role.partition(), self.role.account(), self.role.name());
        format!("arn:{partition}:sts::{account}:assumed-role/{role}/{}", self.name)
    }
}

/// Whether AWS allows a text as the name of a role or of a session: nothing in it has a meaning in XML.
pub(super) fn is_name(text: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(may)
}
