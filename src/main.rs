//! Parses the command line, runs the command, prints its error, and exits.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use chime_sweep::aws::Environment;
use chime_sweep::cli::exit::ExitStatus;
use chime_sweep::cli::{self, ColorWhen, LogFormat};
use chime_sweep::job;
use chime_sweep::terminal::{Format, Screen, ScreenOptions, fitted};
use console::Term;
use tracing::{Level, Metadata};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let argv: Vec<_> = std::env::args_os().collect();
    let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let env = Environment::of_process();
    let cli = match cli::parse(&argv, interactive) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && cli::wants_json(&argv) => {
            let options = ScreenOptions { format: Format::Json, ..ScreenOptions::default() };
            if let Ok(screen) = Screen::open(&options, &env, job::wall_clock) {
                screen.fail(error.to_string().trim_end());
            }
            return ExitStatus::Usage.into();
        }
        Err(help_or_error) => {
            // There is no one to report a failure to.
            if !help_or_error.use_stderr() {
                let _ = help_or_error.print();
                return ExitStatus::Success.into();
            }
            let (text, stderr) = (help_or_error.render(), Term::stderr());
            let text =
                if console::colors_enabled_stderr() { text.ansi().to_string() } else { text.to_string() };
            let _ = write!(std::io::stderr(), "{}", fitted(&text, &stderr));
            return ExitStatus::Usage.into();
        }
    };
    let options = ScreenOptions {
        quiet: cli.quiet,
        format: if cli.log_format == LogFormat::Json { Format::Json } else { Format::Text },
        colors: (cli.color != ColorWhen::Auto).then_some(cli.color == ColorWhen::Always),
        log_file: cli.log_file.as_deref(),
    };
    let screen = match Screen::open(&options, &env, job::wall_clock) {
        Ok(screen) => screen,
        Err(error) => {
            let path = cli.log_file.unwrap_or_default();
            let _ =
                writeln!(std::io::stderr(), "error: cannot open the log file `{}`: {error}", path.display());
            return ExitStatus::Error.into();
        }
    };
    log_to(&screen, &env, cli.verbose);
    for name in cli::unknown_variables() {
        tracing::warn!("`{name}` is set but is not an option; see `chime-sweep help environment`");
    }
    match job::execute(cli.command, &env, &screen) {
        Ok(status) => status.into(),
        Err(error) => {
            screen.fail(&job::explained(&error)); // a failure to write to standard error cannot be reported
            job::exit_status(&error).into()
        }
    }
}

/// Warnings always, more with `-v` and `-vv`, or as `RUST_LOG` says.
fn log_to(screen: &Screen, env: &Environment, verbose: u8) {
    let level = ["warn", "chime_sweep=info,warn", "chime_sweep=trace,info"][usize::from(verbose.min(2))];
    let asked = env.get("RUST_LOG").and_then(|wanted| wanted.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| level.parse().unwrap_or_default());
    let (stderr, file) = (screen.clone(), screen.clone());
    let layer = tracing_subscriber::fmt::layer().with_target(false);
    let on_stderr = layer.with_ansi(screen.has_colors()).with_writer(move || stderr.clone());
    let layer = tracing_subscriber::fmt::layer().with_target(false);
    let in_file = layer.with_ansi(false).with_writer(move || file.log_writer());
    let has_file = screen.log_path().is_some();
    let (on_stderr, in_file) = match screen.format() {
        Format::Text => (on_stderr.boxed(), has_file.then(|| in_file.boxed())),
        Format::Json => (
            on_stderr.json().flatten_event(true).with_ansi(false).boxed(),
            has_file.then(|| in_file.json().flatten_event(true).boxed()),
        ),
    };
    let harmless = filter_fn(is_harmless);
    tracing_subscriber::registry().with(filter).with(harmless).with(on_stderr).with(in_file).init();
}

/// Whatever `RUST_LOG` says: AWS's crates log the files that they read and the replies of STS and SSO, with their keys;
/// and what others log below `info` may be what they send. The errors of this tool say what the user needs.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with("chime_sweep") || !target.starts_with("aws_") && *metadata.level() <= Level::INFO
}
