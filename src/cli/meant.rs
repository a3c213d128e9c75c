//! What a word that the command line does not have is likely to mean.
//!
//! A suggestion is a command that can be typed as it stands: it has been parsed. Must not read files.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory};

use super::arguments::Cli;
use crate::text::quoted;

/// What is typed (in place of a command, or an option), with which commands (empty: with any), what to type in its place,
/// and what that does: "to …".
type Meaning = (&'static str, &'static str, &'static str, &'static str);

/// In a [`Meaning`]: a file where a command is expected. Its command is typed before it.
const FILE: &str = "FILE";
const REPORT: &str = "REPORT";
const ROOT: &str = "chime-sweep";
const READS: &str = "export plan status summary verify merge simulate";

/// What users bring from other tools, and from the service's own words.
const MEANINGS: [Meaning; 51] = [
    (FILE, ROOT, "plan", "see what would be sent"),
    (FILE, ROOT, "run", "remove its numbers from their connectors"),
    (REPORT, ROOT, "status", "see how far the run is, or how it ended"),
    (REPORT, ROOT, "rerun", "retry the rows that did not succeed"),
    (FILE, "simulate", "run --simulate", "rehearse a run of this file"),
    ("FILE REPORT", "run plan rerun verify undo release status summary", "", "take one file at a time"),
    (
        "delete remove disassociate detach unassign clean sweep start execute",
        "",
        "run",
        "remove numbers from their connectors",
    ),
    ("delete purge", "", "release", "put numbers into the deletion queue, which ends their bill"),
    ("associate attach assign restore revert rollback", "", "undo", "put back what a run removed"),
    ("retry repeat redo", "", "rerun", "retry the rows that did not succeed"),
    ("resume", "", "run --resume", "continue a run that was cut short"),
    ("continue", "", "run --continue", "go on with whatever is there"),
    ("list ls numbers inventory", "", "export", "list the numbers of the account"),
    ("dry-run dryrun preview show", "", "plan", "see what would be sent"),
    ("check validate lint", "", "plan --check", "see what would be sent, and where the numbers are"),
    ("check compare audit", "", "verify", "compare a report with the service"),
    ("rehearse rehearsal test mock", "", "run --simulate", "rehearse a run, which does not call AWS"),
    ("report stats result results", "", "summary", "print the summary of a report"),
    ("progress watch info", "", "status", "see how far a run is"),
    ("join combine concat", "", "merge", "put the reports on parts of an input together"),
    ("version", "", "--version", "print the version"),
    ("iam policy", "", "help permissions", "print the IAM permissions"),
    ("--dry-run --dryrun -n", ROOT, "plan", "see what would be sent"),
    ("--dryrun --whatif --what-if --preview", "run rerun", "--dry-run", "see what would be sent"),
    ("--dry-run --dryrun -n", "undo release", "--simulate", "rehearse it, which does not call AWS"),
    ("--dry-run --dryrun -n", READS, "", "do this, which changes nothing at AWS"),
    ("--yes -y --force -f --assume-yes --no-confirm", READS, "", "do this, which asks nothing"),
    ("--force -f", "export run undo release merge", "--overwrite", "replace an existing report"),
    ("--force -f", "run rerun undo", "--yes", "do it without asking"),
    ("--overwrite", "rerun", "", "update the report in place"),
    (
        "--assume-yes --no-confirm --noconfirm --non-interactive --no-input --no-prompt --auto-approve --confirm",
        "",
        "--yes",
        "do it without asking",
    ),
    (
        "--max --count --number --first --head --rows --max-rows --sample --top",
        "",
        "--limit",
        "send only the first rows",
    ),
    (
        "--threads --workers --jobs --parallel --parallelism --max-concurrency --max-workers -j -c -P",
        "",
        "--concurrency",
        "limit the requests in flight",
    ),
    ("--output-file --outfile --out --report --dest", "", "--output", "say where the report goes"),
    ("--input --input-file --file --csv --in -i", "", " ", "name the file"),
    ("--retries --max-retries --attempts --retry", "", "--max-attempts", "limit the attempts per batch"),
    (
        "--rps --qps --tps --rate-limit --max-rate --requests-per-second",
        "",
        "--rate",
        "limit the requests per second",
    ),
    ("--batch --chunk --chunk-size --size", "", "--batch-size", "limit the numbers per request"),
    ("--timeout", "", "--request-timeout", "limit the time for a response"),
    ("--timeout --deadline --max-time", "", "--max-duration", "limit the time of the run"),
    ("--until", "", "--stop-at", "stop at a time of day"),
    (
        "--restart --fresh --start-over",
        "",
        "--discard",
        "start over without the journal of a run that was cut short",
    ),
    ("--account --account-id", "", "--expect-account", "refuse credentials of another account"),
    (
        "--vc --vc-id --voice-connector --voice-connector-id --connector-id",
        "",
        "--connector",
        "name the connector of all numbers",
    ),
    ("--phone-column --phone-number-column", "", "--number-column", "name the column of the numbers"),
    ("--sep --separator", "", "--delimiter", "name the character between fields"),
    ("--only --include", "", "--only-connector", "send only the rows of a connector"),
    ("--exclude --skip", "", "--skip-connector", "leave out the rows of a connector"),
    ("--debug --trace", "", "-vv", "print everything on standard error"),
    ("--silent -s", "", "--quiet", "print only warnings and errors"),
    ("--no-color --no-colour --nocolor", "", "--color=never", "print without colors"),
];

