//! `plan`: shows what a run would send, and with `--check` where the service has the numbers.
//!
//! Must not send anything that changes something.

use super::beside::beside;
use super::checking;
use super::clock::wall_clock;
use super::failure::UsageError;
use super::lanes::{self, Lanes};
use super::outputs::{print, print_text};
use super::reading::{self, Reader};
use super::{settings, shard, status};
use crate::aws::Environment;
use crate::aws::credentials::{CredentialSources, Identity};
use crate::aws::rate_cache::RateCache;
use crate::cli::PlanArgs;
use crate::cli::exit::ExitStatus;
use crate::input::{EXAMPLES, Input, RowFlags, RowId, Rows, Source, Standing};
use crate::inventory::Rules;
use crate::plan::{Plan, Selection};
use crate::pool::pace::Rate;
use crate::terminal::Screen;
use crate::terminal::expected::Expected;
use crate::terminal::lane_overview::LaneOverview;
use crate::terminal::overview::Overview;

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
    let accounts = args.lanes.accounts.clone();
    let columns = settings::columns_and_lanes(args.columns, args.lanes, &args.reading.aws);
    let aws = settings::aws_args(args.reading.aws.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rate = args.reading.calls.rate;
    let (checks, simulates) = (args.check, args.reading.simulate);
    let (service_settings, pool) = reading::settings(args.reading, accounts);
    let read = || Input::read_part(&source, &columns, shown, shard);
    let has_lanes = Input::has_lanes(&source, &columns)?;
    let (input, asked) = if checks || simulates {
        let is_called = |standing| matches!(standing, Standing::Pending { .. });
        let (input, lanes) = lanes::open(has_lanes, read, &service_settings, is_called, env, &runtime)?;
        (input, Asked::Services(lanes?))
    } else if has_lanes {
        let input = read()?;
        let identities = runtime.block_on(lanes::planned(&service_settings, &aws, &input, env))?;
        // A single one is shown as if the rows did not name it.
        let asked = <[Identity; 1]>::try_from(identities);
        (input, asked.map_or_else(Asked::Identities, |[only]| Asked::Identity(only)))
    } else {
        let (input, identity) = beside(read, || {
            let sources = CredentialSources::default();
            runtime.block_on(sources.planned(&aws, env, wall_clock()))
        });
        (input?, Asked::Identity(identity))
    };
    for identity in asked.planned() {
        identity.check_account(&aws)?;
    }
    let selection = Selection::new(&settings::choice(args.choice), &input.rows).map_err(UsageError::from)?;
    let is_chosen = |row: RowId| selection.left_out(row).is_none();
    let check = asked.services().filter(|_| checks).map(|lanes| {
        let reader = Reader { lanes, pool: &pool, runtime: &runtime, screen };
        let rules = Rules { action: input.layout.action, not_found_is_success: false };
        checking::check(&reader, rules, &input, &is_chosen, &RowFlags::of_unanswered(&input.rows), None)
    });
    let check = check.transpose()?;
    let is_sent = |row| is_chosen(row) && !check.as_ref().is_some_and(|check| check.settles(row));
    let plan = Plan::new(&input.rows, is_sent, args.batch_size);
    let identity = asked.identity();
    let cache = RateCache::of(env);
    let found = |identity: &Identity| cache.as_ref()?.get(identity.rates.as_ref()?, wall_clock());
    let overview = Overview {
        identity,
        target: asked.services().and_then(|lanes| Some(&*lanes.only()?.target)),
        lanes: asked.lanes(&plan, &input.rows, &found),
        shows_all,
        left_out: selection.counts(|_| true),
        check: check.as_ref(),
        ..Overview::of(&args.input, &source, &input, &plan)
    };
    let expected = match rate {
        Rate::Fixed(rate) => Expected::Typed(rate),
        Rate::Auto => identity.and_then(found).map_or(Expected::Assumed, Expected::Found),
    };
    match args.json {
        true => print(&serde_json::to_string_pretty(&overview.json(expected))?)?,
        false => print_text(&overview.with_details(expected))?,
    }
    let unsendable = input.rows.count(Standing::Invalid) + input.rows.count(Standing::Kept);
    let all_can_be_sent = unsendable == 0 && check.is_none_or(|check| check.is_as_expected());
    Ok(if all_can_be_sent { ExitStatus::Success } else { ExitStatus::SomeRowsFailed })
}

/// Who would call the service, from the service itself if it is asked.
enum Asked {
    Services(Lanes),
    Identity(Identity),
    /// By the index of their lane.
    Identities(Vec<Identity>),
}

impl Asked {
    fn services(&self) -> Option<&Lanes> {
        if let Self::Services(lanes) = self { Some(lanes) } else { None }
    }

    /// Those that the services themselves have not checked.
    fn planned(&self) -> &[Identity] {
        match self {
            Self::Services(_) => &[],
            Self::Identity(identity) => std::slice::from_ref(identity),
            Self::Identities(identities) => identities,
        }
    }

    /// The only one.
    fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Services(lanes) => lanes.only()?.identity.as_ref(),
            Self::Identity(identity) => Some(identity),
            Self::Identities(_) => None,
        }
    }

    /// `found`: the rate that an earlier run has found.
    fn lanes<'a>(
        &'a self,
        plan: &Plan,
        rows: &'a Rows,
        found: &impl Fn(&Identity) -> Option<f64>,
    ) -> Vec<LaneOverview<'a>> {
        let mut lanes = match self {
            Self::Services(lanes) => lanes.overview(plan, rows),
            Self::Identity(_) => Vec::new(),
            Self::Identities(identities) => {
                let lanes = LaneOverview::all(plan, rows).into_iter().zip(identities);
                let lanes = lanes.map(|(lane, identity)| LaneOverview { identity: Some(identity), ..lane });
                lanes.filter(|lane| lane.numbers > 0).collect()
            }
        };
        lanes.iter_mut().for_each(|lane| lane.found = lane.identity.and_then(found));
        lanes
    }
}
