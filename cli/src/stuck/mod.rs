//! `hotpoll stuck`: what does not go on in a process, and because of whom.
//!
//! In: a snapshot. Out: problems, worst first, and an exit code for health probes. The verdicts themselves are the symbolizer's.

mod collect;
mod command;
pub mod data;
#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod tests;
pub mod text;

pub use collect::{collect, unlisted};
pub use command::{StuckArgs, run};
