//! The process's threads, found without their help.
//!
//! In: `/proc/self/task`. Out: which threads live, what they are called, their clocks, and where their stacks lie. Ordinary code.

pub(crate) mod files;
pub(crate) mod stack;
