//! The README and the pages in docs/ are true: their screens are what the commands show, their files work, the names in
//! them exist, their links lead somewhere.

#[cfg(unix)]
mod files;
mod links;
mod names;
mod page;
#[cfg(unix)]
mod screens;
