//! `plan`: shows what a run would send, and with `--check` where the service has the numbers.
//!
//! Must not send anything that changes something.

use super::beside::beside;
use super::checking;
use super::clock::wall_clock;
use super::failure::UsageError;
use super::outputs::print;
use super::reading::{self, Reader};
use super::service::Service;
use super::{settings, shard, status};
use crate::aws::Environment;
use crate::aws::credentials::Identity;
use crate::aws::rate_cache::RateCache;
use crate::cli::PlanArgs;
use crate::cli::exit::ExitStatus;
use crate::input::{EXAMPLES, Input, RowFlags, RowId, Source, Standing};
use crate::inventory::Rules;
use crate::plan::{Plan, Selection};
use crate::pool::pace::Rate;
use crate::terminal::Screen;
use crate::terminal::expected::Expected;
use crate::terminal::overview::Overview;
use crate::text::printable;

/// Runs the command.
///
/// # Errors
/// If the input cannot be read, or the service cannot be asked.
pub(super) fn execute(args: PlanArgs, env: &Environment, screen: &Screen) -> anyhow::Result<ExitStatus> {
    status::check_written(&args.input)?;
    let shard = args.shard.map(|shard| shard::resolve(shard, |name| env.get(name))).transpose()?;
    let source = Source::open(&args.input)?;
    let shows_all = args.all || args.json;
    let shown = if shows_all { usize::MAX } else { EXAMPLES };
    let columns = settings::columns_and_lanes(args.columns, args.lanes, &args.reading.aws);
    let aws = settings::aws_args(args.reading.aws.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rate = args.reading.calls.rate;
    let (service_settings, pool) = reading::settings(args.reading);
    let (input, asked) = beside(
        || Input::read_showing(&source, &columns, shown),
        || match args.check {
            true => Service::open(&service_settings, env, &runtime)
                .map(|service| Asked::Service(Box::new(service))),
            false => Ok(Asked::Identity(runtime.block_on(Identity::planned(&aws, env)))),
        },
    );
    let (mut input, asked) = (input?, asked?);
    shard.into_iter().for_each(|shard| input.take(shard));
    if let Asked::Identity(identity) = &asked {
        identity.check_account(&aws)?;
    }
    let selection = Selection::new(&settings::choice(args.choice), &input.rows).map_err(UsageError::from)?;
    let is_chosen = |row: RowId| selection.left_out(row).is_none();
    let check = asked.service().map(|service| {
        let reader = Reader { service, pool: &pool, runtime: &runtime, screen };
        let rules = Rules { action: input.layout.action, not_found_is_success: false };
        checking::check(&reader, rules, &input, &is_chosen, &RowFlags::of_unanswered(&input.rows), None)
    });
    let check = check.transpose()?;
    let is_sent = |row| is_chosen(row) && !check.as_ref().is_some_and(|check| check.settles(row));
    let plan = Plan::new(&input.rows, is_sent, args.batch_size);
    let identity = asked.identity();
    let overview = Overview {
        identity,
        target: asked.service().map(|service| &*service.target),
        shows_all,
        left_out: selection.counts(|_| true),
        check: check.as_ref(),
        ..Overview::of(&args.input, &source, &input, &plan)
    };
    let found = || RateCache::of(env)?.get(identity?.rates.as_ref()?, wall_clock());
    let expected = match rate {
        Rate::Fixed(rate) => Expected::Typed(rate),
        Rate::Auto => found().map_or(Expected::Assumed, Expected::Found),
    };
    match args.json {
        true => print(&serde_json::to_string_pretty(&overview.json(expected))?)?,
        false => print(&printable(&overview.with_details(expected)))?,
    }
    let unsendable = input.rows.count(Standing::Invalid) + input.rows.count(Standing::Kept);
    let all_can_be_sent = unsendable == 0 && check.is_none_or(|check| check.is_as_expected());
    Ok(if all_can_be_sent { ExitStatus::Success } else { ExitStatus::SomeRowsFailed })
}

/// Who would call the service, from the service itself if it is asked.
enum Asked {
    Service(Box<Service>),
    Identity(Identity),
}

impl Asked {
    fn service(&self) -> Option<&Service> {
        if let Self::Service(service) = self { Some(service) } else { None }
    }

    fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Service(service) => service.identity.as_ref(),
            Self::Identity(identity) => Some(identity),
        }
    }
}
