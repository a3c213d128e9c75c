//! The first bytes of a file that is not CSV → what it is, so that the user knows what to do.
//!
//! Must not decode it.

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file is that is not text in UTF-8 (or in an encoding with the same ASCII part), and what to do about it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum ForeignFormat {
    /// As Windows' tools write it.
    #[error("is saved as UTF-16: save it as CSV in UTF-8")]
    Utf16,
    /// xlsx, ods.
    #[error("is an Excel workbook or another ZIP file: save it as CSV in UTF-8")]
    Zip,
    /// xls.
    #[error("is an old Excel workbook: save it as CSV in UTF-8")]
    Ole,
    /// The name of the compression.
    #[error("is compressed with {0}: decompress it first")]
    Compressed(&'static str),
    /// JSON.
    #[error("is JSON: convert it to CSV, for example with `jq -r` and `@csv`")]
    Json,
    /// What web applications sometimes call an Excel file, or a page that asks to log in.
    #[error("is HTML or XML: open it to see what it is, and save it as CSV in UTF-8")]
    Markup,
    /// PDF.
    #[error("is a PDF document: a CSV file is needed")]
    Pdf,
}

/// What the bytes are, if they are not text in UTF-8 (or in an encoding with the same ASCII part).
pub(super) fn foreign_format(bytes: &[u8]) -> Option<ForeignFormat> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, 0, ..] | [_, 0, _, 0, ..] => Some(ForeignFormat::Utf16),
        [b'P', b'K', 3, 4, ..] => Some(ForeignFormat::Zip),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Some(ForeignFormat::Ole),
        [0x1f, 0x8b, ..] => Some(ForeignFormat::Compressed("gzip")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(ForeignFormat::Compressed("bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(ForeignFormat::Compressed("xz")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(ForeignFormat::Compressed("zstd")),
        [b'7', b'z', 0xbc, 0xaf, ..] => Some(ForeignFormat::Compressed("7-Zip")),
        [b'%', b'P', b'D', b'F', ..] => Some(ForeignFormat::Pdf),
        _ => match text {
            [b'<', b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z', ..] => Some(ForeignFormat::Markup),
            [b'{' | b'[', inner @ ..] if is_json(inner.trim_ascii_start()) => Some(ForeignFormat::Json),
            _ => None,
        },
    }
}

/// Whether JSON goes on with `inner` after its first bracket.
fn is_json(inner: &[u8]) -> bool {
    matches!(inner.first(), None | Some(b'"' | b'{' | b'[' | b'}' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_known_by_its_first_bytes() {
        for (bytes, expected) in [
            (&b"\xff\xfev\0c\0"[..], "UTF-16"),
            (b"\xfe\xff\0v\0c", "UTF-16"),
            (b"v\0c\0_\0", "UTF-16"),
            (b"PK\x03\x04\x14", "Excel workbook or another ZIP file"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"BZh91AY", "bzip2"),
            (b"\xfd7zXZ\0", "xz"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
            (b"%PDF-1.7", "PDF"),
            (b"{\"PhoneNumbers\": []}", "JSON"),
            (b"\xef\xbb\xbf\n[\n  {\n", "JSON"),
            (b"[]", "JSON"),
            (b"{\n    \"PhoneNumbers\"", "JSON"),
            (b"<html><table>", "HTML"),
            (b"\n<!DOCTYPE html>", "HTML"),
            (b"<?xml version=\"1.0\"?>", "XML"),
        ] {
            let shown = foreign_format(bytes).map(|format| format.to_string()).unwrap_or_default();
            assert!(shown.contains(expected), "{}: {shown}", bytes.escape_ascii());
        }
        for text in
            ["", "vc_id,phone", "[id],[phone]", "{id},{phone}", "<,phone", "#TYPE X", "sep=;", "BZhang,phone"]
        {
            assert!(foreign_format(text.as_bytes()).is_none(), "{text}");
        }
    }
}
