//! The journal as a file: what was written can be read back, wherever the file was cut.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use tempfile::TempDir;

use super::entry::{Entry, Header, Session};
use super::history::{History, HistoryError, Replayed, replay};
use super::look::{Owner, look};
use super::writer::{Journal, JournalError};
use crate::action::Action;
use crate::event::{AttemptOutcome, Event, OfLane, Outcome, Settlement, State, StopReason, channel};
use crate::input::RowId;

fn header() -> Header {
    Header::new("ab".into(), 100, "the simulator".into(), None, Action::Disassociate)
}

fn rows(range: std::ops::Range<u32>) -> Vec<RowId> {
    range.map(RowId::new).collect()
}

fn settled(range: std::ops::Range<u32>, outcome: Outcome) -> Event {
    let (code, message) =
        if outcome == Outcome::Succeeded { ("", "") } else { ("Gone", "it \"is\"\ngone…") };
    Event::Settled(Settlement {
        rows: rows(range),
        outcome,
        code: code.into(),
        message: message.into(),
        attempts: 2,
        request_id: Some("sim-7".into()),
        at: Timestamp::from_second(1_795_000_000).expect("in range"),
    })
}

/// A run: two blocks, outcomes of each kind, a stop.
fn night() -> Vec<Event> {
    vec![
        Event::Intent { rows: rows(0..20) },
        settled(0..10, Outcome::Succeeded),
        Event::Attempt(AttemptOutcome::Throttled),
        settled(10..11, Outcome::Failed),
        Event::Intent { rows: rows(20..40) },
        settled(11..20, Outcome::Unknown),
        settled(25..30, Outcome::Succeeded),
        Event::Stopped { reason: StopReason::Deadline, at: Timestamp::UNIX_EPOCH },
        Event::Released { rows: rows(20..25).into_iter().chain(rows(30..40)).collect() },
    ]
}

/// Records events in a new journal; returns its bytes.
fn recorded(events: &[Event]) -> Vec<u8> {
    let (_folder, path) = place();
    let session = Entry::Session(Session::at(Timestamp::UNIX_EPOCH));
    let mut journal = Journal::create(&path, &[Entry::Header(header()), session]).expect("creates");
    let (mut outbox, inbox) = channel();
    for event in events {
        outbox.emit(event.clone()).expect("the journal listens");
    }
    drop(outbox);
    let mut watched = Vec::new();
    let watch = |group: &[OfLane]| {
        watched.extend(group.iter().map(|(_, event)| event.clone()));
        None
    };
    journal.record(inbox, watch).expect("records");
    assert_eq!(watched, events, "each event is shown once, in order");
    let bytes = std::fs::read(&path).expect("reads");
    let is_recorded = events.iter().any(|event| Entry::of(event).is_some());
    assert!(!is_recorded || journal.synced() == bytes.len() as u64, "what is recorded is synced");
    bytes
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("x.journal");
    (folder, path)
}

fn read(bytes: &[u8]) -> Result<Replayed, HistoryError> {
    replay(bytes, 100)
}

fn history(bytes: &[u8]) -> History {
    read(bytes).expect("reads").history.expect("has a header")
}

#[test]
fn recorded_events_are_read_back() {
    let bytes = recorded(&night());
    let history = history(&bytes);
    let outcome = |row| history.outcome(RowId::new(row)).map(|outcome| outcome.outcome);
    assert_eq!(history.header, header());
    assert_eq!([0, 9, 10, 11, 25].map(outcome).map(Option::unwrap), {
        use Outcome::{Failed, Succeeded, Unknown};
        [Succeeded, Succeeded, Failed, Unknown, Succeeded]
    });
    assert_eq!([24, 30, 40, 99].map(outcome), [None; 4]);
    assert_eq!(history.settled(), 25);
    let stopped = "\n{\"stopped\":{\"reason\":\"deadline\",\"at\":\"1970-01-01T00:00:00Z\"}}\n";
    assert!(String::from_utf8_lossy(&bytes).contains(stopped), "a reader can see why");
    let outcome = history.outcome(RowId::new(10)).expect("settled");
    assert_eq!(
        (&*outcome.code, &*outcome.message, outcome.request_id.as_deref()),
        ("Gone", "it \"is\"\ngone…", Some("sim-7"))
    );
    assert!((0..100).all(|row| !history.is_in_doubt(RowId::new(row))), "released rows were not sent");
}

