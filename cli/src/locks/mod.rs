//! `hotpoll locks`: the locks, channels and semaphores of a process, with who holds them and who waits.
//!
//! In: a snapshot. Out: one row for each resource, what is waited for most first.

mod collect;
mod command;
pub mod data;
mod detail_text;
pub mod sentences;
#[cfg(test)]
mod tests;
mod text;

pub use collect::{by_kind, resource};
pub use command::{LocksArgs, run};
pub use data::KindWaitsData;
pub use sentences::kinds_line;
pub use text::short;
