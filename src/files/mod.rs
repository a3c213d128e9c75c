//! Files that are written whole or not at all, and digests to tell them apart.
//!
//! Must not know what is in them.

mod digest;
mod replace;

pub(crate) use digest::{Digest, hexadecimal};
pub use replace::{ReplaceError, check_folder, replace};
