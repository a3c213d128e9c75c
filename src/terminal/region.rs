//! The last lines on the terminal, which are drawn again and again, below all that is written.
//!
//! Must not know what they say.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width};
use indicatif::{ProgressBar, ProgressDrawTarget, TermLike};

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

/// What indicatif draws on: it makes the lines of a bar, and the region places them. On a terminal, indicatif leaves pieces
/// of its lines when the terminal gets another size.
#[derive(Debug, Clone, Default)]
pub(super) struct Canvas(Arc<Mutex<Frame>>);

#[derive(Debug, Default)]
struct Frame {
    height: u16,
    width: u16,
    drawing: Vec<String>,
    drawn: Vec<String>,
}

impl Canvas {
    /// A bar that is drawn on this canvas.
    pub(super) fn bar(&self, length: u64) -> ProgressBar {
        ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::term_like(Box::new(self.clone())))
    }

    /// The lines of `bar`, which are to fit.
    pub(super) fn lines(&self, bar: &ProgressBar, height: usize, width: usize) -> Vec<String> {
        let fits = |size: usize| u16::try_from(size).unwrap_or(u16::MAX);
        *self.frame() = Frame { height: fits(height), width: fits(width), ..Frame::default() };
        bar.tick();
        self.frame().drawn.clone()
    }

    fn frame(&self) -> MutexGuard<'_, Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        self.frame().width
    }

    fn height(&self) -> u16 {
        self.frame().height
    }

    /// A line, or the spaces that fill it.
    fn write_str(&self, text: &str) -> io::Result<()> {
        let is_line = !text.trim().is_empty();
        self.frame().drawing.extend(is_line.then(|| text.to_owned()));
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn flush(&self) -> io::Result<()> {
        let frame = &mut *self.frame();
        frame.drawn = std::mem::take(&mut frame.drawing);
        Ok(())
    }

    // Each frame is drawn anew.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }
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
