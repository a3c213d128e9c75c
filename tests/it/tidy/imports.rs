//! No import runs back up: modules are declared in the order of the flow, and each imports only from those before it.
//!
//! Read from the text: `use` trees, and paths in the code, that begin with `crate`, `super` or `self`. A name that a
//! module re-exports belongs to the module that it is from.

use std::collections::BTreeMap;

use super::{code, files, is_test};

/// `crate::a::b` is `[a, b]`.
type Path = Vec<String>;

/// A module: its file, its submodules in order, and the names that it has from elsewhere (none: from another crate).
#[derive(Default)]
struct Module {
    file: String,
    code: String,
    submodules: Vec<String>,
    imported: BTreeMap<String, Option<Path>>,
}

/// An import from a module that comes later, or from one that the importing module is a part of.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Circle {
    /// The module in which the order is not kept; empty for the crate.
    within: Path,
    file: String,
    imports: String,
}

/// A module's path by the name of its file.
fn path_of(file: &str) -> Path {
    let name = file.trim_start_matches("src/").trim_end_matches(".rs");
    let name = name.strip_suffix("/mod").unwrap_or(name);
    name.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The names of `mod name;`, of any visibility.
fn submodules(code: &str) -> Vec<String> {
    let name = |line: &str| {
        let name = line.strip_suffix(';')?.rsplit_once("mod ")?;
        (name.0.is_empty() || name.0.starts_with("pub")).then(|| name.1.to_owned())
    };
    code.lines().filter_map(name).filter(|name| name != "tests").collect()
}

fn take_name<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    *text = rest;
    name
}

/// The paths of a `use` tree such as `a::{b, c::{self, d as e}}`, each with the name that it gets.
fn tree(text: &mut &str) -> Vec<(Path, String)> {
    *text = text.trim_start();
    if let Some(rest) = text.strip_prefix('*') {
        *text = rest;
        return vec![(vec!["*".to_owned()], "*".to_owned())];
    }
    if let Some(rest) = text.strip_prefix('{') {
        *text = rest;
        let mut paths = Vec::new();
        while !text.is_empty() && !text.starts_with('}') {
            paths.extend(tree(text));
            *text = text.trim_start().trim_start_matches(',').trim_start();
        }
        *text = text.strip_prefix('}').unwrap_or(text);
        return paths;
    }
    let name = take_name(text);
    if let Some(rest) = text.strip_prefix("::") {
        *text = rest;
        let with_name = |(path, alias): (Path, String)| {
            let alias = if path == ["self"] { name.to_owned() } else { alias };
            let rest = path.into_iter().filter(|part| part != "self");
            ([name.to_owned()].into_iter().chain(rest).collect(), alias)
        };
        return tree(text).into_iter().map(with_name).collect();
    }
    let mut alias = name;
    if let Some(rest) = text.trim_start().strip_prefix("as ") {
        *text = rest;
        alias = take_name(text);
    }
    vec![(vec![name.to_owned()], alias.to_owned())]
}

/// Every path in the code that begins with one of these names.
fn paths_from(code: &str, roots: &[&str]) -> Vec<Path> {
    let mut paths = Vec::new();
    for root in roots {
        for (at, _) in code.match_indices(&format!("{root}::")) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !(before.is_alphanumeric() || matches!(before, '_' | ':')) {
                paths.extend(tree(&mut &code[at..]).into_iter().map(|(path, _)| path));
            }
        }
    }
    paths
}

/// A path as it is written in `module`, from the crate's root; none for one of another crate.
fn absolute(module: &[String], submodules: &[String], path: &[String]) -> Option<Path> {
    let mut base = module.to_vec();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => (base, rest) = (Vec::new(), &rest[1..]),
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        first if submodules.iter().any(|name| name == first) => {}
        _ => return None,
    }
    Some(base.into_iter().chain(rest.iter().cloned()).collect())
}

/// All modules but tests, by their paths.
fn modules(files: BTreeMap<String, String>) -> BTreeMap<Path, Module> {
    let mut modules = BTreeMap::new();
    for (file, text) in files.into_iter().filter(|(name, _)| !is_test(name) && name != "src/main.rs") {
        let (path, code) = (path_of(&file), code(&text));
        let submodules = submodules(&code);
        let uses = code.split(';').filter_map(|item| {
            let item = item.rsplit_once("\nuse ").or_else(|| item.rsplit_once(" use "))?.1;
            Some(tree(&mut &*item))
        });
        let origin = |(used, name): (Path, String)| (name, absolute(&path, &submodules, &used));
        let imported = uses.flatten().map(origin).collect();
        modules.insert(path, Module { file, code, submodules, imported });
    }
    modules
}

