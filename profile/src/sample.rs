//! What was seen, folded: one row for each distinct thing that a sample can say.

/// What the thread was doing when it was sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// Running in user space.
    #[default]
    Running,
    /// Running in the kernel, on behalf of the system call at the leaf.
    Kernel,
}

/// All samples of one thread that agree in task kind, context, state and stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Index into [`crate::Profile::threads`].
    pub thread: u32,
    /// What the thread was doing.
    pub state: State,
    /// The runtime's task ID where it was known and kept (the top tasks); 0 is none, or "other".
    pub task: u64,
    /// The task's kind; 0 is none.
    pub kind: u64,
    /// The application's context; 0 is none.
    pub context: u64,
    /// Why the stack is cut short, if it is (index of [`crate::Truncation`]).
    pub truncation: u8,
    /// Indices into [`crate::Profile::locations`], leaf first. Empty means "other": evicted or over the memory bound.
    pub stack: Vec<u32>,
    /// How many timer expiries: overruns included, so `cpu_ns` over `count` is the interval.
    pub count: u64,
    /// The CPU time that they stand for.
    pub cpu_ns: u64,
}
