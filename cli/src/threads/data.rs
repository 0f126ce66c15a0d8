//! What is said of a process's threads, ready to be written. As JSON this is the kind `threads`; JSON.md documents it.

use crate::stack::{FrameData, LevelData};
use serde::Serialize;

/// The version of the kind `threads`.
pub const SCHEMA: u32 = 1;

/// The threads of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The process's ID in its own namespace.
    pub pid: u32,
    /// The executable's file name.
    pub name: String,
    /// When it was looked at.
    pub taken_unix_ns: u64,
    /// The time before that which `cores` and `dominant` are about.
    pub window_ns: u64,
    /// A longer poll is a long one.
    pub long_poll_ns: u64,
    /// Threads by state, and those in a `futex wait` by what that is for; hotpoll's own not among them.
    pub states: Vec<CountData>,
    /// Runtime workers by what they do.
    pub workers: Vec<CountData>,
    /// Threads by why they are stuck.
    pub stuck: Vec<CountData>,
    /// What a person should know before she believes a number.
    pub notices: Vec<String>,
    /// Threads: stuck ones first, then those that use most CPU, hotpoll's own last.
    pub threads: Vec<ThreadData>,
}

/// How many threads there are of something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CountData {
    /// Of what.
    pub what: &'static str,
    /// How many.
    pub threads: usize,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThreadData {
    /// The kernel's ID.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// Whether it belongs to hotpoll.
    pub own: bool,
    /// `running`, `kernel`, `runnable`, `lock`, `futex wait`, `I/O`, `sleep`, `other wait` or `uninterruptible`.
    pub state: &'static str,
    /// What it waits for, by the functions on its stack: `mutex`, `rwlock read`, `condvar`, `park`, `channel recv` and so on; null where they do not say.
    pub wait: Option<&'static str>,
    /// For at least how long; 0 when not known.
    pub state_ns: u64,
    /// The system call that it is in, by number.
    pub syscall: Option<u32>,
    /// Of a runtime's worker: `polling`, `blocked in a poll`, `parked`, `between polls`, …; of another thread that polls (in `block_on`, or
    /// `in block_in_place`): what it does there.
    pub role: Option<&'static str>,
    /// The task that it polls.
    pub polls: Option<PollData>,
    /// Why it is stuck; null when it is not.
    pub stuck: Option<&'static str>,
    /// Its CPU time in the window as a part of one core.
    pub cores: f64,
    /// The program's function that most of its CPU samples are in.
    pub dominant: Option<DominantData>,
    /// Why there is no stack.
    pub failure: Option<&'static str>,
    /// How old the stack is. It has not run since.
    pub stack_age_ns: u64,
    /// Its stack, folded, innermost first.
    pub folded: Vec<LevelData>,
    /// All of its frames, leaf first.
    pub stack: Vec<FrameData>,
}

/// An open poll.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PollData {
    /// The task.
    pub task: u64,
    /// Its kind's title; empty when nobody tracks it.
    pub kind: String,
    /// How long it has been polled.
    pub poll_ns: u64,
}

/// A function, and its part of a thread's samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DominantData {
    /// The canonical name.
    pub name: String,
    /// Its part, libraries that it called included.
    pub share: f64,
}
