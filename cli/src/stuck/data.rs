//! What is stuck, ready to be written. As JSON this is the kind `stuck`; JSON.md documents it.

use crate::stack::{FrameData, LevelData};
use serde::Serialize;

/// The version of the kind `stuck`.
pub const SCHEMA: u32 = 1;

/// What is stuck in a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The process's ID in its own namespace.
    pub pid: u32,
    /// The executable's file name.
    pub name: String,
    /// When it was looked at.
    pub taken_unix_ns: u64,
    /// Younger ones are not listed.
    pub older_than_ns: u64,
    /// Tasks and threads that wait for something to do, and nothing is wrong with that.
    pub idle: u64,
    /// Those that wait for input or output.
    pub external: u64,
    /// What a person should know before she believes it.
    pub notices: Vec<String>,
    /// Problems, worst first.
    pub problems: Vec<ProblemData>,
    /// With `--all`: the `external` and the `idle` one by one. No problems.
    pub waits: Vec<ProblemData>,
}

/// Something that does not go on, and its cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProblemData {
    /// `deadlock`, `possible deadlock`, `lost waker`, `blocked runtime`, `leaked guard`, `held for long`, `starved semaphore`,
    /// `full channel, stalled receiver`, `writer starvation`, `starved waiter`, `lock convoy`, `lost sender`, `waits for a lock`, `blocked in a poll`,
    /// `blocked worker`, `long poll`, `not polled`, `no processor`, `stuck in the kernel`; of those in `waits`, `external wait`
    /// or `benign idling`.
    pub kind: &'static str,
    /// `certain`, `likely` or `possible`.
    pub confidence: &'static str,
    /// For how long: the worst wait; of a cycle, since it closed.
    pub age_ns: u64,
    /// One line.
    pub headline: String,
    /// Why it is believed.
    pub evidence: Vec<String>,
    /// The resource that it is about.
    pub resource: Option<u64>,
    /// Who can end it.
    pub owner: Option<OwnerData>,
    /// Of a cycle: its members, each waiting for the next.
    pub cycle: Vec<WaitData>,
    /// Who waits because of it, longest first.
    pub victims: Vec<WaitData>,
    /// The call that waits: `cache.rs:41:9`; empty where that is not known.
    pub site: String,
    /// Its stack, folded, innermost first.
    pub folded: Vec<LevelData>,
    /// All of its frames, leaf first.
    pub stack: Vec<FrameData>,
}

/// Who can end a problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnerData {
    /// What to call it.
    pub who: String,
    /// The task; 0: a thread, or nobody that can be told apart.
    pub task: u64,
    /// The thread; 0: a task.
    pub tid: u32,
    /// Its acquisition.
    pub site: String,
    /// How long it has held it; see `since`.
    pub since_ns: u64,
    /// `exact`, `at least`, `sampled` or `unknown`.
    pub since: &'static str,
    /// What it is doing: a few words.
    pub doing: String,
    /// Where, folded, innermost first.
    pub folded: Vec<LevelData>,
}

/// One who waits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitData {
    /// What to call it.
    pub who: String,
    /// The task; 0: a thread, or nobody that can be told apart.
    pub task: u64,
    /// The thread; 0: a task.
    pub tid: u32,
    /// What it waits for; null: it polls the next member.
    pub resource: Option<u64>,
    /// What to call that.
    pub what: String,
    /// The call that waits.
    pub site: String,
    /// For how long.
    pub since_ns: u64,
    /// Of a cycle's member: where the next one acquired it; else empty.
    pub held_site: String,
    /// The waiting stack, folded, innermost first.
    pub folded: Vec<LevelData>,
}