/// Adds what was meant to an error about the command line.
pub(super) fn suggest(error: &mut clap::Error, argv: &[OsString]) {
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut command = Cli::command(); // without variables, which may contradict what is suggested
    command.build();
    let typed = Typed { command: &command, words: &words };
    let tips =
        match (error.kind(), error.get(ContextKind::InvalidSubcommand), error.get(ContextKind::InvalidArg)) {
            (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word)), _) => {
                let similar = match error.get(ContextKind::SuggestedSubcommand) {
                    Some(ContextValue::Strings(names)) => names.clone(),
                    Some(ContextValue::String(name)) => vec![name.clone()],
                    _ => Vec::new(),
                };
                typed.tips_for_command(word, similar)
            }
            (ErrorKind::UnknownArgument, _, Some(ContextValue::String(word))) => {
                typed.tips_for_argument(word)
            }
            (ErrorKind::MissingRequiredArgument, _, Some(ContextValue::Strings(missing))) => {
                typed.tips_for_missing(missing)
            }
            _ => return,
        };
    if !tips.is_empty() {
        for other in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::Usage] {
            error.remove(other);
        }
        let tips = tips.into_iter().map(Into::into).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

/// What was typed, and the definition that it does not fit.
struct Typed<'a> {
    command: &'a Command,
    words: &'a [String],
}

