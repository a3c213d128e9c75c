//! Files that are written whole or not at all, checks that they can be, and digests to tell them apart.
//!
//! Must not know what is in them.

mod digest;
mod place;
mod replace;

pub(crate) use digest::{Digest, hexadecimal};
pub(crate) use place::is_pipe;
pub use place::{check_output, check_regular};
pub use replace::{ReplaceError, replace};
