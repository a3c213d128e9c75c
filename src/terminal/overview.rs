//! Summarizes what a run would do, for `plan` and for the question before a run.
//!
//! Must not print.

use std::cmp::Reverse;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::HumanCount;
use jiff::ZonedDateTime;
use serde_json::json;

use super::largest;
use crate::action::Action;
use crate::aws::credentials::Identity;
use crate::input::{ConnectorId, EXAMPLES, Input, InvalidRow, RowId, Source, Standing, is_like_those_of_aws};
use crate::inventory::Check;
use crate::plan::{LeftOut, Plan};
use crate::terminal::expected::Expected;
use crate::terminal::lane_overview::{self, LaneOverview};
use crate::text::{counted, span};

/// What would be sent, and what would not.
#[derive(Debug)]
pub(crate) struct Overview<'a> {
    /// The file.
    pub(crate) source: &'a Source,
    /// The directory of the file, if it is a file, so that the user notices last month's file.
    pub(crate) directory: Option<PathBuf>,
    /// Its rows.
    pub(crate) input: &'a Input,
    /// Those that would be sent.
    pub(crate) plan: &'a Plan,
    /// The service that would be called, if that is known.
    pub(crate) target: Option<&'a str>,
    /// The identity that would call it, if that is known.
    pub(crate) identity: Option<&'a Identity>,
    /// The accounts and regions that the input names.
    pub(crate) lanes: Vec<LaneOverview<'a>>,
    /// When the run stops, finished or not, and how long that is from now.
    pub(crate) stops_at: Option<(ZonedDateTime, Duration)>,
    /// Rows that an earlier run of the same job has settled.
    pub(crate) settled: u64,
    /// The last day on which what is done can be taken back, if there is one.
    pub(crate) last_day: Option<String>,
    /// How many rows an option leaves out.
    pub(crate) left_out: Vec<(LeftOut, u64)>,
    /// Where the numbers are, if that was looked up.
    pub(crate) check: Option<&'a Check>,
    /// The file whose lines are meant, if it is another one.
    pub(crate) lines_of: Option<&'a Path>,
    /// What is forgotten with the journal that `--discard` deletes.
    pub(crate) forgets: Option<String>,
    /// Whether the details are all, and not only examples.
    pub(crate) shows_all: bool,
}

impl<'a> Overview<'a> {
    /// The overview of the file at `path`, for a run of which only the plan is known.
    #[must_use]
    pub(crate) fn of(path: &Path, source: &'a Source, input: &'a Input, plan: &'a Plan) -> Self {
        let directory = path.canonicalize().ok().and_then(|path| Some(path.parent()?.to_owned()));
        Self {
            source,
            directory,
            input,
            plan,
            target: None,
            identity: None,
            lanes: Vec::new(),
            stops_at: None,
            settled: 0,
            last_day: None,
            left_out: Vec::new(),
            check: None,
            lines_of: None,
            forgets: None,
            shows_all: false,
        }
    }

    /// What is done with the numbers.
    #[must_use]
    pub(crate) fn action(&self) -> Action {
        self.input.layout.action
    }

    /// The numbers that are sent.
    #[must_use]
    pub(crate) fn numbers(&self) -> u64 {
        self.plan.number_count() as u64
    }

    fn count(&self, standing: Standing) -> u64 {
        self.input.rows.count(standing) as u64
    }

    /// The same with details: the bad rows, and how long the run will take.
    #[must_use]
    pub(crate) fn with_details(&self, expected: Expected) -> String {
        let (rows, invalid) = (&self.input.rows, &self.input.invalid);
        let examples = if self.shows_all { usize::MAX } else { EXAMPLES };
        let mut lines = self.lines();
        lines.extend(self.foreign_connectors().map(|warning| format!("warning     {warning}")));
        lines.extend(
            invalid.iter().map(|InvalidRow { line, code, reason }| {
                format!("invalid     line {line}: {code}: {reason}")
            }),
        );
        let suspects = rows.suspects();
        let unsent = self.count(Standing::Invalid) + self.count(Standing::Kept) - suspects.len() as u64;
        lines.extend(more(unsent, invalid.len()));
        for (row, other) in suspects.iter().take(examples) {
            lines.push(format!(
                "altered     line {} is the same as line {}, but was not a duplicate when it was reported",
                rows.line(*row),
                rows.line(*other)
            ));
        }
        lines.extend(more(suspects.len() as u64, examples));
        for (row, first) in rows.duplicates().take(examples) {
            lines.push(format!(
                "duplicate   line {} is the same as line {}",
                rows.line(row),
                rows.line(first)
            ));
        }
        lines.extend(more(self.count(Standing::Duplicate), examples));
        let shared = rows.shared_numbers();
        if !shared.is_empty() {
            let numbers = counted(shared.len() as u64, "number");
            lines
                .push(format!("warning     {numbers} listed under two connectors, which is seldom intended"));
        }
        for (row, earlier) in shared.iter().take(examples) {
            lines.push(format!("            lines {} and {}", rows.line(*earlier), rows.line(*row)));
        }
        lines.extend(more(shared.len() as u64, examples));
        lines.push(self.time(expected));
        lines.join("\n")
    }

