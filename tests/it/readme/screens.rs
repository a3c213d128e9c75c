//! The console blocks of the documentation: each command is run, on a terminal of 100 columns, in one directory and
//! against one service a section, and shows what the page says. `UPDATE_SNAPSHOTS=1` rewrites the pages instead;
//! `INSTA_UPDATE=always` also the snapshots.
//!
//! A page must not show what another machine would not: what differs from run to run is in [`CHANCE`].

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use regex::Regex;

use chime_sweep::simulator::Scenario;

use super::page::{Page, Shown, root, shown};
use crate::harness::{BINARY, Job, Service, Terminal, Typed, all_at_once};

/// What differs from run to run, and what stands in its place when screens are compared.
const CHANCE: [(&str, &str); 8] = [
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z?|(\d{4}-\d\d-\d\d )?\b\d\d:\d\d\b", "<time>"),
    (r"\b\d+(\.\d+)? (ms|s|min|h)\b( \d+ min\b)?", "<duration>"),
    (r"\bsim-\d+", "<request>"),
    (r"\bprocess \d+", "<process>"),
    // How far a run gets until it is killed.
    (r"^(settled +)[\d,]+( of .*: )[\d,]+", "${1}#$2#"),
    (r"^(in doubt +)[\d,]+", "${1}#"),
    // How many requests it takes when some are throttled, and in how long.
    (NUMBER, "#"),
];

/// Masked in lines about throttling, and in progress.
const NUMBER: &str = r"\d[\d.,]*";

/// Where pages pretend to be.
const FOLDER: &str = "/srv/numbers";

/// The progress bar, which is gone when the command has ended, is drawn with this.
const BAR: char = '━';

/// A section's directory and service.
struct Session {
    job: Job,
    service: Service,
    terminal: Terminal,
}

impl Session {
    fn start(terminal: Terminal) -> Self {
        let path = root().join("fixtures/scenarios/evening.toml");
        let text = fs::read_to_string(&path).expect("a scenario");
        let service = Service::of(Scenario::from_toml(&text, &path).expect("a scenario"));
        let programs = Path::new(BINARY).parent().expect("a folder").display().to_string();
        let job = Job::new("")
            .with_keys()
            .env("AWS_ENDPOINT_URL", &service.url())
            .env("CHIME_SWEEP_NO_STS", "")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .env("CHIME_SWEEP_RECHECK_AFTER", "1ms")
            .env("PATH", &format!("{programs}:/usr/local/bin:/usr/bin:/bin"));
        fs::remove_file(job.path("numbers.csv")).expect("removed");
        for folder in ["input", "scenarios"] {
            for entry in fs::read_dir(root().join("fixtures").join(folder)).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_file() {
                    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                    job.write(&format!("fixtures/{folder}/{name}"), fs::read(path).expect("a file"));
                }
            }
        }
        Self { job, service, terminal }
    }

    /// The screens that the command has shown: the bar's frames in the order of time, and last the one without a bar.
    fn screens(&self, shown: &Shown) -> Vec<String> {
        if shown.output == "Killed" {
            let before = self.service.requests();
            let line = format!("exec {}", shown.command);
            let running = self.job.spawn(&mut self.job.prepare("sh", &["-c", &line]));
            self.service.wait_for_requests(before + 3);
            assert_eq!(running.kill().code, None, "{}: it ended before it was killed", shown.command);
            return vec![shown.output.clone()];
        }
        let line = format!("stty cols 100 rows 60; {}", shown.command);
        let answer = |mark: &str, prompt| {
            let line = shown.output.lines().find(|line| line.contains(mark))?;
            Some((prompt, line.rsplit(' ').next()?.to_owned() + "\n"))
        };
        let answer = answer("[y/N] ", "[y/N]").or_else(|| answer(" to cancel: ", "to cancel:"));
        let typed: Vec<_> = answer.iter().map(|(prompt, keys)| (*prompt, Typed::Keys(keys))).collect();
        let (_, raw) = self.terminal.shell(&self.job, &line, "xterm", &typed);
        let folder = fs::canonicalize(self.job.folder()).expect("a folder").display().to_string();
        let service = self.service.url();
        let display =
            |screen: String| screen.replace(&folder, FOLDER).replace(&service, "http://127.0.0.1:8080");
        screens_of(&raw).into_iter().map(display).collect()
    }
}

