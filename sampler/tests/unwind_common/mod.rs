//! What the unwinder's tests share.
#![allow(dead_code)] // Each test uses a part.

pub mod any_sections;
pub mod elf;
pub mod framehop;
pub mod gimli_walk;
pub mod made_up;
pub mod made_up_walk;
pub mod name;
pub mod oracle;
pub mod workload;