#[test]
fn a_journal_cut_at_any_byte_reads_as_an_earlier_state() {
    let whole = recorded(&night());
    let mut settled_before = 0;
    for cut in 0..=whole.len() {
        let replayed = read(&whole[..cut]).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let last_line = whole[..cut].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at as u64 + 1);
        assert_eq!(replayed.whole, last_line, "cut at {cut}");
        let settled = replayed.history.as_ref().map_or(0, History::settled);
        assert!(settled >= settled_before, "cut at {cut}: what was settled stays settled");
        settled_before = settled;
        if let Some(history) = replayed.history {
            for row in (0..100).map(RowId::new) {
                assert!(history.outcome(row).is_none() || !history.is_in_doubt(row));
            }
        }
    }
    assert_eq!(settled_before, 25);
}

#[test]
fn garbage_at_the_end_is_a_torn_tail_and_in_the_middle_is_damage() {
    let whole = recorded(&night());
    for garbage in [&b"\0\0\0\0"[..], b"{\"intent\":", b"{}\n", b"\xff\xfe\n\0\n{\n"] {
        let replayed = read(&[&whole, garbage].concat()).expect("reads");
        assert_eq!(replayed.whole, whole.len() as u64, "{garbage:?}");
    }
    let lines: Vec<_> = whole.split_inclusive(|&byte| byte == b'\n').collect();
    for damaged in 1..lines.len() - 1 {
        let mut lines = lines.clone();
        lines[damaged] = b"{\"settled\":{\"rows\":[1,\n";
        match read(&lines.concat()) {
            Err(HistoryError::Damaged { line, .. }) => assert_eq!(line, damaged as u64 + 1),
            other => panic!("line {damaged}: {other:?}"),
        }
    }
}

#[test]
fn a_journal_that_contradicts_itself_is_refused() {
    let (intent, released) = (Event::Intent { rows: rows(0..5) }, Event::Released { rows: rows(0..1) });
    let table = [
        (vec![settled(0..1, Outcome::Failed)], "settles a row that was not intended"),
        (
            vec![intent.clone(), settled(0..2, Outcome::Failed), settled(1..2, Outcome::Succeeded)],
            "settled before",
        ),
        (
            vec![intent.clone(), settled(0..2, Outcome::Failed), Event::Intent { rows: rows(1..2) }],
            "settled before",
        ),
        (vec![Event::Intent { rows: rows(99..101) }], "a row that the input does not have"),
        (vec![Event::Released { rows: rows(0..1) }], "releases a row that was not intended"),
        (vec![intent.clone(), released.clone(), released.clone()], "releases a row that was not intended"),
        (
            vec![intent.clone(), released, settled(0..1, Outcome::Failed)],
            "settles a row that was not intended",
        ),
    ];
    for (events, reason) in table {
        match read(&recorded(&events)) {
            Err(error @ HistoryError::Damaged { .. }) => {
                assert!(error.to_string().contains(reason), "{error}");
            }
            other => panic!("{reason}: {other:?}"),
        }
    }
}

/// A few damaged bytes of a header must not decide how much memory is taken.
#[test]
fn the_rows_of_a_larger_input_are_only_counted() {
    let header = Header::new("ab".into(), u32::MAX, "the simulator".into(), None, Action::Disassociate);
    let mut journal = Vec::new();
    let last = u32::MAX - 2..u32::MAX;
    for entry in [
        Entry::Header(header),
        Entry::Session(Session::at(Timestamp::UNIX_EPOCH)),
        Entry::of(&Event::Intent { rows: rows(last.clone()) }).expect("is recorded"),
        Entry::of(&settled(last.clone(), Outcome::Succeeded)).expect("is recorded"),
        Entry::of(&Event::Released { rows: rows(last.clone()) }).expect("is recorded"),
    ] {
        entry.write_line(&mut journal);
    }
    let history = history(&journal);
    assert_eq!((history.settled(), history.in_doubt()), (2, 0));
    assert!(history.outcome(RowId::new(last.start)).is_none());
}

#[test]
fn other_versions_and_other_files_are_refused() {
    for version in [2, 4] {
        let other = format!("\"version\":{version}");
        let other = String::from_utf8(recorded(&[])).expect("text").replace("\"version\":3", &other);
        assert!(matches!(read(other.as_bytes()), Err(HistoryError::Version(found)) if found == version));
    }
    for foreign in [
        "dear all",
        "voice_connector_id,phone_number\n",
        "{}\n",
        "\n",
        "{\"session\":{\"at\":\"1970-01-01T00:00:00Z\"}}\n",
    ] {
        assert!(matches!(read(foreign.as_bytes()), Err(HistoryError::NotAJournal)), "{foreign}");
    }
}

