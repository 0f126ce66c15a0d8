//! One run, reduced to what comparing asks for.

use hotpoll_profile::{Exact, Fingerprint, Work};
use std::collections::BTreeSet;

/// One run of one build.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What it is called in a report: its file's name.
    pub name: String,
    /// The executable's name.
    pub program: String,
    /// What it was made with.
    pub fingerprint: Fingerprint,
    /// When it began, nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long it was, by the wall clock.
    pub duration_ns: u64,
    /// CPU time by the process's own clock, without hotpoll's threads; the sum of the samples' where the file has no clock.
    pub cpu_ns: u64,
    /// The part of it in the kernel that no sample stands for.
    pub kernel_ns: u64,
    /// The part of it of threads that nobody saw.
    pub unseen_ns: u64,
    /// The sampling interval.
    pub interval_ns: u64,
    /// What most samples were taken by: `ctimer`, `perf`, both (`ctimer+perf`), or for another tool's file what it measures.
    pub clock: String,
    /// Whether time in the kernel has samples; `None` where there was too little to tell.
    pub kernel_sampled: Option<bool>,
    /// Samples of CPU time, overruns included.
    pub samples: u64,
    /// Expiries that gave no sample.
    pub lost: u64,
    /// Samples whose stack is cut short.
    pub truncated: u64,
    /// Whether functions have names, and whether inlined ones are among them.
    pub named: bool,
    /// Whether inlined functions are expanded.
    pub inlines: bool,
    /// What got done, by counter.
    pub work: Vec<Work>,
    /// The functions that occur.
    pub keys: Vec<Key>,
    /// The places in `keys` of those whose name is made of their file's module: debug info told no more of where they are than the file.
    pub by_module: BTreeSet<u32>,
    /// The places in `keys` of those that were met inlined only, never as a function of their own.
    pub inlined: BTreeSet<u32>,
    /// The registry's packages that functions are of, each with its version: what `Cargo.lock` chose, as far as samples met it.
    pub packages: BTreeSet<(String, String)>,
    /// Distinct stacks.
    pub stacks: Vec<Stack>,
    /// Per slice and stack: how many samples. For the dispersion within the run.
    pub slices: Vec<Vec<(u32, u32)>>,
    /// Polls and lock waits, counted.
    pub exact: Option<Exact>,
}

/// What functions are matched by across builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// The canonical name.
    pub name: String,
    /// The canonical source file; empty when not known. Not part of what is matched.
    pub file: String,
    /// Where the definition starts, or with line tables alone the first line that was seen in it; 0 when not known. Not part of what is matched.
    pub line: u32,
}

/// A stack and what was seen of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    /// Indices into [`Run::keys`], leaf first, inlined frames expanded.
    pub frames: Vec<u32>,
    /// The title of the task kind that ran it; empty for none.
    pub task: String,
    /// Samples, overruns included.
    pub samples: u64,
    /// The CPU time that they stand for.
    pub cpu_ns: u64,
}