/// What a terminal shows of this output, before each change of what it had shown, and at the end. A frame that was
/// replaced later is followed by what came after it.
fn screens_of(raw: &str) -> Vec<String> {
    let mut terminal = vt100::Parser::new(60, 100, 0);
    let mut frames: Vec<Vec<String>> = Vec::new();
    for (n, part) in raw.split("\u{1b}[2K").enumerate() {
        if n > 0 {
            terminal.process(b"\x1b[2K");
        }
        terminal.process(part.as_bytes());
        let rows = terminal.screen().rows(0, 100).map(|row| row.trim_end().to_owned());
        frames.push(rows.collect());
    }
    let trimmed = |rows: &[String]| rows.join("\n").trim_end().to_owned();
    let last = frames.pop().expect("the screen at the end");
    let whole = |frame: Vec<String>| {
        let same = frame.iter().zip(&last).take_while(|(now, then)| now == then).count();
        let frame: Vec<_> =
            frame[..same].iter().chain(frame[same..].iter().filter(|row| !row.is_empty())).cloned().collect();
        trimmed(&[frame, last[same..].to_vec()].concat())
    };
    let frames = frames.into_iter().filter(|frame| frame.iter().any(|row| row.contains(BAR)));
    let mut screens: Vec<_> = frames.map(whole).collect();
    screens.push(trimmed(&last));
    screens
}

/// A screen without what differs from run to run, and without its bar.
fn masked(screen: &str) -> String {
    let plain = screen.lines().map(str::trim_end).filter(|line| !line.contains(BAR) && !line.contains(" · "));
    let plain = plain.collect::<Vec<_>>().join("\n");
    CHANCE.iter().fold(plain, |text, (pattern, instead)| {
        let pattern_of = Regex::new(pattern).expect("a pattern");
        let replaced = |line: &str| match *pattern != NUMBER || line.contains("throttled") {
            true => pattern_of.replace_all(line, *instead).into_owned(),
            false => line.to_owned(),
        };
        text.lines().map(replaced).collect::<Vec<_>>().join("\n")
    })
}

/// The parts of the lines below the bar, without their numbers.
fn progress(screen: &str) -> Vec<String> {
    let lines = screen.lines().skip_while(|line| !line.contains(BAR)).skip(1);
    let lines = lines.take_while(|line| line.contains(" · "));
    let digits = Regex::new(NUMBER).expect("a pattern");
    lines
        .flat_map(|line| line.split(" · "))
        .map(|part| digits.replace_all(part.trim(), "#").into_owned())
        .collect()
}

/// Whether a page shows what was shown. Of a bar, each part must have been shown at some time.
fn is_true(page: &str, screens: &[String]) -> bool {
    let parts: Vec<_> = screens.iter().flat_map(|screen| progress(screen)).collect();
    let same = |screen: &String| masked(page) == masked(screen);
    screens.last().is_some_and(same) && progress(page).iter().all(|part| parts.contains(part))
}

/// What a page should show: with a bar, if it has one now, when the run is nearly done.
fn update(page: &str, screens: &[String]) -> String {
    let parts = |screen: &&String| progress(screen).len();
    let most = screens.iter().map(|screen| parts(&screen)).max().unwrap_or(0);
    let frames: Vec<_> =
        screens.iter().filter(|screen| page.contains(BAR) && parts(screen) == most).collect();
    let frame = frames.get(frames.len() * 3 / 4).copied().or(screens.last());
    frame.cloned().unwrap_or_default()
}

/// Runs a section's commands; returns the section as it should be.
fn as_it_is(section: &Page, terminal: Terminal) -> String {
    let mut text = section.text.clone();
    let blocks = section.blocks("console");
    let session = (!blocks.is_empty()).then(|| Session::start(terminal));
    for (block, session) in blocks.iter().zip(session.iter().cycle()) {
        let real = shown(block).into_iter().map(|shown| {
            let screens = session.screens(&shown);
            let is_true = is_true(&shown.output, &screens);
            let output = if is_true { shown.output } else { update(&shown.output, &screens) };
            let end = if output.is_empty() { "" } else { "\n" };
            format!("$ {}\n{output}{end}", shown.command)
        });
        let real = real.collect::<String>();
        text = text.replacen(block, &real, 1);
    }
    text
}

