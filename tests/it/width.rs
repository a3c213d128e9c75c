//! What is shown on a terminal wraps at words, whatever its width, and leaves nothing behind when that changes.

use std::process::Command;

use super::harness::{Job, Service, Terminal, Typed, csv, skipped, wait_until};

const WIDTHS: [usize; 3] = [100, 60, 30];

/// No line is wider than the terminal, except for a word or a command that alone is.
#[track_caller]
fn fits(shown: &str, width: usize) {
    for line in shown.lines().map(|line| line.trim_end_matches(['\r', ' '])) {
        let text = line.trim_start();
        let is_whole = !text.contains(' ')
            || ["`", "chime-sweep ", "Usage: chime-sweep ", "-"].iter().any(|start| text.starts_with(start));
        // A label and its value stay together.
        let is_labeled = text.split("  ").last().is_some_and(|value| !value.trim().contains(' '));
        assert!(line.chars().count() <= width || is_whole || is_labeled, "{width}: {line}\n{shown}");
    }
}

/// What is shown on a terminal has the words of what is written to a pipe.
#[test]
fn text_wraps_at_words() {
    let Some(terminal) = Terminal::find() else { return };
    let text =
        "voice_connector_id,phone_number\nvc,+12065550100\nother,+12065550100\nvc,oops\nvc,+12065550100\n";
    let job = Job::new(text);
    job.command("run numbers.csv --simulate").exits(3);
    for arguments in [
        "plan numbers.csv --rate 5",
        "summary numbers.simulated.csv",
        "status numbers.simulated.csv",
        "run nowhere.csv",
        "rerun numbers.csv",
        "delete numbers.csv",
        "run numbers.csv --rate fast",
        "run numbers.csv --yes",
    ] {
        let piped = job.command(arguments);
        let piped = [piped.stdout.as_str(), &piped.stderr].concat();
        for width in WIDTHS {
            let (_, shown) = terminal.run_at(width, &job, arguments, &[]);
            fits(&shown, width);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            // How long ago the input was changed is another time.
            let stable = |text: &str| {
                words(text)
                    .into_iter()
                    .filter(|word| !word.chars().all(|c| c.is_ascii_digit()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(stable(&shown), stable(&piped), "{width}: {arguments}");
        }
    }
}

#[test]
fn question_summary_and_help_wrap_too() {
    let Some(terminal) = Terminal::find() else { return };
    for width in WIDTHS {
        let service = Service::playing(
            "[[number_error]]\nnumbers = ['+12065550001']\ncode = 'Forbidden'\nmessage = 'no'\n",
        );
        let job = Job::on(&service, csv(1_200));
        let dialogue = [("cancel:", Typed::Keys("1200\n"))];
        let (code, shown) = terminal.run_at(width, &job, &job.run_arguments("-v"), &dialogue);
        assert_eq!(code, Some(3), "{shown}");
        fits(&shown, width);
        assert!(shown.contains("1  failed"), "{shown}");
        for topic in ["--help", "help run", "help csv", "help exit-codes"] {
            let (_, shown) = terminal.run_at(width, &job, topic, &[]);
            fits(&shown, width);
            let below = format!("\n{:22}place of profile", "");
            assert!(
                (topic, width) != ("help csv", 60) || shown.contains(&below),
                "not below its label\n{shown}"
            );
        }
    }
}

/// Runs tmux on a server of its own.
struct Tmux<'a>(&'a Job);

impl Tmux<'_> {
    fn run(&self, arguments: &[&str]) -> String {
        let socket = self.0.path("tmux");
        let mut command = self.0.prepare("tmux", &["-S", &socket.to_string_lossy(), "-f", "/dev/null"]);
        let output =
            command.args(arguments).env("TERM", "xterm").env("LC_ALL", "C.UTF-8").output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// tmux wraps lines anew when its width changes, as most terminals do. What is above fills the window: rows that tmux moves
/// into its history cannot be removed.
#[test]
fn a_resized_terminal_has_no_remains_of_the_progress() {
    if !Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success()) {
        return skipped("there is no `tmux`");
    }
    let job = Job::new(csv(5_000));
    job.write("slow.toml", "[throttle]\nrate = 1\nburst = 1\n");
    let command = format!(
        "seq 50; {} run numbers.csv --simulate --scenario slow.toml --rate 1; cat",
        super::harness::BINARY
    );
    let tmux = Tmux(&job);
    tmux.run(&["new-session", "-d", "-x", "120", "-y", "40", &command]);
    for width in [120, 60, 30, 60, 120, 30, 120_usize] {
        tmux.run(&["resize-window", "-x", &width.to_string(), "-y", "40"]);
        let mut shown = String::new();
        wait_until("the bar is as wide as the terminal", || {
            shown = tmux.run(&["capture-pane", "-p", "-S", "-"]);
            let lines: Vec<_> = shown.lines().collect();
            let is_bar = |line: &str| line.ends_with('%') && line.chars().count() == width - 1;
            shown.contains("SIMULATED")
                || lines.windows(2).any(|pair| !pair[0].contains('─') && is_bar(pair[1]))
        });
        let parts = |part: &str| shown.lines().filter(|line| line.contains(part)).count();
        assert_eq!(["─", "requests/s", "of 5,000 rows"].map(parts), [1; 3], "{width}:\n{shown}");
        assert_eq!([parts("vc: "), parts("connectors ")], [1; 2], "{width}: what was above is gone\n{shown}");
    }
}
