//! The last lines on the terminal, which are drawn again and again, below all that is written.
//!
//! Must not know what they say.

use console::{Term, measure_text_width};

/// How often in a row the terminal must have had the same size. tmux tells up to 250 ms late that it has another: a line
/// that is drawn before that is not where it seems to be.
const STEADY: u32 = 3;

/// The lines that are on the terminal now; the cursor is below them.
#[derive(Debug)]
pub(super) struct Region {
    terminal: Term,
    lines: Vec<String>,
    size: (usize, usize),
    steady: u32,
}

impl Region {
    /// No lines.
    pub(super) fn new() -> Self {
        let terminal = Term::buffered_stderr();
        let size = size(&terminal);
        Self { terminal, lines: Vec::new(), size, steady: STEADY }
    }

    /// Draws lines in place of those before, several times a second, unless the terminal is being resized. They get the
    /// height and width that they must fit.
    pub(super) fn draw(&mut self, lines: impl FnOnce(usize, usize) -> Vec<String>) {
        let size = size(&self.terminal);
        self.steady = if size == self.size { self.steady.saturating_add(1) } else { 0 };
        self.size = size;
        if self.steady >= STEADY {
            // One row is for the cursor; a line that fills its row would wrap on some terminals.
            let lines = lines(size.0.saturating_sub(1), size.1.saturating_sub(1).max(1));
            if self.lines != lines {
                self.erase();
                self.lines = lines;
                self.write();
            }
        }
    }

    /// Removes the lines.
    pub(super) fn clear(&mut self) {
        self.erase();
        self.lines.clear();
    }

    /// Writes something else above the lines: whole lines of text.
    pub(super) fn suspend(&mut self, write: impl FnOnce()) {
        self.erase();
        write();
        self.write();
    }

    /// Each line ends on its own, so that a terminal that gets wider does not join them. One that has become narrower since
    /// has wrapped them.
    fn erase(&self) {
        if self.lines.is_empty() {
            return;
        }
        let (height, width) = size(&self.terminal);
        let rows = rows(&self.lines, width).min(height.saturating_sub(1));
        // There is no one to report a failure to. The cursor is behind what the user has typed, if anything. Each row is
        // cleared on its own: tmux keeps what is cleared from the top of the screen to its end.
        let _ = self.terminal.clear_line();
        let _ = self.terminal.clear_last_lines(rows);
        let _ = self.terminal.flush();
    }

    fn write(&self) {
        if !self.lines.is_empty() {
            let _ = self.terminal.write_str(&(self.lines.join("\n") + "\n"));
            let _ = self.terminal.flush();
        }
    }
}

/// The height and width.
fn size(terminal: &Term) -> (usize, usize) {
    let (height, width) = terminal.size();
    (height.into(), usize::from(width).max(1))
}

/// How many rows a terminal of this width shows the lines on.
fn rows(lines: &[String], width: usize) -> usize {
    lines.iter().map(|line| measure_text_width(line).div_ceil(width).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrower_terminal_shows_a_line_on_several_rows() {
        let lines = ["━".repeat(59), "\x1b[36m60\x1b[0m".to_owned(), String::new()];
        for (width, expected) in [(120, 3), (60, 3), (59, 3), (58, 4), (30, 4), (29, 5), (1, 62)] {
            assert_eq!(rows(&lines, width), expected, "{width}");
        }
    }
}
