//! Which service the job talks to: AWS, or the embedded simulator. Either way through the same client.
//!
//! Must not send anything to the service.

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_credential_types::Credentials;
use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::clock::wall_clock;
use crate::action::Action;
use crate::aws::client::Client;
use crate::aws::credentials::{self, Caller, CredentialSource, CredentialSources, Identity};
use crate::aws::endpoint::{Endpoint, Variant};
use crate::aws::proxy;
use crate::aws::rate_cache::{RateCache, RateKey};
use crate::aws::transport::Transports;
use crate::aws::{AwsArgs, AwsSettings, Environment, Sts};
use crate::input::{Input, LaneName, RowId, Standing};
use crate::region::Region;
use crate::report::Place;
use crate::simulator::{self, Scenario, Simulator};

/// Which service is called, and how.
#[derive(Debug, Clone)]
pub(crate) struct ServiceSettings {
    /// Which.
    pub(crate) choice: ServiceChoice,
    /// The accounts that the input's rows name.
    pub(crate) accounts: Option<PathBuf>,
    /// The maximum number of requests in flight.
    pub(crate) concurrency: NonZeroUsize,
    /// The timeout for connecting.
    pub(crate) connect_timeout: Duration,
    /// The timeout for a response.
    pub(crate) request_timeout: Duration,
    /// Whether to use the rate that an earlier run found, and to store the one that this run finds.
    pub(crate) remember: bool,
}

/// Which service is called.
#[derive(Debug, Clone)]
pub(crate) enum ServiceChoice {
    /// AWS, or another endpoint that the user names.
    Aws(Box<AwsArgs>),
    /// The embedded simulator, with this scenario.
    Simulator {
        /// A TOML file; without one the service behaves well and has no limits.
        scenario: Option<PathBuf>,
    },
}

impl ServiceChoice {
    /// Whether nothing will leave this machine.
    #[must_use]
    pub(crate) fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulator { .. })
    }
}

/// A service that is ready to be called.
pub(crate) struct Service {
    /// Its client.
    pub(crate) client: Arc<Client>,
    /// Where it is, in words: endpoint and region, or the simulator.
    pub(crate) target: String,
    /// The region that requests are signed for; `None` for the simulator.
    pub(crate) region: Option<String>,
    /// Who calls it; `None` for the simulator.
    pub(crate) identity: Option<Identity>,
    /// Where the service's rate is stored, and under which key; `None` if it is not, as for the simulator.
    rate_cache: Option<(RateCache, RateKey)>,
    /// Whether it is on this machine, and so cannot be AWS.
    is_local: bool,
    /// The most requests in flight.
    pub(crate) concurrency: NonZeroUsize,
    /// Whether its keys are in this process's environment, so that nothing can renew them.
    pub(crate) keys_are_fixed: bool,
    /// If it is simulated: the simulator, and what is its part of it.
    simulated: Option<Simulated>,
}

/// An account and region of the simulator, which stops when the last of them is dropped.
struct Simulated {
    simulator: Arc<Simulator>,
    account: String,
    region: String,
}

impl Service {
    /// Resolves the service's settings, or starts the simulator; nothing is sent to the service.
    ///
    /// # Errors
    /// If the region, endpoint, credentials or scenario are missing or wrong.
    pub(crate) fn open(
        settings: &ServiceSettings,
        env: &Environment,
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        let shared = &CredentialSources::default();
        match &settings.choice {
            ServiceChoice::Aws(args) => runtime.block_on(Self::aws(args, env, settings, shared)),
            ServiceChoice::Simulator { scenario } => {
                let simulator = Arc::new(simulator(scenario.as_deref())?);
                Self::simulated(simulator, LaneName::default(), settings, shared)
            }
        }
    }

