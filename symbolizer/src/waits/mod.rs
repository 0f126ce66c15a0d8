//! What a blocked thread waits for, by the functions on its stack: a mutex, a condition, a message, to be unparked.
//!
//! In: the names of a stack's frames, leaf first. Out: a [`KnownWait`], or none where no function is known. Pure, and driven by tables: the system call
//! cannot tell (they all are `futex`), the functions of std, parking_lot, the C library, C++ runtimes, channels and executors around it can.
//!
//! - `kind.rs`: what there is to wait for
//! - `table.rs`: which function waits for what; `rust_rules.rs` and `c_rules.rs` list them
//! - `name.rs`: a frame's name as the tables have it
//! - `known.rs`: reading a stack
//! - `states.rs`: what the states of a profile's threads are, by that

mod c_rules;
mod kind;
mod known;
mod name;
mod rust_rules;
mod states;
mod table;

#[cfg(test)]
mod tests;

pub use kind::WaitKind;
pub use known::{Frame, KnownWait, known_wait};
pub use states::{refine, wait_of};