    fn time(&self, expected: Expected) -> String {
        if self.plan.batch_count() == 0 {
            return "time        none; there is nothing to send".to_owned();
        }
        let (seconds, expected, lane) = self.seconds(expected);
        let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let time = span(time.max(Duration::from_secs(1))); // nothing takes 0 s
        let rate = match expected {
            Expected::Typed(rate) => format!("{rate} requests per second"),
            Expected::Found(rate) => {
                format!("{rate:.1} requests per second, the limit that an earlier run found")
            }
            Expected::Assumed => format!(
                "{} requests per second (assumed, because AWS publishes no limit; use --rate N to change it)",
                expected.rate()
            ),
        };
        let longest =
            lane.map(|lane| format!("; {} takes longest, and the others run at the same time", lane.name));
        format!("time        about {time} at {rate}{}", longest.unwrap_or_default())
    }

    /// How long it takes, at which rate: if there are several accounts and regions, that of the one that takes longest.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn seconds(&self, expected: Expected) -> (f64, Expected, Option<&LaneOverview<'a>>) {
        let of = |requests: u64, expected: Expected| requests as f64 / expected.rate();
        let lanes = self.lanes.iter().map(|lane| {
            let expected = lane.expected(expected);
            (of(lane.requests, expected), expected, Some(lane))
        });
        let all = || (of(self.plan.batch_count() as u64, expected), expected, None);
        lanes.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or_else(all)
    }

    fn lines(&self) -> Vec<String> {
        let (rows, changed) = (self.input.rows.len().into(), self.source.age());
        let changed = changed.map(|age| format!(", changed {} ago", span(age))).unwrap_or_default();
        let mut lines =
            vec![format!("input       {}, {}{changed}", self.source.name(), counted(rows, "row"))];
        lines.extend(self.input.part.map(|part| format!("shard       {part}")));
        lines.extend(self.directory.iter().map(|directory| format!("directory   {}", directory.display())));
        lines.extend(
            self.lines_of.map(|file| format!("lines       of {}, which is to be written", file.display())),
        );
        lines.push(format!("columns     {}", self.columns()));
        lines.extend(self.target.map(|target| format!("service     {target}")));
        lines.extend(self.identity.map(|identity| match self.target {
            Some(_) => format!(
                "account     {}\ncredentials {}\nregion      {}",
                identity.account(),
                identity.credentials,
                identity.region
            ),
            None => identity.to_string(),
        }));
        if !self.lanes.is_empty() {
            let count = HumanCount(self.lanes.len() as u64);
            lines.push(format!("accounts    {count} accounts and regions, each with a limit of its own"));
            lines.extend(lane_overview::lines(&self.lanes));
        }
        lines.extend(self.forgets.iter().map(|forgets| format!("to forget   {forgets}")));
        let requests = counted(self.plan.batch_count() as u64, "request");
        let what = format!("to {}", self.action().verb());
        lines.push(format!("{what:<12}{}, in {requests}", counted(self.numbers(), "number")));
        lines.extend(self.check.iter().flat_map(|check| check.lines(&self.input.rows)));
        lines.extend(self.last_day.as_ref().map(|day| {
            format!(
                "restorable  until {day}, with `chime-sweep undo`; then they go back to AWS, perhaps for good"
            )
        }));
        lines.extend(self.stops_at.as_ref().map(|(at, left)| {
            format!("time limit  stops at {}, in {}", at.strftime("%a %F %H:%M %Z"), span(*left))
        }));
        let is_export = self.input.layout.is_export();
        let ignored = if is_export { "on no connector, or not for this call" } else { "empty or a comment" };
        let not_sent = [
            ("already done", self.count(Standing::Finished) + self.settled),
            ("invalid", self.count(Standing::Invalid)),
            ("altered, which keep their status", self.count(Standing::Kept)),
            ("duplicate", self.count(Standing::Duplicate)),
            (ignored, self.count(Standing::Ignored)),
        ];
        let not_sent = not_sent.into_iter().filter(|(_, count)| *count > 0);
        lines.extend(not_sent.map(|(name, count)| format!("not sent    {} {name}", HumanCount(count))));
        let left_out = self.left_out.iter();
        lines.extend(
            left_out.map(|(option, rows)| format!("not sent    {} left out by {option}", HumanCount(*rows))),
        );
        lines.extend(self.connectors());
        let multiline = self.input.notes.multiline;
        lines.extend(
            Some(multiline)
                .filter(|rows| *rows > 0)
                .map(|rows| format!("note        {} with a cell of several lines", counted(rows, "row"))),
        );
        lines.extend(self.input.notes.warnings().into_iter().map(|warning| format!("warning     {warning}")));
        lines
    }

    /// The columns that were chosen, and one row that is sent as an example.
    fn columns(&self) -> String {
        let (rows, notes) = (&self.input.rows, &self.input.notes);
        let connector = notes.connector_column.iter().map(|column| format!("connector {column}, "));
        let columns: String = connector.chain([format!("number {}", notes.number_column)]).collect();
        let first = self.plan.batches().next().and_then(|batch| batch.rows.first().copied());
        let example = first.and_then(|row| {
            let (connector, number) = (rows.connector(row)?, rows.number(row)?.masked());
            let name = rows.connector_name(connector);
            let name = if name.is_empty() { String::new() } else { format!("{} and ", name.escape_debug()) };
            Some(format!("; line {} has {name}{number}", rows.line(row)))
        });
        columns + &example.unwrap_or_default()
    }

    /// Connectors that are not like those of AWS. Its API accepts any id, so they are sent all the same.
    fn foreign_connectors(&self) -> Option<String> {
        let names = self.plan.connectors().map(|(id, _)| self.input.rows.connector_name(id));
        let foreign: Vec<_> = names.filter(|name| !name.is_empty() && !is_like_those_of_aws(name)).collect();
        let first = foreign.first()?.escape_debug();
        let counted = match foreign.len() {
            1 => "1 connector is".to_owned(),
            count => format!("{} connectors are", HumanCount(count as u64)),
        };
        Some(format!(
            "{counted} not like an id of AWS (21 or 22 lower-case letters and digits, or a UUID): `{first}`"
        ))
    }

    /// What `plan` says, for programs: with all details, and an estimate of the time.
    #[must_use]
    pub(crate) fn json(&self, expected: Expected) -> serde_json::Value {
        let (rows, notes) = (&self.input.rows, &self.input.notes);
        let pair =
            |(row, other): (RowId, RowId)| json!({ "line": rows.line(row), "other_line": rows.line(other) });
        let connectors = self.plan.connectors();
        let connectors =
            connectors.map(|(id, numbers)| json!({ "id": rows.connector_name(id), "numbers": numbers }));
        let shared = rows.shared_numbers().iter().copied();
        let caller = self.identity.and_then(|identity| identity.caller.as_ref().ok());
        json!({
            "version": 1,
            "input": self.source.name(),
            "shard": self.input.part,
            "account_id": caller.map(|caller| &caller.account_id),
            "arn": caller.map(|caller| &caller.arn),
            "lanes": self.lanes.iter().map(LaneOverview::json).collect::<Vec<_>>(),
            "rows": rows.len(),
            "connector_column": notes.connector_column.as_deref().map(|column| column.trim_matches('`')),
            "number_column": notes.number_column.trim_matches('`'),
            "action": self.action(),
            "numbers": self.numbers(),
            "to_remove": (self.action() == Action::Disassociate).then(|| self.numbers()),
            "requests": self.plan.batch_count(),
            "already_done": self.count(Standing::Finished) + self.settled,
            "invalid": self.count(Standing::Invalid),
            "altered": self.count(Standing::Kept),
            "duplicate": self.count(Standing::Duplicate),
            "ignored": self.count(Standing::Ignored),
            "left_out": self.left_out_json(),
            "check": self.check.map(|check| check.json(rows)),
            "connectors": connectors.collect::<Vec<_>>(),
            "invalid_rows": self.input.invalid,
            "altered_rows": rows.suspects().iter().copied().map(pair).collect::<Vec<_>>(),
            "duplicate_rows": rows.duplicates().map(pair).collect::<Vec<_>>(),
            "shared_numbers": shared.map(pair).collect::<Vec<_>>(),
            "warnings": notes.warnings().into_iter().chain(self.foreign_connectors()).collect::<Vec<_>>(),
            "estimated_seconds": self.seconds(expected).0,
        })
    }

    /// How many rows each option leaves out.
    fn left_out_json(&self) -> serde_json::Value {
        let rows = |is_it: fn(&LeftOut) -> bool| -> u64 {
            self.left_out.iter().filter(|(option, _)| is_it(option)).map(|(_, rows)| rows).sum()
        };
        json!({
            "limit": rows(|option| matches!(option, LeftOut::Limit(_))),
            "only_connector": rows(|option| *option == LeftOut::OnlyConnector),
            "skip_connector": rows(|option| *option == LeftOut::SkipConnector),
        })
    }

    /// The connectors and their counts of numbers.
    fn connectors(&self) -> Vec<String> {
        let mut all: Vec<_> = self.plan.connectors().collect();
        all.sort_by_key(|(_, numbers)| Reverse(*numbers));
        let line = |&(id, numbers): &(ConnectorId, u32)| {
            let name = Some(self.input.rows.connector_name(id)).filter(|name| !name.is_empty());
            let name = name.unwrap_or("(none)").escape_debug();
            let mut lanes = self.input.rows.lanes().filter(|_| !self.lanes.is_empty());
            let lane = lanes.nth(self.input.rows.lane(id).index()).map(|lane| format!(" in {lane}"));
            format!("            {name}: {}{}", HumanCount(numbers.into()), lane.unwrap_or_default())
        };
        let heading = format!("connectors  {}", HumanCount(all.len() as u64));
        let lines = largest::lines(&all, |(_, numbers)| (*numbers).into(), line);
        [heading].into_iter().chain(lines).collect()
    }
}

