//! What the unwinder's tests share.
#![allow(dead_code)] // Each test uses a part.

pub mod elf;
pub mod framehop;
pub mod gimli_walk;
pub mod name;
pub mod oracle;
pub mod workload;
