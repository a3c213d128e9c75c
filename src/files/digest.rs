//! Digests of texts, to check later that nothing has changed.
//!
//! Must not be used against an adversary: XXH3 (128 bits) detects text that was edited, cut short or replaced. An
//! attacker who could forge a digest here could also write the files themselves, and SHA-256 would double the time it
//! takes to read them.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use twox_hash::xxhash3_128::Hasher;

/// A digest being computed. All bytes written to it become part of it.
pub(crate) struct Digest(Hasher);

impl Digest {
    /// A digest of no bytes yet.
    pub(crate) fn new() -> Self {
        Self(Hasher::new())
    }

    /// The digest of everything in `source`.
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

/// Passes writes through, and digests them.
pub(crate) struct Digesting<W> {
    to: W,
    pub(crate) digest: Digest,
}

impl<W: Write> Digesting<W> {
    /// Nothing has been written yet.
    pub(crate) fn new(to: W) -> Self {
        Self { to, digest: Digest::new() }
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Bytes as lowercase hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    bytes.iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected digests come from xxHash's own library (`xxhash.xxh3_128(…).hexdigest()` of the Python package).
    #[test]
    fn digests_match_those_of_the_xxhash_library() {
        let long: Vec<u8> = (0..1000).map(|i: u32| u8::try_from(i % 251).unwrap()).collect();
        for (text, expected) in [
            (&b""[..], "99aa06d3014798d86001c324468d497f"),
            (b"phone,vc_id\n", "6f845543ef1001a671f788113280a72c"),
            (&long, "18bf41bc8229e27733ef703fb2b20ed1"),
        ] {
            assert_eq!(&*Digest::of(text).unwrap(), expected);
            // The same in pieces.
            let mut digest = Digest::new();
            text.chunks(7).for_each(|piece| digest.update(piece));
            assert_eq!(&*digest.finish(), expected);
        }
    }
}