/// The number of items beyond the examples, if any.
fn more(all: u64, shown: usize) -> Option<String> {
    let rest = all.saturating_sub(shown as u64);
    (rest > 0).then(|| format!("            … and {} more", HumanCount(rest)))
}

impl fmt::Display for Overview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::input::InputOptions;

    fn shown(csv: String, show: impl Fn(&Overview<'_>) -> String) -> String {
        let source = Source::from_bytes("numbers.csv", csv.into_bytes());
        let input = Input::read(&source, &InputOptions::default()).expect("reads");
        let plan = Plan::new(&input.rows, |_| true, std::num::NonZeroU32::new(50).expect("not 0"));
        show(&Overview::of(Path::new("nowhere.csv"), &source, &input, &plan))
    }

    #[test]
    fn a_plan_names_lines_and_says_what_it_assumes() {
        let mut csv = "vc_id,phone\na,+12065550100\nb,+12065550100\nb,+12065550101\n".to_owned();
        (0..7).for_each(|_| csv.push_str("a,oops\n"));
        (0..8).for_each(|_| csv.push_str("b,12065550101\n"));
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(shown(csv.clone(), |overview| overview.with_details(Expected::Assumed)));
        });
        let fixed = shown(csv, |overview| overview.with_details(Expected::Typed(0.5)));
        assert!(fixed.ends_with("time        about 4 s at 0.5 requests per second"), "{fixed}");
    }

    #[test]
    fn among_many_connectors_the_odd_one_is_shown() {
        let mut csv = "vc_id,phone\n".to_owned();
        for connector in 0..40_u64 {
            for number in 0..if connector == 17 { 1 } else { 10 + connector } {
                let _ = writeln!(csv, "vc-{connector},+1206{connector:03}{number:04}");
            }
        }
        let shown = shown(csv, |overview| overview.to_string());
        assert!(shown.contains("vc-39: 49\n") && shown.ends_with("vc-17: 1"), "{shown}");
        assert!(shown.contains("… 28 more, each with 15 to 43 …"), "{shown}");
        assert_eq!(shown.lines().count(), 4 + 13, "{shown}");
    }
}
