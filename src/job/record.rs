//! Adds a run to the record beside its report.
//!
//! Must not fail the run: its report is written already.

use super::clock::wall_clock;
use super::settings::JobSettings;
use super::status;
use crate::aws::Environment;
use crate::report::summary::{Record, Recorded, Summary};

/// Adds the run that `summary` is about, which `by` has run, to the `record` of the earlier ones.
pub(super) fn add(mut record: Record, settings: &JobSettings, by: &str, summary: &Summary) {
    let Some(run) = summary.run.clone() else { return };
    record.runs.push(Recorded {
        command: settings.mode.name().to_owned(),
        note: settings.note.clone(),
        by: by.to_owned(),
        chime_sweep: env!("CARGO_PKG_VERSION").to_owned(),
        simulated: summary.simulated,
        ended_at: wall_clock(),
        rows: summary.counted.rows,
        run,
    });
    if let Err(error) = record.write() {
        let error: &dyn std::error::Error = &*error;
        tracing::warn!(error, "the record beside the report could not be written; the report is complete");
    }
}

/// Who runs this, and where: `user@host`.
pub(super) fn caller_of(env: &Environment) -> String {
    let user =
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| env.get(name)).unwrap_or("unknown");
    let host = status::host_name();
    format!("{user}@{}", host.as_deref().or(env.get("COMPUTERNAME")).unwrap_or("unknown"))
}
