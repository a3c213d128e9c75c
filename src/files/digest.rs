//! Digests of texts, by which it is known later that nothing has changed.
//!
//! Must not be used against an adversary: XXH3 (128 bits) tells apart what was edited, cut short or replaced. Whoever
//! could forge a digest here could as well write the files it is about, and SHA-256 takes as long as reading them.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use twox_hash::xxhash3_128::Hasher;

/// A digest in the making. What is written to it is part of it.
pub(crate) struct Digest(Hasher);

impl Digest {
    /// Of nothing yet.
    pub(crate) fn new() -> Self {
        Self(Hasher::new())
    }

    /// Of all that `source` has.
    pub(crate) fn of(mut source: impl Read) -> io::Result<Box<str>> {
        let mut digest = Self::new();
        io::copy(&mut source, &mut digest)?;
        Ok(digest.finish())
    }

    /// Adds `bytes`.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// 32 hexadecimal digits, as `xxhsum -H2` prints them.
    pub(crate) fn finish(&self) -> Box<str> {
        format!("{:032x}", self.0.finish_128()).into()
    }
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    bytes.iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests are those of xxHash's own library (`xxhash.xxh3_128(…).hexdigest()` of the Python package).
    #[test]
    fn digests_are_xxhashs_own() {
        let long: Vec<u8> = (0..1000).map(|i: u32| u8::try_from(i % 251).unwrap()).collect();
        for (text, expected) in [
            (&b""[..], "99aa06d3014798d86001c324468d497f"),
            (b"phone,vc_id\n", "6f845543ef1001a671f788113280a72c"),
            (&long, "18bf41bc8229e27733ef703fb2b20ed1"),
        ] {
            assert_eq!(&*Digest::of(text).unwrap(), expected);
            // In pieces too.
            let mut digest = Digest::new();
            text.chunks(7).for_each(|piece| digest.update(piece));
            assert_eq!(&*digest.finish(), expected);
        }
    }
}
