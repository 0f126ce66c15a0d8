//! `hotpoll export TARGET --format …`: a profile in the formats that other tools read, and one that is its own viewer.
//!
//! In: a profile, wherever it came from, and the arguments. Out: a file, or standard output. Each format is a pure function in a
//! file of its own; what they share is `stacks` (named stacks) and `rows` (CPU time on stacks, whole or slice by slice). In every
//! format that can say it, the weights of a thread sum to its CPU clock: `[kernel]` and `[unsampled]` are rows like others.

pub mod category;
pub mod command;
pub mod firefox;
pub mod folded;
pub mod format;
pub mod html;
pub mod json;
mod json_snapshot;
pub mod options;
pub mod rows;
pub mod speedscope;
pub mod stacks;
pub mod svg;
pub mod text;

#[cfg(test)]
mod fixture;

pub use command::{ExportArgs, run};
pub use format::{ExportError, Format, encode};
pub use options::{Options, Root, Unit};
