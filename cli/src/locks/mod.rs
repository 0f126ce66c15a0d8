//! `hotpoll locks`: the locks, channels and semaphores of a process, with who holds them and who waits.
//!
//! In: a snapshot. Out: one row for each resource, what is waited for most first.

mod collect;
mod command;
mod data;
mod detail_text;
#[cfg(test)]
mod tests;
mod text;

pub use collect::by_kind;
pub use command::{LocksArgs, run};
pub use data::KindWaitsData;
pub use detail_text::kinds_line;
pub use text::short;
