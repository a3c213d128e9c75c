//! Quotes that close too late. The rows inside the quotes would become part of a cell and silently not be sent.
//!
//! Must not refuse a cell of several lines that is only text, such as an address.

use csv::ByteRecord;

use super::column::{Column, Prior};
use super::dialect::{field_starts, is_line_end};
use super::error::InputError;
use super::header::{Header, Layout};
use super::reader::Record;
use super::row::RAGGED_ROW;
use crate::number::{NumberError, PhoneNumber};

/// The fewest digits that are taken for a phone number, valid or not: notes and addresses have shorter ones.
const DIGITS: usize = 7;

/// Checks that no line within a cell of the header looks like a row. A row in there has made the header as wide as both:
/// wherever its number is, it is found.
pub(crate) fn check_header(header: &Header<'_>, layout: &Layout) -> Result<(), InputError> {
    let Some((raw, line)) = header.lines() else { return Ok(()) };
    check(header.name(), layout, raw, line, |row| row.iter().any(is_number))
}

/// Checks that no line within a cell of `record` looks like a row.
pub(crate) fn check_record(name: &str, layout: &Layout, record: &Record<'_>) -> Result<(), InputError> {
    if !record.spans_lines {
        return Ok(());
    }
    let own = record.fields.get(layout.number).unwrap_or_default().trim_ascii();
    // A number that is a cell of its own is not lost: it is the record's, and its line only begins within another cell.
    // In a record that is too long, two rows have become one.
    let is_kept = |cell: &[u8]| match record.fields.len() > layout.width {
        true => cell == own,
        false => record.fields.iter().any(|field| field.trim_ascii() == cell),
    };
    let is_row = |row: &ByteRecord| {
        let number = row.get(layout.number).filter(|cell| is_number(cell) && !is_kept(cell.trim_ascii()));
        row.len() >= layout.own_width() && number.is_some()
    };
    match layout.prior(record.fields) {
        // What the report added to the row is not the input's. It has no line breaks, and it completes a row that is
        // too short.
        Some(prior) if !has_line_breaks(&prior) => {
            let mut own = [record.raw, &[layout.dialect.delimiter]].concat();
            let starts = field_starts(&mut layout.dialect.splitter(), &own);
            for at in (0..record.fields.len()).rev().filter(|at| prior.contains(*at)) {
                own.drain(starts[at]..starts[at + 1]);
            }
            own.pop();
            let is_padded = prior.word(Column::ErrorCode) == RAGGED_ROW;
            if is_padded { Ok(()) } else { check(name, layout, &own, record.line, is_row) }
        }
        _ => check(name, layout, record.raw, record.line, is_row),
    }
}

fn has_line_breaks(prior: &Prior<'_>) -> bool {
    Column::ALL.iter().any(|column| prior.cell(*column).iter().any(|byte| is_line_end(*byte)))
}

/// Checks the lines of `raw`, which begins on line `first`.
fn check(
    name: &str,
    layout: &Layout,
    raw: &[u8],
    first: u64,
    is_row: impl Fn(&ByteRecord) -> bool,
) -> Result<(), InputError> {
    let text = String::from_utf8_lossy(raw).replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.split('\n').collect();
    let parsed = |line: &str| layout.dialect.reader(line.as_bytes()).into_byte_records().next()?.ok();
    let at = lines.iter().position(|line| {
        // A quote may open on its line and not close there, or close there and not open.
        let as_read = [(*line).to_owned(), line.replace('"', "")];
        as_read.iter().filter_map(|line| parsed(line)).any(|row| is_row(&row))
    });
    let Some(at) = at else { return Ok(()) };
    // The quote is at the start of the last cell that begins above the row, or on the first line.
    let above: String = lines.get(..at).unwrap_or_default().iter().flat_map(|line| [line, "\n"]).collect();
    let starts = field_starts(&mut layout.dialect.splitter(), above.as_bytes());
    let cell = starts.iter().rev().find(|start| **start < above.len()).copied().unwrap_or_default();
    let opens = above.as_bytes().iter().take(cell).filter(|byte| **byte == b'\n').count();
    Err(InputError::SwallowedRow { name: name.into(), line: first + opens as u64, row: first + at as u64 })
}

/// Whether `cell` is something like a phone number.
fn is_number(cell: &[u8]) -> bool {
    let digits = cell.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_text = |text| matches!(PhoneNumber::parse(text), Err(NumberError::Character(_)));
    digits >= DIGITS && str::from_utf8(cell).is_ok_and(|text| !is_text(text))
}

#[cfg(test)]
mod tests {
    use crate::input::{Input, InputOptions, Source};

    fn read(csv: &str) -> Result<u64, String> {
        let options = InputOptions {
            connector: (!csv.contains("vc_id")).then(|| "vc".into()),
            ..InputOptions::default()
        };
        let input = Input::read(&Source::from_bytes("n.csv", csv.as_bytes().to_vec()), &options);
        input.map(|input| input.notes.multiline).map_err(|error| error.to_string())
    }

