//! For any file, service and end, each row is in the report once, in order, with a true status.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::input::{InputOptions, Standing};

/// A line of a handmade file: most numbers have the connector of their remainder, and all if `are_right`.
fn row(are_right: bool) -> impl Strategy<Value = Vec<u8>> {
    let number = move || {
        (prop::option::weighted(0.2, 0u32..4), 0u32..100)
            .prop_map(move |(vc, row)| (vc.filter(|_| !are_right).unwrap_or(row % 4), row))
    };
    prop_oneof![
        12 => number().prop_map(|(vc, row)| format!("vc{vc},+1206555{row:04}").into_bytes()),
        1 => number().prop_map(|(vc, row)| format!("\" vc{vc} \",1206555{row:04},more").into_bytes()),
        1 => Just(b"vc1,twelve".to_vec()),
        1 => Just(b"vc1".to_vec()),
        1 => Just([if are_right { "vc1" } else { "" }, ",+12065550001"].concat().into_bytes()),
        1 => Just(b"vc\xff,+12065550001".to_vec()),
        1 => Just(b"\"a,b\",\"+1206\n555\"".to_vec()),
    ]
}

fn effect() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "does = \"drop\"\napplied = true",
        "does = \"drop\"",
        "does = \"stall\"\napplied = true",
        "does = \"cut\"",
        "does = \"truncated\"",
        "does = \"missing-key\"",
        "does = \"garbage\"\napplied = true",
        "does.error = { status = 503 }",
        "does.error = { status = 500 }\napplied = true",
        "does.error = { status = 409 }",
        "does.error = { status = 400 }",
        "does.error = { status = 403 }",
        "does.error = { status = 418 }",
        "does.html = { status = 504 }\napplied = true",
        "does.redirect = { location = \"http://127.0.0.1:1/\" }",
    ])
}

/// What a job does, whether it looks where the numbers are, and where they are.
#[derive(Debug, Clone)]
struct World {
    action: Action,
    looks: bool,
    /// By a number's last digit, an index of [`PLACES`], or none: where it should be.
    odd: [Option<usize>; 10],
}

const PLACES: [&str; 5] =
    ["unassigned", "in_deletion_queue", "on_another:vc9", "in_group:g", "not_in_account"];

impl World {
    /// Where a number is, as a report says it.
    fn place(&self, digits: u32) -> &'static str {
        let right = match self.action {
            Action::Disassociate => "on_connector",
            Action::Associate | Action::Delete => "unassigned",
            Action::Restore => "in_deletion_queue",
        };
        self.odd[digits as usize % 10].map_or(right, |odd| PLACES[odd])
    }

    /// The same, of a row of this connector.
    fn before(&self, connector: &str, number: &str) -> String {
        let digits = number.trim_start_matches('+').trim_start_matches("1206555").parse().unwrap_or(0);
        match self.place(digits) {
            "on_connector" if connector != format!("vc{}", digits % 4) => {
                format!("on_another:vc{}", digits % 4)
            }
            place => place.to_owned(),
        }
    }

    /// Numbers 0 to 99, each of the connector of its remainder; without a look, an open world is one more.
    fn tables(&self) -> String {
        if self.action == Action::Disassociate && !self.looks {
            return String::new();
        }
        let at = |place: &str, connector: Option<u32>| {
            let there =
                (0..100).filter(|n| self.place(*n) == place && connector.is_none_or(|vc| n % 4 == vc));
            there.map(|n| format!("\"+1206555{n:04}\",")).collect::<Vec<_>>().concat()
        };
        let mut tables = format!(
            "[[connector]]\nid = \"vc9\"\nnumbers = [{}]\n[[group]]\nid = \"g\"\nnumbers = [{}]\n\
             [[unassigned]]\nnumbers = [{}]\n[[deleted]]\nnumbers = [{}]\n",
            at("on_another:vc9", None),
            at("in_group:g", None),
            at("unassigned", None),
            at("in_deletion_queue", None),
        );
        for vc in 0..4 {
            let numbers = at("on_connector", Some(vc));
            let _ = writeln!(tables, "[[connector]]\nid = \"vc{vc}\"\nnumbers = [{numbers}]");
        }
        tables
    }
}

fn world() -> impl Strategy<Value = World> {
    let odd = prop::array::uniform10(prop_oneof![3 => Just(None), 1 => (0..PLACES.len()).prop_map(Some)]);
    let action = prop::sample::select(Action::ALL.to_vec());
    (action, any::<bool>(), odd).prop_map(|(action, checks, odd)| {
        let looks = action.looks_first() || checks && action == Action::Disassociate;
        World { action, looks, odd }
    })
}

