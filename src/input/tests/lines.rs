use super::super::dialect::Dialect;
use super::super::lines::{Line, Lines};
use super::super::reader::Records;
use super::super::source::Source;

/// Wherever a chunk ends, and whatever ends the lines, no line without quotes goes the long way.
#[test]
fn only_quotes_lone_returns_and_broken_characters_leave_the_quick_way() {
    let plain = |text: &[u8]| {
        let mut lines = Lines::new(text);
        let mut count = 0;
        while let Line::Plain(..) = lines.next().unwrap() {
            count += 1;
        }
        (count, matches!(lines.next().unwrap(), Line::End))
    };
    for line_end in ["\n", "\r\n"] {
        for length in 1..12 {
            for line in ["x".repeat(length) + line_end, "é😀".repeat(length) + line_end] {
                assert_eq!(plain(line.repeat(5).as_bytes()), (5, true), "{line:?}");
                assert_eq!(plain(format!("{line}é").as_bytes()), (2, true), "{line:?}");
                for special in [&b"\"y\""[..], b"y\rz", b"\xe9", b"\xe9\n", b"y\xff\nz", b"y\xf0\x9f\x98"] {
                    let text = [line.as_bytes(), special].concat();
                    assert_eq!(plain(&text), (1, false), "{line:?} {special:?}");
                    let mut lines = Lines::new(&text[..]);
                    while let Line::Plain(..) = lines.next().unwrap() {}
                    let (left, mut more, before) = lines.into_rest();
                    let mut all = left;
                    std::io::Read::read_to_end(&mut more, &mut all).unwrap();
                    assert_eq!((&all[..], before), (special, 1), "{line:?}");
                }
            }
        }
    }
}

/// A broken character is not waited for until the end of a file that may not fit into memory.
#[test]
fn nothing_more_is_read_after_a_broken_character() {
    let text = [b"x\n\xff\n", "y\n".repeat(100).as_bytes()].concat();
    let mut lines = Lines::new(&text[..]);
    assert!(matches!(lines.next().unwrap(), Line::Plain(..)));
    assert!(matches!(lines.next().unwrap(), Line::Special));
    let (read, unread, _) = lines.into_rest();
    assert!(read.len() < 10 && unread.len() > 180, "{} {}", read.len(), unread.len());
}

/// Whatever stands beside a delimiter, and wherever in a word the two are.
#[test]
fn a_field_ends_at_its_delimiter_and_nowhere_else() {
    for delimiter in b",;\t|" {
        for neighbour in (0..0x80).filter(|byte| !b"\n\r\"".contains(byte)) {
            for before in 0..17 {
                let pair = [*delimiter, neighbour, neighbour, *delimiter, neighbour].repeat(2);
                let line = [&b"x".repeat(before)[..], &pair].concat();
                let source = Source::from_bytes("x", line.clone());
                let dialect = Dialect::sniff("x", b"a", Some(*delimiter)).unwrap();
                let mut records = Records::open(&source, dialect, false).unwrap();
                let record = records.next().unwrap().unwrap();
                let expected: Vec<&[u8]> = line.split(|byte| byte == delimiter).collect();
                assert_eq!(record.fields.iter().collect::<Vec<_>>(), expected, "{}", line.escape_ascii());
            }
        }
    }
}
