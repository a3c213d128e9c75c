//! A report's columns: their names, where a header has them, and what a row says in them.
//!
//! `input` reads them when its file is a report, `report` writes them. Must not judge a row.
//!
//! They are found by name, in any order and any case, wherever they were moved. Those that the report has written side
//! by side come first: an input's own column of the same name is elsewhere.

use csv::ByteRecord;

use super::status::{Said, Status, text};

/// A column that a report adds after the input's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// See [`Status`].
    Status,
    /// The service's code, or one of this tool's.
    ErrorCode,
    /// The error as text.
    ErrorMessage,
    /// Requests for the row that counted, over all runs.
    Attempts,
    /// Of the last request.
    RequestId,
    /// When the row was settled.
    CompletedAt,
    /// See [`Action`](crate::action::Action).
    Action,
    /// The AWS account; empty if it is not known.
    AccountId,
    /// The AWS region; empty if it is not known.
    Region,
    /// A digest of what the row asks for; empty if it is not valid.
    RowKey,
    /// Where the service had the number before it was sent; empty if it was not looked up.
    Before,
    /// Where the service had it when `verify` looked; empty if it never did.
    Verified,
    /// When that was.
    VerifiedAt,
}

use Column::{
    AccountId, Action, Attempts, Before, CompletedAt, ErrorCode, ErrorMessage, Region, RequestId, RowKey,
    Verified, VerifiedAt,
};

impl Column {
    /// Every column, in the order in which a report has them.
    pub const ALL: [Self; 13] = [
        Self::Status,
        ErrorCode,
        ErrorMessage,
        Attempts,
        RequestId,
        CompletedAt,
        Action,
        AccountId,
        Region,
        RowKey,
        Before,
        Verified,
        VerifiedAt,
    ];

    /// Those of a report; the last three only if the numbers were looked up.
    #[must_use]
    pub fn written(looked: bool) -> &'static [Self] {
        Self::ALL.split_at(if looked { Self::ALL.len() } else { Before as usize }).0
    }

    /// Its header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            ErrorCode => "error_code",
            ErrorMessage => "error_message",
            Attempts => "attempts",
            RequestId => "request_id",
            CompletedAt => "completed_at",
            Action => "action",
            AccountId => "account_id",
            Region => "region",
            RowKey => "row_key",
            Before => "before",
            Verified => "verified",
            VerifiedAt => "verified_at",
        }
    }

    fn of(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name().eq_ignore_ascii_case(header.trim()))
    }
}

/// What an older report has: the first six.
const OLD: usize = 6;

/// They say what is done, what is in doubt, and what a spreadsheet has damaged.
const NEEDED: [Column; 3] = [Column::Status, ErrorCode, ErrorMessage];

/// Two of these are hardly ever an input's own.
const TELLING: [Column; 5] = [ErrorCode, ErrorMessage, Attempts, RequestId, CompletedAt];

/// Where the columns of a report are in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    at: [Option<usize>; Column::ALL.len()],
    status: usize,
}

/// Why a header is neither a report's nor an input's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// It has some of a report's columns, but not these.
    Missing(Vec<Column>),
    /// It has this column more than once.
    Twice(Column),
}

impl Columns {
    /// The columns of a report in a header of these `fields`; `None` if it is not a report's.
    pub(super) fn find(fields: &[String]) -> Result<Option<Self>, Unclear> {
        let columns: Vec<_> = fields.iter().map(|field| Column::of(field)).collect();
        let written = Column::ALL.map(Some);
        let run = columns.windows(OLD).rposition(|run| *run == written[..OLD]);
        // Beside an older report's columns, the later ones are the input's own.
        let is_old = !columns.contains(&Some(RowKey));
        // Where only one or two of the last three are, they are the input's own.
        let looked = [Before, Verified, VerifiedAt].iter().all(|column| columns.contains(&Some(*column)));
        let is_reports = |index| index < OLD || !is_old && (index < Before as usize || looked);
        let (mut at, mut twice) = ([None; Column::ALL.len()], None);
        for (index, column) in Column::ALL.into_iter().enumerate() {
            let side_by_side = run.map(|start| start + index);
            at[index] = side_by_side.filter(|at| columns.get(*at) == Some(&Some(column)));
            if at[index].is_none() && is_reports(index) {
                let mut named = (0..columns.len()).filter(|at| columns[*at] == Some(column));
                at[index] = named.next();
                twice = twice.or(named.next().map(|_| column));
            }
        }
        let has = |column: &Column| at[*column as usize].is_some();
        let missing: Vec<_> = NEEDED.into_iter().filter(|column| !has(column)).collect();
        let tells = !is_old || TELLING.iter().filter(|column| has(column)).count() >= 2;
        match (at[Column::Status as usize], twice) {
            (Some(_), Some(column)) if missing.is_empty() => Err(Unclear::Twice(column)),
            (Some(status), None) if missing.is_empty() => Ok(Some(Self { at, status })),
            _ if tells => Err(Unclear::Missing(missing)),
            _ => Ok(None),
        }
    }