#[test]
fn rows_that_a_dead_process_intended_are_in_doubt_until_settled() {
    let mut history = History::new(header());
    let first = [Event::Intent { rows: rows(0..4) }, settled(0..1, Outcome::Succeeded)];
    let released = Event::Released { rows: rows(2..3) };
    let second = [Event::Intent { rows: rows(1..4) }, settled(1..2, Outcome::Succeeded), released];
    for events in [&first[..], &second] {
        history.apply(Entry::Session(Session::at(Timestamp::UNIX_EPOCH))).expect("applies");
        for event in events {
            history.apply(Entry::of(event).expect("is recorded")).expect("applies");
        }
    }
    let doubts: Vec<_> = (0..5).filter(|&row| history.is_in_doubt(RowId::new(row))).collect();
    assert_eq!(doubts, [2, 3], "released now, but perhaps sent by the process that died");
}

#[test]
fn a_torn_tail_is_cut_off_and_new_entries_are_appended() {
    let (_folder, path) = place();
    drop(Journal::create(&path, &[Entry::Header(header())]).expect("creates"));
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("opens");
    file.write_all(b"{\"intent\":{\"ro").expect("writes");
    let (mut journal, torn) = Journal::open(&path, 100).expect("opens").expect("is there");
    assert_eq!(torn.whole, std::fs::metadata(&path).expect("is there").len(), "cut, not only overwritten");
    journal.append(&[Entry::Session(Session::at(Timestamp::UNIX_EPOCH))]).expect("appends");
    drop(journal);
    let (_, replayed) = Journal::open(&path, 100).expect("opens").expect("is there");
    assert!(replayed.history.expect("has a header").begun.is_some());
    assert_eq!(replayed.whole, std::fs::metadata(&path).expect("is there").len());
}

#[test]
fn a_journal_is_private_and_has_one_owner() {
    let (_folder, path) = place();
    assert!(Journal::open(&path, 100).expect("nothing is wrong").is_none());
    let journal = Journal::create(&path, &[Entry::Header(header())]).expect("creates");
    assert!(matches!(Journal::open(&path, 100), Err(JournalError::InUse(_))));
    assert!(matches!(Journal::create(&path, &[Entry::Header(header())]), Err(JournalError::InUse(_))));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
    }
    journal.remove().expect("removes");
    assert!(!path.exists());
}

#[test]
fn who_looks_at_a_journal_changes_nothing_and_locks_nobody_out() {
    let (_folder, path) = place();
    assert!(look(&path).expect("nothing is wrong").is_none() && !path.exists());
    let mut bytes = recorded(&night());
    bytes.extend_from_slice(b"{\"settled\":{\"rows\":[3");
    std::fs::write(&path, &bytes).expect("writes");
    let modified = || std::fs::metadata(&path).and_then(|file| file.modified()).expect("a file");
    let before = modified();
    let seen = look(&path).expect("looks").expect("is there");
    assert!(matches!(seen.owner, Owner::Gone), "{:?}", seen.owner);
    assert_eq!((seen.progress.settled(), seen.history.map(|history| history.settled())), (25, Some(25)));
    assert_eq!((std::fs::read(&path).expect("reads"), modified()), (bytes, before), "a torn tail stays");
    let (journal, _) = Journal::open(&path, 100).expect("is not locked").expect("is there");
    let seen = look(&path).expect("looks").expect("is there");
    assert!(matches!(seen.owner, Owner::AtWork), "{:?}", seen.owner);
    assert_eq!(seen.progress.stopped, Some(StopReason::Deadline));
    journal.remove().expect("removes");
    assert!(look(&path).expect("nothing is wrong").is_none());
}

#[test]
fn what_is_written_while_one_looks_is_not_damage() {
    let bytes = recorded(&night());
    let (_folder, path) = place();
    for cut in (0..bytes.len()).step_by(7) {
        std::fs::write(&path, &bytes[..cut]).expect("writes");
        assert!(look(&path).is_ok(), "cut at {cut}");
    }
}

