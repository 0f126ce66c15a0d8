//! Did it get worse: runs of two builds in, a verdict with its error rate out.
//!
//! In: [`Run`]s, each reduced from a [`hotpoll_profile::Profile`]. Out: a [`Comparison`], which every view of `hotpoll diff` shows. There is no file,
//! clock, thread, terminal or unsafe code in this crate: the same runs and options always give the same comparison.
//!
//! One comparison's way:
//! 1. `reduce.rs`: a profile becomes a [`Run`]: canonical functions, stacks with inlined frames expanded, slices
//! 2. `comparable.rs`: may these runs be compared at all
//! 3. `table.rs`: functions by runs; each function's part of the samples' time, and how much more its counts vary than independent ones would
//! 4. `scale.rs`: from parts to costs: CPU time per unit of work, or relative to the other functions
//! 5. `total.rs`, `functions.rs`, `counted.rs`: differences of logarithms and their variances (`variance.rs`); `effect.rs` tests them
//!    against the margin, `discovery.rs` holds the false discovery rate, `permutation.rs` doubts the total; `unseen.rs` has what is too rare for a test
//! 6. `shift.rs`: what only moved, within a caller or a domain (`domain.rs`), and `counted/moved.rs`: tasks and locks with another name; `cause.rs`: one row a cause (both by `overlaps.rs`); `gate.rs`: what fails, with
//!    `budget.rs` and `waiver.rs`; `flame.rs`: both sides' stacks
//!
//! Names that one build has and the other has not: `glue.rs` leaves out what is there as the optimiser likes, `same.rs` knows one function by two names, and
//! `same_names.rs` tells how much of the cost has one name on both sides. `same_build.rs` asks how often all that alarms of runs of one build.

#![forbid(unsafe_code)]

mod budget;
mod cause;
mod comparable;
mod compare;
pub mod comparison;
mod counted;
mod discovery;
mod domain;
mod effect;
mod flame;
mod functions;
mod gate;
mod glue;
mod named;
mod noise;
pub mod options;
mod overlaps;
mod permutation;
mod program;
mod reduce;
mod rename;
pub mod run;
mod same;
mod same_build;
mod same_names;
mod scale;
mod shift;
pub mod special;
mod table;
mod total;
mod unseen;
mod variance;
mod waiver;
mod without_trace;

pub use comparable::NotComparable;
pub use compare::compare;
pub use comparison::{
    Cause, Comparison, Effect, Family, FlameNode, Interval, Moved, Notice, OneSided, Outcome,
    Presence, Row, SameNames, Side, Unit, Verdict,
};
pub use options::{Budget, FailOn, Generics, NoiseModel, OnInconclusive, Options, Waiver};
pub use run::{Key, Run, Stack};
pub use same_build::{Alarms, LARGE, SameBuild, same_build};
