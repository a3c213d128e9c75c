use super::*;

const FILE: &str = r#"
vars: {charge_code: x}
accounts:
- account_id: '012345678901'   # as c7n-org writes it
  name: dev
  display_name: Development
  email: dev@example.com
  role: arn:aws:iam::012345678901:role/sweeper
  external_id: 007
  regions: [us-east-1, eu-west-1]
  tags: ["type:dev", "path:/"]
  vars: {a: {b: null}}
- account_id: 000000000042     # no quotes, and octal to YAML 1.1
  role:
    - arn:aws:iam::111111111111:role/hub
    - arn:aws-us-gov:iam::000000000042:role/path/to/spoke
- {account_id: "222222222222", name: "42", profile: night, regions: null, role: ~}
"#;

#[test]
fn accounts_are_read_as_c7n_org_writes_them() {
    let accounts = Accounts::parse(FILE).unwrap();
    assert_eq!(accounts.names().collect::<Vec<_>>(), ["dev", "000000000042", "42"]);
    let [dev, spoke, night] = &accounts.0[..] else { panic!("{accounts:?}") };
    let arns = |account: &Account| account.roles.iter().map(|role| role.arn().to_owned()).collect::<Vec<_>>();
    assert_eq!(arns(dev), ["arn:aws:iam::012345678901:role/sweeper"]);
    assert_eq!(dev.regions.iter().map(Region::as_str).collect::<Vec<_>>(), ["us-east-1", "eu-west-1"]);
    assert_eq!((dev.external_id.clone(), dev.profile.as_deref()), (Some(ExternalId("007".into())), None));
    assert_eq!(arns(spoke).len(), 2);
    assert_eq!((spoke.roles[0].account_id(), spoke.roles[1].account_id()), ("111111111111", "000000000042"));
    assert_eq!((night.profile.as_deref(), night.roles.len(), night.regions.len()), (Some("night"), 0, 0));
    assert!(!format!("{accounts:?}").contains("007"), "{accounts:?}");

    let json = r#"{"accounts": [{
	"account_id": "123456789012", "name": "prod", "tags": [], "role": "arn:aws:iam::123456789012:role/r"}]}"#;
    assert_eq!(Accounts::parse(json).unwrap().0[0].name, "prod");
}

#[test]
fn an_account_is_found_by_name_or_id() {
    let accounts = Accounts::parse(FILE).unwrap();
    for (cell, id) in [
        ("dev", Some("012345678901")),
        (" dev ", Some("012345678901")),
        ("012345678901", Some("012345678901")),
        ("12345678901", Some("012345678901")),
        ("000000000042", Some("000000000042")),
        ("0042", Some("000000000042")),
        // A name comes first.
        ("42", Some("222222222222")),
        ("222222222222", Some("222222222222")),
        ("Dev", None),
        ("", None),
        ("0", None),
        ("1.23457E+10", None),
        ("0012345678901", None),
    ] {
        assert_eq!(accounts.find(cell).map(|account| &*account.account_id), id, "{cell:?}");
    }
}

