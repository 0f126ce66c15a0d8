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
    /// Ready to run, and waiting for a processor.
    Runnable,
    /// Waiting for a lock that somebody holds: a mutex, a read-write lock, a file's.
    Lock,
    /// Waiting for input or output.
    Io,
    /// Waiting for a time to come.
    Sleep,
    /// Waiting for something else.
    OtherWait,
    /// Waiting in the kernel where no signal reaches it: a disk, mostly.
    Uninterruptible,
    /// Waiting in `futex`, for whatever is made of it: a lock, a condition, a message, to be unparked. The stack says which, where it has names.
    Futex,
}

impl State {
    /// Every state, in the order of [`State::index`].
    pub const ALL: &'static [Self] = &[
        Self::Running,
        Self::Kernel,
        Self::Runnable,
        Self::Lock,
        Self::Io,
        Self::Sleep,
        Self::OtherWait,
        Self::Uninterruptible,
        Self::Futex,
    ];

    /// The state's place in [`State::ALL`]; stable across versions, as it is written to files.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The state with this index, if there is one.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// Whether the thread was on a processor: only such samples stand for CPU time.
    pub fn is_on_cpu(self) -> bool {
        matches!(self, Self::Running | Self::Kernel)
    }

    /// Whether the thread waited for something to happen: neither on a processor nor waiting for one.
    pub fn is_blocked(self) -> bool {
        !self.is_on_cpu() && self != Self::Runnable
    }

    /// A word or two for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Kernel => "kernel",
            Self::Runnable => "runnable",
            Self::Lock => "lock",
            Self::Io => "I/O",
            Self::Sleep => "sleep",
            Self::OtherWait => "other wait",
            Self::Uninterruptible => "uninterruptible",
            Self::Futex => "futex wait",
        }
    }
}

/// All samples of one thread that agree in task kind, context, resources, state and stack.
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
    /// The resource that the thread waited for ([`crate::Resource::id`]); 0 is none that is known.
    pub lock: u64,
    /// A resource that the thread, or the task that it polled, held while others waited for it; 0 is none.
    pub holds: u64,
    /// Why the stack is cut short, if it is (index of [`crate::Truncation`]).
    pub truncation: u8,
    /// Indices into [`crate::Profile::locations`], leaf first. Empty means "other": evicted or over the memory bound.
    pub stack: Vec<u32>,
    /// How many timer expiries: overruns included, so `cpu_ns` over `count` is the interval. Off the processor: how many looks.
    pub count: u64,
    /// The CPU time that they stand for; 0 off the processor.
    pub cpu_ns: u64,
    /// Off the processor: the time by the wall clock that the looks stand for. 0 for a sample of CPU time.
    pub wall_ns: u64,
}
