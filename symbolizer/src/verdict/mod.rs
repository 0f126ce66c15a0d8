//! What is stuck, and because of whom: verdicts on a snapshot.
//!
//! In: a snapshot with its resources, and the named frames of its stacks. Out: [`Problem`]s, worst first, one for each cause: whoever blocks a hundred others is
//! one problem with a hundred victims. Pure: each verdict is tested on snapshots made by hand.
//!
//! - `actor.rs`: who can wait and hold; `names.rs`: what they are called
//! - `graph.rs`: who waits for what, and who can end that; `wait.rs`: who can end a wait for one resource; `parts.rs`: tasks that wait for their own parts
//! - `standstill.rs`: who can never go on; `cycle.rs`: the cycles in that
//! - `deadlock.rs`: what of that is a deadlock
//! - `cause.rs`: waits followed to the one who is waited for in the end; `hold_up.rs`: the problems that these are
//! - `flow.rs`: locks that change hands, and still somebody waits; semaphores that move; `answer.rs`: lost senders
//! - `alone.rs`, `thread.rs`, `task.rs`: what is wrong with a thread or a task by itself; `standing.rs`: runtimes of which the process could not tell
//! - `inferred.rs`: waits for locks that nobody wrapped, from stacks
//! - `quiet.rs`: those who wait, and nothing is wrong with that
//! - `find.rs`: all of it together, with `finder.rs`; `problem.rs`: what comes out
//!
//! The word deadlock is used where nothing else can have happened: a cycle of waits for what is owned, every edge found by both looks of the snapshot
//! (so that all were there at one time), no wait with a time-out, nobody who waits for several things at once, no guard that is known to be one that may
//! change hands. All others are possible deadlocks. It is certain where no guard of it can be sent at all; tokio's can, so that a deadlock of its locks is
//! likely, and must have lasted.

mod actor;
mod alone;
mod answer;
mod cause;
mod cycle;
mod deadlock;
mod find;
mod finder;
mod flow;
mod graph;
mod hold_up;
mod inferred;
pub mod names;
mod parts;
mod problem;
mod quiet;
mod standing;
mod standstill;
pub mod task;
pub mod thread;
mod wait;

pub use actor::Actor;
pub use cause::is_held;
pub use find::{Settings, Verdicts, find};
pub use graph::{Blocker, Graph, Wait, Why};
pub use inferred::{INFERRED, with_inferred};
pub use names::Names;
pub use parts::Parts;
pub use problem::{Confidence, Link, Owner, Problem, ProblemKind, Victim};
pub use standing::settle_runtimes;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
