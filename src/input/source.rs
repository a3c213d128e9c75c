//! Where the rows come from: a file, read twice, or bytes that can be read only once and are kept.
//!
//! Must not know what the bytes mean.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::time::Duration;

use super::error::InputError;

/// The bytes of an input. They can be read again and again, each time from the start.
///
/// A regular file stays open, so the second pass reads the same file even if another file has taken its name
/// (a report may replace its own source). Anything else, such as a pipe, is kept in memory.
pub struct Source {
    name: String,
    bytes: Bytes,
}

enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

impl Source {
    /// Opens `path`; `-` is standard input, which is read to its end.
    ///
    /// # Errors
    /// If it cannot be opened or read, or is a directory.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        if path.as_os_str() == "-" {
            return Self::drain("standard input".into(), io::stdin().lock());
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        match opened {
            Err(source) => Err(InputError::Open { name, source }),
            Ok((_, metadata)) if metadata.is_dir() => Err(InputError::Directory { name }),
            Ok((file, metadata)) if metadata.is_file() => Ok(Self { name, bytes: Bytes::File(file) }),
            Ok((pipe, _)) => Self::drain(name, pipe),
        }
    }

    /// A source of `bytes` that messages call `name`.
    #[must_use]
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes: Bytes::Memory(bytes) }
    }

    /// What messages call it: the path as it was typed, or `standard input`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same bytes, called `name` in messages.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The time since it was last modified, if it is a file.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let Bytes::File(file) = &self.bytes else { return None };
        file.metadata().ok()?.modified().ok()?.elapsed().ok()
    }

    /// Returns a reader at its start. Use one at a time: a file has one position.
    pub(crate) fn reader(&self) -> Result<Box<dyn Read + '_>, InputError> {
        match &self.bytes {
            Bytes::Memory(bytes) => Ok(Box::new(&**bytes)),
            Bytes::File(file) => {
                let mut file = file;
                file.rewind().map_err(|source| InputError::Read { name: self.name.clone(), source })?;
                Ok(Box::new(file))
            }
        }
    }

    fn drain(name: String, mut from: impl Read) -> Result<Self, InputError> {
        let mut bytes = Vec::new();
        match from.read_to_end(&mut bytes) {
            Ok(_) => Ok(Self { name, bytes: Bytes::Memory(bytes) }),
            Err(source) => Err(InputError::Read { name, source }),
        }
    }
}

/// Phone numbers are personal data, so the contents are not shown.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}
