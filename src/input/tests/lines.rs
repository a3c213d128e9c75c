use super::super::lines::{Line, Lines};

/// Wherever a chunk ends, and whatever ends the lines, no line without quotes goes the long way.
#[test]
fn only_quotes_and_lone_returns_leave_the_quick_way() {
    let plain = |text: &str| {
        let mut lines = Lines::new(text.as_bytes());
        let mut count = 0;
        while let Line::Plain(..) = lines.next().unwrap() {
            count += 1;
        }
        (count, matches!(lines.next().unwrap(), Line::End))
    };
    for line_end in ["\n", "\r\n"] {
        for length in 1..12 {
            let line = "x".repeat(length) + line_end;
            assert_eq!(plain(&line.repeat(5)), (5, true), "{line:?}");
            assert_eq!(plain(&format!("{line}\"y\"")), (1, false), "{line:?}");
            assert_eq!(plain(&format!("{line}y\rz")), (1, false), "{line:?}");
        }
    }
}