/// What is wrong, and the words that say so. `ID` stands for a good id, `ARN` for a role of it.
#[test]
fn what_cannot_be_right_is_refused() {
    for (text, expected) in [
        ("", "missing field `accounts`"),
        ("# nothing\n", "missing field `accounts`"),
        ("projects: []", "missing field `accounts`"),
        ("accounts:", "expected a list of accounts at line 1"),
        ("accounts: []", "its list `accounts` is empty"),
        ("accounts: x", "accounts: invalid type: string \"x\", expected a list of accounts at line 1"),
        ("accounts: {ID: {}}", "expected a list of accounts at line 1"),
        ("- ID", "a mapping with the list `accounts`"),
        ("accounts:\n- ID", "accounts[0]: invalid type"),
        ("accounts: [", "at line 2 column 1"),
        ("accounts:\n\t- account_id: 'ID'", "at line 2 column 1"),
        ("accounts:\n- name: x", "accounts[0]: missing field `account_id` at line 2 column 3"),
        (
            "accounts:\n- account_id: 12345678901",
            "accounts[0].account_id: `12345678901` is not an account's id",
        ),
        (
            "accounts:\n- name: x\n  account_id: '1234 '",
            "`1234 ` is not an account's id, which is 12 digits; put it in quotes, so that it keeps its zeros at line 3 column 15",
        ),
        ("accounts:\n- account_id: 1234-5678-9012", "`1234-5678-9012` is not"),
        ("accounts:\n- account_id: 1.23457E+11", "`1.23457E+11` is not"),
        ("accounts:\n- account_id: ''", "`` is not"),
        ("accounts:\n- account_id:", "account_id: "),
        (
            "accounts:\n- account_id: [1]",
            "accounts[0].account_id: invalid type: sequence, expected a text at line 2",
        ),
        ("accounts:\n- account_id: 'ID'\n  account_id: 'ID'", "duplicate field `account_id`"),
        (
            "accounts:\n- account_id: 'ID'\n- account_id: 'ID'\n  name: x",
            "accounts[1]: account `123456789012` is listed twice at line 3",
        ),
        (
            "accounts:\n- {account_id: 'ID', name: x}\n- {account_id: '000000000001', name: x}",
            "accounts[1]: the name `x`, or the id `000000000001`, is that of two accounts at line 3",
        ),
        (
            "accounts:\n- {account_id: 'ID', name: x}\n- {account_id: '000000000001', name: 'ID'}",
            "is that of two accounts at line 3",
        ),
        (
            "accounts:\n- {account_id: 'ID', name: '000000000001'}\n- {account_id: '000000000001'}",
            "is that of two accounts at line 3",
        ),
        ("accounts:\n- {account_id: 'ID', name: ' '}", "accounts[0].name: it is empty"),
        ("accounts:\n- {account_id: 'ID', profile: ''}", "accounts[0].profile: it is empty"),
        ("accounts:\n- {account_id: 'ID', external_id: ''}", "accounts[0].external_id: it is empty"),
        ("accounts:\n- {account_id: 'ID', external_id: [hush]}", "external_id: invalid type: sequence"),
        (
            "accounts:\n- account_id: 'ID'\n  role: sweeper",
            "accounts[0].role: `sweeper` is not the ARN of a role, such as `arn:aws:iam::123456789012:role/name` at line 3 column 9",
        ),
        (
            "accounts:\n- account_id: 'ID'\n  role: [ARN,\n    arn:aws:iam::ID:user/u]",
            "accounts[0].role[1]: `arn:aws:iam::123456789012:user/u` is not the ARN of a role",
        ),
        ("accounts:\n- {account_id: 'ID', role: 'arn:aws:iam::1:role/r'}", "is not the ARN"),
        ("accounts:\n- {account_id: 'ID', role: 'arn:aws:iam::ID:role/'}", "is not the ARN"),
        ("accounts:\n- {account_id: 'ID', role: 'arn:aws:sts::ID:role/r'}", "is not the ARN"),
        ("accounts:\n- {account_id: 'ID', role: 'ARN '}", "is not the ARN"),
        ("accounts:\n- {account_id: 'ID', role: \"ARN\\e\"}", "role/r\\u{1b}` is not the ARN"),
        (
            "accounts:\n- {account_id: 'ID', role: 7}",
            "role: invalid type: integer `7`, expected the ARN of a role, or a list of them",
        ),
        (
            "accounts:\n- {account_id: 'ID'}\n- account_id: '000000000001'\n  role: ARN",
            "accounts[1]: role `arn:aws:iam::123456789012:role/r` is of account 123456789012, and not of `000000000001` at line 3",
        ),
        (
            "accounts:\n- {account_id: 'ID', role: [ARN, 'arn:aws:iam::000000000001:role/r']}",
            "is of account 000000000001, and not of `123456789012`",
        ),
        (
            "accounts:\n- {account_id: 'ID', regions: us-east-1}",
            "regions: invalid type: string \"us-east-1\", expected a sequence",
        ),
        (
            "accounts:\n- account_id: 'ID'\n  regions: [us-east-1,\n    all]",
            "regions[1]: `all` is not understood: name the regions at line 4 column 5",
        ),
        ("accounts:\n- {account_id: 'ID', regions: [US East]}", "`US East` is not a region name"),
        (
            "accounts:\n- {account_id: 'ID', regions: ['us-east-1,us-west-2']}",
            "`us-east-1,us-west-2` is not a region name",
        ),
        ("x: &x {role: ARN}\naccounts:\n- {<<: *x, account_id: 'ID'}", "`<<` is not understood"),
        ("accounts: []\n---\naccounts: []", "more than one document"),
    ] {
        let text = text.replace("ARN", "arn:aws:iam::ID:role/r").replace("ID", "123456789012");
        let (problem, hint) = Accounts::parse(&text).unwrap_err();
        assert!(problem.contains(expected), "{text}\n{problem}");
        assert_eq!(hint.is_empty(), !text.contains('\t'), "{text}");
        assert!(!problem.contains("hush") && !problem.contains('\u{1b}'), "{problem}");
    }
}

#[test]
fn a_file_that_is_no_text_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.yml");
    let read = || Accounts::read(&path).map_err(|error| error.with_hint());
    let named = format!("accounts file `{}` ", path.display());
    let told = read().unwrap_err();
    assert!(
        told.starts_with(&format!("{named}cannot be read: ")) && told.contains("hint: --accounts"),
        "{told}"
    );
    for (bytes, problem) in [
        (&b"accounts:\n- name: caf\xe9\n"[..], "cannot be used: line 2 is not UTF-8"),
        (b"\xff\xfea\0", "cannot be used: it is UTF-16 or binary"),
        (b"accounts:\n\t- x", "cannot be used: "),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let told = read().unwrap_err();
        assert!(told.starts_with(&format!("{named}{problem}")), "{told}");
    }
    std::fs::write(&path, format!("\u{feff}{}", FILE.replace('\n', "\r\n"))).unwrap();
    assert_eq!(read().unwrap().0.len(), 3);
}