#[test]
fn what_a_watcher_returns_is_noted() {
    let (_folder, path) = place();
    let session = Entry::Session(Session::at(Timestamp::UNIX_EPOCH));
    let mut journal = Journal::create(&path, &[Entry::Header(header()), session]).expect("creates");
    let (mut outbox, inbox) = channel();
    outbox.emit(Event::Intent { rows: rows(0..1) }).expect("emits");
    drop(outbox);
    let note = Entry::State { is: State::Outage, at: Timestamp::UNIX_EPOCH };
    journal.record(inbox, |_| Some(note.clone())).expect("records");
    let seen = look(&path).expect("looks").expect("is there");
    assert_eq!(seen.progress.state, Some((State::Outage, Timestamp::UNIX_EPOCH)));
}

#[test]
fn a_full_disk_ends_recording_and_nothing_is_acknowledged() {
    if !std::path::Path::new("/dev/full").exists() {
        #[expect(clippy::print_stderr, reason = "the person who runs the tests should know")]
        {
            eprintln!("skipped: there is no `/dev/full`");
        }
        return;
    }
    let mut full = std::fs::OpenOptions::new().read(true).write(true).open("/dev/full").expect("opens");
    full.seek(SeekFrom::Start(0)).expect("seeks");
    let mut journal = Journal::on(PathBuf::from("/dev/full"), full);
    let (mut outbox, inbox) = channel();
    outbox.emit(Event::Intent { rows: rows(0..1) }).expect("emits");
    let mut watched = 0;
    let watch = |group: &[OfLane]| {
        watched += group.len();
        None
    };
    let error = journal.record(inbox, watch).expect_err("the disk is full");
    assert!(matches!(error, JournalError::Io { action: "write", .. }), "{error:?}");
    assert_eq!(watched, 0);
    assert!(outbox.emit(Event::Released { rows: rows(0..1) }).is_err(), "the sender notices");
}

/// `/dev/null` accepts writes but cannot be synced, so only a sync fails.
#[cfg(target_os = "linux")]
#[test]
fn events_that_were_not_synced_are_not_acknowledged() {
    let unsynced = || {
        let file = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").expect("opens");
        Journal::on(PathBuf::from("/dev/null"), file)
    };
    let session = [Entry::Session(Session::at(Timestamp::UNIX_EPOCH))];
    assert!(unsynced().note(&session).is_ok(), "the next sync makes it durable");
    assert!(matches!(unsynced().append(&session), Err(JournalError::Io { action: "write", .. })));
    let (mut outbox, inbox) = channel();
    outbox.emit(Event::Intent { rows: rows(0..1) }).expect("emits");
    drop(outbox);
    let mut watched = 0;
    let watch = |group: &[OfLane]| {
        watched += group.len();
        None
    };
    let error = unsynced().record(inbox, watch).expect_err("cannot be synced");
    assert!(matches!(error, JournalError::Io { action: "write", .. }), "{error:?}");
    assert_eq!(watched, 0, "only durable events are shown");
}

/// One connector, or many in turns; in batches down to 20 rows.
#[test]
fn a_journal_is_smaller_than_its_input() {
    let (rows_in_all, connectors, batch, block) = (20_000, 20, 50, 1024 * 50);
    let first = 980_000; // the last rows of a million have the longest names
    let input = "abcdef1ghijk2lmnopq3rs,+12065550100\n".len() * rows_in_all as usize;
    for connectors in [1, connectors, 1000] {
        let ordered: Vec<RowId> = (0..connectors)
            .flat_map(|c| (first + c..first + rows_in_all).step_by(connectors as usize))
            .map(RowId::new)
            .collect();
        let mut journal = Vec::new();
        let mut write = |event: &Event| Entry::of(event).expect("is recorded").write_line(&mut journal);
        ordered.chunks(block).for_each(|rows| write(&Event::Intent { rows: rows.to_vec() }));
        for rows in ordered.chunks(batch.min(rows_in_all as usize / connectors as usize)) {
            write(&Event::Settled(Settlement {
                rows: rows.to_vec(),
                outcome: Outcome::Succeeded,
                code: "".into(),
                message: "".into(),
                attempts: 1,
                request_id: Some("0f6c5a0e-4b52-4c3e-9d2f-1f7f0a0f9d11".into()),
                at: Timestamp::from_second(1_795_000_000).expect("in range"),
            }));
        }
        let share = journal.len() * 100 / input;
        assert!(share < 100, "{connectors} connectors: {share} % of the input");
    }
}
