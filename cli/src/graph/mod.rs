//! `hotpoll graph`: who waits for what, and who holds it, as a graph.
//!
//! In: a snapshot. Out: threads, tasks and resources with the edges between them: as text, for Graphviz, or as JSON.

mod collect;
mod command;
mod data;
mod dot;
#[cfg(test)]
mod tests;
mod text;

pub use command::{GraphArgs, run};
