//! House rules that no linter knows: the order of the modules, what each may touch, and how long things may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Longer files are two files.
const FILE_LINES: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, by its path from the package's root.
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

/// The top-level module that a file of `src` belongs to.
fn module(name: &str) -> &str {
    let rest = name.strip_prefix("src/").unwrap_or(name);
    rest.split(['/', '.']).next().unwrap_or_default()
}

#[test]
fn modules_import_only_from_those_before_them() {
    let library = std::fs::read_to_string(root().join("src/lib.rs")).expect("text");
    let order: Vec<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(order.len() > 20, "the order is declared in lib.rs: {order:?}");
    let place = |module: &str| order.iter().position(|other| *other == module);
    for (name, text) in files("src").iter().filter(|(name, _)| !is_test(name)) {
        let Some(own) = place(module(name)) else { continue };
        for used in code(text).split("crate::").skip(1) {
            let used = used.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            if let Some(used_place) = place(used) {
                assert!(used_place <= own, "{name} imports `{used}`, which comes after it");
            }
        }
    }
}

#[test]
fn every_module_says_what_it_must_not_do() {
    for (name, text) in files("src").iter().filter(|(name, _)| !is_test(name)) {
        assert!(text.starts_with("//! "), "{name} has no module documentation");
    }
    for (name, text) in files("src").iter().filter(|(name, _)| name.matches('/').count() == 1) {
        let documentation: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let exempt = ["src/lib.rs", "src/main.rs"].contains(&name.as_str());
        assert!(
            exempt || documentation.to_lowercase().contains("not"),
            "{name} does not say what it must not do"
        );
    }
}

/// What only some modules may touch: a pattern, and who may use it.
const ABSENCES: [(&str, &[&str], &str); 7] = [
    ("reqwest::Client", &["client", "transport", "service"], "requests are sent in one place"),
    ("TcpListener", &["simulator"], "only the simulator listens"),
    (
        "OpenOptions",
        &["journal", "report", "progress"],
        "only the journal, the report and what watches are written",
    ),
    ("File::create", &[], "files are created privately, or replaced"),
    ("stderr()", &["progress", "consent", "main"], "only progress and main print"),
    ("stdout()", &["outputs"], "results alone go to standard output"),
    ("Timestamp::now", &["run", "simulator"], "time is an argument"),
];

#[test]
fn what_a_module_must_not_touch_it_does_not() {
    for (name, text) in files("src").iter().filter(|(name, _)| !is_test(name)) {
        for (pattern, allowed, reason) in ABSENCES {
            let uses = code(text).contains(pattern);
            assert!(!uses || allowed.contains(&module(name)), "{name} uses `{pattern}`: {reason}");
        }
    }
    let pool = files("src/pool");
    for (name, text) in pool.iter().filter(|(name, _)| !is_test(name)) {
        for stranger in ["crate::journal", "crate::report", "crate::progress", "crate::client"] {
            assert!(!code(text).contains(stranger), "{name}: the pool knows no {stranger}");
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
fn every_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("text");
    let dependencies =
        manifest.split("[dependencies]\n").nth(1).and_then(|rest| rest.split("\n[").next()).expect("some");
    for group in dependencies.split("\n\n") {
        let mut lines = group.lines();
        assert!(lines.next().is_some_and(|line| line.starts_with('#')), "no reason above:\n{group}");
    }
    assert!(Path::new(&root()).join("Cargo.lock").exists(), "a tool is built from what was tested");
}
