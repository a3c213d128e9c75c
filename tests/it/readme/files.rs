//! The files that the documentation shows: crontabs, units, inputs, accounts, scenarios. Must not need a cron or a
//! running systemd.

use std::path::Path;
use std::process::Command;

use chime_sweep::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, Scenario};

use super::page::Page;
use crate::harness::{BINARY, Ended, Job, Service, csv, skipped};

/// What cron makes of a line's command: the first `%` without a backslash ends it, and the rest would be its standard
/// input.
fn as_cron_reads_it(command: &str) -> String {
    let mut line = String::new();
    let mut before = ' ';
    for letter in command.chars() {
        match (before, letter) {
            ('\\', '%') => drop(line.pop()),
            (_, '%') => return line,
            _ => {}
        }
        line.push(letter);
        before = letter;
    }
    line
}

/// The fields of a schedule, each with the largest number that it may have.
const FIELDS: [u32; 5] = [59, 23, 31, 12, 7];

/// A machine in the evening: a home in which the profile is, tonight's numbers, and nothing in the environment.
struct Evening {
    service: Service,
    job: Job,
}

impl Evening {
    fn new() -> Self {
        let service = Service::playing("");
        let job = Job::new("");
        let profile = format!(
            "[profile telephony]\nregion = us-east-1\nendpoint_url = {}\naws_access_key_id = {ACCESS_KEY_ID}\n\
             aws_secret_access_key = {SECRET_ACCESS_KEY}\n",
            service.url()
        );
        job.write(".aws/config", profile);
        job.write("tonight.csv", csv(3));
        std::fs::remove_file(job.path("numbers.csv")).expect("removed");
        Self { service, job }
    }

    fn env(self, name: &str, value: &str) -> Self {
        Self { job: self.job.env(name, value), ..self }
    }

    /// Gives a command line to the shell in which a scheduler starts its jobs. The numbers are removed, and a report of
    /// that night is there.
    fn run(self, command: &str) -> Ended {
        let command = command.replace("/srv/numbers", &self.job.folder().display().to_string());
        let ended = self.job.spawn(&mut self.job.prepare("/bin/sh", &["-c", &command])).end();
        ended.exits(0).same("removed", self.service.applied().len(), 3);
        let is_dated = |name: &String| {
            let date = name.strip_prefix("tonight.").and_then(|name| name.strip_suffix(".report.csv"));
            date.is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok())
        };
        let files = self.job.files();
        ended.check(files.iter().filter(|name| is_dated(name)).count() == 1, &format!("{files:?}"));
        ended
    }
}

/// Runs a crontab's only job as cron would.
fn run_crontab(crontab: &str) {
    let mut evening = Evening::new();
    let programs = Path::new(BINARY).parent().expect("a folder").display();
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let mut jobs = Vec::new();
    for line in crontab.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.split_once('=').filter(|(name, _)| is_name(name)) {
            Some(("PATH", value)) => {
                assert!(value.split(':').any(|folder| folder == "/usr/local/bin"), "{line}");
                evening = evening.env("PATH", &format!("{programs}:{value}"));
            }
            Some((name, value)) => evening = evening.env(name, value),
            None => jobs.push(line),
        }
    }
    let [line] = jobs[..] else { panic!("not one job: {jobs:?}") };
    let mut rest = line;
    for largest in FIELDS {
        let (field, after) = rest.split_once(char::is_whitespace).expect("a schedule");
        for number in field.split(['-', ',', '/']).filter(|part| *part != "*") {
            assert!(number.parse().is_ok_and(|number: u32| number <= largest), "{field}: {line}");
        }
        rest = after.trim_start();
    }
    let ended = evening.run(&as_cron_reads_it(rest));
    // Cron sends whatever is printed.
    ended.same("printed", (ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}

/// Runs a unit's command as systemd would.
fn run_unit(unit: &str) {
    let value = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let variables = value("Environment").expect("a profile").split(' ').filter_map(|it| it.split_once('='));
    let command = value("ExecStart").and_then(|it| it.strip_prefix("/bin/sh -c '")?.strip_suffix('\''));
    let command = command.expect("a shell").replace("%%", "%").replace("$$", "$");
    assert!(!command.contains(['\'', '\\']) && command.contains("/usr/local/bin/chime-sweep "), "{command}");
    assert_eq!(value("WorkingDirectory"), Some("/srv/numbers"));
    let evening = variables.fold(Evening::new(), |evening, (name, value)| {
        let value = value.replace("/var/lib", &evening.job.folder().display().to_string());
        evening.env(name, &value)
    });
    evening.run(&command.replace("/usr/local/bin/chime-sweep", BINARY));
}

#[test]
fn crontabs_do_what_they_say() {
    let crontabs: Vec<_> = Page::all().iter().flat_map(|page| page.blocks("cron")).collect();
    assert!(!crontabs.is_empty());
    crontabs.iter().for_each(|crontab| run_crontab(crontab));
    for (line, read) in [("a %b", "a "), (r"a \%b", "a %b"), (r"a \%b % c", "a %b "), (r"a\\ b", r"a\\ b")] {
        assert_eq!(as_cron_reads_it(line), read, "{line}");
    }
}

/// What systemd says of units; `None` without a systemd.
fn verify(units: &[String]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    for unit in units {
        let extension = if unit.contains("[Timer]") { "timer" } else { "service" };
        let path = folder.path().join("chime-sweep").with_extension(extension);
        // It is not installed there.
        std::fs::write(&path, unit.replace("/usr/local/bin/chime-sweep", BINARY)).expect("writes");
        paths.push(path);
    }
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(paths).output();
    let Ok(output) = output else {
        skipped("there is no `systemd-analyze`");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned() + if output.status.success() { "" } else { "failed" })
}

#[test]
fn units_are_what_systemd_understands() {
    for page in Page::all() {
        let units = page.blocks("ini");
        if !units.is_empty() {
            assert!(units.len() == 2 && units[0].contains("[Service]"), "{}: {units:?}", page.name);
            run_unit(&units[0]);
            let Some(said) = verify(&units) else { return };
            assert_eq!(said, "", "{}", page.name);
            let said = verify(&[units[0].replace("Type=", "Tpye=")]).unwrap_or_default();
            assert!(said.contains("Tpye"), "{said}");
        }
    }
}

#[test]
fn inputs_are_planned_without_an_error() {
    let mut inputs = 0;
    for page in Page::all() {
        let accounts = page.blocks("yaml");
        for input in page.blocks("csv") {
            inputs += 1;
            let job = Job::new(&input);
            job.write(".aws/config", "[profile dev]\nregion = us-east-1\n");
            let mut arguments = "plan numbers.csv".to_owned();
            if input.lines().next().is_some_and(|header| header.contains("account")) {
                job.write("accounts.yml", &accounts[0]);
                arguments += " --accounts accounts.yml";
            }
            let plan = job.command(&arguments);
            plan.exits(0).prints("to remove").check(!plan.stdout.contains("invalid"), "a row is invalid");
        }
        assert!(accounts.len() <= 1 && accounts.len() <= page.blocks("csv").len(), "{}", page.name);
    }
    assert!(inputs >= 2, "{inputs}");
}

#[test]
fn scenarios_are_understood() {
    let scenarios: Vec<_> = Page::all().iter().flat_map(|page| page.blocks("toml")).collect();
    assert!(!scenarios.is_empty());
    for scenario in scenarios {
        let read = Scenario::from_toml(&scenario, Path::new("scenario.toml"));
        assert!(read.is_ok(), "{scenario}: {}", read.unwrap_err());
    }
}
