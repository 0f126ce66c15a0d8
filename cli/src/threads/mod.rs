//! `hotpoll threads`: the threads of a process, now.

mod collect;
mod command;
mod data;
#[cfg(test)]
mod tests;
mod text;

pub use command::{ThreadsArgs, run};