    /// How many of a report's columns there are.
    pub(super) fn count(&self) -> usize {
        self.at.iter().flatten().count()
    }

    /// Whether one of them says where a number is.
    pub(super) fn has_places(&self) -> bool {
        [Before, Verified, VerifiedAt].iter().any(|column| self.at[*column as usize].is_some())
    }

    /// Whether the field at `at` is one of them.
    pub(super) fn contains(&self, at: usize) -> bool {
        self.at.contains(&Some(at))
    }

    fn first(&self) -> usize {
        self.at.iter().flatten().copied().min().unwrap_or(self.status)
    }

    /// What `row` says in them, if its header has `width` fields.
    ///
    /// - A row that has more fields than the header, all of them empty, or fewer, is read from its start: programs add
    ///   delimiters to the end of a row, and drop empty cells there.
    /// - A row that has gained or lost a field elsewhere is read from its end, where the report put its columns, if it
    ///   has a status there; else from its start, if it has one there. It is not aligned.
    /// - A row with nothing in a report's columns is new.
    /// - A short row whose status is not one of ours is a report's only if it has a number of attempts. Otherwise the
    ///   cells there are the user's own.
    pub(super) fn prior<'r>(&self, row: &'r ByteRecord, width: usize) -> Option<Prior<'r>> {
        let status = |at: usize| row.get(at).and_then(Status::of_cell);
        let read = |start, is_aligned| Some(Prior { columns: *self, start, row, is_aligned });
        let from_start = |is_aligned| read(Start { right: 0, left: 0 }, is_aligned);
        let (right, left) = (row.len().saturating_sub(width), width.saturating_sub(row.len()));
        let shifted = (self.status + right).checked_sub(left).and_then(status);
        let from_end = || read(Start { right, left }, false);
        if row.len() == width {
            return from_start(true);
        }
        if row.len() > width {
            let is_empty = row.iter().skip(width).all(<[u8]>::is_empty);
            return match (shifted, status(self.status)) {
                (Some(_), _) => from_end(),
                (None, Some(_)) => from_start(is_empty),
                (None, None) => from_start(true).filter(|_| is_empty),
            };
        }
        let is_new = |prior: &Prior<'_>| row.len() >= self.first() && prior.is_empty();
        let has_word =
            |prior: &Prior<'_>| prior.said() != Said::Nothing && prior.word(Attempts).parse::<u32>().is_ok();
        match (status(self.status), shifted) {
            (_, Some(Status::Succeeded)) | (None, Some(_)) => from_end(),
            (Some(_), _) => from_start(true),
            (None, None) => from_start(true).filter(|prior| has_word(prior) || is_new(prior)),
        }
    }
}

/// How far a row's fields are from where its header has them.
#[derive(Clone, Copy)]
struct Start {
    right: usize,
    left: usize,
}

/// What an earlier report says about a row.
pub(crate) struct Prior<'r> {
    columns: Columns,
    start: Start,
    row: &'r ByteRecord,
    is_aligned: bool,
}

impl<'r> Prior<'r> {
    /// The cell in this column; empty if there is none.
    pub(crate) fn cell(&self, column: Column) -> &'r [u8] {
        let at = self.columns.at[column as usize].and_then(|at| self.place(at));
        at.and_then(|at| self.row.get(at)).unwrap_or_default()
    }

    fn place(&self, at: usize) -> Option<usize> {
        (at + self.start.right).checked_sub(self.start.left)
    }

    fn is_empty(&self) -> bool {
        Column::ALL.iter().all(|column| self.cell(*column).trim_ascii().is_empty())
    }

    /// Whether the row's own fields are where the header says.
    pub(crate) fn is_aligned(&self) -> bool {
        self.is_aligned
    }

    /// Whether the field at `at` belongs to the report.
    pub(crate) fn contains(&self, at: usize) -> bool {
        self.columns.at.iter().flatten().any(|own| self.place(*own) == Some(at))
    }

    /// `status`.
    pub(crate) fn said(&self) -> Said<'r> {
        Said::of(self.cell(Column::Status))
    }

    /// `status`, if it is one.
    pub(crate) fn status(&self) -> Option<Status> {
        if let Said::Status(status) = self.said() { Some(status) } else { None }
    }

    /// The cell as text, without white space around it; empty if it is not UTF-8.
    pub(super) fn word(&self, column: Column) -> &'r str {
        text(self.cell(column)).trim()
    }

    /// `attempts`. A cell that is not a number counts as 0.
    pub(crate) fn attempts(&self) -> u32 {
        self.word(Attempts).parse().unwrap_or(0)
    }
}
