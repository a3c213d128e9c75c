//! The services that a job calls: one for each account and region that its input names.
//!
//! Must not send anything to them.

use std::sync::Arc;

use anyhow::bail;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use indicatif::HumanCount;
use tokio::runtime::Runtime;
use tracing::{Instrument as _, Span};

use super::beside::beside;
use super::clock::wall_clock;
use super::failure::explained;
use super::limits;
use super::service::{Service, ServiceChoice, ServiceSettings, simulator};
use crate::aws::credentials::{CredentialSources, Identity};
use crate::aws::{Accounts, AwsArgs, Environment};
use crate::hint::Hinted;
use crate::input::{Input, InputError, LaneId, LaneName, Rows, Standing};
use crate::journal::entry::LaneTarget;
use crate::plan::Plan;
use crate::report::{Place, Places};
use crate::terminal::lane_overview::LaneOverview;

/// How many lanes are opened at a time: each may ask STS.
const AT_ONCE: usize = 32;

/// The most requests in flight over all lanes, and at least in each.
const MOST_IN_FLIGHT: usize = 2_048;
const LEAST_IN_FLIGHT: usize = 4;

/// The services of a job.
pub(crate) struct Lanes {
    /// By the index of their lane. `None`: it is not called.
    services: Vec<Option<Service>>,
    /// What messages call them.
    names: Vec<String>,
    /// Whether there are several.
    are_named: bool,
}

/// Reads an input with `read`, and opens the services that its rows need: at the same time, unless its rows name them.
/// `is_called`: what a row's standing must be to need its service.
///
/// # Errors
/// If the input cannot be read; within that, if a service cannot be opened.
pub(super) fn open(
    has_lanes: bool,
    read: impl FnOnce() -> Result<Input, InputError> + Send,
    settings: &ServiceSettings,
    is_called: impl Fn(Standing) -> bool,
    env: &Environment,
    runtime: &Runtime,
) -> anyhow::Result<(Input, anyhow::Result<Lanes>)> {
    if has_lanes {
        let input = read()?;
        let lanes = Lanes::open(settings, &input, is_called, env, runtime);
        return Ok((input, lanes));
    }
    let (input, service) = beside(read, || Service::open(settings, env, runtime));
    Ok((input?, service.map(Lanes::one)))
}

impl Lanes {
    /// The only one, of an input that does not name any.
    pub(super) fn one(service: Service) -> Self {
        Self { services: vec![Some(service)], names: vec![String::new()], are_named: false }
    }

