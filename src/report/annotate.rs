//! A report → the same report with what the service was seen to have, and with the `unknown` rows settled by that.
//!
//! Must not change anything else in it: every other byte is as it was.

use std::borrow::Cow;
use std::io::Write;

use jiff::Timestamp;

use super::cell::armed;
use super::seen::Seen;
use super::write::{Cells, ReportError, rewrite};
use crate::input::{Column, Input, RowId, Source};

/// Writes the report `input`, which was read from `source`, with what was `seen` of its rows `at` that time.
///
/// # Errors
/// If the source cannot be read or is no longer the same, or `out` cannot be written. What is in `out` then is not
/// a report.
pub fn annotate(
    out: impl Write,
    source: &Source,
    input: &Input,
    at: Timestamp,
    seen: impl Fn(RowId) -> Option<Seen>,
) -> Result<(), ReportError> {
    let at = format!("{at:.0}");
    rewrite(out, source, input, true, |lines, row, record, prior| {
        let mut cells =
            prior.map_or_else(Cells::default, |prior| Column::ALL.map(|column| prior.cell(column).into()));
        let mut set = |column: Column, cell: Cow<'_, str>| {
            cells[column as usize] = cell.into_owned().into_bytes().into();
        };
        if let Some(Seen { word, settles, .. }) = seen(row) {
            set(Column::Verified, word.into());
            set(Column::VerifiedAt, at.as_str().into());
            if let Some((status, code, message)) = settles {
                set(Column::Status, status.as_str().into());
                set(Column::ErrorCode, code.into());
                set(Column::ErrorMessage, armed(&message));
                set(Column::CompletedAt, at.as_str().into());
            }
        }
        Ok(lines.write(record, prior, &cells)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{InputOptions, Status};

    const TEN: &str =
        "status,error_code,error_message,attempts,request_id,completed_at,action,account_id,region,row_key";

    fn annotated(csv: &str, seen: impl Fn(u32) -> Option<Seen>) -> String {
        let source = Source::from_bytes("r.csv", csv.into());
        let input = Input::read(&source, &InputOptions::default()).unwrap();
        let mut out = Vec::new();
        annotate(&mut out, &source, &input, Timestamp::UNIX_EPOCH, |row| seen(row.get())).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn off() -> Seen {
        Seen { word: "off", differs: false, settles: None }
    }

    #[test]
    fn only_what_was_seen_is_added_and_only_what_was_unknown_is_settled() {
        let csv = format!(
            "\u{feff}vc_id;phone;note;{}\r\n\
             vc;+20; as \"is\" ;succeeded;;;1;sim-1;t;disassociate;;eu-west-2;lgftqwcbhw\r\n\
             vc;+21;\"a;b\";unknown;Timeout;no answer;5;;t;disassociate;;;gnhstrgrnz\r\n\
             ;;;;;;;;;;;;\r\n\
             vc;x;;invalid;InvalidNumber;line 5: bad;0;;;disassociate;;;\r\n",
            TEN.replace(',', ";")
        );
        let settled = Seen {
            word: "off",
            differs: false,
            settles: Some((Status::Succeeded, "", "verified: it worked".into())),
        };
        let seen = |row| match row {
            0 => Some(off()),
            1 => Some(settled.clone()),
            _ => None,
        };
        let at = "1970-01-01T00:00:00Z";
        assert_eq!(
            annotated(&csv, seen),
            format!(
                "\u{feff}vc_id;phone;note;{};before;verified;verified_at\r\n\
                 vc;+20; as \"is\" ;succeeded;;;1;sim-1;t;disassociate;;eu-west-2;lgftqwcbhw;;off;{at}\r\n\
                 vc;+21;\"a;b\";succeeded;;verified: it worked;5;;{at};disassociate;;;gnhstrgrnz;;off;{at}\r\n\
                 ;;;;;;;;;;;;;;;\r\n\
                 vc;x;;invalid;InvalidNumber;line 5: bad;0;;;disassociate;;;;;;\r\n",
                TEN.replace(',', ";")
            )
        );
    }

    #[test]
    fn seen_again_it_says_what_was_seen_last_and_what_was_not_seen_stays() {
        let csv = format!(
            "vc_id,phone,{TEN},before,verified,verified_at\n\
             vc,+20,succeeded,,,1,sim-1,t,disassociate,,,lgftqwcbhw,on_connector,still_on,then\n\
             vc,+21,succeeded,,,1,sim-1,t,disassociate,,,gnhstrgrnz,on_connector,off,then\n"
        );
        let annotated = annotated(&csv, |row| (row == 0).then(off));
        let lines: Vec<_> = annotated.lines().collect();
        assert!(lines[1].ends_with(",lgftqwcbhw,on_connector,off,1970-01-01T00:00:00Z"), "{}", lines[1]);
        assert_eq!(lines[2], csv.lines().nth(2).unwrap());
    }
}
