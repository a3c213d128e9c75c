//! How indicatif's frames get onto a terminal that may be resized at any moment. Must not know what is in them.
//!
//! indicatif counts the rows of a frame when it draws it, fills its lines up to the last column, and lets the terminal
//! wrap them: when the terminal shrinks, the frame takes more rows than were counted, and those stay. Here lines are
//! separate, never reach the last column, and are counted again for the present width before they are erased.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::Term;
use indicatif::TermLike;

/// A terminal as indicatif sees it: a column narrower than it is, and patient.
#[derive(Debug)]
pub(super) struct Terminal {
    term: Term,
    /// Whether the terminal wraps anew what stands on it when its width changes.
    reflows: bool,
    frames: Mutex<Frames>,
}

#[derive(Debug, Default)]
struct Frames {
    /// The widths of the lines on the screen.
    shown: Vec<usize>,
    /// The lines of the next frame; after each of them indicatif writes its filling.
    next: Vec<String>,
    is_filling: bool,
}

impl Terminal {
    pub(super) fn stderr(reflows: bool) -> Self {
        Self { term: Term::stderr(), reflows, frames: Mutex::default() }
    }

    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frames {
    /// Takes what indicatif writes: a line, its filling, a line, its filling.
    fn take(&mut self, text: &str) {
        if !self.is_filling {
            self.next.push(text.to_owned());
        }
        self.is_filling = !self.is_filling;
    }

    /// What replaces the frame on the screen by the next one. The cursor stays at the beginning of the last line, where
    /// it is of no consequence how far that is wrapped.
    fn turn(&mut self, columns: usize, rows: usize, reflows: bool) -> String {
        let mut output = String::new();
        if let Some((_last, above)) = self.shown.split_last() {
            let height = |width: &usize| if reflows { width.div_ceil(columns.max(1)).max(1) } else { 1 };
            let up = above.iter().map(height).sum::<usize>().min(rows.saturating_sub(1));
            output.push('\r');
            if up > 0 {
                let _ = write!(output, "\x1b[{up}A");
            }
            output.push_str("\x1b[J");
        }
        let width = columns.saturating_sub(1).max(1);
        let fitting: Vec<String> = std::mem::take(&mut self.next)
            .iter()
            .take(rows.saturating_sub(1).max(1))
            .map(|line| console::truncate_str(line, width, "").into_owned())
            .collect();
        self.shown = fitting.iter().map(|line| console::measure_text_width(line)).collect();
        self.is_filling = false;
        output.push_str(&fitting.join("\r\n"));
        if !fitting.is_empty() {
            output.push('\r');
        }
        output
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.term.size().1.saturating_sub(1).max(1)
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(()) // `turn` knows better how far
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

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.frames().next.push(line.to_owned());
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.frames().take(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let (rows, columns) = self.term.size();
        let output = self.frames().turn(columns.into(), rows.into(), self.reflows);
        let mut stderr = io::stderr();
        stderr.write_all(output.as_bytes()).and_then(|()| stderr.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(frames: &mut Frames, lines: &[&str], columns: usize, reflows: bool) -> String {
        for line in lines {
            frames.take(line);
            frames.take("     ");
        }
        frames.turn(columns, 30, reflows)
    }

    #[test]
    fn a_frame_is_erased_at_the_height_that_it_has_now() {
        let long = "x".repeat(100);
        let table = [
            (120, true, 1),
            (100, true, 1),
            (99, true, 2),
            (40, true, 3),
            (40, false, 1), // such a terminal cuts lines off
            (20, true, 5),
        ];
        for (columns, reflows, up) in table {
            let mut frames = Frames::default();
            assert_eq!(drawn(&mut frames, &[&long, "second"], 120, true), format!("{long}\r\nsecond\r"));
            let next = drawn(&mut frames, &["a", "b"], columns, reflows);
            assert_eq!(next, format!("\r\x1b[{up}A\x1b[Ja\r\nb\r"), "{columns}");
        }
    }

    #[test]
    fn no_line_reaches_the_last_column_and_no_frame_the_first_row() {
        let mut frames = Frames::default();
        assert_eq!(drawn(&mut frames, &["0123456789"], 8, true), "0123456\r");
        let many = ["line"; 60];
        let tall = drawn(&mut frames, &many, 80, true);
        assert_eq!(tall.matches("line").count(), 29);
        assert_eq!(drawn(&mut frames, &[], 80, true), "\r\x1b[28A\x1b[J", "cleared");
        assert_eq!(drawn(&mut frames, &[], 80, true), "", "and not twice");
    }
}
