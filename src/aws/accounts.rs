//! The file of `--accounts`: which profile and roles lead to each account, in the form of c7n-org's `accounts.yml`.
//!
//! JSON is YAML, so `accounts.json` is read too. Keys that are not needed here (`email`, `tags`, `vars` …) are passed
//! over. Must not assume a role, or look whether there is one.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::profile::decoded;
use crate::hint::Hint;
use crate::region::Region;
use crate::text::escaped;

/// The accounts of a file, in its order. No two have the same name or id.
#[derive(Debug)]
pub(crate) struct Accounts(Vec<Account>);

/// How an account is reached.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// 12 digits.
    pub(crate) account_id: String,
    /// Its name; its id if it has none.
    pub(crate) name: String,
    /// The roles that are assumed one after the other; the last one is this account's.
    pub(crate) roles: Vec<Role>,
    /// What the roles ask for.
    pub(crate) external_id: Option<ExternalId>,
    /// The profile whose credentials assume the first role, or are the account's if there is none.
    pub(crate) profile: Option<String>,
    /// The regions that may be named; empty if any may.
    pub(crate) regions: Vec<Region>,
}

impl Accounts {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is not YAML, lists no account, or describes one wrongly; names file, line and value.
    pub(crate) fn read(path: &Path) -> Result<Self, AccountsError> {
        let error = |problem, hint| AccountsError { file: escaped(&path.to_string_lossy()), problem, hint };
        let bytes = std::fs::read(path).map_err(|why| {
            error(format!("cannot be read: {why}"), "--accounts names a file in YAML or JSON")
        })?;
        let text = decoded(bytes).map_err(|problem| error(format!("cannot be used: {problem}"), ""))?;
        Self::parse(&text).map_err(|(problem, hint)| error(format!("cannot be used: {problem}"), hint))
    }

    fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        let read: File = yaml_serde::from_str(text).map_err(|error| {
            let is_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
            let hint =
                if text.lines().any(is_tab) { "YAML is indented with spaces, not with tabs" } else { "" };
            (escaped(&error.to_string()), hint)
        })?;
        if read.accounts.0.is_empty() {
            return Err(("its list `accounts` is empty".to_owned(), ""));
        }
        Ok(read.accounts)
    }

    /// The account that a cell names: by its name, else by its id, also without the zeros at its beginning, which
    /// spreadsheets drop.
    pub(crate) fn find(&self, cell: &str) -> Option<&Account> {
        let cell = cell.trim();
        let is_id = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
        let id = is_id.then(|| format!("{cell:0>12}"));
        let by_id = || self.0.iter().find(|account| Some(&account.account_id) == id.as_ref());
        self.0.iter().find(|account| account.name == cell).or_else(by_id)
    }

    /// The accounts' names, in the order of the file.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|account| &*account.name)
    }
}

/// A role's ARN, such as `arn:aws:iam::123456789012:role/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Role {
    arn: Box<str>,
}

impl Role {
    /// The whole ARN. It has no control characters.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// The id of the account that it is in.
    pub(crate) fn account_id(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(arn: &str) -> Result<Self, String> {
        let is_role = match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
            ["arn", partition, "iam", "", account, role] => {
                let name = role.strip_prefix("role/").unwrap_or_default();
                partition.starts_with("aws")
                    && is_account_id(account)
                    && !name.is_empty()
                    && !name.ends_with('/')
            }
            _ => false,
        };
        match is_role && arn.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self { arn: arn.into() }),
            false => Err(format!(
                "`{arn}` is not the ARN of a role, such as `arn:aws:iam::123456789012:role/name`"
            )),
        }
    }
}

/// What a role's trust policy may ask for. It is not shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ExternalId(pub(crate) String);

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId")
    }
}

/// Whether it is 12 digits.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[derive(Deserialize)]
#[serde(expecting = "a mapping with the list `accounts`")]
struct File {
    accounts: Accounts,
}

/// An account as it is written.
#[derive(Deserialize)]
struct Written {
    account_id: Scalar<AccountId>,
    name: Option<Scalar<Text>>,
    role: Option<RoleList>,
    external_id: Option<Scalar<Text>>,
    profile: Option<Scalar<Text>>,
    regions: Option<Vec<Scalar<ListedRegion>>>,
    /// YAML 1.1 would take keys from elsewhere.
    #[serde(rename = "<<")]
    merged: Option<IgnoredAny>,
}

