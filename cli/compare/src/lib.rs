//! Did it get worse: runs of two builds in, a verdict with its error rate out.
//!
//! In: [`Run`]s, each reduced from a [`hotpoll_profile::Profile`]. Out: a [`Comparison`], which every view of `hotpoll diff` shows. There is no file,
//! clock, thread, terminal or unsafe code in this crate: the same runs and options always give the same comparison.

#![forbid(unsafe_code)]

pub mod comparison;
pub mod options;
pub mod run;

pub use comparison::{
    Cause, Comparison, Effect, Family, FlameNode, Interval, Moved, Notice, Outcome, Presence, Row,
    Side, Unit, Verdict,
};
pub use options::{Budget, FailOn, Generics, NoiseModel, OnInconclusive, Options, Waiver};
pub use run::{Key, Run, Stack};