prop_compose! {
    fn scenario(world: &World)(
        tables in Just(world.tables()),
        seed in any::<u64>(),
        faults in prop::collection::vec((effect(), 1u32..60, prop::bool::ANY), 0..4),
        code in prop::option::of(prop::sample::select(vec!["Forbidden", "Throttled", "Odd"])),
        times in prop::option::of(1u32..3),
        throttle in prop::option::of((5u32..80, 1u32..20)),
        poison in prop::option::of(0u32..100),
        missing in prop::bool::weighted(0.2),
        outage in prop::option::of((0u32..2000, 1u32..30_000)),
    ) -> Scenario {
        let mut lines = vec![format!("seed = {}", seed >> 1)];
        lines.extend(poison.map(|row| format!("poison = [\"+1206555{row:04}\"]")));
        lines.extend(missing.then(|| "missing = [\"vc2\"]".to_owned()));
        lines.extend(throttle.map(|(rate, burst)| format!("[throttle]\nrate = {rate}\nburst = {burst}")));
        lines.extend(faults.iter().map(|(effect, percent, passes)| {
            let attempts = if *passes { "attempts = [1, 2]" } else { "" };
            format!("[[fault]]\n{effect}\np = 0.{percent:02}\n{attempts}")
        }));
        lines.extend(code.map(|code| {
            let times = times.map(|times| format!("times = {times}")).unwrap_or_default();
            format!("[[number_error]]\ncode = \"{code}\"\np = 0.2\n{times}")
        }));
        lines.extend(outage.map(|(from, long)| {
            format!("[[outage]]\nfrom = \"{from}ms\"\nto = \"{}ms\"\ndoes = \"reset\"", from + long)
        }));
        lines.push(tables);
        let text = lines.join("\n");
        Scenario::from_toml(&text, Path::new("any.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

fn end() -> impl Strategy<Value = End> {
    let reasons = vec![StopReason::Interrupted, StopReason::Deadline, StopReason::Aborted];
    prop_oneof![
        3 => (0usize..25, any::<u8>()).prop_map(|(append, part)| End::Dies(Death { append, bytes: Cut::Part(part) })),
        1 => (0u64..3000, prop::sample::select(reasons))
            .prop_map(|(after, reason)| End::Stops(Duration::from_millis(after), reason)),
    ]
}

/// `--rate N` holds in every window of a session.
fn check_rate(session: &Session, rate: usize) {
    let times: Vec<Duration> = session.sent.iter().map(|(at, _)| *at).collect();
    for (at, from) in times.iter().enumerate() {
        let within = times[at..].iter().take_while(|to| **to < *from + Duration::from_secs(1)).count();
        assert!(within <= rate + 1, "{within} requests within a second from {from:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn each_row_is_in_the_report_once_and_its_status_is_true(
        (world, rows, scenario) in world().prop_flat_map(|world| {
            // A number is released or restored once, whatever connector it was on.
            let most = if world.action == Action::Restore { 25 } else { 70 }; // each is a request of its own
            let rows = prop::collection::vec(row(!world.action.needs_connector()), 0..most);
            (Just(world.clone()), rows, scenario(&world))
        }),
        ends in prop::collection::vec(end(), 0..4),
        batch_size in 1u32..12,
        rate in 3usize..40,
    ) {
        let csv = [b"connector,number".to_vec()].into_iter().chain(rows).collect::<Vec<_>>().join(&b'\n');
        let (size, per_second) = (batch_size.to_string(), rate.to_string());
        let mut args = vec!["--batch-size", &size, "--rate", &per_second, "--concurrency", "4"];
        args.extend((world.looks && world.action == Action::Disassociate).then_some("--check"));
        let trial = Trial::new(world.action, &csv, scenario, &args);
        let mut ends = ends.into_iter();
        // A stop writes the report and ends the job; a crash does not. The last session ends by itself.
        loop {
            let session = trial.session(ends.next());
            check_rate(&session, rate);
            let mut sent = session.sent.iter().flat_map(|(_, numbers)| numbers);
            prop_assert!(sent.all(|number| session.outstanding.contains(number)), "sent a settled row");
            if session.finished { break }
        }
        let report = trial.report();
        let mut input = csv::ReaderBuilder::new().flexible(true).from_reader(&*csv);
        let input: Vec<_> = input.byte_records().map(|record| record.expect("a record")).collect();
        prop_assert_eq!(report.len(), input.len());
        for (row, record) in report.iter().zip(&input) {
            for (field, own) in row.iter().zip(record.iter()) {
                prop_assert_eq!(field, &String::from_utf8_lossy(own));
            }
        }
        prop_assert_eq!(trial.lie(), None);
        let mut changed = Truth::of(&trial.ledger(), world.action).done;
        let before = trial.column("before");
        for (at, (row, status)) in report.iter().zip(trial.statuses()).enumerate() {
            let (connector, number) = (row[0].trim(), &row[1]);
            let was_sent = !["duplicate", "invalid"].contains(&&*status);
            if was_sent {
                let key = if world.action.needs_connector() { connector } else { "" };
                let times = changed.remove(&(key.to_owned(), number.trim_start_matches('+').to_owned()));
                prop_assert!(times.is_none_or(|times| times == 1), "done {:?} times: {:?}", times, row);
            }
            let digits = |row: &[String]| row[1].trim_start_matches('+').to_owned();
            let is_of_two = |other: &Vec<String>| digits(other) == digits(row) && other[0].trim() != connector;
            if world.action == Action::Associate && report.iter().any(is_of_two) {
                continue; // one row may put it where the other finds it, after a crash
            }
            let was = if was_sent && world.looks { world.before(connector, number) } else { String::new() };
            prop_assert_eq!(before.get(at).map_or("", |before| before), was, "{:?}", row);
        }
        prop_assert!(changed.is_empty(), "no row says that these were changed: {:?}", changed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Any input, report, journal and scenario is either parsed or refused.
    #[test]
    fn no_bytes_break_a_reader(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..12),
        at in any::<prop::sample::Index>(),
    ) {
        let whole = words.concat();
        let mut damaged = whole.clone().into_bytes();
        if let (Some(byte), false) = (bytes.first(), damaged.is_empty()) {
            let at = at.index(damaged.len());
            damaged[at] = *byte;
        }
        for bytes in [bytes, whole.into_bytes(), damaged] {
            let _ = crate::journal::history::replay(&*bytes, 9);
            let _ = Scenario::from_toml(&String::from_utf8_lossy(&bytes), Path::new("any.toml"));
            let source = Source::from_bytes("any", bytes);
            let _ = Input::is_report(&source);
            let options = InputOptions::default();
            let Ok(input) = Input::read(&source, &options) else { continue };
            let mut out = Vec::new();
            let mut rows = 0;
            report::write(&mut out, &source, &input, &Places::default(), |_| RowResult::NOT_ATTEMPTED, |_| rows += 1)
                .expect("what can be read can be reported");
            let ignored = u32::try_from(input.rows.count(Standing::Ignored)).expect("few");
            prop_assert_eq!(rows + ignored, input.rows.len());
            let again = Input::read(&Source::from_bytes("again", out), &options).expect("a report is an input");
            prop_assert_eq!(again.rows.len(), rows + ignored);
        }
    }
}

const WORDS: [&str; 16] = [
    "connector,number,status,error_code,error_message,attempts,request_id,completed_at\n",
    "connector;number\r\n",
    "vc1,+12065550100,succeeded,,,1,sim-1,2026-11-23T21:00:01Z\n",
    "vc1,+12065550100,unknown,Timeout,\"a, \"\"b\"\"\",4294967295,,\n",
    "vc1,12065550101\n",
    "\"vc1\"x,+1206\n",
    ",,,,,,,,,\n",
    "\"",
    "\u{feff}",
    "{\"header\":{\"format\":\"chime-sweep-journal\",\"version\":3,\"input_xxh3\":\"\",\"rows\":9,\"target\":\"\"}}\n",
    "{\"session\":{\"at\":\"2026-11-23T21:00:00Z\"}}\n",
    "{\"intent\":{\"rows\":[0,1,2,3,8]}}\n",
    "{\"settled\":{\"rows\":[3,1],\"outcome\":\"unknown\",\"code\":\"\",\"message\":\"\",\"attempts\":1,\"at\":\"2026-11-23T21:00:01Z\"}}\n",
    "{\"released\":{\"rows\":[8]}}\n",
    "[[fault]]\ndoes = \"drop\"\np = 0.5\n",
    "[throttle]\nrate = 5\n",
];