impl Account {
    /// Checks what the keys say together, and against the accounts before it.
    fn new(written: Written, others: &[Self]) -> Result<Self, String> {
        let text = |it: Option<Scalar<Text>>| it.map(|Scalar(Text(text))| text);
        let Scalar(AccountId(account_id)) = written.account_id;
        let name = text(written.name).unwrap_or_else(|| account_id.clone());
        let roles = written.role.map_or_else(Vec::new, |RoleList(roles)| roles);
        if written.merged.is_some() {
            return Err("`<<` is not understood: write the account's keys out".to_owned());
        }
        if others.iter().any(|other| other.account_id == account_id) {
            return Err(format!("account `{account_id}` is listed twice"));
        }
        if others
            .iter()
            .any(|other| other.name == name || other.account_id == name || other.name == account_id)
        {
            return Err(format!("the name `{name}`, or the id `{account_id}`, is that of two accounts"));
        }
        if let Some(role) = roles.last().filter(|role| role.account_id() != account_id) {
            return Err(format!(
                "role `{}` is of account {}, and not of `{account_id}`",
                role.arn(),
                role.account_id()
            ));
        }
        let regions = written.regions.unwrap_or_default();
        let regions = regions.into_iter().map(|Scalar(ListedRegion(region))| region).collect();
        let (external_id, profile) = (text(written.external_id).map(ExternalId), text(written.profile));
        Ok(Self { account_id, name, roles, external_id, profile, regions })
    }
}

impl<'de> Deserialize<'de> for Accounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AccountList)
    }
}

struct AccountList;

impl<'de> Visitor<'de> for AccountList {
    type Value = Accounts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of accounts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Accounts, A::Error> {
        let mut accounts = Vec::new();
        while let Some(account) = list.next_element_seed(AccountAfter(&accounts))? {
            accounts.push(account);
        }
        Ok(Accounts(accounts))
    }
}

/// Reads the account that follows these. Errors that are raised in here, and only those, have its line.
struct AccountAfter<'a>(&'a [Account]);

impl<'de> DeserializeSeed<'de> for AccountAfter<'_> {
    type Value = Account;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Account, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AccountAfter<'_> {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Account, A::Error> {
        let written = Written::deserialize(MapAccessDeserializer::new(map))?;
        Account::new(written, self.0).map_err(A::Error::custom)
    }
}

/// A role, or a list of them.
struct RoleList(Vec<Role>);

impl<'de> Deserialize<'de> for RoleList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Roles)
    }
}

struct Roles;

impl<'de> Visitor<'de> for Roles {
    type Value = RoleList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ARN of a role, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, arn: &str) -> Result<RoleList, E> {
        arn.parse().map(|role| RoleList(vec![role])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RoleList, A::Error> {
        let mut roles = Vec::new();
        while let Some(Scalar(role)) = list.next_element()? {
            roles.push(role);
        }
        Ok(RoleList(roles))
    }
}

/// What is made of a scalar's text exactly as it is written, so that an unquoted id keeps its zeros. Its errors have
/// the value's line.
struct Scalar<T>(T);

impl<'de, T: FromStr<Err = String>> Deserialize<'de> for Scalar<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ScalarVisitor(PhantomData))
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for ScalarVisitor<T> {
    type Value = Scalar<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Scalar<T>, E> {
        text.parse().map(Scalar).map_err(E::custom)
    }
}

struct AccountId(String);

impl FromStr for AccountId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not an account's id, which is 12 digits; put it in quotes, so that it keeps its zeros"
            )
        };
        is_account_id(text).then(|| Self(text.to_owned())).ok_or_else(wrong)
    }
}

/// A text that says something.
struct Text(String);

impl FromStr for Text {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("it is empty; leave the key out".to_owned()),
            text => Ok(Self(text.to_owned())),
        }
    }
}

struct ListedRegion(Region);

impl FromStr for ListedRegion {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "all" => Err("`all` is not understood: name the regions".to_owned()),
            _ => Region::parse(name).map(Self).map_err(|error| error.to_string()),
        }
    }
}

/// Why the file of `--accounts` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("accounts file `{file}` {problem}")]
pub(crate) struct AccountsError {
    file: String,
    /// Reads on from the file's name.
    problem: String,
    /// What to do; may be empty.
    hint: &'static str,
}

impl Hint for AccountsError {
    fn hint(&self) -> Option<&str> {
        Some(self.hint).filter(|hint| !hint.is_empty())
    }
}

#[cfg(test)]
mod tests;
