use std::fs;
use std::path::PathBuf;

use super::*;
use crate::hint::Hint as _;
use crate::region::Region;

const KNOWN: &str =
    "[default]\nregion = eu-west-1\n[profile night]\nregion = us-west-2\nca_bundle = ~/night.pem\n";

/// Resolves with the given arguments, environment and `~/.aws/config`.
async fn resolve(
    args: AwsArgs,
    variables: &[(&str, &str)],
    config: &str,
) -> Result<AwsSettings, AwsSettingsError> {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), config).unwrap();
    let home = [("HOME", home.path().to_str().unwrap())];
    let env = home.iter().chain(variables).map(|&(name, value)| (name, value)).collect();
    AwsSettings::resolve(&args, &env, &SharedProfiles::default()).await
}

/// The endpoint, or the whole error.
async fn endpoint(args: AwsArgs, variables: &[(&str, &str)], config: &str) -> String {
    match resolve(args, variables, config).await {
        Ok(settings) => settings.endpoint.to_string(),
        Err(error) => transport::tests::chain(&error),
    }
}

fn typed(region: &str) -> AwsArgs {
    AwsArgs { region: Some(region.into()), ..AwsArgs::default() }
}

#[tokio::test]
async fn the_region_comes_from_the_nearest_source() {
    let both = [("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "ca-central-1")];
    let night = [("AWS_PROFILE", "night")];
    let blank = [("AWS_REGION", " "), ("AWS_DEFAULT_REGION", "")];
    for (args, variables, region, warning) in [
        (typed("eu-west-2"), &both[..], "eu-west-2", ""),
        (AwsArgs::default(), &both[..], "us-east-1", "`AWS_DEFAULT_REGION` is `ca-central-1`"),
        (AwsArgs::default(), &both[1..], "ca-central-1", ""),
        (AwsArgs::default(), &night[..], "us-west-2", ""),
        (AwsArgs::default(), &blank[..], "eu-west-1", ""),
        (typed("mx-central-1"), &[], "mx-central-1", "not known to have Voice Connectors"),
    ] {
        let settings = resolve(args, variables, KNOWN).await.unwrap();
        assert_eq!(settings.endpoint.region().as_str(), region);
        let warnings = settings.warnings.join("; ");
        assert!(warnings.contains(warning) && warnings.is_empty() == warning.is_empty(), "{warnings}");
    }
}

#[tokio::test]
async fn without_a_region_the_error_names_where_it_looked() {
    let message = endpoint(AwsArgs::default(), &[("AWS_CONFIG_FILE", "/nowhere")], "").await;
    for place in
        ["--region", "`AWS_REGION`", "`AWS_DEFAULT_REGION`", "`default`", "`/nowhere`", "~/.aws/credentials"]
    {
        assert!(message.contains(place), "{message}");
    }
    let args = AwsArgs { endpoint_url: Some("https://example.com".into()), ..AwsArgs::default() };
    assert!(endpoint(args, &[], "").await.contains("to sign requests for the endpoint"));
    for malformed in ["us-east-1\"", "US East", ""] {
        assert!(endpoint(typed(malformed), &[], "").await.contains("is not a region name"));
        if !malformed.is_empty() {
            let variables = [("AWS_REGION", malformed)];
            assert!(endpoint(AwsArgs::default(), &variables, "").await.contains("is not a region name"));
        }
    }
}

#[tokio::test]
async fn the_endpoint_comes_from_the_nearest_source() {
    let own = ("AWS_ENDPOINT_URL_CHIME_SDK_VOICE", "https://own-variable");
    let all = ("AWS_ENDPOINT_URL", "https://variable");
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True");
    let regard = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false");
    let config = |service: &str, more: &str| {
        format!(
            "[default]\nregion = us-east-1\nservices = mine\nendpoint_url = https://profile\n{more}\n\
             [services mine]\n{service} =\n  endpoint_url = https://{service}\ns3 =\n  endpoint_url = https://s3\n"
        )
    };
    let (cli, sdk) = (config("chime_sdk_voice", ""), config("chime-sdk-voice", ""));
    let other = config("chime_sdk_messaging", "");
    let ignoring = config("chime_sdk_voice", "ignore_configured_endpoint_urls = true");
    let option = || AwsArgs { endpoint_url: Some("https://typed".into()), ..AwsArgs::default() };
    let real = "https://voice-chime.us-east-1.amazonaws.com";
    for (args, variables, config, expected) in [
        (option(), &[own, all, ignore][..], &cli, "https://typed"),
        (AwsArgs::default(), &[own, all], &cli, "https://own-variable"),
        (AwsArgs::default(), &[all], &cli, "https://variable"),
        (AwsArgs::default(), &[], &cli, "https://chime_sdk_voice"),
        (AwsArgs::default(), &[], &sdk, "https://chime-sdk-voice"),
        (AwsArgs::default(), &[], &other, "https://profile"),
        (AwsArgs::default(), &[own, all, ignore], &cli, real),
        (AwsArgs::default(), &[own], &ignoring, real),
        (AwsArgs::default(), &[own, regard], &ignoring, "https://own-variable"),
        (AwsArgs::default(), &[], &KNOWN.to_owned(), "https://voice-chime.eu-west-1.amazonaws.com"),
    ] {
        assert_eq!(endpoint(args, variables, config).await, expected, "{variables:?}");
    }
    let plain = AwsArgs { endpoint_url: Some("http://example.com".into()), ..typed("us-east-1") };
    assert!(endpoint(plain.clone(), &[], "").await.contains("--allow-http"));
    assert_eq!(endpoint(AwsArgs { allow_http: true, ..plain }, &[], "").await, "http://example.com");
}

#[tokio::test]
async fn fips_and_dual_stack_come_from_the_nearest_source() {
    let (fips, dual) = (("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "TRUE"));
    let config = "[default]\nregion = us-east-1\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n";
    let off = AwsArgs { use_fips: Some(false), use_dualstack: Some(false), ..typed("us-east-1") };
    for (args, variables, config, expected) in [
        (typed("us-east-1"), &[fips][..], "", "https://voice-chime-fips.us-east-1.amazonaws.com"),
        (typed("us-east-1"), &[dual], "", "https://voice-chime.us-east-1.api.aws"),
        (AwsArgs::default(), &[], config, "https://voice-chime-fips.us-east-1.api.aws"),
        (
            AwsArgs::default(),
            &[("AWS_USE_FIPS_ENDPOINT", "false")],
            config,
            "https://voice-chime.us-east-1.api.aws",
        ),
        (off, &[fips, dual], config, "https://voice-chime.us-east-1.amazonaws.com"),
    ] {
        assert_eq!(endpoint(args, variables, config).await, expected);
    }
    for (args, variables, reason) in [
        (typed("us-east-1"), [("AWS_USE_FIPS_ENDPOINT", "yes")], "`AWS_USE_FIPS_ENDPOINT` is `yes`"),
        (typed("eu-west-1"), [fips], "no FIPS endpoint in `eu-west-1`"),
        (
            AwsArgs { endpoint_url: Some("https://localhost".into()), ..typed("us-east-1") },
            [dual],
            "together with dual-stack",
        ),
    ] {
        let message = endpoint(args, &variables, "").await;
        assert!(message.contains(reason), "{message}");
    }
}

#[tokio::test]
async fn a_profile_chosen_by_name_must_exist() {
    let day = || AwsArgs { profile: Some("day".into()), ..typed("us-east-1") };
    for (args, variables, chosen_by) in [
        (day(), &[("AWS_PROFILE", "night")], "--profile"),
        (typed("us-east-1"), &[("AWS_PROFILE", "day")], "`AWS_PROFILE`"),
    ] {
        let message = endpoint(args, variables, KNOWN).await;
        assert!(message.contains(&format!("profile `day`, chosen by {chosen_by}")), "{message}");
        assert!(message.contains("which have default, night"), "{message}");
        let error = resolve(day(), variables, KNOWN).await.unwrap_err();
        assert_eq!(error.hint(), Some("`aws configure` makes a profile, `--profile` chooses one"));
    }
    let message = endpoint(typed("us-east-1"), &[], "[default]\nregion\n").await;
    assert!(message.contains("on line 2"), "{message}");
    assert!(resolve(typed("us-east-1"), &[], "").await.is_ok(), "the default profile need not");
}

/// An account of the accounts file, with these regions.
fn account(regions: &[&str]) -> Account {
    Account {
        account_id: "123456789012".into(),
        name: "dev".into(),
        roles: vec!["arn:aws:iam::123456789012:role/r".parse().unwrap()],
        external_id: None,
        profile: None,
        regions: regions.iter().map(|name| Region::parse(name).unwrap()).collect(),
    }
}

#[test]
fn the_region_of_an_account_is_the_rows_or_its_only_one_or_the_typed_one() {
    const TWO: &[&str] = &["us-east-1", "eu-west-1"];
    let not = "has the regions `us-east-1`, `eu-west-1`, and ";
    for (row, regions, option, expected) in [
        (Some("eu-west-1"), TWO, Some("us-east-1"), Ok((Some("eu-west-1"), Some("the input")))),
        (Some("eu-west-1"), &[], None, Ok((Some("eu-west-1"), Some("the input")))),
        (None, &["eu-west-1"], Some("us-east-1"), Ok((Some("eu-west-1"), Some("--accounts")))),
        (None, TWO, Some("us-east-1"), Ok((Some("us-east-1"), None))),
        (None, &[], Some("us-east-1"), Ok((Some("us-east-1"), None))),
        (None, &[], None, Ok((None, None))),
        (Some("eu-west-2"), TWO, None, Err("`eu-west-2` is not one of them")),
        (None, TWO, Some("eu-west-2"), Err("`eu-west-2` is not one of them")),
        (None, TWO, None, Err("none is named")),
    ] {
        let args = AwsArgs { region: option.map(Into::into), ..AwsArgs::default() };
        match (args.of_account(&account(regions), row), expected) {
            (Ok(args), Ok(expected)) => assert_eq!((args.region.as_deref(), args.region_by), expected),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().ends_with(&format!("{not}{expected}")), "{error}");
            }
            (got, _) => panic!("{row:?} {regions:?} {option:?}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn an_account_brings_its_profile_its_roles_and_its_id() {
    let typed = AwsArgs { profile: Some("base".into()), ..typed("us-east-1") };
    let plain = typed.of_account(&account(&[]), None).unwrap();
    assert_eq!((plain.profile.as_deref(), plain.profile_by), (Some("base"), None));
    assert_eq!((plain.roles.len(), plain.expected_account.as_deref()), (1, Some("123456789012")));
    let own = Account { profile: Some("night".into()), ..account(&["eu-west-1"]) };
    let own = typed.of_account(&own, None).unwrap();
    let message = endpoint(own.clone(), &[], "").await;
    assert!(message.contains("profile `night`, chosen by --accounts, is not in"), "{message}");
    let settings = resolve(own.clone(), &[], KNOWN).await.unwrap();
    assert_eq!((&*settings.region_from, settings.roles.len()), ("--accounts", 1));

    let other = AwsArgs { expected_account: Some("000000000001".into()), ..AwsArgs::default() };
    let error = other.of_account(&account(&[]), None).unwrap_err().to_string();
    assert_eq!(error, "account `dev` of --accounts is 123456789012, and --expect-account is 000000000001");
    // Without an STS there is no role.
    let custom = AwsArgs { endpoint_url: Some("https://localhost".into()), ..own.clone() };
    let sts = ("AWS_ENDPOINT_URL_STS", "https://localhost:2");
    assert!(resolve(custom.clone(), &[sts], KNOWN).await.is_ok());
    for args in [custom, AwsArgs { no_sts: true, ..own }] {
        let error = resolve(args, &[], KNOWN).await.unwrap_err();
        assert!(
            error.to_string().contains("role/r` cannot be assumed, because STS is not asked: "),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("`AWS_ENDPOINT_URL_STS`"));
    }
}

#[tokio::test]
async fn the_ca_bundle_comes_from_the_nearest_source() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), KNOWN).unwrap();
    // A home of its own, so that `~` is known; the configuration is elsewhere.
    let place = [("HOME", "/home/op"), ("AWS_CONFIG_FILE", file.path().to_str().unwrap())];
    for (typed_bundle, variable, profile, expected) in [
        (Some("~typed.pem"), Some("/env.pem"), "night", Some("~typed.pem")),
        (None, Some("~/env.pem"), "night", Some("/home/op/env.pem")),
        (None, None, "night", Some("/home/op/night.pem")),
        (None, None, "default", None),
    ] {
        let args = AwsArgs {
            ca_bundle: typed_bundle.map(PathBuf::from),
            profile: Some(profile.into()),
            ..AwsArgs::default()
        };
        let variable = variable.map(|path| ("AWS_CA_BUNDLE", path));
        let settings = AwsSettings::resolve(
            &args,
            &place.into_iter().chain(variable).collect(),
            &SharedProfiles::default(),
        )
        .await
        .unwrap();
        assert_eq!(settings.ca_bundle, expected.map(PathBuf::from));
    }
}

#[test]
fn the_environment_hides_its_values() {
    let env: Environment = [("AWS_SECRET_ACCESS_KEY", "hunter2")].into_iter().collect();
    let shown = format!("{env:?}");
    assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("hunter2"), "{shown}");
}
