//! The profile as a file.

// On platforms without a sampler only `Guard::write_pprof` writes, and it never has anything to write.
#![cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(dead_code)
)]

mod file;
mod pattern;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) use file::check_writable;
pub(crate) use file::{explain, write_profile};
pub(crate) use pattern::OutputPattern;
