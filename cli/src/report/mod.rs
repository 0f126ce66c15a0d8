//! `hotpoll report`: what a process has been burning CPU on.
//!
//! [`command`] has the arguments.
//!
//! In: a profile, live or from a file. [`collect`] computes the report's [`data`], then [`text`], [`markdown`] or the JSON
//! envelope writes it.

pub mod collect;
pub mod command;
pub mod data;
pub mod header;
pub mod locks;
pub mod locks_text;
pub mod markdown;
pub mod notices;
pub mod options;
pub mod text;
pub mod tree;
pub mod tree_text;
pub mod wall;
pub mod wall_text;
pub mod watch;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wall_tests;

pub use command::{ReportArgs, run};
pub use options::{By, Format, Options};
