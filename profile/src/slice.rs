//! About one second of the profile, with exact clocks.

use crate::thread::Accounts;

/// What happened in one stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// Counts up by one a slice, from 1, over the life of the agent: a client asks for what came "since n".
    pub sequence: u64,
    /// When it began, nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long it lasted, by the monotonic clock.
    pub duration_ns: u64,
    /// CPU time of the whole process in it, by the process's clock.
    pub process_cpu_ns: u64,
    /// CPU time of threads that lived and died unseen: process clock minus the clocks of all known threads.
    pub unseen_cpu_ns: u64,
    /// Samples in it.
    pub rows: Vec<SliceRow>,
    /// The threads that ran in it.
    pub threads: Vec<ThreadSlice>,
    /// What got done in it.
    pub work: Vec<crate::SliceWork>,
}

/// One sample row's share of a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SliceRow {
    /// Index into [`crate::Profile::samples`].
    pub sample: u32,
    /// Timer expiries; off the processor, looks.
    pub count: u64,
    /// The CPU time that they stand for; 0 off the processor.
    pub cpu_ns: u64,
    /// Off the processor: the time by the wall clock that the looks stand for.
    pub wall_ns: u64,
}

/// One thread's accounts in a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadSlice {
    /// Index into [`crate::Profile::threads`].
    pub thread: u32,
    /// What was counted.
    pub accounts: Accounts,
}
