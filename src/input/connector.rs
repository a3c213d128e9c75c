//! What can be a voice connector's id.
//!
//! Must not ask more than the service's API page does: any id without white space is allowed there. What AWS's own ids
//! look like is only a reason for a warning.

use crate::text::{is_recognized, named};

/// Why a text is not a connector's id. Reads on from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectorError<'a> {
    #[error("is not a voice connector's id")]
    NotAnId,
    /// `#N/A`, `#REF!`.
    #[error("is a spreadsheet's error value, not a voice connector's id")]
    ErrorValue,
    /// `=A1`.
    #[error("is a formula, not a voice connector's id")]
    Formula,
    #[error("is a URL, not a voice connector's id")]
    Url,
    #[error("is an ARN: the voice connector's id in it is `{0}`")]
    Arn(&'a str),
    #[error("contains {}, which a voice connector's id does not", named(*.0))]
    Character(char),
}

/// Checks that `text`, without white space around it, can be an id. `..` would change the request's path, and a line
/// break means that a quote was closed far too late.
pub(super) fn check(text: &str) -> Result<(), ConnectorError<'_>> {
    let starts_with =
        |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    // What begins with `arn:` has a shorter last part, so this comes to an end.
    let id_in_arn = || text.rsplit(['/', ':']).next().filter(|id| check(id).is_ok());
    let is_foreign = |c: char| matches!(c, ' ' | '#' | '"') || !is_recognized(c);
    match text {
        "" | "." | ".." => Err(ConnectorError::NotAnId),
        _ if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Ok(()), // nearly every row
        _ if starts_with("arn:") => Err(id_in_arn().map_or(ConnectorError::NotAnId, ConnectorError::Arn)),
        _ if text.contains("://") => Err(ConnectorError::Url),
        _ if text.starts_with('=') => Err(ConnectorError::Formula),
        _ if is_error_value(text) => Err(ConnectorError::ErrorValue),
        _ => text.chars().find(|c| is_foreign(*c)).map_or(Ok(()), |c| Err(ConnectorError::Character(c))),
    }
}

/// Whether `text` is like `#N/A`, `#REF!` or, in German, `#NV`.
pub(super) fn is_error_value(text: &str) -> bool {
    let is_part = |c: char| c.is_uppercase() || matches!(c, '/' | '!' | '?' | '0');
    text.strip_prefix('#')
        .is_some_and(|rest| rest.starts_with(char::is_uppercase) && rest.chars().all(is_part))
}

/// Whether `id` is like those that AWS gives out: 21 or 22 lower-case letters and digits, or a UUID.
pub(crate) fn is_like_those_of_aws(id: &str) -> bool {
    let is_lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths = || id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    matches!(id.len(), 21 | 22) && id.chars().all(is_lower) || lengths() && id.split('-').all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abcdef1ghij2klmno3pqr4";

    #[test]
    #[rustfmt::skip]
    fn what_is_not_an_id_is_refused_by_name() {
        use ConnectorError::*;
        let arn = format!("arn:aws:chime:us-east-1:123456789012:vc/{ID}");
        let colon = format!("ARN:aws:chime:us-east-1:123456789012:{ID}");
        for (text, expected) in [
            ("", NotAnId), (".", NotAnId), ("..", NotAnId), ("arn:", NotAnId),
            ("#N/A", ErrorValue), ("#REF!", ErrorValue), ("#NAME?", ErrorValue), ("#DIV/0!", ErrorValue),
            ("#VALUE!", ErrorValue), ("#NULL!", ErrorValue), ("#NV", ErrorValue), ("#ÜBERLAUF!", ErrorValue),
            ("=A1", Formula), ("=VLOOKUP(A1;B:C;2)", Formula),
            (&arn, Arn(ID)), (&colon, Arn(ID)),
            ("https://x/abc", Url), ("s3://abc", Url),
            ("#abc", Character('#')), ("abc#1", Character('#')), ("abc def", Character(' ')),
            ("abc\tdef", Character('\t')), ("abc\ndef", Character('\n')), ("abc\u{1b}[31m", Character('\u{1b}')),
            ("abc\u{a0}def", Character('\u{a0}')), ("abc\u{200b}", Character('\u{200b}')),
            ("\u{feff}abc", Character('\u{feff}')), ("abc\u{202a}", Character('\u{202a}')),
            ("abc\u{202e}", Character('\u{202e}')), ("abc\u{ad}def", Character('\u{ad}')),
            ("\"abc\"", Character('"')),
            ("abc\u{2011}def", Character('\u{2011}')), ("abc\u{fffd}", Character('\u{fffd}')),
        ] {
            assert_eq!(check(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn any_other_text_is_the_services_to_judge() {
        for text in
            [ID, "vc", "a/b%2f?é+&=", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "日本", "a:b", "-", "N/A"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_ids_of_aws_are_known() {
        for (id, is_known) in [
            (ID, true),
            ("abcdef1ghij2klmno3pqr", true),
            ("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", true),
            ("ABCDEF1GHIJ2KLMNO3PQR4", false),
            ("abcdef1ghij2klmno3pq", false),
            ("0f1e2d3c-4b5a-6978-8796a5b4-c3d2e1f0", false),
            ("vc", false),
        ] {
            assert_eq!(is_like_those_of_aws(id), is_known, "{id}");
        }
    }
}
