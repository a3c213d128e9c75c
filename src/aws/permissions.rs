//! Which IAM permissions each command needs: the one table that `help permissions`, docs/aws.md and hints are made of.
//!
//! Amazon Chime SDK Voice has the service prefix `chime`, and each operation has the permission of its name:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonchime.html>. Must not call anything.

use std::fmt::Write;

use crate::action::Action;

/// A permission, and what it is for.
pub(crate) type Permission = (&'static str, &'static str);

const REMOVAL: Permission = (Action::Disassociate.permission(), "removes numbers from a connector");
const ASSOCIATION: Permission = (Action::Associate.permission(), "puts numbers back on a connector");
const DELETION: Permission = (Action::Delete.permission(), "puts numbers into the deletion queue");
const RESTORATION: Permission = (Action::Restore.permission(), "takes a number out of the deletion queue");
const NUMBERS: Permission = ("chime:ListPhoneNumbers", "shows which numbers are on a connector");
const NUMBER: Permission = ("chime:GetPhoneNumber", "shows where one number is");
const CONNECTORS: Permission = ("chime:ListVoiceConnectors", "shows which connectors there are");

const ROLES: Permission = ("sts:AssumeRole", "assumes the accounts' roles, which must trust the caller");

/// Commands, and what they need.
const COMMANDS: [(&str, &[Permission]); 9] = [
    ("run, rerun", &[REMOVAL]),
    ("run --check, rerun --check", &[REMOVAL, NUMBERS, NUMBER, CONNECTORS]),
    ("plan --check", &[NUMBERS, NUMBER, CONNECTORS]),
    ("verify", &[NUMBERS, NUMBER]),
    ("export", &[NUMBERS, CONNECTORS]),
    ("undo of a removal", &[ASSOCIATION, NUMBERS, NUMBER, CONNECTORS]),
    ("release", &[DELETION, NUMBERS, NUMBER]),
    ("undo of a release", &[RESTORATION, ASSOCIATION, NUMBERS, NUMBER, CONNECTORS]),
    ("any of them with --accounts, beside what the roles need", &[ROLES]),
];

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
ACTIONS
      ],
      "Resource": "*"
    }
  ]
}"#;

/// The text of `help permissions`: for each command what it needs and why, and a policy that allows it.
#[must_use]
pub(crate) fn text() -> String {
    let mut text = "The IAM permissions that each command needs, and a policy that allows no more than them. The other \
                    commands call no AWS service. AWS STS is asked for the account, which needs no permission."
        .to_owned();
    for (commands, permissions) in COMMANDS {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n\n{commands}:");
        for (action, why) in permissions {
            let _ = write!(text, "\n  {action:48}  {why}");
        }
        let _ = write!(text, "\n\n{}", policy(permissions));
    }
    text
}

/// A complete policy.
fn policy(permissions: &[Permission]) -> String {
    let actions: Vec<_> = permissions.iter().map(|(action, _)| format!("        \"{action}\"")).collect();
    // In the usual order, which a map does not keep.
    POLICY.replace("ACTIONS", &actions.join(",\n"))
}