    #[test]
    fn a_row_within_a_quote_is_found_and_the_quote_named() {
        for (csv, quote, row) in [
            (
                "vc_id,phone,note\na,+12065550102,\"urgent\na,+12065550103,none\na,+12065550104,\"call\"\n",
                2,
                3,
            ),
            ("vc_id,phone,note\na,+12065550102,\"urgent\na,+12065550103,\"none\"\n", 2, 3),
            ("vc_id,phone,note\r\na,+12065550102,\"urgent\r\na,+12065550103,\"none\"\r\n", 2, 3),
            ("vc_id,phone,note\ra,+12065550102,\"urgent\ra,+12065550103,\"none\"\r", 2, 3),
            ("vc_id,phone,note\na,+12065550102,\"urgent\na,(206) 555-0103,\"none\"\n", 2, 3),
            ("vc_id,phone,note\na,+12065550102,\"urgent\na,1.20656E+10,\"none\"\n", 2, 3),
            ("vc_id,phone,note\na,+12065550102,\"urgent\na,\"+12065550103\",none\n", 2, 3),
            ("vc_id,phone,note\na,\"+12065550102\na,+12065550103\",b\n", 2, 3),
            ("vc_id,phone,note\na,\"+12065550102,x\na,\"+12065550103\",y\n", 2, 2),
            (
                "\"vc_id\",\"phone\",\"note\"\n\"a\",\"+12065550102\",\"x\n\"a\",\"+12065550103\",\"y\"\n",
                2,
                3,
            ),
            ("note,vc_id,phone\n\"urgent,a,+12065550102\n\"none\",a,+12065550103\n", 2, 2),
            ("vc_id,phone,\"note\na,+12065550102,x\na,+12065550103,\"y\"\n", 1, 2),
            ("vc_id,phone,\"note\n\"a\",+12065550102,\"x\"\n\"a\",+12065550103,\"y\"\n", 1, 2),
            ("vc_id,phone,\"note,day\n\"a\",(206) 555-0102,x,Mon\na,+12065550103,y,Tue\n", 1, 2),
            ("vc_id,phone,\"note\nold,a,+12065550102\na,+12065550103,\"y\"\n", 1, 2),
            ("vc_id,phone,n,m\na,+12065550100,\"x\ny\",\"z\na,+12065550101,x,\"y\"\n", 3, 4),
            ("phone\n\"+12065550102\n+12065550103\"\n+12065550104\n", 2, 2),
            ("phone,note\n+12065550102,\"x\n+12065550103,y\n+12065550104,\"z\"\n", 2, 3),
            ("vc_id;phone;note\na;+12065550102;\"urgent\na;+12065550103;\"none\"\n", 2, 3),
            ("vc_id,phone,note\na,+12065550102,\"urgent\n\nb,+442079460000,\"none\"\n", 2, 4),
            (
                "vc_id,phone,status,error_code,error_message,attempts,request_id,completed_at\n\
                 a,+12065550102,failed,X,\"no,1,r,\na,+12065550103,failed,X,\"no\",1,r,\n",
                2,
                3,
            ),
            (
                "vc_id,phone,note,status,error_code,error_message,attempts,request_id,completed_at\n\
                 a,+12065550102,\"x,failed,X,no,1,r,\na,+12065550103,\"y\",failed,X,no,1,r,\n",
                2,
                3,
            ),
        ] {
            let error = read(csv).expect_err(csv);
            let named = format!("n.csv:{quote}: a quote opens here and closes below, and line {row} ");
            assert!(error.starts_with(&named), "{csv}: {error}");
        }
    }

    #[test]
    fn text_of_several_lines_is_only_text() {
        for (csv, multiline) in [
            ("vc_id,phone,note\na,+12065550102,\"12 Main St\n10115, Berlin\"\n", 1),
            ("vc_id,phone,note\na,+12065550102,\"called\non 2026-11-28\nand 2026-11-29\"\n", 1),
            ("note,vc_id,phone\n\"two\nlines\",a,+12065550102\n", 1),
            ("phone,vc_id,note\n+12065550102,a,\"office:\n+12065550103\n\"\n", 1),
            ("note,phone,vc_id\n\"two\nlines\",(206) 555-0102,a\n", 1),
            ("vc_id,note,alt,phone\na,\"x\nb, c, d\",+12065550109,+12065550102\n", 1),
            ("vc_id,phone,fax,note\na,+12065550102,+12065550109,\"x\ny\"\nb,+12065550103,,\"x\n\n\ny\"\n", 2),
            ("vc_id,phone,\"a note\nof two lines\"\na,+12065550102,\n", 0),
            ("vc_id,phone,note\na,+12065550102,\"say \"\"a,+12065550103,x\"\"\"\n", 0),
            ("phone,note\n+12065550102,\"her:\n+1 206 555 0103\nhis:\n+1 206 555 0104\"\n", 1),
        ] {
            assert_eq!(read(csv), Ok(multiline), "{csv}");
        }
    }
}