/// Where the order is not kept if `module` imports `path`, if it is not.
fn circle(modules: &BTreeMap<Path, Module>, module: &[String], path: &[String]) -> Option<Path> {
    let depth = (0..=path.len()).rev().find(|depth| modules.contains_key(&path[..*depth]))?;
    let target = &path[..depth];
    if target.starts_with(module) {
        return None;
    }
    if module.starts_with(target) {
        let from_elsewhere = path.get(depth).and_then(|name| modules[target].imported.get(name));
        return match from_elsewhere {
            Some(origin) => origin.as_ref().and_then(|origin| circle(modules, module, origin)),
            None => (!target.is_empty()).then(|| target.to_vec()),
        };
    }
    let common = module.iter().zip(target).take_while(|(own, other)| own == other).count();
    let siblings = &modules[&path[..common]].submodules;
    let place = |name: &String| siblings.iter().position(|other| other == name).expect("it is declared");
    let is_before = place(&target[common]) < place(&module[common]);
    (!is_before).then(|| target[..common].to_vec())
}

fn circles(files: BTreeMap<String, String>) -> Vec<Circle> {
    let modules = modules(files);
    let mut circles = Vec::new();
    for (path, module) in &modules {
        let used = paths_from(&module.code, &["crate", "super", "self"]);
        for used in used.iter().filter_map(|used| absolute(path, &module.submodules, used)) {
            let within = circle(&modules, path, &used);
            let circle =
                within.map(|within| Circle { within, file: module.file.clone(), imports: used.join("::") });
            circles.extend(circle);
        }
    }
    circles.sort_unstable();
    circles.dedup();
    circles
}

#[test]
fn modules_import_only_from_those_before_them() {
    let found = circles(files("src"));
    let between: Vec<_> = found.iter().filter(|circle| circle.within.is_empty()).collect();
    assert!(between.is_empty(), "{between:#?}");
}

#[test]
fn files_of_a_room_import_only_from_those_before_them() {
    let found = circles(files("src"));
    assert!(found.is_empty(), "{found:#?}");
}

/// A crate of these files.
fn planted(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(name, text)| (format!("src/{name}"), (*text).to_owned())).collect();
    circles(files).into_iter().map(|circle| format!("{} {}", circle.file, circle.imports)).collect()
}

#[test]
fn every_form_of_an_import_back_up_is_found() {
    let library = ("lib.rs", "pub mod a;\npub(crate) mod b;\nmod c;\n");
    for (wanted, text) in [
        (None, "use crate::a::X;"),
        (None, "use std::fmt;\nuse crate::{a::{self, X}, b};"),
        (None, "use self::inner::X;"),
        (Some("c::Y"), "use crate::c::Y;"),
        (Some("c::d"), "use crate::{\n    a,\n    c::{\n        d as e,\n    },\n};"),
        (Some("c"), "use super::{a, c};"),
        (Some("c::*"), "use super::c::*;"),
        (Some("c::f"), "fn g() {\n    if a { crate::c::f() }\n}"),
        (Some("c::X"), "fn g() -> super::c::X<T> {}"),
    ] {
        let found =
            planted(&[library, ("a.rs", ""), ("b.rs", text), ("c/mod.rs", "mod d;\n"), ("c/d.rs", "")]);
        let wanted: Vec<_> = wanted.iter().map(|imports| format!("src/b.rs {imports}")).collect();
        assert_eq!(found, wanted, "{text}");
    }
    let room =
        "mod p;\nmod q;\npub use q::Late;\npub use p::Early;\nuse std::time::Duration;\npub struct Own;\n";
    for (wanted, text) in [
        (None, "use super::p::Early;"),
        (None, "use super::Early;"),
        (None, "use super::Duration;"),
        (None, "use crate::a::p::Early;"),
        (Some("a::Own"), "use super::Own;"),
        (Some("a::Own"), "use crate::a::{Early, Own};"),
        (Some("a::*"), "use super::*;"),
    ] {
        let found = planted(&[library, ("a.rs", room), ("a/p.rs", ""), ("a/q.rs", text)]);
        let wanted: Vec<_> = wanted.iter().map(|imports| format!("src/a/q.rs {imports}")).collect();
        assert_eq!(found, wanted, "{text}");
    }
    for text in ["use super::q::Late;", "use super::Late;", "use crate::a::Late;"] {
        let found = planted(&[library, ("a.rs", room), ("a/p.rs", text), ("a/q.rs", "")]);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
    }
}
