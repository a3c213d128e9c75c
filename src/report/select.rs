//! A report → the same report with some of its rows only: those of certain statuses.
//!
//! Must not change a row: every byte of it is as it was.

use std::io::{self, BufWriter, Write};

use csv_core::Terminator;

use crate::input::{Header, InputError, InputOptions, Prior, Records, Source, Status};

/// Writes what is above the header of the report `source`, its header, and its rows with one of the statuses `wanted`.
/// Returns how many.
///
/// # Errors
/// If it cannot be read to its end, or `out` cannot be written.
pub(crate) fn select(
    out: impl Write,
    source: &Source,
    options: &InputOptions,
    wanted: &[Status],
) -> io::Result<u64> {
    let layout = Header::read(source, options).and_then(|(header, _)| header.layout(options));
    let layout = layout.map_err(io::Error::other)?;
    let mut records = Records::open(source, layout.dialect).map_err(io::Error::other)?;
    let line_end: &[u8] = match &layout.dialect.line_end {
        Terminator::Any(byte) => std::slice::from_ref(byte),
        _ => b"\r\n",
    };
    let (mut out, mut selected, mut is_header) = (BufWriter::new(out), 0, true);
    out.write_all(records.preamble())?;
    while let Some(record) = records.next().map_err(|error: InputError| io::Error::other(error))? {
        let status = layout.prior(record.fields).as_ref().and_then(Prior::status);
        if is_header || status.is_some_and(|status| wanted.contains(&status)) {
            out.write_all(record.raw)?;
            out.write_all(line_end)?;
            selected += u64::from(!is_header);
        }
        is_header = false;
    }
    out.flush()?;
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIX: &str = "status;error_code;error_message;attempts;request_id;completed_at";

    fn selected(csv: &str, wanted: &[Status]) -> (u64, String) {
        let source = Source::from_bytes("r.csv", csv.into());
        let mut out = Vec::new();
        let count = select(&mut out, &source, &InputOptions::default(), wanted).unwrap();
        (count, String::from_utf8(out).unwrap())
    }

    #[test]
    fn rows_are_selected_by_status_and_copied_byte_for_byte() {
        for line_end in ["\n", "\r\n", "\r"] {
            let head = format!("\u{feff}sep=;\nvc_id;phone;\"my ;note\";{SIX}\n").replace('\n', line_end);
            let rows = [
                "vc;+20; as \"is\" ;succeeded;;;1;sim-1;t\n",
                "vc;+21;\"a;\nb\";Failed;Forbidden;\"no; \"\"never\"\"\";1;;t\n",
                " vc ;+22;;unknown;Timeout;;5;;t;x;y\n",
                "# comment;;;;;;;;\n",
                "vc;+23;;;;;0;;\n",
                "vc;+24;;done;;;0;;\n",
                "vc;x;;invalid;InvalidNumber;;0;;\n",
            ];
            let rows = rows.map(|row| row.replace('\n', line_end));
            let csv = head.clone() + &rows.concat();
            let (failed, unknown) = (&[Status::Failed][..], &[Status::Failed, Status::Unknown][..]);
            assert_eq!(selected(&csv, failed), (1, format!("{head}{}", rows[1])));
            assert_eq!(selected(&csv, unknown), (2, format!("{head}{}{}", rows[1], rows[2])));
            assert_eq!(selected(&csv, &[Status::Duplicate]), (0, head.clone()));
            // The last line may have no end.
            let cut = csv.strip_suffix(line_end).unwrap();
            assert_eq!(selected(cut, &[Status::Invalid]), (1, format!("{head}{}", rows[6])));
        }
    }
}