    /// Opens those that the rows of `input` name, as far as a row of such a standing is in them.
    ///
    /// # Errors
    /// If one cannot be opened, or two are the same account and region; names all that cannot.
    pub(super) fn open(
        settings: &ServiceSettings,
        input: &Input,
        is_called: impl Fn(Standing) -> bool,
        env: &Environment,
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        let rows = &input.rows;
        let mut first_lines = vec![None; rows.lanes().len()];
        for row in rows.ids().filter(|row| is_called(rows.standing(*row))) {
            if let Some(lane) = rows.lane_of(row) {
                first_lines[lane.index()].get_or_insert_with(|| rows.line(row));
            }
        }
        let called = first_lines.iter().flatten().count();
        let share = (MOST_IN_FLIGHT / called.max(1)).max(LEAST_IN_FLIGHT);
        let concurrency = settings.concurrency.min(share.try_into().unwrap_or(settings.concurrency));
        limits::check(called * concurrency.get())?;
        let settings = &ServiceSettings { concurrency, ..settings.clone() };
        let simulator = match &settings.choice {
            ServiceChoice::Simulator { scenario } => Some(Arc::new(simulator(scenario.as_deref())?)),
            ServiceChoice::Aws(_) => None,
        };
        let shared = &CredentialSources::default();
        let accounts = &accounts(settings)?;
        let args = if let ServiceChoice::Aws(args) = &settings.choice { args } else { &AwsArgs::default() };
        let open = async |name: LaneName<'_>| {
            let Needed { args, name } = needed(args, accounts.as_ref(), name)?;
            match &simulator {
                Some(simulator) => Service::simulated(Arc::clone(simulator), name, settings, shared),
                None => Service::aws(&args, env, settings, shared).await,
            }
        };
        let are_named = rows.lanes().len() > 1;
        let opened = stream::iter(rows.lanes().zip(&first_lines))
            .map(async |(name, line)| {
                line.as_ref()?;
                let span = match are_named {
                    true => tracing::warn_span!("account", name = &*name.to_string()),
                    false => Span::none(),
                };
                Some(open(name).instrument(span).await)
            })
            .buffered(AT_ONCE);
        let opened: Vec<_> = runtime.block_on(opened.collect());
        let name = |name: LaneName<'_>| if are_named { name.to_string() } else { String::new() };
        let names: Vec<_> = rows.lanes().map(name).collect();
        let (mut services, mut failed) = (Vec::new(), Vec::new());
        for ((service, name), line) in opened.into_iter().zip(&names).zip(&first_lines) {
            let line = line.unwrap_or_default();
            match service.transpose() {
                Ok(service) => services.push(service),
                Err(error) if !are_named => return Err(error),
                Err(error) => {
                    let error = explained(&error);
                    failed.push(format!("{name} (line {line}): {}", error.trim_start_matches("error: ")));
                }
            }
        }
        if !failed.is_empty() {
            bail!(failed.join("\n"));
        }
        let lanes = Self { services, names, are_named };
        lanes.check_distinct()?;
        Ok(lanes)
    }

    /// Two lanes in one account and region would compete for its limit.
    fn check_distinct(&self) -> anyhow::Result<()> {
        let mut seen = Vec::new();
        for (lane, service) in self.iter() {
            let Some(rates) = service.identity.as_ref().and_then(|identity| identity.rates.as_ref()) else {
                continue;
            };
            if let Some((_, other)) = seen.iter().find(|(known, _)| *known == rates) {
                let (other, name) = (self.name(*other), self.name(lane));
                bail!(Hinted::new(
                    format!("`{other}` and `{name}` are the same account and region, which have one limit"),
                    "name them alike in the input"
                ));
            }
            seen.push((rates, lane));
        }
        Ok(())
    }

    /// Those that are called.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LaneId, &Service)> {
        let services = self.services.iter().enumerate();
        services.filter_map(|(at, service)| Some((LaneId::new(at), service.as_ref()?)))
    }

    pub(super) fn get(&self, lane: LaneId) -> Option<&Service> {
        self.services.get(lane.index())?.as_ref()
    }

    /// The only one, if there are not several.
    pub(super) fn only(&self) -> Option<&Service> {
        self.services.first()?.as_ref().filter(|_| !self.are_named)
    }

    /// What messages call a lane; empty if it is the only one.
    pub(super) fn name(&self, lane: LaneId) -> &str {
        self.names.get(lane.index()).map_or("", |name| name)
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// How many of the numbers of a plan are in each, for the user's consent; empty for the only one.
    pub(super) fn overview<'a>(&'a self, plan: &Plan, rows: &'a Rows) -> Vec<LaneOverview<'a>> {
        let all = if self.are_named { LaneOverview::all(plan, rows) } else { Vec::new() };
        let called = all.into_iter().zip(&self.services).filter_map(|(lane, service)| {
            Some(LaneOverview { identity: service.as_ref()?.identity.as_ref(), ..lane })
        });
        called.collect()
    }

    /// Where they are, in words.
    pub(super) fn target(&self) -> String {
        match self.only() {
            Some(service) => service.target.clone(),
            None => format!("{} accounts and regions", HumanCount(self.iter().count() as u64)),
        }
    }

    /// Each of them for the journal's header, if there are several.
    pub(super) fn targets(&self) -> Vec<LaneTarget> {
        let several = self.iter().filter(|_| self.are_named);
        let target = |(lane, service): (_, &Service)| LaneTarget {
            name: self.name(lane).to_owned(),
            target: service.target.clone(),
            account_id: service.account_id().map(str::to_owned),
        };
        several.map(target).collect()
    }

    /// Their accounts and regions.
    pub(super) fn places(&self) -> Places<'_> {
        let services = self.services.iter().map(Option::as_ref);
        let lanes = services.map(|service| service.map_or_else(Place::default, Service::place));
        Places { lanes: lanes.collect(), looked: false }
    }

    /// Whether nothing leaves this machine.
    pub(super) fn is_simulated(&self) -> bool {
        self.iter().any(|(_, service)| service.is_simulated())
    }

    /// Tells the simulator which numbers there are.
    pub(super) fn hold(&self, input: &Input) {
        for row in input.rows.ids() {
            let lane = input.rows.lane_of(row).and_then(|lane| self.get(lane));
            lane.into_iter().for_each(|service| service.hold(input, row));
        }
    }
}

/// What the rows of a lane need: the AWS options, and its name with what the accounts file says.
struct Needed<'a> {
    args: AwsArgs,
    name: LaneName<'a>,
}

fn needed<'a>(
    args: &AwsArgs,
    accounts: Option<&'a Accounts>,
    name: LaneName<'a>,
) -> anyhow::Result<Needed<'a>> {
    let region = Some(name.region).filter(|region| !region.is_empty());
    if let Some(accounts) = accounts {
        let unknown = || {
            let names = accounts.names().map(|name| format!("`{}`", name.escape_debug())).collect::<Vec<_>>();
            let error = format!("the accounts file has no account `{}`", name.who.escape_debug());
            Hinted::new(error, format!("it has {}", names.join(", ")))
        };
        let account = accounts.find(name.who).ok_or_else(unknown)?;
        let args = args.of_account(account, region)?;
        return Ok(Needed { args, name: LaneName { who: &account.account_id, ..name } });
    }
    let mut args = args.clone();
    if let Some(region) = region {
        (args.region, args.region_by) = (Some(region.to_owned()), Some("the input"));
    }
    if !name.who.is_empty() {
        (args.profile, args.profile_by) = (Some(name.who.to_owned()), Some("the input"));
    }
    Ok(Needed { args, name })
}

/// The accounts file, if there is one.
fn accounts(settings: &ServiceSettings) -> anyhow::Result<Option<Accounts>> {
    Ok(settings.accounts.as_deref().map(Accounts::read).transpose()?)
}

/// Who would call each lane that the rows of `input` name, by its index.
///
/// # Errors
/// If the accounts file cannot be read, or does not have an account.
pub(super) async fn planned(
    settings: &ServiceSettings,
    args: &AwsArgs,
    input: &Input,
    env: &Environment,
) -> anyhow::Result<Vec<Identity>> {
    let accounts = &accounts(settings)?;
    let shared = &CredentialSources::default();
    let planned = async |name| {
        let needed = needed(args, accounts.as_ref(), name)?;
        anyhow::Ok(shared.planned(&needed.args, env, wall_clock()).await)
    };
    stream::iter(input.rows.lanes()).map(planned).buffered(AT_ONCE).try_collect().await
}
