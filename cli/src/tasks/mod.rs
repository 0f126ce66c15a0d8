//! `hotpoll tasks`: the tasks of a process, now.
//!
//! In: a snapshot. Out: kinds, then tasks, what is wrong with them first. `collect` decides what is in it, `data` is what JSON has, `text`
//! writes it for a terminal.

pub mod collect;
mod command;
pub mod coverage;
pub mod data;
pub mod filter;
#[cfg(test)]
pub mod fixture;
mod long_polls_text;
#[cfg(test)]
mod tests;
pub mod text;

pub use command::{TasksArgs, run};
