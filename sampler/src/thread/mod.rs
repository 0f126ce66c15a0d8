//! The process's threads, found without their help.
//!
//! In: `/proc/self/task`, and the counter of task numbers. Out: which threads live, what they are called, their clocks, and where their stacks lie. Ordinary code.

pub(crate) mod files;
pub(crate) mod numbers;
pub(crate) mod stack;
