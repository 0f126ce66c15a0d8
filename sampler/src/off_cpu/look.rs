//! What a look at a thread finds.

use crate::record::Words;
use hotpoll_profile::{CaptureFailure, State, Truncation};

/// What a look at a thread found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look<'a> {
    /// The thread, by the kernel's ID.
    pub tid: u32,
    /// What the thread was doing.
    pub state: State,
    /// The wall time that the look stands for: since the last look at this thread; 0 for a look that nobody's account counts.
    pub wall_ns: u64,
    /// How long the thread has waited for a processor since the scheduler's count was last read. Looks themselves cannot tell: on the processor
    /// that the looking thread runs on, nobody else does.
    pub runnable_ns: u64,
    /// That count itself, if it was read with this look: since the thread began.
    pub run_delay_ns: Option<u64>,
    /// For at least so long it has been in this state with this stack; 0 when it ran at the last look or is new.
    pub state_ns: u64,
    /// What ordinary code on the thread has published.
    pub words: Words,
    /// The instruction that will execute next, then return addresses; only the first when the stack could not be taken, and none when the
    /// thread was not blocked.
    pub callchain: &'a [u64],
    /// How the callchain ended.
    pub truncation: Truncation,
    /// Why there is no (whole) callchain, if so.
    pub failure: Option<CaptureFailure>,
    /// The system call it is blocked in.
    pub syscall: Option<u32>,
    /// The address of the word that it waits at in `futex`, which tells one lock's waiters from another's; 0 in other calls.
    pub waits_at: u64,
    /// Whether the stack was taken now; if not, the thread has not run since the last look, and all but `wall_ns`, `state_ns` and
    /// what it holds while others wait is as it was.
    pub fresh: bool,
    /// Which of its stacks this is: counts up with each fresh look, and when another resource is waited for that it holds.
    pub number: u64,
}
