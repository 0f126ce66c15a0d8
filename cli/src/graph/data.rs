//! A wait-for graph, ready to be written. As JSON this is the kind `graph`; JSON.md documents it.

use serde::Serialize;

/// The version of the kind `graph`.
pub const SCHEMA: u32 = 1;

/// Who waits for what in a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The process's ID in its own namespace.
    pub pid: u32,
    /// The executable's file name.
    pub name: String,
    /// When it was looked at.
    pub taken_unix_ns: u64,
    /// Threads, tasks and resources.
    pub nodes: Vec<NodeData>,
    /// What is between them.
    pub edges: Vec<EdgeData>,
    /// How many tasks and threads wait with nothing wrong with that, for something to do, or for input or output: `hotpoll stuck --all` lists them.
    pub idle: u64,
}

/// A thread, a task or a resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeData {
    /// `thread:4242`, `task:9`, `resource:3`; of somebody who cannot be told apart `other:1`.
    pub id: String,
    /// `thread`, `task`, `other`, or a resource's kind (`mutex`, …).
    pub kind: &'static str,
    /// What to call it.
    pub name: String,
    /// What it is doing: a few words; of a resource its site.
    pub detail: String,
    /// Whether it cannot go on: it is in a cycle, or waits for one who is.
    pub stuck: bool,
    /// What `hotpoll stuck` calls its problem, where that is its own and no edge tells of it: `lost waker`, `long poll`, …; else empty.
    pub problem: &'static str,
}

/// What is between two nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdgeData {
    /// The node that waits, or is held.
    pub from: String,
    /// The node that is waited for, or holds.
    pub to: String,
    /// `waits for`, `held by`, `received by`, `sent by`, `waits before`, `polls`, or `awaits` (a task, for futures in it or tasks that it spawned).
    pub kind: &'static str,
    /// For how long; 0: not known.
    pub since_ns: u64,
    /// `exact`, `at least`, `sampled` or `unknown`.
    pub since: &'static str,
    /// The call.
    pub site: String,
    /// `exclusive`, `shared`, `upgradable` or, of a wait, `upgrading`.
    pub mode: &'static str,
    /// Whether it gives up after a time.
    pub timed: bool,
    /// Whether both looks found it.
    pub confirmed: bool,
}