    /// The service at AWS, or at an endpoint that the user names. `shared` is that of all lanes.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(super) async fn aws(
        args: &AwsArgs,
        env: &Environment,
        settings: &ServiceSettings,
        shared: &CredentialSources,
    ) -> anyhow::Result<Self> {
        let aws = AwsSettings::resolve(args, env, shared.profiles()).await?;
        aws.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        proxy::check(&aws.endpoint, env)?;
        let (transports, credentials) = (shared.transports(), shared.of(&aws, env));
        let client = client(settings, transports, &aws.endpoint, aws.ca_bundle.as_deref(), credentials)?;
        let credentials = client.check_credentials().await?;
        let identity = Identity::of(&credentials, &aws, transports).await;
        identity.check_account(args)?;
        if let (Err(why), Sts::OfRegion | Sts::At(_)) = (&identity.caller, &aws.sts) {
            tracing::warn!("the account is not known: {why}");
        }
        let keys_are_fixed = credentials::are_fixed(&credentials);
        let rate_cache = if settings.remember { RateCache::of(env) } else { None };
        let rate_cache = rate_cache.zip(identity.rates.clone());
        let is_local = aws.endpoint.is_loopback();
        let target = target(&aws.endpoint);
        let (region, identity) = (Some(aws.endpoint.region().to_string()), Some(identity));
        let concurrency = settings.concurrency;
        Ok(Self {
            client,
            target,
            region,
            identity,
            rate_cache,
            is_local,
            concurrency,
            keys_are_fixed,
            simulated: None,
        })
    }

    /// The simulator, in an account and region of its own for each lane. `shared` is that of all lanes.
    pub(super) fn simulated(
        simulator: Arc<Simulator>,
        lane: LaneName<'_>,
        settings: &ServiceSettings,
        shared: &CredentialSources,
    ) -> anyhow::Result<Self> {
        let region = if lane.region.is_empty() { "us-east-1" } else { lane.region };
        let (account, (key, secret)) = match lane.who {
            "" => (
                simulator::ACCOUNT.to_owned(),
                (simulator::ACCESS_KEY_ID.to_owned(), simulator::SECRET_ACCESS_KEY),
            ),
            who => (simulator::account_of(who), simulator::keys_of(who)),
        };
        let simulated = Simulated { simulator, account, region: region.to_owned() };
        let endpoint =
            Endpoint::of_url(&simulated.simulator.url(), Region::parse(region)?, Variant::default(), false)?;
        let keys = Credentials::new(key, secret, None, None, "simulator");
        let client = client(settings, shared.transports(), &endpoint, None, CredentialSource::fixed(keys))?;
        let (target, simulated) = ("the simulator".to_owned(), Some(simulated));
        let (identity, rate_cache, is_local, keys_are_fixed) = (None, None, true, true);
        let region = None;
        let concurrency = settings.concurrency;
        Ok(Self {
            client,
            target,
            region,
            identity,
            rate_cache,
            is_local,
            concurrency,
            keys_are_fixed,
            simulated,
        })
    }

    /// Tells the simulator of the number of a row, as `input` describes it, so that it can list it. A scenario that has
    /// connectors says so itself.
    pub(crate) fn hold(&self, input: &Input, row: RowId) {
        let Some(Simulated { simulator, account, region }) = &self.simulated else { return };
        let (rows, action, lane) = (&input.rows, input.layout.action, (&**account, &**region));
        let (Some(connector), Some(number)) = (rows.connector(row), rows.number(row)) else { return };
        let is_done = rows.standing(row) == Standing::Finished;
        let is_on_connector = match action {
            Action::Disassociate => !is_done,
            Action::Associate => is_done,
            Action::Delete if is_done => return,
            Action::Restore if !is_done => return,
            Action::Delete | Action::Restore => false,
        };
        // The connector exists, whether the number is on it or not.
        if action.needs_connector() {
            simulator.hold(lane, rows.connector_name(connector), is_on_connector.then_some(number));
        }
        if !is_on_connector {
            simulator.hold_unassigned(lane, [number]);
        }
    }

    /// Whose credentials are used, if that is known.
    #[must_use]
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.identity.as_ref()?.caller.as_ref().ok()
    }

    /// The account and the region.
    #[must_use]
    pub(crate) fn place(&self) -> Place<'_> {
        Place { account_id: self.account_id(), region: self.region.as_deref() }
    }

    /// The account, if it is known.
    #[must_use]
    pub(crate) fn account_id(&self) -> Option<&str> {
        self.caller().map(|caller| &*caller.account_id)
    }

    /// The rate (requests/s) that an earlier run found.
    #[must_use]
    pub(crate) fn remembered_rate(&self, now: Timestamp) -> Option<f64> {
        let (rate_cache, key) = self.rate_cache.as_ref()?;
        rate_cache.get(key, now).inspect(|rate| tracing::info!(rate, "an earlier run has found this rate"))
    }

    /// Keeps the rate (requests/s) that this run found.
    pub(crate) fn remember_rate(&self, rate: f64, now: Timestamp) {
        if let Some((rate_cache, key)) = &self.rate_cache {
            rate_cache.put(key, rate, now);
        }
    }

    /// Whether it is on this machine, and so cannot be AWS.
    #[must_use]
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether nothing leaves this machine.
    #[must_use]
    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }
}

/// Starts the simulator.
///
/// # Errors
/// If the scenario cannot be read or understood, or no thread can be started.
pub(super) fn simulator(scenario: Option<&Path>) -> anyhow::Result<Simulator> {
    let scenario = scenario.map_or_else(|| Ok(Scenario::default()), read_scenario)?;
    Ok(Simulator::start(scenario, (Ipv4Addr::LOCALHOST, 0).into())?)
}

/// Reads a scenario file.
///
/// # Errors
/// If it cannot be read or understood; names the file and the line.
pub(crate) fn read_scenario(path: &Path) -> anyhow::Result<Scenario> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the scenario `{}`", path.display()))?;
    Ok(Scenario::from_toml(&text, path)?)
}

fn client(
    settings: &ServiceSettings,
    transports: &Transports,
    endpoint: &Endpoint,
    ca_bundle: Option<&Path>,
    credentials: impl Into<Arc<CredentialSource>>,
) -> anyhow::Result<Arc<Client>> {
    let http = transports.service_client(endpoint, ca_bundle, settings.connect_timeout)?;
    Ok(Arc::new(Client::new(http, endpoint.clone(), credentials, settings.request_timeout, wall_clock)))
}

/// Endpoint and region in words; part of the journal's header.
fn target(endpoint: &Endpoint) -> String {
    format!("{endpoint} ({})", endpoint.region())
}
