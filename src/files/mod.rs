//! Files that are written whole or not at all, files that only their owner can read, checks that they can be written,
//! and digests to tell them apart.
//!
//! Must not know what is in them.

mod digest;
mod place;
mod private;
mod replace;

pub(crate) use digest::{Digest, Digesting, hexadecimal};
pub(crate) use place::{beside, is_pipe};
pub use place::{check_output, check_regular};
pub(crate) use private::open_private;
pub(crate) use replace::sync_folder;
pub use replace::{ReplaceError, replace};
