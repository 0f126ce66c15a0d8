//! What goes into the recorder: samples of CPU time, and looks by the wall clock.

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Engine, EngineReason, State, Truncation, Work};

/// The running number of a thread, never used again within one start.
pub type ThreadKey = u32;

/// One record as it came out of a ring; or a look at a thread off the processor.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The thread that was sampled.
    pub thread: ThreadKey,
    /// What it was doing.
    pub state: State,
    /// Why the callchain is cut short, if it is.
    pub truncation: Truncation,
    /// The runtime's task ID; 0 is none.
    pub task: u64,
    /// The task's kind; 0 is none.
    pub kind: u64,
    /// The application's context; 0 is none.
    pub context: u64,
    /// The resource that the thread waited for; 0 is none.
    pub lock: u64,
    /// A resource that it held while others waited for it; 0 is none.
    pub holds: u64,
    /// Timer expiries, overruns included; or one look.
    pub expiries: u64,
    /// The CPU time that they stand for; 0 for a look.
    pub cpu_ns: u64,
    /// The wall time that a look stands for; 0 for a sample.
    pub wall_ns: u64,
    /// Addresses as captured, leaf first: the instruction pointer, then return addresses.
    pub callchain: &'a [u64],
}

/// How much samples stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Timer expiries, or looks.
    pub count: u64,
    /// CPU time.
    pub cpu_ns: u64,
    /// Wall time off the processor.
    pub wall_ns: u64,
}

impl Weight {
    /// Adds another weight.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.cpu_ns += other.cpu_ns;
        self.wall_ns += other.wall_ns;
    }
}

/// Where an observation was put, so that one that says the same again costs next to nothing: good until the slice closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub(super) sequence: u64,
    pub(super) row: u32,
    pub(super) task: u64,
}

/// The exact clocks of one stretch of time, about a second long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliceClocks {
    /// When it began, nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long it lasted, by the monotonic clock.
    pub duration_ns: u64,
    /// CPU time of the whole process in it.
    pub process_cpu_ns: u64,
    /// CPU time of threads that lived and died unseen.
    pub unseen_cpu_ns: u64,
    /// The accounts of each thread; those that are all zero may be left out.
    pub threads: Vec<(ThreadKey, Accounts)>,
    /// What got done in it, by counter.
    pub work: Vec<Work>,
}

/// What is known of a thread: [`hotpoll_profile::Thread`] without its totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadFacts<'a> {
    /// The kernel's thread ID.
    pub tid: u32,
    /// When it started, in kernel clock ticks since boot.
    pub start_ticks: u64,
    /// Its latest name.
    pub name: &'a str,
    /// Whether it has ended.
    pub exited: bool,
    /// Whether it belongs to hotpoll itself.
    pub own: bool,
    /// Its engine now.
    pub engine: Engine,
    /// Why it has that engine.
    pub engine_reason: EngineReason,
    /// Whether it blocks the sampling signal.
    pub signal_blocked: bool,
    /// Whether its shares may be biased by the kernel tick.
    pub tick_biased: bool,
}
