//! Words of the commands that messages show, as a shell reads them.
//!
//! Must not know what they mean.

use std::fmt::Write;
use std::path::Path;

use crate::text::quoted;

/// Adds an option. A value that looks like an option itself is part of the same word.
pub(super) fn push(command: &mut String, option: &str, value: &str) {
    let joint = if value.trim_start_matches('\'').starts_with('-') { '=' } else { ' ' };
    let _ = write!(command, " {option}{joint}{value}"); // writing to a string cannot fail
}

/// A file's name for a command, where it must not look like an option.
pub(super) fn quoted_path(path: &Path) -> String {
    let shown = path.display().to_string();
    quoted(&if shown.starts_with('-') && shown != "-" { format!("./{shown}") } else { shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_reads_them() {
        for (text, word) in
            [("a/b.csv", "a/b.csv"), ("my file.csv", "'my file.csv'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(text), word);
        }
        for (path, word) in
            [("-d.csv", "./-d.csv"), ("- d.csv", "'./- d.csv'"), ("-", "-"), ("a-b.csv", "a-b.csv")]
        {
            assert_eq!(quoted_path(Path::new(path)), word);
        }
        let mut command = String::new();
        push(&mut command, "--number-column", &quoted("-x"));
        push(&mut command, "--connector-column", &quoted("a b"));
        assert_eq!(command, " --number-column=-x --connector-column 'a b'");
    }
}
