//! `hotpoll threads`: the threads of a process, now.

pub mod collect;
mod command;
pub mod data;
#[cfg(test)]
mod tests;
mod text;

pub use command::{ThreadsArgs, run};
