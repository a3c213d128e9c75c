//! Parse, run, print the error chain, exit.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use chime_sweep::aws::Environment;
use chime_sweep::cli;
use chime_sweep::exit::ExitStatus;
use chime_sweep::progress::Screen;
use chime_sweep::run;

fn main() -> ExitCode {
    let argv: Vec<_> = std::env::args_os().collect();
    let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let cli = match cli::parse(&argv, interactive) {
        Ok(cli) => cli,
        Err(help_or_error) => {
            let _ = help_or_error.print(); // nothing is left to be done if nobody reads it
            return if help_or_error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Success }.into();
        }
    };
    let screen = Screen::stderr(cli.quiet);
    log_to(&screen, cli.verbose);
    for name in cli::unknown_variables() {
        tracing::warn!("`{name}` is set, and is no option: `chime-sweep help environment`");
    }
    match run::execute(cli.command, &Environment::of_process(), &screen) {
        Ok(status) => status.into(),
        Err(error) => {
            report(&error);
            let refused = error.is::<chime_sweep::consent::Refused>();
            if refused { ExitStatus::Usage.into() } else { ExitStatus::Error.into() }
        }
    }
}

/// The error, its causes, and what is safe. Nothing is left to be done if standard error is gone.
fn report(error: &anyhow::Error) {
    let noted = error.downcast_ref::<run::Noted>();
    let causes = noted.map_or(error, run::Noted::error).chain().skip(1);
    let lines = [format!("error: {error}")]
        .into_iter()
        .chain(causes.map(|cause| format!("  because: {cause}")))
        .chain(noted.map(|noted| noted.note.clone()));
    let _ = writeln!(std::io::stderr(), "{}", lines.collect::<Vec<_>>().join("\n"));
}

/// Warnings always, more with `-v` and `-vv`, or as `RUST_LOG` says.
fn log_to(screen: &Screen, verbose: u8) {
    let level = ["warn", "chime_sweep=info,warn", "chime_sweep=trace,info"][usize::from(verbose.min(2))];
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let (screen, colours) = (screen.clone(), screen.has_colours());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || screen.clone())
        .with_target(false)
        .with_ansi(colours)
        .init();
}