#[test]
fn every_screen_is_what_the_command_shows() {
    let Some(terminal) = Terminal::find() else { return };
    #[expect(
        clippy::disallowed_methods,
        reason = "insta's variable updates the snapshots too, the other one only pages"
    )]
    let is_set = |name, to: &str| std::env::var(name).is_ok_and(|value| value == to);
    let updates = is_set("INSTA_UPDATE", "always") || is_set("UPDATE_SNAPSHOTS", "1");
    let pages = Page::all();
    let sections: Vec<_> = pages.iter().flat_map(Page::sections).collect();
    let found = Mutex::new(BTreeMap::new());
    all_at_once(&sections, |section| {
        let real = as_it_is(section, terminal);
        if real != section.text {
            found.lock().expect("no panic").insert((section.name.clone(), section.text.clone()), real);
        }
    });
    let found = found.into_inner().expect("no panic");
    let changed = |page: &&Page| updates && found.keys().any(|(name, _)| *name == page.name);
    for page in pages.iter().filter(changed) {
        let now = |text: &str| found.get(&(page.name.clone(), text.to_owned())).cloned();
        let sections = page.sections().into_iter().map(|old| now(&old.text).unwrap_or(old.text));
        fs::write(root().join(&page.name), sections.collect::<Vec<_>>().join("\n## ")).expect("writes");
    }
    let differs = |((name, page), real): (&(String, String), &String)| {
        let same = page.lines().zip(real.lines()).take_while(|(page, real)| masked(page) == masked(real));
        let same = same.count();
        let real: Vec<_> = real.lines().skip(same).take(40).collect();
        format!("{name}, {:?} is now:\n{}", page.lines().nth(same).unwrap_or_default(), real.join("\n"))
    };
    let found: Vec<_> = found.iter().map(differs).collect();
    assert!(found.is_empty() || updates, "UPDATE_SNAPSHOTS=1 updates this:\n{}", found.join("\n\n"));
}

#[test]
fn screens_fit_a_terminal() {
    for page in Page::all() {
        for shown in page.blocks("console").iter().flat_map(|block| shown(block)) {
            let widest = shown.output.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(100), "{}: {shown:?}", page.name);
        }
    }
}

#[test]
fn only_chance_is_masked() {
    for (page, real, same) in [
        ("ended after 3 s", "ended after 1.5 min", true),
        ("ended after 3 s", "stopped after 3 s", false),
        ("2 requests in 1 s, 3 throttled", "9 requests in 1.5 min, 12 throttled", true),
        ("2 requests in 1 s, 3 throttled", "2 requests in 1 s, none throttled", false),
        ("2 rows of 3", "2 rows of 4", false),
        ("settled     1 of 3 rows: 1 failed", "settled     2 of 3 rows: 2 failed", true),
        ("settled     1 of 3 rows: 1 failed", "settled     1 of 4 rows: 1 failed", false),
        ("started 22:00", "started 2026-11-23 23:59", true),
        ("a, request sim-4", "a, request sim-17", true),
    ] {
        assert_eq!(is_true(page, &[real.to_owned()]), same, "{page} / {real}");
    }
    let raw = "a\r\n━━━ 10%\r\n1 of 9 · 2/s\r\u{1b}[2K\u{1b}[1A\u{1b}[2Kb\r\nc";
    let screens = screens_of(raw);
    assert_eq!(screens.first().map(String::as_str), Some("a\n━━━ 10%\n1 of 9 · 2/s\nb\nc"));
    assert_eq!(screens.last().map(String::as_str), Some("a\nb\nc"));
    assert_eq!(update("━", &screens), screens[0]);
    assert_eq!(update("a", &screens), "a\nb\nc");
    for (page, same) in [
        ("a\n━ 5%\n3 of 9 · 1/s\nb\nc", true),
        ("a\nb\nc", true),
        ("a\n━ 5%\n3 of 9 · 1 left\nb\nc", false),
        ("a\n━ 5%\n3 of 9 · 1/s\nb", false),
    ] {
        assert_eq!(is_true(page, &screens), same, "{page}");
    }
}
