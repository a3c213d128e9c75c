//! A page of the documentation, taken apart. Must not know what is right.

use std::fs;
use std::path::{Path, PathBuf};

/// A page in Markdown.
pub(super) struct Page {
    /// Its path from the package's root.
    pub(super) name: String,
    pub(super) text: String,
}

/// A command that a page shows, and what it shows of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) command: String,
    pub(super) output: String,
}

impl Page {
    pub(super) fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), text }
    }

    /// The README, and everything in docs/.
    pub(super) fn all() -> Vec<Self> {
        let entries = fs::read_dir(root().join("docs")).expect("a folder");
        let pages = entries.map(|entry| entry.expect("an entry").path());
        let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
        let name = |path: PathBuf| format!("docs/{}", path.file_name().expect("a name").to_string_lossy());
        let mut names: Vec<_> = pages.map(name).chain(["README.md".to_owned()]).collect();
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// Its sections, each with the page's name; the first is what is before all headings.
    pub(super) fn sections(&self) -> Vec<Self> {
        let sections = self.text.split("\n## ");
        sections.map(|text| Self { name: self.name.clone(), text: text.to_owned() }).collect()
    }

    /// The fenced blocks: language and text.
    fn fenced(&self) -> impl Iterator<Item = (&str, &str)> {
        let blocks = self.text.split("\n```").skip(1).step_by(2);
        blocks.map(|block| block.split_once('\n').unwrap_or((block, "")))
    }

    /// The texts of the blocks of a language, each with the line break at its end.
    pub(super) fn blocks(&self, language: &str) -> Vec<String> {
        let own = self.fenced().filter(|(name, _)| *name == language);
        own.map(|(_, text)| format!("{text}\n")).collect()
    }

    /// What is not in a block.
    pub(super) fn prose(&self) -> impl Iterator<Item = &str> {
        self.text.split("\n```").step_by(2)
    }

    /// The text between backticks, outside of the blocks.
    pub(super) fn code_spans(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|part| part.split('`').skip(1).step_by(2))
    }

    /// The lines that are typed.
    pub(super) fn lines_to_type(&self) -> Vec<String> {
        let typed = self.blocks("console").into_iter().flat_map(|block| shown(&block)).map(|it| it.command);
        let more = self.blocks("sh").into_iter();
        typed.chain(more.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())).collect()
    }
}

/// The commands of a console block.
pub(super) fn shown(block: &str) -> Vec<Shown> {
    let commands = block.strip_prefix("$ ").expect("it begins with a prompt").split("\n$ ");
    commands
        .map(|shown| {
            // A backslash at its end continues a command.
            let mut ends = shown.match_indices('\n').map(|(at, _)| at);
            let end = ends.find(|end| !shown[..*end].ends_with('\\')).unwrap_or(shown.len());
            let (command, output) = (&shown[..end], shown[end..].trim_start_matches('\n'));
            Shown { command: command.to_owned(), output: output.trim_end().to_owned() }
        })
        .collect()
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn a_block_is_taken_apart() {
    let text =
        "A `b`.\n\n```console\n$ one  # why\n  1\n$ two \\\n  2\n\n3\n```\n\n```sh\nthree\n```\n\nC `d`.\n";
    let page = Page { name: String::new(), text: text.to_owned() };
    let of = |command: &str, output: &str| Shown { command: command.into(), output: output.into() };
    assert_eq!(shown(&page.blocks("console")[0]), [of("one  # why", "  1"), of("two \\\n  2", "3")]);
    assert_eq!(page.code_spans().collect::<Vec<_>>(), ["b", "d"]);
    assert_eq!(page.lines_to_type(), ["one  # why", "two \\\n  2", "three"]);
}
