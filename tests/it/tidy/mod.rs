//! House rules that no linter knows: the order of the modules, what each may touch, and how long things may be.

mod imports;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Longer files are two files.
const FILE_LINES: usize = 400;

/// Longer READMEs are not read.
const README_LINES: usize = 250;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a directory, by its path from the package's root.
fn files(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below").to_string_lossy().replace('\\', "/");
                found.insert(name, std::fs::read_to_string(&path).expect("text"));
            }
        }
    }
    found
}

/// The code of a file without its comments and tests.
fn code(file: &str) -> String {
    let code = file.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

/// The words of a file's `//!` lines, in lower case.
fn words_of_documentation(text: &str) -> Vec<String> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let words = lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Whether the documentation has "must not" or "does not" in it.
fn says_what_not(text: &str) -> bool {
    let words = words_of_documentation(text);
    words.windows(2).any(|pair| ["must", "does"].contains(&&*pair[0]) && pair[1] == "not")
}

#[test]
fn every_module_says_what_it_must_not_do() {
    for (name, text) in files("src").iter().filter(|(name, _)| !is_test(name)) {
        assert!(text.starts_with("//! "), "{name} has no module documentation");
        let exempt = ["src/lib.rs", "src/main.rs"].contains(&name.as_str());
        assert!(exempt || says_what_not(text), "{name} does not say what it must not do");
    }
    assert!(says_what_not("//! A word. It must\n//! not be split.\n"));
    assert!(!says_what_not("//! Another mustnote, knotted.\n\n// It must not count.\n"));
}

/// What only some files may use: a pattern, and the files or rooms of `src` that may use it.
const ABSENCES: [(&str, &[&str], &str); 7] = [
    ("reqwest::Client", &["aws/client", "aws/transport", "job/service"], "requests are sent in one place"),
    ("TcpListener", &["simulator"], "only the simulator listens"),
    (
        "OpenOptions",
        &["journal", "files", "terminal/log_file"],
        "only the journal, the report and what watches are written",
    ),
    ("File::create", &[], "files are created privately, or replaced"),
    ("stderr()", &["terminal", "main"], "only the terminal and main print"),
    ("stdout()", &["job/outputs"], "results alone go to standard output"),
    ("Timestamp::now", &["job/clock", "simulator"], "time is an argument"),
];

#[test]
fn modules_do_not_use_what_they_must_not() {
    for (name, text) in files("src").iter().filter(|(name, _)| !is_test(name)) {
        for (pattern, allowed, reason) in ABSENCES {
            let uses = code(text).contains(pattern);
            let may = allowed.iter().any(|place| name["src/".len()..].starts_with(place));
            assert!(!uses || may, "{name} uses `{pattern}`: {reason}");
        }
    }
    let rooms = files("src/pool").into_iter().chain(files("src/inventory"));
    for (name, text) in rooms.filter(|(name, _)| !is_test(name)) {
        for stranger in ["crate::journal", "crate::report", "crate::terminal", "crate::aws::client"] {
            assert!(!code(&text).contains(stranger), "{name} knows {stranger}");
        }
    }
}

#[test]
fn one_file_knows_the_unmaintained_backoff() {
    let users: Vec<String> = files("src")
        .into_iter()
        .filter(|(_, text)| text.contains("backoff::"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(users, ["src/pool/retry.rs"]);
}

#[test]
fn files_are_short() {
    for (name, text) in files("src").into_iter().chain(files("tests")) {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES, "{name} has {lines} lines");
    }
}

#[test]
fn the_readme_is_short() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("text");
    assert!(readme.lines().count() <= README_LINES, "what is not needed on the first evening is in docs/");
}

/// The dependencies of a manifest that have no reason: neither beside them nor in the line above.
fn without_reason(manifest: &str) -> Vec<&str> {
    let mut in_dependencies = false;
    let mut above = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies && line.contains('=') && !line.starts_with('#') {
            let has_reason = above.starts_with('#') || line.contains(" # ");
            found.extend(line.split(' ').next().filter(|_| !has_reason));
        }
        above = line;
    }
    found
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("text");
    let none: [&str; 0] = [];
    assert_eq!(without_reason(&manifest), none);
    assert!(Path::new(&root()).join("Cargo.lock").exists(), "a tool is built from what was tested");

    let group =
        "[dependencies]\n# For two.\na = \"1\"\nb = \"1\"\n\nc = \"1\" # because\n[profile.x]\nd = 1\n";
    assert_eq!(without_reason(group), ["b"]);
    let others = "[dev-dependencies]\na = \"1\"\n[build-dependencies]\nb = \"1\"\n[target.'cfg(unix)'.dependencies]\nc = \"1\"\n";
    assert_eq!(without_reason(others), ["a", "b", "c"]);
}
