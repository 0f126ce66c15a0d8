//! Names of the rows that are no function: CPU time that no callchain stands for, said openly instead of being spread over the others.

/// CPU time in the kernel where the engine cannot sample it.
pub const KERNEL: &str = "[kernel]";
/// CPU time of a thread's clock that neither its samples nor [`KERNEL`] stand for.
pub const UNSAMPLED: &str = "[unsampled]";
/// Samples whose stack was evicted or did not fit into the recorder's memory.
pub const OTHER: &str = "[other]";
/// CPU time of threads that lived and died between two looks at the process.
pub const UNSEEN_THREADS: &str = "[unseen threads]";
