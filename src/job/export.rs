//! The steps of `export`, in order.
//!
//! Must not change anything at the service, and must not write a part of a list.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use indicatif::HumanCount;
use serde_json::Value;

use super::failure::with_note;
use super::lanes::Lanes;
use super::outputs::{check_new, print_bytes};
use super::reading::{self, Reader};
use super::service::Service;
use super::shell::quoted_path;
use crate::aws::Environment;
use crate::aws::protocol::listing::{Holder, Listed, ListedNumber, NumberFilter};
use crate::cli::ExportArgs;
use crate::files;
use crate::inventory::{ListError, Lister};
use crate::report::export::{Export, Exported, Wanted};
use crate::terminal::Screen;
use crate::text::counted;

/// Lists the numbers, and writes the file.
///
/// # Errors
/// If the list cannot be read to its end, or the file cannot be written.
pub(super) fn execute(args: ExportArgs, env: &Environment, screen: &Screen) -> anyhow::Result<()> {
    let output = args.output.filter(|path| path != Path::new("-"));
    if let Some(path) = &output {
        check_new("the list", path, args.overwrite)?;
    }
    let (settings, pool) = reading::settings(args.reading, None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lanes = Lanes::one(Service::open(&settings, env, &runtime)?);
    let service = lanes.only().context("a service")?;
    if let Some(identity) = &service.identity {
        screen.say(format!("service     {}\naccount     {}", service.target, identity.account()));
    }
    let wanted = Wanted {
        unassigned: args.unassigned,
        name_like: args.name_like,
        associated_before: args.associated_before,
    };
    let mut connectors = args.connector;
    connectors.sort_unstable();
    connectors.dedup();
    let list = async |_, lister: &mut Lister<'_>| {
        let mut export = Export::new(&wanted, service.place());
        list(lister, &connectors, wanted.unassigned, &mut export).await?;
        Ok((export.finish(), lister.progress().requests))
    };
    let reader = Reader { lanes: &lanes, pool: &pool, runtime: &runtime, screen };
    let mut read = reader
        .read(&list)
        .map_err(|error| with_note(error, "nothing was changed, and no file was written"))?;
    let ((csv, exported), requests) = read.pop().context("one service was read")?;
    match &output {
        Some(path) => files::replace(path, |file| file.write_all(&csv))?,
        None => print_bytes(&csv)?,
    }
    screen.say(summary(exported, requests, output.as_deref()));
    Ok(())
}

/// Lists the numbers of these connectors; if there are none, of the account.
async fn list(
    lister: &mut Lister<'_>,
    connectors: &[String],
    unassigned: bool,
    export: &mut Export<'_>,
) -> Result<(), ListError> {
    let status = unassigned.then_some("Unassigned");
    let mut filters = vec![(None, NumberFilter { status, ..NumberFilter::default() })];
    if !connectors.is_empty() {
        let on = |id: &String| NumberFilter {
            on: Some((Holder::Connector, id.as_str().into())),
            ..NumberFilter::default()
        };
        filters = connectors.iter().map(|id| (Some(id.as_str()), on(id))).collect();
    }
    for (of, filter) in filters {
        let add = |items: &[Value]| {
            items.iter().for_each(|item| export.add(&ListedNumber::read(item), of));
            ControlFlow::Continue(())
        };
        lister.pages(&Listed::Numbers(filter), None, add).await?;
    }
    Ok(())
}

fn summary(exported: Exported, requests: u64, output: Option<&Path>) -> String {
    let Exported { removable, unassigned, kept, without_time } = exported;
    let others = [
        (unassigned, "on no connector"),
        (kept, "that no connector's call can remove"),
        (without_time, "left out: the service does not say since when they are where they are"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let others = others.map(|(count, what)| format!("{} {what}", HumanCount(count)));
    let counts: Vec<_> =
        [format!("{} on connectors", counted(removable, "number"))].into_iter().chain(others).collect();
    let listed = format!("{}; {}", counts.join(", "), counted(requests, "request"));
    match output.map(quoted_path) {
        Some(path) => {
            let next = if removable == 0 && unassigned > 0 { "release" } else { "plan" };
            format!("{listed}\nwritten: {path}\nnext: chime-sweep {next} {path}")
        }
        None => listed,
    }
}
