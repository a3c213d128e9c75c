//! The columns that an input may have, and the headers by which they are known.
//!
//! Must not read a header.

use crate::text::is_invisible;

/// A column that is looked for.
pub(super) struct Wanted {
    pub(super) what: &'static str,
    pub(super) option: &'static str,
    /// The headers understood without being named, without what means nothing in a header.
    pub(super) headers: &'static [&'static str],
    /// Those understood where there is none of `headers`.
    pub(super) others: &'static [&'static str],
}

pub(super) const CONNECTOR: Wanted = Wanted {
    what: "voice connector",
    option: "`--connector-column`, or all rows' with `--connector`",
    headers: &["voiceconnectorid", "connector", "connectorid", "vcid"],
    others: &["voiceconnector"],
};
pub(super) const NUMBER: Wanted = Wanted {
    what: "phone number",
    option: "`--number-column`",
    headers: &["phonenumber", "e164phonenumber", "telephonenumber", "telephone", "phone", "number", "e164"],
    // Beside `E164PhoneNumber` in what AWS lists.
    others: &["phonenumberid"],
};

pub(super) const REGION: Wanted = Wanted {
    what: "region",
    option: "`--region-column`, where `none` is for none of them",
    headers: &["region", "awsregion"],
    others: &[],
};
pub(super) const PROFILE: Wanted = Wanted {
    what: "profile",
    option: "`--profile-column`, where `none` is for none of them",
    headers: &["profile", "awsprofile"],
    others: &[],
};
pub(super) const ACCOUNT: Wanted = Wanted {
    what: "account",
    option: "`--account-column`",
    headers: &["account", "awsaccount", "accountid", "awsaccountid", "accountname"],
    others: &[],
};

/// `Voice_Connector-ID` and `voiceConnectorId` are the same header.
pub(super) fn folded(header: &str) -> String {
    let means_nothing = |c: char| matches!(c, '_' | '-') || c.is_whitespace();
    visible(header).chars().filter(|c| !means_nothing(*c)).flat_map(char::to_lowercase).collect()
}

/// A header without marks that are not displayed, such as a second byte order mark.
pub(super) fn visible(header: &str) -> String {
    header.chars().filter(|c| !is_invisible(*c)).collect::<String>().trim().trim_matches('"').to_owned()
}
