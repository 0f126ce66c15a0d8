//! Under construction.

pub mod module;
pub mod unwind;