impl Typed<'_> {
    fn tips_for_command(&self, word: &str, mut similar: Vec<String>) -> Vec<String> {
        let Some(at) = self.words.iter().skip(1).position(|own| own == word).map(|at| at + 1) else {
            return Vec::new();
        };
        let tips = self.tips(word, ROOT, at);
        if !tips.is_empty() {
            return tips;
        }
        let letters = sorted(word);
        let swapped = self.visible().map(Command::get_name).filter(|name| sorted(name) == letters);
        similar.extend(swapped.map(str::to_owned));
        similar.dedup();
        let exists = |name: &String| {
            let words = self.with(at, name);
            let shown = if self.parses(&words) { line(&words) } else { self.usage(name) };
            format!("a similar command exists: `{shown}`")
        };
        similar.iter().map(exists).collect()
    }

    fn tips_for_argument(&self, word: &str) -> Vec<String> {
        let is_it = |own: &String| own == word || own.split_once('=').is_some_and(|(name, _)| name == word);
        let Some(at) = self.words.iter().skip(1).position(is_it).map(|at| at + 1) else { return Vec::new() };
        let named = self.words.iter().position(|own| self.visible().any(|command| command.get_name() == own));
        let command = named.filter(|named| *named < at).map_or(ROOT, |named| &*self.words[named]);
        if let Some(named) = named.filter(|named| *named > at) {
            let moved = [&self.words[..1], &self.words[named..], &self.words[1..named]].concat();
            if self.parses(&moved) {
                return vec![format!("options follow the command: `{}`", line(&moved))];
            }
        }
        let tips = self.tips(word, command, if command == "simulate" { named.unwrap_or(1) } else { at });
        if !tips.is_empty() || named.is_some_and(|named| named > at) {
            return tips;
        }
        let has =
            |command: &&Command| command.get_arguments().any(|own| !own.is_hide_set() && is_named(own, word));
        let owners: Vec<_> =
            self.visible().filter(has).map(|owner| format!("'{}'", owner.get_name())).collect();
        match (&*owners, command) {
            ([], _) => Vec::new(),
            (_, ROOT) => self.tips(FILE, ROOT, 1),
            ([only], _) => vec![format!("'{word}' is an option of {only}")],
            ([all @ .., last], _) => vec![format!("'{word}' is an option of {} and {last}", all.join(", "))],
        }
    }

    fn tips_for_missing(&self, missing: &[String]) -> Vec<String> {
        let examples = missing.iter().map(|name| example(name.trim_matches(['<', '>', '.'])));
        let Some(examples) = examples.collect::<Option<Vec<_>>>() else { return Vec::new() };
        let all = [self.words, &examples].concat();
        let shown = self.parses(&all).then(|| format!("for example, `{}`", line(&all)));
        let list = "to list the numbers of the account in a file, use `chime-sweep export -o numbers.csv`";
        let is_input = missing.iter().any(|name| name == "<INPUT>");
        shown.into_iter().chain(is_input.then(|| list.to_owned())).collect()
    }

    /// What the word may mean with this command: it is replaced, or a file's command is typed at this place.
    fn tips(&self, word: &str, command: &str, at: usize) -> Vec<String> {
        let kind = match word {
            word if !is_file(word) => word,
            word if word.contains(".report.") || word.contains(".simulated.") => REPORT,
            _ => FILE,
        };
        let fits = |meaning: &&Meaning| {
            meaning.0.split(' ').any(|own| own == kind)
                && (meaning.1.is_empty() || meaning.1.split(' ').any(|own| own == command))
        };
        let meanings: Vec<_> = MEANINGS.iter().filter(fits).collect();
        let of = |(_, _, instead, to): &Meaning| {
            let (mut words, is_placed) = (self.with(at, instead), [FILE, REPORT].contains(&kind));
            if is_placed && command == ROOT {
                words = [&self.words[..1], &[(*instead).to_owned()], &self.words[1..]].concat();
            }
            let parses = self.parses(&words);
            let knows = |name: &str| {
                let own = self.command.find_subcommand(command);
                own.is_some_and(|own| {
                    own.get_arguments().any(|arg| is_named(arg, name.split('=').next().unwrap_or_default()))
                })
            };
            let shown = match instead.chars().next() {
                _ if parses => line(&words),
                Some('-') if command == ROOT => format!("{ROOT} {instead}"),
                Some('-') if knows(instead) => (*instead).to_owned(),
                Some('a'..='z') => self.usage(instead),
                _ => return None,
            };
            Some((parses, format!("to {to}, use `{shown}`")))
        };
        let tips: Vec<_> = meanings.into_iter().filter_map(of).collect();
        let some_parse = tips.iter().any(|(parses, _)| *parses);
        tips.into_iter().filter(|(parses, _)| *parses || !some_parse).map(|(_, tip)| tip).collect()
    }

    /// What was typed with these words in place of one; what it had after a `=` stays there.
    fn with(&self, at: usize, instead: &str) -> Vec<String> {
        let (before, rest) = self.words.split_at(at);
        let mut new: Vec<String> = instead.split_whitespace().map(str::to_owned).collect();
        if let Some((_, value)) = rest[0].split_once('=') {
            match new.last_mut() {
                Some(last) => last.extend(["=", value]),
                None => new.push(value.to_owned()),
            }
        }
        [before, &new, &rest[1..]].concat()
    }

    /// A command with examples of what it needs.
    fn usage(&self, words: &str) -> String {
        let name = words.split(' ').next().unwrap_or_default();
        let needed = self.command.find_subcommand(name).into_iter().flat_map(Command::get_positionals);
        let needed = needed
            .filter(|arg| arg.is_required_set())
            .filter_map(|arg| example(arg.get_value_names()?.first()?));
        [ROOT.to_owned(), words.to_owned()].into_iter().chain(needed).collect::<Vec<_>>().join(" ")
    }

    fn parses(&self, words: &[String]) -> bool {
        let parsed = self.command.clone().try_get_matches_from(words);
        parsed.map_or_else(|error| error.exit_code() == 0, |_| true)
    }

    fn visible(&self) -> impl Iterator<Item = &Command> {
        self.command
            .get_subcommands()
            .filter(|command| !command.is_hide_set() && command.get_name() != "help")
    }
}

/// A command line for a shell. The program's path is left out.
fn line(words: &[String]) -> String {
    let words = words.iter().skip(1).map(|word| quoted(word));
    [ROOT.to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

fn example(value: &str) -> Option<String> {
    let example = match value {
        "INPUT" => "numbers.csv",
        "REPORT" => "numbers.report.csv",
        "SHELL" => "bash",
        _ => return None,
    };
    Some(example.to_owned())
}

fn is_named(arg: &Arg, word: &str) -> bool {
    match word.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| word == format!("-{short}")),
    }
}

/// Whether a word is a file's name rather than a command's.
fn is_file(word: &str) -> bool {
    word == FILE || word == "-" || !word.starts_with('-') && word.contains(['.', '/'])
}

fn sorted(word: &str) -> Vec<char> {
    let mut letters: Vec<_> = word.chars().collect();
    letters.sort_unstable();
    letters
}
