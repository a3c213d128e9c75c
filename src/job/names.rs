//! The names of files: what a report is called, and whether two names are of one file.
//!
//! Must not open a file.

use std::path::{Path, PathBuf};

use crate::action::Action;
use crate::input::Shard;

/// Whether a path stands for standard input or output.
pub(super) fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// `numbers.csv` → `numbers.report.csv`, or `numbers.simulated.csv`; for standard input the name is `chime-sweep`.
pub(super) fn report_of(input: &Path, simulated: bool) -> PathBuf {
    let input = if is_stream(input) { Path::new("chime-sweep") } else { input };
    input.with_extension(if simulated { "simulated.csv" } else { "report.csv" })
}

/// The same for a shard: `numbers.csv` → `numbers.shard-2-of-4.report.csv`.
pub(super) fn report_of_shard(input: &Path, shard: Option<Shard>, simulated: bool) -> PathBuf {
    let report = report_of(input, simulated);
    let Some(shard) = shard else { return report };
    let kind = if simulated { "simulated" } else { "report" };
    report.with_extension("").with_extension(format!(
        "shard-{}-of-{}.{kind}.csv",
        shard.number(),
        shard.count()
    ))
}

/// The report itself, unless it would be replaced by that of a rehearsal: `numbers.report.csv` →
/// `numbers.report.simulated.csv`.
pub(super) fn report_of_rerun(report: &Path, simulated: bool) -> PathBuf {
    if simulated && !is_rehearsals(report) { report_of(report, true) } else { report.to_owned() }
}

/// Whether a report has the name of a rehearsal's.
pub(super) fn is_rehearsals(report: &Path) -> bool {
    report.with_extension("").extension().is_some_and(|extension| extension == "simulated")
}

/// `numbers.report.csv` → `numbers.report.undo.csv`; `numbers.simulated.csv` → `numbers.undo.simulated.csv`.
pub(super) fn report_of_action(report: &Path, action: Action, simulated: bool) -> PathBuf {
    let kind = match action {
        Action::Disassociate => "report",
        Action::Associate => "undo",
        Action::Delete => "release",
        Action::Restore => "restore",
    };
    if !simulated {
        return report.with_extension(format!("{kind}.csv"));
    }
    let stem = report.with_extension("");
    if is_rehearsals(report) { &stem } else { report }.with_extension(format!("{kind}.simulated.csv"))
}

/// Whether two files, which need not exist, have the same name in the same directory.
pub(super) fn same_place(a: &Path, b: &Path) -> bool {
    let directory =
        |path: &Path| std::path::absolute(path).ok().and_then(|path| path.parent()?.canonicalize().ok());
    a.file_name() == b.file_name() && directory(a).is_some() && directory(a) == directory(b)
}

/// Whether both paths lead to the same file.
#[must_use]
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_named_after_what_it_is_taken_from() {
        for (report, action, simulated, name) in [
            ("numbers.report.csv", Action::Associate, false, "numbers.report.undo.csv"),
            ("numbers.report.csv", Action::Associate, true, "numbers.report.undo.simulated.csv"),
            ("numbers.simulated.csv", Action::Delete, true, "numbers.release.simulated.csv"),
            ("numbers.release.simulated.csv", Action::Restore, true, "numbers.release.restore.simulated.csv"),
            ("a/unassigned", Action::Delete, false, "a/unassigned.release.csv"),
        ] {
            assert_eq!(report_of_action(Path::new(report), action, simulated), Path::new(name));
        }
    }
}
