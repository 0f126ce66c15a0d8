//! The profile as a file.

mod file;
mod pattern;

pub(crate) use file::{check_writable, write_profile};
pub(crate) use pattern::OutputPattern;
