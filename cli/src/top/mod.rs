//! `hotpoll top`: a live view of a process in the terminal.
//!
//! ```text
//! asking (a thread): fetch, merge, name ──▶ picture ─┐
//! keys (a thread)   ────────────────────────────────┼─▶ model ──▶ draw ──▶ screen
//! ```
//!
//! [`picture`] is what one answer comes to, computed by the layers that the other commands have. [`model`] is what the person looks at: tab, rows,
//! selection, filter, pause; events in, nothing out. [`draw`] puts it into a buffer of cells. All three are pure; [`asking`] and [`screen`] are the edge.

mod asking;
mod columns;
mod command;
mod draw;
mod flame;
mod flame_draw;
mod flame_view;
mod header;
mod help;
mod kind_rows;
mod list;
mod model;
mod page;
mod painted;
mod picture;
mod problem_page;
mod problem_rows;
mod resource_page;
mod resource_rows;
mod rows;
mod screen;
mod task_rows;
mod text_page;
mod thread_rows;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use command::{TopArgs, run};
