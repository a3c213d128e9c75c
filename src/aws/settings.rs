//! Every setting, from the nearest source that has it: what was typed, else the environment, else the profile.
//!
//! Must not look for credentials.

use std::path::PathBuf;

use super::accounts::{Account, ExternalId, Role};
use super::environment::Environment;
use super::profile::{ChosenProfile, Profiles, SharedProfiles};
use super::profile_error::ProfileError;
use crate::aws::endpoint::{Endpoint, EndpointError, Variant};
use crate::hint::{Hint, Hinted};
use crate::region::MalformedRegion;
use crate::region::Region;
use crate::text::escaped;

/// What was typed. A setting that is absent comes from the next source.
#[derive(Debug, Clone, Default)]
pub(crate) struct AwsArgs {
    /// `--region`.
    pub region: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--endpoint-url`.
    pub endpoint_url: Option<String>,
    /// `--use-fips-endpoint`; `None` leaves it to the configuration.
    pub use_fips: Option<bool>,
    /// `--use-dualstack-endpoint`; `None` leaves it to the configuration.
    pub use_dualstack: Option<bool>,
    /// `--ca-bundle`, a PEM file.
    pub ca_bundle: Option<PathBuf>,
    /// `--allow-http`: plain `http` also to other machines.
    pub allow_http: bool,
    /// `--no-sts`.
    pub no_sts: bool,
    /// `--expect-account`: the only account that the run may be for.
    pub expected_account: Option<String>,
    /// What names the region, if it is not `--region`.
    pub region_by: Option<&'static str>,
    /// What names the profile, if it is not `--profile`.
    pub profile_by: Option<&'static str>,
    /// The name of the account of `--accounts` that this is for.
    pub account: Option<String>,
    /// The roles to assume one after the other, with the credentials that there would be without them.
    pub roles: Vec<Role>,
    /// What the roles ask for.
    pub external_id: Option<ExternalId>,
}

impl AwsArgs {
    /// What one account's service is opened with: its profile and roles, and the region of its row, else its only one,
    /// else `--region`. No other account is accepted.
    ///
    /// # Errors
    /// If another account is expected, or the region is not clear or not one of the account's.
    pub(crate) fn of_account(&self, account: &Account, region: Option<&str>) -> Result<Self, Hinted> {
        let Account { account_id, name, roles, external_id, profile, regions } = account;
        let shown = escaped(name);
        if let Some(expected) = self.expected_account.as_ref().filter(|expected| *expected != account_id) {
            return Err(Hinted::new(
                format!(
                    "account `{shown}` of --accounts is {account_id}, and --expect-account is {expected}"
                ),
                "leave --expect-account out, or the rows of the other account",
            ));
        }
        let (region, region_by) = match (region, &regions[..]) {
            (Some(region), _) => (Some(region.to_owned()), Some("the input")),
            (None, [only]) => (Some(only.to_string()), Some("--accounts")),
            (None, _) => (self.region.clone(), self.region_by),
        };
        let is_listed = |name: &str| regions.iter().any(|region| region.as_str() == name.trim());
        if !regions.is_empty() && !region.as_deref().is_some_and(is_listed) {
            let regions = regions.iter().map(|region| format!("`{region}`")).collect::<Vec<_>>().join(", ");
            let found = region.map_or_else(
                || "none is named".to_owned(),
                |region| format!("`{}` is not one of them", escaped(&region)),
            );
            return Err(Hinted::new(
                format!("account `{shown}` of --accounts has the regions {regions}, and {found}"),
                "name one of them in the row or by --region, or list the region in the accounts file",
            ));
        }
        Ok(Self {
            region,
            region_by,
            profile: profile.clone().or_else(|| self.profile.clone()),
            profile_by: if profile.is_some() { Some("--accounts") } else { self.profile_by },
            account: Some(name.clone()),
            expected_account: Some(account_id.clone()),
            roles: roles.clone(),
            external_id: external_id.clone(),
            ..self.clone()
        })
    }

    /// Which profile is used.
    pub(crate) fn chosen_profile(&self, env: &Environment) -> ChosenProfile {
        ChosenProfile::of(self.profile.as_deref(), self.profile_by.unwrap_or("--profile"), env)
    }
}

/// Which STS is asked whose credentials they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sts {
    /// The region's.
    OfRegion,
    /// The one that the user named.
    At(Endpoint),
    /// None, and why.
    NotAsked(&'static str),
}

/// What the run uses.
#[derive(Debug, Clone)]
pub(crate) struct AwsSettings {
    /// Where requests go, and the region that they are signed for.
    pub endpoint: Endpoint,
    /// Where the region comes from: `--region`, a variable or a profile.
    pub region_from: String,
    /// Which of the region's hosts is used; the credentials' services follow it.
    pub variant: Variant,
    /// Who is asked whose credentials they are.
    pub sts: Sts,
    /// The PEM file whose certificates replace the platform's roots.
    pub ca_bundle: Option<PathBuf>,
    /// The profile that was chosen by name (`--profile`, then `AWS_PROFILE`), and how.
    pub profile: ChosenProfile,
    /// The roles to assume one after the other.
    pub roles: Vec<Role>,
    /// What they ask for.
    pub external_id: Option<ExternalId>,
    /// Warnings to show before the run; none of them stops it.
    pub warnings: Vec<String>,
}

impl AwsSettings {
    /// Finds every setting: the argument, else the environment, else the profile.
    ///
    /// # Errors
    /// If no region is found, a value is malformed, the profile named does not exist, or a profile file
    /// cannot be parsed.
    pub(crate) async fn resolve(
        args: &AwsArgs,
        env: &Environment,
        shared: &SharedProfiles,
    ) -> Result<Self, AwsSettingsError> {
        let profile = args.chosen_profile(env);
        let profiles = Profiles::load(env, &profile, shared).await?;
        let sources = Sources { env, profiles: &profiles };
        let missing = profiles.missing_file().map(str::to_owned);
        let mut warnings: Vec<_> = profile.warning(env).into_iter().chain(missing).collect();

        let url = sources.endpoint_url(args)?;
        let (region, region_from) = sources.region(args, url.as_deref(), &mut warnings)?;
        let variant = Variant {
            fips: sources.switch(args.use_fips, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")?,
            dual_stack: sources.switch(
                args.use_dualstack,
                "AWS_USE_DUALSTACK_ENDPOINT",
                "use_dualstack_endpoint",
            )?,
        };
        let sts = match sources.sts_url()? {
            _ if args.no_sts => Sts::NotAsked("--no-sts"),
            Some(sts) => {
                Sts::At(Endpoint::of_url(&sts, region.clone(), Variant::default(), args.allow_http)?)
            }
            None if url.is_some() => {
                Sts::NotAsked("the endpoint is not the region's, and `AWS_ENDPOINT_URL_STS` is not set")
            }
            None => Sts::OfRegion,
        };
        if let (Some(role), Sts::NotAsked(why)) = (args.roles.first(), &sts) {
            return Err(AwsSettingsError::NoSts { role: role.arn().to_owned(), why });
        }
        let endpoint = match &url {
            Some(url) => Endpoint::of_url(url, region, variant, args.allow_http)?,
            None => Endpoint::of_region(region, variant)?,
        };
        let ca_bundle = args.ca_bundle.clone().or_else(|| {
            let configured = env.get("AWS_CA_BUNDLE").or_else(|| profiles.get("ca_bundle"));
            configured.map(|path| env.expand_home(path))
        });
        let (roles, external_id) = (args.roles.clone(), args.external_id.clone());
        Ok(Self { endpoint, region_from, variant, sts, ca_bundle, profile, roles, external_id, warnings })
    }
}

/// Where a setting that was not typed can come from.
struct Sources<'a> {
    env: &'a Environment,
    profiles: &'a Profiles,
}

impl Sources<'_> {
    /// `AWS_REGION` (the SDKs' name, and that of version 2 of the CLI) wins over `AWS_DEFAULT_REGION` (botocore's).
    fn region(
        &self,
        args: &AwsArgs,
        url: Option<&str>,
        warnings: &mut Vec<String>,
    ) -> Result<(Region, String), AwsSettingsError> {
        let (sdk, botocore) = (self.env.get("AWS_REGION"), self.env.get("AWS_DEFAULT_REGION"));
        let (name, from) = match (args.region.as_deref().map(str::trim), sdk, botocore) {
            // Not `non_empty`: an empty `--region ""` is a script's mistake, and better reported than guessed around.
            (Some(typed), ..) => (typed, args.region_by.unwrap_or("--region").to_owned()),
            (None, Some(sdk), botocore) => {
                if let Some(other) = botocore.filter(|other| *other != sdk) {
                    warnings.push(format!(
                        "`AWS_REGION` is `{0}` and `AWS_DEFAULT_REGION` is `{1}`: `{0}` is used",
                        escaped(sdk),
                        escaped(other)
                    ));
                }
                (sdk, "`AWS_REGION`".to_owned())
            }
            (None, None, Some(botocore)) => (botocore, "`AWS_DEFAULT_REGION`".to_owned()),
            (None, None, None) => {
                let profile = self.profiles.selected();
                let region = self.profiles.get("region").ok_or_else(|| AwsSettingsError::NoRegion {
                    profile: escaped(profile),
                    files: self.profiles.files(),
                    why: if url.is_some() { "to sign requests for the endpoint that is set" } else { "" },
                })?;
                (region, format!("profile `{}`", escaped(profile)))
            }
        };
        let region = Region::parse(name)?;
        if !region.is_known() && url.is_none() {
            warnings.push(format!("`{region}` is not known to have Voice Connectors; it is tried anyway"));
        }
        Ok((region, from))
    }

    /// The endpoint that the user configured, if any.
    fn endpoint_url(&self, args: &AwsArgs) -> Result<Option<String>, AwsSettingsError> {
        match &args.endpoint_url {
            Some(typed) => Ok(Some(typed.trim().to_owned())),
            // The CLI reads one spelling, some SDKs the other; both are accepted.
            None => self.configured_url("CHIME_SDK_VOICE", &["chime_sdk_voice", "chime-sdk-voice"]),
        }
    }

    /// The endpoint of STS that the user configured, if any.
    fn sts_url(&self) -> Result<Option<String>, AwsSettingsError> {
        self.configured_url("STS", &["sts"])
    }

    fn configured_url(&self, variable: &str, services: &[&str]) -> Result<Option<String>, AwsSettingsError> {
        if self.switch(None, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")? {
            return Ok(None);
        }
        let of_profile =
            || services.iter().find_map(|name| self.profiles.get_of_service(name, "endpoint_url"));
        // Not `get`: an empty URL is a script's mistake, and the service's own host would be used.
        let configured = self
            .env
            .get_or_blank(&format!("AWS_ENDPOINT_URL_{variable}"))
            .or_else(|| self.env.get_or_blank("AWS_ENDPOINT_URL"))
            .or_else(of_profile)
            .or_else(|| self.profiles.get("endpoint_url"));
        Ok(configured.map(str::to_owned))
    }

    /// A setting that is `true` or `false`, false if nothing sets it.
    fn switch(
        &self,
        typed: Option<bool>,
        variable: &'static str,
        property: &'static str,
    ) -> Result<bool, AwsSettingsError> {
        let (name, value) = match (typed, self.env.get(variable), self.profiles.get(property)) {
            (Some(typed), ..) => return Ok(typed),
            (None, Some(value), _) => (variable, value),
            (None, None, Some(value)) => (property, value),
            (None, None, None) => return Ok(false),
        };
        match value {
            _ if value.eq_ignore_ascii_case("true") => Ok(true),
            _ if value.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(AwsSettingsError::NotBool { name, value: escaped(value) }),
        }
    }
}

/// Why the run cannot use what is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsSettingsError {
    /// No source names a region.
    #[error(
        "no region is set{}{why}; looked at --region, `AWS_REGION`, `AWS_DEFAULT_REGION`, and `region` of profile \
         `{profile}` in {files}",
        if why.is_empty() { "" } else { ", and one is needed " }
    )]
    NoRegion {
        /// The profile that was searched.
        profile: String,
        /// The files that were searched.
        files: String,
        /// What else needs a region; may be empty.
        why: &'static str,
    },
    /// A switch is neither on nor off.
    #[error("`{name}` is `{value}`; it must be `true` or `false`")]
    NotBool {
        /// The variable or the profile's property.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A role is to be assumed, but no STS is known that could lend its keys.
    #[error("role `{role}` cannot be assumed, because STS is not asked: {why}")]
    NoSts {
        /// Its ARN.
        role: String,
        /// Why STS is not asked.
        why: &'static str,
    },
    /// The endpoint cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The region could not be part of a host name.
    #[error(transparent)]
    Region(#[from] MalformedRegion),
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl Hint for AwsSettingsError {
    fn hint(&self) -> Option<&str> {
        match self {
            Self::NoRegion { .. } => Some("`--region us-east-1`, or where the connectors are"),
            Self::Profile(error) => error.hint(),
            Self::NoSts { .. } => {
                Some("set `AWS_ENDPOINT_URL_STS` to the endpoint of an STS, and leave --no-sts out")
            }
            Self::NotBool { .. } | Self::Endpoint(_) | Self::Region(_) => None,
        }
    }
}
